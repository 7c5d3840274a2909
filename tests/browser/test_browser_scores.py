"""The Scores page in a real Chromium, over a hand-made result: the threshold moves without the server."""

import pytest
from browser.serving import showing
from fixtures import scored

from detectors.evaluation import thresholds

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "scored"
PATCHCORE = 3  # its row


@pytest.fixture(scope="module")
def many():
    with showing("many") as url:
        yield url


@pytest.fixture
def scores(visit):
    def opened(query="", at="", **options):
        page = visit(f"{at}/scores{query}" if at else f"scores{query}", **options)
        page.wait_for_selector(".threshold", state="attached")
        page.wait_for_function("document.querySelectorAll('.st-key-lanes').length > 0")
        page.wait_for_timeout(500)  # the last elements arrive
        page.sent.clear()
        return page

    return opened


def counts(page):
    return page.locator(".rate .count").all_inner_texts()


def expected(allowed):
    """What Python counts at so many false alarms allowed."""
    base, words = scored.result("scored"), []
    for column in base.columns:
        at = thresholds.threshold(column.held_out, allowed / (len(column.held_out) + 1))
        c = thresholds.confusion(base.labels, column.scores, at)
        words += [
            f"{c.found} of {c.found + c.missed} found",
            f"{c.false_alarms} of {c.false_alarms + c.passed} false alarms",
        ]
    return words


def drag(page, row, by):
    """Take the threshold line in a row and pull it, without letting go."""
    handle, chart = page.locator(".handle").bounding_box(), page.locator(".chart").nth(row).bounding_box()
    x, y = handle["x"] + handle["width"] / 2, chart["y"] + 6
    page.mouse.move(x + 3, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 3 + by * step / 10, y)


def test_the_counts_are_those_of_the_engine(scores):
    assert counts(scores()) == expected(1)
    assert counts(scores("?allowed=5")) == expected(5)


def test_dragging_moves_everything_without_the_server_and_letting_go_reaches_the_url(scores):
    page = scores()
    cells = page.locator(".verdicts td b").all_inner_texts()
    misses = page.locator(".mark.miss").count()
    drag(page, PATCHCORE, -60)
    allowed = int(page.locator(".says b").inner_text().split()[0])
    assert allowed > 1
    assert counts(page) == expected(allowed)
    assert page.locator(".mark.miss").count() < misses
    assert page.locator(".verdicts td b").all_inner_texts() != cells
    assert page.sent == []
    page.mouse.up()
    page.wait_for_url(f"**/scores?allowed={allowed}**")
    expect(page.get_by_test_id("stSidebar").locator("strong")).to_have_text(f"{allowed} in 13")
    assert counts(page) == expected(allowed)


def test_the_keyboard_moves_the_threshold(scores):
    page = scores()
    page.locator(".steps").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/scores?allowed=2**")
    page.locator(".handle").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/scores?allowed=3**")
    assert page.locator(".handle").get_attribute("aria-valuetext") == "3 in 13"


def test_a_threshold_by_value_moves_one_method_alone(scores):
    page = scores()
    page.locator(".modes input[value=value]").check(force=True)
    drag(page, PATCHCORE, 150)
    page.mouse.up()
    moved, first = counts(page), expected(1)
    assert moved[:6] + moved[8:] == first[:6] + first[8:]
    assert moved[6] != first[6]
    page.locator(".back").click()
    expect(page.locator(".rate .count").nth(6)).to_have_text(first[6])


def test_a_click_on_a_mark_opens_the_picture_in_inspect(scores):
    page = scores()
    box = page.locator(".chart").nth(PATCHCORE).locator("path.mark").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    card = page.locator(".card")
    expect(card).to_be_visible()
    assert "by PatchCore" in card.inner_text()
    assert page.sent == []
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url("**/inspect?**picture=**")


def test_arrows_go_through_the_pictures_and_enter_opens_one(scores):
    page = scores()
    page.locator(".chart").nth(0).focus()
    page.keyboard.press("End")
    spoken = page.locator(".lanes .spoken")
    expect(spoken).to_contain_text("SPADE")
    page.keyboard.press("Enter")
    page.wait_for_url("**/inspect?**picture=**")
    assert "focus=spade" in page.url


def test_a_rate_and_a_cell_show_their_pictures(scores):
    page = scores()
    page.locator(".rate").first.click()
    assert page.locator(".drawer .thumb").count() == 8
    page.locator(".verdicts td.miss button").first.click()
    expect(page.locator(".verdicts h4")).to_have_text("SPADE: 4 missed")
    assert page.locator(".verdicts .thumb").count() == 4
    page.locator(".verdicts .thumb").first.click()
    page.wait_for_url("**/inspect?**picture=**")


def test_six_hundred_pictures_become_bars_that_open(scores, many):
    page = scores(at=many)
    assert page.locator(".mark:not(.key .mark)").count() == 0
    bars = page.locator(".chart").nth(0).locator(".bar.found")
    assert bars.count() > 5
    tallest = max(bars.all(), key=lambda bar: bar.bounding_box()["height"]).bounding_box()
    page.mouse.click(tallest["x"] + tallest["width"] / 2, tallest["y"] + tallest["height"] - 2)
    expect(page.locator(".drawer:not([hidden]) .thumb").first).to_be_visible()
    drag(page, 0, -80)
    assert page.sent == []
    page.mouse.up()


def test_without_held_out_pictures_a_line_sets_the_threshold_by_hand(scores):
    with showing("no_threshold") as url:
        page = scores(at=url)
        assert counts(page) == []
        chart = page.locator(".chart").nth(0).bounding_box()
        right = chart["x"] + chart["width"] - 8
        page.mouse.move(right, chart["y"] + 6)
        page.mouse.down()
        page.mouse.move(right - 60, chart["y"] + 6)
        page.mouse.move(right - 160, chart["y"] + 6)
        page.mouse.up()
        assert len(counts(page)) == 2
        page.wait_for_timeout(800)
        assert len(counts(page)) == 2


def test_a_phone_gets_one_chart_per_method(scores):
    page = scores(viewport={"width": 420, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator(".narrow").count() == 1
    lane, rates = page.locator(".chart").first.bounding_box(), page.locator(".rates").first.bounding_box()
    assert rates["y"] >= lane["y"] + lane["height"] - 1
    assert lane["width"] > 350
