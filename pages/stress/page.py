"""Stress: the same test pictures under other light and other positions, or after other normal pictures."""

import streamlit as st

from detectors.features import closer
from detectors.result import Result
from pages.frame import backend, component, session, stressed, style
from pages.frame.pinned import several
from pages.frame.progress import work
from pages.frame.refresh import live, poll
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import called, speaker, text
from pages.stress import (
    asking,
    charts,
    doubtful,
    normals,
    overview,
    remains,
    remedies,
    strip,
    studies,
    verdicts,
)  # fmt: skip

VIEWS = ("conditions", "dirt", "pictures")


def show(choices: Choices, status: Status, result: Result | None) -> None:
    component.styles("pages/stress/stress.css")
    if result is None or not result.columns or not result.test or status.state == "running":
        style.head("stress", text("stress.begun" if status.state == "running" else "stress.before"))
        work(choices, status)
        style.foot("stress")
        return
    keys = [column.key for column in result.columns]
    titles = {key: called(key, several(keys)) for key in keys}
    focus = next((key for key in keys if key.split("/")[0] == choices.focus), keys[0])
    run = backend.current().run_key
    view = normals.viewed(VIEWS)
    if not session.LINKED.get() and len(result.held_out):
        session.LINKED.set(True)
        asking.linked(run)
        remedies.linked(run)
        normals.linked(run, result)
    if view == "conditions":
        lead = verdicts.lead(stressed.curves(run, choices, result), titles)
    else:
        lead = studies.lead(view, normals.there(run, view, choices, result), titles)
    style.head("stress", lead)
    style.caveats(result)
    if status.stale:
        style.note(text("stress.stale"), "calm")
    if view == "conditions" and any(closer.split(column.backbone)[1] > 1 for column in result.columns):
        style.note(text("stress.tiles"), "calm")
    if not len(result.held_out):
        style.note(text("stress.no_threshold"))
        style.foot("stress")
        return
    word = speaker()
    st.segmented_control(
        text("stress.view"), VIEWS, default=view, required=True, key="stress_view", label_visibility="collapsed",
        format_func=lambda name: word(f"stress.views.{name}"), persist_state="session",
    )  # fmt: skip
    if view == "conditions":
        _conditions(run, choices, result, titles, focus)
    else:
        _normals(view, run, choices, result, titles, focus)
    style.foot("stress", text(f"stress.foots.{view}", n=len(result.test)), result)


def _conditions(run: str, choices: Choices, result: Result, titles: dict[str, str], focus: str) -> None:
    asking.controls(run, result)

    def part() -> None:
        waiting, curves = asking.progress(run), stressed.curves(run, choices, result)
        if curves:
            verdicts.table(curves, titles, focus)
            charts.cards(curves, titles, focus, result)
            strip.show(run, choices, result, list(curves), titles)
            looked = session.LOOKED.get()
            remedies.show(run, choices, result, looked, curves[looked], titles)
        elif not waiting:
            st.html(f'<div class="odd-waiting odd-low">{text("stress.empty")}</div>')

    poll(part, lambda: asking.pending(run))


def _normals(view: str, run: str, choices: Choices, result: Result, titles: dict[str, str], focus: str) -> None:
    normals.controls(run, view, result)

    def part() -> None:
        waiting, found = normals.progress(run, view, titles), normals.there(run, view, choices, result)
        if found:
            if view == "pictures":
                overview.show(found, titles, focus, result)
            studies.cards(view, found, titles)
            if view == "dirt":
                remains.show(found, result, titles, choices.colour)
        elif not waiting:
            st.html(f'<div class="odd-waiting odd-low">{text(f"stress.empties.{view}")}</div>')
        if view == "dirt":
            doubtful.show(run, result)

    poll(part, lambda: normals.pending(run, view))


live(show)
