// Five scores of patches in the plane. Everything is computed here, at once; what was placed and set goes to Python as one
// text when a hand or a key is lifted, for the address.

const NAMES = ["spade", "mahalanobis", "padim", "patchcore", "cfa"];
const DIAL_OF = { spade: "k", mahalanobis: "shrunk", padim: "epsilon", patchcore: "ratio", cfa: "radius" };
// A key's step, pixels that are no drag, milliseconds of rest before the address and before finer cells.
const NUDGE = 0.04, STILL = 4, QUIET = 500, REST = 150;

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".toy");
  if (!host.toy) host.toy = new Toy(host);
  host.toy.take(data, setTriggerValue);
}

class Toy {
  constructor(host) {
    this.host = host;
    this.panes = new Map(["plane", ...NAMES].map((name) => [name, new Pane(name)]));
    host.querySelector(".panes").append(...[...this.panes.values()].map((pane) => pane.root));
    this.spoken = host.querySelector(".spoken");
    this.selected = 0;
    for (const pane of this.panes.values()) this.listen(pane);
    this.build();
  }

  // What Python says: words, colours, and a text. One that was sent there may be older than what is on screen.
  take(data, send) {
    Object.assign(this, { data, send });
    const given = data.toy || data.presets[0].toy;
    const kept = this.kept ?? window.oddOneOutToy; // Streamlit may build the element anew: what was done goes on
    if (kept && (given === kept.known || kept.sent.has(given))) {
      if (this.kept !== kept) this.show(kept.history.now);
      this.kept = kept;
    } else {
      this.kept = window.oddOneOutToy = { history: new History(given), begun: given, last: given, sent: new Set() };
      this.show(given);
    }
    this.kept.known = given;
    const written = JSON.stringify([data.words, data.language, data.palette]);
    if (this.written !== written) {
      this.written = written;
      this.table = palette(data.palette, "overlay");
      this.name();
    }
    this.update();
    if (this.kept.history.now !== this.kept.last) this.tell();
  }

  show(text) {
    Object.assign(this, decode(text));
    this.selected = clamp(this.selected, 0, Math.max(0, this.points.length - 1));
  }

  // Dials and buttons, once.
  build() {
    const find = (name) => this.host.querySelector(`.${name}`);
    this.buttons = { undo: find("undo"), redo: find("redo"), reset: find("reset"), clear: find("clear") };
    this.buttons.undo.onclick = () => this.go(-1);
    this.buttons.redo.onclick = () => this.go(1);
    this.buttons.reset.onclick = () => this.load(this.kept.begun);
    this.buttons.clear.onclick = () => { this.points = []; this.commit(); };
    this.sliders = {};
    for (const name of NAMES) {
      const label = make("label", "dial"), input = make("input"), output = make("output");
      input.type = "range";
      label.append(make("span"), input, output);
      input.oninput = () => { this.dials[DIAL_OF[name]] = Number(input.value); this.update(); };
      input.onchange = () => this.commit();
      this.sliders[name] = { label, input, output };
      this.panes.get(name).foot.append(label);
    }
    this.advised = make("button", "small");
    this.advised.onclick = () => { this.dials.shrunk = null; this.commit(); };
    this.panes.get("mahalanobis").foot.append(this.advised);
    this.redraw = make("button", "small");
    this.redraw.onclick = () => { this.dials.seed = (this.dials.seed + 1) % 10; this.commit(); };
    this.panes.get("cfa").foot.append(this.redraw);
    const places = make("fieldset", "segmented");
    this.places = MARKS.map((mark, position) => {
      const label = make("label"), input = make("input"), span = make("span");
      input.type = "radio";
      input.name = "position";
      const svg = shape("svg", "icon", { viewBox: "-8 -8 16 16", "aria-hidden": "true" });
      svg.append(shape("path", "", { d: mark }));
      span.append(svg);
      input.onchange = () => { this.dials.position = position; this.commit(); };
      label.append(input, span);
      places.append(label);
      return input;
    });
    this.placesGroup = places;
    this.remove = make("button", "small");
    this.remove.onclick = () => this.drop(this.selected);
    this.panes.get("plane").foot.append(places, this.remove);
  }

