"""Inspect in a real Chromium: evidence that belongs to the pixel, strokes that reach every method."""

import re

import numpy as np
import pytest
from browser.seeing import chart, traces
from browser.serving import serving
from fixtures.evidence import CELL, value

from pages.frame.style import PAGES

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "done"
EXPLAINED = ".reason .crop img"
SIZE = 224


@pytest.fixture
def page(visit):
    return visit("inspect?place=100,50", EXPLAINED)


def click(page, y, x):
    stage = page.locator(".stage")
    side = stage.bounding_box()["width"] / SIZE
    stage.click(position={"x": (x + 0.5) * side, "y": (y + 0.5) * side})


def choose(page, name):
    page.get_by_role("radio", name=name, exact=True).check()


def said(page):
    """The value beside each method's bars."""
    texts = page.locator(".histogram text.here").all_text_contents()
    return [float(re.search(r"[\d.]+", text)[0]) for text in texts]


def test_a_click_shows_the_evidence_of_that_pixel(page):
    for y, x in ((20, 180), (151, 33)):
        click(page, y, x)
        expect(page.locator(".head b")).to_have_text(f"Row {y}, column {x}")
        page.wait_for_url(f"**place={y}%2C{x}**")
        expect(page.locator(".histogram text.here").first).to_contain_text(f"{value(y, x):#.3g}".rstrip("."))
        assert len(said(page)) == 4
        assert said(page) == pytest.approx([value(y, x)] * 4, rel=5e-3)
        frame = page.locator(".stage .lens .frame").evaluate("e => [e.offsetLeft, e.offsetTop, e.offsetWidth]")
        side = page.locator(".stage").bounding_box()["width"] / SIZE
        cell = CELL["patchcore"]
        assert frame == pytest.approx([x // cell * cell * side, y // cell * cell * side, cell * side], abs=1)


def test_rows_are_ordered_by_the_map_value_of_the_place(page):
    assert page.locator(".reason h2").all_inner_texts() == ["CFA", "PatchCore", "SPADE", "PaDiM", "MahalanobisAD"]


def test_the_keyboard_moves_the_place_and_the_picture(page):
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".head b")).to_have_text("Row 108, column 58")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".head b")).to_have_text("Row 108, column 57")
    before = page.locator(".st-key-lead strong").inner_text()
    page.keyboard.press("PageDown")
    expect(page.locator(".st-key-lead strong")).not_to_have_text(before)
    page.keyboard.press("PageUp")
    expect(page.locator(".st-key-lead strong")).to_have_text(before)


def test_looking_around_causes_no_traffic(page):
    page.wait_for_timeout(500)
    page.sent.clear()
    page.locator(".panes label").nth(2).click()
    page.locator("[data-zoom]").first.click()
    expect(page.locator(".room.enlarged")).to_have_count(1)
    page.locator(".stage").hover(position={"x": 80, "y": 90})
    expect(page.locator(".stage .value")).to_contain_text("Row")
    assert page.sent == []


def test_back_leads_to_the_page_before(visit):
    page = visit("", ".tile canvas")
    expect(page.locator(".st-key-narrow_pages")).not_to_be_visible()
    page.locator(".tile[role=button]").nth(3).click()
    page.wait_for_selector(EXPLAINED)
    lead = page.locator(".st-key-lead strong")
    for _ in range(2):
        first = lead.inner_text()
        page.keyboard.press("ArrowRight")
        expect(lead).not_to_have_text(first)
    page.go_back()
    expect(page.get_by_role("heading", name="Compare", level=1)).to_be_visible()


def test_left_and_right_walk_through_the_pictures(page):
    lead = page.locator(".st-key-lead strong")
    first = lead.inner_text()
    page.keyboard.press("ArrowRight")
    expect(lead).not_to_have_text(first)
    page.keyboard.press("ArrowLeft")
    expect(lead).to_have_text(first)
    page.locator(".panes input").first.focus()
    page.keyboard.press("ArrowRight")  # belongs to the radio buttons
    expect(page.locator(".panes input").nth(1)).to_be_focused()
    expect(lead).to_have_text(first)


def test_presenting_keeps_what_can_be_asked_and_escape_ends_it(visit):
    page = visit("inspect?present=1", EXPLAINED)
    lead = page.locator(".st-key-lead strong")
    expect(page.locator("[data-testid=stSidebar]")).not_to_be_visible()
    for kept in (".modes", ".panes", ".kinds", ".strip"):
        expect(page.locator(kept)).to_be_visible()
    first = lead.inner_text()
    page.keyboard.press("PageDown")  # as a presenter's clicker says
    expect(lead).not_to_have_text(first)
    page.locator("[data-zoom]").first.click()
    page.locator(".stage").focus()
    page.keyboard.press("Escape")  # shows the whole picture again
    expect(page.locator(".room.enlarged")).to_have_count(0)
    assert "present=1" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("[data-testid=stSidebar]")).to_be_visible()
    expect(page).not_to_have_url(re.compile("present"))


