// The five scores of points in the plane, by the engine's formulas (`detectors.methods`) in double precision.
//
// A patch is a point {x, y, position}, a picture is a list of them: at most one at each position. A method's `fit` learns
// from pictures and returns null where they are too few, else
//   score(x, y, position)  of a patch; NaN where the method knows nothing of the position,
//   picture(patches)       the scores of a picture that was not learnt from, one per patch, or one in all,
// and what a pane draws.

const START_POINTS = 10; // the official coreset is capped by the mean distance to this many random patches
const RANK_CUT = 1e-12;
// What the engine's CFA does here: one centre attracts a patch, the next two repel it; steps are ten times as large as
// usual, since a plane has no thousand pictures to step through.
const CFA = {
  neighbors: 1, negatives: 2, alpha: 0.1, nu: 1e-3, epochs: 30, batch: 4, rate: 0.01, decay: 5e-4, amend: [0.9, 0.999], tiny: 1e-8,
};

const squared = (ax, ay, bx, by) => (ax - bx) * (ax - bx) + (ay - by) * (ay - by);
const distance = (a, b) => Math.sqrt(squared(a.x, a.y, b.x, b.y));

function meanOf(points) {
  const mean = { x: 0, y: 0 };
  for (const { x, y } of points) {
    mean.x += x / points.length;
    mean.y += y / points.length;
  }
  return mean;
}

// The K pictures whose means are nearest, and the nearest patch among theirs.
function spade(pictures, { k }) {
  if (!pictures.length) return null;
  const means = pictures.map(meanOf), count = Math.min(k, means.length);
  const away = new Float64Array(count), found = new Int32Array(count);
  const chosen = ({ x, y }) => { // ascending, the lowest index first among equals; holds until the next call
    for (let i = 0; i < means.length; i++) {
      const here = squared(x, y, means[i].x, means[i].y);
      let at = Math.min(i, count);
      for (; at > 0 && away[at - 1] > here; at--) {
        if (at === count) continue;
        away[at] = away[at - 1];
        found[at] = found[at - 1];
      }
      if (at === count) continue;
      away[at] = here;
      found[at] = i;
    }
    return found;
  };
  const nearest = (patch, among) => {
    let best = Infinity, closest = null;
    for (let n = 0; n < among.length; n++) {
      for (const own of pictures[among[n]]) {
        const here = squared(patch.x, patch.y, own.x, own.y);
        if (here >= best) continue;
        best = here;
        closest = own;
      }
    }
    return { distance: Math.sqrt(best), patch: closest };
  };
  return {
    chosen, nearest, means,
    score: (x, y) => nearest({ x, y }, chosen({ x, y })).distance,
    picture: (patches) => {
      const among = chosen(meanOf(patches));
      return patches.map((patch) => nearest(patch, among).distance);
    },
  };
}

// Ledoit and Wolf's weight, as `gaussian.shrinkage`; the mean variance beside it.
function shrinkage(centred) {
  const n = centred.length;
  const { xx, xy, yy } = covariance(centred, n), trace = xx + yy;
  const fourth = centred.reduce((sum, { x, y }) => sum + (x * x + y * y) ** 2, 0);
  const total = xx * xx + 2 * xy * xy + yy * yy;
  const spread = total - (trace * trace) / 2, noise = (fourth / n - total) / n;
  return { rho: spread > RANK_CUT * total ? Math.max(Math.min(noise, spread), 0) / spread : 0, variance: trace / 2 };
}

// One Gaussian over the pictures' means, its covariance shrunk towards a circle.
function mahalanobis(pictures, { shrunk }) {
  if (pictures.length < 2) return null;
  const means = pictures.map(meanOf), mean = meanOf(means);
  const centred = means.map(({ x, y }) => ({ x: x - mean.x, y: y - mean.y }));
  const { rho: advised, variance } = shrinkage(centred);
  let rho = shrunk ?? advised;
  const sample = covariance(centred, centred.length);
  const flat = sample.xx * sample.yy - sample.xy * sample.xy <= RANK_CUT * (sample.xx + sample.yy) ** 2;
  if (flat && rho < RANK_CUT) rho = 1;
  const ridge = variance > 0 ? rho * variance : 1, keep = 1 - rho;
  const away = whitened({ xx: keep * sample.xx + ridge, xy: keep * sample.xy, yy: keep * sample.yy + ridge });
  const score = (x, y) => away(x - mean.x, y - mean.y);
  return {
    mean, means, rho, score,
    picture: (patches) => {
      const own = meanOf(patches);
      return [score(own.x, own.y)];
    },
  };
}

