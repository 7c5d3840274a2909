"""Lesson 9, exercises: predict, run, and read only what the numbers bear out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from detectors.datasets import builtin
from detectors.errors import Refusal
from detectors.queries.lessons import exercises
from detectors.queries.lessons.exercises import CHANGES, CLAIMS, EXERCISES, Exercise, ExerciseScores
from detectors.result import Result
from pages.frame import backend, session
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import drawn_kind, say, speaker, text
from pages.learn.before_after import before_after
from pages.learn.lesson import at_work, controls, listed
from pages.learn.parts import Intervals, Row, beside, caption, cell, interval, picture, tiles

SEED = 20_011  # of the part that is shown with a question: in no set of pictures
NONE = "none"
TURNED = 3


def exercise(name: str, choices: Choices, status: Status, result: Result | None) -> None:
    """Show the pictures, take a prediction, run, and show the figures."""
    asked = EXERCISES[name]
    left, right = st.columns([4, 6], gap="large")
    with left:
        _pictures(name, asked)
    with right:
        with controls(f"exercise_{name}"):
            options = (*asked.methods, NONE) if asked.none else asked.methods
            tell = speaker()
            question = "learn.exercises.predict" if len(asked.sets) == 1 else "learn.exercises.predict_lost"
            predicted = st.pills(
                text(question), options, key=f"w_exercise_{name}", persist_state="session",
                format_func=lambda m: tell("learn.exercises.none") if m == NONE else tell(f"methods.{m}"),
            )  # fmt: skip
        found = _measured(name)
        if isinstance(found, Refusal):
            caption(say(found.sentence))
        elif found is not None:
            _answer(name, asked, found, predicted)
        elif name in _started():
            at_work(lambda: _measured(name), asked.seconds)
        else:
            _button(name, asked, choices, predicted)


FIGURES: dict[str, Callable[..., None]] = {name: partial(exercise, name) for name in EXERCISES}


def verdict(name: str, choices: Choices, status: Status, result: Result | None) -> str | None:
    """Say who ranks best and whether that was predicted."""
    found = _measured(name)
    if not isinstance(found, tuple):
        return None
    if len(found) == 2:
        return _lost(*found)
    leaders, predicted = found[0].leaders(), session.widget(f"w_exercise_{name}")
    first = text(f"methods.{leaders[0]}")
    says = text("learn.exercises.best", method=first, figure=interval(found[0].aurocs[leaders[0]]))
    if len(leaders) > 1:
        near = [text(f"methods.{m}") for m in leaders[1:]]
        says += " " + text("learn.exercises.near", n=len(near), methods=listed(near))
    if predicted in (None, NONE):
        return says
    key = "right" if predicted in leaders else "wrong"
    return f"{says} {text(f'learn.exercises.{key}', method=text(f'methods.{predicted}'))}"


def claim(name: str, choices: Choices, status: Status, result: Result | None) -> str | None:
    """Say what an explanation claims, where the numbers bear it out."""
    found = _measured(name.split("_")[0])
    if not isinstance(found, tuple) or not exercises.holds(name, found):
        return None
    last = found[-1]
    figures = {method: interval(figure) for method, figure in last.aurocs.items()}
    before = {f"{method}_before": interval(figure) for method, figure in found[0].aurocs.items()}
    return text(f"learn.exercises.claims.{name}", **figures, **before, learnt=last.learnt)


EARLY = frozenset(
    {*EXERCISES, *(f"{name}_verdict" for name in EXERCISES), *CLAIMS, *CHANGES}
)  # the exercises bring their own pictures
VALUES: dict[str, Callable[..., str | None]] = {
    **{f"{name}_verdict": partial(verdict, name) for name in EXERCISES},
    **{name: partial(claim, name) for name in (*CLAIMS, *CHANGES)},
}


def _pictures(name: str, asked: Exercise) -> None:
    if len(asked.sets) == 2:
        made = []
        for source, words in zip(asked.sets, ("held", "free"), strict=True):
            for i in range(TURNED):
                pixels, _ = _rendered(asked.product, SEED + i, None, 0.0, source.rotate)
                title = text(f"learn.exercises.{words}") if i == 0 else ""
                made.append(cell(picture(pixels, text(f"learn.exercises.{words}"), side=200), title or "\u00a0"))
        tiles(made, TURNED)
        return
    good, _ = _rendered(asked.product, SEED, None, 0.0, True)
    odd, _ = _rendered(asked.product, SEED, asked.kind, asked.severity, True)
    words = (text("kind.good"), drawn_kind(asked.kind))
    before_after(good, odd, words, text("learn.hard.handle"), f"exercise_pair_{name}")


def _answer(name: str, asked: Exercise, found: tuple[ExerciseScores, ...], predicted: str | None) -> None:
    charts = []
    keys = ["learn.image_auroc"] if len(found) == 1 else ["learn.exercises.held", "learn.exercises.free"]
    for key, measured in zip(keys, found, strict=True):
        leaders = measured.leaders()
        rows = [
            Row(text(f"methods.{method}"), measured.aurocs[method], method == predicted, method in leaders)
            for method in asked.methods
        ]
        counts = {"good": measured.good, "defective": measured.defective, "learnt": measured.learnt}
        note = text("learn.exercises.note", **counts, backbone=asked.backbone)
        charts.append(Intervals(text(key), rows, note))
    beside(f"exercise_{name}", *charts)


def _button(name: str, asked: Exercise, choices: Choices, predicted: str | None) -> None:
    busy = any(_measured(other) is None for other in _started())
    first = predicted is None and not choices.present
    hint = text("learn.exercises.busy") if busy else text("learn.exercises.first") if first else None
    st.button(
        text("learn.exercises.run", s=asked.seconds), key=f"run_{name}", disabled=busy or first, help=hint,
        icon=":material/play_arrow:", on_click=lambda: _started().add(name),
    )  # fmt: skip


def _started() -> set[str]:
    """Return the exercises that this session has run or is running."""
    return session.EXERCISES.get()


def _measured(name: str) -> tuple[ExerciseScores, ...] | Refusal | None:
    """Return what was measured, the refusal, or None before the run and while it is at work."""
    if name not in _started():
        return None
    asked = EXERCISES[name]
    found = []
    for source in asked.sets:  # one after the other
        measured = backend.current().later(exercises.measure, source, asked.methods, asked.backbone).now
        if measured is None or isinstance(measured, Refusal):
            return measured
        found.append(measured)
    return tuple(found)


def _lost(before: ExerciseScores, after: ExerciseScores) -> str:
    """Say what each method loses from one set to the other, and who loses most."""
    changes = [
        text(
            "learn.exercises.change",
            method=text(f"methods.{m}"),
            before=f"{before.aurocs[m].value:.2f}",
            after=f"{after.aurocs[m].value:.2f}",
        )
        for m in before.aurocs
    ]
    losers = exercises.losers(before, after)
    points = -(exercises.fall(before, after, losers[0]).value or 0.0)
    says = f"{text('learn.exercises.lost', methods=listed(changes))} "
    says += text("learn.exercises.loser", method=text(f"methods.{losers[0]}"), points=points)
    if len(losers) == 1:
        return says
    near = [text(f"methods.{m}") for m in losers[1:]]
    return f"{says} {text('learn.exercises.near', n=len(near), methods=listed(near))}"


@st.cache_data(max_entries=60, show_spinner=False)
def _rendered(
    product: str, seed: int, defect: str | None, severity: float, rotate: bool
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return builtin.render(product, seed, defect, severity, rotate=rotate)
