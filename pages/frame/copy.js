// Copies a text that the server sent along.
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const label = button.querySelector("span");
  label.textContent = data.copy;
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(data.text);
    } catch {
      const field = document.createElement("textarea"); // without https there is no clipboard interface
      field.value = data.text;
      parentElement.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    label.textContent = data.copied;
    setTimeout(() => (label.textContent = data.copy), 2000);
  };
}
