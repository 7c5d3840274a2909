// Buttons below a plotly chart: enlarge, download as PNG or SVG. They press plotly's own buttons, which no keyboard of a
// reader finds behind a hover and which speak English.

const PRESSES = {
  enlarge: (chart) => press(chart, "Fullscreen"),
  png: (chart) => download(chart, "png"),
  svg: (chart) => download(chart, "svg"),
};

function press(chart, title) {
  chart.querySelector(`.modebar-btn[data-title^="${title}"]`)?.click();
}

// plotly reads the format when the button is pressed.
function download(chart, format) {
  const { _context: settings } = chart;
  settings.toImageButtonOptions.format = format;
  press(chart, "Download plot");
}

// On a touch screen a finger that moves over a chart scrolls the page; a tap arrives as a click all the same.
document.oddOneOutCharts ??= document.addEventListener("touchstart", (event) => {
  if (event.target.closest?.(".js-plotly-plot") && !event.target.closest(".modebar")) event.stopPropagation();
}, { capture: true, passive: true }) ?? true;

export default function ({ parentElement, data }) {
  const host = parentElement.querySelector(".chart-tools");
  const written = JSON.stringify(data);
  if (host.written === written) return;
  host.written = written;
  host.lang = data.language;
  host.setAttribute("aria-label", data.words.tools);
  host.replaceChildren(...Object.entries(PRESSES).map(([name, act]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = name;
    [button.textContent, button.ariaLabel] = data.words[name];
    button.title = button.ariaLabel;
    button.addEventListener("click", () => {
      const chart = document.querySelector(`.${CSS.escape(data.holder)} .js-plotly-plot`);
      if (chart) act(chart);
    });
    return button;
  }));
}
