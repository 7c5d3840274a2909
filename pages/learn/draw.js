// A drawing is a list of marks in the units of its view box; colours come from the style sheet by class.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  circle: ["cx", "cy", "r"],
  ellipse: ["cx", "cy", "rx", "ry", "transform"],
  line: ["x1", "y1", "x2", "y2"],
  rect: ["x", "y", "width", "height", "rx"],
  path: ["d", "transform"],
  text: ["x", "y", "text-anchor", "transform"],
};

function shape(kind, mark) {
  const element = document.createElementNS(SVG, kind);
  for (const name of SHAPES[kind]) if (mark[name] !== undefined) element.setAttribute(name, mark[name]);
  if (mark.class) element.setAttribute("class", mark.class);
  if (kind === "text") element.textContent = mark.said;
  else if (mark.said) {
    const title = document.createElementNS(SVG, "title");
    title.textContent = mark.said;
    element.append(title);
  }
  return element;
}

function draw({ width, height, label, marks }) {
  const root = document.createElementNS(SVG, "svg");
  root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("role", "img");
  root.setAttribute("aria-label", label);
  for (const mark of marks) {
    if (mark.kind === "dots") {
      for (const [cx, cy] of mark.points) root.append(shape("circle", { cx, cy, r: mark.r, class: mark.class }));
    } else if (mark.kind in SHAPES) root.append(shape(mark.kind, mark));
  }
  return root;
}
