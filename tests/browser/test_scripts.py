"""The browser's own arithmetic against the engine's, on random cases: each side computes, and the two are compared."""

import numpy as np
import pytest
from fixtures.scripts import ROOT, components, evaluate
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from detectors.evaluation import thresholds, wilson
from detectors.plots import colours, distributions
from detectors.queries.paint import Overlay, read_overlay
from pages.frame import shapes
from pages.frame.component import PAINT, read

MAPS = ("grid", "viewer", "canvas")  # the components that paint maps


@pytest.fixture(scope="module")
def page(browser):
    return browser.new_page()


def sent(values):
    """Return an 8-bit picture as the browser decodes it."""
    return {"height": values.shape[0], "width": values.shape[1], "values": values.ravel().tolist()}


def blobs(random, size):
    field = gaussian_filter(random.normal(size=(size, size)), size / 10)
    return field > np.quantile(field, 0.8)


def points(path):
    """Return the points of an SVG path of straight lines, (N, 2) as x, y."""
    numbers = path.replace("M", " ").replace("L", " ").split()
    return np.array(numbers, dtype=float).reshape(-1, 2)


@pytest.mark.parametrize("name", sorted(components()))
def test_a_script_is_a_module_that_exports_what_streamlit_calls(page, name):
    source = "\n".join(map(read, components()[name].js))
    kind = page.evaluate(
        """async (source) => {
            const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            return typeof (await import(url)).default;
        }""",
        source,
    )
    assert kind == "function"


@pytest.mark.parametrize("path", sorted(ROOT.glob("pages/*/*.css")), ids=lambda path: path.stem)
def test_a_browser_understands_every_declaration_of_a_style_sheet(page, path):
    """A declaration that a browser does not know it drops without a word."""
    unknown = page.evaluate(
        r"""(source) => {
            const bare = source.replace(/\/\*[^]*?\*\//g, "");
            const blocks = [...bare.matchAll(/\{([^{}]*)\}/g)].map((found) => found[1]);
            const declarations = blocks.flatMap((block) => block.split(/;(?![^(]*\))/)).map((d) => d.trim());
            const wrong = declarations.filter(Boolean).filter((declaration) => {
                const [, property, value] = declaration.match(/^([\w-]+)\s*:\s*([^]*?)(\s*!important)?$/) ?? [];
                return !property || !(property.startsWith("--") || CSS.supports(property, value));
            });
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(source);
            const rules = (list) => [...list].reduce((n, rule) => n + 1 + rules(rule.cssRules ?? []), 0);
            const opened = (bare.match(/\{/g) ?? []).length;
            const foreign = (bare.match(/::-moz-/g) ?? []).length; // Firefox alone knows these
            const known = rules(sheet.cssRules) + foreign;
            return known === opened ? wrong : [...wrong, `${known} of ${opened} rules`];
        }""",
        path.read_text("utf-8"),
    )
    assert unknown == []


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("colour", list(colours.COLOUR_MAPS))
def test_colours_and_opacity_are_those_of_the_engine(page, name, colour):
    digits, values = PAINT["palettes"][colour], np.linspace(-1, 4, 700)
    steps = np.clip(values * (255 / colours.TOP), 0, 255).round().astype(int)  # what `Pictures.map` sends
    for mode, alpha in (("overlay", None), ("heatmap", 255)):
        table = np.array(evaluate(page, name, "(...a) => [...palette(...a)]", digits, mode)).reshape(256, 4)
        painted, wanted = table[steps], colours.layer(values[None], colour)[0].astype(int)
        assert np.array_equal(painted[:, :3], wanted[:, :3])
        between = np.abs(painted[:, 3] - (wanted[:, 3] if alpha is None else alpha))
        assert between.max() <= 2  # half a step of 256 is 2 of 255 in opacity