  // Words, once per language.
  name() {
    const { words, presets } = this.data;
    this.host.lang = this.data.language;
    this.host.setAttribute("aria-label", words.label);
    for (const [name, button] of Object.entries(this.buttons)) {
      if (button.querySelector("svg")) { button.title = words[name]; button.setAttribute("aria-label", words[name]); }
      else write(button, words[name]);
    }
    const group = this.host.querySelector(".presets");
    group.setAttribute("aria-label", words.presets);
    group.replaceChildren(...presets.map(({ toy, name }) => {
      const button = make("button", "pill", name);
      button.type = "button";
      button.toy = toy;
      button.onclick = () => { this.kept.begun = toy; this.load(toy); };
      return button;
    }));
    for (const [name, pane] of this.panes) {
      write(pane.title, words.titles[name]);
      write(pane.idea, words.ideas[name]);
      pane.svg.setAttribute("role", "group");
      pane.svg.setAttribute("aria-label", name === "plane" ? `${words.titles.plane}. ${words.keys}` : words.titles[name]);
    }
    for (const name of NAMES) write(this.sliders[name].label.firstChild, words.dials[name]);
    write(this.advised, words.advised);
    write(this.redraw, words.redraw);
    write(this.remove, words.remove);
    this.placesGroup.setAttribute("aria-label", words.place);
    this.places.forEach((input, i) => input.setAttribute("aria-label", words.positions[i]));
    const ramp = this.host.querySelector(".legend canvas").getContext("2d");
    const image = ramp.createImageData(256, 1);
    image.data.set(this.table);
    ramp.putImageData(image, 0, 0);
    write(this.host.querySelector(".legend .ticks").children[1], words.threshold);
  }

  update() {
    const { points, dials } = this;
    this.pictures = grouped(points);
    const settings = settingsOf(this);
    this.assessed = Object.fromEntries(NAMES.map((name) => [name, assess(name, this.pictures, settings)]));
    for (const name of NAMES) this.panes.get(name).paint(this.assessed[name], dials.position, this.table, this.data.paint);
    clearTimeout(this.rest); // SPADE's score jumps where other pictures become the nearest: that wants finer cells
    this.rest = setTimeout(() => this.panes.get("spade").fill(2 * FIELD), REST);
    this.dial(settings);
    this.look();
    const text = encode(this);
    this.buttons.undo.disabled = this.kept.history.at === 0;
    this.buttons.redo.disabled = this.kept.history.at === this.kept.history.list.length - 1;
    this.buttons.reset.disabled = text === this.kept.begun;
    this.buttons.clear.disabled = this.remove.disabled = points.length === 0;
    for (const button of this.host.querySelector(".presets").children) button.setAttribute("aria-pressed", button.toy === text);
  }

  dial(settings) {
    const { words } = this.data, { dials } = this, rho = this.assessed.mahalanobis.fitted?.rho;
    const said = {
      spade: [Math.min(dials.k, this.pictures.length), words.of_pictures, this.pictures.length],
      mahalanobis: [rho === undefined ? "" : rho.toFixed(2), dials.shrunk === null ? words.is_advised : "", ""],
      padim: [settings.epsilon.toPrecision(2), "", ""],
      patchcore: [this.assessed.patchcore.fitted?.bank.length ?? 0, words.of_patches, this.points.length],
      cfa: [settings.radius < 0.005 ? "0" : settings.radius.toFixed(2), words.trained, this.assessed.cfa.fitted?.radius.toFixed(2) ?? ""],
    };
    for (const name of NAMES) {
      const { input, output } = this.sliders[name], dial = DIAL_OF[name], { low, high } = DIALS[dial];
      input.min = low;
      input.max = dial === "k" ? Math.max(1, this.pictures.length) : high;
      input.value = dials[dial] ?? Math.round(100 * (rho ?? 0));
      input.style.setProperty("--share", `${(100 * (input.value - input.min)) / Math.max(1, input.max - input.min)}%`);
      const [value, pattern, other] = said[name];
      write(output, `${value}${pattern ? ` ${pattern.replace("{n}", other)}` : ""}`);
      input.setAttribute("aria-valuetext", output.textContent);
    }
    this.advised.hidden = dials.shrunk === null;
    this.places.forEach((input, i) => (input.checked = i === dials.position));
  }

