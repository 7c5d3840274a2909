"""One picture through all strengths of a condition, with every method's anomaly map on Compare's scale."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from detectors.errors import Refusal
from detectors.evaluation.thresholds import multiples
from detectors.plots import colours
from detectors.queries import stress
from detectors.result import Result, ResultPicture
from detectors.stress.sentences import amount
from pages.frame import backend, session, shapes
from pages.frame.component import small
from pages.frame.panes import name
from pages.frame.refresh import poll
from pages.frame.state import Choices, change
from pages.frame.words import language, say, text

if TYPE_CHECKING:
    from detectors.stress.measuring import Strip

_SIDE = 160  # pixels of a pane as it travels
_KEPT = 4


def show(run: str, choices: Choices, result: Result, conditions: Sequence[str], titles: dict[str, str]) -> None:
    """Choose a condition and a picture, and see it at every strength."""
    if session.LOOKED.get() not in conditions:
        session.LOOKED.set(conditions[0])
    condition, index = session.LOOKED.get(), _subject(choices, result)
    session.set_widget("stress_looked", condition)
    session.set_widget("stress_picture", index)
    with st.container(horizontal=True, vertical_alignment="center", key="stress_strip_controls"):
        st.markdown(f"### {text('stress.strip')}", width="content")
        st.selectbox(
            text("stress.which"), conditions, key="stress_looked", label_visibility="collapsed", width=200,
            format_func=lambda each: text(f"stress.conditions.{each}"),
            on_change=lambda: session.LOOKED.set(session.widget("stress_looked")),
        )  # fmt: skip
        st.selectbox(
            text("stress.picture"), range(len(result.test)), key="stress_picture", label_visibility="collapsed",
            width=240, format_func=lambda i: name(result.test[i]),
            on_change=lambda: change(picture=result.test[session.widget("stress_picture")].sha256[:16], place=None),
        )  # fmt: skip
    answer = _asked(run, condition, index)

    def draw() -> None:
        if answer.pending:
            st.html(f'<div class="odd-waiting odd-low">{text("grid.waiting")}</div>')
        elif isinstance(answer.now, Refusal):
            st.caption(say(answer.now.sentence))
        elif answer.now is not None:
            thresholds = choices.threshold.values_of(result)
            key = f"{run} {condition} {index} {choices.colour} {thresholds} {language()}"
            st.html(_rows(key, answer.now, condition, index, result, titles, choices.colour, thresholds))
            st.caption(text("stress.strip_note"))

    poll(draw, lambda: answer.pending)


def _asked(run: str, condition: str, index: int) -> backend.Answer:
    kept = session.STRIP.get()
    key = (run, condition, index)
    if key not in kept:
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[key] = backend.current().later(stress.through, condition, index, fitted=True)
    return kept[key]


def _subject(choices: Choices, result: Result) -> int:
    """Return the chosen test picture, else the first defect with a mask, else the first."""
    for i, picture in enumerate(result.test):
        if choices.picture and picture.sha256.startswith(choices.picture):
            return i
    marked = (i for i, picture in enumerate(result.test) if picture.mask is not None and picture.mask.any())
    return next(marked, 0)


@st.cache_data(max_entries=16, show_spinner=False)
def _rows(
    key: str,
    _found: Strip,
    _condition: str,
    _index: int,
    _result: Result,
    _titles: dict[str, str],
    _colour: str,
    _thresholds: dict[str, float],
) -> str:
    """Return a row of pictures, then one of every method, strengths from left to right; `key` stands for all of it."""
    picture = _result.test[_index]
    strengths = [say(amount(_condition, strength)) for strength in _found.strengths]
    cells = [f"<span></span>{''.join(f'<b>{escape(said)}</b>' for said in strengths)}"]
    cells.append(f"<span>{escape(text('grid.picture'))}</span>")
    for said, pixels in zip(strengths, _found.pixels, strict=True):
        cells.append(_pane(picture, pixels, f"{name(picture)}, {said}"))
    for column in _result.columns:
        maps, scores, threshold = (each.get(column.key) for each in (_found.maps, _found.scores, _thresholds))
        if scores is None:
            continue
        times = None if threshold is None else multiples(scores, threshold, column.held_out)
        level = "" if maps is not None else f"<small>{escape(text('stress.no_map'))}</small>"
        cells.append(f"<span>{escape(_titles[column.key])}{level}</span>")
        for t, said in enumerate(strengths):
            ratio = "" if times is None else text("stress.times", value=f"{times[t]:.2f}")
            alarm = threshold is not None and scores[t] > threshold
            note = f"<small{' class=odd-alarm' if alarm else ''}>{escape(ratio)}</small>"
            if maps is None or column.scale is None:
                cells.append(f"<div>{note}</div>")
                continue
            painted = colours.overlay(_found.pixels[t], column.scale(maps[t]), _colour)
            cells.append(_pane(picture, painted, f"{_titles[column.key]}, {said}: {ratio}", note))
    return (
        f'<div class="odd-strip" role="group" tabindex="0" aria-label="{escape(text("stress.strip"))}"'
        f' style="--n: {len(strengths)}; --shape: {shapes.common([picture.aspect])}">{"".join(cells)}</div>'
    )


def _pane(picture: ResultPicture, pixels: NDArray[np.uint8], alt: str, note: str = "") -> str:
    shown = small(shapes.seen(picture, pixels), picture.aspect, _SIDE)
    return f'<div><img src="{shown}" alt="{escape(alt)}">{note}</div>'
