// Pictures by key, and what is made of a map in the browser: colours, contours, outlines.
// The files of this folder are joined in this order: stored, maps, parts, pane, row, tools, grid.

const decoded = new Map();

// An 8-bit picture as {width, height, values}: one byte a pixel.
function bytes(key) {
  if (!decoded.has(key)) {
    decoded.set(key, stored(key).then(async (uri) => {
      const image = new Image();
      image.src = uri;
      await image.decode();
      const { naturalWidth: width, naturalHeight: height } = image;
      const canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      canvas.drawImage(image, 0, 0);
      const pixels = canvas.getImageData(0, 0, width, height).data;
      const values = new Uint8Array(width * height);
      for (let i = 0; i < values.length; i++) values[i] = pixels[4 * i];
      return { width, height, values };
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

// The value of a map on the common scale at a place of a picture of [height, width] pixels.
function valueAt(map, x, y, [height, width], { top }) {
  const row = Math.floor((y * map.height) / height), column = Math.floor((x * map.width) / width);
  return (map.values[row * map.width + column] / 255) * top;
}

function valueText(value, { top }) {
  return value >= top - 0.02 ? `${top}+` : value.toFixed(1);
}

function fillCanvas(canvas, map, table) {
  Object.assign(canvas, { width: map.width, height: map.height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.width, map.height);
  for (let i = 0; i < map.values.length; i++) {
    image.data.set(table.subarray(4 * map.values[i], 4 * map.values[i] + 4), 4 * i);
  }
  context.putImageData(image, 0, 0);
}

// Draw a map's contours: a halo under one path per level, each in its colour.
function fillContours(svg, map, table, { top, contours }) {
  map.paths ??= contours.map(([level]) => contour(map, (level / top) * 255));
  svg.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`);
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
  svg.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`);
  for (const path of svg.children) path.setAttribute("d", map.rim);
}

// Marching squares: the line along which an 8-bit picture crosses a level, as an SVG path in pixel units.
function contour({ width, height, values }, level) {
  const path = [];
  const at = (a, b) => (level - a) / (b - a);
  for (let y = 0; y < height - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const i = y * width + x;
      const a = values[i], b = values[i + 1], c = values[i + width + 1], d = values[i + width];
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
function outline({ width, height, values }) {
  const across = width + 2, down = height + 2;
  const padded = new Float32Array(across * down), soft = new Float32Array(across * down);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) padded[(y + 1) * across + x + 1] = values[y * width + x];
  for (let y = 1; y < down - 1; y++) {
    for (let x = 1; x < across - 1; x++) {
      let sum = 0;
      for (let v = -1; v < 2; v++) for (let u = -1; u < 2; u++) sum += padded[(y + v) * across + x + u] * (2 - Math.abs(u)) * (2 - Math.abs(v));
      soft[y * across + x] = sum / 16;
    }
  }
  return contour({ width: across, height: down, values: soft }, 100);
}

// Draw a mask's outline.
function fillEdge(svg, mask) {
  mask.path ??= outline(mask);
  svg.setAttribute("viewBox", `1 1 ${mask.width} ${mask.height}`);
  for (const path of svg.children) path.setAttribute("d", mask.path);
}
