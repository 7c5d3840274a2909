// One row per method: small map, verdict, sentence, what the place was compared with, and where its value lies.

class Reason {
  constructor(room) {
    this.room = room;
    this.element = make("article", "reason");
    this.tile = make("button", "tile small");
    this.tile.type = "button";
    this.tile.addEventListener("click", () => this.room.show(this.row.map ? this.row.key : gradientOf(this.row)));
    this.says = make("div", "says");
    this.crops = make("div", "crops");
    this.among = make("div", "among");
    this.element.append(this.tile, this.says, this.crops, this.among);
  }

  update(row, data) {
    this.row = row;
    this.element.dataset.state = row.state;
    this.element.setAttribute("aria-label", row.title);
    const written = JSON.stringify([row, data.base, data.gradient, data.words.show_map]);
    if (written !== this.written) {
      this.written = written;
      this.picture(row, data);
      this.words(row);
      this.comparison(row);
      this.distribution(row, data);
    }
    if (this.layers) show(this.layers, { base: data.base, map: row.map, mask: null, table: this.room.table, paint: data.paint });
  }

  picture(row, data) {
    this.tile.replaceChildren();
    this.layers = null;
    this.tile.disabled = row.state !== "done" || !(row.map || row.gradient);
    this.tile.classList.toggle("dashed", row.state === "done" && !row.map && !row.gradient);
    this.tile.removeAttribute("aria-label");
    if (row.state === "done" && row.map) {
      this.layers = layers(this.tile);
      this.tile.setAttribute("aria-label", fill(data.words.show_map, { method: row.title }));
    } else if (row.state === "done" && row.gradient) {
      show(layers(this.tile), { base: data.base, map: row.gradient, mask: null, table: this.room.heat, paint: data.paint, mode: EVERYTHING });
      this.tile.setAttribute("aria-label", `${data.gradient.label}, ${row.title}`);
    } else {
      if (row.state === "fitting") {
        const track = make("i", "track"), done = make("i", "done");
        done.style.width = `${100 * row.share}%`;
        track.append(done);
        this.tile.append(track);
      }
      this.tile.append(make("span", "message", row.state === "done" ? row.mapText : row.text));
    }
  }

  words(row) {
    const title = make("h2", row.focus ? "focus" : "", row.title);
    if (row.note) title.append(make("small", "", row.note));
    this.says.replaceChildren(title);
    if (row.state !== "done") return;
    const line = make("div", "verdict");
    line.append(make("span", `chip ${row.verdict || "none"}`, row.word));
    if (row.score) {
      const score = make("span", "score");
      score.append(make("b", "", row.score), document.createTextNode(` ${row.unit}`));
      score.title = row.raw;
      line.append(score);
    }
    this.says.append(line, make("p", "", row.sentence ?? ""));
  }

  comparison(row) {
    this.crops.replaceChildren();
    this.crops.classList.toggle("levels", Boolean(row.bars?.length));
    for (const crop of row.crops ?? []) {
      const figure = make("figure", crop.strong ? "crop strong" : "crop");
      const square = make("div", "square"), image = make("img"), frame = make("i", "frame");
      square.style.aspectRatio = crop.shape;
      image.src = crop.uri;
      image.alt = crop.alt;
      if (crop.title) figure.title = crop.title;
      const [left, top, width, height] = crop.frame;
      Object.assign(frame.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
      square.append(image, frame);
      const caption = make("figcaption", "", inParts(crop.label));
      if (crop.below) caption.append(make("span", "", inParts(crop.below)));
      figure.append(square, caption);
      this.crops.append(figure);
    }
    if (!row.bars?.length) return;
    for (const { label, share, text, strong } of row.bars) {
      const track = make("i", "track"), done = make("i", strong ? "done strong" : "done");
      done.style.width = `${100 * share}%`;
      track.append(done);
      if (row.line) track.append(make("i", "line"));
      this.crops.append(make("span", "", label), track, make("span", "figure", text));
    }
    this.crops.append(make("span", "tail", row.barsNote));
  }

  distribution(row, data) {
    this.among.replaceChildren();
    if (row.histogram) this.among.append(histogram(row.histogram));
    if (row.shares) {
      const line = make("div", "shares");
      line.title = row.shares.note;
      for (const { label, share, text } of row.shares.parts) {
        const part = make("span", "", label);
        part.style.flexGrow = Math.max(share, 0.02);
        part.title = `${label}: ${text}`;
        line.append(part);
      }
      this.among.append(line, make("small", "", row.shares.note));
    }
    if (row.state === "done" && row.gradientNote) {
      const { none, button } = data.gradient;
      const press = make("button", "link", button);
      press.type = "button";
      press.addEventListener("click", () => this.room.ask(row));
      this.among.append(make("p", "", none), press, make("p", "", row.gradientNote));
    }
  }
}

// Grey bars: held-out normal patches; dotted: 99 % of them lie below; teal: the place, at the edge when it lies beyond.
function histogram({ counts, low, high, q99, value, here, mark, alt }) {
  const width = 150, height = 62, base = 46;
  const end = Math.max(high, Math.min(value, low + 2.2 * (high - low)));
  const start = Math.min(low, value);
  const at = (v) => 2 + ((Math.min(v, end) - start) / (end - start || 1)) * (width - 4);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "histogram");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", alt);
  const add = (name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, v] of Object.entries(attributes)) node.setAttribute(key, v);
    if (text) node.textContent = text;
    svg.append(node);
    return node;
  };
  const most = Math.max(...counts, 1), step = (high - low) / counts.length;
  counts.forEach((count, i) => {
    const tall = count ? Math.max(1, (count / most) * 32) : 0;
    const x = at(low + i * step);
    add("rect", { class: "bin", x: x.toFixed(1), y: (base - tall).toFixed(1), width: Math.max(0.8, at(low + (i + 1) * step) - x - 0.6).toFixed(1), height: tall.toFixed(1) });
  });
  add("path", { class: "floor", d: `M0 ${base}H${width}` });
  add("path", { class: "mark", d: `M${at(q99).toFixed(1)} 14V${base}` });
  add("path", { class: "here", d: `M${at(value).toFixed(1)} 12V${base}` });
  const anchor = (x) => (x > width * 0.62 ? "end" : x < width * 0.3 ? "start" : "middle");
  add("text", { class: "here", x: Math.min(width - 1, Math.max(1, at(value))), y: 9, "text-anchor": anchor(at(value)) }, value > end ? `${here} →` : here);
  add("text", { class: "mark", x: at(q99), y: height - 4, "text-anchor": at(q99) > width - 14 ? "end" : "middle" }, mark);
  add("title", {}, alt);
  return svg;
}
