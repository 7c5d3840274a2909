// All pictures of all methods on one axis. While the threshold is dragged the marks stay and the line moves; once it rests,
// scores become multiples of the new threshold and the line returns to 1.

class Lanes {
  constructor(root) {
    this.host = root.querySelector(".lanes");
    const find = (name) => this.host.querySelector(name);
    this.parts = Object.fromEntries(
      ["label", "modes", "steps", "exact", "says", "back", "keys", "hint", "views", "rows", "heads", "feet", "handle", "card", "spoken"]
        .map((name) => [name, find(`.${name}`)]));
    this.byKey = new Map();
    this.lanes = [];
    this.pointed = null;
    hear(this.host, () => this.follow());
    new ResizeObserver(() => this.resized()).observe(this.host);
    this.listen();
  }

  // Pictures and scores travel apart from what a threshold moves, and once.
  async take(given, trigger) {
    this.given = given;
    if (this.scored?.key !== given.scored) {
      const written = await stored(given.scored);
      if (this.given !== given) return; // newer data has come meanwhile
      this.scored = { key: given.scored, ...JSON.parse(written) };
    }
    const { pictures, held, columns } = this.scored;
    this.update({ ...given, pictures, held, heads: given.heads.map((head) => ({ ...head, ...columns[head.key] })) }, trigger);
  }

  update(data, trigger) {
    Object.assign(this, { data, trigger });
    this.host.lang = data.language;
    this.host.style.setProperty("--shape", data.sprites.shape);
    this.host.classList.toggle("stale", data.stale);
    const said = JSON.stringify([data.allowed, data.values]);
    const waiting = this.sent && Date.now() - this.sentAt < 4000 && said !== this.sent; // an answer to an earlier move
    if (said === this.sent) this.sent = null;
    const before = shared.model;
    const same = before && this.content === data.content;
    if (!same || !before) {
      shared.model = new Model(data);
      if (same === false && before && waiting) Object.assign(shared.model, { allowed: before.allowed, values: before.values });
    } else if (!waiting && !this.dragging) Object.assign(before, { allowed: data.allowed, values: { ...data.values } });
    this.content = data.content;
    if (Object.keys(data.values).length || !data.held.length || data.byHand) shared.byValue = true;
    this.words();
    this.lanes = data.heads.map((head) => {
      if (!this.byKey.has(head.key)) this.byKey.set(head.key, new Lane(this));
      return this.byKey.get(head.key);
    });
    this.parts.rows.replaceChildren(...this.lanes.map((lane) => lane.element));
    this.lanes.forEach((lane, i) => lane.update(data.heads[i]));
    this.rest();
    publish();
  }

