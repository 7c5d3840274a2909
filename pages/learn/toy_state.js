// What a person has placed and set, as one short text: it is the link, and undo goes through such texts.
//
// Six digits of base 36 per patch (picture, position, two of x, two of y), then after dots: K, the kept share in per cent,
// the shrinkage in per cent or "a" for Ledoit and Wolf's, the step of epsilon, the radius in hundredths, the seed, the
// position that is added to and looked at, and the probe.

const SIDE = 2; // the plane goes from -2 to 2 both ways
const STEPS = 36 * 36 - 1;
const POSITIONS = 3, MOST_PICTURES = 16;
const DIALS = {
  k: { low: 1, high: MOST_PICTURES, usual: 3 },
  ratio: { low: 2, high: 100, usual: 25 },
  shrunk: { low: 0, high: 100, usual: null },
  epsilon: { low: 0, high: 60, usual: 20 },
  radius: { low: 0, high: 100, usual: 0 },
  seed: { low: 0, high: 9, usual: 3 },
  position: { low: 0, high: POSITIONS - 1, usual: 0 },
};

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const snap = (v) => -SIDE + (2 * SIDE * Math.round(((clamp(v, -SIDE, SIDE) + SIDE) / (2 * SIDE)) * STEPS)) / STEPS;
const written = (v) => Math.round(((v + SIDE) / (2 * SIDE)) * STEPS).toString(36).padStart(2, "0");
const place = (digits) => snap(-SIDE + (2 * SIDE * parseInt(digits, 36)) / STEPS);

function encode({ points, dials, probe }) {
  const placed = points.map((p) => p.picture.toString(36) + p.position + written(p.x) + written(p.y)).join("");
  const set = Object.keys(DIALS).map((name) => dials[name] ?? "a");
  return [placed, ...set, written(probe.x) + written(probe.y)].join(".");
}

// What cannot be read is as usual; two patches of one picture at one position cannot be.
function decode(text) {
  const [placed = "", ...rest] = (text ?? "").split(".");
  const points = [], taken = new Set();
  for (const [, picture, position, x, y] of placed.matchAll(/([0-9a-f])([0-2])([0-9a-z]{2})([0-9a-z]{2})/g)) {
    if (taken.has(picture + position)) continue;
    taken.add(picture + position);
    points.push({ picture: parseInt(picture, 36), position: Number(position), x: place(x), y: place(y) });
  }
  const dials = {};
  Object.entries(DIALS).forEach(([name, { low, high, usual }], i) => {
    dials[name] = /^\d{1,3}$/.test(rest[i] ?? "") ? clamp(Number(rest[i]), low, high) : usual;
  });
  const [, x, y] = (rest[Object.keys(DIALS).length] ?? "").match(/^([0-9a-z]{2})([0-9a-z]{2})$/) ?? [];
  return { points, dials, probe: x ? { x: place(x), y: place(y) } : { x: 0, y: 0 } };
}

// The pictures in order, each a list of patches; and what the methods are set to.
function grouped(points) {
  const found = new Map();
  for (const point of points) found.set(point.picture, [...(found.get(point.picture) ?? []), point]);
  return [...found.keys()].sort((a, b) => a - b).map((picture) => found.get(picture).sort((a, b) => a.position - b.position));
}

function settingsOf({ points, dials }) {
  return {
    k: dials.k,
    ratio: dials.ratio / 100,
    shrunk: dials.shrunk === null ? null : dials.shrunk / 100,
    epsilon: 10 ** (dials.epsilon / 20 - 3),
    radius: dials.radius / 100 || 1e-5,
    seed: dials.seed,
    positions: [0, 1, 2].filter((position) => points.some((point) => point.position === position)),
  };
}

// The picture that a new patch at a position belongs to: the first that has none there, else a new one; null when full.
function nextPicture(points, position) {
  for (let picture = 0; picture < MOST_PICTURES; picture++) {
    if (!points.some((p) => p.picture === picture && p.position === position)) return picture;
  }
  return null;
}

// Undo and redo over texts.
class History {
  constructor(text) {
    this.list = [text];
    this.at = 0;
  }

  get now() {
    return this.list[this.at];
  }

  add(text) {
    if (text === this.now) return false;
    this.list = [...this.list.slice(Math.max(0, this.at - 98), this.at + 1), text];
    this.at = this.list.length - 1;
    return true;
  }

  step(by) {
    this.at = clamp(this.at + by, 0, this.list.length - 1);
    return this.now;
  }
}
