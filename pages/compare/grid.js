// The linked grid: rows of one test picture, seen by several methods. Overlay, contours, opacity, zoom and the crosshair
// live in the browser; only a chosen place, a focused method, the colour map and the order go to Python.
// Called again on every change of data: rows are kept by id, so zoom, focus and decoded maps survive.

const FLAT = 1.6; // width over height, from which a pane has little height for words

class Grid {
  constructor(root) {
    this.host = root.querySelector(".grid");
    this.headsElement = root.querySelector(".heads");
    this.rowsElement = root.querySelector(".rows");
    this.spoken = root.querySelector(".spoken");
    this.rows = new Map();
    this.rowsElement.addEventListener("scroll", () => (this.headsElement.scrollLeft = this.rowsElement.scrollLeft));
    this.tools = new Tools(root, this);
  }

  update(data, trigger, state) {
    Object.assign(this, { data, trigger, state });
    this.host.lang = data.language;
    this.host.classList.toggle("stale", data.stale);
    this.host.style.setProperty("--columns", data.heads.length);
    this.host.classList.toggle("many", data.heads.length > 6);
    this.host.style.setProperty("--shape", data.shape);
    this.host.classList.toggle("flat", data.shape >= FLAT);
    this.host.classList.toggle("flatter", data.shape >= 2 * FLAT);
    this.host.classList.toggle("tall", data.shape < 1);
    this.tools.update();
    this.heads();
    const before = this.rows;
    this.rows = new Map(data.rows.map((row) => [row.id, before.get(row.id) ?? new Row(this)]));
    for (const [id, row] of before) if (!this.rows.has(id)) row.element.remove();
    let previous = null;
    data.rows.forEach((content) => {
      const row = this.rows.get(content.id);
      row.update(content, data.heads);
      const due = previous ? previous.nextSibling : this.rowsElement.firstChild;
      if (due !== row.element) this.rowsElement.insertBefore(row.element, due);
      previous = row.element;
    });
    this.look();
  }

  heads() {
    const written = JSON.stringify(this.data.heads);
    if (written === this.writtenHeads) return;
    this.writtenHeads = written;
    this.headsElement.replaceChildren(...this.data.heads.map((head) => {
      const element = make(head.key ? "button" : "div", head.focus ? "head focus" : "head");
      element.append(make("b", "title", head.title));
      for (const { label, value, interval, counts, reason, spoken } of head.lines) {
        const line = make("span", "line");
        if (label) line.append(make("i", "label", label));
        if (value) line.append(make("b", "", value), document.createTextNode(" "));
        const between = line.appendChild(make("span", "", interval));
        if (spoken) {
          between.setAttribute("aria-hidden", "true");
          line.title = spoken;
          line.append(make("span", "unseen", spoken));
        }
        if (reason) element.title = reason;
        element.append(line, make("span", "line", counts));
      }
      if (head.key) {
        element.setAttribute("aria-pressed", String(head.focus));
        element.addEventListener("click", () => this.trigger("focused", { column: head.key, at: Date.now() }));
      }
      return element;
    }));
  }

  look() {
    const { colour, paint } = this.data;
    this.table = palette(paint.palettes[colour], view.mode);
    this.host.dataset.mode = view.mode;
    this.host.classList.toggle("outlined", view.outline);
    this.host.style.setProperty("--opacity", view.mode === "contour" ? 1 : view.opacity);
    const painted = `${colour} ${view.mode}`;
    this.rows.forEach((row) => row.panes.forEach((pane) => {
      if (pane.painted !== painted || !pane.map) pane.colour();
      pane.painted = painted;
    }));
    this.tools.look();
  }

  linked(row) {
    return [...this.rows.values()].filter((other) => other.data.picture === row.data.picture);
  }

  neighbour(pane, right, down) {
    const rows = this.data.rows.map((row) => this.rows.get(row.id));
    const row = rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(pane.row) + down))];
    const at = Math.min(row.panes.length - 1, Math.max(0, pane.row.panes.indexOf(pane) + right));
    if (row !== pane.row) row.at = null;
    else if (right && row.panes[at] !== pane) row.at = [right > 0 ? 0 : row.data.size[1] - 1, (row.at ?? pane.peak())[1]];
    row.panes[at].tile.focus();
    row.point(...(row.at ?? row.panes[at].peak()), true);
  }
}

const grids = new WeakMap();

export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  if (!grids.has(parentElement)) grids.set(parentElement, new Grid(parentElement));
  grids.get(parentElement).update(data, setTriggerValue, setStateValue);
}
