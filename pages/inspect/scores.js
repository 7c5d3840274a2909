// One row per method: map before and after, an arrow from the old score to the new one across the threshold, the verdict.

const AXIS = 230, AXIS_HIGH = 44;

class Scores {
  constructor(element) {
    this.element = element;
    this.rows = new Map();
  }

  update({ rows, words, refused, paint }, table, base) {
    const head = make("div", "score-row score-head");
    for (const word of [words.method, words.untouched, "", words.painted, words.axis, words.verdict]) head.append(make("span", "", word));
    const end = Math.max(1.6, ...rows.map((row) => Math.max(row.before ?? 0, row.after ?? 0))) * 1.12;
    this.element.replaceChildren(head, ...rows.map((row) => this.row(row, words, { table, paint }, base, end)));
    if (refused) this.element.append(make("p", "refused", refused));
  }

  row(row, words, colours, base, end) {
    const element = make("div", "score-row");
    element.setAttribute("aria-label", row.alt ?? row.title);
    element.dataset.key = row.key;
    const verdict = make("div", "says");
    if (row.painted || row.before === null) verdict.append(make("span", `chip ${row.verdict || "none"}`, row.word));
    if (row.change) verdict.append(make("small", "change", row.change));
    element.append(
      make("h2", row.focus ? "focus" : "", row.title),
      this.tile(row.key, "before", row.mapBefore, base, words, colours),
      make("span", "to", "→"),
      row.painted ? this.tile(row.key, "after", row.mapAfter, base, words, colours, true) : make("span", "tile small empty"),
      arrow(row, end),
      verdict,
    );
    return element;
  }

  tile(key, when, map, base, words, colours, painted = false) {
    const name = `${key} ${when}`;
    if (!map) return make("span", "nothing", words.no_map);
    let kept = this.rows.get(name);
    if (!kept) {
      const tile = make("span", "tile small");
      this.rows.set(name, (kept = { tile, layer: layers(tile) }));
    }
    show(kept.layer, { base: base.key, map, mask: null, ...colours });
    if (painted) kept.layer.image.src = base.painted;
    return kept.tile;
  }
}

function arrow({ before, after, painted, alt }, end) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${AXIS} ${AXIS_HIGH}`);
  svg.setAttribute("class", "arrow");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", alt ?? "");
  if (before === null) return svg;
  const y = 28, at = (v) => 4 + (Math.max(0, v) / end) * (AXIS - 8);
  const add = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, v] of Object.entries(attributes)) node.setAttribute(key, v);
    if (text !== undefined) node.textContent = text;
    svg.append(node);
  };
  add("path", { class: "rail", d: `M2 ${y}H${AXIS - 2}` });
  add("path", { class: "threshold", d: `M${at(1)} ${y - 12}V${y + 12}` });
  const right = after >= before, close = Math.abs(at(after) - at(before)) < 30;
  if (painted && Math.abs(at(after) - at(before)) > 6) {
    const tip = at(after), back = right ? -7 : 7;
    add("path", { class: "way", d: `M${at(before) + (right ? 4 : -4)} ${y}H${tip + back / 2}` });
    add("path", { class: "tip", d: `M${tip} ${y}l${back} -4.500v9z` });
  } else if (painted) add("circle", { class: "tip", cx: at(after), cy: y, r: 3 });
  add("circle", { class: "from", cx: at(before), cy: y, r: 3.8 });
  const inside = (v) => Math.min(AXIS - 14, Math.max(14, v));
  const apart = close && painted ? (right ? -1 : 1) : 0; // numbers that would overlap step aside
  const anchor = (way) => (way < 0 ? "end" : way > 0 ? "start" : "middle");
  add("text", { class: "was", x: inside(at(before) + 2 * apart), y: 13, "text-anchor": anchor(apart) }, before.toFixed(2));
  if (painted) add("text", { class: "is", x: inside(at(after) - 2 * apart), y: 13, "text-anchor": anchor(-apart) }, after.toFixed(2));
  return svg;
}
