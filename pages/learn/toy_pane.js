// One view of the plane: what a method makes of it, painted; the patches over it, and the probe.

const FIELD = 144, VIEW = 400; // cells of a painted field, and units of a drawing, a side
const MARKS = ["M-5.2 0a5.2 5.2 0 1 0 10.4 0a5.2 5.2 0 1 0-10.4 0Z", "M-4.7-4.7h9.4v9.4h-9.4Z", "M0-6.4L6 4.4H-6Z"];
const PROBE = "M0-9L9 0L0 9L-9 0Z";

const across = (x) => ((x + SIDE) / (2 * SIDE)) * VIEW;
const down = (y) => VIEW - across(y);
const at = ({ x, y }) => `translate(${across(x).toFixed(2)} ${down(y).toFixed(2)})`;
const line = (points) => points.map((p, i) => `${i ? "L" : "M"}${across(p.x).toFixed(1)} ${down(p.y).toFixed(1)}`).join("");

function shape(tag, className, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  element.setAttribute("class", className);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Pane {
  constructor(name) {
    this.name = name;
    this.root = make("figure", `pane ${name}`);
    this.title = make("b", "title");
    this.idea = make("span", "idea");
    this.value = make("span", "value");
    this.bar = make("div", "bar");
    this.bar.append(make("i"), make("s"));
    const head = make("figcaption", "head");
    head.append(this.title, this.value, this.idea);
    this.stage = make("div", "stage");
    this.canvas = make("canvas");
    this.svg = shape("svg", "drawing", { viewBox: `0 0 ${VIEW} ${VIEW}` });
    this.paths = Object.fromEntries(
      ["links", "far", "spheres", "halo", "threshold", "ties", "means", "centre"].map((kind) => [kind, shape("path", kind)]),
    );
    this.marks = shape("g", "marks");
    this.probe = shape("g", "probe");
    this.probe.append(shape("circle", "touch", { r: 18 }), shape("path", "mark", { d: PROBE }));
    this.svg.append(...Object.values(this.paths), this.marks, this.probe);
    this.empty = make("p", "empty");
    this.stage.append(this.canvas, this.svg, this.empty);
    this.foot = make("div", "foot");
    this.note = make("p", "note");
    this.root.append(head, this.bar, this.stage, this.foot, this.note);
  }

  // The score at every place, painted as multiples of the threshold, which is drawn as a line.
  paint(assessed, position, table, { top }) {
    this.unit = assessed.threshold?.value > 0 ? assessed.threshold.value : NaN;
    Object.assign(this, { assessed, position, table, top });
    const values = this.fill(FIELD);
    const line = (level) => (Number.isNaN(values[0] * this.unit) ? "" : contour({ width: FIELD, height: FIELD, values }, level * this.unit));
    const edge = line(1);
    this.paths.far.setAttribute("d", line(2) + line(3));
    for (const kind of ["halo", "threshold"]) this.paths[kind].setAttribute("d", edge);
    for (const kind of ["far", "halo", "threshold"]) this.paths[kind].setAttribute("transform", `scale(${VIEW / FIELD})`);
  }

  // Paint so many cells a side, and return their scores.
  fill(cells) {
    const { fitted } = this.assessed, values = new Float32Array(cells * cells);
    const place = (cell) => -SIDE + (2 * SIDE * (cell + 0.5)) / cells;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        values[row * cells + column] = fitted ? fitted.score(place(column), -place(row), this.position) : NaN;
      }
    }
    const share = (value) => clamp(value / this.unit || 0, 0, this.top) / this.top;
    fillCanvas(this.canvas, { width: cells, height: cells, values: Uint8Array.from(values, (value) => Math.round(share(value) * 255)) }, this.table);
    return values;
  }

  // The patches; those in `kept` stand out, those in `ringed` have a ring.
  place(points, kept, ringed, selected) {
    while (this.marks.children.length > points.length) this.marks.lastChild.remove();
    while (this.marks.children.length < points.length) {
      const mark = shape("g", "");
      mark.append(shape("circle", "touch", { r: 15 }), shape("circle", "ring", { r: 10 }), shape("path", "mark"));
      this.marks.append(mark);
    }
    points.forEach((point, i) => {
      const mark = this.marks.children[i];
      const classes = ["point", kept?.has(point) === false ? "faint" : "", ringed?.has(point) ? "ringed" : ""];
      mark.setAttribute("class", [...classes, i === selected ? "selected" : ""].filter(Boolean).join(" "));
      mark.setAttribute("transform", at(point));
      mark.lastChild.setAttribute("d", MARKS[point.position]);
    });
  }

  draw(kind, path) {
    this.paths[kind].setAttribute("d", path);
  }

  // Where the probe is, and what the method says of it.
  read(probe, share, words) {
    this.probe.setAttribute("transform", at(probe));
    this.bar.classList.toggle("unknown", share === null);
    this.bar.style.setProperty("--share", `${Math.min(100, ((share ?? 0) / 3) * 100)}%`);
    this.bar.classList.toggle("odd", share > 1);
    this.value.classList.toggle("odd", share > 1);
    write(this.value, share === null ? "" : `${multipleText(share)} × ${share > 1 ? words.odd : words.normal}`);
  }
}

function multipleText(share) {
  return share < 9.95 ? share.toFixed(2).slice(0, 4) : share.toFixed(0);
}

const crosses = (points) => points.map((p) => `M${across(p.x) - 5} ${down(p.y)}h10m-5-5v10`).join("");

// What each method's pane shows beside its score.
const SHOWN = {
  spade: ({ fitted }, { probe, pictures }) => {
    const chosen = Array.from(fitted.chosen(probe)), nearest = fitted.nearest(probe, chosen).patch;
    return {
      kept: new Set(chosen.flatMap((i) => pictures[i])), means: crosses(chosen.map((i) => fitted.means[i])),
      links: chosen.map((i) => line(pictures[i])).join(""), ties: line([probe, nearest]),
    };
  },
  mahalanobis: ({ fitted }) => ({ kept: new Set(), means: crosses(fitted.means), centre: crosses([fitted.mean]) }),
  padim: ({ fitted }, { points, position }) => ({
    kept: new Set(points.filter((point) => point.position === position)),
    centre: fitted.means.has(position) ? crosses([fitted.means.get(position)]) : "",
  }),
  patchcore: ({ fitted }, { probe }) => {
    const nearest = fitted.bank.reduce((held, own) => (distance(own, probe) < distance(held, probe) ? own : held));
    return { kept: new Set(fitted.bank), ringed: new Set(fitted.bank), ties: line([probe, nearest]) };
  },
  cfa: ({ fitted }, { points, position }) => {
    const known = fitted.positions.includes(position);
    const origins = known ? fitted.centres.map((centre) => fitted.origin(centre, position)).filter(Boolean) : [];
    const circle = Array.from({ length: 91 }, (_, i) => [Math.cos((i * Math.PI) / 45), Math.sin((i * Math.PI) / 45)]);
    const sphere = ({ x, y }) => circle.map(([u, v]) => fitted.origin({ x: x + fitted.radius * u, y: y + fitted.radius * v }, position));
    return {
      kept: new Set(points.filter((point) => point.position === position)), centre: crosses(origins),
      spheres: origins.length ? fitted.centres.map((centre) => line(sphere(centre))).join("") : "",
    };
  },
};
