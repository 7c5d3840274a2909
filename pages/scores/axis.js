// Where marks go: one logarithmic axis in multiples of the threshold, three lanes, marks that give way to each other.

// A picture's mark: a diamond for a defective one, a square for one without a label, a circle for a good one.
function markOf(truth, r, attributes = {}) {
  if (truth === 1) return draw("path", { d: `M0 ${-r}L${r} 0L0 ${r}L${-r} 0Z`, ...attributes });
  return truth === null ? draw("path", { d: `M${-r} ${-r}H${r}V${r}H${-r}Z`, ...attributes }) : draw("circle", { r, ...attributes });
}

const BINS = 48;
const LANES = { held: 0.2, good: 0.5, defective: 0.8 };

class Axis {
  // Of all ticks there may be, those that hold the scores; what lies beyond the last is drawn at the end: 5+.
  // It begins and ends no later than `before`, so that a threshold that comes to rest does not move it.
  constructor(multiples, ticks, before = null) {
    const finite = multiples.filter((m) => Number.isFinite(m));
    const positive = finite.filter((m) => m > 0);
    const least = Math.min(0.95, ...positive), most = Math.max(1.5, ...finite);
    this.low = Math.min(before?.low ?? Infinity, Math.max(ticks[0], ...ticks.filter((t) => t <= least)));
    this.high = Math.max(before?.high ?? 0, Math.min(ticks.at(-1), ...ticks.filter((t) => t >= most)));
    this.open = most > this.high;
    this.ticks = ticks.filter((t) => t >= this.low && t <= this.high);
  }

  share(multiple) {
    const inside = Math.min(this.high, Math.max(this.low, multiple));
    return Math.log(inside / this.low) / Math.log(this.high / this.low);
  }

  multiple(share) {
    return this.low * (this.high / this.low) ** Math.min(1, Math.max(0, share));
  }

  word(tick) {
    return `${tick}${this.open && tick === this.high ? "+" : ""}`;
  }
}

// A method's raw scores on the common axis; on its own straight axis where nothing was held out.
class Scale {
  constructor(model, column, unit, axis, left, right) {
    Object.assign(this, { model, column, unit, axis, left, right });
    if (unit === null) {
      const scores = column.scores.filter((s) => s !== null);
      const low = Math.min(...scores), high = Math.max(...scores), room = (high - low || 1) * 0.06;
      Object.assign(this, { low: low - room, high: high + room, ends: [low, high] });
    }
  }

  to(value) {
    const share = this.unit === null
      ? (value - this.low) / (this.high - this.low)
      : this.axis.share(this.model.multiple(this.column, value, this.unit));
    return this.left + Math.min(1, Math.max(0, share)) * (this.right - this.left);
  }

  from(x) {
    const share = Math.min(1, Math.max(0, (x - this.left) / (this.right - this.left)));
    if (this.unit === null) return this.low + share * (this.high - this.low);
    return this.model.raw(this.column, this.axis.multiple(share), this.unit);
  }

  ticks() {
    if (this.unit === null) return this.ends.map((v) => [this.to(v), v.toPrecision(3)]);
    return this.axis.ticks.map((t) => [this.left + this.axis.share(t) * (this.right - this.left), this.axis.word(t)]);
  }
}

// For ascending places, how many half steps up or down each moves so that neighbours overlap least.
function giveWay(places, width, most = 2) {
  const order = [0];
  for (let step = 1; step <= most; step++) order.push(-step, step);
  const last = new Map(order.map((level) => [level, -Infinity]));
  return places.map((place) => {
    const clear = (level) => [level - 1, level + 1].every((n) => place - (last.get(n) ?? -Infinity) >= 0.8 * width);
    let level = order.find((n) => place - last.get(n) >= width && clear(n));
    level ??= order.reduce((a, b) => (last.get(b) < last.get(a) ? b : a));
    last.set(level, place);
    return level;
  });
}
