// Everything painted so far, state by state: undo, redo and a strip to go back to. Kept while the page lives, per picture.

const MOST_STATES = 30, SHOWN_STATES = 5;
const paintings = (window.oddOneOutPaintings ??= new Map());

class States {
  constructor(picture, size) {
    this.list = [{ overlay: new Overlay(size), label: "" }];
    this.at = 0;
    this.sent = 0; // the number of the last stroke that was sent
    paintings.set(picture, this);
  }

  static of(picture, size) {
    const kept = paintings.get(picture);
    return kept && String(kept.now.size) === String(size) ? kept : new States(picture, size);
  }

  get now() {
    return this.list[this.at].overlay;
  }

  add(overlay, label) {
    this.list.splice(this.at + 1);
    this.list.push({ overlay, label });
    if (this.list.length > MOST_STATES) this.list.splice(1, 1);
    this.at = this.list.length - 1;
  }

  go(at) {
    this.at = Math.min(this.list.length - 1, Math.max(0, at));
  }

  // Untouched, then the latest few, the present one always among them.
  shown() {
    const rest = this.list.map((_, i) => i).slice(1);
    const end = Math.max(this.at, Math.min(rest.length, SHOWN_STATES));
    return [0, ...rest.filter((i) => i <= end || this.list.length <= SHOWN_STATES + 1).slice(-SHOWN_STATES)];
  }
}
