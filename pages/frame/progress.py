"""How far the work is: one line per part, with what it does and how long it still takes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from pages.frame import following, style, weights
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import amount, duration, say, stage_name, text

if TYPE_CHECKING:
    from detectors.workers import Stage


def work(choices: Choices, status: Status) -> None:
    """Say what stands in the way of a run and the way on, or how far it is."""
    if status.sentence is not None:
        style.note(say(status.sentence))
        weights.way_on(choices)
        if status.counts is not None and not status.counts[0]:
            st.page_link(style.path("images"), label=text("pages.images"), icon=":material/arrow_forward:")
    if status.state == "running":
        progress(choices, status)


def progress(choices: Choices, status: Status) -> None:
    """Show the parts of a run in the order they are done, and a button that stops it."""
    lines = [(text("progress.pictures"), status.stage("pictures"))]
    for backbone in choices.looks:
        suffix = f" · {backbone}" if len(choices.looks) > 1 else ""
        lines.append((text("progress.features") + suffix, status.stage(f"stores:{backbone}")))
        for method in choices.methods:
            lines.append((text(f"methods.{method}") + suffix, status.stage(f"{method}/{backbone}")))
    columns = [status.stage(key) for key in choices.columns]
    done = sum(stage is not None and stage.state == "done" for stage in columns)
    with st.container(border=True, key="progress"):
        st.html(f'<div class="odd-stages">{"".join(_line(name, stage) for name, stage in lines)}</div>')
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            left = [stage.seconds_left for stage in columns if stage is not None and stage.seconds_left is not None]
            shown = text("progress.shown", done=done, n=len(columns))
            st.caption(shown + (text("progress.left", time=duration(max(2.0, sum(left)))) if left else ""))
            st.button(text("progress.cancel"), key="cancel", on_click=following.stop)


def _line(name: str, stage: Stage | None) -> str:
    share = stage.done if stage else 0.0
    note = ""
    if stage and stage.sentence is not None:
        note = f"<small>{escape(say(stage.sentence))}</small>"
    elif stage and stage.state == "running" and stage.stage:
        note = f"<small>{escape(stage_name(stage.stage) + _bytes(stage.numbers))}</small>"
    bar = f'<div><div class="odd-bar"><i style="width:{100 * share:.0f}%"></i></div>{note}</div>'
    return f'<div>{escape(name)}</div>{bar}<div class="odd-right">{escape(_right(stage))}</div>'


def _bytes(numbers: dict[str, float]) -> str:
    """Return how much of a download is there."""
    if not numbers.get("total"):
        return ""
    return " " + text("progress.bytes", done=amount(numbers["bytes"]), total=amount(numbers["total"]))


def _right(stage: Stage | None) -> str:
    if stage is None:
        return text("grid.waiting")
    if stage.state == "running":
        return text("grid.left", s=max(1, round(stage.seconds_left))) if stage.seconds_left is not None else ""
    words = {"done": "progress.done", "failed": "grid.stopped", "cancelled": "grid.stopped", "waiting": "grid.waiting"}
    return text(words[stage.state])