def test_a_value_is_read_where_the_pointer_is(page):
    random = np.random.default_rng(0)
    for down, across, height, width in ((56, 56, 224, 224), (224, 224, 224, 224), (40, 100, 60, 130)):
        values = random.integers(0, 256, (down, across))
        places = random.integers(0, (width, height), (50, 2))
        read_values = evaluate(
            page, "grid", "(map, places, size, paint) => places.map(([x, y]) => valueAt(map, x, y, size, paint))",
            sent(values), places.tolist(), [height, width], PAINT,
        )  # fmt: skip
        rows, columns = places[:, 1] * down // height, places[:, 0] * across // width
        assert read_values == pytest.approx(values[rows, columns] / 255 * colours.TOP)
    written = evaluate(page, "grid", "(values, paint) => values.map((v) => valueText(v, paint))", [0, 1.26, 3.0], PAINT)
    assert written == ["0.0", "1.3", "3+"]


def test_a_place_in_a_pane_is_found_again_in_the_picture(page):
    for size, pane in (((224, 224), 1.0), ((80, 240), 3.0), ((240, 80), 3.0), ((96, 224), 1.0)):
        data = {"size": size, "fit": shapes.fit(size[1] / size[0], pane)}
        places = [[0, 0], [size[1] - 1, size[0] - 1], [size[1] // 3, size[0] // 2]]
        shares = evaluate(page, "grid", "(data, places) => places.map(([x, y]) => shareAt(data, x, y))", data, places)
        assert evaluate(page, "grid", "(data, s) => s.map(([u, v]) => pixelAt(data, u, v))", data, shares) == places
        beyond = evaluate(page, "grid", "(data) => [pixelAt(data, 0, 0.5), pixelAt(data, 0.5, 0)]", data)
        assert [x < 0 for x in (beyond[0][0], beyond[1][1])] == [share < 1 for share in data["fit"]]


@pytest.mark.parametrize("seed", range(4))
def test_a_contour_runs_where_the_map_crosses_the_level(page, seed):
    random = np.random.default_rng(seed)
    field = gaussian_filter(random.normal(size=(50, 70)), 5)
    values = np.rint(255 * (field - field.min()) / np.ptp(field))
    for level, _ in colours.CONTOURS:
        at = level / colours.TOP * 255
        path = evaluate(page, "grid", "contour", sent(values), at)
        xy = points(path) - 0.5
        found = map_coordinates(values, [xy[:, 1], xy[:, 0]], order=1)
        slope = np.abs(np.gradient(values)).max()
        assert np.abs(found - at).max() <= 0.1 * slope + 0.5  # places are written to a tenth of a pixel
        above = (values >= at).astype(int)
        corners = np.stack([above[:-1, :-1], above[:-1, 1:], above[1:, 1:], above[1:, :-1]])
        turns = np.abs(np.diff(np.concatenate([corners, corners[:1]]), axis=0)).sum(axis=0)  # 0, 2, or 4 at a saddle
        assert path.count("M") == turns.sum() / 2


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_follows_the_edge_of_its_mask(page, seed):
    random = np.random.default_rng(seed)
    mask, other = blobs(random, 64), blobs(random, 64)
    path = evaluate(page, "grid", "outline", sent(255 * mask.astype(int)))
    line = points(path) - 1.5  # a rim of one pixel, and places at the middle of pixels

    def away(of):
        padded = np.pad(of, 8)
        edge = np.where(padded, distance_transform_edt(padded), distance_transform_edt(~padded))
        return map_coordinates(edge, [line[:, 1] + 8, line[:, 0] + 8], order=1)

    assert away(mask).max() <= 1.6  # 0.5 is on the edge itself; corners are rounded
    assert away(other).max() > 5
    covered = distance_transform_edt(~np.isin(np.arange(64 * 64), np.ravel_multi_index(
        np.clip(np.rint(line[:, ::-1]).astype(int), 0, 63).T, (64, 64))).reshape(64, 64))  # fmt: skip
    border = mask & (distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] <= 1)
    assert np.quantile(covered[border], 0.98) <= 2


def test_what_is_painted_is_what_the_engine_lays_on(page):
    random = np.random.default_rng(0)
    size = (24, 40)
    drawn = Overlay(random.integers(0, 256, (*size, 3), np.uint8), random.integers(0, 256, size, np.uint8))
    drawn.opacity[::2] = 0
    picture = random.integers(0, 256, (*size, 3), np.uint8)
    url, pixels = evaluate(
        page, "canvas",
        """(size, colours, opacity, base) => {
            const overlay = new Overlay(size);
            overlay.colours.set(colours);
            overlay.opacity.set(opacity);
            return [overlay.url(), [...overlay.over(base)]];
        }""",
        size, drawn.colours.ravel().tolist(), drawn.opacity.ravel().tolist(), picture.ravel().tolist(),
    )  # fmt: skip
    received = read_overlay(url, size)
    assert np.array_equal(received.opacity, drawn.opacity)
    assert np.array_equal(received.colours[drawn.opacity > 0], drawn.colours[drawn.opacity > 0])
    seen = np.array(pixels).reshape(*size, 4)[..., :3]
    assert np.array_equal(seen, received.over(picture))


def test_a_brush_covers_its_width_and_a_line_its_length(page):
    opacity = evaluate(
        page, "canvas",
        """(width, from, to) => {
            const overlay = new Overlay([40, 48]), base = new Uint8ClampedArray(3 * 40 * 48).fill(90);
            const brush = { width, strength: 1, colour: [200, 10, 10], grain: false, source: null };
            const stroke = new Stroke(overlay, base, "brush", brush, from);
            stroke.move(to);
            return [...overlay.opacity];
        }""",
        6, [10, 24], [38, 24],
    )  # fmt: skip
    covered = np.array(opacity).reshape(40, 48) / 255
    assert covered.sum() == pytest.approx(28 * 6 + np.pi * 9, rel=0.03)
    assert covered[24, 24] == 1
    assert covered[:20].max() == 0


def test_blur_keeps_the_mean_and_grain_has_none(page):
    random = np.random.default_rng(0)
    pixels, size = random.integers(0, 256, (24, 40, 4)), {"height": 24, "width": 40}
    blurred = np.array(evaluate(page, "canvas", "(p, n, r) => [...blur(p, n, r)]", pixels.ravel().tolist(), size, 2))
    blurred, pixels = blurred.reshape(24, 40, 4)[..., :3], pixels[..., :3]
    assert blurred.std() < pixels.std() / 4
    assert blurred.mean() == pytest.approx(pixels.mean(), rel=0.03)
    grain = np.array(evaluate(page, "canvas", "(n) => Array.from({ length: n }, (_, i) => noise(i))", 5000))
    assert abs(grain.mean()) < 0.02
    assert grain.std() == pytest.approx(12**-0.5, rel=0.05)


def test_undo_redo_and_the_strip_of_states(page):
    found = evaluate(
        page, "canvas",
        """() => {
            const states = new States("a picture", [4, 6]), seen = [];
            const look = () => seen.push([states.at, states.list.length, states.shown()]);
            look();
            for (let i = 0; i < 8; i++) states.add(new Overlay([4, 6]), String(i));
            look();
            states.go(2);
            look();
            states.add(new Overlay([4, 6]), "anew");
            look();
            states.go(99);
            states.go(-1);
            look();
            for (let i = 0; i < 40; i++) states.add(new Overlay([4, 6]), String(i));
            look();
            return [seen, States.of("a picture", [4, 6]) === states, States.of("a picture", [6, 4]) === states];
        }""",
    )  # fmt: skip
    assert found == [
        [
            [0, 1, [0]],
            [8, 9, [0, 4, 5, 6, 7, 8]],
            [2, 9, [0, 1, 2, 3, 4, 5]],
            [3, 4, [0, 1, 2, 3]],
            [0, 4, [0, 1, 2, 3]],
            [29, 30, [0, 25, 26, 27, 28, 29]],
        ],
        True,
        False,
    ]


def cell(state, **more):
    return {"state": state, "alt": state, "verdict": "", "ratio": None, "note": "", "text": "", **more}


def grid_of(order, states, stale=False):
    """Return what the grid is sent: rows named by numbers, each with the same cells."""
    words = {
        "modes": "", "opacity": "", "outline": "", "colours": "", "orders": "", "legend": ["typical", "1", "2", "3"],
        "mode": {"overlay": "", "heatmap": "", "contour": ""}, "colour": {"inferno": "", "mako": ""},
    }  # fmt: skip
    head = {"key": None, "title": "", "focus": False, "lines": []}
    rows = [
        {
            "id": str(n),
            "picture": str(n),
            "title": f"row {n}",
            "note": "",
            "size": [8, 8],
            "fit": [1, 1],
            "cells": states,
        }
        for n in order
    ]
    return {
        "heads": [head] * len(states), "rows": rows, "shape": 1, "words": words, "paint": PAINT, "colour": "inferno",
        "order": "a", "orders": [["a", "A"]], "language": "en", "stale": stale,
    }  # fmt: skip


def test_panes_hold_the_place_of_every_state_and_rows_keep_their_elements(page):
    level = {"label": "1", "share": 0.25, "text": "1.3", "strong": True}
    states = [
        cell("blank"), cell("queued", text="waiting"), cell("fitting", text="2 s", share=0.6),
        cell("failed", text="too large"), cell("levels", text="image only", tail="levels", levels=[level]),
        cell("picture", base="not yet sent"),
    ]  # fmt: skip
    found = evaluate(
        page, "grid",
        """(html, one, other) => {
            const root = document.createElement("div");
            root.innerHTML = html;
            document.body.replaceChildren(root);
            const grid = new Grid(root), nothing = () => {};
            const elements = () => [...root.querySelectorAll(".row")];
            grid.update(one, nothing, nothing);
            const before = elements(), kept = new Map(one.rows.map((row, i) => [row.id, before[i]]));
            const tiles = [...before[0].querySelectorAll(".tile")];
            const said = tiles.map((tile) => [tile.dataset.state, tile.innerText.trim(),
                [...tile.querySelectorAll(".done")].map((done) => [done.style.width, done.className])]);
            const legend = [...root.querySelectorAll(".ticks span")].map((tick) => [tick.textContent, tick.style.left]);
            grid.update(other, nothing, nothing);
            const after = elements();
            return {
                said, legend, images: tiles.map((tile) => tile.querySelectorAll("img").length),
                stale: root.querySelector(".grid").classList.contains("stale"),
                order: after.map((row) => row.getAttribute("aria-label")),
                same: other.rows.map((row, i) => !kept.has(row.id) || kept.get(row.id) === after[i]),
                count: [before.length, after.length],
            };
        }""",
        read("pages/compare/grid.html"), grid_of([1, 2, 3], states), grid_of([3, 4, 1], states, stale=True),
    )  # fmt: skip
    assert found["said"][:4] == [
        ["blank", "", []], ["queued", "waiting", []], ["fitting", "2 s", [["60%", "done"]]],
        ["failed", "too large", []],
    ]  # fmt: skip
    assert found["said"][4][2] == [["25%", "done strong"]]
    assert all(word in found["said"][4][1] for word in ("image only", "1.3", "levels"))
    assert found["images"] == [0, 0, 0, 0, 0, 1]
    places = [float(left.rstrip("%")) for _, left in found["legend"][:2]]
    assert places == pytest.approx([100 / colours.TOP, 200 / colours.TOP], abs=0.01)
    assert [word for word, _ in found["legend"]] == ["1", "2", "3"]
    assert found["order"] == ["row 3", "row 4", "row 1"]
    assert found["same"] == [True] * 3
    assert found["count"] == [3, 3]
    assert found["stale"]


def bars(page, counts, low, high, value):
    """Return each bar of a histogram as (x, width, height), and where the value stands."""
    return evaluate(
        page, "viewer",
        """(counts, low, high, value) => {
            const svg = histogram({ counts, low, high, q99: (low + high) / 2, value, here: "", mark: "", alt: "" });
            const number = (node, name) => Number(node.getAttribute(name));
            const place = (bin) => ["x", "width", "height"].map((name) => number(bin, name));
            const bins = [...svg.querySelectorAll(".bin")].map(place);
            return [bins, Number(svg.querySelector("path.here").getAttribute("d").match(/^M([\\d.]+)/)[1])];
        }""",
        counts, low, high, value,
    )  # fmt: skip


def test_bars_are_as_high_as_their_counts_and_the_value_stands_among_them(page):
    counts = [0, 3, 12, 40, 7, 1, 0, 2]
    found, at = bars(page, counts, 2.0, 10.0, 5.5)
    heights = np.array(found)[:, 2]
    assert heights[3] == heights.max() == 32
    tall = np.array(counts) >= 2
    assert heights[tall] == pytest.approx(np.array(counts)[tall] * 32 / 40, abs=0.06)
    assert heights[0] == heights[6] == 0
    assert found[3][0] <= at <= found[3][0] + found[3][1] + 0.7  # 5.5 lies in the fourth bin of 2 to 10
    _, beyond = bars(page, counts, 2.0, 10.0, 500.0)
    assert beyond == pytest.approx(148, abs=0.1)


def cases(count=120):
    """Yield (labels, scores, held-out scores): ties, negative scores, nothing held out, nobody's labels."""
    random = np.random.default_rng(7)
    for n in range(count):
        held = random.integers(0, 15)
        spread = random.choice([0.3, 3.0])
        shift = random.choice([1.0, 0.0, -5.0])
        scores = shift + spread * random.normal(size=random.integers(1, 20))
        below = shift + spread * random.normal(size=held)
        if n % 3 == 0:
            scores, below = np.round(scores), np.round(below)  # ties with the threshold
        labels = random.choice([0.0, 1.0, np.nan], len(scores))
        yield labels, scores, below


def model(labels, scores, held, allowed):
    truth = [None if np.isnan(v) else int(v) for v in labels]
    return {
        "pictures": [{"name": str(i), "truth": t} for i, t in enumerate(truth)],
        "held": [str(i) for i in range(len(held))], "allowed": allowed, "values": {},
        "heads": [{"key": "a", "title": "A", "scores": scores.tolist(), "held": held.tolist()}, {"key": "b"}],
    }  # fmt: skip


def test_thresholds_multiples_and_verdicts_are_those_of_the_engine(page):
    drawn = [
        (labels, scores, held, allowed)
        for labels, scores, held in cases()
        for allowed in {1, max(1, len(held) // 2), max(1, len(held))}
    ]
    found = evaluate(
        page, "lanes",
        """(cases) => cases.map((data) => {
            const model = new Model(data), column = model.columns.get("a");
            return {
                threshold: model.threshold(column), step: model.step(column), counts: model.count(column),
                multiples: column.scores.map((s) => model.multiple(column, s)),
                back: column.scores.map((s) => {
                    const unit = model.step(column);
                    return unit === null ? s : model.raw(column, model.multiple(column, s, unit), unit);
                }),
                verdicts: data.pictures.map((_, i) => model.verdict(column, i)),
                order: model.having(column, ["found", "miss", "false_alarm", "passed", "odd", "normal"]),
                columns: model.columns.size,
            };
        })""",
        [model(*case) for case in drawn],
    )  # fmt: skip
    assert len(found) > 200
    for (labels, scores, held, allowed), said in zip(drawn, found, strict=True):
        assert said["columns"] == 1
        if not len(held):
            assert said["threshold"] is None
            assert set(said["verdicts"]) == {""}
            assert said["multiples"] == [None] * len(scores)
            continue
        threshold = thresholds.threshold(held, allowed / (len(held) + 1))
        assert said["threshold"] == said["step"] == threshold
        assert said["multiples"] == pytest.approx(thresholds.multiples(scores, threshold, held), rel=1e-12)
        assert said["back"] == pytest.approx(scores, rel=1e-9, abs=1e-9)
        truth = [None if np.isnan(v) else bool(v) for v in labels]
        words = [thresholds.verdict(t, bool(s > threshold)) for t, s in zip(truth, scores, strict=True)]
        assert said["verdicts"] == words
        counts = thresholds.confusion(labels, scores, threshold)
        assert said["counts"]["found"] == counts.found
        assert said["counts"]["miss"] == counts.missed
        assert said["counts"]["false_alarm"] == counts.false_alarms
        assert said["counts"]["passed"] == counts.passed
        assert sorted(said["order"]) == list(range(len(scores)))
        for sort in set(words):
            ranked = [scores[i] for i in said["order"] if words[i] == sort]
            assert ranked == sorted(ranked, reverse=True)


def test_wilsons_interval_is_the_engines(page):
    pairs = [(k, n) for n in (0, 1, 2, 7, 40, 600) for k in {0, n // 3, n // 2, n} if k <= n]
    found = evaluate(page, "lanes", "(pairs) => pairs.map(([k, n]) => wilson(k, n))", pairs)
    for (k, n), interval in zip(pairs, found, strict=True):
        wanted = wilson(k, n)
        if n:
            assert interval == pytest.approx([wanted.low, wanted.high], abs=1e-12)
        else:
            assert wanted.value is None
            assert interval == [0, 1]


def test_an_axis_is_its_own_inverse_and_marks_its_open_end(page):
    random = np.random.default_rng(0)
    sets = [[0.6, 0.9, 1.2], [0.05, 1.0, 40.0], [-2.0, 0.31, 2.9], [1.0, 4.0]]
    sets += [np.exp(random.normal(0, 0.8, random.integers(1, 9))).tolist() for _ in range(40)]
    found = evaluate(
        page, "lanes",
        """(sets, ticks) => sets.map((multiples) => {
            const axis = new Axis(multiples, ticks), inside = multiples.filter((m) => m >= axis.low && m <= axis.high);
            const shares = inside.map((m) => axis.share(m));
            const { low, high } = axis, last = axis.word(axis.ticks.at(-1));
            return { low, high, ticks: axis.ticks, last, inside, shares, back: shares.map((s) => axis.multiple(s)) };
        })""",
        sets, distributions.TICKS,
    )  # fmt: skip
    for multiples, said in zip(sets, found, strict=True):
        ticks, beyond = distributions._ticks(np.array([1.0, *multiples]))
        assert said["ticks"] == ticks
        assert said["last"] == f"{ticks[-1]:g}{'+' if beyond else ''}"
        assert said["back"] == pytest.approx(said["inside"])
        wanted = np.log(np.array(said["inside"]) / said["low"]) / np.log(said["high"] / said["low"])
        assert said["shares"] == pytest.approx(wanted)
    assert [said["last"] for said in found[:4]] == ["1.5", "5+", "3", "5"]


def test_a_threshold_that_comes_to_rest_does_not_move_the_axis(page):
    found = evaluate(
        page, "lanes",
        """(ticks) => {
            const before = new Axis([0.4, 4.0], ticks);
            const after = [[0.8, 1.2], [0.2, 6.0]].map((multiples) => new Axis(multiples, ticks, before));
            return [before, ...after].map(({ low, high }) => [low, high]);
        }""",
        distributions.TICKS,
    )  # fmt: skip
    assert found == [[0.3, 5.0], [0.3, 5.0], [0.2, 5.0]]


def test_marks_that_would_lie_on_each_other_give_way(page):
    random = np.random.default_rng(0)
    places = np.sort(random.uniform(0, 400, 60)).tolist()
    levels = evaluate(page, "lanes", "giveWay", places, 8)
    assert set(levels) == {-2, -1, 0, 1, 2}
    apart = evaluate(page, "lanes", "giveWay", [0, 50, 100], 8)
    assert apart == [0, 0, 0]
    together = sum(
        levels[i] == levels[j] and places[j] - places[i] < 8 for i in range(60) for j in range(i + 1, 60)
    )  # fmt: skip
    alone = sum(places[j] - places[i] < 8 for i in range(60) for j in range(i + 1, 60))
    assert together < alone / 3


def test_a_picture_without_a_label_has_a_mark_of_its_own(page):
    call = "(truths) => truths.map((truth) => markOf(truth, 4).outerHTML)"
    good, defective, unknown = evaluate(page, "lanes", call, [0, 1, None])
    assert good.startswith("<circle")
    assert len({good, defective, unknown}) == 3


def test_a_name_may_break_between_its_parts_and_nowhere_else(page):
    assert evaluate(page, "viewer", "(name) => inParts(name)", "my_set/less good/002.png").split("\u200b") == [
        "my_", "set/", "less good/", "002.png"
    ]  # fmt: skip