def test_the_gradient_picture_is_asked_for_and_shown_large_and_whole(page):
    expect(page.locator(".badge")).not_to_be_visible()
    page.get_by_role("button", name="Show the gradient picture").click()
    badge, stage = page.locator(".badge"), page.locator(".stage")
    expect(badge).to_have_text("Gradient, not part of the method")
    expect(page.get_by_role("radio", name="Gradient", exact=True)).to_be_checked()
    drawn = stage.locator("canvas")
    assert drawn.bounding_box()["width"] == stage.bounding_box()["width"] > 300
    box = stage.bounding_box()
    assert badge.bounding_box()["y"] >= box["y"] + box["height"], "beside the picture, not on it"
    choose(page, "PaDiM")
    expect(badge).not_to_be_visible()
    page.get_by_role("button", name="Hide the gradient picture").click()
    expect(page.get_by_role("radio", name="Gradient", exact=True)).to_have_count(0)


def test_the_most_alike_pictures_open(page):
    card = page.locator(".cards button", has_text="judged otherwise").first
    expect(page.locator(".cards button", has_text="nearest normal")).to_have_count(1)
    name = card.locator("span").first.inner_text().split(",")[0]
    card.click()
    expect(page.locator(".st-key-lead strong")).to_have_text(name)


def stroke(page, *points):
    box = page.locator(".canvas").bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def scores(page):
    """What stands at the arrows' heads, by method; empty while nothing is painted."""
    return page.locator(".score-row .arrow .is").all_text_contents()


def test_paint_starts_on_a_good_picture_and_one_click_takes_another(page):
    looked_at = page.locator(".st-key-lead strong").inner_text()
    choose(page, "Paint")
    lead = page.locator(".st-key-lead")
    expect(lead).to_contain_text(", good")
    good = lead.locator("strong").inner_text()
    assert good != looked_at
    line = ((0.2, 0.3), (0.6, 0.35), (0.4, 0.8))
    stroke(page, *line)
    expect(page.locator(".arrow .is")).to_have_count(5)
    page.get_by_role("button", name=f"Paint on {looked_at} instead").click()
    expect(lead.locator("strong")).to_have_text(looked_at)
    expect(page.locator(".ground p")).to_contain_text("already raises an alarm")
    stroke(page, *line)  # the very same stroke is another question
    expect(page.locator(".arrow .is")).to_have_count(5)
    page.get_by_role("button", name=f"Take a good picture: {good}").click()
    expect(lead.locator("strong")).to_have_text(good)
    expect(page.locator(".arrow .is")).to_have_count(5)
    page.locator(".strip button").last.click()
    expect(lead.locator("strong")).not_to_have_text(good)
    choose(page, "Look")
    expect(lead.locator("strong")).to_have_text(looked_at)


def test_a_stroke_changes_every_score_and_undo_takes_it_back(page):
    choose(page, "Paint")
    expect(page.locator(".score-row[data-key]")).to_have_count(5)
    assert scores(page) == []
    stroke(page, (0.2, 0.3), (0.6, 0.35), (0.4, 0.8))
    expect(page.locator(".arrow .is")).to_have_count(5)
    was, now = (page.locator(f".arrow .{name}").all_text_contents() for name in ("was", "is"))
    assert all(float(a) != float(b) for a, b in zip(was, now, strict=True))
    assert all("%" in change for change in page.locator(".change").all_inner_texts())
    stroke(page, (0.8, 0.2), (0.85, 0.8))
    expect(page.locator(".arrow .is").first).not_to_have_text(now[0])
    page.keyboard.press("Control+z")
    expect(page.locator(".arrow .is").first).to_have_text(now[0])
    page.locator(".states button").first.click()
    expect(page.locator(".arrow .is")).to_have_count(0)


