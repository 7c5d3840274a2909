"""The Stress page over a small real run: asked, answered, in both languages, at thresholds that move."""

import re

import numpy as np
import pytest
from browser.seeing import decoded, is_painted, small
from fixtures import learning
from fixtures.backend import FakeAnswer, fake

from detectors import Comparison, Preprocessing
from detectors.errors import SettingRefused
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import Threshold
from detectors.methods.base import silent
from detectors.plots import colours
from detectors.queries import stress
from detectors.stress import CONDITIONS, Curve, Study, Verdict, sentences
from detectors.stress.draws import Draw, Remains
from pages.frame import session, words
from pages.frame.words import table
from pages.stress import asking, charts, overview, studies, verdicts
from pages.stress.asking import USUAL

TITLES = {"a/x": "A", "b/x": "B"}


def curve(key, alarms, finds, name="brightness", allowed=1, of=17):
    strengths = CONDITIONS[name].strengths
    good, defective = 24, 30
    scores = np.array(
        [np.r_[np.arange(good) < a, np.arange(defective) < f] * 2.0 for a, f in zip(alarms, finds, strict=True)]
    )
    labels = np.r_[np.zeros(good), np.ones(defective)]
    return Curve(key, strengths, scores, None, labels, Threshold(1.0, "rate", allowed, of), np.ones(16))


@pytest.fixture(scope="module")
def curves():
    return {
        "brightness": (
            curve("a/x", [24, 1, 1, 1, 1, 1, 24], [25] * 7),
            curve("b/x", [1, 1, 1, 1, 9, 20, 24], [25] * 7),
        )
    }


def test_the_sentence_counts_and_names_what_breaks_first(curves):
    said = verdicts.lead(curves, TITLES)
    assert "**2** pairs" in said
    assert "2 break" in said
    assert "**B**, Brightness from +0.2 stops on" in said
    assert verdicts.lead({}, TITLES) == table("en")["stress"]["lead"]


def order(curves):
    """Methods from the top of the table to its end."""
    return sorted({c.key for found in curves.values() for c in found}, key=lambda key: verdicts._order(curves, key))


def test_what_breaks_first_is_on_top_and_what_finds_nothing_at_the_end():
    late, soon = curve("late/x", [1] * 6 + [24], [25] * 7), curve("soon/x", [1] * 4 + [20] * 3, [25] * 7)
    blind, holds = curve("blind/x", [0] * 7, [0] * 7), curve("holds/x", [1] * 7, [25] * 7)
    found = {"brightness": (blind, late, holds, soon)}
    assert order(found) == ["soon/x", "late/x", "holds/x", "blind/x"]
    titles = {f"{name}/x": name for name in ("late", "soon", "blind", "holds")}
    assert "**holds** breaks nowhere" in verdicts.lead(found, titles)
    contrast = [curve(f"{name}/x", [1] * 6 + [end], [25] * 7, "contrast") for name, end in (("late", 1), ("soon", 24))]
    assert "**late** breaks least, in 1 of 2 conditions: guard it against Brightness (from +0.6 stops on)" in (
        verdicts.lead({"brightness": (blind, late, soon), "contrast": contrast}, titles)
    )


def test_one_method_alone_is_not_called_the_best_and_one_is_no_plural():
    late, titles = curve("late/x", [1] * 6 + [24], [25] * 7), {"late/x": "late"}
    assert "Of **1** pair of method and condition 1 breaks." in verdicts.lead({"brightness": (late,)}, titles)
    fewer = {"brightness": (late,), "contrast": (curve("late/x", [1] * 7, [25] * 7, "contrast"),)}
    said = verdicts.lead(fewer, titles)
    assert "least" not in said
    assert "**late** breaks in 1 of 2 conditions: guard it against Brightness (from +0.6 stops on)." in said
    assert re.search(r"1 (stands|has too few)", said)


def test_words_of_a_verdict_have_units_in_both_languages(monkeypatch):
    said = sentences.verdict(Verdict("breaks", (-0.4, 0.2)), "brightness")
    assert words.say(said) == "breaks at \N{MINUS SIGN}0.4 and +0.2 stops"
    monkeypatch.setattr(words, "language", lambda: "ko")
    assert words.say(said) == "\N{MINUS SIGN}0.4, +0.2스톱에서 무너짐"
    assert words.say(sentences.verdict(Verdict("stands"), "jpeg")) == "품질 20까지 견딤"


