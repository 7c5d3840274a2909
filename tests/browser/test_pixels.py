"""What the browser painted against what the engine computed: every picture, map and mark its own, no other's.

Each comparison states a tolerance (mean absolute difference, of 255) that the neighbouring picture's map fails.
"""

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from browser.seeing import apart, canvas, chart, image, is_nearest, place, screen, small, traces
from browser.serving import SETTLED
from fixtures import evidence, scored
from fixtures.evidence import CELL
from PIL import Image
from scipy.ndimage import distance_transform_edt

from detectors.evaluation import curves, thresholds
from detectors.methods import METHODS
from detectors.plots import colours
from detectors.plots.palette import LIGHT
from detectors.queries import explain

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "scored"
SIZE = 224
MAP = 4.0  # lossy 8-bit maps in colours
PHOTOGRAPH = 4.0  # lossy photographs
SCREEN = 14.0  # screenshots: another size, rounded corners, the frame of the focus


@pytest.fixture
def visit(visit):
    def opened(path, awaited, mode="overlay"):
        chosen = f"window.oddOneOutView = {{ mode: '{mode}', opacity: 1, outline: true }}"
        return visit(path, awaited, script=chosen, viewport={"width": 1440, "height": 1100})

    return opened


@pytest.fixture(scope="module")
def result():
    """The very result that the served app shows: the same arithmetic in this process."""
    return scored.result("scored")


@pytest.fixture(scope="module")
def pictures(result):
    return [picture.pixels for picture in result.test]


def painted(result, method):
    """Return every picture's map as a heatmap."""
    column = result[f"{method}/efficientnet_lite0"]
    return [colours.colour(column.scale(raw)) for raw in column.maps]


def mapped(result):
    return [column.method for column in result.columns if column.maps is not None]


def called(result):
    """Return what the app calls each test picture: its kind in words, and its number."""
    stems = [picture.name.split("/")[1].removesuffix(".png") for picture in result.test]
    return [f"{picture.kind.replace('_', ' ')} {stem}" for picture, stem in zip(result.test, stems, strict=True)]


def shows(locator, candidates, wanted, within=SCREEN):
    """Assert that the screen shows one of several images: close to it, and closer than to any other."""
    locator.scroll_into_view_if_needed()
    side = int(locator.bounding_box()["width"])
    shot = screen(locator, side)
    away = [apart(shot, small(candidate, side)) for candidate in candidates]
    assert away[wanted] <= within
    assert int(np.argmin(away)) == wanted


# Compare


@pytest.fixture
def grid(visit):
    page = visit("", ".tile canvas")
    page.locator(".segmented input[value=heatmap]").check(force=True)
    page.locator(".tools .outline").click()
    return page


def rows(page, result):
    """Yield each row of the grid with the number of its picture."""
    names = called(result)
    for row in page.locator(".row").all():
        yield row, names.index(row.get_attribute("aria-label"))


def title(page, column):
    return page.locator(".head .title").nth(column).inner_text()


def test_every_pane_of_the_grid_is_painted_with_its_own_map(grid, result, pictures):
    seen = []
    titles = {"spade": "SPADE", "padim": "PaDiM", "patchcore": "PatchCore", "cfa": "CFA"}
    columns = [title(grid, n) for n in range(grid.locator(".head").count())]
    for row, i in rows(grid, result):
        seen.append(i)
        is_nearest(image(row.locator(".tile").first.locator("img")), pictures, i, PHOTOGRAPH)
        for method in mapped(result):
            tile = row.locator(".tile").nth(columns.index(titles[method]))
            found = canvas(tile.locator("canvas"))
            assert (found[..., 3] == 255).all()
            is_nearest(found[..., :3], painted(result, method), i, MAP)
            others = [painted(result, other)[i] for other in mapped(result)]
            is_nearest(found[..., :3], others, mapped(result).index(method), MAP)
            is_nearest(image(tile.locator("img")), pictures, i, PHOTOGRAPH)
    assert len(set(seen)) == 6


