// The address bar mirrors every choice, and Streamlit enters each change into the browser's history, where going back to
// it changes nothing. Within a page a change takes the place of the entry before, so that Back leads to the last page.
if (!window.oddOneOutHistory) {
  const push = history.pushState.bind(history);
  window.oddOneOutHistory = true;
  history.pushState = (state, title, url) => {
    const same = url && new URL(url, location.href).pathname === location.pathname;
    return same ? history.replaceState(state, title, url) : push(state, title, url);
  };
}

export default function ({ setTriggerValue }) {
  window.oddOneOutPresses.open = (page) => setTriggerValue("page", page);
  requestAnimationFrame(showWhereOneIs);
}

// On a narrow screen the menu is wider than the screen: the page that is open is brought to its middle.
function showWhereOneIs() {
  const here = document.querySelector(".st-key-narrow_pages [aria-current]");
  if (!here) return;
  const menu = here.parentElement;
  const [place, whole] = [here, menu].map((element) => element.getBoundingClientRect());
  menu.scrollLeft += place.left + place.width / 2 - whole.left - whole.width / 2;
}
