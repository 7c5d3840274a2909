// Inspect: one picture large, one row of evidence per method. Enlargement, the shown map and the crosshair live in the
// browser; a chosen place, a chosen picture and the mode go to Python, which answers with the evidence.
// The files are joined in this order: grid/maps, grid/parts, lens, rows, strip, inspect.

const QUIET = 90; // milliseconds after the last arrow key before the place is asked about
const EVERYTHING = "heatmap";
const TAKES_ARROWS = ["input", "textarea", "select", "[contenteditable]", ...["application", "slider", "radio", "tab", "combobox", "listbox", "menu", "grid", "dialog"].map((role) => `[role=${role}]`)].join();

// What the gradient picture of a method without a map is called among the panes.
function gradientOf(row) {
  return `gradient ${row.key}`;
}

class Room {
  constructor(root) {
    this.root = root;
    this.host = root.querySelector(".room");
    this.spoken = root.querySelector(".spoken");
    this.reasons = new Map();
    this.at = [0, 0];
    this.data = null;
    this.stage = new Stage(this);
    this.strip = new Strip(this);
    this.walking = (event) => this.walk(event);
    document.addEventListener("keydown", this.walking);
  }

  update(data, trigger) {
    const before = this.data;
    Object.assign(this, { data, trigger });
    this.host.lang = data.language;
    this.host.classList.toggle("stale", data.stale);
    this.host.classList.toggle("outlined", view.outline);
    this.host.style.setProperty("--opacity", view.mode === "contour" ? 1 : view.opacity);
    shaped(this.host, data);
    this.table = palette(data.paint.palettes[data.colour], view.mode);
    this.heat = palette(data.paint.palettes[data.colour], EVERYTHING);
    const moved = !before || before.picture !== data.picture;
    if (moved) this.stage.settle({ zoom: 1, left: 0, top: 0 });
    // A place that Python was not yet told of stays where the keyboard put it.
    if (moved || !this.waiting) this.at = [data.place[1], data.place[0]];
    this.panes();
    this.strip.update(data);
    this.evidence();
    const box = this.root.querySelector(".box");
    write(box, data.box);
    box.hidden = !data.box;
    this.alike();
    write(this.root.querySelector(".head b"), data.placeTitle);
    write(this.root.querySelector(".head span"), data.placeNote);
    this.stage.tile.setAttribute("aria-label", `${data.alt}. ${data.words.viewer}`);
    const [more, less, whole] = this.root.querySelectorAll("[data-zoom]");
    for (const [button, word] of [[more, "zoom_in"], [less, "zoom_out"], [whole, "zoom_fit"]]) {
      button.title = data.words[word];
      button.setAttribute("aria-label", data.words[word]);
    }
    segments(this.root.querySelector(".modes"), "mode", data.words.modes_label, ["look", "paint"].map((value) => ({ value, title: data.words[value], chosen: value === "look" })), () => this.trigger("mode", { at: Date.now() }));
    this.look();
    this.cross();
    const { next } = this;
    this.leaving = this.next = null;
    if (next) this.turn(next);
  }

  get maps() {
    return this.data.rows.filter((row) => row.map);
  }

  get gradients() {
    return this.data.rows.filter((row) => row.gradient);
  }

  get gradient() {
    return this.gradients.find((row) => gradientOf(row) === this.shown) ?? null;
  }

  get row() {
    return this.maps.find((row) => row.key === this.shown) ?? null;
  }

  // The edge of one patch: of the shown method, else the finest there is.
  get box() {
    const boxes = this.data.rows.map((row) => row.box).filter(Boolean);
    return this.row?.box ?? boxes.sort((a, b) => a[2] - a[0] - (b[2] - b[0]))[0] ?? null;
  }

  get step() {
    return this.box ? Math.max(1, Math.round(this.box[2] - this.box[0])) : 8;
  }

  panes() {
    const { words } = this.data;
    const asked = this.gradients.find((row) => gradientOf(row) === this.asked);
    if (asked) Object.assign(this, { shown: this.asked, byHand: true, asked: null });
    if (!this.byHand || (this.shown !== "picture" && !this.row && !this.gradient)) {
      this.shown = (this.maps.find((row) => row.focus) ?? this.maps[0])?.key ?? "picture";
    }
    write(this.root.querySelector(".shown .caption"), words.shown);
    const options = [{ value: "picture", title: words.picture }, ...this.maps.slice().sort((a, b) => this.order(a) - this.order(b)).map((row) => ({ value: row.key, title: row.note ? `${row.title} ${row.note}` : row.title })), ...this.gradients.map((row) => ({ value: gradientOf(row), title: row.note ? `${words.gradient} ${row.note}` : words.gradient }))];
    segments(this.root.querySelector(".panes"), "pane", words.shown, options.map((option) => ({ ...option, chosen: option.value === this.shown })), (value) => this.show(value));
  }