def test_the_screen_shows_what_the_canvas_holds(grid, result, pictures):
    for row, i in list(rows(grid, result))[:3]:
        tiles = row.locator(".tile")
        shows(tiles.first, pictures, i)
        for n, method in ((1, "spade"), (3, "padim"), (4, "patchcore"), (5, "cfa")):
            shows(tiles.nth(n), painted(result, method), i)


def test_an_overlay_leaves_normal_places_alone(grid, result):
    grid.locator(".segmented input[value=overlay]").check(force=True)
    column = result["patchcore/efficientnet_lite0"]
    for row, i in list(rows(grid, result))[:3]:
        found = canvas(row.locator(".tile").nth(4).locator("canvas"))[..., 3] / 255
        scaled = column.scale(column.maps[i])
        assert np.abs(found - colours.alpha(scaled)).mean() < 0.03
        assert (found[scaled < colours.CLEAR - 0.15] == 0).all()
        assert (found[scaled > colours.SOLID + 0.15] == 1).all()


def edge(path):
    """Return the points of an outline in pixels of the picture: its rim is one pixel wide."""
    return np.array(re.findall(r"[\d.]+", path), float).reshape(-1, 2) - 1.5


def test_outlines_are_those_of_the_picture(grid, result):
    grid.locator(".tools .outline").click()
    checked = 0
    for row, i in rows(grid, result):
        mask = result.test[i].mask
        if not result.test[i].local or not mask.any():
            assert row.locator(".edge").count() == 0
            continue
        for tile in (0, 4):
            line = row.locator(".tile").nth(tile).locator(".edge path").first
            expect(line).to_have_attribute("d", re.compile("M"))
            places = np.clip(np.rint(edge(line.get_attribute("d"))[:, ::-1]).astype(int), 0, SIZE - 1)
            away = np.where(mask, distance_transform_edt(mask), distance_transform_edt(~mask))
            assert away[tuple(places.T)].max() <= 2.5
            assert away[tuple(places.T)].mean() <= 1.3
        checked += 1
    assert checked >= 2


def test_scores_verdicts_and_bars_are_those_of_the_picture(grid, result):
    for row, i in rows(grid, result):
        for n, column in enumerate(result.columns):
            at = thresholds.threshold(column.held_out, 1 / (len(column.held_out) + 1))
            (times,) = thresholds.multiples(column.scores[i : i + 1], at, column.held_out)
            foot = row.locator(".pane").nth(n + 1).locator(".foot")
            assert foot.locator(".score b").inner_text() == f"{times:.2f}"
            word = thresholds.verdict(result.test[i].defective, bool(column.scores[i] > at))
            assert word in foot.locator(".chip").get_attribute("class").split()
            width = foot.locator(".scale .done").evaluate("e => parseFloat(e.style.width)")
            assert width == pytest.approx(min(100, 100 * times / 3), abs=0.01)
            below = int((column.held_out < column.scores[i]).sum())
            assert str(below) in re.findall(r"\d+", foot.locator(".note").inner_text())


def test_the_keyboard_begins_at_the_highest_place_of_the_map(grid, result):
    row, i = next(iter(rows(grid, result)))
    row.locator(".tile").nth(5).focus()
    grid.keyboard.press("Enter")
    grid.wait_for_url("**/inspect?**place=**")
    y, x = map(int, re.search(r"place=(\d+)(?:%2C|,)(\d+)", grid.url).groups())
    column = result["cfa/efficientnet_lite0"]
    scaled = np.clip(column.scale(column.maps[i]), 0, colours.TOP)
    assert scaled[y, x] >= scaled.max() - 0.12  # 8 lossy bits
    assert np.clip(scaled.max() - column.scale(column.maps[i - 1])[y, x], 0, None) > 0.12


# Inspect


@pytest.fixture
def inspect(visit, result):
    def opened(i, query=""):
        page = visit(f"inspect?picture={result.test[i].sha256[:16]}{query}", ".reason .crop img", "heatmap")
        expect(page.locator(".reason .crop")).to_have_count(16)  # 4 of the place and 12 that it was compared with
        return page

    return opened


def choose(page, name):
    page.get_by_role("radio", name=name, exact=True).check()


