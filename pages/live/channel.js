// The way to the detectors: frames as binary messages, at most two in flight, over a connection that comes back.

const IN_FLIGHT = 2;
const MODES = { live: 0, learn: 1, normal: 2 };
const UNKNOWN = 4401; // the server does not know this page any more

class Channel {
  // `hear(header, body)` is called with each message; `state(open, known)` when the connection comes or goes.
  constructor(hear, state) {
    Object.assign(this, { hear, state });
    this.flying = new Map(); // what is on its way, by number
    this.delay = 500;
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN && this.welcome;
  }

  get room() {
    return this.open && this.flying.size < IN_FLIGHT;
  }

  connect(visitor, path) {
    if (this.visitor === visitor && this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    this.close();
    Object.assign(this, { visitor, path, closed: false });
    const address = new URL(path, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.socket = new WebSocket(address));
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => socket.send(JSON.stringify({ visitor })));
    socket.addEventListener("message", ({ data }) => socket === this.socket && this.take(data));
    socket.addEventListener("close", ({ code }) => socket === this.socket && this.lost(code !== UNKNOWN));
  }

  take(data) {
    const length = new DataView(data).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    if (header.event === "open") {
      this.welcome = true;
      this.delay = 500;
      this.state(true, true);
    }
    const sent = this.flying.get(header.number);
    if (header.did === "frame") this.flying.delete(header.number);
    this.hear(header, new Uint8Array(data, 4 + length), sent);
  }

  lost(known) {
    this.welcome = false;
    this.flying.clear();
    this.state(false, known);
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.socket = null;
      this.connect(this.visitor, this.path);
    }, this.delay);
    this.delay = Math.min(2 * this.delay, 8000);
  }

  frame(mode, number, jpeg, kept) {
    const message = new Uint8Array(5 + jpeg.length), head = new DataView(message.buffer);
    head.setUint8(0, MODES[mode]);
    head.setUint32(1, number, true);
    message.set(jpeg, 5);
    this.flying.set(number, { ...kept, mode, jpeg, sent: performance.now() });
    this.socket.send(message);
  }

  ask(what, values = {}) {
    if (this.open) this.socket.send(JSON.stringify({ do: what, ...values }));
  }

  close() {
    this.closed = true;
    this.welcome = false;
    clearTimeout(this.timer);
    this.flying.clear();
    this.socket?.close();
    this.socket = null;
  }
}
