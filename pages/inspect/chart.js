// Score against size or contrast, one line per method, with the threshold, and where each line crosses it.

const WIDE = 450, HIGH = 214, LEFT = 48, RIGHT = 10, TOP = 12, BOTTOM = 40;

function chart(sweep, words) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute("role", "img");
  const says = sweep.lines.map(({ title, says }) => `${title}: ${says}`).join("; ");
  svg.setAttribute("aria-label", fill(words.alt, { axis: sweep.axis, lines: says }));
  const most = Math.max(1.3, ...sweep.lines.flatMap((line) => line.ratios)) * 1.04;
  const least = Math.min(0.6, ...sweep.lines.flatMap((line) => line.ratios));
  const end = sweep.sizes.at(-1) || 1;
  const x = (v) => LEFT + (v / end) * (WIDE - LEFT - RIGHT);
  const y = (v) => HIGH - BOTTOM - ((v - least) / (most - least)) * (HIGH - TOP - BOTTOM);
  const add = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, v] of Object.entries(attributes)) node.setAttribute(key, v);
    if (text !== undefined) node.textContent = text;
    svg.append(node);
  };
  for (const tick of ticks(end)) {
    add("path", { class: "guide", d: `M${x(tick)} ${TOP}V${HIGH - BOTTOM}` });
    add("text", { x: x(tick), y: HIGH - BOTTOM + 17, "text-anchor": "middle" }, String(tick));
  }
  for (const tick of ticks(most).filter((v) => v > least && Math.abs(y(v) - y(1)) > 14)) add("text", { x: LEFT - 10, y: y(tick) + 4, "text-anchor": "end" }, String(tick));
  add("text", { x: (x(0) + x(end)) / 2, y: HIGH - 4, "text-anchor": "middle" }, sweep.axis);
  add("path", { class: "threshold", d: `M${LEFT} ${y(1)}H${x(end)}` });
  add("text", { class: "threshold", x: LEFT - 10, y: y(1) + 4, "text-anchor": "end" }, words.threshold);
  const ordered = sweep.lines.slice().sort((a, b) => a.focus - b.focus); // the one in focus lies on top
  for (const { ratios, focus } of ordered) {
    add("path", { class: focus ? "curve focus" : "curve", d: ratios.map((r, i) => `${i ? "L" : "M"}${x(sweep.sizes[i]).toFixed(1)} ${y(r).toFixed(1)}`).join("") });
  }
  for (const { at, focus } of ordered) if (at !== null) add("circle", { class: focus ? "cross focus" : "cross", cx: x(at), cy: y(1), r: 4 });
  return svg;
}

// Where each method begins to miss, the keenest first.
function legend(sweep, words) {
  const list = make("div", "legend");
  list.append(make("div", "", words.below), ...sweep.lines.map(({ title, says, focus }) => {
    const line = make("div");
    line.append(make("b", focus ? "focus" : "", title), make("span", "", says));
    return line;
  }));
  return list;
}

function ticks(end) {
  const rough = end / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

function listed(table, sweep) {
  const row = (cells, kind) => {
    const line = make("tr");
    line.append(...cells.map((cell) => make(kind, "", cell)));
    return line;
  };
  table.replaceChildren(
    row([sweep.axis, ...sweep.lines.map((line) => line.title)], "th"),
    ...sweep.sizes.map((size, i) => row([size < 10 ? size.toFixed(1) : size.toFixed(0), ...sweep.lines.map((line) => line.ratios[i].toFixed(2))], "td")),
  );
}
