"""Every lesson in both languages, before there is a result and over a small real run."""

import json
import re
from html import escape

import numpy as np
import pytest
from fixtures import learning
from fixtures.charts import drawn, values
from fixtures.results import made_up
from streamlit.testing.v1 import AppTest

from detectors.datasets.sources import DemoSource
from detectors.evaluation import paired_auroc_difference
from detectors.queries.lessons import classes, exercises
from pages.frame.state import Choices
from pages.frame.words import write
from pages.learn import lesson


@pytest.fixture
def open_lesson(open_app):
    return lambda lesson, state="done", **query: open_app(f"lessons_{state}", "learn", lesson=lesson, **query)


def written(app: AppTest) -> str:
    """All HTML that the page shows."""
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", lesson.LESSONS)
def test_every_lesson_opens_in_every_state(open_lesson, name, language):
    for state in learning.STATES if language == "en" else ("before", "done"):
        app = open_lesson(name, state, language=language)
        assert app.title[0].value == write(language, "learn.title")
        for part in lesson.parts(name, language):
            assert part.heading in written(app)
        assert "{{" not in written(app)


def at_step(open_lesson, method, step):
    app = open_lesson(method)
    for _ in range(step):
        app.button(key="learn_chevron_right").click().run()
    assert not app.exception
    return app


def test_the_threshold_and_all_scores_are_in_the_last_figure_of_a_method(open_lesson):
    result = learning.ran()[0]
    column = result["padim/efficientnet_lite0"]
    chart = drawn(at_step(open_lesson, "padim", 4), "learn_threshold")
    lanes = {trace["name"]: sorted(values(trace["x"])) for trace in chart["data"][:3]}
    truth = result.labels
    assert lanes["hollow"] == pytest.approx(np.sort(column.held_out))
    assert lanes["soft"] == pytest.approx(np.sort(column.scores[truth == 0]))
    assert lanes["defective"] == pytest.approx(np.sort(column.scores[truth == 1]))
    (line,) = [shape["x0"] for shape in chart["layout"]["shapes"]]
    assert line == pytest.approx(column.held_out.max())


def test_a_method_that_compares_patches_draws_them_at_their_distances(open_lesson):
    app = at_step(open_lesson, "patchcore", 2)
    chart = drawn(app, "learn_around")
    points = next(trace for trace in chart["data"] if trace.get("name") == "ink")
    nearest = next(trace for trace in chart["data"] if trace.get("name") == "ring")
    assert min(values(points["x"])) == pytest.approx(values(nearest["x"])[0])
    assert f"{values(nearest['x'])[0]:.2f}"[:4] in nearest["text"][0]
    counts = values(drawn(app, "learn_normals")["data"][0]["y"])
    assert write("en", "learn.method.against", n=f"{round(sum(counts)):,}") in written(app)


def test_bars_of_a_lesson_are_as_long_as_their_numbers(open_lesson):
    app = at_step(open_lesson, "mahalanobis", 4)
    (pieces,) = [drawn(app, "learn_level_sum")["data"]]
    score = next(t for t in drawn(app, "learn_threshold")["data"] if t.get("name") == "this")
    assert sum(values(piece["x"])[0] for piece in pieces) == pytest.approx(values(score["x"])[0], rel=1e-5)


def test_intervals_are_drawn_from_low_to_high(open_lesson):
    app = open_lesson("hard")
    chart = drawn(app, "subtraction_0")
    bars = [trace for trace in chart["data"] if trace["mode"] == "lines"]
    points = [trace for trace in chart["data"] if trace["mode"] == "markers"]
    figures = [column.figures["image_auroc"] for column in learning.ran()[0].columns]
    assert [values(bar["x"]) for bar in bars[1:]] == [pytest.approx([f.low, f.high]) for f in figures]
    assert [values(point["x"])[0] for point in points[1:]] == pytest.approx([f.value for f in figures])


def test_a_figure_waits_for_the_result(open_lesson):
    assert write("en", "learn.waiting") in written(open_lesson("layers", "before"))
    assert write("en", "learn.waiting") not in written(open_lesson("layers"))


def test_pills_and_the_way_onwards_change_the_lesson(open_lesson):
    app = open_lesson("hard")
    app.get("button_group")[0].set_value("table").run()
    assert app.query_params["lesson"] == "table"
    app.button(key="next_lesson").click().run()
    assert app.query_params["lesson"] == "exercises"
    assert not app.exception


def test_switching_a_level_off_changes_what_is_together(open_lesson):
    app = open_lesson("layers")
    assert "1 + 2 + 3" in written(app)
    switch = next(b for b in app.get("button_group") if b.key == "w_layers_efficientnet_lite0")
    switch.set_value([0, 2]).run()
    assert "1 + 3" in written(app)
    switch = next(b for b in app.get("button_group") if b.key == "w_layers_efficientnet_lite0")
    switch.set_value([]).run()
    assert not app.exception


