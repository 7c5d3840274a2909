// One pane: a picture or a map with its verdict below, or the state that holds its place.

const STEP = 8; // of the keyboard's crosshair, in pixels

class Pane {
  constructor(row, grid) {
    this.row = row;
    this.grid = grid;
    this.element = make("div", "pane");
    this.name = make("div", "pane-name");
    this.tile = make("div", "tile");
    this.tile.setAttribute("role", "button");
    this.foot = make("div", "foot");
    this.element.append(this.name, this.tile, this.foot);
    this.value = make("span", "value");
    this.map = null;
    this.listen();
  }

  update(cell, name) {
    this.cell = cell;
    write(this.name, name);
    this.tile.dataset.state = cell.state;
    const shown = JSON.stringify([cell.alt, cell.state, cell.map, cell.base, cell.mask, cell.levels, cell.text, cell.share]);
    if (shown !== this.shown) {
      this.shown = shown;
      this.tile.setAttribute("aria-label", cell.alt);
      const letters = this.row.data.cells[0].say ? this.grid.data.words.say.map(({ letter }) => letter) : [];
      this.tile.setAttribute("aria-keyshortcuts", letters.join(" "));
      this.fill();
    }
    this.footer();
  }

  fill() {
    const { cell } = this;
    this.map = null;
    this.canvas = null;
    this.tile.replaceChildren();
    if (cell.state === "picture" || cell.state === "map") this.photograph();
    else if (cell.state === "levels") this.levels();
    else {
      if (cell.state === "fitting") {
        const track = make("i", "track");
        const done = make("i", "done");
        done.style.width = `${100 * cell.share}%`;
        track.append(done);
        this.tile.append(track);
      }
      if (cell.text) this.tile.append(make("span", "message", cell.text));
    }
  }

  photograph() {
    const { cell } = this;
    const lens = make("div", "lens");
    const image = make("img");
    image.alt = "";
    image.draggable = false;
    lens.append(image);
    stored(cell.base).then((uri) => (image.src = uri));
    if (cell.map) {
      this.canvas = make("canvas");
      this.lines = drawing("lines", ["halo", "one", "two", "three"]);
      this.rim = drawing("rim", ["halo", "line"]); // overlays of 1 to 1.6 fade on some pictures for colour-blind eyes
      lens.append(this.canvas, this.lines, this.rim);
      bytes(cell.map).then((map) => {
        if (this.cell.map !== cell.map) return;
        this.map = map;
        this.colour();
        this.row.point();
      });
    }
    if (cell.mask) {
      const edge = drawing("edge", ["halo", "line"]);
      lens.append(edge);
      bytes(cell.mask).then((mask) => fillEdge(edge, mask));
    }
    this.tile.append(lens, make("i", "across"), make("i", "down"), this.value);
  }

  levels() {
    const { cell } = this;
    this.tile.append(make("span", "heading", cell.text));
    const bars = make("div", cell.levels.length > 5 ? "bars many" : "bars");
    cell.levels.forEach(({ label, share, text, strong }) => {
      const track = make("i", "track");
      const done = make("i", strong ? "done strong" : "done");
      done.style.width = `${100 * share}%`;
      track.append(done);
      bars.append(make("span", "", label), track, make("span", "figure", text));
    });
    this.tile.append(bars, make("span", "tail", cell.tail));
    this.tile.removeAttribute("aria-label"); // its name is all that it holds
    this.tile.prepend(make("span", "unseen", cell.alt));
  }

  colour() {
    if (!this.map || !this.canvas) return;
    const contours = view.mode === "contour";
    this.rim.style.display = view.mode === "overlay" ? "" : "none";
    if (view.mode === "overlay") fillRim(this.rim, this.map, this.grid.data.paint);
    this.canvas.hidden = contours;
    this.lines.style.display = contours ? "" : "none";
    if (contours) fillContours(this.lines, this.map, this.grid.table, this.grid.data.paint);
    else fillCanvas(this.canvas, this.map, this.grid.table);
  }

  footer() {
    const { foot, cell } = this;
    const say = cell.say ? this.grid.data.words.say : [];
    const written = JSON.stringify([cell.verdict, cell.word, cell.score, cell.unit, cell.note, cell.ratio, cell.title, say]);
    if (written === this.written) return;
    this.written = written;
    foot.replaceChildren();
    if (cell.title !== undefined) {
      foot.append(make("b", "title", cell.title), make("span", "note", cell.note));
      if (say.length) foot.append(this.saying(say));
      return;
    }
    if (!cell.verdict) return;
    const line = make("div", "verdict");
    const chip = make("span", `chip ${cell.verdict}`, cell.word);
    const score = make("span", "score");
    score.append(make("b", "", cell.score), make("span", "unit", cell.unit));
    if (cell.raw) score.title = cell.raw;
    line.append(chip, score);
    foot.append(line);
    if (cell.ratio !== null) {
      const track = make("i", "scale");
      const done = make("i", cell.ratio > 1 ? "done strong" : "done");
      done.style.width = `${Math.min(100, (100 * cell.ratio) / 3)}%`;
      track.append(done, make("i", "threshold"));
      foot.append(track);
    }
    foot.append(make("span", "note", cell.note));
  }