def test_a_chart_draws_what_the_curves_say(curves):
    for measure in charts.MEASURES:
        made = charts.chart("brightness", curves["brightness"], TITLES, "b/x", measure)
        lines = {trace.get("name"): trace for trace in made.traces}
        drawn = np.array(lines["B"]["y"], float)
        points = curves["brightness"][1].points
        wanted = {
            "alarms": [p.false_alarms.value for p in points], "found": [p.found.value for p in points],
            "auroc": [p.auroc.value for p in points], "median": [p.median for p in points],
        }[measure]  # fmt: skip
        np.testing.assert_allclose(drawn, wanted)
        assert list(lines["B"]["marker"]["symbol"]) == ["x" if p.broken else "circle" for p in points]
        assert ("B 95 %" in lines) == (measure != "median")


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_can_be_drawn_in_its_unit(name, monkeypatch):
    one = curve("a/x", [1] * 7, [25] * 7, name)
    for tongue in ("en", "ko"):
        monkeypatch.setattr(words, "language", lambda tongue=tongue: tongue)
        made = charts.chart(name, [one], TITLES, "a/x", "alarms")
        assert made.layout["xaxis"]["title"]["text"] == table(tongue)["stress"]["axes"][CONDITIONS[name].unit]


def press(app):
    app.button(key="stress_ask").click().run()
    assert not app.exception, [e.value for e in app.exception]
    return app


@pytest.mark.parametrize(("at_work", "said"), [(1, "Being tested"), (0, "Tested")])
def test_what_was_asked_is_tested_once_it_is_done(open_app, monkeypatch, at_work, said):
    app = press(open_app("lessons_done", "stress"))
    monkeypatch.setattr(asking, "pending", lambda run: at_work)
    assert app.run().button(key="stress_ask").label == said


@pytest.mark.parametrize("language", ["en", "ko"])
def test_asking_shows_verdicts_charts_and_the_strip(open_app, language):
    app = press(open_app("lessons_done", "stress", language=language))
    words, page = table(language)["stress"], " ".join(e.proto.body for e in app.get("html"))
    assert len(app.get("plotly_chart")) == len(USUAL)
    for name in USUAL:
        assert f'<th scope="col">{words["conditions"][name]}</th>' in page
    assert page.count('<td class="odd-') == 5 * len(USUAL)
    assert page.count("<img") == 7 * 5  # the picture and four methods with maps at seven strengths
    assert app.button(key="stress_ask").disabled


def test_a_clicked_point_shows_whose_verdict_changed_and_puts_a_picture_into_the_strip(open_app):
    """Counted again from the scores; the point with the most new alarms is clicked."""
    app = press(open_app("lessons_done", "stress"))
    found = learning.ask("done", stress.under, silent, "blur")
    curve = max(found, key=lambda c: ((c.scores[-1] > c.threshold.value) & (c.labels == 0)).sum())
    strongest = curve.strengths[-1]
    now, before = curve.scores[-1] > curve.threshold.value, curve.scores[0] > curve.threshold.value
    alarmed = np.flatnonzero((curve.labels == 0) & now & ~before)
    missed = np.flatnonzero((curve.labels == 1) & ~now & before)
    assert len(alarmed) + len(missed) > 0
    app.session_state["point_of_stress"] = ("blur", curve.key, strongest)
    app.run()
    captions = [caption.value for caption in app.caption]
    of = (curve.labels == 0).sum(), (curve.labels == 1).sum()
    assert f"{len(alarmed)} of {of[0]} good pictures raise an alarm here and not without the condition" in captions
    assert f"{len(missed)} of {of[1]} defects are missed here and found without it" in captions
    shown = [int(b.key.rpartition("_")[2]) for b in app.button if b.key and b.key.startswith("stress_through_")]
    assert shown == [*alarmed[:8], *missed[:8]]
    app.button(key=f"stress_through_{shown[-1]}").click().run()
    assert app.selectbox(key="stress_picture").value == shown[-1]


