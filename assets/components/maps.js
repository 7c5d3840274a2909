// Pictures by key, and what is made of a map in the browser: colours, contours, outlines.
// The files of this folder are joined in this order: maps, parts, pane, row, tools, grid.

const store = (window.oddOneOut ??= { pictures: new Map(), waiting: new Map() });
const decoded = new Map();

function picture(key) {
  if (store.pictures.has(key)) return Promise.resolve(store.pictures.get(key));
  if (!store.waiting.has(key)) {
    const entry = {};
    entry.promise = new Promise((resolve) => (entry.resolve = resolve));
    store.waiting.set(key, entry);
  }
  return store.waiting.get(key).promise;
}

// An 8-bit picture as {size, values}: one byte a pixel.
function bytes(key) {
  if (!decoded.has(key)) {
    decoded.set(key, picture(key).then(async (uri) => {
      const image = new Image();
      image.src = uri;
      await image.decode();
      const size = image.naturalWidth;
      const canvas = new OffscreenCanvas(size, size).getContext("2d", { willReadFrequently: true });
      canvas.drawImage(image, 0, 0);
      const pixels = canvas.getImageData(0, 0, size, size).data;
      const values = new Uint8Array(size * size);
      for (let i = 0; i < values.length; i++) values[i] = pixels[4 * i];
      return { size, values };
    }));
    if (decoded.size > 300) decoded.delete(decoded.keys().next().value);
  }
  return decoded.get(key);
}

// How maps are painted comes from `detectors.plots.colours`: {top, palettes, contours}. 256 colours with opacity, from the
// hexadecimal digits of a palette; a heatmap paints normal places too.
function palette(digits, mode) {
  const table = Uint8ClampedArray.from(digits.match(/../g), (byte) => parseInt(byte, 16));
  if (mode === "heatmap") for (let i = 3; i < table.length; i += 4) table[i] = 255;
  return table;
}

// The value of a map on the common scale at a place of a picture of `size` pixels.
function valueAt(map, x, y, size, { top }) {
  const at = (v) => Math.floor((v * map.size) / size);
  return (map.values[at(y) * map.size + at(x)] / 255) * top;
}

function valueText(value, { top }) {
  return value >= top - 0.02 ? `${top}+` : value.toFixed(1);
}

function fillCanvas(canvas, map, table) {
  canvas.width = canvas.height = map.size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.size, map.size);
  for (let i = 0; i < map.values.length; i++) {
    image.data.set(table.subarray(4 * map.values[i], 4 * map.values[i] + 4), 4 * i);
  }
  context.putImageData(image, 0, 0);
}

// Draw a map's contours: a halo under one path per level, each in its colour.
function fillContours(svg, map, table, { top, contours }) {
  map.paths ??= contours.map(([level]) => contour(map, (level / top) * 255));
  svg.setAttribute("viewBox", `0 0 ${map.size} ${map.size}`);
  const [halo, ...lines] = svg.children;
  halo.setAttribute("d", map.paths.join(""));
  lines.forEach((line, i) => {
    const at = 4 * Math.round((contours[i][1] / top) * 255);
    line.setAttribute("d", map.paths[i]);
    line.style.stroke = `rgb(${table.slice(at, at + 3).join()})`;
  });
}

// Draw the line around what lies above 1, where normal ends.
function fillRim(svg, map, { top }) {
  map.rim ??= contour(map, 255 / top);
  svg.setAttribute("viewBox", `0 0 ${map.size} ${map.size}`);
  for (const path of svg.children) path.setAttribute("d", map.rim);
}

// Marching squares: the line along which an 8-bit picture crosses a level, as an SVG path in pixel units.
function contour({ size, values }, level) {
  const path = [];
  const at = (a, b) => (level - a) / (b - a);
  for (let y = 0; y < size - 1; y++) {
    for (let x = 0; x < size - 1; x++) {
      const i = y * size + x;
      const a = values[i], b = values[i + 1], c = values[i + size + 1], d = values[i + size];
      const code = (a >= level) | ((b >= level) << 1) | ((c >= level) << 2) | ((d >= level) << 3);
      if (code === 0 || code === 15) continue;
      const sides = [];
      if ((code & 1) !== ((code >> 1) & 1)) sides.push([x + at(a, b), y]);
      if (((code >> 1) & 1) !== ((code >> 2) & 1)) sides.push([x + 1, y + at(b, c)]);
      if (((code >> 2) & 1) !== ((code >> 3) & 1)) sides.push([x + at(d, c), y + 1]);
      if (((code >> 3) & 1) !== (code & 1)) sides.push([x, y + at(a, d)]);
      for (let s = 0; s + 1 < sides.length; s += 2) {
        const [[x1, y1], [x2, y2]] = [sides[s], sides[s + 1]];
        path.push(`M${(x1 + 0.5).toFixed(1)} ${(y1 + 0.5).toFixed(1)}L${(x2 + 0.5).toFixed(1)} ${(y2 + 0.5).toFixed(1)}`);
      }
    }
  }
  return path.join("");
}

// A mask's edge, softened a little so that it does not show the pixels' stairs; what touches the border is closed there.
function outline({ size, values }) {
  const side = size + 2;
  const padded = new Float32Array(side * side), soft = new Float32Array(side * side);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) padded[(y + 1) * side + x + 1] = values[y * size + x];
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      let sum = 0;
      for (let v = -1; v < 2; v++) for (let u = -1; u < 2; u++) sum += padded[(y + v) * side + x + u] * (2 - Math.abs(u)) * (2 - Math.abs(v));
      soft[y * side + x] = sum / 16;
    }
  }
  return contour({ size: side, values: soft }, 100);
}
