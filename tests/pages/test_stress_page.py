"""The Stress page over a small real run: asked, answered, in both languages, at thresholds that move."""

import numpy as np
import pytest

from detectors.evaluation.thresholds import Threshold
from detectors.stress import CONDITIONS, Curve
from pages.frame.words import table
from pages.stress import charts, verdicts

USUAL = ("brightness", "gradient", "blur", "noise", "rotation", "shift")

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


def test_words_of_a_verdict_have_units():
    assert verdicts.amount("blur", 0.75) == "0.75 px"
    assert verdicts.amount("brightness", -0.4) == "\N{MINUS SIGN}0.4 stops"
    assert verdicts.amount("jpeg", 40) == "quality 60"


def test_a_chart_draws_what_the_curves_say(curves):
    for measure in charts.MEASURES:
        made = charts.chart("brightness", curves["brightness"], TITLES, "b/x", measure)
        lines = {trace.name: trace for trace in made.data}
        drawn = np.array(lines["B"].y, float)
        points = curves["brightness"][1].points
        wanted = {
            "alarms": [p.false_alarms.value for p in points], "found": [p.found.value for p in points],
            "auroc": [p.auroc.value for p in points], "median": [p.median for p in points],
        }[measure]  # fmt: skip
        np.testing.assert_allclose(drawn, wanted)
        assert list(lines["B"].marker.symbol) == ["x" if p.broken else "circle" for p in points]
        assert ("B 95 %" in lines) == (measure != "median")


def press(app):
    app.button(key="stress_ask").click().run()
    assert not app.exception, [e.value for e in app.exception]
    return app


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


def test_without_held_out_pictures_the_page_says_what_is_missing(open_app):
    app = open_app("lessons_no_threshold", "stress")
    assert not [b for b in app.button if b.key == "stress_ask"]