def test_a_click_on_a_line_is_a_condition_a_column_and_a_strength(curves, monkeypatch):
    monkeypatch.setattr(session, "set_widget", lambda key, value: None)
    made = charts.chart("brightness", curves["brightness"], TITLES, "b/x", "alarms")
    (line,) = (trace for trace in made.traces if trace.get("name") == "B")
    charts._chosen("brightness", [{"x": line["x"][2], "customdata": line["customdata"][2]}])
    assert session.POINT.get() == ("brightness", "b/x", line["x"][2])
    assert session.LOOKED.get() == "brightness"


def test_pixels_of_the_input_are_told_in_those_of_the_files(circuit):
    prepared = Comparison(methods=("mahalanobis",), preprocessing=Preprocessing(96)).prepare(circuit).test
    side = circuit.test[0].picture.original_size[0]
    said = sentences.in_files(["blur"], prepared)
    assert str(said) == f"One pixel of the network's input is {side / 96:.1f} pixels of the picture files."
    assert sentences.in_files(["brightness"], prepared) is None
    same = Comparison(methods=("mahalanobis",), preprocessing=Preprocessing(side)).prepare(circuit).test
    assert sentences.in_files(["blur"], same) is None


def test_without_held_out_pictures_the_page_says_what_is_missing(open_app):
    app = open_app("lessons_no_threshold", "stress")
    assert not [b for b in app.button if b.key == "stress_ask"]


def test_the_strip_shows_the_engines_pictures_and_maps_and_no_others(open_app):
    """Every pane is its own strength's: nearer to it than to any other, as the browser receives it."""
    app = press(open_app("lessons_done", "stress"))
    app.selectbox(key="stress_looked").select("shift").run()
    result = learning.ran()[0]
    index = app.selectbox(key="stress_picture").value
    found = learning.ask("done", stress.through, silent, "shift", index)
    html = next(e.proto.body for e in app.get("html") if "odd-strip" in e.proto.body and "<img" in e.proto.body)
    shown = [decoded(address) for address in re.findall(r'src="([^"]+)"', html)]
    strengths = len(found.strengths)
    side = shown[0].shape[0]
    photographs = [small(pixels, side) for pixels in found.pixels]
    for t in range(strengths):
        is_painted(shown[t], photographs, t, 8.0)
    mapped = [column for column in result.columns if column.maps is not None]
    assert len(shown) == strengths * (1 + len(mapped))
    for row, column in enumerate(mapped, 1):
        panes = [
            small(colours.overlay(found.pixels[t], column.scale(found.maps[column.key][t])), side)
            for t in range(strengths)
        ]
        for t in range(strengths):
            is_painted(shown[row * strengths + t], panes, t, 8.0)
        ratio = found.scores[column.key][-1] / thresholds.usual(column.held_out).value
        assert f"{ratio:.2f} × threshold" in html


def test_what_was_refused_may_be_asked_for_again(open_app, monkeypatch):
    app = open_app("lessons_done", "stress")
    refused = FakeAnswer(SettingRefused("stress.nothing", "No room."))
    monkeypatch.setattr(fake("lessons_done"), "later", lambda *args, **kwargs: refused)
    app.button(key="stress_ask").click().run()
    assert not app.exception
    assert not app.button(key="stress_ask").disabled
    assert app.get("plotly_chart") == []


def made_up(key, finds, about="dirt", way="both", cleaned=False):
    """A study of three draws whose finds are known, step by step."""
    labels = learning.ran()[0].labels
    good, defective = int((labels == 0).sum()), int((labels == 1).sum())
    order = np.argsort(labels, kind="stable")
    rows = []
    for found in finds:
        scores = np.empty(len(labels))
        scores[order] = np.r_[np.zeros(good), np.arange(defective) < found] * 2.0
        rows.append(tuple(Draw(scores, np.r_[np.zeros(18), 1.0], (found % 2, 1)) for _ in range(3)))
    steps = (0, 1, 2) if about == "dirt" else (4, 8, 16)
    remains = () if about == "pictures" else (Remains(int(order[-1]), 0.12, 0.07, np.eye(4, dtype=np.float32)),)
    return Study(key, about, way, steps, tuple(rows), labels, 16, 0.05, cleaned, slipped=((int(order[-1]),),) * 3,
                 remains=remains)  # fmt: skip


