// Live: show good ones, then see what every method says of what the camera sees.
// The files are joined in this order: maps, parts, sources, channel, strip, methods, camera.

const LEARN_MILLISECONDS = 90; // between two frames to learn from
const STANDING_MILLISECONDS = 250; // of what stands still
const PATIENT_SECONDS = 5; // without a new frame, until it is offered to learn what stands still
const WORDS_MILLISECONDS = 200; // between two looks at what changes slowly
const WATCH_SECONDS = 10;
const STALLED_SECONDS = 5; // a frame that is not answered by then was lost

// What survives a change of the page; frames are in the browser's memory only.
const shared = (window.oddOneOutLive ??= { frames: new Map(), number: 0, taught: false, mirror: false, device: "", height: 480, from: "camera" });

class Live {
  constructor(root) {
    this.root = root;
    this.host = root.querySelector(".live");
    const find = (name) => this.host.querySelector(name);
    Object.assign(this, { find, state: "off", mode: "idle", why: "", fitting: null, watching: null, watched: null, answered: [], last: null, restoring: new Set() });
    this.video = find("video");
    this.still = find(".still");
    this.source = new Source(this.video, (why) => this.stop(why));
    this.channel = new Channel((header, body, sent) => this.hear(header, body, sent), (open, known) => this.connected(open, known));
    this.taken = new Taken(find(".taken"), shared, (number) => this.remove(number));
    this.shots = Array.from({ length: 4 }, () => document.createElement("canvas"));
    this.cards = [];
    this.listen();
    this.timer = setInterval(() => this.tick(), 15);
    this.slow = setInterval(() => this.words(), WORDS_MILLISECONDS);
  }

  update(data, trigger) {
    const before = this.data;
    Object.assign(this, { data, trigger });
    this.host.lang = data.language;
    this.host.classList.toggle("present", data.present);
    this.table = numbers(palette(data.paint.palettes[data.colour], "overlay"));
    const methods = JSON.stringify(data.methods);
    if (methods !== JSON.stringify(before?.methods)) {
      this.cards = data.methods.map((method) => new MethodCard(method));
      this.find(".methods").replaceChildren(...this.cards.map((card) => card.root));
    }
    for (const [i, card] of this.cards.entries()) card.root.classList.toggle("focus", data.methods[i].focus);
    for (const shot of this.shots) if (shot.width !== data.side) shot.width = shot.height = data.side;
    this.channel.connect(data.visitor, data.path);
    this.labels();
    this.words();
  }

  end() {
    clearInterval(this.timer);
    clearInterval(this.slow);
    document.removeEventListener("keydown", this.key);
    document.removeEventListener("pointerdown", this.pointing);
    this.channel.close();
    this.source.close();
  }

  // Frames

  tick() {
    this.source.turn();
    if (!this.data || !this.source.ready || document.hidden || !this.channel.room) return this.unstall();
    const now = performance.now();
    if (this.mode === "learning") {
      if (now - (this.sentAt ?? 0) < (this.standing ? STANDING_MILLISECONDS : LEARN_MILLISECONDS)) return;
      this.send(this.standing ? "normal" : "learn");
    } else if (this.mode === "live" && shared.ready) this.send("live");
  }

  send(mode) {
    const shot = this.shots.find((each) => each !== this.last?.shot && ![...this.channel.flying.values()].some((sent) => sent.shot === each));
    if (!shot) return;
    this.source.square(shot);
    const jpeg = jpegOf(shot);
    this.sentAt = performance.now();
    this.channel.frame(mode, (shared.number += 1), jpeg, { shot });
  }

  unstall() {
    for (const [number, { sent }] of this.channel.flying) if (performance.now() - sent > 1000 * STALLED_SECONDS) this.channel.flying.delete(number);
  }