  // What can be said of the row's picture, by click; in any of its panes by key.
  saying(say) {
    const line = make("div", "say");
    for (const { action, label, title, letter } of say) {
      const button = make("button", "", label);
      button.type = "button";
      button.tabIndex = -1; // its letter does the same in any pane of the row
      button.title = `${title} (${letter})`;
      button.setAttribute("aria-label", `${title}: ${this.cell.title}`);
      button.addEventListener("click", () => this.row.say(action));
      line.append(button);
    }
    return line;
  }

  place(event) {
    const box = this.tile.getBoundingClientRect();
    const { zoom, left, top } = this.row.lens;
    return pixelAt(this.row.data, ((event.clientX - box.left) / box.width - left) / zoom, ((event.clientY - box.top) / box.height - top) / zoom);
  }

  listen() {
    const { tile, row } = this;
    let drag = null;
    tile.addEventListener("pointermove", (event) => {
      if (drag && event.buttons && row.lens.zoom > 1) {
        drag.moved += Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y);
        row.move((event.clientX - drag.x) / tile.clientWidth, (event.clientY - drag.y) / tile.clientHeight);
        Object.assign(drag, { x: event.clientX, y: event.clientY });
      } else if (event.pointerType !== "touch") row.point(...this.place(event));
    });
    tile.addEventListener("pointerdown", (event) => (drag = { x: event.clientX, y: event.clientY, moved: 0 }));
    tile.addEventListener("pointerleave", () => (drag = null));
    tile.addEventListener("click", (event) => {
      if (!drag || drag.moved < 4) this.pick(...(event.detail ? this.place(event) : row.at ?? this.peak()));
      drag = null;
    });
    tile.addEventListener("wheel", (event) => {
      if (!this.canvas && this.cell.state !== "picture") return;
      // A plain wheel scrolls the page until a row is enlarged; Ctrl, Shift, Command or a pinch enlarge it.
      const asked = event.ctrlKey || event.shiftKey || event.metaKey || row.lens.zoom > 1;
      if (!asked) return;
      event.preventDefault();
      const box = tile.getBoundingClientRect();
      const turn = Math.abs(event.deltaY) > Math.abs(event.deltaX) ? event.deltaY : event.deltaX;
      row.enlarge(Math.exp(-turn / 400), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      row.point(...this.place(event));
    }, { passive: false });
    tile.addEventListener("focus", () => {
      row.panes.forEach((pane) => (pane.tile.tabIndex = pane === this ? 0 : -1));
      if (tile.matches(":focus-visible")) row.point(...(row.at ?? this.peak()));
    });
    tile.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const { row } = this;
    const [height, width] = row.data.size;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = row.at ?? this.peak();
    if (way && (event.ctrlKey || event.metaKey)) this.grid.neighbour(this, ...way);
    else if (way) {
      const step = event.shiftKey ? 1 : STEP;
      const next = [x + step * way[0], y + step * way[1]];
      if (next[0] < 0 || next[0] >= width) this.grid.neighbour(this, way[0], 0);
      else row.point(next[0], within(next[1], height), true);
    } else if (event.key === "Enter" || event.key === " ") this.pick(x, y);
    else if (event.key === "+" || event.key === "=") row.enlarge(1.5, ...shareAt(row.data, x, y));
    else if (event.key === "-") row.enlarge(1 / 1.5, 0.5, 0.5);
    else if (!event.ctrlKey && !event.metaKey && !event.altKey && row.said(event.key)) row.say(row.said(event.key));
    else if (event.key === "0" || event.key === "Escape") row.enlarge(0, 0.5, 0.5);
    else return;
    event.preventDefault();
  }

  peak() {
    const map = this.map ?? this.row.panes.find((pane) => pane.map)?.map;
    const [height, width] = this.row.data.size;
    if (!map) return [width >> 1, height >> 1];
    let best = 0;
    for (let i = 1; i < map.values.length; i++) if (map.values[i] > map.values[best]) best = i;
    return [Math.floor(((best % map.width) * width) / map.width), Math.floor((Math.floor(best / map.width) * height) / map.height)];
  }

  read(x, y) {
    return this.map ? valueAt(this.map, x, y, this.row.data.size, this.grid.data.paint) : null;
  }

  pick(x, y) {
    const [height, width] = this.row.data.size;
    this.grid.trigger("picked", {
      row: this.row.data.picture, column: this.cell.column ?? null, x: within(x, width), y: within(y, height), at: Date.now(),
    });
  }
}
