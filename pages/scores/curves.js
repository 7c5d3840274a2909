// ROC, precision-recall and PRO of all methods: the one in focus in teal with its band, the others in grey. The point of
// the threshold follows the line above while it is dragged.

const SIZE = 320, LEFT = 42, TOP = 12, BOTTOM = 40, RIGHT = 12;

class Curves {
  constructor(root) {
    this.host = root.querySelector(".curves");
    this.plot = this.host.querySelector(".plot");
    this.plot.setAttribute("viewBox", `0 0 ${LEFT + SIZE + RIGHT} ${TOP + SIZE + BOTTOM}`);
    this.shown = shared.curve ?? "roc";
    this.host.querySelector("fieldset").addEventListener("change", (event) => {
      shared.curve = this.shown = event.target.value;
      this.draw();
    });
    this.plot.addEventListener("pointermove", (event) => this.read(event));
    this.plot.addEventListener("pointerleave", () => this.unread());
    hear(this.host, () => this.follow());
  }

  update(data) {
    this.data = data;
    this.host.lang = data.language;
    this.host.classList.toggle("stale", data.stale);
    write(this.host.querySelector("h3"), data.words.title);
    this.host.querySelector("fieldset").setAttribute("aria-label", data.words.title);
    this.draw();
  }

  at(x, y) {
    return [LEFT + (SIZE * x) / this.family.right, TOP + SIZE * (1 - y)];
  }

  points(xs, ys) {
    return xs.map((x, i) => this.at(x, ys[i]).map((v) => v.toFixed(1)).join()).join(" ");
  }

  draw() {
    const { words, families } = this.data;
    const family = (this.family = families[this.shown]);
    this.host.querySelector(`[value=${this.shown}]`).checked = true;
    const drawn = family.curves.filter((curve) => curve.x.length);
    this.plot.replaceChildren();
    this.plot.toggleAttribute("hidden", !drawn.length);
    write(this.host.querySelector(".reason"), drawn.length ? "" : family.reason);
    this.host.querySelector(".reason").hidden = drawn.length > 0;
    const note = this.host.querySelector(".note");
    note.hidden = !drawn.length;
    write(note, family.note);
    if (!drawn.length) return;
    const axes = words.axes[this.shown];
    this.plot.setAttribute("aria-label", `${axes[1]}; ${axes[0]}. ${family.note}`);
    const steps = family.right < 1 ? 3 : 4; // 0, 10, 20, 30 % or quarters
    for (let n = 0; n <= steps; n++) {
      const x = (family.right * n) / steps, [px] = this.at(x, 0);
      this.plot.append(
        draw("line", { class: "grid", x1: px, x2: px, y1: TOP, y2: TOP + SIZE }),
        this.word(String(Math.round(100 * x)), px, TOP + SIZE + 16, "middle"));
    }
    for (const y of [0, 0.25, 0.5, 0.75, 1]) {
      const [, py] = this.at(0, y);
      this.plot.append(
        draw("line", { class: "grid", x1: LEFT, x2: LEFT + SIZE, y1: py, y2: py }),
        this.word(String(100 * y), LEFT - 6, py + 4, "end"));
    }
    this.plot.append(this.word(axes[0], LEFT + SIZE / 2, TOP + SIZE + 34, "middle"));
    const side = this.word(axes[1], 0, 0, "middle");
    side.setAttribute("transform", `translate(11 ${TOP + SIZE / 2}) rotate(-90)`);
    this.plot.append(side);
    if (this.shown === "roc") {
      const [[x1, y1], [x2, y2]] = [this.at(0, 0), this.at(1, 1)];
      this.plot.append(draw("line", { class: "guess", x1, y1, x2, y2 }));
    }
    const main = drawn.find((curve) => curve.focus);
    if (main?.band_x.length) {
      const back = [...main.band_x].reverse();
      this.plot.append(draw("polygon", { class: "band", points: this.points([...main.band_x, ...back], [...main.high, ...[...main.low].reverse()]) }));
    }
    this.lines = new Map();
    for (const curve of [...drawn.filter((c) => c !== main), ...(main ? [main] : [])]) {
      const line = draw("polyline", { class: curve.focus ? "focus" : "other", points: this.points(curve.x, curve.y) });
      this.plot.append(line);
      this.lines.set(curve, line);
    }
    this.dot = draw("circle", { class: "at", r: 5 });
    this.dotWord = this.word("", 0, 0, "start", "word");
    this.reading = this.word("", LEFT + SIZE, TOP + SIZE - 8, "end", "word");
    this.plot.append(this.dot, this.dotWord, this.reading);
    this.follow();
  }

  word(written, x, y, anchor, name = "") {
    const element = draw("text", { x, y, "text-anchor": anchor, class: name });
    element.textContent = written;
    return element;
  }

  // Where the threshold stands on the curve in focus: counted on the pictures; on PRO, where maps begin to be painted.
  thresholdPoint(main) {
    if (this.shown === "pro") return main.scale ?? null;
    const model = shared.model, column = model?.columns.get(main.key);
    if (!column || model.threshold(column) === null || !model.good || !model.defective) return null;
    const { found, false_alarm } = model.count(column);
    if (this.shown === "roc") return [false_alarm / model.good, found / model.defective];
    return found + false_alarm ? [found / model.defective, found / (found + false_alarm)] : null;
  }

  follow() {
    if (!this.dot || !this.family) return;
    const main = this.family.curves.find((curve) => curve.focus && curve.x.length);
    const point = main ? this.thresholdPoint(main) : null;
    this.dot.style.display = this.dotWord.style.display = point ? "" : "none";
    if (!point) return;
    const [x, y] = this.at(Math.min(point[0], this.family.right), point[1]);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
    const late = x > LEFT + SIZE - 90;
    this.dotWord.setAttribute("x", x + (late ? -9 : 9));
    this.dotWord.setAttribute("text-anchor", late ? "end" : "start");
    this.dotWord.setAttribute("y", y + 18);
    write(this.dotWord, this.shown === "pro" ? this.data.words.painted : this.data.words.threshold);
  }

  read(event) {
    if (!this.family || !this.lines) return;
    const box = this.plot.getBoundingClientRect(), unit = (LEFT + SIZE + RIGHT) / box.width;
    const [x, y] = [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
    let best = null, least = 24;
    for (const curve of this.lines.keys()) {
      curve.x.forEach((cx, i) => {
        const [px, py] = this.at(cx, curve.y[i]);
        const far = Math.hypot(px - x, py - y);
        if (far < least) [best, least] = [[curve, i], far];
      });
    }
    this.unread();
    if (!best) return;
    const [curve, i] = best;
    this.lines.get(curve).classList.add("near");
    write(this.reading, fill(this.data.words.reading[this.shown], { method: curve.title, x: Math.round(100 * curve.x[i]), y: Math.round(100 * curve.y[i]) }));
  }

  unread() {
    for (const line of this.lines?.values() ?? []) line.classList.remove("near");
    if (this.reading) write(this.reading, "");
  }
}

const pages = new WeakMap();

export default function ({ parentElement, data }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Curves(parentElement));
  pages.get(parentElement).update(data);
}