  hear(header, body, sent) {
    if (header.event === "open") return this.opened(header);
    if (header.event === "ended") return this.opened({ kept: [], ready: false });
    if (header.event) return this.fitted(header);
    if (header.ready !== undefined) shared.ready = header.ready;
    if (header.target) this.target = header.target;
    if (header.said) this.trouble = header.said;
    if (header.judged === "taken" && sent) {
      this.taken.add(header.number, sent.jpeg);
      this.takenAt = performance.now();
    }
    if (header.kept) {
      this.restoring.delete(header.number);
      if (!this.restoring.size) this.taken.follow(header.kept);
      this.taken.draw(this.data.words, this.data.enough);
    }
    if (header.judged && this.mode === "learning" && this.standing && header.kept.length >= this.data.enough) this.enough();
    else if (header.judged && sent?.mode === "learn") {
      this.judged = header.judged;
      if ((header.kept.length >= header.target || header.judged === "full") && this.mode === "learning") this.rest();
    }
    if (header.multiples && sent) this.answer(header, body, sent);
    this.tick();
  }

  answer(header, body, sent) {
    if (this.mode === "frozen") return;
    const now = performance.now(), at = now / 1000;
    const area = header.side * header.side;
    let offset = 0;
    const place = new Map(header.methods.map((method, i) => [method, i]));
    const maps = header.maps.map((there) => (there ? body.subarray(offset, (offset += area)) : null));
    for (const card of this.cards) {
      const i = place.get(card.key);
      if (i === undefined) continue;
      card.show({ multiple: header.multiples[i], flagged: header.flagged[i], alarm: header.alarms[i], map: maps[i], milliseconds: header.milliseconds[i + 2] }, sent.shot, header.side, at, this.table);
    }
    this.last = { ...sent, sha256: header.sha256, number: header.number };
    this.answered.push({ at, whole: now - sent.sent, parts: header.milliseconds });
    while (this.answered.length && this.answered[0].at < at - 3) this.answered.shift();
    if (this.watching && header.watch) {
      this.watched = { seconds: header.watch.seconds, alarms: new Map(header.methods.map((method, i) => [method, header.watch.alarms[i]])) };
      if (header.watch.seconds >= this.watching) this.watch(null);
    }
    this.speak(header);
  }

  // Say alarms to who cannot see them: when they begin or end.
  speak(header) {
    const loud = this.cards.filter((card) => header.alarms[header.methods.indexOf(card.key)]).map((card) => card.title);
    const said = loud.length ? fill(this.data.words.speak, { methods: loud.join(", ") }) : this.data.words.speak_calm;
    write(this.find(".spoken"), said);
  }

  // Learning

  opened({ kept, ready }) {
    shared.ready = ready;
    this.fitting = null;
    const missing = this.taken.numbers.filter((number) => !kept.includes(number));
    if (!missing.length) return this.words();
    this.restoring = new Set(missing); // the server does not have them any more: show them again
    for (const number of missing) this.channel.frame("normal", number, shared.frames.get(number), {});
    if (shared.taught) this.channel.ask("fit");
    this.words();
  }

  learn() {
    if (this.mode === "learning") return this.pause();
    this.trouble = "";
    this.judged = "";
    this.mode = "learning";
    this.standing = false;
    this.takenAt = performance.now();
    this.source.seconds = LEARNT_SECONDS;
    this.words();
  }

  pause() {
    this.channel.ask("pause");
    this.source.seconds = SHOWN_SECONDS;
    this.mode = shared.ready ? "live" : "idle";
    this.words();
  }

  enough() {
    const few = shared.frames.size < this.data.fewest;
    if (few && !this.standing) return (this.standing = true); // it is learnt as it stands
    this.rest();
    this.channel.ask("fit");
    this.words();
  }

  rest() {
    this.mode = "idle";
    this.standing = false;
    this.source.seconds = SHOWN_SECONDS;
  }

  fitted(header) {
    if (header.event === "fitting") {
      this.fitting ??= { since: performance.now(), first: !shared.ready };
      Object.assign(this.fitting, { done: header.done, stage: header.stage ?? "", ahead: header.ahead ?? 0 });
    } else {
      const first = this.fitting?.first ?? !shared.taught;
      this.fitting = null;
      if (header.event === "refused") this.trouble = header.said;
      else {
        shared.ready = shared.taught = true;
        this.learnt = { s: header.seconds.toFixed(1), mb: (header.bytes / 1e6).toFixed(0) };
        if (this.mode !== "frozen") this.mode = "live";
        if (first) for (const card of this.cards) card.forget();
        this.watch(first ? WATCH_SECONDS : null);
      }
    }
    this.words();
  }

