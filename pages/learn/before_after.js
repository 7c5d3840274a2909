// Two pictures of the same place: left of the handle the first, right of it the second. Arrows move it too.
export default function ({ parentElement, data }) {
  const figure = parentElement.querySelector("figure");
  const [under, over] = figure.querySelectorAll("img");
  const handle = figure.querySelector("input");
  const [left, right] = figure.querySelectorAll("figcaption span");
  figure.style.setProperty("--shape", data.shape);
  under.src = data.before;
  over.src = data.after;
  under.alt = data.words[0];
  over.alt = data.words[1];
  left.textContent = data.words[0];
  right.textContent = data.words[1];
  handle.setAttribute("aria-label", data.label);
  const move = () => {
    figure.style.setProperty("--share", `${handle.value}%`);
    handle.setAttribute("aria-valuetext", `${handle.value} % ${data.words[0]}`);
  };
  handle.oninput = move;
  move();
}