  words() {
    const { words, held } = this.data, { label, modes, exact, back, hint, views, heads, handle, steps, feet } = this.parts;
    write(label, words.threshold);
    modes.setAttribute("aria-label", words.threshold);
    [words.by_rate, words.by_value].forEach((w, i) => write(modes.querySelectorAll("span")[i], w));
    modes.hidden = held.length === 0;
    views.setAttribute("aria-label", words.views);
    [words.marks, words.bars].forEach((w, i) => write(views.querySelectorAll("span")[i], w));
    write(hint, this.barred ? words.hint_bars : words.hint);
    write(back, words.back);
    steps.max = Math.max(1, held.length);
    steps.setAttribute("aria-label", words.steps);
    write(exact.querySelector("span"), this.data.heads.find((h) => h.focus)?.title ?? "");
    const spans = heads.children;
    write(spans[0], words.method);
    if (!this.axisTitle) this.axisTitle = spans[1].insertBefore(make("span"), handle);
    write(this.axisTitle, held.length ? words.axis : words.axis_raw);
    write(spans[2], words.rates);
    write(spans[3], words.auroc_head);
    write(handle, words.threshold_word);
    handle.setAttribute("aria-label", words.steps);
    const guess = feet.querySelector(".guess");
    const { ticks, low } = this.data.auroc;
    guess.replaceChildren(...ticks.map((t) => this.under(t.toFixed(1).replace(".0", ""), (t - low) / (1 - low))), make("i", "", words.guess));
    guess.hidden = !this.data.heads.some((head) => head.auroc && head.auroc.value !== null);
    const sorts = new Set(["held"]);
    for (const { truth } of this.data.pictures) (truth === null ? ["normal", "odd"] : truth ? ["found", "miss"] : ["passed", "false_alarm"]).forEach((s) => sorts.add(s));
    if (!held.length) sorts.delete("held");
    this.parts.keys.replaceChildren(...["held", "passed", "false_alarm", "normal", "odd", "found", "miss"].filter((s) => sorts.has(s)).map((sort) => {
      const key = make("span", "key"), svg = draw("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" });
      const truth = { found: 1, miss: 1, held: 0, passed: 0, false_alarm: 0 }[sort] ?? null;
      const r = truth ? 5.6 : sort === "held" ? 3.6 : truth === null ? 3.9 : 4.6;
      svg.append(markOf(truth, r, { class: `mark ${sort}` }));
      key.append(svg, document.createTextNode(words.keys[sort]));
      return key;
    }));
  }

  under(word, share) {
    const element = make("span", "", word);
    element.style.left = `${100 * share}%`;
    return element;
  }

  get barred() {
    return shared.bars ?? this.data.pictures.length + this.data.held.length > this.data.many;
  }

  get narrow() {
    return this.host.clientWidth < 700;
  }

  allowedNow() {
    return [shared.model.allowed, shared.model.values];
  }

  unit(column) {
    return shared.model.step(column, this.resting);
  }

  above(lane) {
    const drawn = this.lanes.filter((other) => other.column);
    return drawn[drawn.indexOf(lane) - 1];
  }

  // The threshold has come to rest, or the data is new: bring the axis to it.
  rest() {
    this.resting = shared.model.allowed;
    const multiples = [...shared.model.columns.values()].flatMap((column) => {
      const unit = this.unit(column);
      return unit === null ? [] : [...column.scores, ...column.held].map((s) => shared.model.multiple(column, s, unit));
    });
    this.axis = new Axis(multiples, this.data.ticks, this.drawn === this.data.content ? this.axis : null);
    this.drawn = this.data.content;
    this.place();
  }

  place() {
    this.host.classList.toggle("narrow", this.narrow);
    this.lanes.forEach((lane) => lane.place());
    const first = this.lanes.find((lane) => lane.column);
    const axis = this.parts.feet.querySelector(".axis");
    axis.replaceChildren();
    if (first?.scale && first.scale.unit !== null && !this.narrow) {
      first.scale.ticks().forEach(([x, word]) => {
        const label = axis.appendChild(make("span", "", word));
        label.style.left = `${x}px`;
      });
    }
    this.tools();
  }

  resized() {
    if (this.data && this.host.clientWidth !== this.width) {
      this.width = this.host.clientWidth;
      this.place();
    }
  }

  follow() {
    if (!this.data) return;
    this.lanes.forEach((lane) => lane.follow());
    this.tools();
  }

  tools() {
    const { words, held } = this.data, model = shared.model, { steps, exact, says, back, modes, views, handle } = this.parts;
    const of = held.length + 1, j = Math.min(model.allowed, held.length), free = shared.byValue;
    modes.querySelector(`[value=${free ? "value" : "rate"}]`).checked = true;
    views.querySelector(`[value=${this.barred ? "bars" : "marks"}]`).checked = true;
    steps.hidden = free || held.length < 2;
    steps.value = j;
    steps.style.setProperty("--share", `${held.length > 1 ? (100 * (j - 1)) / (held.length - 1) : 0}%`);
    const focus = this.focused();
    exact.hidden = !free || !focus;
    back.hidden = !free || !held.length || !Object.keys(model.values).length;
    const threshold = focus ? model.threshold(focus.column) : null;
    const field = exact.querySelector("input");
    if (this.host.getRootNode().activeElement !== field) field.value = threshold === null ? "" : Number(threshold.toPrecision(5));
    const step = fill(words.step, { j, of });
    if (free) rich(says, held.length ? words.says_value : words.says_hand, {});
    else rich(says, words.says, { step });
    steps.setAttribute("aria-valuetext", step);
    const first = this.lanes.find((lane) => lane.column);
    handle.hidden = !first || first.x === null || first.x === undefined || this.narrow || !held.length;
    if (!handle.hidden) handle.style.left = `${first.x}px`;
    const spoken = { "aria-valuemin": 1, "aria-valuemax": held.length, "aria-valuenow": j, "aria-valuetext": step };
    for (const [name, value] of Object.entries(spoken)) handle.setAttribute(name, value);
  }

  focused() {
    return this.lanes.find((lane) => lane.column && lane.head.focus) ?? this.lanes.find((lane) => lane.column);
  }

  drag(lane, x, all = false) {
    const model = shared.model, { column, scale } = lane;
    this.dragging = true;
    if (shared.byValue) {
      const value = scale.from(x);
      if (all) {
        const multiple = model.multiple(column, value, this.unit(column));
        for (const other of model.columns.values()) model.values[other.key] = model.raw(other, multiple, this.unit(other));
      } else model.values[column.key] = value;
    } else if (column.ranked.length) {
      const far = column.ranked.map((score) => Math.abs(scale.to(score) - x));
      const nearest = far.indexOf(Math.min(...far)) + 1;
      if (nearest === model.allowed) return;
      model.allowed = nearest;
    }
    publish();
  }

  settle() {
    this.dragging = false;
    const { allowed, values } = shared.model;
    if (!shared.byValue) this.rest();
    publish();
    const said = JSON.stringify([allowed, values]);
    if (said === JSON.stringify([this.data.allowed, this.data.values]) && !this.sent) return;
    [this.sent, this.sentAt] = [said, Date.now()];
    this.trigger("moved", { allowed, values, at: Date.now() });
  }

  listen() {
    const { modes, steps, exact, back, views, handle, card } = this.parts;
    const free = (on) => {
      shared.byValue = on;
      if (!on) shared.model.values = {};
      this.settle();
    };
    modes.addEventListener("change", (event) => free(event.target.value === "value"));
    back.addEventListener("click", () => free(false));
    steps.addEventListener("input", () => {
      this.dragging = true;
      shared.model.allowed = Number(steps.value);
      publish();
    });
    steps.addEventListener("change", () => this.settle());
    exact.querySelector("input").addEventListener("change", (event) => {
      const focus = this.focused(), value = Number(event.target.value);
      if (event.target.value === "" || !Number.isFinite(value)) return this.tools();
      shared.model.values[focus.column.key] = value;
      return this.settle();
    });
    views.addEventListener("change", (event) => {
      shared.bars = event.target.value === "bars";
      this.hideCard();
      this.words();
      this.place();
    });
    let held = false;
    const first = () => this.lanes.find((lane) => lane.column);
    handle.addEventListener("pointerdown", (event) => {
      held = true;
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => held && this.drag(first(), first().place_of(event)[0], true));
    handle.addEventListener("pointerup", () => {
      if (held) this.settle();
      held = false;
    });
    handle.addEventListener("keydown", (event) => {
      const keys = { ArrowLeft: 1, ArrowDown: 1, ArrowRight: -1, ArrowUp: -1, PageDown: 10, PageUp: -10, End: -Infinity, Home: Infinity };
      const step = keys[event.key] * (event.shiftKey ? 10 : 1); // to the left more are allowed
      if (!step || (shared.byValue && !Number.isFinite(step))) return; // a value has no end
      event.preventDefault();
      const model = shared.model;
      if (shared.byValue) {
        for (const column of model.columns.values()) {
          const unit = this.unit(column);
          model.values[column.key] = model.raw(column, model.multiple(column, model.threshold(column), unit) - 0.01 * step, unit);
        }
      } else model.allowed = Math.min(this.data.held.length, Math.max(1, Math.min(model.allowed, this.data.held.length) + step));
      publish();
      clearTimeout(this.resting_soon);
      this.resting_soon = setTimeout(() => this.settle(), 250);
    });
    card.addEventListener("pointerup", () => this.tapped && this.pointedLane?.enter(this.tapped));
  }

  point(lane, mark, aloud = false) {
    [this.pointed, this.pointedLane] = [mark, lane];
    const { words, sprites, pictures } = this.data, { card, spoken } = this.parts, model = shared.model;
    const [picture, sentence, next] = [card.querySelector(".tile"), card.querySelector("span"), card.querySelector("em")];
    this.lanes.forEach((other) => other.marks.forEach((m) => m.element.classList.remove("pointed", "twin")));
    const { column, head } = lane;
    let title, said, number;
    if (mark.entries) {
      const first = mark.entries[0];
      number = first.i ?? pictures.length + first.held;
      title = fill(words.bar, { n: mark.entries.length });
      const [low, high] = [mark.x - mark.size / 2, mark.x + mark.size / 2].map((x) => lane.scale.from(x));
      const unit = lane.scale.unit;
      said = unit === null ? "" : fill(words.between, { low: model.multiple(column, low, unit).toFixed(2), high: model.multiple(column, high, unit).toFixed(2) });
      write(next, first.i === undefined ? "" : words.show);
    } else if (mark.i === undefined) {
      number = pictures.length + mark.held;
      title = model.heldNames[mark.held];
      said = fill(words.held_says, { method: head.title, times: times(model, column, mark.score, words) });
      write(next, "");
    } else {
      number = mark.i;
      title = pictures[mark.i].name;
      const verdict = model.verdict(column, mark.i);
      said = verdict
        ? fill(words.says_verdict[verdict], { method: head.title, times: times(model, column, mark.score, words) })
        : fill(words.says_score, { method: head.title, score: mark.score.toPrecision(4) });
      if (pictures[mark.i].synthetic) said += ` · ${words.synthetic}`;
      write(next, words.inspect);
      for (const other of this.lanes) other.marks.find((m) => m.i === mark.i)?.element.classList.add(other === lane ? "pointed" : "twin");
    }
    tile(picture, sprites, number);
    picture.hidden = Boolean(mark.entries);
    write(card.querySelector("b"), title);
    write(sentence, said);
    card.hidden = false;
    const box = lane.svg.getBoundingClientRect(), host = this.host.getBoundingClientRect();
    const y = mark.y ?? mark.base;
    const left = Math.min(host.width - card.offsetWidth, Math.max(0, box.left - host.left + mark.x - 20));
    card.style.transform = `translate(${left}px, ${box.top - host.top + y + 12}px)`;
    if (aloud) write(spoken, `${title}. ${said}`);
  }

  hideCard() {
    this.pointed = null;
    this.parts.card.hidden = true;
    this.lanes.forEach((lane) => lane.marks.forEach((mark) => mark.element.classList.remove("pointed", "twin")));
  }

  focus(key) {
    this.trigger("focused", { column: key, at: Date.now() });
  }

  open(i, key) {
    this.trigger("opened", { picture: i, column: key, at: Date.now() });
  }
}

const pages = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Lanes(parentElement));
  pages.get(parentElement).take(data, setTriggerValue);
}
