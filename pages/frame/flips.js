// Pictures whose verdict turned, as buttons.
const lists = new WeakMap();
const SIDE = 56, LONGEST = 168; // pixels

// Whole and in its shape, with about the same area whatever that is.
function size(shape) {
  const width = Math.min(LONGEST, SIDE * Math.sqrt(shape), LONGEST * shape);
  return [width, width / shape];
}

function update(host, { items }, trigger) {
  const written = JSON.stringify(items);
  if (written === lists.get(host)) return;
  lists.set(host, written);
  host.replaceChildren(...items.map((item) => {
    const button = make("button");
    button.type = "button";
    button.setAttribute("aria-label", item.alt);
    const image = make("img");
    image.alt = "";
    const [width, height] = size(item.shape);
    Object.assign(image.style, { width: `${width}px`, height: `${height}px` });
    stored(item.base).then((uri) => (image.src = uri));
    const words = make("span");
    words.append(make("b", "", item.name), make("i", "", item.method), make("i", "", item.turn));
    button.append(image, words);
    button.addEventListener("click", () => trigger("opened", { picture: item.picture, column: item.column, at: Date.now() }));
    return button;
  }));
}

export default function ({ parentElement, data, setTriggerValue }) {
  update(parentElement.querySelector(".flips"), data, setTriggerValue);
}