  // The patches and the probe in all panes; the probe is where one points, if one does.
  look() {
    const { points, pictures, dials, data } = this, { words } = data;
    const probe = this.hover ?? this.probe, position = dials.position, shares = {};
    const plane = this.panes.get("plane");
    plane.place(points, null, null, this.selected);
    plane.draw("links", pictures.map(line).join(""));
    plane.read(probe, null, words);
    write(plane.value, words.count.replace("{pictures}", pictures.length).replace("{patches}", points.length));
    write(plane.note, words.notes.plane);
    plane.empty.hidden = true;
    for (const name of NAMES) {
      const pane = this.panes.get(name), assessed = this.assessed[name];
      const { kept, ringed, ...paths } = assessed.fitted ? SHOWN[name](assessed, { probe, points, pictures, position }) : { kept: new Set() };
      pane.place(points, kept, ringed, this.selected);
      for (const kind of ["links", "spheres", "ties", "means", "centre"]) pane.draw(kind, paths[kind] ?? "");
      const score = assessed.fitted ? assessed.fitted.score(probe.x, probe.y, position) : NaN;
      shares[name] = multiple(score, assessed.threshold);
      pane.read(probe, shares[name], words);
      const unknown = Number.isNaN(score) ? words.few[name] : assessed.threshold ? "" : words.few.threshold;
      write(pane.empty, unknown);
      pane.empty.hidden = !unknown;
      const rate = assessed.threshold
        ? words.rate[name === "mahalanobis" ? "pictures" : "patches"].replace("{j}", assessed.threshold.allowed).replace("{of}", assessed.threshold.of)
        : "";
      write(pane.note, `${words.notes[name].replace("{place}", words.positions[position])} ${rate}`);
    }
    this.shares = shares;
    this.label(plane);
  }

  // The plane's patches and its probe can be reached by keyboard; one patch at a time takes part in the order of tabs.
  label(plane) {
    const { words } = this.data, number = (v) => (Math.abs(v) < 0.005 ? 0 : v).toFixed(2).replace("-", "−");
    const where = ({ x, y }) => `${number(x)}, ${number(y)}`;
    this.points.forEach((point, i) => {
      const mark = plane.marks.children[i];
      mark.setAttribute("role", "button");
      mark.setAttribute("tabindex", i === this.selected ? 0 : -1);
      mark.setAttribute("aria-label", words.patch.replace("{picture}", point.picture + 1).replace("{place}", words.positions[point.position]).replace("{where}", where(point)));
    });
    plane.probe.setAttribute("role", "button");
    plane.probe.setAttribute("tabindex", 0);
    plane.probe.setAttribute("aria-label", `${words.probe} ${where(this.probe)}. ${this.readings()}`);
  }

  readings() {
    const { words } = this.data;
    const one = (name) => `${words.titles[name]} ${this.shares[name] === null ? words.none : `${multipleText(this.shares[name])} × ${this.shares[name] > 1 ? words.odd : words.normal}`}`;
    return NAMES.map(one).join("; ");
  }

