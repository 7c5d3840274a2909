// What a press does on buttons and links that came as HTML, which costs the server less than a component each: they copy
// a text, or the page's address, which holds the whole experiment; they open a page; they enlarge or download the chart
// above them by pressing plotly's own buttons, which no keyboard of a reader finds behind a hover and which speak English.

const PRESSES = {
  copy: async (button) => {
    const { text: sent } = button.dataset; // as JSON: the browser takes spaces off the ends of what came as HTML
    const text = sent ? JSON.parse(sent) : window.location.href;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea"); // without https there is no clipboard interface
      field.value = text;
      button.parentElement.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    const label = button.querySelector("span");
    const before = label.textContent;
    if (before === button.dataset.copied) return;
    label.textContent = button.dataset.copied;
    setTimeout(() => (label.textContent = before), 2000);
  },
  page: (link) => window.oddOneOutPresses.open(link.dataset.page),
  enlarge: (button) => press(chart(button), "Fullscreen"),
  png: (button) => download(chart(button), "png"),
  svg: (button) => download(chart(button), "svg"),
};

function chart(button) {
  return button.closest('[class*="st-key-chart_"]').querySelector(".js-plotly-plot");
}

function press(chart, title) {
  chart?.querySelector(`.modebar-btn[data-title^="${title}"]`)?.click();
}

// plotly reads the format when the button is pressed.
function download(chart, format) {
  if (!chart) return;
  const { _context: settings } = chart;
  settings.toImageButtonOptions.format = format;
  press(chart, "Download plot");
}

if (!window.oddOneOutPresses) {
  window.oddOneOutPresses = { open: () => {} };
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("[data-press]");
    if (!pressed || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    PRESSES[pressed.dataset.press]?.(pressed);
  });
  // On a touch screen a finger that moves over a chart scrolls the page; a tap arrives as a click all the same.
  document.addEventListener("touchstart", (event) => {
    if (event.target.closest?.(".js-plotly-plot") && !event.target.closest(".modebar")) event.stopPropagation();
  }, { capture: true, passive: true });
}
