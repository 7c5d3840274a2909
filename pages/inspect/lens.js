// The large picture: base, map, true outline, frame of one patch, crosshair, enlargement. All tiles of the room follow its
// enlargement and its crosshair through custom properties on the room.

const FACTOR = 1.5;
const FLAT = 1.8; // width over height, from which the large picture takes the whole width

class Stage {
  constructor(room) {
    this.room = room;
    this.tile = room.root.querySelector(".stage");
    this.lens = { zoom: 1, left: 0, top: 0 };
    this.layers = layers(this.tile);
    this.value = make("span", "value");
    this.tile.append(this.value);
    this.listen();
    room.root.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      const [x, y] = this.room.at;
      this.enlarge(Number(button.dataset.zoom), ...shareAt(this.room.data, x, y));
    }));
  }

  place(event) {
    const box = this.tile.getBoundingClientRect();
    const { zoom, left, top } = this.lens;
    const [height, width] = this.room.data.size;
    const [x, y] = pixelAt(this.room.data, ((event.clientX - box.left) / box.width - left) / zoom, ((event.clientY - box.top) / box.height - top) / zoom);
    return [within(x, width), within(y, height)];
  }

  listen() {
    const { tile } = this;
    let drag = null;
    tile.addEventListener("pointerdown", (event) => (drag = { x: event.clientX, y: event.clientY, moved: 0, place: this.place(event) }));
    tile.addEventListener("pointermove", (event) => {
      if (drag && event.buttons && this.lens.zoom > 1) {
        drag.moved += Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y);
        this.settle({ ...this.lens, left: this.lens.left + (event.clientX - drag.x) / tile.clientWidth, top: this.lens.top + (event.clientY - drag.y) / tile.clientHeight });
        Object.assign(drag, { x: event.clientX, y: event.clientY });
      } else this.read(...this.place(event));
    });
    tile.addEventListener("pointerleave", () => (drag = null, this.value.textContent = ""));
    tile.addEventListener("click", (event) => {
      // Where the pointer went down: a click's own coordinates are whole numbers, which can be the next pixel.
      if (event.detail && drag && drag.moved < 4) this.room.go(...drag.place);
      drag = null;
    });
    tile.addEventListener("wheel", (event) => {
      if (!(event.ctrlKey || event.shiftKey || event.metaKey || this.lens.zoom > 1)) return;
      event.preventDefault();
      const box = tile.getBoundingClientRect();
      const turn = Math.abs(event.deltaY) > Math.abs(event.deltaX) ? event.deltaY : event.deltaX;
      this.enlarge(Math.exp(-turn / 400), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, true);
    }, { passive: false });
    tile.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = this.room.at;
    if (way) {
      const step = event.shiftKey ? 1 : this.room.step;
      const [height, width] = this.room.data.size;
      this.room.go(within(x + step * way[0], width), within(y + step * way[1], height), true);
    } else if (event.key === "PageUp" || event.key === "PageDown") this.room.turn(event.key === "PageUp" ? "before" : "after");
    else if (event.key === "+" || event.key === "=") this.enlarge(FACTOR, ...shareAt(this.room.data, x, y));
    else if (event.key === "-") this.enlarge(1 / FACTOR, 0.5, 0.5);
    else if (event.key === "0" || (event.key === "Escape" && this.lens.zoom > 1)) this.enlarge(0, 0.5, 0.5);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // The value of the shown map under the pointer, on the common scale.
  read(x, y) {
    const map = this.layers.map;
    const place = fill(this.room.data.words.place, { y, x });
    if (!map || this.room.gradient) return write(this.value, place);
    const { paint } = this.room.data;
    write(this.value, `${place} · ${valueText(valueAt(map, x, y, this.room.data.size, paint), paint)}`);
  }

  // Coordinates are shares of the tile: of what it holds unenlarged, or of what is seen when `tile` is set.
  enlarge(factor, x, y, tile = false) {
    const { zoom, left, top } = this.lens;
    const next = Math.min(16, Math.max(1, zoom * factor));
    const [u, v] = tile ? [(x - left) / zoom, (y - top) / zoom] : [x, y];
    const [toX, toY] = tile ? [x, y] : [0.5, 0.5];
    this.settle({ zoom: next, left: toX - u * next, top: toY - v * next });
  }

  settle({ zoom, left, top }) {
    const inside = (v) => Math.min(0, Math.max(1 - zoom, v));
    this.lens = { zoom, left: inside(left), top: inside(top) };
    const { style, classList } = this.room.host;
    classList.toggle("enlarged", zoom > 1);
    style.setProperty("--zoom", zoom);
    style.setProperty("--lens", zoom === 1 ? "none" : `translate(${100 * this.lens.left}%, ${100 * this.lens.top}%) scale(${zoom})`);
    this.room.cross();
  }
}

// Give a room's tiles the set's shape, and its pictures their place in them.
function shaped({ style, classList }, { shape, fit: [wide, high] }) {
  for (const [name, value] of Object.entries({ shape, wide, high })) style.setProperty(`--${name}`, value);
  classList.toggle("flat", shape >= FLAT);
  classList.toggle("upright", shape < 1);
}

// The layers of a tile: photograph, map, outline, frame, crosshair; `show` fills them.
function layers(tile) {
  const lens = make("div", "lens"), image = make("img"), canvas = make("canvas"), lines = drawing("lines", ["halo", "one", "two", "three"]);
  const edge = drawing("edge", ["halo", "line"]), frame = make("i", "frame");
  image.alt = "";
  image.draggable = false;
  lens.append(image, canvas, lines, edge, frame);
  tile.append(lens, make("i", "across"), make("i", "down"));
  return { lens, image, canvas, lines, edge, frame, map: null, wanted: {} };
}

function show(layer, { base, map, mask, table, paint, mode = view.mode }) {
  if (layer.wanted.base !== base) stored(base).then((uri) => (layer.image.src = uri));
  if (layer.wanted.mask !== mask) {
    layer.edge.style.display = mask ? "" : "none";
    if (mask) bytes(mask).then((found) => fillEdge(layer.edge, found));
  }
  layer.wanted = { base, map, mask };
  layer.canvas.hidden = !map || mode === "contour";
  layer.lines.style.display = map && mode === "contour" ? "" : "none";
  if (!map) return (layer.map = null);
  bytes(map).then((found) => {
    if (layer.wanted.map !== map) return;
    layer.map = found;
    if (mode === "contour") fillContours(layer.lines, found, table, paint);
    else fillCanvas(layer.canvas, found, table);
  });
}

function fill(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
