// Paint a defect: tools and states live in the browser, one overlay travels at a time, and only the latest matters.
// The files are joined in this order: grid/maps, grid/parts, inspect/lens, inspect/strip, brushes, states, scores, paint.

const PATIENCE = 10_000; // milliseconds after which an answer is no longer waited for
const settings = (window.oddOneOutBrush ??= { tool: "brush", width: 4, strength: 1, colour: null, grain: false });

class Pad {
  constructor(root) {
    this.root = root;
    this.host = root.querySelector(".room");
    this.stage = root.querySelector(".canvas-stage");
    this.canvas = root.querySelector(".canvas");
    this.ring = root.querySelector(".ring");
    this.source = null;
    this.scores = new Scores(root.querySelector(".scores"));
    this.film = new Strip(this);
    this.listen();
  }

  async update(data, trigger, state) {
    const other = this.data?.picture !== data.picture;
    Object.assign(this, { data, trigger, state });
    this.host.lang = data.language;
    this.host.style.setProperty("--opacity", 1);
    shaped(this.host, data);
    this.host.style.setProperty("--own", (data.shape * data.fit[0]) / data.fit[1]);
    this.table = palette(data.paint.palettes[data.colour], "overlay");
    if (other) {
      this.states = States.of(data.picture, data.size);
      this.base = null;
      this.source = this.cursor = null;
      this.busy = this.again = false;
      const [height, width] = data.size;
      Object.assign(this.canvas, { width, height });
      const wanted = data.picture;
      const base = await pixelsOf(data.base, data.size);
      if (this.data.picture !== wanted) return;
      this.base = base;
      settings.colour ??= swatches(base)[0];
      if (this.data.answered < 0 && !this.states.now.empty) this.send();
    }
    if (!this.base) return;
    if (this.data.answered >= this.states.sent && this.busy) {
      this.busy = false;
      if (this.again) this.send();
    }
    this.draw();
    this.words();
  }

  words() {
    const { words } = this.data;
    const find = (name) => this.root.querySelector(name);
    segments(find(".modes"), "pad-mode", words.modes_label, ["look", "paint"].map((value) => ({ value, title: words[value], chosen: value === "paint" })), () => this.trigger("mode", { at: Date.now() }));
    segments(find(".tools"), "tool", words.tools, TOOLS.map((value) => ({ value, title: words[value], chosen: value === settings.tool })), (value) => this.set({ tool: value }));
    for (const [name, word] of [["undo", words.undo], ["redo", words.redo]]) {
      const button = find(`.${name}`);
      button.title = word;
      button.setAttribute("aria-label", word);
      button.disabled = name === "undo" ? this.states.at === 0 : this.states.at === this.states.list.length - 1;
    }
    const width = find(".width"), strength = find(".strength");
    width.querySelector("span").replaceChildren(words.width, " ", make("b", "", fill(words.px, { n: settings.width })));
    strength.querySelector("span").replaceChildren(words.strength, " ", make("b", "", `${Math.round(100 * settings.strength)} %`));
    width.querySelector("input").value = settings.width;
    strength.querySelector("input").value = 100 * settings.strength;
    for (const input of this.root.querySelectorAll("input[type=range]")) input.style.setProperty("--share", `${(100 * (input.value - input.min)) / (input.max - input.min)}%`);
    this.colours(words);
    this.ground();
    this.film.update(this.data);
    this.strip(words);
    write(find(".clear"), words.clear);
    find(".clear").disabled = this.states.now.empty;
    const save = find(".save");
    write(save, words.save);
    save.download = this.data.file;
    this.canvas.setAttribute("aria-label", `${this.data.alt}. ${words.canvas}`);
    this.stage.title = settings.tool === "copy" && !this.source ? words.copy_hint : "";
    const shown = JSON.stringify([this.data.rows, this.data.refused, this.data.colour, this.data.language]);
    if (shown !== this.shownRows) {
      this.shownRows = shown;
      this.scores.update(this.data, this.table, { key: this.data.base, painted: this.canvas.toDataURL("image/webp", 0.85) });
    }
    this.host.classList.toggle("busy", this.busy);
  }

