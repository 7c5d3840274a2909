// What the store was sent by key, for all components of a page.
const odd = (window.oddOneOut ??= { pictures: new Map(), waiting: new Map() });

// As soon as it is there.
function stored(key) {
  if (odd.pictures.has(key)) return Promise.resolve(odd.pictures.get(key));
  if (!odd.waiting.has(key)) {
    const entry = {};
    entry.promise = new Promise((resolve) => (entry.resolve = resolve));
    odd.waiting.set(key, entry);
  }
  return odd.waiting.get(key).promise;
}