  // The order of the panes does not change with the place: it is that of the columns.
  order(row) {
    return this.data.columns.indexOf(row.key);
  }

  show(key) {
    this.shown = key;
    this.byHand = true;
    this.panes();
    this.look();
    this.cross();
  }

  look() {
    const { base, mask, paint } = this.data;
    const { gradient } = this, badge = this.root.querySelector(".badge");
    if (gradient) show(this.stage.layers, { base, mask, map: gradient.gradient, table: this.heat, paint, mode: EVERYTHING });
    else show(this.stage.layers, { base, mask, map: this.row?.map ?? null, table: this.table, paint });
    badge.hidden = !gradient;
    write(badge, gradient ? this.data.gradient.label : "");
  }

  // The gradient picture is shown large as soon as it is there.
  ask(row) {
    this.asked = row.gradient ? null : gradientOf(row);
    this.trigger("gradient", { at: Date.now() });
  }

  // The most alike picture that was learnt, and those on the other side of a threshold.
  alike() {
    const { alike, words } = this.data, section = this.root.querySelector(".alike");
    const written = JSON.stringify([alike, words.alike]);
    section.hidden = !alike.length;
    if (written === this.writtenAlike) return;
    this.writtenAlike = written;
    write(section.querySelector("h2"), words.alike.title);
    write(section.querySelector("small"), words.alike.how);
    section.querySelector(".cards").replaceChildren(...alike.map(({ key, what, name, label, lines, uri }) => {
      const button = make("button"), image = make("img");
      button.type = "button";
      Object.assign(image, { src: uri, alt: "" });
      button.append(image, make("b", "", what), make("span", "", `${name}, ${label}`), ...lines.map((line) => make("span", "", line)));
      button.addEventListener("click", () => this.open(key));
      return button;
    }));
  }

  evidence() {
    const list = this.root.querySelector(".reasons");
    const before = this.reasons;
    this.reasons = new Map(this.data.rows.map((row) => [row.key, before.get(row.key) ?? new Reason(this)]));
    for (const [key, reason] of before) if (!this.reasons.has(key)) reason.element.remove();
    this.data.rows.forEach((row, i) => {
      const reason = this.reasons.get(row.key);
      reason.update(row, this.data);
      if (list.children[i] !== reason.element) list.insertBefore(reason.element, list.children[i] ?? null);
    });
  }

  // Crosshair and frame, in all tiles at once.
  cross() {
    if (!this.data) return;
    const { size: [height, width], fit: [wide, high] } = this.data;
    const { zoom, left, top } = this.stage.lens;
    const { style } = this.host;
    const [across, down] = shareAt(this.data, ...this.at);
    style.setProperty("--x", `${100 * (across * zoom + left)}%`);
    style.setProperty("--y", `${100 * (down * zoom + top)}%`);
    const step = this.step;
    const corner = this.box && this.at[0] === this.data.place[1] && this.at[1] === this.data.place[0] ? [this.box[1], this.box[0]] : this.at.map((v) => Math.floor(v / step) * step);
    style.setProperty("--frame-left", `${100 * ((corner[0] / width) * wide + (1 - wide) / 2)}%`);
    style.setProperty("--frame-top", `${100 * ((corner[1] / height) * high + (1 - high) / 2)}%`);
    style.setProperty("--frame-wide", `${100 * (step / width) * wide}%`);
    style.setProperty("--frame-high", `${100 * (step / height) * high}%`);
  }

  go(x, y, aloud = false) {
    this.at = [x, y];
    this.cross();
    if (aloud) write(this.spoken, fill(this.data.words.place, { y, x }));
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.trigger("place", { y, x, at: Date.now() });
    }, aloud ? QUIET : 0);
  }

  // Left and right walk through the pictures wherever nothing else wants them; so do a presenter's page keys.
  walk(event) {
    if (!this.host.isConnected) return document.removeEventListener("keydown", this.walking);
    const ways = { ArrowLeft: "before", ArrowRight: "after", ...(this.data.present ? { PageUp: "before", PageDown: "after" } : {}) };
    const way = ways[event.key];
    if (!way || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.composedPath()[0].closest?.(TAKES_ARROWS)) return;
    event.preventDefault();
    this.turn(way);
  }

  // A key pressed while the next picture is on its way counts from that one.
  turn(way) {
    if (this.leaving) this.next = way;
    else if (this.data[way]) this.open(this.data[way].key);
  }

  open(key) {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.leaving = true;
    this.trigger("picture", { key, at: Date.now() });
  }
}

const rooms = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!rooms.has(parentElement)) rooms.set(parentElement, new Room(parentElement));
  rooms.get(parentElement).update(data, setTriggerValue);
}
