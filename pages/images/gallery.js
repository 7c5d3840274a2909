// A gallery of small pictures in groups. Choosing (click, Shift for a range, arrows, Space, Ctrl+A) happens in the browser;
// only what is to be done with the chosen pictures goes to Python.
const FOLDED = 48;

const make = (tag, name, text) => {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
};

class Gallery {
  constructor(root) {
    this.groups = root.querySelector(".groups");
    this.bar = root.querySelector(".bar");
    this.actions = root.querySelector(".actions");
    this.count = root.querySelector(".count");
    this.spoken = root.querySelector(".spoken");
    this.chosen = new Set();
    this.open = new Set();
    this.tiles = new Map();
    this.groups.addEventListener("click", (event) => this.clicked(event));
    this.groups.addEventListener("keydown", (event) => this.pressed(event));
  }

  update(data, trigger) {
    this.data = data;
    this.trigger = trigger;
    const written = JSON.stringify([data.groups, data.items, data.shape, data.words, data.actions]);
    if (written !== this.written) this.draw();
    this.written = written;
    if (data.reveal && data.reveal.at !== this.revealed) this.reveal(data.reveal);
  }

  draw() {
    const focused = this.tiles.get(this.at)?.matches(":focus") ? this.at : null;
    for (const id of this.chosen) if (!(id in this.data.items)) this.chosen.delete(id);
    this.tiles.clear();
    this.groups.style.setProperty("--shape", this.data.shape);
    this.groups.style.setProperty("--columns", this.columns());
    this.groups.style.setProperty("--few", this.across(6));
    this.groups.replaceChildren(...this.data.groups.map((group) => this.group(group)));
    if (!this.tiles.has(this.at)) this.at = this.tiles.keys().next().value;
    this.tiles.get(this.at)?.setAttribute("tabindex", "0");
    if (focused) this.tiles.get(focused)?.focus();
    this.actions.replaceChildren(...this.data.actions.map((action) => this.action(action)), this.clearing());
    this.look();
    this.widen();
  }

  // A group whose few pictures are narrower than its heading takes as many more columns as the heading needs.
  widen() {
    for (const group of this.groups.children) {
      const title = group.querySelector(".title");
      const cut = title.scrollWidth - title.clientWidth;
      const column = group.querySelector(".tile").offsetWidth + 6;
      if (cut > 0) group.style.setProperty("--span", Number(group.style.getPropertyValue("--span")) + Math.ceil(cut / column));
    }
  }

  // How many pictures of the set's shape take the place of so many squares, side by side, at about the same area.
  across(squares) {
    return Math.max(2, Math.round(squares / Math.sqrt(this.data.shape)));
  }

  // As many columns as leave the fewest places empty behind small groups that stand side by side.
  columns() {
    const small = this.data.groups.map(({ items }) => Math.max(2, items.length)).filter((count) => count <= 4);
    const empty = (columns) => {
      let left = columns, lost = 0;
      for (const count of small) {
        if (count > left) [lost, left] = [lost + left, columns];
        left -= count;
      }
      return lost;
    };
    return [8, 9, 10].map((count) => this.across(count)).reduce((best, columns) => (empty(columns) < empty(best) ? columns : best));
  }

  group(group) {
    const element = make("div", "group");
    element.style.setProperty("--span", Math.max(2, group.items.length));
    const head = make("div", "head");
    head.append(make("i", `mark ${group.mark}`), make("span", "title", group.title), make("span", "number", String(group.items.length)));
    if (group.chip) head.append(make("span", "chip", group.chip));
    const list = make("div", "list");
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-multiselectable", "true");
    list.setAttribute("aria-label", `${group.title}, ${group.items.length}`);
    const flagged = group.items.findLastIndex((id) => this.data.items[id].odd);
    const folded = group.items.length > FOLDED + 8 && !this.open.has(group.key);
    const shown = folded ? Math.max(FOLDED, flagged + 1) : group.items.length;
    list.append(...group.items.slice(0, shown).map((id) => this.tile(id, this.data.items[id])));
    element.append(head, list);
    if (shown < group.items.length) {
      const more = make("button", "more", this.data.words.all.replace("{n}", group.items.length));
      more.type = "button";
      more.addEventListener("click", () => {
        this.open.add(group.key);
        this.at = group.items[shown];
        this.draw();
        this.tiles.get(this.at).focus();
      });
      element.append(more);
    }
    return element;
  }

  tile(id, item) {
    const tile = make("div", item.odd ? "tile odd" : "tile");
    tile.dataset.id = id;
    tile.title = item.odd ? `${item.name}\n${item.odd}` : item.name;
    tile.tabIndex = -1;
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-label", item.odd ? `${item.alt}, ${item.odd}` : item.alt);
    const image = make("img");
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    image.draggable = false;
    const kept = (window.oddOneOutThumbs ??= { pictures: new Map(), waiting: new Map() });
    const uri = kept.pictures.get(item.thumb);
    if (uri) image.src = uri;
    else kept.waiting.set(item.thumb, [...(kept.waiting.get(item.thumb) ?? []), image]);
    tile.append(image);
    if (item.odd) tile.append(make("span", "badge", "?"));
    this.tiles.set(id, tile);
    return tile;
  }

