// One method: its name, its pictures in three lanes, its rates and its AUROC.

const RADIUS = { held: 3.6, good: 4.6, defective: 5.6 };
const NEAR = 11;

class Lane {
  constructor(page) {
    this.page = page;
    this.element = make("div", "line row");
    this.who = make("div", "who");
    this.chart = make("div", "chart");
    this.svg = draw("svg");
    this.chart.append(this.svg);
    this.rates = make("div", "rates");
    this.auroc = make("div", "auroc");
    this.drawer = make("div", "drawer");
    this.drawer.hidden = true;
    this.state = make("div", "state");
    this.element.append(this.who, this.chart, this.state, this.rates, this.auroc, this.drawer);
    this.marks = [];
    this.bars = [];
    this.listen();
  }

  update(head) {
    this.head = head;
    const { words } = this.page.data;
    this.column = shared.model.columns.get(head.key) ?? null;
    this.element.classList.toggle("focus", head.focus);
    this.element.dataset.state = head.state;
    this.chart.hidden = this.rates.hidden = this.auroc.hidden = !this.column;
    this.state.hidden = Boolean(this.column);
    const name = make("button", "name", head.title);
    name.setAttribute("aria-pressed", String(head.focus));
    name.addEventListener("click", () => this.page.focus(head.key));
    this.who.replaceChildren(name, ...head.lines.map((written) => make("span", "", written)));
    if (!this.column) return this.unfinished();
    this.chart.tabIndex = 0;
    this.chart.setAttribute("role", "group");
    this.figure(head.auroc, words);
    return undefined;
  }

  unfinished() {
    const { state, text, share } = this.head;
    const parts = [make("span", "", text)];
    if (state === "fitting") {
      const track = make("i", "track"), done = make("i", "done");
      done.style.width = `${100 * share}%`;
      track.append(done);
      parts.unshift(track);
    }
    this.state.replaceChildren(...parts);
    this.closeDrawer();
  }

  figure({ value, low, high, text, interval, reason }, words) {
    const head = make("span", "figure");
    head.append(make("b", "", text), document.createTextNode(` ${interval}`));
    this.auroc.title = reason;
    const scale = make("i", "scale");
    if (value !== null) scale.append(...this.page.data.auroc.ticks.map((tick) => this.at("tick", tick)), this.at("guessing", 0.5));
    if (value !== null && low !== null) {
      const bar = this.at("between", low);
      bar.style.width = `${100 * (this.share(high) - this.share(low))}%`;
      scale.append(bar);
    }
    if (value !== null) scale.append(this.at("dot", value));
    this.auroc.replaceChildren(head, scale, ...(value === null ? [make("span", "reason", reason)] : []));
    this.auroc.setAttribute("aria-label", `${words.auroc}: ${text} ${interval} ${reason}`);
    this.auroc.setAttribute("role", "img");
    if (value !== null) head.style.right = `${Math.max(0, 100 * (1 - this.share(high ?? value)))}%`;
  }

  share(value) {
    const { low } = this.page.data.auroc;
    return Math.max(0, (value - low) / (1 - low));
  }

  at(name, value) {
    const element = make("i", name);
    element.style.left = `${100 * this.share(value)}%`;
    return element;
  }

  // Place marks or bars anew: other data, another width, or a threshold that has come to rest.
  place() {
    if (!this.column) return;
    const { page, column } = this;
    const width = this.chart.clientWidth, height = this.chart.clientHeight;
    if (!width || !height) return;
    const margin = 8;
    this.scale = new Scale(shared.model, column, page.unit(column), page.axis, margin, width - margin);
    Object.assign(this, { width, height });
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.grid ??= this.svg.appendChild(draw("g", { class: "grid" }));
    this.body ??= this.svg.appendChild(draw("g"));
    this.path ??= this.svg.appendChild(draw("path", { class: "threshold" }));
    const own = page.narrow || this.scale.unit === null;
    this.grid.replaceChildren();
    for (const [x, word] of this.scale.ticks()) {
      this.grid.append(draw("line", { x1: x, x2: x, y1: 0, y2: height - (own ? 15 : 0) }));
      if (own) {
        const label = this.grid.appendChild(draw("text", { x, y: height - 2 }));
        label.textContent = word;
      }
    }
    this.bottom = height - (own ? 15 : 0);
    const barred = page.barred;
    if (barred !== this.barred) this.body.replaceChildren();
    this.barred = barred;
    if (barred) this.bins();
    else this.swarm();
    this.follow();
  }

