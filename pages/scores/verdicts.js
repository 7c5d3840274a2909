// A confusion matrix per method and the pictures behind one of its cells; both follow the threshold as it moves.

const ERRORS = ["miss", "false_alarm", "odd"];

class Verdicts {
  constructor(root) {
    this.host = root.querySelector(".verdicts");
    this.matrices = root.querySelector(".matrices");
    this.lists = root.querySelector(".lists");
    this.cells = [];
    this.chosen = null;
    hear(this.host, () => this.follow());
  }

  update(data, trigger) {
    Object.assign(this, { data, trigger });
    this.host.lang = data.language;
    this.host.style.setProperty("--shape", data.sprites.shape);
    this.host.classList.toggle("stale", data.stale);
    this.follow();
  }

  follow() {
    const model = shared.model;
    if (!this.data || !model) return;
    const columns = this.data.keys.map((key) => model.columns.get(key)).filter(Boolean);
    if (columns.some((column) => model.threshold(column) === null)) {
      this.matrices.replaceChildren();
      this.lists.replaceChildren(make("p", "none", this.data.words.no_threshold));
      this.built = null;
      return;
    }
    const built = JSON.stringify([this.data.words.title, this.data.keys, this.data.focus, columns.length, model.good, model.defective, model.unknown]);
    if (built !== this.built) this.build(columns);
    this.built = built;
    const counts = new Map(columns.map((column) => [column.key, model.count(column)]));
    for (const { key, sort, button, number } of this.cells) {
      const count = counts.get(key)[sort];
      write(number, String(count));
      button.parentElement.classList.toggle("some", count > 0);
      button.setAttribute("aria-pressed", String(this.chosen?.key === key && this.chosen.sorts[0] === sort));
    }
    this.list();
  }

  build(columns) {
    const model = shared.model, { words, focus } = this.data;
    const rows = [];
    if (model.defective) rows.push([words.defective, ["found", "miss"]]);
    if (model.good) rows.push([words.good, ["false_alarm", "passed"]]);
    if (model.unknown) rows.push([words.unknown, ["odd", "normal"]]);
    this.cells = [];
    this.matrices.replaceChildren(...columns.map((column) => {
      const table = make("table", column.key === focus ? "focus" : "");
      const head = table.createTHead().insertRow(), body = table.createTBody();
      table.createCaption().textContent = column.title;
      head.append(make("td"), ...[words.alarm, words.quiet].map((w) => make("th", "", w)));
      for (const [name, sorts] of rows) {
        const row = body.insertRow();
        const side = make("th", "", name);
        side.scope = "row";
        row.append(side);
        for (const sort of sorts) {
          const cell = row.insertCell(), button = make("button"), number = make("b");
          cell.className = sort;
          button.append(number, make("span", "", words.verdicts[sort]));
          button.addEventListener("click", () => {
            const same = this.chosen?.key === column.key && this.chosen.sorts[0] === sort;
            this.chosen = same ? null : { key: column.key, sorts: [sort] };
            this.follow();
          });
          cell.append(button);
          this.cells.push({ key: column.key, sort, button, number });
        }
      }
      return table;
    }));
  }

  list() {
    const model = shared.model, { words, focus } = this.data;
    const { key, sorts } = this.chosen ?? { key: focus, sorts: ERRORS };
    const column = model.columns.get(key) ?? model.columns.values().next().value;
    if (!column) return;
    const found = model.having(column, sorts);
    const written = JSON.stringify([key, sorts, found, model.values, model.allowed, this.data.content, words.title]);
    if (written === this.written) return;
    this.written = written;
    const what = sorts.filter((sort) => model.having(column, [sort]).length || sorts.length === 1)
      .map((sort) => fill(words.counted[sort], { n: model.having(column, [sort]).length })).join(", ");
    const title = make("h3", "", what ? fill(words.list, { method: column.title, what }) : fill(words.no_errors, { method: column.title }));
    const list = make("div", "thumbs");
    list.append(...thumbnails(column, found, this.data, (i) => this.trigger("opened", { picture: i, column: column.key, at: Date.now() })));
    this.lists.replaceChildren(title, list);
  }
}

const pages = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Verdicts(parentElement));
  pages.get(parentElement).update(data, setTriggerValue);
}
