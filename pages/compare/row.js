// One row: panes that share a crosshair and an enlargement; rows of the same picture share both.

class Row {
  constructor(grid) {
    this.grid = grid;
    this.element = make("div", "row");
    this.element.setAttribute("role", "group");
    this.top = make("div", "row-title");
    this.element.append(this.top);
    this.panes = [];
    this.lens = { zoom: 1, left: 0, top: 0 };
    this.at = null;
    this.element.addEventListener("pointerleave", () => {
      if (!this.element.matches(":focus-within")) this.grid.linked(this).forEach((row) => row.unpoint());
    });
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget)) this.grid.linked(this).forEach((row) => row.unpoint());
    });
  }

  update(data, heads) {
    this.data = data;
    this.element.setAttribute("aria-label", data.title);
    this.element.style.setProperty("--wide", data.fit[0]);
    this.element.style.setProperty("--high", data.fit[1]);
    this.top.replaceChildren(make("b", "", data.title), make("span", "", data.note));
    while (this.panes.length > data.cells.length) this.panes.pop().element.remove();
    data.cells.forEach((cell, i) => {
      const pane = (this.panes[i] ??= new Pane(this, this.grid));
      if (!pane.element.isConnected) this.element.append(pane.element);
      pane.update(cell, heads[i].short ?? heads[i].title);
    });
    if (!this.panes.some((pane) => pane.tile.tabIndex === 0)) this.panes.forEach((pane, i) => (pane.tile.tabIndex = i ? -1 : 0));
  }

  // The action that a letter stands for; nothing where the picture is none of the set's own.
  said(letter) {
    const say = this.data.cells[0].say ? this.grid.data.words.say : [];
    return say.find((each) => each.letter === letter.toUpperCase())?.action;
  }

  say(action) {
    this.grid.trigger("said", { row: this.data.picture, action, at: Date.now() });
  }

  point(x, y, aloud = false) {
    if (x !== undefined) {
      const [height, width] = this.data.size;
      if (x < 0 || y < 0 || x >= width || y >= height) return;
      this.grid.linked(this).forEach((row) => (row.at = [x, y]));
    }
    if (this.at) this.grid.linked(this).forEach((row) => row.show(aloud && row === this));
  }

  show(aloud) {
    const [x, y] = this.at;
    const { zoom, left, top } = this.lens;
    const [across, down] = shareAt(this.data, x, y);
    this.element.classList.add("pointed");
    this.element.style.setProperty("--x", `${100 * (across * zoom + left)}%`);
    this.element.style.setProperty("--y", `${100 * (down * zoom + top)}%`);
    const spoken = [];
    this.panes.forEach((pane, i) => {
      const value = pane.read(x, y);
      write(pane.value, value === null ? `${y}, ${x}` : valueText(value, this.grid.data.paint));
      if (value !== null) spoken.push(`${this.grid.data.heads[i].title} ${value.toFixed(1)}`);
    });
    if (aloud) write(this.grid.spoken, `${y}, ${x}: ${spoken.join(", ")}`);
  }

  unpoint() {
    this.at = null;
    this.element.classList.remove("pointed");
  }

  enlarge(factor, x, y) {
    const { zoom, left, top } = this.lens;
    const next = Math.min(16, Math.max(1, zoom * factor));
    this.settle({ zoom: next, left: x - ((x - left) / zoom) * next, top: y - ((y - top) / zoom) * next });
  }

  move(x, y) {
    this.settle({ ...this.lens, left: this.lens.left + x, top: this.lens.top + y });
  }

  settle({ zoom, left, top }) {
    const inside = (v) => Math.min(0, Math.max(1 - zoom, v));
    this.grid.linked(this).forEach((row) => {
      row.lens = { zoom, left: inside(left), top: inside(top) };
      row.element.classList.toggle("enlarged", zoom > 1);
      row.element.style.setProperty("--zoom", zoom);
      row.element.style.setProperty("--lens", zoom === 1 ? "none" : `translate(${100 * row.lens.left}%, ${100 * row.lens.top}%) scale(${zoom})`);
    });
    this.point();
  }
}