@pytest.mark.parametrize("i", [1, 4])
def test_inspect_shows_the_maps_of_its_picture_and_no_other(inspect, result, pictures, i):
    page = inspect(i)
    titles = {"SPADE": "spade", "PaDiM": "padim", "PatchCore": "patchcore", "CFA": "cfa"}
    is_nearest(image(page.locator(".stage .lens img")), pictures, i, PHOTOGRAPH)
    for name, method in titles.items():
        choose(page, name)
        candidates = [painted(result, other)[k] for other in mapped(result) for k in (i, i + 1)]
        is_nearest(canvas(page.locator(".stage canvas"))[..., :3], candidates, 2 * mapped(result).index(method), MAP)
    for name, method in titles.items():
        reason = page.locator(".reason", has=page.locator("h2", has_text=name))
        own = [painted(result, other)[i] for other in mapped(result)]
        is_nearest(canvas(reason.locator(".tile canvas"))[..., :3], own, mapped(result).index(method), MAP)


def test_without_a_place_inspect_opens_at_the_highest_one(inspect, result):
    for focus in ("patchcore", "padim"):
        page = inspect(2, f"&focus={focus}")
        column = result[f"{focus}/efficientnet_lite0"].maps[2]
        y, x = np.unravel_index(int(column.argmax()), column.shape)
        expect(page.locator(".head b")).to_have_text(f"Row {y}, column {x}")


