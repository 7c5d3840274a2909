// The film strip: pictures around the shown one, the one before and the one after, and which kind of pictures.

class Strip {
  constructor(room) {
    this.room = room;
    const find = (name) => room.root.querySelector(`.${name}`);
    Object.assign(this, { kinds: find("kinds"), strip: find("strip"), before: find("before"), after: find("after") });
    for (const name of ["before", "after"]) this[name].addEventListener("click", () => room.turn(name));
  }

  update({ strip, before, after, roles, words }) {
    this.strip.setAttribute("aria-label", words.strip);
    this.strip.setAttribute("role", "group");
    const written = JSON.stringify([strip, before, after, roles]);
    if (written === this.written) return;
    this.written = written;
    const focused = this.strip.matches(":focus-within");
    this.strip.replaceChildren(...strip.map(({ key, title, uri, chosen }) => {
      const button = make("button", chosen ? "chosen" : ""), image = make("img"), name = make("span");
      button.type = "button";
      button.title = title;
      button.setAttribute("aria-pressed", String(chosen));
      image.src = uri;
      image.alt = "";
      name.textContent = inParts(title);
      button.append(image, name);
      button.addEventListener("click", () => this.room.open(key));
      return button;
    }));
    if (focused) this.strip.querySelector(".chosen")?.focus();
    write(this.before, before?.title);
    write(this.after, after?.title);
    this.before.style.visibility = before ? "" : "hidden";
    this.after.style.visibility = after ? "" : "hidden";
    segments(this.kinds, "kind", words.roles, roles.map(({ key, title, chosen }) => ({ value: key, title, chosen })), (key) => this.room.open(key));
  }
}

// A name that may break where its parts end, and not within a word.
function inParts(name) {
  return name.replace(/[/_-]+(?=.)/g, "$&\u200b");
}

// Radio buttons that look like one control.
function segments(fieldset, name, label, options, chosen) {
  fieldset.setAttribute("aria-label", label);
  const titles = JSON.stringify(options.map(({ value, title }) => [value, title]));
  if (fieldset.dataset.titles !== titles) {
    fieldset.dataset.titles = titles;
    fieldset.replaceChildren(...options.map(({ value, title }) => {
      const outer = make("label"), input = make("input");
      Object.assign(input, { type: "radio", name, value });
      input.addEventListener("change", () => chosen(value));
      outer.append(input, make("span", "", title));
      return outer;
    }));
  }
  options.forEach(({ value, chosen: on }) => (fieldset.querySelector(`[value="${CSS.escape(value)}"]`).checked = on));
}
