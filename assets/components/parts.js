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
  svg.setAttribute("preserveAspectRatio", "none"); // a picture is as wide as its file, its pixels are as the input's
  for (const name of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}

// Where a picture of [height, width] pixels lies in its pane: `fit` is the share of the pane's width and height that it
// takes, in the middle. The pixel at shares of the pane, which may lie beyond the picture; the shares at a pixel's middle.
function pixelAt({ size: [height, width], fit: [wide, high] }, across, down) {
  return [Math.floor(((across - (1 - wide) / 2) / wide) * width), Math.floor(((down - (1 - high) / 2) / high) * height)];
}

function shareAt({ size: [height, width], fit: [wide, high] }, x, y) {
  return [((x + 0.5) / width) * wide + (1 - wide) / 2, ((y + 0.5) / height) * high + (1 - high) / 2];
}

function within(v, count) {
  return Math.min(count - 1, Math.max(0, v));
}