  listen(pane) {
    const { svg } = pane, plane = pane.name === "plane";
    const spot = (event) => {
      const box = svg.getBoundingClientRect();
      return {
        x: snap(-SIDE + (2 * SIDE * (event.clientX - box.left)) / box.width),
        y: snap(SIDE - (2 * SIDE * (event.clientY - box.top)) / box.height),
      };
    };
    const touched = (event) => {
      if (event.target.closest?.(".probe")) return "probe";
      const box = svg.getBoundingClientRect(), reach = event.pointerType === "touch" ? 22 : 12;
      const away = this.points.map((p) => Math.hypot(
        event.clientX - box.left - (across(p.x) / VIEW) * box.width, event.clientY - box.top - (down(p.y) / VIEW) * box.height,
      ));
      const nearest = away.indexOf(Math.min(...away));
      return away[nearest] <= reach ? nearest : null;
    };
    svg.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.held = { what: touched(event), x: event.clientX, y: event.clientY, moved: false };
      if (this.held.what === null) return;
      svg.setPointerCapture(event.pointerId);
      if (this.held.what !== "probe") this.select(this.held.what, plane);
      else if (plane) pane.probe.focus();
      event.preventDefault();
    });
    svg.addEventListener("pointermove", (event) => {
      const { held } = this;
      if (held && Math.hypot(event.clientX - held.x, event.clientY - held.y) > STILL) held.moved = true;
      if (held && held.what !== null && held.moved) {
        this.hover = null;
        Object.assign(held.what === "probe" ? this.probe : this.points[held.what], spot(event));
        return this.soon(held.what === "probe");
      }
      if (event.pointerType === "mouse" && !held) {
        this.hover = touched(event) === null ? spot(event) : null;
        this.soon(true);
      }
    });
    svg.addEventListener("pointerup", (event) => {
      const { held } = this;
      this.held = null;
      if (!held) return;
      if (held.what === null && !held.moved) return this.add(spot(event), plane);
      if (held.moved) this.commit();
    });
    svg.addEventListener("pointercancel", () => (this.held = null));
    svg.addEventListener("pointerleave", () => {
      if (this.held) return;
      this.hover = null;
      this.soon(true);
    });
    if (!plane) return;
    svg.addEventListener("keydown", (event) => this.press(event, pane));
    svg.addEventListener("keyup", (event) => {
      if (event.key.startsWith("Arrow")) this.commit();
    });
    svg.addEventListener("focusin", (event) => {
      const i = [...pane.marks.children].indexOf(event.target);
      if (i >= 0 && i !== this.selected) { this.selected = i; this.look(); }
    });
  }

  press(event, pane) {
    const probe = event.target === pane.probe, i = [...pane.marks.children].indexOf(event.target);
    if (!probe && i < 0) return;
    const step = NUDGE * (event.shiftKey ? 5 : 1);
    const move = { ArrowUp: [0, step], ArrowDown: [0, -step], ArrowLeft: [-step, 0], ArrowRight: [step, 0] }[event.key];
    const last = this.points.length - 1;
    const to = probe ? undefined : { PageDown: Math.min(last, i + 1), PageUp: Math.max(0, i - 1), Home: 0, End: last }[event.key];
    if (move) {
      const moved = probe ? this.probe : this.points[i];
      Object.assign(moved, { x: snap(moved.x + move[0]), y: snap(moved.y + move[1]) });
      this.hover = null;
      this.soon(probe);
    } else if (to !== undefined) this.select(to, true);
    else if (probe && (event.key === "Enter" || event.key === " ")) this.add({ ...this.probe }, false);
    else if (!probe && (event.key === "Delete" || event.key === "Backspace")) this.drop(i, true);
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.go(event.shiftKey ? 1 : -1);
    else return;
    event.preventDefault();
  }

  select(i, focus) {
    this.selected = i;
    this.look();
    if (focus) this.panes.get("plane").marks.children[i]?.focus({ preventScroll: true });
  }

  add(place, focus) {
    const position = this.dials.position, picture = nextPicture(this.points, position);
    if (picture === null) return this.say(this.data.words.full);
    this.points = [...this.points, { picture, position, ...place }];
    this.selected = this.points.length - 1;
    this.commit();
    if (focus) this.select(this.selected, true);
  }

  drop(i, focus = false) {
    if (!this.points[i]) return;
    this.points = this.points.filter((_, j) => j !== i);
    this.selected = Math.max(0, Math.min(i, this.points.length - 1));
    this.commit();
    if (focus) (this.panes.get("plane").marks.children[this.selected] ?? this.panes.get("plane").probe).focus();
  }

  go(by) {
    this.show(this.kept.history.step(by));
    this.update();
    this.tell();
  }

  load(toy) {
    this.kept.history.add(toy);
    this.show(toy);
    this.update();
    this.tell();
  }

  // A gesture has ended: one step of undo, and a new address.
  commit() {
    this.kept.history.add(encode(this));
    this.update();
    this.tell();
  }

  // Draw at the next frame; the probe alone needs nothing computed anew.
  soon(only) {
    this.whole ||= !only;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.whole) this.update();
      else this.look();
      this.whole = false;
    });
  }

  tell() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const text = encode(this);
      this.say(this.readings());
      if (text === this.kept.last) return;
      this.kept.last = text;
      this.kept.sent.add(text);
      this.send("toy", text);
    }, QUIET);
  }

  say(words) {
    write(this.spoken, words);
  }
}
