// What every component that draws pictures and maps needs: elements, drawings, and how maps are looked at.

// Mode, opacity and outline are the browser's own: they survive page changes and never travel.
const view = (window.oddOneOutView ??= { mode: "overlay", opacity: 1, outline: true });
const SVG = "http://www.w3.org/2000/svg";

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function write(element, text) {
  const wanted = text ?? "";
  if (element.textContent !== wanted) element.textContent = wanted;
}

function drawing(className, paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const name of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}