  lane(i) {
    const { truth } = shared.model.pictures[i];
    return truth ? "defective" : "good";
  }

  swarm() {
    const { column, scale } = this;
    const rows = { held: [], good: [], defective: [] };
    column.held.forEach((score, i) => score !== null && rows.held.push({ score, held: i }));
    column.scores.forEach((score, i) => score !== null && rows[this.lane(i)].push({ score, i }));
    const before = new Map(this.marks.map((mark) => [mark.id, mark.element]));
    if (!this.body.firstChild) before.clear();
    this.marks = [];
    for (const [lane, row] of Object.entries(rows)) {
      for (const mark of row) mark.x = scale.to(mark.score);
      row.sort((a, b) => a.x - b.x);
      const levels = giveWay(row.map((mark) => mark.x), 2 * RADIUS[lane]);
      row.forEach((mark, n) => {
        mark.id = mark.i === undefined ? `held ${mark.held}` : `${mark.i}`;
        mark.y = LANES[lane] * this.bottom + levels[n] * 1.15 * RADIUS[lane];
        const r = RADIUS[lane];
        const truth = mark.i === undefined ? 0 : shared.model.pictures[mark.i].truth;
        mark.element = before.get(mark.id) ?? this.body.appendChild(markOf(truth, truth === null ? 0.85 * r : r));
        before.delete(mark.id);
        mark.element.style.transform = `translate(${mark.x.toFixed(1)}px, ${mark.y.toFixed(1)}px)`;
        mark.sort = null;
        this.marks.push(mark);
      });
    }
    for (const gone of before.values()) gone.remove();
    this.marks.sort((a, b) => a.x - b.x);
  }

  bins() {
    const { column, scale } = this;
    const size = (scale.right - scale.left) / BINS;
    const rows = { held: new Map(), good: new Map(), defective: new Map() };
    const put = (lane, score, entry) => {
      if (score === null) return;
      const bin = Math.min(BINS - 1, Math.floor((scale.to(score) - scale.left) / size));
      if (!rows[lane].has(bin)) rows[lane].set(bin, []);
      rows[lane].get(bin).push(entry);
    };
    column.held.forEach((score, held) => put("held", score, { held }));
    column.scores.forEach((score, i) => put(this.lane(i), score, { i }));
    this.body.replaceChildren();
    this.bars = [];
    for (const [lane, row] of Object.entries(rows)) {
      const fullest = Math.max(1, ...[...row.values()].map((entries) => entries.length));
      const base = this.bottom * (LANES[lane] + 0.12);
      for (const [bin, entries] of row) {
        const x = scale.left + bin * size, tall = Math.max(1.5, (this.bottom * 0.26 * entries.length) / fullest);
        const quiet = this.body.appendChild(draw("rect", { x: x + 0.5, width: size - 1 }));
        const loud = this.body.appendChild(draw("rect", { x: x + 0.5, width: size - 1 }));
        this.bars.push({ lane, entries, x: x + size / 2, base, tall, quiet, loud, size });
      }
    }
    this.bars.sort((a, b) => a.x - b.x);
  }

