"""Every lesson in both languages, before there is a result and over a small real run."""

import pytest
from fixtures import learning
from streamlit.testing.v1 import AppTest

from detectors.datasets.sources import DemoSource
from detectors.queries.lessons import exercises
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
    switch = next(b for b in app.get("button_group") if b.key == "w_layers_scattering")
    switch.set_value([0, 2]).run()
    assert "1 + 3" in written(app)
    switch = next(b for b in app.get("button_group") if b.key == "w_layers_scattering")
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
        said = write("en", f"learn.exercises.claims.{name}").split("(")[0].split("*")[0]
        assert (said in shown) == (name in claimed)


def test_presenting_needs_no_prediction(open_lesson):
    assert not open_lesson("exercises", "before", present="1").button(key="run_count").disabled
