// The pictures of a bar that was clicked, as buttons; their verdicts follow the threshold as it moves.

class Listed {
  constructor(root) {
    this.host = root.querySelector(".listed");
    hear(this.host, () => this.follow());
  }

  update(data, trigger) {
    Object.assign(this, { data, trigger });
    this.host.lang = data.language;
    this.host.style.setProperty("--shape", data.sprites.shape);
    this.follow();
  }

  follow() {
    const column = shared.model?.columns.get(this.data.key), { key, title, pictures, close } = this.data;
    if (!column) return;
    const written = JSON.stringify([this.data, pictures.map((i) => shared.model.verdict(column, i))]);
    if (written === this.written) return;
    this.written = written;
    const top = make("div", "top"), shut = make("button", "close", "×"), list = make("div", "thumbs");
    shut.setAttribute("aria-label", close);
    shut.addEventListener("click", () => this.trigger("closed", { at: Date.now() }));
    top.append(make("b", "", title), shut);
    list.append(...thumbnails(column, pictures, this.data, (i) => this.trigger("opened", { picture: i, column: key, at: Date.now() })));
    this.host.replaceChildren(top, list);
  }
}

const pages = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Listed(parentElement));
  pages.get(parentElement).update(data, setTriggerValue);
}
