"""All pages by keyboard alone: Tab reaches the end of each, and what it stands on can be seen."""

import pytest

from pages.frame.style import PAGES

STATE = "done"
MOST = 250  # controls of a page, the cells of its tables too
FOCUSED = """() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    if (!at || at === document.body) return null;
    const ringed = (e) => getComputedStyle(e).outlineStyle !== "none" || getComputedStyle(e).boxShadow !== "none";
    const near = [at, at.parentElement, ...at.children].filter(Boolean);
    return { what: `${at.tagName} ${at.ariaLabel ?? at.textContent.trim().slice(0, 40)}`, seen: near.some(ringed) };
}"""


@pytest.mark.parametrize("name", [*PAGES, "learn?lesson=padim"])
def test_tab_reaches_the_end_of_a_page_and_is_seen_on_the_way(visit, name):
    page = visit("" if name == "compare" else name, "h1")
    page.wait_for_timeout(500)  # components of the page's end may still come
    passed = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUSED)
        if at is not None and not at["seen"]:  # a page that is just being drawn again has its style a moment later
            page.wait_for_timeout(300)
            at = page.evaluate(FOCUSED)
        if at is None:
            break
        passed.append(at)
    assert at is None, f"the keyboard does not get past {passed[-1]['what']}"
    assert len(passed) > 15
    links = [each for each in passed if each["what"].split()[0] in ("A", "BUTTON", "MAIN")]
    unseen = [each["what"] for each in links if not each["seen"]]
    assert unseen == []