def test_the_evidence_is_the_patches_that_were_compared(inspect, result):
    y, x, i = 100, 50, 4
    page = inspect(i, f"&place={y},{x}")
    learnt = [picture.pixels for picture in result.learnt]
    average = np.rint(np.mean(learnt, axis=0)).astype(np.uint8)
    for method, side in CELL.items():
        title = {"spade": "SPADE", "padim": "PaDiM", "patchcore": "PatchCore", "cfa": "CFA"}[method]
        reason = page.locator(".reason", has=page.locator("h2", has_text=title))
        crops = [image(crop) for crop in reason.locator(".crop img").all()]
        sources = [result.test[i].pixels, *learnt[:3]]
        if method == "padim":
            sources = [result.test[i].pixels, learnt[0], learnt[1], average]
        if method == "cfa":
            sources = [result.test[i].pixels, average, average, average]
        edge = crops[0].shape[0]
        top = round((y // side * side + side / 2) - edge / 2)
        left = round((x // side * side + side / 2) - edge / 2)
        window = np.s_[max(top, 0) : max(top, 0) + edge, max(left, 0) : max(left, 0) + edge]
        for crop, source in zip(crops, sources, strict=True):
            candidates = [p[window] for p in (result.test[i].pixels, *learnt, average)]
            wanted = next(n for n, p in enumerate((result.test[i].pixels, *learnt, average)) if p is source)
            is_nearest(crop, candidates, wanted, 5.0)
        labels = reason.locator(".crop figcaption").all_inner_texts()
        if method in ("patchcore", "spade"):
            assert [re.search(r"\d\.\d", label)[0] for label in labels[1:]] == ["1.5", "2.5", "3.5"]
        frame = reason.locator(".crop .frame").first.evaluate("e => [e.style.left, e.style.top, e.style.width]")
        found = [float(v.removesuffix("%")) * edge / 100 for v in frame]
        assert found == pytest.approx([x // side * side - max(left, 0), y // side * side - max(top, 0), side], abs=0.1)


def test_the_next_picture_brings_its_own_maps_and_thumbnails(inspect, result, pictures):
    page = inspect(3)
    choose(page, "PatchCore")
    thumbs = [image(thumb) for thumb in page.locator(".strip img").all()]
    start = 1  # six around the fourth
    for n, thumb in enumerate(thumbs):
        is_nearest(thumb, [small(p, thumb.shape[0]) for p in pictures], start + n, 5.0)
    page.locator(".stage").focus()
    page.keyboard.press("PageDown")
    page.wait_for_url(f"**picture={result.test[4].sha256[:16]}**")
    page.wait_for_selector(SETTLED)
    page.wait_for_timeout(500)  # maps are decoded after they came
    is_nearest(canvas(page.locator(".stage canvas"))[..., :3], painted(result, "patchcore"), 4, MAP)
    is_nearest(image(page.locator(".stage .lens img")), pictures, 4, PHOTOGRAPH)


def test_painting_is_scored_and_mapped_as_the_canvas_shows_it(inspect, result):
    i = 8  # a good one, without an alarm
    page = inspect(i)
    choose(page, "Paint")
    expect(page.locator(".score-row[data-key]")).to_have_count(5)
    box = page.locator(".canvas").bounding_box()
    for n, (x, y) in enumerate(((0.2, 0.3), (0.6, 0.35), (0.4, 0.8))):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        if not n:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator(".arrow .is")).to_have_count(5)
    painted_over = canvas(page.locator(".canvas"))[..., :3]
    assert 0.1 < apart(painted_over, result.test[i].pixels) < 20
    seen = (result.test[i].pixels, painted_over)
    before, after = (evidence.ask(result, explain.score_pictures, pixels[None]) for pixels in seen)
    mapped_rows = 0
    for was, now in zip(before, after, strict=True):
        column = result[was.key]
        row = page.locator(f".score-row[data-key='{was.key}']")
        at = thresholds.threshold(column.held_out, 1 / (len(column.held_out) + 1))
        expect(row.locator(".arrow .was")).to_have_text(f"{was.scores[0] / at:.2f}")
        expect(row.locator(".arrow .is")).to_have_text(f"{now.scores[0] / at:.2f}")
        if was.maps is None:
            continue
        shown = [canvas(layer)[..., 3] for layer in row.locator("canvas").all()]
        wanted = [255 * colours.alpha(column.scale(said.maps[0])) for said in (was, now)]
        for found, own, other in zip(shown, wanted, wanted[::-1], strict=True):
            assert apart(found, own) < 4
            if apart(own, other) > 8:
                assert apart(found, other) > 4
                mapped_rows += 1
    assert mapped_rows


# Scores


def places(page, row):
    """Return where the marks of one method stand, as multiples of its threshold, read off the axis: by sort."""
    ticks = page.locator(".feet .axis span")
    at = [(float(t.inner_text().rstrip("+")), t.evaluate("e => parseFloat(e.style.left)")) for t in ticks.all()]
    (low, first), (high, last) = at[0], at[-1]
    marks = page.locator(".chart").nth(row).locator(".mark").evaluate_all(
        "all => all.map((e) => [e.getAttribute('class').split(' ')[1], new DOMMatrix(getComputedStyle(e).transform).e])"
    )  # fmt: skip
    found = {}
    for sort, x in marks:
        share = (x - first) / (last - first)
        found.setdefault(sort, []).append(low * (high / low) ** share)
    return found, (low, high)


@pytest.mark.parametrize("allowed", [1, 4])
def test_every_mark_stands_at_its_multiple_of_the_threshold(visit, result, allowed):
    page = visit(f"scores?allowed={allowed}", ".chart .mark")
    for row, column in enumerate(result.columns):
        at = thresholds.threshold(column.held_out, allowed / (len(column.held_out) + 1))
        found, (low, high) = places(page, row)
        multiples = thresholds.multiples(column.scores, at, column.held_out)
        wanted = {"held": list(column.held_out / at)}
        for picture, score, multiple in zip(result.test, column.scores, multiples, strict=True):
            wanted.setdefault(thresholds.verdict(picture.defective, bool(score > at)), []).append(multiple)
        assert found.keys() == wanted.keys()
        for sort, values in wanted.items():
            expected = np.sort(np.clip(values, low, high))
            assert np.sort(found[sort]) == pytest.approx(expected, rel=0.01), (column.key, sort)


def test_cards_and_thumbnails_show_the_pictures_that_they_name(visit, result, pictures):
    page = visit("scores", ".chart .mark")
    column, names = result.columns[3], called(result)
    at = thresholds.threshold(column.held_out, 1 / (len(column.held_out) + 1))
    order = [i for i in np.argsort(-column.scores) if result.test[i].defective and column.scores[i] > at]
    page.locator(".line.row").nth(3).locator(".rate").first.click()
    thumbs = page.locator(".drawer:not([hidden]) .thumb")
    expect(thumbs).to_have_count(len(order) + sum(bool(p.defective) for p in result.test) - len(order))
    for n, i in enumerate(order):
        thumb = thumbs.nth(n)
        assert names[i] in thumb.inner_text()
        shows(thumb.locator(".tile"), pictures, i, 25)


def test_the_matrices_count_what_the_engine_counts(visit, result):
    page = visit("scores", ".verdicts td b")
    cells = page.locator(".verdicts td b").all_inner_texts()
    wanted = []
    for column in result.columns:
        at = thresholds.threshold(column.held_out, 1 / (len(column.held_out) + 1))
        c = thresholds.confusion(result.labels, column.scores, at)
        wanted.append({"found": c.found, "miss": c.missed, "false_alarm": c.false_alarms, "passed": c.passed})
    assert len(cells) == 4 * len(wanted)
    for n, counts in enumerate(wanted):
        for sort, count in counts.items():
            cell = page.locator(f".verdicts td.{sort} b").nth(n)
            assert cell.inner_text() == str(count), (n, sort)
    assert len({tuple(counts.values()) for counts in wanted}) > 1


def test_histograms_are_painted_where_the_scores_lie(visit, result):
    page = visit("scores", ".chart .mark")
    for column in result.columns:
        found = chart(page, f"scores_{column.method}_{column.backbone}")
        at = thresholds.threshold(column.held_out, 1 / (len(column.held_out) + 1))
        received, seen = traces(found), []
        words = {"defective": "found", "miss": "miss", "good": "passed", "false alarm": "false_alarm"}
        for name, pieces in received.items():
            for x, width, custom in zip(pieces["x"], pieces["width"], pieces["custom"], strict=True):
                if name == "held-out normal":
                    continue
                i = custom[2]
                seen.append(i)
                assert abs(column.scores[i] - x) <= width / 2 + 1e-9
                assert thresholds.verdict(result.test[i].defective, bool(column.scores[i] > at)) == words[name]
        assert sorted(seen) == list(range(len(result.test)))
        painted_at = found.evaluate(PAINTED_BARS)
        wanted = [
            (place(found, x - w / 2, 0)[0], place(found, x + w / 2, 0)[0])
            for t in received.values() for x, w in zip(t["x"], t["width"], strict=True)
        ]  # fmt: skip
        assert np.sort(painted_at, axis=0) == pytest.approx(np.sort(wanted, axis=0), abs=1.5)
        (line,) = found.evaluate("c => [...c.querySelectorAll('.shapelayer path')].map(p => p.getBoundingClientRect())"
                                 ".filter(b => b.width < 3).map(b => b.left + b.width / 2)")  # fmt: skip
        assert line == pytest.approx(place(found, at, 0)[0], abs=1.5)


PAINTED_BARS = """chart => [...chart.querySelectorAll('.trace.bars .point path')].map((bar) => {
    const box = bar.getBBox(), on = bar.getScreenCTM();
    return [box.x + on.e, box.x + box.width + on.e];
})"""


@pytest.mark.parametrize(("kind", "draw"), [("roc", curves.roc_curve), ("pr", curves.precision_recall_curve)])
def test_curves_are_painted_as_the_engine_computes_them(visit, result, kind, draw):
    page = visit("scores", ".chart .mark")
    page.get_by_role("radio", name=kind.upper(), exact=True).dispatch_event("click")
    found = chart(page, f"scores_{kind}")
    received = traces(found)
    for column in result.columns:
        curve, line = draw(result.labels, column.scores), received[METHODS[column.method].title]
        assert (line["x"], line["y"]) == (pytest.approx(curve.x), pytest.approx(curve.y))
    focus = received["PatchCore"]
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    x, y = place(found, *(sum(focus[axis][:2]) / 2 for axis in "xy"))  # halfway to the first corner
    near = np.asarray(shot)[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].reshape(-1, 3).astype(int)
    teal = [int(LIGHT.accent[i : i + 2], 16) for i in (1, 3, 5)]
    assert np.abs(near - teal).sum(1).min() < 60


# Images


def test_every_thumbnail_of_the_galleries_is_its_picture(visit):
    from detectors.datasets.sources import DemoSource

    data = DemoSource(normal=8, good=3, severities=(1.0,)).load()
    page = visit("images", ".st-key-test_gallery .tile img")
    for which, samples in (("normal", data.train), ("test", data.test)):
        names = [sample.picture.name for sample in samples]
        expected = [small(sample.picture.pixels, 128) for sample in samples]
        tiles = page.locator(f".st-key-{which}_gallery .tile")
        expect(tiles).to_have_count(len(samples), timeout=30_000)
        shown = []
        for tile in tiles.all():
            i = names.index(tile.get_attribute("title").split("\n")[0])
            shown.append(i)
            tile.scroll_into_view_if_needed()
            is_nearest(image(tile.locator("img")), expected, i, 6.0)
        assert sorted(shown) == list(range(len(samples)))
        shows(tiles.last.locator("img"), expected, shown[-1], 25)


# Export


def taken(page, name):
    with page.expect_download(timeout=60_000) as download:
        page.locator(f".st-key-export_{name} .stDownloadButton button").click()
    return Path(download.value.path()).read_bytes()


def test_the_archive_holds_every_map_over_its_picture(visit, result, pictures):
    page = visit("export", "[data-testid=stCode]")
    size = page.locator(".st-key-export_size_archive").inner_text()
    content = taken(page, "archive")
    found = re.search(r"([\d.]+) MB", size)
    assert found, f"megabytes were expected: {size}"
    said = float(found[1]) * 1e6
    assert 0.5 * len(content) < said < 2 * len(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names, read = archive.namelist(), archive.read

    def of(folder):
        found = sorted(name for name in names if name.startswith(f"{folder}/"))
        assert len(found) == len(result.test), folder
        return [np.asarray(Image.open(io.BytesIO(read(name)))) for name in found]

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        read = archive.read
        assert all(np.array_equal(found, wanted) for found, wanted in zip(of("pictures"), pictures, strict=True))
        masks = [name for name in names if name.startswith("masks/")]
        for name in masks:
            i = int(name.split("/")[1][:3])
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(read(name)))) > 0, result.test[i].mask)
        for method in mapped(result):
            column = result[f"{method}/efficientnet_lite0"]
            overlays, maps = of(f"overlays/{method}_efficientnet_lite0"), of(f"maps/{method}_efficientnet_lite0")
            for i, raw in enumerate(column.maps):
                scaled = column.scale(raw)
                assert np.array_equal(overlays[i], colours.overlay(pictures[i], scaled))
                assert np.abs(maps[i] / 8192 - 1 - np.clip(scaled, -1, 65535 / 8192 - 1)).max() < 1e-3
        table = list(csv.DictReader(io.StringIO(read("scores.csv").decode("utf-8-sig"))))
    for line in table:
        assert line["backbone"] == "efficientnet_lite0"
        column, i = result[f"{line['method']}/efficientnet_lite0"], int(line["index"])
        assert float(line["score"]) == pytest.approx(column.scores[i], rel=1e-5)
        assert line["picture"] == result.test[i].name


def test_the_report_shows_every_map_over_its_picture(visit, browser, result, pictures, tmp_path):
    page = visit("export", "[data-testid=stCode]")
    expect(page.locator(".st-key-export_size_report")).to_contain_text("MB", timeout=60_000)
    (tmp_path / "report.html").write_bytes(taken(page, "report"))
    report = browser.new_page()
    report.goto((tmp_path / "report.html").as_uri())
    names = [picture.name for picture in result.test]
    checked = 0
    for row in report.locator(".cells .row").all()[:4]:
        i = names.index(row.locator(".called").inner_text())
        is_nearest(image(row.locator("svg.picture image").first), pictures, i, 6.0)
        for n, column in enumerate(result.columns):
            if column.maps is None:
                continue
            layer = image(row.locator(".cell").nth(n + 1).locator("svg.picture image"))
            alphas = [255 * colours.alpha(column.scale(raw)) for raw in column.maps]
            assert apart(layer[..., 3], alphas[i]) <= 3
            if alphas[i].mean() > 10:  # a map that colours something
                is_nearest(layer[..., 3], alphas, i, 3.0)
                seen = layer[..., 3] > 128
                assert apart(layer[..., :3][seen], painted(result, column.method)[i][seen]) < 8
                checked += 1
    assert checked >= 3
    report.close()
