"""A method lesson in a real Chromium, over a small real run: choose a step, move the patch by mouse and by keys."""

import pytest
from browser.seeing import chart, image, is_nearest, is_painted, traces
from browser.serving import SETTLED
from fixtures import learning

from detectors.plots import colours

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "lessons_done"
LONG = 60_000
FIRST = 240_000  # the server's first answer waits for the run, on a machine that may be busy


@pytest.fixture(scope="module")
def page(stay):
    return stay("learn?lesson=padim", ".path .step", wait=FIRST, viewport={"width": 1440, "height": 1300})


def caption(page):
    return page.locator(".path .caption").nth(2).inner_text()


def heading(page, words):
    expect(page.locator(".st-key-method_step h2")).to_contain_text(words, timeout=LONG)


def test_a_step_comes_into_focus_by_click_and_by_key(page):
    page.locator(".path .pane").nth(2).click()
    heading(page, "3 One patch")
    page.locator(".path .head").nth(2).press("ArrowRight")
    heading(page, "4 Map")
    page.locator(".path .head").nth(3).press("Home")
    heading(page, "1 Features")


def test_the_numbers_follow_the_patch(page):
    page.locator(".path .pane").nth(2).click()
    heading(page, "3 One patch")
    pane, before = page.locator(".path .pane").nth(2), caption(page)
    box = pane.bounding_box()
    page.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + 0.9 * box["height"])
    expect(page.locator(".path .caption").nth(2)).not_to_have_text(before, timeout=LONG)
    moved = caption(page)
    value = moved.split()[2]
    expect(page.locator(".st-key-method_step .odd-formula").first).to_contain_text(value, timeout=LONG)
    assert "place=" in page.url
    pane.press("ArrowRight")
    expect(page.locator(".path .caption").nth(2)).not_to_have_text(moved, timeout=LONG)


def test_a_chart_and_a_frame_are_really_there(page):
    page.locator(".path .head").nth(2).click()
    heading(page, "3 One patch")
    found = chart(page, "learn_gaussian")
    points = max((len(trace["x"]) for trace in traces(found).values()), default=0)
    assert points > 10
    assert found.locator(".scatterlayer .point").count() >= points
    assert page.locator(".path .frame").count() >= 4
    frame = page.locator(".path .frame").first.bounding_box()
    assert frame["width"] >= 5


def test_nothing_but_the_path_scrolls_sideways_on_a_phone(page):
    page.set_viewport_size({"width": 420, "height": 900})
    page.locator(".path .head").nth(0).click()
    heading(page, "1 Features")
    strip = page.locator(".path").evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert strip[0] > strip[1]
    body = page.locator('[data-testid="stMain"]').evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert body[0] <= body[1]
    page.set_viewport_size({"width": 1440, "height": 1300})


@pytest.mark.parametrize("method", ["spade", "padim", "patchcore", "cfa"])
def test_a_lesson_shows_the_runs_own_map_over_its_picture(page, method):
    result = learning.ran()[0]
    column = result[f"{method}/efficientnet_lite0"]
    defects = [i for i, picture in enumerate(result.test) if picture.defective and picture.local]
    for i in sorted(defects, key=lambda i: column.scores[i])[-2:]:
        page.goto(f"{page.url.split('/learn')[0]}/learn?lesson={method}&picture={result.test[i].sha256[:16]}")
        page.wait_for_selector(".path .step", timeout=LONG)
        page.wait_for_selector(SETTLED, timeout=LONG)
        shown = image(page.locator(".path .pane").nth(4).locator("img"))
        pixels = result.test[i].pixels
        candidates = [colours.overlay(pixels, column.scale(raw)) for raw in column.maps]
        is_painted(shown, candidates, i, 6.0)
        photograph = image(page.locator(".path .pane").nth(2).locator("img"))
        assert photograph.shape == pixels.shape
        is_nearest(photograph, [picture.pixels for picture in result.test], i, 6.0)
