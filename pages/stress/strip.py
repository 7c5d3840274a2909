"""One picture through all strengths of a condition, with every method's anomaly map on Compare's scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from detectors.errors import Refusal
from detectors.evaluation.thresholds import multiples
from detectors.plots import colours
from detectors.queries import stress
from detectors.queries.overview import webp
from detectors.result import Result, ResultPicture
from detectors.stress import CONDITIONS, Curve
from pages.frame import backend, session
from pages.frame.component import address
from pages.frame.refresh import poll
from pages.frame.state import Choices, change
from pages.frame.words import say, text
from pages.stress.verdicts import amount

if TYPE_CHECKING:
    from detectors.stress.measuring import Strip

_SIDE = 160  # pixels of a pane as it travels
_KEPT = 4


def show(
    run: str,
    choices: Choices,
    result: Result,
    curves: Mapping[str, Sequence[Curve]],
    titles: dict[str, str],
    name: Callable[[ResultPicture], str],
) -> None:
    """Choose a condition and a picture, and see it at every strength."""
    names = list(curves)
    if session.LOOKED.get() not in names:
        session.LOOKED.set(names[0])
    index = _subject(choices, result)
    session.set_widget("stress_looked", session.LOOKED.get())
    session.set_widget("stress_picture", index)
    with st.container(horizontal=True, vertical_alignment="center", key="stress_strip_controls"):
        st.markdown(f"### {text('stress.strip')}", width="content")
        st.selectbox(
            text("stress.which"), names, key="stress_looked", label_visibility="collapsed", width=200,
            format_func=lambda each: text(f"stress.conditions.{each}"),
            on_change=lambda: session.LOOKED.set(session.widget("stress_looked")),
        )  # fmt: skip
        st.selectbox(
            text("stress.picture"), range(len(result.test)), key="stress_picture", label_visibility="collapsed",
            width=240, format_func=lambda i: name(result.test[i]),
            on_change=lambda: change(
                picture=result.test[session.widget("stress_picture")].sha256[:16], place=None
            ),
        )  # fmt: skip
    condition = session.LOOKED.get()
    answer = _asked(run, condition, index)

    def draw() -> None:
        if answer.pending:
            st.html(f'<div class="odd-waiting odd-low">{text("grid.waiting")}</div>')
        elif isinstance(answer.now, Refusal):
            st.caption(say(answer.now.sentence))
        elif answer.now is not None:
            st.html(_rows(f"{run} {condition} {index} {choices.colour} {titles}", answer.now, condition, result, titles,
                          name(result.test[index]), choices))  # fmt: skip
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


def _rows(
    key: str, found: Strip, condition: str, result: Result, titles: dict[str, str], picture: str, choices: Choices
) -> str:
    """Return a row of pictures, then one of every method, strengths from left to right."""
    cells = [f"<span></span>{''.join(f'<b>{escape(amount(condition, s))}</b>' for s in found.strengths)}"]
    cells.append(f"<span>{escape(text('grid.picture'))}</span>")
    for strength, pixels in zip(found.strengths, found.pixels, strict=True):
        cells.append(_pane(pixels, f"{picture}, {amount(condition, strength)}"))
    for column in result.columns:
        maps, scores = found.maps.get(column.key), found.scores.get(column.key)
        if scores is None:
            continue
        threshold = choices.threshold.value_of(column)
        times = None if threshold is None else multiples(scores, threshold, column.held_out)
        level = "" if maps is not None else f"<small>{escape(text('stress.no_map'))}</small>"
        cells.append(f"<span>{escape(titles[column.key])}{level}</span>")
        for t, strength in enumerate(found.strengths):
            said = "" if times is None else text("stress.times", value=f"{times[t]:.2f}")
            alarm = times is not None and times[t] > 1
            note = f"<small{' class=odd-alarm' if alarm else ''}>{escape(said)}</small>"
            if maps is None or column.scale is None:
                cells.append(f"<div>{note}</div>")
                continue
            painted = colours.overlay(found.pixels[t], column.scale(maps[t]), choices.colour)
            alt = f"{titles[column.key]}, {amount(condition, strength)}: {said}"
            cells.append(_pane(painted, alt, note))
    return (
        f'<div class="odd-strip" role="group" tabindex="0" aria-label="{escape(text("stress.strip"))}"'
        f' style="--n: {len(CONDITIONS[condition].strengths)}">{"".join(cells)}</div>'
    )


def _pane(pixels: object, alt: str, note: str = "") -> str:
    return f'<div><img src="{address(webp(pixels, _SIDE))}" alt="{escape(alt)}">{note}</div>'