  // Count false alarms for so many seconds; null for no longer.
  watch(seconds) {
    this.watching = seconds;
    if (seconds) this.watched = null;
    this.channel.ask("watch", { on: Boolean(seconds) });
    this.words();
  }

  remove(number) {
    shared.frames.delete(number);
    this.channel.ask("remove", { number });
    this.taken.draw(this.data.words, this.data.enough);
    this.words();
  }

  again() {
    this.channel.ask("forget");
    shared.frames.clear();
    shared.ready = shared.taught = false;
    Object.assign(this, { mode: "idle", fitting: null, watching: null, watched: null, last: null, answered: [], trouble: "" });
    for (const card of this.cards) card.forget();
    this.channel.close();
    this.channel.connect(this.data.visitor, this.data.path);
    this.taken.draw(this.data.words, this.data.enough);
    this.words();
  }

  // A frame that stands still

  freeze() {
    if (this.mode === "frozen") this.mode = "live";
    else if (this.last) {
      this.mode = "frozen";
      this.still.width = this.still.height = this.last.shot.width;
      this.still.getContext("2d").drawImage(this.last.shot, 0, 0);
    }
    this.words();
  }

  normal() {
    if (!this.last || !this.channel.open) return;
    if (!shared.frames.has(this.last.number)) this.channel.frame("normal", this.last.number, this.last.jpeg, {});
    if (this.mode === "frozen") this.freeze();
  }

  keep(what) {
    if (!this.last) return;
    const name = this.find(".frozen input").value.trim();
    const written = `data:image/jpeg;base64,${btoa(Array.from(this.last.jpeg, (byte) => String.fromCharCode(byte)).join(""))}`;
    this.trigger(what, { name, jpeg: written, sha256: this.last.sha256, at: Date.now() });
  }

  // The camera

  async open() {
    this.why = "";
    this.state = "opening";
    this.words();
    const why = await this.source.camera(shared.device, shared.height);
    await this.begun(why);
  }

  async begun(why) {
    if (why) return this.stop(why);
    this.state = "on";
    this.mode = shared.ready ? "live" : "idle";
    await this.list();
    this.words();
  }

  stop(why) {
    this.state = "off";
    this.why = why;
    if (this.mode !== "frozen") this.mode = "idle";
    this.words();
  }

  async list() {
    const devices = await this.source.devices();
    const select = this.find(".device select");
    select.replaceChildren(...devices.map(({ id, title }) => new Option(title, id, false, id === this.source.device)));
    this.find(".device").hidden = devices.length < 2 || shared.from !== "camera";
  }

  async files(files) {
    if (!files.length) return;
    const video = shared.from === "video";
    await this.begun(video ? await this.source.file(files[0]) : await this.source.pictures(files));
  }

  connected(open, known) {
    this.lostWay = open ? "" : known ? "lost" : "unknown";
    this.words();
  }

  // Words and controls

