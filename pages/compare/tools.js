// The line above the grid: kind of map, opacity, outline, colours, order, and the legend.

class Tools {
  constructor(root, grid) {
    this.grid = grid;
    const find = (name) => root.querySelector(`.tools .${name}`);
    this.parts = Object.fromEntries(["modes", "opacity", "outline", "colour", "order", "legend"].map((n) => [n, find(n)]));
    this.scales = root.querySelector(".scales");
    const { modes, opacity, outline, colour, order } = this.parts;
    modes.addEventListener("change", (event) => this.set({ mode: event.target.value }));
    opacity.querySelector("input").addEventListener("input", (event) => this.set({ opacity: event.target.value / 100 }));
    outline.addEventListener("click", () => this.set({ outline: !view.outline }));
    colour.addEventListener("change", () => {
      grid.data.colour = colour.value;
      grid.look();
      grid.state("colour", colour.value);
    });
    order.addEventListener("change", () => grid.state("order", order.value));
  }

  set(change) {
    Object.assign(view, change);
    this.grid.look();
  }

  update() {
    const { words, colour, order, orders, paint } = this.grid.data;
    const { modes, opacity, outline, legend } = this.parts;
    modes.setAttribute("aria-label", words.modes);
    for (const [value, label] of Object.entries(words.mode)) write(modes.querySelector(`[data-word=${value}]`), label);
    write(opacity.querySelector("span"), words.opacity);
    write(outline.querySelector("span"), words.outline);
    this.options(this.parts.colour, Object.keys(paint.palettes).map((name) => [name, words.colour[name]]), colour, words.colours);
    this.options(this.parts.order, orders, order, words.orders);
    write(this.scales, words.scales);
    this.scales.hidden = !words.scales;
    const [typical, one, two, three] = words.legend;
    write(legend.querySelector(".typical"), typical);
    [one, two, three].forEach((word, i) => {
      const tick = legend.querySelectorAll(".ticks span")[i];
      write(tick, word);
      if (i + 1 < paint.top) tick.style.left = `${(100 * (i + 1)) / paint.top}%`; // the last one stands at the right end
    });
  }

  options(select, entries, chosen, label) {
    select.setAttribute("aria-label", label);
    const written = JSON.stringify(entries);
    if (select.dataset.written !== written) {
      select.dataset.written = written;
      select.replaceChildren(...entries.map(([value, word]) => {
        const option = make("option", "", word);
        option.value = value;
        return option;
      }));
    }
    select.value = chosen;
  }

  look() {
    const { modes, opacity, outline, legend } = this.parts;
    modes.querySelector(`[value=${view.mode}]`).checked = true;
    const slider = opacity.querySelector("input");
    slider.value = 100 * view.opacity;
    slider.style.setProperty("--share", `${100 * view.opacity}%`);
    outline.setAttribute("aria-pressed", String(view.outline));
    const stops = [];
    for (let i = 0; i < 256; i += 5) {
      const [r, g, b, a] = this.grid.table.slice(4 * i, 4 * i + 4);
      stops.push(`rgb(${r} ${g} ${b} / ${a / 255})`);
    }
    legend.querySelector(".ramp i").style.background = `linear-gradient(90deg, ${stops.join()})`;
  }
}
