"""Lessons in a real Chromium, over a small real run: walk one, move the handle, switch a level, ask a symbol."""

import pytest
from browser.seeing import chart
from browser.serving import SETTLED

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "lessons_done"
LONG = 60_000
FIRST = 240_000  # the server's first answer waits for the run, on a machine that may be busy


@pytest.fixture
def open_page(visit):
    return lambda query="", **options: visit(f"learn?{query}", ".odd-prose", wait=FIRST, **options)


def ended(page):
    page.wait_for_selector(SETTLED, timeout=LONG)


def test_the_first_lesson_from_its_handle_to_the_next_lesson(open_page):
    page = open_page()
    handle = page.locator("input[type=range][aria-label='Share of the good picture']")
    handle.focus()
    before = page.locator("figure").evaluate("f => getComputedStyle(f).getPropertyValue('--share')")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    after = page.locator("figure").evaluate("f => f.style.getPropertyValue('--share')")
    assert (before, after) == ("50%", "60%")
    good, odd = (page.locator(f"figure img >> nth={i}").get_attribute("src") for i in (0, 1))
    assert good.startswith("data:image/webp")
    assert good != odd
    page.locator(".st-key-controls_pair").get_by_text("glaring").click()
    expect(page.locator("figure img >> nth=1")).not_to_have_attribute("src", odd, timeout=LONG)
    expect(page.get_by_text("No method learns from any of those")).to_be_visible()
    page.locator(".st-key-next_lesson button").click()
    expect(page.get_by_role("heading", name="Why several layers")).to_be_visible(timeout=LONG)
    assert "lesson=layers" in page.url


WRITTEN_ANEW = """before => {
    const texts = [...document.querySelectorAll(".st-key-chart_worth_1 .js-plotly-plot text")];
    return texts.length > 0 && texts.map((text) => text.textContent).join("") !== before;
}"""


def test_switching_a_level_off_fits_the_others_anew(open_page):
    page = open_page("lesson=layers")
    expect(page.locator(".odd-cell-title", has_text="Together · 1 + 2 + 3")).to_be_visible(timeout=LONG)
    before = "".join(chart(page, "worth_1").locator("text").all_text_contents())
    page.locator(".st-key-controls_layers").get_by_text("Level 3").click()
    expect(page.locator(".odd-cell-title", has_text="Together · 1 + 2")).to_be_visible(timeout=LONG)
    expect(page.locator(".odd-cell-title", has_text="1 + 2 + 3")).to_have_count(0)
    page.wait_for_function(WRITTEN_ANEW, arg=before, timeout=LONG)  # drawn after the maps


def test_the_true_outline_is_drawn_over_the_picture(open_page):
    page = open_page("lesson=layers")
    line = page.locator(".odd-tiles .odd-picture img[src^='data:image/svg']").first
    line.wait_for(timeout=LONG)
    assert line.evaluate("i => i.decode().then(() => i.getBoundingClientRect().width)") > 50


@pytest.mark.parametrize("lesson", ["hard", "layers", "figures", "table", "exercises"])
def test_a_phone_scrolls_down_only(open_page, lesson):
    page = open_page(f"lesson={lesson}&language=ko", viewport={"width": 420, "height": 900})
    expect(page.locator(".odd-prose").first).to_have_css("word-break", "keep-all", timeout=LONG)
    ended(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_lines_of_prose_have_a_readable_length(open_page):
    page = open_page("lesson=layers")
    ended(page)
    longest = page.evaluate(
        """() => Math.max(...[...document.querySelectorAll('.odd-prose p')].map((p) => {
            const range = document.createRange(); range.selectNodeContents(p);
            const lines = new Set([...range.getClientRects()].map((r) => Math.round(r.bottom))).size;
            return lines > 2 ? p.textContent.length / lines : 0;
        }))"""
    )
    assert 25 <= longest <= 72


def test_presenting_keeps_the_lessons_and_what_figures_can_be_asked(open_page):
    page = open_page("lesson=layers&present=1")
    ended(page)
    expect(page.locator(".odd-tiles").first).to_be_visible(timeout=LONG)
    expect(page.locator("[data-testid=stSidebar]")).not_to_be_visible()
    for kept in (".st-key-controls_layers", ".st-key-filters"):
        expect(page.locator(kept)).to_be_visible()
    expect(page.locator(".st-key-next_lesson button")).to_be_visible()
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.odd-prose')).fontSize)") >= 19
