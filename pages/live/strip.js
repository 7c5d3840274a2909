// The frames that were taken, each removable. They stay in this browser too: a connection that was lost gets them anew.

class Taken {
  // `remove(number)` is called when one is taken away by hand.
  constructor(root, shared, remove) {
    Object.assign(this, { root, shared, remove });
    this.list = root.querySelector("ol");
    this.items = new Map();
  }

  get numbers() {
    return [...this.shared.frames.keys()];
  }

  add(number, jpeg) {
    this.shared.frames.set(number, jpeg);
  }

  // Keep what the server has of them.
  follow(numbers) {
    const there = new Set(numbers);
    for (const number of this.numbers) if (!there.has(number)) this.shared.frames.delete(number);
  }

  draw(words, enough) {
    const { frames } = this.shared;
    this.root.hidden = !frames.size;
    write(this.root.querySelector("h2"), fill(frames.size === 1 ? words.taken_one : words.taken, { n: frames.size, of: enough }));
    write(this.root.querySelector("p"), words.taken_help);
    for (const [number, item] of this.items) {
      if (frames.has(number)) continue;
      URL.revokeObjectURL(item.url);
      item.element.remove();
      this.items.delete(number);
    }
    let place = 0;
    for (const [number, jpeg] of frames) {
      place += 1;
      if (!this.items.has(number)) this.items.set(number, this.make(number, jpeg));
      const { element, button } = this.items.get(number);
      button.setAttribute("aria-label", fill(words.remove, { n: place }));
      button.title = button.getAttribute("aria-label");
      if (this.list.children[place - 1] !== element) this.list.insertBefore(element, this.list.children[place - 1] ?? null);
    }
  }

  make(number, jpeg) {
    const url = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    const element = make("li"), button = make("button"), image = make("img");
    image.src = url;
    image.alt = "";
    button.type = "button";
    button.append(image, make("span", "", "×"));
    button.addEventListener("click", () => {
      const next = element.nextElementSibling ?? element.previousElementSibling;
      this.remove(number);
      next?.querySelector("button").focus();
    });
    element.append(button);
    return { element, button, url };
  }
}

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}