// At every position a Gaussian over the patches there.
function padim(pictures, { epsilon }) {
  const at = new Map();
  for (const patch of pictures.flat()) {
    if (!at.has(patch.position)) at.set(patch.position, []);
    at.get(patch.position).push(patch);
  }
  const means = new Map(), away = new Map();
  for (const [position, own] of at) {
    if (own.length < 2) continue;
    const mean = meanOf(own);
    const found = covariance(own.map(({ x, y }) => ({ x: x - mean.x, y: y - mean.y })), own.length - 1);
    means.set(position, mean);
    away.set(position, whitened({ xx: found.xx + epsilon, xy: found.xy, yy: found.yy + epsilon }));
  }
  if (!means.size) return null;
  const score = (x, y, position) =>
    means.has(position) ? away.get(position)(x - means.get(position).x, y - means.get(position).y) : NaN;
  return { means, score, picture: (patches) => patches.map(({ x, y, position }) => score(x, y, position)) };
}

function covariance(centred, by) {
  const sum = { xx: 0, xy: 0, yy: 0 };
  for (const { x, y } of centred) {
    sum.xx += (x * x) / by;
    sum.xy += (x * y) / by;
    sum.yy += (y * y) / by;
  }
  return sum;
}

// The Mahalanobis distance by the Cholesky factor of a covariance.
function whitened({ xx, xy, yy }) {
  const a = Math.sqrt(xx), b = xy / a, c = Math.sqrt(yy - b * b);
  return (dx, dy) => {
    const u = dx / a, v = (dy - b * u) / c;
    return Math.sqrt(u * u + v * v);
  };
}

// All patches in one bank, of which a coreset is kept; the squared distance to the nearest that is.
function patchcore(pictures, { ratio }) {
  const all = pictures.flat();
  if (!all.length) return null;
  const picks = coreset(all, Math.max(1, Math.floor(ratio * all.length)));
  const bank = picks.map((i) => all[i]);
  const score = (x, y) => {
    let best = Infinity;
    for (const own of bank) best = Math.min(best, squared(x, y, own.x, own.y));
    return best;
  };
  return { bank, score, picture: (patches) => patches.map(({ x, y }) => score(x, y)) };
}

// The greedy coreset, as `coreset.greedy_coreset` begins it officially: the indices of the picks, in order.
function coreset(points, wanted) {
  const seen = new Set();
  const rows = points.map((_, i) => i).filter((i) => {
    const key = `${points[i].x} ${points[i].y}`;
    return !seen.has(key) && seen.add(key);
  });
  if (wanted >= points.length) return points.map((_, i) => i);
  const random = permutation(rows.length, generator(0)).slice(0, START_POINTS);
  const far = rows.map((i) => {
    const total = random.reduce((sum, r) => sum + distance(points[i], points[rows[r]]), 0);
    return (total / random.length) ** 2;
  });
  const picks = [];
  while (picks.length < Math.min(wanted, rows.length)) {
    const best = far.reduce((held, value, i) => (value > far[held] ? i : held), 0);
    picks.push(rows[best]);
    rows.forEach((i, n) => {
      far[n] = Math.min(far[n], squared(points[i].x, points[i].y, points[rows[best]].x, points[rows[best]].y));
    });
    far[best] = -1;
  }
  return picks;
}

// A layer (2 x 4 and 2 numbers) maps a patch and the coordinate of its position; it is trained to bring patches into
// spheres around centres, one per position, that the layer as it was drawn gave. The distance to the nearest centre.
function cfa(pictures, { radius, seed, positions }) {
  if (!pictures.length) return null;
  const random = generator(seed);
  const coordinate = (position) => {
    const i = positions.indexOf(position), last = positions.length - 1;
    return last > 0 ? -1 + (2 * i) / last : 0;
  };
  const parameters = drawn(random, radius);
  const layer = ({ x, y, position }) => {
    const w = parameters, c = coordinate(position); // [row of u, row of v, biases, radius]; the third number is the row: 0
    return { x: w[8] + w[3] * c + w[0] * x + w[1] * y, y: w[9] + w[7] * c + w[4] * x + w[5] * y };
  };
  const all = pictures.flat();
  const there = positions.filter((position) => all.some((patch) => patch.position === position));
  const centres = there.map((position) => {
    const mean = meanOf(all.filter((patch) => patch.position === position));
    return layer({ ...mean, position });
  });
  train(pictures, parameters, centres, layer, coordinate, random);
  const score = (x, y, position) => {
    if (!positions.includes(position)) return NaN;
    const at = layer({ x, y, position });
    return Math.sqrt(Math.min(...centres.map((own) => squared(at.x, at.y, own.x, own.y))));
  };
  return {
    layer, centres, positions: there, radius: parameters[10], score,
    picture: (patches) => patches.map(({ x, y, position }) => score(x, y, position)),
    // Where in the plane a position's patches would have to lie to be mapped onto a centre; null where the layer is flat.
    origin: (centre, position) => {
      const [a, b, , c, d, e, , f, u, v] = parameters;
      const determinant = a * e - b * d;
      if (Math.abs(determinant) < 1e-9) return null;
      const x = centre.x - u - c * coordinate(position), y = centre.y - v - f * coordinate(position);
      return { x: (e * x - b * y) / determinant, y: (a * y - d * x) / determinant };
    },
  };
}

