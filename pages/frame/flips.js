// Pictures whose verdict turned, as buttons.
const lists = new WeakMap();

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
    picture(item.base).then((uri) => (image.src = uri));
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
