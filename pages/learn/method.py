"""The lesson of one method: five live pictures, and below them the one in focus, explained with its own numbers.

The prose of a step is a section of `assets/lessons/{en,ko}/steps/<method>.md`, in the form that `lessons` describes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from detectors.errors import Refusal
from detectors.queries.lessons import steps
from detectors.queries.lessons.steps.values import Memory, Path
from detectors.result import Column, Result, ResultPicture
from pages.frame import component, session
from pages.frame.panes import name
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.verdicts import ColumnVerdicts, Verdicts
from pages.frame.words import language, plain, say, speaker, text
from pages.learn import lesson
from pages.learn.parts import shape
from pages.learn.path import Station, path

STEPS = ("features", "memory", "patch", "map", "score")

Value = Callable[["Scene"], str | None]
Figure = Callable[["Scene"], None]


@dataclass(frozen=True)
class Scene:
    """Everything that a method's lesson shows of one place in one picture."""

    method: str
    choices: Choices
    result: Result
    column: Column
    verdicts: ColumnVerdicts
    i: int
    place: tuple[int, int]
    memory: Any  # of the method's own kind
    path: Any

    @property
    def picture(self) -> ResultPicture:
        return self.result.test[self.i]

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.pixels.shape[0], self.picture.pixels.shape[1]

    @property
    def anomalous(self) -> bool:
        """Whether the patch scores above 99 % of normal ones."""
        return self.memory.normals is not None and self.path.value > self.memory.normals.q99


def scene(method: str, choices: Choices, result: Result) -> Scene | None:
    """Look at the chosen picture and place through a method; None where the run does not have it (yet)."""
    column = lesson.first_column(result, method)
    i = lesson.subject(choices, result)
    if column is None or i is None:
        return None
    place = _place(choices, column, result.test[i], i)
    memory = lesson.ask(result, steps.memory, column.key)
    way = lesson.ask(result, steps.path, column.key, i, *place)
    if memory is None or way is None:
        return None
    assert isinstance(memory, Memory)
    assert isinstance(way, Path)
    verdicts = Verdicts.of(result, choices.threshold, [column.key]).columns[column.key]
    return Scene(method, choices, result, column, verdicts, i, place, memory, way)


def values(method: str, own: dict[str, Value]) -> dict[str, Callable[[Choices, Status, Result], str | None]]:
    """Return a lesson's values as `lessons` wants them."""

    def value(make: Value, choices: Choices, status: Status, result: Result) -> str | None:
        try:
            found = scene(method, choices, result)
        except Refusal:
            return None
        return make(found) if found is not None else None

    return {slot: partial(value, make) for slot, make in own.items()}


def figures(
    method: str, stations: Callable[[Scene], list[Station]], own: dict[str, Figure], filled: dict[str, Any]
) -> dict[str, Callable[[Choices, Status, Result], None]]:
    """Return a lesson's two figures: the path, and the step in focus with figures of its own.

    Args:
        method: whose lesson it is.
        stations: makes the five pictures.
        own: figures that the steps' prose asks for.
        filled: the lesson's values.
    """

    def draw_path(choices: Choices, status: Status, result: Result) -> None:
        try:
            found = scene(method, choices, result)
        except Refusal as refusal:
            st.caption(say(refusal.sentence))
            return
        if found is None:
            _absent(method, status)
            return
        _controls(found)
        component.styles("pages/learn/steps.css")
        frame = found.path.box if found.path.map is not None else None
        shares = None if frame is None else _shares(frame, found.size)
        path(stations(found), active(), shape(found.picture.pixels), shares, _focus, partial(_aim, found), key="path")

    def draw_step(choices: Choices, status: Status, result: Result) -> None:
        try:
            found = scene(method, choices, result)
        except Refusal:
            return
        if found is not None:
            _step(found, own, lambda slot: filled[slot](choices, status, result))

    return {"path": draw_path, "step": draw_step}


def active() -> int:
    """Return which of the five pictures is in focus."""
    return session.STEP.get()


def sections(method: str, tongue: str) -> list[lesson.Part]:
    """Return the prose of the five steps."""
    return [part for part in lesson.parts(f"steps/{method}", tongue) if part.heading]


def _step(found: Scene, own: dict[str, Figure], value: Callable[[str], str | None]) -> None:
    part = sections(found.method, language())[active()]
    with st.container(key="method_step"):
        columns = st.columns([6, 8, 7] if len(part.beside) > 1 else [6, 15], gap="medium")
        with columns[0]:
            st.html(f"<h2 class='odd-heading'>{active() + 1} {part.heading}</h2>{lesson.html(part.prose, value)}")
        for column, slot in zip(columns[1:], part.beside, strict=False):
            with column:
                own[slot](found)


def _controls(found: Scene) -> None:
    names = [name(p) for p in found.result.test]
    session.set_widget("w_learn_picture", found.i)
    with lesson.controls("path"):
        st.selectbox(
            text("learn.method.picture"), range(len(names)), format_func=names.__getitem__, key="w_learn_picture",
            label_visibility="collapsed", width=210, on_change=lambda: _look_at(found),
        )  # fmt: skip
        if found.path.map is not None:
            st.button(
                text("learn.method.highest"), key="learn_highest", type="tertiary",
                on_click=lambda: _move(found, *found.path.highest), disabled=found.path.highest == found.place,
            )  # fmt: skip
        st.space("stretch")
        speak = speaker()
        st.caption(speak("learn.method.step_of", i=active() + 1), width="content")
        for icon, to in (("chevron_left", active() - 1), ("chevron_right", active() + 1)):
            st.button(
                "", key=f"learn_{icon}", icon=f":material/{icon}:", type="tertiary", disabled=not 0 <= to < len(STEPS),
                help=speak(f"learn.method.{icon}"), on_click=_focus, args=(to,),
            )  # fmt: skip


def _look_at(found: Scene) -> None:
    picture = found.result.test[session.widget("w_learn_picture")]
    change(picture=picture.sha256[:16], place=None)


def _focus(step: int) -> None:
    session.STEP.set(min(max(step, 0), len(STEPS) - 1))


def _aim(found: Scene, y: float, x: float) -> None:
    _move(found, int(y * found.size[0]), int(x * found.size[1]))


def _move(found: Scene, y: int, x: int) -> None:
    change(picture=found.picture.sha256[:16], place=(y, x))


def _place(choices: Choices, column: Column, picture: ResultPicture, i: int) -> tuple[int, int]:
    """Return the chosen place, else the middle of the true defect's highest-scoring part, else the map's maximum."""
    height, width = picture.pixels.shape[:2]
    if choices.place is not None:
        return min(choices.place[0], height - 1), min(choices.place[1], width - 1)
    if column.maps is None:
        return height // 2, width // 2
    shown = column.maps[i]
    if picture.mask is not None and picture.local and picture.mask.any():
        shown = np.where(picture.mask, shown, -np.inf)
    y, x = np.unravel_index(int(shown.argmax()), shown.shape)
    return int(y), int(x)


def _shares(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    top, left, bottom, right = box
    return top / size[0], left / size[1], (bottom - top) / size[0], (right - left) / size[1]


def _absent(method: str, status: Status) -> None:
    if status.state == "running":
        lesson.waiting()
    else:
        title = plain(text(f"methods.{method}"))
        st.info(text("learn.method.absent", method=title))
