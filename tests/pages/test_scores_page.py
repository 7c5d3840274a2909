"""The Scores page in both languages and in every state, without workers or a browser."""

import json
import re

import numpy as np
import pytest
from fixtures import scored
from fixtures.backend import STATES
from fixtures.charts import drawn, values

from detectors.evaluation import kinds, paired_auroc_difference, thresholds
from detectors.queries import pixels
from pages.frame import backend, panes
from pages.frame.state import Choices
from pages.frame.style import path
from pages.frame.words import table, write
from pages.scores import curves, histograms, lanes, tables


@pytest.fixture
def scores(open_app):
    return lambda state="scored", **query: open_app(state, "scores", **query)


def lead(app):
    return app.markdown[0].value


def sent(app, name):
    """What a component was given."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name == f"odd_one_out_{name}"]
    return json.loads(found[0].json) if found else None


def written(app):
    return " ".join(
        [*(e.proto.body for e in app.get("html")), *(m.value for m in app.markdown), *(c.value for c in app.caption)]
    )


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_opens_in_both_languages(scores, state, language):
    query = {"backbones": "efficientnet_lite0,resnet18"} if state == "two" else {}
    app = scores(state, language=language, **query)
    assert app.title[0].value == write(language, "scores.title")
    assert lead(app)
    assert "(은/는)" not in written(app) + json.dumps(sent(app, "lanes"), ensure_ascii=False)


def test_the_sentence_says_who_leads_and_whether_that_is_certain(scores):
    assert lead(scores()) == "PatchCore leads, but with 24 pictures no difference between methods is certain."
    many = lead(scores("many"))
    assert many.startswith(
        "CFA leads and is ahead of PaDiM, SPADE and MahalanobisAD by more than chance; for PatchCore"
    )
    korean = lead(scores("many", language="ko"))
    assert korean == write(
        "ko", "scores.lead.some", leaders="CFA", behind="PaDiM, SPADE, MahalanobisAD", others="PatchCore", pictures=600
    )
    assert korean.startswith("CFA가")


def test_a_trivial_statistic_that_rivals_the_methods_stands_above_everything(scores):
    app = scores("rivalled")
    assert "Sharpness alone reaches AUROC" in written(app)
    assert 'class="odd-trivial"' in written(app)
    assert 'class="odd-trivial"' not in written(scores())


def test_synthetic_defects_are_named_wherever_figures_use_them(scores):
    app = scores("synthetic")
    assert "8 of 8 defective test pictures carry defects that this program pasted in" in written(app)
    assert sent(app, "lanes")["words"]["auroc_head"].endswith("synthetic")
    assert "## Curves · synthetic" in written(app)
    assert "## Curves · synthetic" not in written(scores())


def test_lanes_receive_every_score_and_the_present_threshold(scores):
    base = scored.result("scored")
    app = scores(allowed="3")
    given = sent(app, "lanes")
    assert given["allowed"] == 3
    assert [head["key"] for head in given["heads"]] == [c.key for c in base.columns]
    stored = [json.loads(e.proto.bytes) for e in app.get("bidi_component") if e.proto.WhichOneof("data") == "bytes"]
    (sent_once,) = [json.loads(each[given["scored"]]) for each in stored if given["scored"] in each]
    for column in base.columns:
        assert sent_once["columns"][column.key]["scores"] == column.scores.tolist()
        assert sent_once["columns"][column.key]["held"] == column.held_out.tolist()
    assert [p["truth"] for p in sent_once["pictures"]] == [int(p.defective) for p in base.test]
    assert [head["focus"] for head in given["heads"]] == [False, False, False, True, False]


def test_a_threshold_beyond_the_held_out_pictures_is_the_last_step(scores):
    assert sent(scores("few_held", allowed="9"), "lanes")["allowed"] == 2


def test_running_columns_come_one_by_one_and_failed_ones_say_why(scores):
    running = [head["state"] for head in sent(scores("running"), "lanes")["heads"]]
    assert running == ["done", "done", "fitting", "queued", "queued"]
    failed = sent(scores("failed"), "lanes")["heads"][2]
    assert failed["state"] == "failed"
    assert failed["text"] == "stopped: needs 7.1 GB, limit 6 GB"


def test_stale_results_are_dimmed(scores):
    assert sent(scores("stale"), "lanes")["stale"] is True
    assert sent(scores(), "lanes")["stale"] is False


@pytest.mark.parametrize(
    ("state", "title"),
    [("unlabelled", "no_labels"), ("only_good", "only_good"), ("one_picture", "only_defective")],
)
def test_without_both_labels_there_is_a_way_on_instead_of_curves(scores, state, title):
    app = scores(state)
    assert any(write("en", f"scores.empty.{title}") in m.value for m in app.markdown)
    assert drawn(app, "scores_roc") is None
    assert drawn(app, "scores_patchcore_efficientnet_lite0") is not None
    assert {"scores_label", "scores_maps"} <= {b.key for b in app.button}


def test_too_few_held_out_pictures_say_what_they_support(scores):
    app = scores("few_held")
    assert any("the smallest rate they can set is 1 in 3" in c.value for c in app.caption)
    next(b for b in app.button if b.label == "Set by hand").click().run()
    assert sent(app, "lanes")["byHand"] is True


def test_without_masks_pixel_curves_say_why(scores):
    app = scores("no_masks")
    assert len([t for t in drawn(app, "scores_roc")["data"] if "thresholds" in t["name"]]) == 5
    app.segmented_control(key="scores_curve").set_value("pro").run()
    assert drawn(app, "scores_pro") is None
    assert "No defective picture has a mask that says where the defect is." in written(app)


def test_curves_belong_to_the_figures(scores):
    base, app = scored.result("scored"), scores()
    lines = {t["name"]: t for t in drawn(app, "scores_roc")["data"] if t["mode"] == "lines"}
    for column in base.columns:
        line = lines[text_of(column)]
        area = np.trapezoid(values(line["y"]), values(line["x"]))
        assert area == pytest.approx(column.figures["image_auroc"].value, abs=1e-3)
    assert "PatchCore 95 %" in lines
    app.segmented_control(key="scores_curve").set_value("pro").run()
    pro = drawn(app, "scores_pro")["data"]
    assert "PatchCore 95 %" in [t["name"] for t in pro]
    (mark,) = [t for t in pro if t["name"] == "painted from here PatchCore"]
    assert 0 < values(mark["x"])[0] < 0.3
    found = next(t for t in pro if t["name"] == "PatchCore")
    column, curve = base["patchcore/efficientnet_lite0"], pixels.pro(base, base["patchcore/efficientnet_lite0"])
    assert values(found["x"]) == pytest.approx(curve.x)
    assert values(mark["y"])[0] == curve.y[np.flatnonzero(curve.at >= column.scale.q99)[-1]]


def text_of(column):
    return write("en", f"methods.{column.method}")


@pytest.mark.parametrize("kind", ["roc", "pr"])
def test_a_point_of_a_curve_sets_the_threshold_on_the_test_pictures(scores, kind):
    base, key = scored.result("scored"), "padim/efficientnet_lite0"
    app = scores(thresholds="cfa/efficientnet_lite0:0.5:value")
    app.segmented_control(key="scores_curve").set_value(kind).run()
    (points,) = [t for t in drawn(app, f"scores_{kind}")["data"] if t["name"] == "PaDiM, thresholds"]
    number = 9
    assert points["customdata"][number] == [key, number]
    wanted = curves.chosen([{"customdata": [key, number]}], base)
    counted = thresholds.confusion(base.labels, base[key].scores, wanted[1])
    place = (values(points["x"])[number], values(points["y"])[number])
    rates = counted.false_alarm_rate.value, counted.found_rate.value
    precision = counted.found / (counted.found + counted.false_alarms)
    assert place == pytest.approx(rates if kind == "roc" else (rates[1], precision))
    assert f"threshold {wanted[1]:.4g}" in points["text"][number]


def test_what_the_browser_says_of_a_point_is_checked():
    base = scored.result("scored")
    for said in (
        None,
        [],
        ["x/y", 1],
        ["padim/efficientnet_lite0", 99],
        ["padim/efficientnet_lite0", -1],
        ["padim/efficientnet_lite0", "1"],
    ):
        assert curves.chosen([{"customdata": said}], base) is None
    assert curves.chosen([], base) is None
    for said in (None, ["padim/efficientnet_lite0", 0], ["x/y", 0, -1], ["padim/efficientnet_lite0", 900, -1]):
        assert histograms.chosen([{"customdata": said}], base) is None


@pytest.mark.parametrize("state", ["scored", "many", "unlabelled"])
def test_every_picture_is_in_its_bar_of_the_histogram(scores, state):
    app = scores(state)
    base = backend.current().look(Choices())[1]
    for column in base.columns:
        chart = drawn(app, f"scores_{column.method}_{column.backbone}")
        found, held = [], 0
        for trace in chart["data"]:
            sizes, middles, widths = (values(trace[name]) for name in ("y", "x", "width"))
            for n, said in enumerate(trace["customdata"]):
                hit = histograms.chosen([{"customdata": said}], base)
                if hit is None:
                    held += sizes[n]
                    continue
                assert hit[0] == column.key
                inside = abs(column.scores[hit[1]] - middles[n]) <= widths[n] / 2 + 1e-9
                assert inside.all(), (column.key, hit)
                if len(hit[1]) == 1:
                    assert f"<b>{panes.name(base.test[hit[1][0]])}: {column.scores[hit[1][0]]:.4g}</b>" in (
                        trace["hovertext"][n]
                    ) or state == "many"  # fmt: skip
                found += hit[1]
        assert sorted(set(found)) == list(range(len(base.test)))
        assert held == len(column.held_out)


def test_the_threshold_is_a_line_and_axes_stay_where_they_are(scores):
    key = "scores_patchcore_efficientnet_lite0"
    before, after = (drawn(scores(allowed=allowed), key)["layout"] for allowed in ("1", "6"))
    column = scored.result("scored")["patchcore/efficientnet_lite0"]
    for layout, allowed in ((before, 1), (after, 6)):
        lines = [s["x0"] for s in layout["shapes"] if s["x0"] == s["x1"]]
        assert lines == [thresholds.threshold(column.held_out, allowed / 13)]
    for axis in ("xaxis", "yaxis"):
        assert before[axis]["range"] == after[axis]["range"]


def test_a_threshold_beyond_the_scores_is_drawn_at_the_end_and_says_so(scores):
    app = scores(thresholds="patchcore/efficientnet_lite0:1e6:value")
    layout = drawn(app, "scores_patchcore_efficientnet_lite0")["layout"]
    (line,) = [s["x0"] for s in layout["shapes"] if s["x0"] == s["x1"]]
    assert line < layout["xaxis"]["range"][1]
    assert layout["annotations"][-1]["text"] == "threshold 1e+06 →"


def test_pairs_can_be_told_by_pixels(scores):
    app = scores()
    assert "PatchCore – SPADE" in written(app)
    base = scored.result("scored")
    found = paired_auroc_difference(
        base.labels, base["patchcore/efficientnet_lite0"].scores, base["spade/efficientnet_lite0"].scores
    )
    low, value, high = (round(100 * v) for v in (found.low, found.value, found.high))
    assert f"<b>{value:+d}</b> [{low}, {high}]" in written(app)
    traces = drawn(app, "scores_pairs_chart")["data"]
    ends = [values(t["x"]) for t in traces if t["mode"] == "lines"]
    assert [round(100 * end) for end in ends[0]] == [low, high]
    app.segmented_control(key="scores_pairs").set_value("aupro").run()
    assert "This method gives one number per picture and no map." in written(app)
    assert not app.exception


def test_pairs_can_be_told_by_aupimo_which_is_each_pictures(scores):
    app = scores()
    app.segmented_control(key="scores_pairs").set_value("aupimo").run()
    base = scored.result("scored")
    focus, other = (base[f"{method}/efficientnet_lite0"].figures["aupimo"] for method in ("patchcore", "spade"))
    each = [a - b for a, b in zip(focus.each, other.each, strict=True) if a is not None and b is not None]
    assert f"<b>{round(100 * np.mean(each)):+d}</b> [" in written(app)
    assert "Difference in AUPIMO" in " ".join(e.value for e in app.caption)


def test_an_end_that_is_not_zero_is_not_written_as_zero():
    assert [tables._points(v) for v in (-0.004, 0.0, 0.0001, 0.034, -0.25)] == ["-0.4", "0", "0", "3", "-25"]


def test_everything_stands_in_tables_too(scores):
    app = scores()
    before = len(app.dataframe)
    app.toggle(key="scores_table").set_value(True).run()
    assert not app.exception
    assert len(app.dataframe) == before + 1
    assert app.dataframe[-1].value.shape == (24, 7)
    assert "F1-max, optimistic" in written(app)
    assert "The threshold is chosen on the test pictures, so the figure is optimistic." in written(app)


def test_what_the_browser_says_is_checked():
    base = scored.result("scored")
    good, bad = "padim/efficientnet_lite0", "padim/other"
    assert lanes._moved({"allowed": 3, "values": {good: 1.5}}, base) == lanes.ThresholdChange(3, {good: 1.5})
    assert lanes._moved({"allowed": 99, "values": {bad: 1.0, good: float("nan")}}, base) == lanes.ThresholdChange(
        None, {}
    )
    assert lanes._moved({"allowed": "x", "values": None}, base) == lanes.ThresholdChange(None, {})
    assert lanes._opened({"picture": 24}, base) is None
    assert lanes._opened({"picture": 3, "column": good}, base) == (3, good)


def test_a_table_escapes_a_users_names():
    base = scored.result("scored")
    titles = {c.key: "<b>x" for c in base.columns}
    assert "&lt;b&gt;x" in tables.cost(base.columns, titles, "")
    assert "<b>x" not in tables.cost(base.columns, titles, "")


def test_words_for_the_browser_need_no_particle_that_it_cannot_choose():
    for part in ("lanes", "verdicts", "shared"):
        said = json.dumps(table("ko")["scores"][part], ensure_ascii=False)
        assert not any(pair in said for pair in ("(은/는)", "(이/가)", "(을/를)", "(과/와)"))


def test_the_cost_of_every_method_is_in_the_units_of_its_heading(scores):
    app = scores()
    body = next(e.proto.body for e in app.get("html") if "odd-cost" in e.proto.body)
    heads = re.findall(r'<th scope="col">(.*?)</th>', body)
    assert [re.split(r"<br>|, ", head)[-1] for head in heads] == ["s", "ms", "MB", "%"]
    rows = [re.findall(r"([\d.]+)</td>", row) for row in body.split("<tr")[2:]]
    columns = scored.result("scored").columns
    for column, row in zip(columns, rows, strict=True):
        cost = column.cost
        share = 100 * cost.milliseconds_per_picture / cost.backbone_milliseconds
        wanted = (cost.fit_seconds, cost.milliseconds_per_picture, cost.model_bytes / 1e6, share)
        assert [float(number) for number in row] == pytest.approx(wanted, rel=0.01, abs=0.5), column.key
        assert float(row[1]) == pytest.approx(cost.milliseconds_per_picture, abs=0.06)
    widths = [int(width) for width in re.findall(r"width:(\d+)px", body)]
    slowest = max(column.cost.milliseconds_per_picture for column in columns)
    expected = [max(58 * column.cost.milliseconds_per_picture / slowest, 1) for column in columns]
    assert widths == pytest.approx(expected, abs=1)


def test_a_threshold_chosen_on_test_pictures_is_said_on_every_page(scores):
    app = scores(thresholds="padim/efficientnet_lite0:1.25:test,cfa/efficientnet_lite0:0.5:value")
    assert sent(app, "lanes")["values"] == {"padim/efficientnet_lite0": 1.25, "cfa/efficientnet_lite0": 0.5}
    assert sent(app, "lanes")["onTest"] == ["padim/efficientnet_lite0"]
    for page in ("compare", "inspect", "learn", "export", "scores"):
        app.switch_page(path(page)).run()
        assert not app.exception
        assert "PaDiM: **1.25**, chosen on these test pictures" in written(app), page
    app.button(key="threshold_back").click().run()
    assert sent(app, "lanes")["values"] == {}
    assert "chosen on these test pictures" not in written(app)


def test_other_pictures_let_go_of_thresholds_given_by_value(scores):
    app = scores(thresholds="padim/efficientnet_lite0:1.25:value")
    app.selectbox(key="w_pictures").set_value("leather").run()
    assert app.session_state["choices"].thresholds == ()


def test_a_cell_of_the_matrix_is_a_door_to_its_pictures(scores, monkeypatch):
    result = scored.result("scored")
    app = scores()
    shown = app.dataframe[0].value
    those = kinds.groups(result)["kind"]
    matrix = kinds.matrix(result, those)
    assert shown.shape == (len(result.columns), 1 + len(those))
    for row, cells in zip(shown.to_numpy(), matrix.values(), strict=True):
        assert [word.split(" · ")[0] for word in row[1:]] == [f"{cell.found} of {cell.of}" for cell in cells]
    app.segmented_control(key="scores_group").set_value("area").run()
    assert not app.exception
    app.segmented_control(key="scores_measure").set_value("auroc").run()
    assert not app.exception
    app.session_state["compare_filter"] = those[0].key
    app.session_state["compare_filter_of"] = tuple(p.sha256 for p in result.test)
    app.switch_page(path("compare")).run()
    assert app.session_state["compare_filter"] == those[0].key
    assert not app.exception