def test_an_exercise_runs_after_a_prediction_and_explains_itself(open_lesson, monkeypatch):
    small = DemoSource("capsules", normal=40, good=24, per=12, severities=(1.0,), kinds=("count",))
    monkeypatch.setitem(exercises.EXERCISES, "count", exercises.Exercise((small,), exercises.FIVE, "count"))
    app = open_lesson("exercises", "before")
    assert app.button(key="run_count").disabled
    next(b for b in app.get("button_group") if b.key == "w_exercise_count").set_value("patchcore").run()
    measured = exercises.measure(small.load(), exercises.FIVE)
    claimed = [name for name in ("count_pooled", "count_backwards") if exercises.holds(name, (measured,))]
    app.button(key="run_count").click().run()
    assert not app.exception
    shown = written(app)
    assert f"{write('en', f'methods.{measured.leaders()[0]}')} ranks highest" in shown
    assert claimed, "these pictures bear out nothing: the test shows nothing"
    for name in ("count_pooled", "count_backwards"):
        said = max(re.split(r"\{\w+\}|\*", write("en", f"learn.exercises.claims.{name}")), key=len)
        assert (said in shown) == (name in claimed)


def test_under_stress_a_chart_appears_after_a_prediction(open_lesson):
    app = open_lesson("stress")
    assert app.get("plotly_chart") == []
    guesses = {"light": "padim", "dirt": "itself", "few": "hundred"}
    for slot, said in guesses.items():
        next(b for b in app.get("button_group") if b.key == f"stress_guess_{slot}").set_value(said).run()
        assert not app.exception, [e.value for e in app.exception]
    assert len(app.get("plotly_chart")) == 3
    shown = written(app) + " ".join(m.value for m in app.markdown)
    assert "The picture itself keeps" in shown
    assert "without shrinkage; with it," in shown
    assert "First to break:" in shown or "no method breaks" in shown


def test_presenting_needs_no_prediction(open_lesson):
    assert not open_lesson("exercises", "before", present="1").button(key="run_count").disabled


def test_trained_and_fixed_features_are_told_apart_on_a_run_of_both(open_app):
    alone = open_app("done", "learn", lesson="trained")
    assert "So far only efficientnet_lite0 has run" in written(alone)
    assert [button for button in alone.button if button.key == "both_backbones_lesson"]
    app = open_app("two", "learn", lesson="trained", backbones="efficientnet_lite0,scattering")
    shown = written(app)
    assert "So far only" not in shown
    result = made_up(backbones=("efficientnet_lite0", "scattering"))
    named = {"learnt": [], "fixed": [], "alike": []}
    for method in ("spade", "mahalanobis", "padim", "patchcore", "cfa"):
        one, other = (result[f"{method}/{backbone}"] for backbone in ("efficientnet_lite0", "scattering"))
        gap = paired_auroc_difference(result.labels, one.scores, other.scores)
        named["learnt" if gap.low > 0 else "fixed" if gap.high < 0 else "alike"].append(
            write("en", f"methods.{method}")
        )
    for kind, names in named.items():
        if names:
            assert write("en", f"learn.trained.whole_{kind}", methods=lesson.listed(names)) in shown
    assert not app.exception


def test_random_trained_and_fixed_features_stand_beside_each_other(open_lesson):
    app = open_lesson("layers")
    app.button(key="layers_random").click().run()
    assert not app.exception
    shown = json.dumps(drawn(app, "weights_0"))
    assert all(f"{which}: " in shown for which in ("random", "trained", "fixed"))
    assert "With random weights efficientnet_lite0" in written(app)
    shown = written(app)
    for which in ("trained", "random", "fixed"):  # on a live picture: the last level alone, all together
        assert f'<div class="odd-cell-title">{which}: Level ' in shown
        assert f'<div class="odd-cell-title odd-focus">{which}: Together</div>' in shown


def test_the_trained_network_says_what_it_takes_the_pictures_for(open_lesson):
    app = open_lesson("layers")
    result, _, stores, pictures = learning.ran()
    i = lesson.subject(Choices(), result)
    found = classes.opinions(None, stores, pictures, "efficientnet_lite0", i)
    shown = written(app)
    for opinion in (found.normal, found.test):
        for name, share in zip(opinion.names, opinion.shares, strict=True):
            assert f"<span>{escape(name)}</span><span>{100 * share:.1f} %</span>" in shown
    labels = result.labels
    said = {"usual": found.usual, "n": int((labels == 1).sum()), "k": int(found.keeps[labels == 1].sum()),
            "m": int((labels == 0).sum()), "j": int(found.keeps[labels == 0].sum())}  # fmt: skip
    keeps = write("en", "learn.layers.keeps", **said).replace("**", "")
    assert keeps in shown.replace("<strong>", "").replace("</strong>", "")
    gap = paired_auroc_difference(labels, result["patchcore/efficientnet_lite0"].scores, found.away)
    how = "names_more" if gap.low > 0 else "names_less" if gap.high < 0 else "names_open"
    claims = {key: write("en", f"learn.layers.{key}").split("{")[-1].partition("}")[2]
              for key in ("names_more", "names_less", "names_open")}  # fmt: skip
    assert [key for key, rest in claims.items() if rest in shown] == [how]
