// Sends files and whole folders to the server piece by piece. A file goes on where the server says that it stopped, after a
// lost connection as after a reload; what is sent goes on while other pages of the app are looked at.
const AT_ONCE = 3;
const LONGEST_WAIT = 5000;

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// All of one choice of files, in the browser's memory by name alone.
class Sending {
  constructor(files, place, role) {
    Object.assign(this, { files, place, role, batch: `${Date.now()}-${Math.random()}`, done: 0, sent: new Map(), refused: 0, waits: false, over: false });
    this.total = files.reduce((sum, { file }) => sum + file.size, 0);
    this.stop = new AbortController();
    this.heard = () => {};
  }

  get bytes() {
    let sum = 0;
    for (const at of this.sent.values()) sum += at;
    return sum;
  }

  async run() {
    const queue = this.files.values();
    const lane = async () => {
      for (const each of queue) {
        if (this.stop.signal.aborted) return;
        await this.one(each);
        this.done += 1;
        this.heard();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    this.over = !this.stop.signal.aborted;
    this.heard();
  }

  async one({ key, name, file }) {
    const said = { file: key, name, size: file.size, role: this.role, ...((await isZip(file)) && { zip: 1 }) };
    let answer = await this.ask("GET", said);
    for (let sent = false; answer; sent = true) {
      if (answer.why || answer.gone) {
        this.refused += 1;
        this.sent.set(key, file.size);
        return;
      }
      this.sent.set(key, answer.at);
      this.heard();
      if (answer.at >= file.size && (sent || file.size)) return;
      const from = answer.end ?? answer.at; // a ZIP's end comes first: it says where its pictures begin
      answer = await this.ask("PUT", { ...said, at: from }, file.slice(from, "end" in answer ? file.size : from + this.place.piece));
    }
  }

  // Asks until there is an answer; null once it was cancelled.
  async ask(method, values, body) {
    for (let delay = 500; !this.stop.signal.aborted; delay = Math.min(LONGEST_WAIT, 2 * delay)) {
      const address = new URL(`${this.place.path}/${this.place.token}`, location.href);
      for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
      try {
        const answer = await fetch(address, { ...(body && { body }), method, signal: this.stop.signal });
        if (answer.ok || [409, 413, 507].includes(answer.status)) {
          this.waits = false;
          return await answer.json();
        }
      } catch (error) {
        if (error.name === "NotReadableError" || error.name === "NotFoundError") return { gone: true };
        if (this.stop.signal.aborted) return null;
        if (body && !(await readable(body))) return { gone: true };
      }
      this.waits = true;
      this.heard();
      await wait(delay);
      if (method === "PUT" && !this.stop.signal.aborted) return this.ask("GET", values);
    }
    return null;
  }

  cancel() {
    this.stop.abort();
    const address = new URL(`${this.place.path}/${this.place.token}`, location.href);
    fetch(address, { method: "DELETE" }).catch(() => {});
  }
}

async function isZip(file) {
  try {
    return ["PK\x03\x04", "PK\x05\x06"].includes(await file.slice(0, 4).text());
  } catch {
    return false;
  }
}

// Whether a file can still be read: it may have been changed or removed since it was chosen.
async function readable(blob) {
  try {
    await blob.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function below(entry, found, path = "") {
  const name = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file) found.push({ file, name });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a folder is read a hundred entries at a time
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return;
    for (const each of some) await below(each, found, name);
  }
}

const named = (files) => files.map(({ file, name }) => ({ file, name, key: `${name}|${file.size}|${file.lastModified}` }));
const sendings = (window.oddOneOutSendings ??= new Map()); // what is under way, by role: it outlives a change of page

class Chooser {
  constructor(root) {
    const find = (name) => root.querySelector(name);
    Object.assign(this, { root, choose: find(".choose"), under: find(".under"), bar: find(".bar"), fill: find(".bar i"), said: find(".said"), spoken: find(".spoken") });
    this.cancel = find(".cancel");
    this.inputs = [find(".many"), find(".whole")];
    for (const input of this.inputs) {
      input.addEventListener("change", () => {
        const files = [...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
        input.value = "";
        this.begin(files);
      });
    }
    this.cancel.addEventListener("click", () => {
      sendings.get(this.data.role)?.cancel();
      sendings.delete(this.data.role);
      this.show();
    });
  }

  update(data, trigger, host) {
    Object.assign(this, { data, trigger });
    this.root.querySelector(".files").textContent = data.words.files;
    this.root.querySelector(".folder").textContent = data.words.folder;
    this.inputs[0].accept = data.accept;
    this.inputs[0].setAttribute("aria-label", data.words.files);
    this.inputs[1].setAttribute("aria-label", data.words.folder);
    this.cancel.textContent = data.words.cancel;
    this.takeDrops(host.closest?.('[class*="st-key-card_drop"]') ?? this.root.querySelector(".sending"));
    const now = sendings.get(data.role);
    if (now) {
      now.heard = () => this.show();
      if (now.over && data.taken.includes(now.batch)) sendings.delete(data.role);
      else if (now.place.token !== data.place.token) this.again(now);
    }
    this.show();
    this.tell();
  }

  // The server knows this browser by another name: everything is sent anew to it.
  again(before) {
    before.stop.abort();
    this.send(before.files);
  }

  takeDrops(zone) {
    if (this.zone === zone) return;
    this.zone = zone;
    const over = (on) => zone.classList.toggle("odd-over", on);
    zone.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
    zone.addEventListener("dragleave", () => over(false));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      over(false);
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
      const found = [];
      for (const entry of entries) await below(entry, found);
      this.begin(found);
    });
  }

  begin(files) {
    if (files.length && !sendings.get(this.data.role)) this.send(named(files));
  }

  send(files) {
    const now = new Sending(files, this.data.place, this.data.role);
    now.heard = () => this.show();
    sendings.set(this.data.role, now);
    this.show();
    now.run().then(() => this.tell());
  }

  // Says what is there, until the page has taken it: a message may be lost with the connection.
  async tell() {
    const now = sendings.get(this.data.role);
    if (!now?.over || this.telling) return;
    this.telling = true;
    while (sendings.get(this.data.role) === now && this.under.isConnected) {
      this.trigger("arrived", { batch: now.batch, files: now.files.map(({ key }) => key) });
      await wait(LONGEST_WAIT);
    }
    this.telling = false;
  }

  show() {
    const now = sendings.get(this.data.role);
    this.choose.hidden = Boolean(now);
    this.under.hidden = !now;
    if (!now) return;
    const share = now.total ? now.bytes / now.total : now.done / now.files.length;
    const words = this.data.words;
    const mb = (bytes) => (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0);
    const far = words.far.replace("{done}", mb(now.bytes)).replace("{total}", mb(now.total)).replace("{n}", now.done).replace("{of}", now.files.length);
    this.under.classList.toggle("waits", now.waits);
    this.fill.style.width = `${100 * share}%`;
    this.bar.setAttribute("aria-valuenow", Math.round(100 * share));
    this.bar.setAttribute("aria-label", words.sending);
    const said = now.waits ? words.waits : now.over ? words.over : far;
    this.said.textContent = said;
    if (now.waits || now.over) this.spoken.textContent = said;
  }
}

const choosers = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  if (!choosers.has(parentElement)) choosers.set(parentElement, new Chooser(parentElement));
  const host = parentElement.host ?? parentElement.getRootNode().host ?? parentElement;
  choosers.get(parentElement).update(data, setTriggerValue, host);
}
