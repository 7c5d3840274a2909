// Five pictures on the way from a picture to its score. Choosing one puts it into focus; a click in the picture in focus,
// or an arrow key there, moves the patch.

const SVG = "http://www.w3.org/2000/svg", SVG_TYPE = "image/svg+xml";
const MOVE = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".path");
  const state = (host.state ??= {});
  Object.assign(state, { data, send: setTriggerValue, spoken: parentElement.querySelector(".spoken") });
  const written = JSON.stringify(data);
  if (state.written === written) return;
  state.written = written;
  host.lang = data.language;
  host.style.setProperty("--shape", data.shape);
  host.setAttribute("aria-label", data.label);
  if (host.children.length !== data.steps.length) build(host, state);
  data.steps.forEach((step, i) => fill(host.querySelectorAll(".step")[i], step, i, data));
  if (state.active !== data.active) {
    if (state.active !== undefined) state.spoken.textContent = data.steps[data.active].title;
    const shown = host.querySelectorAll(".step")[data.active];
    if (host.scrollWidth > host.clientWidth) host.scrollLeft = shown.offsetLeft - host.offsetLeft - (host.clientWidth - shown.clientWidth) / 2;
  }
  state.active = data.active;
}

function build(host, state) {
  host.replaceChildren();
  state.data.steps.forEach((_, i) => {
    const step = make("div", "step");
    const head = make("button", "head");
    head.setAttribute("role", "tab");
    head.append(make("i", "", String(i + 1)), make("span", ""));
    const pane = make("button", "pane");
    const holder = make("div", "holder");
    holder.append(pane);
    if (i) holder.append(arrow());
    step.append(head, holder, make("p", "caption"));
    host.append(step);
    head.addEventListener("click", () => focus(state, i));
    head.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: state.data.steps.length - 1 }[event.key];
      if (to === undefined || !state.data.steps[to]) return;
      event.preventDefault();
      host.querySelectorAll(".head")[to].focus();
      focus(state, to);
    });
    pane.addEventListener("click", (event) => {
      if (state.data.active !== i) return focus(state, i);
      if (!state.data.steps[i].aims || !event.detail) return;
      const box = pane.getBoundingClientRect();
      aim(state, (event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width);
    });
    pane.addEventListener("keydown", (event) => {
      const move = MOVE[event.key];
      if (!move || state.data.active !== i || !state.data.steps[i].aims) return;
      event.preventDefault();
      const [top, left, high, wide] = state.pending ?? state.data.frame;
      moveTo(state, top + high / 2 + move[0] * high, left + wide / 2 + move[1] * wide, high, wide);
    });
  });
}

function fill(element, step, i, data) {
  const active = i === data.active;
  element.classList.toggle("active", active);
  const [head, holder, caption] = element.children;
  const pane = holder.firstChild;
  head.setAttribute("aria-selected", active);
  head.tabIndex = active ? 0 : -1;
  head.lastChild.textContent = step.title;
  pane.classList.toggle("aims", Boolean(step.aims));
  pane.setAttribute("aria-label", step.aims && active ? `${step.alt} ${data.hint}` : step.alt);
  caption.textContent = step.caption;
  const content = JSON.stringify([step.image, step.drawing]);
  if (pane.content !== content) {
    pane.content = content;
    if (step.drawing) pane.replaceChildren(new DOMParser().parseFromString(step.drawing, SVG_TYPE).documentElement);
    else {
      const image = make("img", step.cells ? "cells" : "");
      image.alt = "";
      image.src = step.image;
      pane.replaceChildren(image);
    }
  }
  pane.querySelector(".frame")?.remove();
  if (step.aims && data.frame) pane.append(frame(data.frame));
}

function frame([top, left, high, wide]) {
  const element = make("div", "frame");
  Object.assign(element.style, {
    top: `${100 * (top + high / 2)}%`, left: `${100 * (left + wide / 2)}%`,
    width: `${100 * wide}%`, height: `${100 * high}%`,
  });
  return element;
}

function focus(state, i) {
  if (i !== state.data.active) state.send("step", i);
}

function aim(state, y, x) {
  state.send("place", { y: within(y), x: within(x) });
}

function moveTo(state, y, x, high, wide) {
  // Keys come faster than answers: the frame moves at once, the place travels when the keys rest.
  state.pending = [within(y) - high / 2, within(x) - wide / 2, high, wide];
  clearTimeout(state.timer);
  state.timer = setTimeout(() => { state.pending = null; aim(state, y, x); }, 250);
}

function within(share) {
  return Math.min(0.9999, Math.max(0, share));
}

function arrow() {
  const element = make("div", "arrow");
  element.setAttribute("aria-hidden", "true");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 14 14");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M1 7H12M7.5 2.5L12 7L7.5 11.5");
  svg.append(line);
  element.append(svg);
  return element;
}

function make(kind, name, text) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