@pytest.mark.parametrize("tool", ["Line", "Blur", "Smudge", "Copy patch"])
def test_every_tool_paints_and_the_eraser_takes_away(page, tool):
    choose(page, "Paint")
    expect(page.locator(".score-row[data-key]")).to_have_count(5)
    choose(page, tool)
    page.locator(".width input").fill("12")
    if tool == "Copy patch":
        page.locator(".canvas").click(position={"x": 60, "y": 60})
        expect(page.locator(".source")).to_be_visible()
    stroke(page, (0.3, 0.4), (0.5, 0.5), (0.7, 0.6))
    expect(page.locator(".arrow .is")).to_have_count(5)
    choose(page, "Eraser")
    page.locator(".width input").fill("40")
    stroke(page, (0.25, 0.35), (0.5, 0.5), (0.75, 0.65))
    expect(page.locator(".arrow .is")).to_have_count(0)


def test_the_keyboard_paints(page):
    choose(page, "Paint")
    expect(page.locator(".score-row[data-key]")).to_have_count(5)
    page.locator(".canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.down("Space")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.up("Space")
    expect(page.locator(".arrow .is")).to_have_count(5)
    width = page.locator(".width b").inner_text()
    page.keyboard.press("]")
    assert page.locator(".width b").inner_text() != width


def test_how_small_it_may_be_is_plotted_against_the_threshold(page):
    choose(page, "Paint")
    ask = page.locator(".st-key-sweep").get_by_role("button", name="Measure")
    expect(ask).to_be_disabled()
    stroke(page, (0.2, 0.3), (0.6, 0.35), (0.4, 0.8))
    expect(ask).to_be_enabled()
    ask.click()
    found = chart(page, "inspect_sweep_chart")
    drawn = traces(found)
    lines = [trace for trace in drawn.values() if len(trace["x"]) == 9]
    assert len(lines) == 5
    for line in lines:
        assert found.evaluate("(c, n) => c._fullData[n].mode", line["number"]) == "lines+markers"
    expect(found.locator(".scatterlayer .js-line")).to_have_count(5)
    (threshold,) = found.evaluate("c => c._fullLayout.shapes.map(s => s.y0)")
    assert threshold == 1
    assert any(len(mark["x"]) == 1 for mark in drawn.values()), "some method misses it when it is small"
    for name, mark in drawn.items():  # a crossing lies where its line passes the threshold
        if len(mark["x"]) == 1:
            line = drawn[name.split(",")[0]]
            assert np.interp(mark["x"][0], line["x"], line["y"]) == pytest.approx(1, abs=0.02)
    axis = page.get_by_role("figure", name="Score as a multiple of the threshold against longer side")
    expect(axis).to_have_count(1)
    choose(page, "Fainter")
    expect(axis).to_have_count(0)
    chart(page, "inspect_sweep_chart")
    expect(page.get_by_role("figure", name="against strength, %")).to_have_count(1)
    page.get_by_text("Show as table").click()
    expect(page.locator(".st-key-sweep [data-testid=stDataFrame]")).to_be_visible()


def test_a_phone_stacks_everything(visit):
    page = visit("inspect", EXPLAINED, viewport={"width": 420, "height": 900}, locale="ko-KR")
    left, right = (page.locator(name).first.bounding_box() for name in (".left", ".right"))
    assert right["y"] > left["y"] + left["height"]
    menu = page.locator(".st-key-narrow_pages a")
    expect(menu).to_have_count(len(PAGES))
    expect(menu.first).to_be_visible()
    menu.filter(has_text="비교").click()
    expect(page.get_by_role("heading", name="비교", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    menu.last.click()
    expect(page.locator(".st-key-narrow_pages [aria-current]")).to_have_text("내보내기")
    expect(menu.last).to_be_in_viewport(ratio=1)


@pytest.mark.slow
def test_the_real_methods_answer_a_click_and_a_stroke(visit):
    with serving() as url:
        page = visit(f"{url}/inspect", EXPLAINED, wait=120_000)
        expect(page.locator(".reason .crop")).to_have_count(15, timeout=120_000)
        click(page, 40, 40)
        expect(page.locator(".head b")).to_have_text("Row 40, column 40")
        choose(page, "Paint")
        expect(page.locator(".score-row[data-key]")).to_have_count(5, timeout=30_000)
        stroke(page, (0.2, 0.3), (0.6, 0.35), (0.4, 0.8))
        expect(page.locator(".arrow .is")).to_have_count(5, timeout=30_000)
        was, now = (page.locator(f".arrow .{name}").all_text_contents() for name in ("was", "is"))
        assert all(float(a) != float(b) for a, b in zip(was, now, strict=True))


def test_the_film_strip_names_its_pictures(page):
    names = page.locator(".strip button").all_inner_texts()
    assert len(names) == 6
    assert len(set(names)) == 6
    assert page.locator(".st-key-lead strong").inner_text() in names