  colours(words) {
    const box = this.root.querySelector(".swatches");
    write(this.root.querySelector(".colours > span"), words.colour);
    const own = make("input");
    Object.assign(own, { type: "color", value: hex(settings.colour), title: words.own_colour });
    own.setAttribute("aria-label", words.own_colour);
    own.addEventListener("change", () => this.set({ colour: [1, 3, 5].map((i) => parseInt(own.value.slice(i, i + 2), 16)) }));
    const pick = make("button", "pick");
    pick.append(drawing("", [""]));
    pick.firstChild.setAttribute("viewBox", "0 0 18 18");
    pick.firstChild.firstChild.setAttribute("d", "M3 15l1-3.500L11 4.500l2.500 2.500L6.500 14zM10 3.500l1.500-1.200a1.600 1.600 0 0 1 2.200 0l2 2a1.600 1.600 0 0 1 0 2.200L14.500 8");
    const grain = make("button", "grain", words.grain);
    for (const [button, on, change] of [[pick, this.picking, () => { this.picking = !this.picking; this.words(); }], [grain, settings.grain, () => this.set({ grain: !settings.grain })]]) {
      button.type = "button";
      button.setAttribute("aria-pressed", String(Boolean(on)));
      button.addEventListener("click", change);
    }
    pick.title = words.pick;
    pick.setAttribute("aria-label", words.pick);
    const offered = swatches(this.base).map((colour) => {
      const button = make("button", "swatch");
      button.type = "button";
      button.style.background = hex(colour);
      button.title = hex(colour);
      button.setAttribute("aria-label", `${words.colour} ${hex(colour)}`);
      button.setAttribute("aria-pressed", String(hex(colour) === hex(settings.colour)));
      button.addEventListener("click", () => this.set({ colour }));
      return button;
    });
    box.replaceChildren(...offered, own, pick, grain);
  }

  strip(words) {
    const box = this.root.querySelector(".states");
    box.setAttribute("aria-label", words.states);
    box.replaceChildren(...this.states.shown().map((i) => {
      const { overlay, label } = this.states.list[i];
      const button = make("button", i === this.states.at ? "chosen" : "");
      const small = make("canvas");
      const [height, width] = this.data.size;
      Object.assign(small, { width, height });
      small.getContext("2d").putImageData(new ImageData(overlay.over(this.base), width), 0, 0);
      button.type = "button";
      button.setAttribute("aria-pressed", String(i === this.states.at));
      button.append(small, make("span", "", i ? label : words.untouched));
      button.addEventListener("click", () => this.go(i));
      return button;
    }));
  }

  // What must be known of the picture below the paint, and others to take instead.
  ground() {
    const { ground, instead } = this.data, box = this.root.querySelector(".ground");
    box.hidden = !ground && !instead.length;
    box.classList.toggle("calm", !ground);
    write(box.querySelector("p"), ground);
    box.querySelector(".instead").replaceChildren(...instead.map(({ key, title }) => {
      const button = make("button", "link", title);
      button.type = "button";
      button.addEventListener("click", () => this.open(key));
      return button;
    }));
  }

  turn(way) {
    if (this.data[way]) this.open(this.data[way].key);
  }

  open(key) {
    this.trigger("picture", { key, at: Date.now() });
  }

  set(change) {
    Object.assign(settings, change);
    if (change.tool) this.source = null;
    this.words();
  }

