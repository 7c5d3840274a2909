"""The Scores page in a real Chromium, over a hand-made result: the threshold moves without the server."""

import re
from pathlib import Path

import pytest
from browser.seeing import chart, hovered, place, traces
from browser.serving import showing
from fixtures import scored

from detectors.evaluation import thresholds
from detectors.plots.palette import DARK

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
    for key, said in (("End", "1"), ("PageDown", "11"), ("PageUp", "1"), ("Shift+ArrowLeft", "11"), ("Home", "12")):
        page.locator(".handle").press(key)
        page.wait_for_url(f"**/scores?allowed={said}**")
        expect(page.locator(".handle")).to_have_attribute("aria-valuetext", f"{said} in 13")


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
    expect(page.locator(".verdicts h3")).to_have_text("SPADE: 4 missed")
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


def test_a_click_on_the_roc_sets_the_threshold_and_every_page_says_so(scores):
    page = scores()
    roc = chart(page, "scores_roc")
    points = traces(roc)["PaDiM, thresholds"]
    number = 9
    at = place(roc, points["x"][number], points["y"][number])
    page.mouse.move(*at)
    said = hovered(page, roc)
    assert "PaDiM" in said
    assert f"{100 * points['y'][number]:.0f} % found" in said
    page.mouse.click(*at)
    page.wait_for_url("**/scores?**thresholds=padim**test**")
    value = float(re.search(r"thresholds=padim%2Fefficientnet_lite0%3A([\d.]+)%3Atest", page.url)[1])
    base = scored.result("scored")
    c = thresholds.confusion(base.labels, base["padim/efficientnet_lite0"].scores, value)
    assert (c.false_alarm_rate.value, c.found_rate.value) == pytest.approx((points["x"][number], points["y"][number]))
    assert f"threshold {value:.4g}" in said
    expect(page.locator(".rate .count").nth(4)).to_have_text(f"{c.found} of {c.found + c.missed} found")
    said = page.get_by_text("chosen on these test pictures").first
    expect(said).to_be_visible()
    page.get_by_role("link", name="Export").first.click()
    page.wait_for_url("**/export?**")
    expect(page.get_by_text("chosen on these test pictures").first).to_be_visible()


def test_charts_follow_a_threshold_that_is_let_go_and_their_axes_stay(scores):
    page = scores()
    key = "scores_patchcore_efficientnet_lite0"
    found = chart(page, key)
    look = "({ _fullLayout: l }) => [l.shapes.find(s => s.x0 === s.x1).x0, l.xaxis.range, l.yaxis.range]"
    line, *axes = found.evaluate(look)
    column = scored.result("scored")["patchcore/efficientnet_lite0"]
    assert line == thresholds.threshold(column.held_out, 1 / 13)
    page.locator(".steps").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/scores?allowed=2**")
    own = f"document.querySelector('.st-key-{key} .js-plotly-plot')"
    page.wait_for_function(f"line => {own} && ({look})({own})[0] !== line", arg=line)
    line, *after = chart(page, key).evaluate(look)
    assert line == thresholds.threshold(column.held_out, 2 / 13)
    assert after == axes


def test_a_piece_of_a_histogram_names_its_picture_and_opens_it(scores):
    page = scores()
    found = chart(page, "scores_spade_efficientnet_lite0")
    pieces = traces(found)["miss"]
    base, i = scored.result("scored"), pieces["custom"][0][2]
    page.mouse.move(*place(found, pieces["x"][0], pieces["base"][0] + 0.5))
    said = hovered(page, found)
    assert said.splitlines()[0].endswith(f"{base.test[i].name.split('/')[1][:3]}: {base.columns[0].scores[i]:.4g}")
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/inspect?**picture={base.test[i].sha256[:16]}**")
    assert "focus=spade" in page.url


def test_a_bar_of_many_pictures_lists_them(scores, many):
    page = scores(at=many)
    found = chart(page, "scores_spade_efficientnet_lite0")
    bars = traces(found)["defective"]
    n = max(range(len(bars["y"])), key=lambda k: bars["y"][k])
    at = place(found, bars["x"][n], bars["base"][n] + bars["y"][n] / 2)
    page.mouse.move(*at)
    assert "more" in hovered(page, found)
    page.mouse.down()
    page.mouse.up()
    listed = page.locator(".listed")
    expect(listed.locator("b").first).to_have_text(re.compile(r"^SPADE: \d+ pictures$"))
    count = int(re.search(r"\d+", listed.locator("b").first.inner_text())[0])
    assert count >= bars["y"][n]
    listed.locator(".close").click()
    expect(page.locator(".listed")).to_have_count(0)


def test_a_chart_is_enlarged_and_downloaded_by_buttons_with_names(scores):
    page = scores()
    found = chart(page, "scores_roc")
    tools = page.locator(".st-key-chart_scores_roc").get_by_role("group", name="Chart")
    small = found.bounding_box()
    tools.get_by_role("button", name="Enlarge the chart").focus()
    page.keyboard.press("Enter")
    width = "document.querySelector('.st-key-scores_roc .js-plotly-plot').clientWidth"
    page.wait_for_function(f"w => {width} > 2 * w", arg=small["width"])
    page.locator(".st-key-scores_roc").get_by_role("button", name="Close fullscreen").click()
    page.wait_for_function(f"w => {width} <= w + 2", arg=small["width"])
    for kind, first in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as download:
            tools.get_by_role("button", name=f"Download the chart as {kind}").click()
        assert download.value.suggested_filename == f"scores_roc.{kind.lower()}"
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(first)
        assert len(content) > 10_000


def test_charts_change_with_the_theme_and_fit_a_phone(scores):
    page = scores(viewport={"width": 390, "height": 900}, color_scheme="dark", locale="ko-KR")
    for key in ("scores_roc", "scores_pairs_chart", "scores_cfa_efficientnet_lite0"):
        found = chart(page, key)
        assert found.bounding_box()["width"] <= 390
        sizes = found.locator("text").evaluate_all("all => all.map(t => parseFloat(getComputedStyle(t).fontSize))")
        assert min(sizes) >= 12
        ground = found.evaluate("c => c._fullLayout.paper_bgcolor")
        assert ground.upper() == DARK.ground
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
