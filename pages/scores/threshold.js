// What the three parts of the Scores page share: scores, the threshold, verdicts, thumbnails. Whoever moves the threshold
// publishes it, and every part follows at once; nothing of this asks the server.
// The files of this folder are joined: threshold before axis and lanes, before curves, before verdicts.

const shared = (odd.scores ??= { model: null, hearers: new Map(), sheets: new Map(), bars: null, byValue: false });
const Z = 1.959963984540054;

function make(tag, name = "", written) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (written !== undefined) element.textContent = written;
  return element;
}

function draw(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function write(element, written) {
  if (element.textContent !== written) element.textContent = written;
}

// A text with its values; where it has two forms, the count `n` chooses.
function fill(template, values) {
  const written = typeof template === "string" ? template : template[values.n === 1 ? "one" : "other"];
  return written.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A sentence with what it is about in bold: the count or the step.
function rich(element, template, values) {
  const written = JSON.stringify([template, values]);
  if (element.dataset.written === written) return;
  element.dataset.written = written;
  element.replaceChildren(...template.split(/(\{(?:k|step)\})/).map((part) =>
    /^\{(?:k|step)\}$/.test(part) ? make("b", "", fill(part, values)) : document.createTextNode(fill(part, values))));
}

// Wilson's 95 % interval of a rate, as `detectors.evaluation.wilson`.
function wilson(count, of) {
  if (!of) return [0, 1];
  const rate = count / of, shrink = 1 + (Z * Z) / of, centre = (rate + (Z * Z) / (2 * of)) / shrink;
  const half = (Z / shrink) * Math.sqrt((rate * (1 - rate)) / of + (Z * Z) / (4 * of * of));
  return [count === 0 ? 0 : centre - half, count === of ? 1 : centre + half];
}

function percents([low, high]) {
  return `${Math.round(100 * low)}–${Math.round(100 * high)} %`;
}

// Scores of all methods against their thresholds, as `detectors.evaluation.thresholds` sets them.
class Model {
  constructor(data) {
    Object.assign(this, { pictures: data.pictures, heldNames: data.held, allowed: data.allowed, values: { ...data.values } });
    this.columns = new Map();
    for (const head of data.heads) {
      if (!head.scores) continue;
      const ranked = [...head.held].sort((a, b) => b - a);
      const half = ranked.length / 2;
      const median = ranked.length ? (ranked[Math.ceil(half) - 1] + ranked[Math.floor(half)]) / 2 : 0;
      this.columns.set(head.key, { key: head.key, title: head.title, scores: head.scores, held: head.held, ranked, median });
    }
    this.good = this.pictures.filter((p) => p.truth === 0).length;
    this.defective = this.pictures.filter((p) => p.truth === 1).length;
    this.unknown = this.pictures.length - this.good - this.defective;
  }

  get heldOut() {
    return this.heldNames.length;
  }

  step(column, allowed = this.allowed) {
    const k = column.ranked.length;
    return k ? column.ranked[Math.min(allowed, k) - 1] : null;
  }

  threshold(column) {
    return this.values[column.key] ?? this.step(column);
  }

  multiple(column, value, unit = this.threshold(column)) {
    if (unit === null) return null;
    return unit > 0 ? value / unit : 1 + (value - unit) / (unit > column.median ? unit - column.median : 1);
  }

  raw(column, multiple, unit) {
    return unit > 0 ? multiple * unit : unit + (multiple - 1) * (unit > column.median ? unit - column.median : 1);
  }

  promise() {
    return { j: Math.min(this.allowed, this.heldOut), of: this.heldOut + 1 };
  }

  // Whether false alarms exceed what a rate promised by more than chance, as `thresholds.exceeds_promise` says.
  breaks(column, [low]) {
    const { j, of } = this.promise();
    return !(column.key in this.values) && of > 1 && low > j / of;
  }

  verdict(column, i) {
    const threshold = this.threshold(column), { truth } = this.pictures[i];
    if (threshold === null) return "";
    const alarm = column.scores[i] > threshold;
    if (truth === null) return alarm ? "odd" : "normal";
    return truth ? (alarm ? "found" : "miss") : alarm ? "false_alarm" : "passed";
  }

  count(column) {
    const counts = { found: 0, miss: 0, false_alarm: 0, passed: 0, odd: 0, normal: 0, "": 0 };
    this.pictures.forEach((_, i) => (counts[this.verdict(column, i)] += 1));
    return counts;
  }

  // Pictures by verdict, the sorts in the order given, high scores first.
  having(column, sorts) {
    const all = this.pictures.map((_, i) => i).sort((a, b) => column.scores[b] - column.scores[a]);
    return sorts.flatMap((sort) => all.filter((i) => this.verdict(column, i) === sort));
  }
}

function hear(element, listener) {
  shared.hearers.set(element, listener);
}

function publish() {
  for (const [element, listener] of shared.hearers) {
    if (element.isConnected) listener();
    else shared.hearers.delete(element);
  }
}

// A sheet of thumbnails by its key, as an address that many elements may use.
function sheet(key) {
  if (!shared.sheets.has(key)) {
    shared.sheets.set(key, stored(key).then(async (data) => URL.createObjectURL(await (await fetch(data)).blob())));
    if (shared.sheets.size > 30) {
      const [oldest, address] = shared.sheets.entries().next().value;
      shared.sheets.delete(oldest);
      address.then((url) => URL.revokeObjectURL(url));
    }
  }
  return shared.sheets.get(key);
}

function tile(element, sprites, number) {
  const { keys, across, per } = sprites;
  const key = keys[Math.floor(number / per)];
  if (!key) return;
  const place = number % per;
  const at = (n) => (across > 1 ? (100 * n) / (across - 1) : 0); // as many down as across
  element.dataset.tile = `${key} ${place}`;
  sheet(key).then((url) => {
    if (element.dataset.tile !== `${key} ${place}`) return;
    element.style.backgroundImage = `url(${url})`;
    element.style.backgroundSize = `${100 * across}%`;
    element.style.backgroundPosition = `${at(place % across)}% ${at(Math.floor(place / across))}%`;
  });
}

function chip(verdict, words) {
  return make("span", `chip ${verdict}`, words.verdicts[verdict]);
}

function times(model, column, value, words) {
  const multiple = model.multiple(column, value);
  return multiple === null ? "" : fill(words.times, { x: multiple.toFixed(2) });
}

// Buttons with thumbnail, verdict, name and score; a click goes to `open`. Of many, the rest waits behind a button.
function thumbnails(column, indices, { words, sprites }, open, most = 24) {
  const model = shared.model;
  const made = indices.slice(0, most).map((i) => {
    const verdict = model.verdict(column, i), { name, synthetic } = model.pictures[i];
    const button = make("button", "thumb");
    const picture = make("i", "tile");
    tile(picture, sprites, i);
    const score = times(model, column, column.scores[i], words);
    button.append(picture, ...(verdict ? [chip(verdict, words)] : []), make("span", "called", name), make("span", "score", score));
    if (synthetic) button.append(make("span", "score", words.synthetic));
    button.setAttribute("aria-label", fill(words.thumb, { name, verdict: words.verdicts[verdict] ?? "", score }));
    button.addEventListener("click", () => open(i));
    return button;
  });
  if (indices.length > most) {
    const more = make("button", "more", fill(words.more, { n: indices.length - most }));
    more.addEventListener("click", () => more.replaceWith(...thumbnails(column, indices.slice(most), { words, sprites }, open, 600)));
    made.push(more);
  }
  return made;
}
