export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".drawing");
  const written = JSON.stringify(data);
  if (host.written === written) return;
  host.written = written;
  host.replaceChildren(draw(data));
}
