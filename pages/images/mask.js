// Draws a mask on a picture: brush, eraser and polygon, by pointer or by keys. What was drawn is a list of strokes over the
// mask that there was, so that each can be undone; only the finished mask goes to Python, as a black and white PNG.
const COLOUR = "#ff00c8"; // no product has it
const CLOSE = 12; // pixels on the screen within which a click closes a polygon

class Drawing {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { root, image: find("img"), marked: find(".marked"), aim: find(".aim"), spoken: find(".spoken"), kind: find(".kind input"), known: find("datalist"), slider: find(".size input") });
    this.tool = "brush";
    this.strokes = [];
    for (const button of root.querySelectorAll("[data-tool]")) button.addEventListener("click", () => this.take(button.dataset.tool));
    find('[data-do="undo"]').addEventListener("click", () => this.undo());
    find('[data-do="clear"]').addEventListener("click", () => this.add({ tool: "clear" }));
    find(".save").addEventListener("click", () => this.save());
    this.slider.addEventListener("input", () => this.look());
    this.image.addEventListener("load", () => this.begin());
    this.marked.addEventListener("pointerdown", (event) => this.down(event));
    this.marked.addEventListener("pointermove", (event) => this.moved(event));
    for (const end of ["pointerup", "pointercancel"]) this.marked.addEventListener(end, () => this.up());
    this.marked.addEventListener("dblclick", () => this.close());
    this.marked.addEventListener("keydown", (event) => this.pressed(event));
    this.marked.addEventListener("focus", () => this.look());
    this.marked.addEventListener("blur", () => this.look());
  }

  update(data, trigger) {
    this.trigger = trigger;
    const words = data.words;
    this.words = words;
    for (const button of this.root.querySelectorAll("[data-tool], [data-do]")) button.textContent = words[button.dataset.tool ?? button.dataset.do];
    this.root.querySelector(".size span").textContent = words.size;
    this.root.querySelector(".kind span").textContent = words.kind;
    this.root.querySelector(".save").textContent = words.save;
    this.root.querySelector(".hint").textContent = words.hint;
    this.marked.setAttribute("aria-label", words.alt);
    this.known.replaceChildren(...data.known.map((word) => Object.assign(document.createElement("option"), { value: word })));
    if (this.of === data.of) return;
    this.of = data.of;
    this.kind.value = data.kind;
    this.before = data.mask;
    this.image.src = data.picture;
  }

  async begin() {
    for (const canvas of [this.marked, this.aim]) Object.assign(canvas, { width: this.image.naturalWidth, height: this.image.naturalHeight });
    this.image.parentElement.style.setProperty("--shape", this.marked.width / this.marked.height);
    this.at = [this.marked.width / 2, this.marked.height / 2];
    this.slider.value = 24;
    this.strokes = [];
    this.base = null;
    if (this.before) {
      const mask = new Image();
      mask.src = this.before;
      await mask.decode();
      this.base = coloured(mask, this.marked.width, this.marked.height);
    }
    this.take("brush");
    this.paint();
  }

  // The width of the brush in pixels of the picture: up to a quarter of its longer side.
  get width() {
    return Math.max(1, (this.slider.value / 400) * Math.max(this.marked.width, this.marked.height));
  }

  take(tool) {
    this.close();
    this.tool = tool;
    for (const button of this.root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    this.look();
  }

  place(event) {
    const box = this.marked.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.marked.width, ((event.clientY - box.top) / box.height) * this.marked.height];
  }

  down(event) {
    if (event.button) return;
    this.at = this.place(event);
    if (this.tool === "polygon") this.corner();
    else {
      this.marked.setPointerCapture(event.pointerId);
      this.start();
    }
  }

  moved(event) {
    this.at = this.place(event);
    this.go();
  }

  up() {
    if (this.stroke && this.tool !== "polygon") this.lift();
  }

  start() {
    this.stroke = { tool: this.tool, width: this.width, points: [this.at] };
    this.paint();
  }

  go() {
    if (this.stroke && this.tool !== "polygon") this.stroke.points.push(this.at);
    if (this.stroke) this.paint();
    this.look();
  }

  lift() {
    const done = this.stroke;
    this.stroke = null;
    this.add(done);
  }

  corner() {
    const scale = this.marked.width / this.marked.getBoundingClientRect().width;
    const first = this.stroke?.points[0];
    if (first && this.stroke.points.length > 2 && Math.hypot(first[0] - this.at[0], first[1] - this.at[1]) < CLOSE * scale) return this.close();
    if (this.stroke) this.stroke.points.push(this.at);
    else this.stroke = { tool: "polygon", points: [this.at] };
    this.paint();
    return this.look();
  }

  close() {
    if (!this.stroke || this.stroke.tool !== "polygon") return;
    if (this.stroke.points.length > 2) this.lift();
    this.stroke = null;
    this.paint();
  }

  add(stroke) {
    this.strokes.push(stroke);
    this.paint();
  }

  undo() {
    if (this.stroke?.tool === "polygon" && this.stroke.points.length > 1) this.stroke.points.pop();
    else if (this.stroke) this.stroke = null;
    else this.strokes.pop();
    this.paint();
    this.look();
  }

  paint() {
    const context = this.marked.getContext("2d");
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, this.marked.width, this.marked.height);
    if (this.base) context.drawImage(this.base, 0, 0);
    for (const stroke of [...this.strokes, ...(this.stroke ? [this.stroke] : [])]) draw(context, stroke);
  }

  // Where the pointer or the keys are, and how wide the brush is; the corners of a polygon that is not closed.
  look() {
    const context = this.aim.getContext("2d");
    context.clearRect(0, 0, this.aim.width, this.aim.height);
    if (!this.at) return;
    const thin = Math.max(1, this.aim.width / Math.max(1, this.aim.getBoundingClientRect().width));
    for (const [colour, width] of [["#000", 3 * thin], ["#fff", thin]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      const [x, y] = this.at;
      if (this.tool === "polygon") {
        const corners = this.stroke?.points ?? [];
        if (corners.length) context.moveTo(...corners[0]);
        for (const corner of [...corners.slice(1), ...corners.length ? [[x, y]] : []]) context.lineTo(...corner);
      } else context.arc(x, y, this.width / 2, 0, 7);
      context.moveTo(x - 6 * thin, y);
      context.lineTo(x + 6 * thin, y);
      context.moveTo(x, y - 6 * thin);
      context.lineTo(x, y + 6 * thin);
      context.stroke();
    }
  }

  pressed(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const step = event.altKey ? 1 : Math.max(1, this.width / (event.shiftKey ? 0.5 : 2));
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const tools = { b: "brush", e: "eraser", p: "polygon" };
    if (key in moves) {
      const inside = (value, most) => Math.min(most, Math.max(0, value));
      this.at = [inside(this.at[0] + moves[key][0], this.marked.width), inside(this.at[1] + moves[key][1], this.marked.height)];
      this.go();
    } else if (key === " ") {
      if (this.tool === "polygon") this.corner();
      else if (this.stroke) this.lift();
      else this.start();
      this.spoken.textContent = this.stroke ? this.words.down : this.words.up;
    } else if (key === "Enter") {
      if (this.stroke?.tool === "polygon") this.close();
      else this.save();
    } else if (key === "z") {
      this.undo();
    } else if (key === "[" || key === "]") {
      this.slider.value = Number(this.slider.value) + (key === "]" ? 3 : -3);
      this.look();
    } else if (key in tools && !event.ctrlKey && !event.metaKey) {
      this.take(tools[key]);
      this.spoken.textContent = this.words[this.tool];
    } else if (key === "Escape" && this.stroke) {
      this.stroke = null;
      this.paint();
      event.stopPropagation();
    } else {
      return;
    }
    event.preventDefault();
  }

  save() {
    this.close();
    const { width, height } = this.marked;
    const pixels = this.marked.getContext("2d").getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const white = pixels.data[i + 3] > 127 ? 255 : 0;
      pixels.data.set([white, white, white, 255], i);
    }
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    this.trigger("drawn", { of: this.of, png: canvas.toDataURL("image/png").split(",")[1], kind: this.kind.value.trim() });
  }
}

function draw(context, { tool, width, points }) {
  context.globalCompositeOperation = tool === "eraser" ? "destination-out" : "source-over";
  Object.assign(context, { strokeStyle: COLOUR, fillStyle: COLOUR, lineWidth: width, lineCap: "round", lineJoin: "round" });
  if (tool === "clear") {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    return;
  }
  context.beginPath();
  context.moveTo(...points[0]);
  for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(...point);
  if (tool === "polygon") context.fill();
  else context.stroke();
}

// The mask that there was, white painted in the brush's colour and black left out.
function coloured(mask, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(mask, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let i = 0; i < pixels.data.length; i += 4) pixels.data.set(pixels.data[i] > 127 ? [255, 0, 200, 255] : [0, 0, 0, 0], i);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const drawings = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!drawings.has(parentElement)) drawings.set(parentElement, new Drawing(parentElement));
  drawings.get(parentElement).update(data, setTriggerValue);
}