  draw() {
    this.canvas.getContext("2d").putImageData(new ImageData(this.states.now.over(this.base), this.canvas.width), 0, 0);
    const source = this.root.querySelector(".source");
    source.hidden = !this.source || settings.tool !== "copy";
    if (this.source) Object.assign(source.style, { left: `${(100 * this.source[0]) / this.canvas.width}%`, top: `${(100 * this.source[1]) / this.canvas.height}%` });
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !this.base) return;
      canvas.setPointerCapture(event.pointerId);
      this.begin(this.place(event), event.altKey);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.base) return;
      this.point(this.place(event));
      if (!this.stroke) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const each of passed.length ? passed : [event]) this.stroke.move(this.place(each));
      this.draw();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.end());
    canvas.addEventListener("pointerleave", () => !this.cursor && (this.ring.hidden = true));
    this.host.addEventListener("keydown", (event) => this.key(event));
    const find = (name) => this.root.querySelector(name);
    find(".undo").addEventListener("click", () => this.go(this.states.at - 1));
    find(".redo").addEventListener("click", () => this.go(this.states.at + 1));
    find(".clear").addEventListener("click", () => this.keep(new Overlay(this.data.size), this.data.words.clear));
    find(".width input").addEventListener("input", (event) => this.set({ width: Number(event.target.value) }));
    find(".strength input").addEventListener("input", (event) => this.set({ strength: event.target.value / 100 }));
    find(".save").addEventListener("click", (event) => (event.currentTarget.href = this.canvas.toDataURL("image/png")));
  }

  begin(at, elsewhere) {
    const [x, y] = at.map(Math.floor);
    if (this.picking || (elsewhere && settings.tool !== "copy")) {
      const pixel = this.canvas.getContext("2d").getImageData(x, y, 1, 1).data;
      this.picking = false;
      return this.set({ colour: [...pixel].slice(0, 3) });
    }
    if (settings.tool === "copy" && (!this.source || elsewhere)) {
      this.source = at;
      this.draw();
      return this.words();
    }
    const overlay = this.states.now.copy();
    this.stroke = new Stroke(overlay, this.base, settings.tool, { ...settings, source: this.source }, at);
    const { list, at: now } = this.states;
    this.resting = list[now].overlay;
    list[now] = { ...list[now], overlay };
    this.draw();
  }

  end() {
    if (!this.stroke) return;
    const { overlay } = this.stroke;
    this.stroke = null;
    this.states.list[this.states.at] = { ...this.states.list[this.states.at], overlay: this.resting };
    this.keep(overlay, fill(this.data.words.px, { n: settings.width }));
  }

  keep(overlay, label) {
    this.states.add(overlay, label);
    this.send();
  }

  go(at) {
    this.states.go(at);
    this.send();
  }

  // One overlay at a time: while an answer is awaited, the newest one waits and those between are dropped.
  send() {
    this.draw();
    if (this.busy) this.again = true;
    else {
      this.again = false;
      this.busy = true;
      this.states.sent += 1;
      this.state("stroke", { id: this.states.sent, png: this.states.now.url(), of: this.data.picture });
      const sent = this.states.sent;
      setTimeout(() => {
        if (this.busy && this.states.sent === sent) {
          this.busy = false;
          if (this.again) this.send();
        }
      }, PATIENCE);
    }
    this.words();
  }

  point([x, y]) {
    this.ring.hidden = false;
    const { width, height } = this.canvas, wide = Math.max(settings.width, 1);
    Object.assign(this.ring.style, { left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%`, width: `${(100 * wide) / width}%`, height: `${(100 * wide) / height}%` });
  }

  key(event) {
    const typing = event.target.matches("input");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.go(this.states.at + (event.shiftKey ? 1 : -1));
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") this.go(this.states.at + 1);
    else if (!typing && (event.key === "[" || event.key === "]")) {
      const step = settings.width < 6 ? 0.5 : 2;
      this.set({ width: Math.min(40, Math.max(0.5, settings.width + (event.key === "]" ? step : -step))) });
    } else if (event.target === this.canvas) {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const { width, height } = this.canvas;
      this.cursor ??= [width / 2, height / 2];
      if (way) {
        const step = event.shiftKey ? 1 : 4;
        const inside = (v, most) => Math.min(most - 0.5, Math.max(0.5, v));
        const to = [inside(this.cursor[0] + step * way[0], width), inside(this.cursor[1] + step * way[1], height)];
        if (this.stroke) {
          this.stroke.move(to);
          this.draw();
        }
        this.cursor = to;
        this.point(to);
      } else if (event.key === " ") {
        if (event.repeat) return event.preventDefault();
        this.begin(this.cursor, false);
      } else return;
    } else return;
    event.preventDefault();
  }
}

// Space paints while it is held: arrow keys meanwhile draw a line.
function released(pad) {
  pad.canvas.addEventListener("keyup", (event) => event.key === " " && pad.end());
  pad.canvas.addEventListener("blur", () => pad.end());
}

async function pixelsOf(key, [height, width]) {
  const image = new Image();
  image.src = await stored(key);
  await image.decode();
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height).data;
  const base = new Uint8ClampedArray(3 * width * height);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) base[3 * i + c] = pixels[4 * i + c];
  return base;
}

// Colours of the picture itself: light, dark, usual.
function swatches(base) {
  const order = Array.from({ length: base.length / 3 }, (_, i) => i).filter((i) => i % 7 === 0);
  const light = (i) => base[3 * i] + base[3 * i + 1] + base[3 * i + 2];
  order.sort((a, b) => light(a) - light(b));
  return [0.985, 0.01, 0.5].map((share) => {
    const i = order[Math.floor(share * (order.length - 1))];
    return [base[3 * i], base[3 * i + 1], base[3 * i + 2]];
  });
}

function hex(colour) {
  return `#${colour.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

const pads = new WeakMap();

export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  if (!pads.has(parentElement)) {
    pads.set(parentElement, new Pad(parentElement));
    released(pads.get(parentElement));
  }
  pads.get(parentElement).update(data, setTriggerValue, setStateValue);
}