  // A button; one that asks has a place to type beside it.
  action({ key, label, asks, known, letter }) {
    const button = make("button", "", label);
    button.type = "button";
    if (letter) {
      button.append(make("kbd", "", letter.toUpperCase()));
      button.setAttribute("aria-label", label);
      button.setAttribute("aria-keyshortcuts", letter.toUpperCase());
    }
    if (!asks) {
      button.addEventListener("click", () => this.act(key));
      return button;
    }
    const whole = make("span", "asking");
    const input = make("input");
    const offered = make("datalist");
    input.type = "text";
    input.maxLength = 60;
    input.placeholder = asks;
    input.setAttribute("aria-label", asks);
    offered.id = `known_${key}`;
    offered.append(...known.map((word) => Object.assign(make("option"), { value: word })));
    input.setAttribute("list", offered.id);
    input.value = this.typed ?? "";
    input.addEventListener("input", () => { this.typed = input.value; });
    const done = () => {
      this.typed = "";
      this.act(key, input.value.trim());
      input.value = "";
    };
    button.addEventListener("click", done);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done();
    });
    whole.append(button, input, offered);
    return whole;
  }

  clearing() {
    const button = make("button", "clear", this.data.words.none);
    button.type = "button";
    button.addEventListener("click", () => this.choose([], true));
    return button;
  }

  clicked(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    if (event.shiftKey && this.anchor && this.tiles.has(this.anchor)) this.range(tile.dataset.id);
    else this.toggle(tile.dataset.id);
    this.move(tile.dataset.id);
  }

  pressed(event) {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    const id = tile.dataset.id;
    const next = this.neighbour(id, event.key);
    if (next) {
      this.move(next);
      if (event.shiftKey) this.range(next, id);
    } else if (event.key === " " || event.key === "Enter") {
      this.toggle(id);
    } else if (event.key === "Escape" && this.chosen.size) {
      this.choose([], true);
    } else if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey)) {
      this.choose(this.data.groups.find((group) => group.items.includes(id)).items);
    } else if (event.key === "Delete" && this.data.actions.some(({ key }) => key === "remove")) {
      if (!this.chosen.size) this.choose([id], true);
      this.act("remove");
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && this.data.actions.some(({ letter }) => letter && letter === event.key.toLowerCase())) {
      const { key, asks } = this.data.actions.find(({ letter }) => letter === event.key.toLowerCase());
      if (!this.chosen.size) this.choose([id], true);
      this.act(key, asks ? (this.typed ?? "").trim() : "");
    } else {
      return;
    }
    event.preventDefault();
  }

  neighbour(id, key) {
    const ids = [...this.tiles.keys()];
    const at = ids.indexOf(id);
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -ids.length, End: ids.length };
    if (key in steps) return ids[Math.min(ids.length - 1, Math.max(0, at + steps[key]))];
    if (key !== "ArrowUp" && key !== "ArrowDown") return null;
    const here = this.tiles.get(id).getBoundingClientRect();
    const down = key === "ArrowDown" ? 1 : -1;
    let best = id, least = Infinity;
    for (const [other, tile] of this.tiles) {
      const box = tile.getBoundingClientRect();
      const away = (box.top - here.top) * down;
      const distance = away * 4 + Math.abs(box.left - here.left);
      if (away > here.height / 2 && distance < least) [best, least] = [other, distance];
    }
    return best;
  }

  move(id) {
    this.tiles.get(this.at)?.setAttribute("tabindex", "-1");
    this.at = id;
    const tile = this.tiles.get(id);
    tile.setAttribute("tabindex", "0");
    tile.focus();
  }

  toggle(id) {
    this.anchor = id;
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.look();
  }

  range(id, from) {
    if (from && !this.chosen.has(from)) this.anchor = from;
    const ids = [...this.tiles.keys()];
    const [a, b] = [ids.indexOf(this.anchor ?? id), ids.indexOf(id)].sort((x, y) => x - y);
    this.choose(ids.slice(Math.max(0, a), b + 1));
  }

  choose(ids, only = false) {
    if (only) this.chosen.clear();
    ids.forEach((id) => this.chosen.add(id));
    this.look();
  }

  look() {
    for (const [id, tile] of this.tiles) tile.setAttribute("aria-selected", String(this.chosen.has(id)));
    const some = this.chosen.size > 0;
    this.bar.hidden = !some;
    const said = some ? this.data.words.chosen.replace("{n}", this.chosen.size) : "";
    this.count.textContent = said;
    this.spoken.textContent = said;
  }

  act(key, word = "") {
    if (!this.chosen.size) return;
    this.trigger("acted", { action: key, ids: [...this.chosen], word, at: Date.now() });
    this.chosen.clear();
    this.look();
  }

  reveal({ id, at }) {
    this.revealed = at;
    const group = this.data.groups.find(({ items }) => items.includes(id));
    if (!group) return;
    if (!this.tiles.has(id)) {
      this.open.add(group.key);
      this.draw();
    }
    this.move(id);
    const tile = this.tiles.get(id);
    tile.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    tile.classList.add("shown");
  }
}

const galleries = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!galleries.has(parentElement)) galleries.set(parentElement, new Gallery(parentElement));
  galleries.get(parentElement).update(data, setTriggerValue);
}
