// Keeps pictures by the digest of their content. It is a component of its own, so that the grid's small table of verdicts
// can change without the pictures travelling again: Streamlit sends an unchanged element as a reference.
const MOST = 600;

export default function ({ data }) {
  const store = (window.oddOneOut ??= { pictures: new Map(), waiting: new Map() });
  for (const [key, uri] of Object.entries(JSON.parse(new TextDecoder().decode(data)))) {
    store.pictures.delete(key); // put what is shown now at the young end
    store.pictures.set(key, uri);
    store.waiting.get(key)?.resolve(uri);
    store.waiting.delete(key);
  }
  for (const key of store.pictures.keys()) {
    if (store.pictures.size <= MOST) break;
    store.pictures.delete(key);
  }
}
