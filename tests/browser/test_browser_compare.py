"""The linked grid in a real Chromium, over a hand-made result."""

import re

import pytest
from browser.serving import serving

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "done"
DRAWN = ".tile canvas"


@pytest.fixture
def page(visit):
    return visit(awaited=DRAWN, viewport={"width": 1440, "height": 900})


def clear(page):
    """Forget the traffic so far."""
    page.sent.clear()
    page.received.clear()


def tile(page, row, column):
    return page.locator(".row").nth(row).locator(".tile").nth(column)


def test_six_rows_of_five_methods_weigh_at_most_half_a_megabyte(page):
    assert page.locator(".row").count() == 6
    assert page.locator(".row").nth(0).locator(".tile").count() == 6
    assert sum(page.sent + page.received) < 500_000


def test_opacity_mode_outline_and_crosshair_cause_no_traffic(page):
    page.wait_for_timeout(500)
    clear(page)
    page.locator(".opacity input").fill("40")
    page.locator(".segmented input[value=contour]").check(force=True)
    page.locator(".tools .outline").click()
    tile(page, 0, 4).hover(position={"x": 60, "y": 60})
    values = tile(page, 0, 1).locator(".value")
    expect(values).to_be_visible()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.locator(".row.enlarged")).to_have_count(1)
    assert page.sent + page.received == []


def test_a_moved_threshold_changes_verdicts_and_sends_no_picture_again(page):
    first = tile(page, 0, 1).get_attribute("aria-label")
    assert "times the threshold" in first
    page.locator(".tools .order").select_option("name")
    expect(page.locator(".row-title b").first).to_have_text("chip 000")
    page.wait_for_timeout(500)
    before = page.locator(".score b").all_inner_texts()
    clear(page)
    page.locator(".st-key-w_allowed input").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/?allowed=2**")
    expect(page.locator(".score b").first).not_to_have_text(before[0])
    assert sum(page.sent + page.received) < 100_000  # the six rows' pictures are 140 kB


def test_a_click_opens_inspect_at_the_place(page):
    tile(page, 0, 3).click(position={"x": 40, "y": 50})
    page.wait_for_url("**/inspect?**")
    assert "picture=" in page.url
    assert "place=" in page.url
    assert "focus=padim" in page.url


def test_the_keyboard_does_what_the_pointer_does(page):
    tile(page, 0, 0).focus()
    page.keyboard.press("Control+ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row.pointed")).to_have_count(1)
    assert "PatchCore" in page.locator(".spoken").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inspect?**")


def test_a_picture_is_called_normal_by_a_key_in_any_of_its_panes_and_by_a_click(page):
    tile(page, 0, 2).focus()
    page.keyboard.press("x")
    expect(page.get_by_text("1 picture corrected.").first).to_be_visible()
    page.locator(".row").nth(1).locator(".say button").first.click()
    expect(page.get_by_text("1 picture corrected.").last).to_be_visible()
    expect(page.locator(".row")).to_have_count(6)


def test_a_head_focuses_its_method_everywhere(page):
    page.locator("button.head").nth(4).click()
    page.wait_for_url("**focus=cfa**")
    expect(page.locator(".head.focus .title")).to_have_text("CFA")


def test_the_language_and_theme_follow_the_browser(visit):
    page = visit(awaited=DRAWN, locale="ko-KR", color_scheme="dark")
    expect(page.get_by_role("heading", name="비교")).to_be_visible()
    assert page.locator("[data-testid=stApp]").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(13, 18, 17)"


def test_a_phone_gets_blocks_of_three_by_two(visit):
    page = visit(awaited=DRAWN, viewport={"width": 420, "height": 900})
    boxes = [tile(page, 0, i).bounding_box() for i in range(6)]
    assert len({round(b["y"]) for b in boxes}) == 2
    assert len({round(b["x"]) for b in boxes}) == 3
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


TOOLS = (".modes", ".opacity", ".outline", ".colour", ".order", ".legend", ".scales")


@pytest.mark.parametrize("width", [1024, 390])
def test_a_projector_and_a_phone_keep_every_tool_and_figure(visit, width):
    page = visit(awaited=DRAWN, viewport={"width": width, "height": 900})
    for tool in TOOLS:
        expect(page.locator(f".grid {tool}")).to_be_visible()
    said = page.locator(".head").nth(4).inner_text()
    assert "AUROC" in said
    assert "95 % interval" in page.locator(".head").nth(4).text_content()
    assert page.locator(".head").nth(4).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_projector_shows_all_columns_beside_each_other(visit):
    page = visit(awaited=DRAWN, viewport={"width": 1024, "height": 900})
    boxes = [tile(page, 0, i).bounding_box() for i in range(6)]
    heads = [page.locator(".head").nth(i).bounding_box() for i in range(6)]
    assert len({round(b["y"]) for b in boxes}) == 1
    assert [round(b["x"]) for b in boxes] == [round(b["x"]) for b in heads]


def test_columns_that_find_no_room_scroll_as_one(visit):
    page = visit(awaited=DRAWN, viewport={"width": 1024, "height": 900})
    for part in (".heads", ".rows"):
        page.locator(part).evaluate("e => e.style.setProperty('--least', '200px')")
    page.locator(".rows").evaluate("e => (e.scrollLeft = 200)")
    expect(page.locator(".heads")).to_have_js_property("scrollLeft", 200)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_what_is_not_normal_has_a_rim_that_needs_no_colour(page):
    rim = tile(page, 0, 4).locator(".rim .line")
    expect(rim).to_have_attribute("d", re.compile("^M"))
    page.locator(".segmented input[value=heatmap]").check(force=True)
    expect(tile(page, 0, 4).locator(".rim")).to_be_hidden()


def test_whoever_comes_first_by_a_link_gets_the_frame(visit):
    with serving() as url:
        page = visit(f"{url}/scores?language=ko&product=leather")
        expect(page.get_by_role("heading", name="점수")).to_be_visible(timeout=60_000)
        expect(page.locator(".st-key-w_pictures").get_by_text("이미지")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)  # "Page not found"
        assert "product=leather" in page.url


def test_a_very_long_name_stays_on_a_phones_screen(visit):
    page = visit(awaited=DRAWN, viewport={"width": 390, "height": 844})
    title = page.locator(".row-title").first
    title.locator(":scope > *").first.evaluate("name => (name.textContent = 'station_07_serial_'.repeat(12))")
    assert title.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= 390")
