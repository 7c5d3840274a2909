"""Stress: the same detectors and thresholds under other light, other cameras and other positions."""

import streamlit as st

from detectors.result import Result
from pages.frame import backend, component, style
from pages.frame.pinned import several
from pages.frame.progress import work
from pages.frame.refresh import live, poll
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import called, text
from pages.stress import asking, charts, strip, verdicts


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
    style.head("stress", verdicts.lead(asking.curves(run, choices, result), titles))
    style.caveats(result)
    if status.stale:
        style.note(text("stress.stale"), "calm")
    if not len(result.held_out):
        style.note(text("stress.no_threshold"))
        style.foot("stress")
        return
    asking.controls(run, result)

    def part() -> None:
        waiting, curves = asking.progress(run), asking.curves(run, choices, result)
        if curves:
            verdicts.table(curves, titles, focus)
            charts.cards(curves, titles, focus)
            strip.show(run, choices, result, list(curves), titles)
        elif not waiting:
            st.html(f'<div class="odd-waiting odd-low">{text("stress.empty")}</div>')

    poll(part, lambda: asking.pending(run))
    style.foot("stress", text("stress.foot", n=len(result.test)), result)


live(show)