  // The threshold moved: colours, rates and the line follow; nothing changes its place.
  follow() {
    if (!this.column || !this.scale) return;
    const model = shared.model, { column } = this;
    const threshold = model.threshold(column);
    if (this.barred) this.stack(threshold);
    else {
      for (const mark of this.marks) {
        const sort = mark.i === undefined ? "held" : model.verdict(column, mark.i) || (model.pictures[mark.i].truth ? "found" : "passed");
        if (sort !== mark.sort) mark.element.setAttribute("class", `mark ${sort}`);
        mark.sort = sort;
      }
    }
    const x = threshold !== null ? this.scale.to(threshold) : this.scale.unit === null ? this.scale.right : null; // yet to be set
    this.x = x;
    this.path.classList.toggle("unset", threshold === null);
    const from = this.page.narrow ? x : (this.page.above(this)?.x ?? x);
    this.path.setAttribute("d", x === null ? "" : `M${from} 0H${x}V${this.bottom}`);
    this.count();
  }

  stack(threshold) {
    for (const { lane, entries, base, tall, quiet, loud } of this.bars) {
      const over = threshold === null || lane === "held" ? 0 : entries.filter(({ i }) => this.column.scores[i] > threshold).length;
      const upper = (tall * over) / entries.length;
      const known = lane === "held" || shared.model.pictures[entries[0].i].truth !== null;
      const names = { held: ["held", "held"], defective: ["miss", "found"], good: known ? ["passed", "false_alarm"] : ["normal", "odd"] }[lane];
      [[quiet, tall - upper, base - (tall - upper)], [loud, upper, base - tall]].forEach(([rect, high, y], n) => {
        rect.setAttribute("height", Math.max(0, high));
        rect.setAttribute("y", y);
        rect.setAttribute("class", `bar ${names[n]}`);
      });
    }
  }

  count() {
    const model = shared.model, { words } = this.page.data;
    const counts = (this.counts = model.count(this.column));
    const lines = [];
    if (model.threshold(this.column) !== null) {
      if (model.defective) lines.push(["found", words.found, counts.found, model.defective, ["miss", "found"]]);
      if (model.good) lines.push(["wrong", words.wrong, counts.false_alarm, model.good, ["false_alarm"]]);
      if (model.unknown) lines.push(["flagged", words.flagged, counts.odd, model.unknown, ["odd"]]);
    }
    while (this.rates.children.length > lines.length) this.rates.lastChild.remove();
    lines.forEach(([tone, template, k, n, sorts], place) => {
      const line = this.rates.children[place] ?? this.rates.appendChild(this.rate(place));
      line.className = `rate ${tone}`;
      line.sorts = sorts;
      const interval = wilson(k, n), [bar, dot] = line.querySelectorAll(".between, .dot");
      rich(line.querySelector(".count"), template, { k, n });
      const broken = tone === "wrong" && model.breaks(this.column, interval);
      line.classList.toggle("broken", broken);
      write(line.querySelector(".range"), broken ? `${percents(interval)} ${fill(words.exceeds, model.promise())}` : percents(interval));
      bar.style.left = `${100 * interval[0]}%`;
      bar.style.width = `${100 * (interval[1] - interval[0])}%`;
      dot.style.left = `${(100 * k) / n}%`;
    });
    const said = lines.map(([, template, k, n]) => fill(template, { k, n })).join(", ");
    const label = fill(words.lane, { method: this.head.title, said });
    if (this.chart.getAttribute("aria-label") !== label) this.chart.setAttribute("aria-label", label);
    if (!this.drawer.hidden) this.fillDrawer();
  }

  rate() {
    const line = make("button", "rate"), top = make("span", "top"), track = make("i", "scale");
    top.append(make("span", "count"), make("span", "range"));
    track.append(make("i", "between"), make("i", "dot"));
    line.append(top, track);
    line.addEventListener("click", () => this.show(() => shared.model.having(this.column, line.sorts), () => line.querySelector(".count").textContent));
    return line;
  }

  // Pictures behind a bar or a rate, below the row.
  show(indices, title) {
    this.shown = { indices, title };
    this.page.lanes.forEach((lane) => lane !== this && lane.closeDrawer());
    this.drawer.hidden = false;
    this.fillDrawer();
  }

