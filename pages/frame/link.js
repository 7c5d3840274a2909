// Copies the page's address, which holds the whole experiment.
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const label = button.querySelector("span");
  label.textContent = data.copy;
  button.onclick = async () => {
    const address = window.location.href;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      const field = document.createElement("textarea"); // without https there is no clipboard interface
      field.value = address;
      parentElement.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    label.textContent = data.copied;
    setTimeout(() => (label.textContent = data.copy), 2000);
  };
}