FINDS = {"patchcore": (7, 7, 0), "padim": (7, 6, 6), "spade": (0, 0, 0)}


@pytest.fixture
def studied(open_app, monkeypatch):
    """The page after the workers brought studies made by hand; what was asked is listed."""
    asked, real = [], fake("lessons_done").later

    def later(query, *arguments, **kwargs):
        if query not in (stress.dirtied, stress.fewer):
            return real(query, *arguments, **kwargs)
        asked.append((query.__name__, *arguments))
        about = "dirt" if query is stress.dirtied else "pictures"
        finds = FINDS.get(arguments[0].split("/")[0], (6, 6, 6))
        return FakeAnswer(made_up(arguments[0], finds, about, arguments[1], arguments[2:] == (True,)))

    monkeypatch.setattr(fake("lessons_done"), "later", later)

    def look(query="", view="dirt", language="en"):
        app = open_app("lessons_done", "stress", language=language, **({"stress": query} if query else {}))
        if not query:
            app.segmented_control(key="stress_view").set_value(view).run()
        assert not app.exception, [e.value for e in app.exception]
        return app

    return look, asked


def shown(app):
    return " ".join([e.proto.body for e in app.get("html")] + [m.value for m in app.markdown])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_dirt_is_asked_of_every_method_and_shown_with_its_remains(studied, language):
    look, asked = studied
    app = look(language=language)
    assert app.get("plotly_chart") == []
    app.button(key="stress_ask_dirt").click().run()
    assert not app.exception, [e.value for e in app.exception]
    assert sorted(asked) == sorted(("dirtied", column.key, "both", False) for column in learning.ran()[0].columns)
    assert len(app.get("plotly_chart")) == 5
    words = table(language)["stress"]
    assert words["remains"] in shown(app)
    assert words["doubtful"] in shown(app)
    assert app.button(key="stress_ask_dirt").disabled
    assert app.session_state["choices"].stress == ("dirt_both",)


def test_the_sentence_names_what_dirt_harms_first(studied):
    look, _ = studied
    app = look("dirt_both")  # a link begins what it asks for
    assert "Dirt harms **PatchCore** (from 2 on)." in shown(app)
    assert "**SPADE** finds hardly anything even without dirt." in shown(app)
    assert "from 2 on fewer defects found: 100 %, then 0 %" in shown(app)


def test_leaving_out_unusual_ones_is_drawn_beside(studied):
    look, asked = studied
    app = look("dirt_both,dirt_both_clean")
    assert len(asked) == 10
    assert len(app.get("plotly_chart")) == 5
    assert "Left out as unusual: 0 of 2 dirty, 1 clean." in shown(app)


def test_numbers_of_pictures_are_asked_with_their_thresholds(studied):
    look, asked = studied
    app = look("pictures_left_out")
    assert {each[0] for each in asked} == {"fewer"}
    assert {each[2] for each in asked} == {"left_out"}
    assert len(app.get("plotly_chart")) == 2 + 5  # all methods together, and each
    assert "4 held out can promise 1 false alarm in 5 at the least; each left out in turn, 1 in 17." in " ".join(
        e.value for e in app.caption
    )
    assert app.get("html")


def test_a_study_is_drawn_with_its_median_its_range_and_its_break():
    study = made_up("patchcore/x", (7, 6, 0))
    drawn = {trace.get("name"): trace for trace in studies.chart(study, None, "shares", "PatchCore").traces}
    np.testing.assert_allclose(drawn["found"]["y"], [p.found.figure.value for p in study.points])
    np.testing.assert_allclose(drawn["false_alarms"]["y"], 0)
    wide = Study("a/x", "pictures", "held_out", (2, 4), tuple(
        tuple(Draw(np.r_[0, 0, s, s + 0.1], np.zeros(19)) for s in (-1.0, 0.05, 1.0)) for _ in range(2)
    ), np.array([0.0, 0, 1, 1]), 4, 0.05)  # fmt: skip
    band = next(t for t in studies.chart(wide, None, "shares", "A").traces if t.get("name") == "found range")
    assert max(band["y"]) == 1
    assert min(band["y"]) == 0


