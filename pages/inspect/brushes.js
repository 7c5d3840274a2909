// Painting on an overlay of the picture's own size: colours and opacities, one byte each. The picture itself stays as it
// is; blur, smudge and copied patches are colours in the overlay too, so that all of it can be faded and shrunk.

const TOOLS = ["brush", "line", "eraser", "blur", "smudge", "copy"];
const GRAIN = 0.3; // how far the grain moves a colour, as a share of 255

class Overlay {
  constructor(size) {
    const [height, width] = size;
    Object.assign(this, { size, height, width });
    this.colours = new Uint8ClampedArray(3 * width * height);
    this.opacity = new Uint8ClampedArray(width * height);
  }

  copy() {
    const made = new Overlay(this.size);
    made.colours.set(this.colours);
    made.opacity.set(this.opacity);
    return made;
  }

  get empty() {
    return !this.opacity.some(Boolean);
  }

  // Laid on a picture (RGB bytes), as RGBA bytes.
  over(base) {
    const pixels = new Uint8ClampedArray(4 * this.opacity.length);
    for (let i = 0; i < this.opacity.length; i++) {
      const a = this.opacity[i];
      for (let c = 0; c < 3; c++) pixels[4 * i + c] = Math.floor((base[3 * i + c] * (255 - a) + this.colours[3 * i + c] * a + 127) / 255);
      pixels[4 * i + 3] = 255;
    }
    return pixels;
  }

  // One opaque PNG, the colours above the opacities.
  url() {
    const { width, height } = this, pixels = width * height;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height: 2 * height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, 2 * height);
    for (let i = 0; i < pixels; i++) {
      for (let c = 0; c < 3; c++) {
        image.data[4 * i + c] = this.opacity[i] ? this.colours[3 * i + c] : 0;
        image.data[4 * (i + pixels) + c] = this.opacity[i];
      }
      image.data[4 * i + 3] = image.data[4 * (i + pixels) + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas.toDataURL("image/png");
  }
}

// One stroke, from pointer down to pointer up. Its mask only grows, so that passing twice does not paint twice.
class Stroke {
  constructor(overlay, base, tool, { width, strength, colour, grain, source }, start) {
    Object.assign(this, { overlay, base, tool, strength, colour, grain, start, last: start, path: [start] });
    this.radius = width / 2;
    this.before = overlay.copy();
    this.mask = new Float32Array(overlay.opacity.length);
    this.offset = source ? [source[0] - start[0], source[1] - start[1]] : null;
    if (tool === "blur") this.blurred = blur(overlay.over(base), overlay, Math.max(1, Math.round(width / 4)));
    if (tool === "copy") this.picture = overlay.over(base);
    if (tool === "smudge") this.load(start);
    this.move(start);
  }

  move(to) {
    if (this.tool === "smudge") this.smudge(to);
    else {
      if (this.tool === "line") this.mask.fill(0);
      this.cover(this.tool === "line" ? this.start : this.last, to);
      this.lay();
    }
    this.last = to;
  }

  // Add a rounded segment to the mask, its edge softened by one pixel.
  cover([x0, y0], [x1, y1]) {
    const { width, height } = this.overlay, r = this.radius + 1;
    const length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    for (let y = Math.max(0, Math.floor(Math.min(y0, y1) - r)); y <= Math.min(height - 1, Math.max(y0, y1) + r); y++) {
      for (let x = Math.max(0, Math.floor(Math.min(x0, x1) - r)); x <= Math.min(width - 1, Math.max(x0, x1) + r); x++) {
        const px = x + 0.5, py = y + 0.5;
        const t = length ? Math.min(1, Math.max(0, ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / length)) : 0;
        const away = Math.hypot(px - x0 - t * (x1 - x0), py - y0 - t * (y1 - y0));
        // A brush thinner than a pixel covers it by its width, not wholly.
        const share = Math.min(1, Math.max(0, this.radius + 0.5 - away)) * Math.min(1, 2 * this.radius);
        const i = y * width + x;
        if (share > this.mask[i]) this.mask[i] = share;
      }
    }
  }

