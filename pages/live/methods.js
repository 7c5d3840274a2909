// One card per method: the frame under its map, the verdict, and a trace of the last half minute with the threshold.

const TRACE_SECONDS = 30;
const TRACE_TOP = 2.5; // multiples of the threshold; what is higher is drawn at the top

class MethodCard {
  constructor(method) {
    Object.assign(this, method);
    this.root = make("article", "method");
    this.pane = make("canvas", "pane");
    this.over = document.createElement("canvas");
    this.verdict = make("p", "verdict");
    this.trace = make("canvas", "trace");
    this.note = make("p", "note");
    const head = make("header");
    this.name = make("h2", "", method.title);
    head.append(this.name, this.verdict);
    const tile = make("div", "tile");
    this.empty = make("p", "message");
    tile.append(this.pane, this.empty);
    this.root.append(head, tile, this.trace, this.note);
    this.pane.setAttribute("role", "img");
    this.trace.setAttribute("role", "img");
    this.forget();
  }

  forget() {
    this.points = [];
    this.said = null;
    this.pane.hidden = true;
  }

  // Show what was said of a frame: {multiple, flagged, alarm, map, milliseconds}, at a time in seconds.
  show(said, shot, side, at, table) {
    this.said = said;
    this.points.push([at, said.multiple, said.alarm]);
    while (this.points.length && this.points[0][0] < at - TRACE_SECONDS) this.points.shift();
    this.paint(shot, said.map, side, table);
  }

  paint(shot, map, side, table) {
    this.pane.hidden = false;
    if (this.pane.width !== shot.width) this.pane.width = this.pane.height = shot.width;
    const context = this.pane.getContext("2d");
    context.drawImage(shot, 0, 0);
    if (!map) {
      context.fillStyle = "rgb(0 0 0 / 45%)";
      context.fillRect(0, 0, shot.width, shot.height);
      return;
    }
    if (this.over.width !== side) this.over.width = this.over.height = side;
    const under = this.over.getContext("2d");
    this.image = this.image?.width === side ? this.image : under.createImageData(side, side);
    const pixels = new Uint32Array(this.image.data.buffer);
    for (let i = 0; i < map.length; i++) pixels[i] = table[map[i]];
    under.putImageData(this.image, 0, 0);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.over, 0, 0, shot.width, shot.height);
  }

  // Write and draw what changes more slowly than frames come.
  words(words, state, watch, now) {
    const { said } = this;
    this.root.dataset.state = !said || state === "off" ? "none" : said.alarm ? "alarm" : "calm";
    write(this.verdict, !said ? "" : `${said.alarm ? words.alarm : words.no_alarm} · ${fill(words.times, { value: said.multiple.toFixed(2) })}`);
    write(this.empty, !said ? words.untaught : said.map ? "" : words.no_map);
    const parts = [];
    if (said) parts.push(fill(words.milliseconds, { value: said.milliseconds.toFixed(0) }));
    if (watch) parts.push(fill(words.false_alarms, { n: watch.alarms, s: watch.seconds.toFixed(0), rate: watch.seconds ? ((60 * watch.alarms) / watch.seconds).toFixed(1) : "0" }));
    write(this.note, parts.join(" · "));
    const label = said ? fill(words.pane, { method: this.title, verdict: said.alarm ? words.alarm : words.no_alarm, value: said.multiple.toFixed(1) }) : this.title;
    this.pane.setAttribute("aria-label", label);
    this.trace.setAttribute("aria-label", fill(words.trace, { method: this.title }));
    this.line(now);
  }

  line(now) {
    const { trace } = this, ratio = window.devicePixelRatio || 1;
    const width = Math.round(trace.clientWidth * ratio), height = Math.round(trace.clientHeight * ratio);
    if (!width || !height) return;
    if (trace.width !== width || trace.height !== height) Object.assign(trace, { width, height });
    const style = getComputedStyle(trace), colour = (name) => style.getPropertyValue(name);
    const context = trace.getContext("2d");
    const x = (at) => width * (1 - (now - at) / TRACE_SECONDS);
    const y = (multiple) => height - ratio - ((height - 2 * ratio) * Math.min(Math.max(multiple, 0), TRACE_TOP)) / TRACE_TOP;
    context.clearRect(0, 0, width, height);
    context.lineWidth = ratio;
    context.strokeStyle = colour("--muted");
    context.setLineDash([4 * ratio, 3 * ratio]);
    context.beginPath();
    context.moveTo(0, y(1));
    context.lineTo(width, y(1));
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = colour("--muted");
    context.font = `${10 * ratio}px sans-serif`;
    context.fillText("1 ×", 0, y(1) - 3 * ratio);
    context.lineWidth = 1.6 * ratio;
    context.lineJoin = "round";
    for (let i = 1; i < this.points.length; i++) {
      const [[before, low], [at, high, alarm]] = [this.points[i - 1], this.points[i]];
      if (at - before > 1) continue; // a pause
      context.strokeStyle = alarm ? colour("--loud") : colour("--accent");
      context.beginPath();
      context.moveTo(x(before), y(low));
      context.lineTo(x(at), y(high));
      context.stroke();
    }
  }
}

// A palette as one number per colour, as pixels lie in memory.
function numbers(table) {
  return new Uint32Array(new Uint8Array(table).buffer);
}