  fillDrawer() {
    const { words } = this.page.data, found = this.shown.indices();
    const written = JSON.stringify([found, found.map((i) => shared.model.verdict(this.column, i)), this.shown.title(), this.page.allowedNow()]);
    if (this.drawer.dataset.written === written) return;
    this.drawer.dataset.written = written;
    const top = make("div", "top"), close = make("button", "close", "×"), list = make("div", "thumbs");
    close.setAttribute("aria-label", words.close);
    close.addEventListener("click", () => {
      this.closeDrawer();
      this.chart.focus();
    });
    top.append(make("b", "", `${this.head.title}: ${this.shown.title()}`), close);
    list.append(...(found.length ? thumbnails(this.column, found, this.page.data, (i) => this.page.open(i, this.head.key)) : [make("span", "more", words.none)]));
    this.drawer.replaceChildren(top, list);
  }

  closeDrawer() {
    this.drawer.hidden = true;
    this.drawer.dataset.written = "";
  }

  listen() {
    const { chart, page } = this;
    let held = null;
    chart.addEventListener("pointermove", (event) => {
      const [x, y] = this.place_of(event);
      if (held) {
        if (!held.moving && Math.abs(x - held.x) < 3) return;
        held.moving = true;
        page.hideCard();
        page.drag(this, x);
        return;
      }
      const near = this.nearest(x, y);
      chart.style.cursor = near ? "pointer" : this.onLine(x) ? "ew-resize" : "";
      if (near === page.pointed) return;
      if (near) page.point(this, near);
      else page.hideCard();
    });
    chart.addEventListener("pointerleave", () => held || page.hideCard());
    chart.addEventListener("pointerdown", (event) => {
      const [x, y] = this.place_of(event);
      held = { x, moving: false, near: this.nearest(x, y), line: this.onLine(x, event.pointerType === "touch" ? 18 : 8) };
      if (!held.line) return void (held = held.near ? held : null);
      chart.setPointerCapture(event.pointerId);
    });
    chart.addEventListener("pointerup", (event) => {
      const was = held;
      held = null;
      if (was?.moving && was.line) return page.settle();
      const near = was?.near;
      if (!near) return undefined;
      if (event.pointerType === "touch" && page.tapped !== near) {
        page.tapped = near;
        return page.point(this, near);
      }
      return this.enter(near);
    });
    chart.addEventListener("pointercancel", () => (held = null));
    chart.addEventListener("focusout", () => page.hideCard());
    chart.addEventListener("keydown", (event) => this.key(event));
  }

  place_of(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  onLine(x, within = 8) {
    return this.x !== null && this.x !== undefined && Math.abs(x - this.x) <= within;
  }

  nearest(x, y) {
    if (this.barred) {
      return this.bars.find((b) => Math.abs(x - b.x) <= b.size / 2 + 0.5 && y <= b.base + 2 && y >= b.base - this.bottom * 0.3) ?? null;
    }
    let best = null, least = NEAR;
    for (const mark of this.marks) {
      const far = Math.hypot(mark.x - x, mark.y - y);
      if (far < least) [best, least] = [mark, far];
    }
    return best;
  }

  enter(mark) {
    if (mark.entries) {
      const indices = mark.entries.filter((e) => e.i !== undefined).map((e) => e.i);
      if (!indices.length) return;
      const { words } = this.page.data;
      this.show(() => indices, () => fill(words.bar, { n: indices.length }));
    } else if (mark.i !== undefined) this.page.open(mark.i, this.head.key);
  }

  key(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    const all = this.barred ? this.bars : this.marks;
    if (event.key in steps && all.length) {
      const now = all.indexOf(this.page.pointed);
      const next = now < 0 ? (steps[event.key] > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, now + steps[event.key]));
      this.page.point(this, all[next], true);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const drawn = this.page.lanes.filter((lane) => lane.column);
      drawn[drawn.indexOf(this) + (event.key === "ArrowDown" ? 1 : -1)]?.chart.focus();
    } else if (event.key === "Enter" && this.page.pointed) this.enter(this.page.pointed);
    else if (event.key === "Escape") this.page.hideCard();
    else return;
    event.preventDefault();
  }
}