// The layer as `cfa._drawn` draws it, in float32, and the radius: eight weights, two biases, one radius.
function drawn(random, radius) {
  const limit = Math.fround(0.5); // one over the root of four inputs
  const draw = () => Math.fround(Math.fround(2 * uniform(random) - 1) * limit);
  return [...Array.from({ length: 10 }, draw), radius];
}

function train(pictures, parameters, centres, layer, coordinate, random) {
  const size = Math.min(CFA.batch, pictures.length);
  const [first, second, greatest] = [0, 1, 2].map(() => new Float64Array(parameters.length));
  let step = 0;
  for (let epoch = 0; epoch < CFA.epochs; epoch++) {
    const order = permutation(pictures.length, random);
    for (let start = 0; start + size <= order.length; start += size) {
      const patches = order.slice(start, start + size).flatMap((i) => pictures[i]);
      descend(parameters, gradient(patches, parameters, centres, layer, coordinate), first, second, greatest, ++step);
    }
  }
}

// How the loss of `CFA._loss` changes with each parameter.
function gradient(patches, parameters, centres, layer, coordinate) {
  const changes = new Float64Array(parameters.length), radius = parameters[10];
  const attract = Math.min(CFA.neighbors, centres.length), repel = Math.min(CFA.negatives, centres.length - attract);
  for (const patch of patches) {
    const at = layer(patch);
    const away = centres.map((own) => ({ own, square: squared(at.x, at.y, own.x, own.y) })).sort((a, b) => a.square - b.square);
    away.slice(0, attract + repel).forEach(({ own, square }, n) => {
      const pulls = n < attract;
      if (pulls ? square <= radius ** 2 : radius ** 2 - square - CFA.alpha <= 0) return;
      const weight = (pulls ? 1 : -1) / (patches.length * (pulls ? attract : repel) * CFA.nu);
      const x = 2 * weight * (at.x - own.x), y = 2 * weight * (at.y - own.y), c = coordinate(patch.position);
      [x * patch.x, x * patch.y, 0, x * c, y * patch.x, y * patch.y, 0, y * c, x, y, -2 * weight * radius].forEach(
        (change, i) => (changes[i] += change),
      );
    });
  }
  return changes;
}

// AdamW with amsgrad, as torch has it.
function descend(parameters, changes, first, second, greatest, step) {
  const [b1, b2] = CFA.amend, pace = CFA.rate / (1 - b1 ** step), root = Math.sqrt(1 - b2 ** step);
  changes.forEach((change, i) => {
    parameters[i] *= 1 - CFA.rate * CFA.decay;
    first[i] += (change - first[i]) * (1 - b1);
    second[i] = second[i] * b2 + (1 - b2) * change * change;
    greatest[i] = Math.max(greatest[i], second[i]);
    parameters[i] -= (pace * first[i]) / (Math.sqrt(greatest[i]) / root + CFA.tiny);
  });
}

const SCORES = { spade, mahalanobis, padim, patchcore, cfa };

// A method fitted to all pictures, and its threshold from the scores that each picture gets when it is left out.
function assess(name, pictures, settings) {
  const fitted = SCORES[name](pictures, settings);
  if (!fitted) return { fitted: null, heldOut: [], threshold: null };
  const heldOut = pictures.flatMap((own, i) => {
    const others = SCORES[name](pictures.filter((_, j) => j !== i), settings);
    return others ? others.picture(own).filter((score) => !Number.isNaN(score)) : [];
  });
  return { fitted, heldOut, threshold: usual(heldOut) };
}

// As `thresholds.usual`: the j-th largest, where j in k + 1 is the rate nearest to 5 %; null of nothing.
function usual(heldOut) {
  const k = heldOut.length;
  let allowed = 1;
  const off = (j) => Math.round(Math.abs(j / (k + 1) - 0.05) * 1e12);
  for (let j = 2; j <= k; j++) if (off(j) < off(allowed)) allowed = j;
  return k ? { value: [...heldOut].sort((a, b) => b - a)[allowed - 1], allowed, of: k + 1 } : null;
}

// A score as a multiple of the threshold; null where there is none to measure by.
function multiple(score, threshold) {
  return threshold && threshold.value > 0 && !Number.isNaN(score) ? score / threshold.value : null;
}