def test_times_come_from_what_workers_measured(studied):
    look, _ = studied
    label = look().button(key="stress_ask_dirt").label
    assert label.startswith(table("en")["stress"]["ask"].split("{")[0])


def test_no_time_is_told_before_it_was_measured(studied, monkeypatch):
    look, _ = studied
    answered = fake("lessons_done").later
    monkeypatch.setattr(
        fake("lessons_done"), "later",
        lambda query, *arguments, **kwargs: (
            FakeAnswer(None) if query is stress.pace else answered(query, *arguments, **kwargs)
        ),
    )  # fmt: skip
    assert look().button(key="stress_ask_dirt").label == table("en")["stress"]["ask_timing"]


def test_remedies_are_shown_beside_what_is_without(open_app, monkeypatch):
    app = open_app("lessons_done", "stress")
    real, asked = fake("lessons_done").later, []
    keys = [column.key for column in learning.ran()[0].columns]

    def later(query, *arguments, **kwargs):
        if query is stress.helped:
            asked.append(arguments)
            return FakeAnswer(tuple(curve(key, [1] * 7, [25] * 7, arguments[0]) for key in keys))
        if query is stress.under:
            return FakeAnswer(tuple(curve(key, [1] * 4 + [20] * 3, [25] * 7, arguments[0]) for key in keys))
        return real(query, *arguments, **kwargs)

    monkeypatch.setattr(fake("lessons_done"), "later", later)
    press(app)
    app.button(key="stress_help").click().run()
    assert not app.exception, [e.value for e in app.exception]
    assert asked == [("brightness", remedy) for remedy in ("equalise", "align", "augment")]
    page = shown(app)
    for name in ("as it is", "equal brightness", "alignment", "learnt under it, too"):
        assert f'<th scope="col">{name}</th>' in page
    assert "found without it: 83 %" in page
    assert "**Alignment** lets SPADE, MahalanobisAD, PaDiM, PatchCore and CFA stand longer." in page
    assert app.session_state["choices"].stress[-3:] == ("brightness_equalise", "brightness_align", "brightness_augment")


def test_a_link_asks_for_a_remedy_and_its_condition(open_app, monkeypatch):
    asked, real = [], fake("lessons_done").later

    def later(query, *arguments, **kwargs):
        if query in (stress.helped, stress.under):
            asked.append(arguments)
            return FakeAnswer(())
        return real(query, *arguments, **kwargs)

    monkeypatch.setattr(fake("lessons_done"), "later", later)
    app = open_app("lessons_done", "stress", stress="blur_align")
    assert not app.exception, [e.value for e in app.exception]
    assert asked == [("blur",), ("blur", "align")]


def test_all_methods_stand_in_one_chart_over_doubled_numbers_of_pictures():
    found = [made_up("patchcore/x", (5, 6, 7), "pictures"), made_up("padim/x", (1, 3, 6), "pictures")]
    titles = {"patchcore/x": "PatchCore", "padim/x": "PaDiM"}
    made = overview.chart(found, "found", titles, "padim/x")
    drawn = {trace.get("name"): trace for trace in made.traces}
    np.testing.assert_allclose(drawn["PaDiM"]["x"], [2, 3, 4])  # of 4, 8 and 16 pictures
    np.testing.assert_allclose(drawn["PaDiM"]["y"], [p.found.figure.value for p in found[1].points])
    assert made.traces[-1]["name"] == "PaDiM"  # in front
    np.testing.assert_allclose(drawn["PatchCore range"]["y"][:3], [p.found.high for p in found[0].points])
    named = {n["text"]: n["y"] for n in made.layout["annotations"] if n["text"] in titles.values()}
    assert named["PatchCore"] > named["PaDiM"]


def test_names_at_the_ends_of_lines_do_not_overlap():
    placed = overview._apart({"a": 0.99, "b": 0.985, "c": 0.98, "d": 0.2}, 0.0, 1.0)
    rows = sorted(placed.values())
    assert min(np.diff(rows)) > 0.074
    assert rows[0] >= 0
    assert rows[-1] <= 1
    assert sorted(placed, key=lambda key: placed[key]) == ["d", "c", "b", "a"]