  listen() {
    const { find } = this;
    find(".open").addEventListener("click", () => (shared.from === "camera" ? this.open() : find(".files input").click()));
    find(".learn").addEventListener("click", () => this.learn());
    find(".enough").addEventListener("click", () => this.enough());
    find(".freeze").addEventListener("click", () => this.freeze());
    find(".again").addEventListener("click", () => this.again());
    find(".normal").addEventListener("click", () => this.normal());
    find(".inspect").addEventListener("click", () => this.keep("inspect"));
    find(".frozen").addEventListener("submit", (event) => {
      event.preventDefault();
      this.keep("remember");
    });
    find(".watch button").addEventListener("click", () => this.watch(this.watching ? null : WATCH_SECONDS));
    find(".from select").addEventListener("change", (event) => {
      shared.from = event.target.value;
      this.source.close();
      this.stop("");
      this.labels();
    });
    find(".device select").addEventListener("change", (event) => {
      shared.device = event.target.value;
      this.open();
    });
    find(".size select").addEventListener("change", (event) => {
      shared.height = Number(event.target.value);
      if (this.state === "on") this.open();
    });
    find(".mirror input").addEventListener("change", (event) => {
      shared.mirror = event.target.checked;
      this.words();
    });
    find(".files input").addEventListener("change", (event) => this.files(event.target.files));
    this.video.addEventListener("resize", () => {
      const [width, height] = this.source.size;
      find(".stage").style.setProperty("--shape", Math.min(width / height, 4 / 3) || 4 / 3);
      find(".stage").classList.toggle("upright", width < height);
    });
    this.key = (event) => {
      const target = event.composedPath()[0];
      const busy = target.matches?.("input, select, textarea, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey;
      if (busy || event.repeat || !this.data) return;
      const key = event.key.toLowerCase();
      if (key === "tab") this.pointed = false;
      // Who clicked a button holds frames with Space all the same; who came to it by keys presses it.
      if (key === " " && (this.pointed || !target.matches?.("button, summary, a, [role=button]"))) this.freeze();
      else if (key === "l" && !find(".learn").disabled) this.learn();
      else if (key === "n" && !find(".frozen").hidden) this.normal();
      else if (key === "d" && !find(".frozen").hidden) {
        if (this.mode !== "frozen") this.freeze();
        find(".frozen input").focus();
      }
      else return;
      event.preventDefault();
    };
    this.pointing = () => (this.pointed = true);
    document.addEventListener("keydown", this.key);
    document.addEventListener("pointerdown", this.pointing);
  }

  labels() {
    const { words } = this.data, { find } = this;
    const options = (select, list, chosen) => find(select).replaceChildren(...list.map(([value, title]) => new Option(title, value, false, String(value) === String(chosen))));
    write(find(".settings summary"), words.settings);
    write(find(".from span"), words.from);
    options(".from select", Object.entries(words.sources), shared.from);
    write(find(".device span"), words.device);
    write(find(".size span"), words.size);
    options(".size select", [[480, "480"], [720, "720"], [1080, "1080"]], shared.height);
    write(find(".mirror span"), words.mirror);
    find(".mirror input").checked = shared.mirror;
    const camera = shared.from === "camera", files = find(".files input");
    write(find(".files span"), words.files[shared.from] ?? "");
    find(".files").hidden = camera;
    find(".size").hidden = !camera;
    find(".device").hidden ||= !camera;
    files.accept = shared.from === "video" ? "video/*" : "image/*";
    files.multiple = shared.from === "pictures";
    files.webkitdirectory = false;
    write(find(".normal span"), words.normal);
    write(find(".frozen label span"), words.name);
    find(".frozen input").placeholder = words.name_example;
    write(find(".keep"), words.remember);
    write(find(".inspect"), words.inspect);
    write(find(".freeze kbd"), words.space);
    write(find(".again"), words.again);
    this.video.setAttribute("aria-label", words.video);
    this.still.setAttribute("aria-label", words.still);
    this.taken.draw(words, this.data.enough);
  }

  words() {
    if (!this.data) return;
    const { words, enough, fewest } = this.data, { find, mode } = this;
    const count = shared.frames.size, on = this.state === "on";
    this.host.dataset.state = on ? mode : this.state;
    this.host.dataset.ready = String(Boolean(shared.ready));
    this.host.dataset.way = this.channel.open ? "open" : "closed";
    this.host.classList.toggle("mirrored", shared.mirror);
    const frozen = mode === "frozen";
    this.still.hidden = !(frozen || (on && this.source.kind === "pictures"));
    if (on && this.source.kind === "pictures" && !frozen && this.source.ready) {
      if (this.still.width !== this.data.side) this.still.width = this.still.height = this.data.side;
      this.source.square(this.still);
    }
    find(".cover").hidden = on || frozen;
    write(find(".cover p"), this.why ? words.why[this.why] : this.state === "opening" ? words.opening : words.cover[shared.from]);
    write(find(".open"), shared.from === "camera" ? (this.why ? words.retry : words.open) : words.choose);
    find(".open").hidden = this.why === "insecure" && shared.from === "camera";
    find(".open").disabled = this.state === "opening";
    write(find(".hint"), this.hint(count));
    find(".hint").setAttribute("aria-live", mode === "learning" ? "off" : "polite"); // it changes with every frame
    const learn = find(".learn");
    write(learn.querySelector("span"), mode === "learning" ? words.stop_learning : shared.ready ? words.more : words.learn);
    learn.disabled = !on || !this.channel.open || frozen;
    learn.classList.toggle("primary", !shared.ready);
    learn.setAttribute("aria-pressed", String(mode === "learning"));
    const early = find(".enough");
    const stuck = mode === "learning" && !this.standing && performance.now() > this.takenAt + 1000 * PATIENT_SECONDS;
    early.hidden = shared.ready || Boolean(this.fitting) || this.standing || !(count >= fewest ? count < enough : stuck);
    write(early, count < fewest ? words.stands : fill(words.enough, { n: count }));
    const freeze = find(".freeze");
    freeze.hidden = !shared.ready || !this.last;
    write(freeze.querySelector("span"), frozen ? words.go_on : words.freeze);
    freeze.setAttribute("aria-pressed", String(frozen));
    find(".again").hidden = !count;
    find(".frozen").hidden = !(shared.ready && this.last);
    const bar = find("progress");
    bar.hidden = !this.fitting && !(mode === "learning");
    bar.value = this.fitting ? this.fitting.done : count / (this.target ?? enough);
    bar.setAttribute("aria-label", this.fitting ? words.fitting_bar : words.learning_bar);
    const over = find(".over");
    over.hidden = !frozen;
    write(over, words.frozen);
    const watch = find(".watch");
    watch.hidden = !shared.ready;
    write(watch.querySelector("p"), this.watching ? fill(words.watching, { s: Math.max(0, Math.ceil(this.watching - (this.watched?.seconds ?? 0))) }) : this.watched ? words.watched : words.not_watched);
    write(watch.querySelector("button"), this.watching ? words.watch_stop : this.watched ? words.watch_again : words.watch);
    const now = performance.now() / 1000;
    for (const card of this.cards) {
      const seen = this.watched && { seconds: this.watched.seconds, alarms: this.watched.alarms.get(card.key) ?? 0 };
      card.words(words, this.state, seen, frozen && card.points.length ? card.points.at(-1)[0] : now);
    }
    write(find(".numbers"), this.speed(words, now));
  }

  hint(count) {
    const { words, enough } = this.data;
    if (this.trouble) return this.trouble;
    if (this.lostWay) return words[this.lostWay];
    if (this.fitting) return this.fitting.ahead ? fill(words.queued, { n: this.fitting.ahead }) : fill(shared.ready ? words.refitting : words.fitting, { n: count });
    if (this.state !== "on") return "";
    if (this.mode === "learning") return words.judged[this.judged] ?? fill(words.learning, { n: this.target ?? enough });
    if (!shared.ready) return count ? fill(words.paused, { n: count, of: enough }) : words.aim;
    return this.mode === "frozen" ? words.frozen_help : words.live;
  }

  speed(words, now) {
    const recent = this.answered.filter(({ at }) => at > now - 3);
    const learnt = this.learnt ? fill(words.learnt, this.learnt) : "";
    if (recent.length < 2) return learnt;
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1].toFixed(0);
    const rate = (recent.length - 1) / Math.max(recent.at(-1).at - recent[0].at, 0.001);
    const speed = fill(words.speed, { rate: rate.toFixed(1), whole: middle(recent.map(({ whole }) => whole)), decoding: middle(recent.map(({ parts }) => parts[0])), backbone: middle(recent.map(({ parts }) => parts[1])), methods: middle(recent.map(({ parts }) => parts.slice(2).reduce((a, b) => a + b, 0))) });
    return [speed, learnt].filter(Boolean).join(" · ");
  }
}

const pages = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!pages.has(parentElement)) pages.set(parentElement, new Live(parentElement));
  const page = pages.get(parentElement);
  page.update(data, setTriggerValue);
  return () => {
    page.end();
    pages.delete(parentElement);
  };
}