  lay() {
    const { overlay, before, mask, strength, tool } = this;
    for (let i = 0; i < mask.length; i++) {
      const m = mask[i] * strength, a = before.opacity[i] / 255;
      if (!m) {
        overlay.opacity[i] = before.opacity[i];
        for (let c = 0; c < 3; c++) overlay.colours[3 * i + c] = before.colours[3 * i + c];
        continue;
      }
      if (tool === "eraser") {
        overlay.opacity[i] = before.opacity[i] * (1 - m);
        continue;
      }
      const total = m + a * (1 - m);
      for (let c = 0; c < 3; c++) {
        overlay.colours[3 * i + c] = (this.paint(i, c) * m + before.colours[3 * i + c] * a * (1 - m)) / total;
      }
      overlay.opacity[i] = 255 * total;
    }
  }

  paint(i, c) {
    if (this.tool === "blur") return this.blurred[4 * i + c];
    if (this.tool === "copy") {
      const { width, height } = this.overlay;
      const x = within(Math.round((i % width) + this.offset[0]), width), y = within(Math.round(Math.floor(i / width) + this.offset[1]), height);
      return this.picture[4 * (y * width + x) + c];
    }
    return this.colour[c] + (this.grain ? GRAIN * 255 * noise(i) : 0);
  }

  // Smudging drags what lies under the brush along, losing a little of it at every step.
  load([x, y]) {
    this.carried = new Map();
    const shown = this.overlay.over(this.base);
    this.disc([x, y], (i, dx, dy) => this.carried.set(`${dx} ${dy}`, [shown[4 * i], shown[4 * i + 1], shown[4 * i + 2]]));
  }

  smudge([x1, y1]) {
    const [x0, y0] = this.last, steps = Math.ceil(Math.hypot(x1 - x0, y1 - y0));
    for (let step = 1; step <= steps; step++) {
      const at = [x0 + ((x1 - x0) * step) / steps, y0 + ((y1 - y0) * step) / steps];
      this.disc(at, (i, dx, dy, share) => {
        const carried = this.carried.get(`${dx} ${dy}`), a = this.overlay.opacity[i] / 255;
        if (!carried) return;
        const m = 0.92 * share * this.strength;
        for (let c = 0; c < 3; c++) {
          const now = this.base[3 * i + c] * (1 - a) + this.overlay.colours[3 * i + c] * a;
          this.overlay.colours[3 * i + c] = carried[c] = carried[c] * m + now * (1 - m);
        }
        this.overlay.opacity[i] = 255;
      });
    }
  }

  disc([x, y], each) {
    const { width, height } = this.overlay, reach = Math.ceil(this.radius), cx = Math.floor(x), cy = Math.floor(y);
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const share = Math.min(1, this.radius + 0.5 - Math.hypot(dx, dy));
        if (share > 0 && cx + dx >= 0 && cy + dy >= 0 && cx + dx < width && cy + dy < height) each((cy + dy) * width + cx + dx, dx, dy, share);
      }
    }
  }
}

// Three box means in a row come close to a Gaussian.
function blur(pixels, { width, height }, radius) {
  let now = Float32Array.from(pixels);
  for (let pass = 0; pass < 3; pass++) for (const [step, count, line, lines] of [[4, width, 4 * width, height], [4 * width, height, 4, width]]) {
    const next = new Float32Array(now.length);
    for (let l = 0; l < lines; l++) for (let c = 0; c < 3; c++) {
      const at = (i) => l * line + within(i, count) * step + c;
      let sum = 0;
      for (let i = -radius; i <= radius; i++) sum += now[at(i)];
      for (let i = 0; i < count; i++) {
        next[at(i)] = sum / (2 * radius + 1);
        sum += now[at(i + radius + 1)] - now[at(i - radius)];
      }
    }
    now = next;
  }
  return now;
}

// The same grain at the same pixel, always: -0.5 to 0.5.
function noise(i) {
  let n = (i + 1) * 2654435761;
  n ^= n >>> 15;
  n = Math.imul(n, 2246822519);
  n ^= n >>> 13;
  return ((n >>> 0) / 4294967296) - 0.5;
}
