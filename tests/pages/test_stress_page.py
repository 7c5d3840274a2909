"""The Stress page over a small real run: asked, answered, in both languages, at thresholds that move."""

import re

import numpy as np
import pytest
from browser.seeing import decoded, is_painted, small
from fixtures import learning
from fixtures.backend import FakeAnswer, fake

from detectors.errors import SettingRefused
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import Threshold
from detectors.methods.base import silent
from detectors.plots import colours
from detectors.queries import stress
from detectors.stress import CONDITIONS, Curve, Verdict, sentences
from pages.frame import words
from pages.frame.words import table
from pages.stress import charts, verdicts
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


def test_words_of_a_verdict_have_units_in_both_languages(monkeypatch):
    said = sentences.verdict(Verdict("breaks", (-0.4, 0.2)), "brightness")
    assert words.say(said) == "breaks at \N{MINUS SIGN}0.4 and +0.2 stops"
    monkeypatch.setattr(words, "language", lambda: "ko")
    assert words.say(said) == "\N{MINUS SIGN}0.4, +0.2스톱에서 무너짐"
    assert words.say(sentences.verdict(Verdict("stands"), "jpeg")) == "품질 20까지 견딤"


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
