// Keeps small pictures by their content. A component of its own, so that labels and frames can change without the pictures
// travelling again: Streamlit sends an unchanged element as a reference.
const MOST = 3000;

export default function ({ data }) {
  const kept = (window.oddOneOutThumbs ??= { pictures: new Map(), waiting: new Map() });
  for (const [key, uri] of Object.entries(JSON.parse(new TextDecoder().decode(data)))) {
    kept.pictures.delete(key); // put what is shown now at the young end
    kept.pictures.set(key, uri);
    kept.waiting.get(key)?.forEach((image) => (image.src = uri));
    kept.waiting.delete(key);
  }
  for (const key of kept.pictures.keys()) {
    if (kept.pictures.size <= MOST) break;
    kept.pictures.delete(key);
  }
}
