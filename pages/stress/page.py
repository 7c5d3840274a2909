"""Stress: the same detectors and thresholds under other light, other cameras and other positions."""

import streamlit as st

from detectors.errors import Refusal
from detectors.queries import stress
from detectors.result import Result
from detectors.stress import CONDITIONS, Curve
from pages.frame import backend, component, panes, session, style
from pages.frame.progress import work
from pages.frame.refresh import live, poll
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import called, duration, say, stage_name, text
from pages.stress import charts, strip, verdicts

USUAL = ("brightness", "gradient", "blur", "noise", "rotation", "shift")


def show(choices: Choices, status: Status, result: Result | None) -> None:
    component.styles("pages/stress/stress.css")
    if result is None or not result.columns or not result.test or status.state == "running":
        style.head("stress", text("stress.begun" if status.state == "running" else "stress.before"))
        work(choices, status)
        style.foot("stress")
        return
    keys = [column.key for column in result.columns]
    several = len({column.backbone for column in result.columns}) > 1
    titles = {key: called(key, several) for key in keys}
    focus = next((key for key in keys if key.split("/")[0] == choices.focus), keys[0])
    run = backend.current().run_key
    style.head("stress", verdicts.lead(_curves(run, choices, result), titles))
    style.caveats(result)
    if status.stale:
        style.note(text("stress.stale"), "calm")
    if not len(result.held_out):
        style.note(text("stress.no_threshold"))
        style.foot("stress")
        return
    _controls(run, result)
    poll(lambda: _found(run, choices, result, titles, focus), lambda: _pending(run))
    style.foot("stress", text("stress.foot", n=len(result.test)), result)


def _controls(run: str, result: Result) -> None:
    """Choose conditions and put the methods to the test."""
    with st.container(key="stress_controls", horizontal=True, vertical_alignment="bottom"):
        chosen = st.pills(
            text("stress.which"), list(CONDITIONS), selection_mode="multi", default=USUAL, key="stress_which",
            format_func=lambda name: text(f"stress.conditions.{name}"), persist_state="session",
        )  # fmt: skip
        wanted = [name for name in CONDITIONS if name in chosen and (run, name) not in session.STRESSED.get()]
        st.button(
            text("stress.ask", time=duration(max(1.0, len(wanted) * seconds(result)))) if wanted
            else text("stress.asked"),
            key="stress_ask", type="primary", icon=":material/play_arrow:", disabled=not wanted,
            on_click=_begin, args=(run, wanted),
        )  # fmt: skip


def seconds(result: Result) -> float:
    """Return about how long one condition takes, from what this run took: all strengths but 0, each a pass."""
    passes = {column.backbone: column.cost.backbone_milliseconds for column in result.columns}
    own = sum(column.cost.milliseconds_per_picture for column in result.columns)
    strengths = len(next(iter(CONDITIONS.values())).strengths) - 1
    return strengths * len(result.test) * (sum(passes.values()) + own) / 1e3


def _begin(run: str, wanted: list[str]) -> None:
    asked = session.STRESSED.get()
    for key in [key for key in asked if key[0] != run]:
        del asked[key]  # of an older run
    for name in wanted:
        asked[run, name] = backend.current().later(stress.under, name, fitted=True)


def _stop(run: str) -> None:
    asked = session.STRESSED.get()
    for key in [key for key, answer in asked.items() if key[0] == run and answer.pending]:
        del asked[key]


def _pending(run: str) -> int:
    return sum(answer.pending for (of, _), answer in session.STRESSED.get().items() if of == run)


def _curves(run: str, choices: Choices, result: Result) -> dict[str, tuple[Curve, ...]]:
    """Return the curves that are there, by condition, at the thresholds as they are now."""
    found = {}
    for (of, name), answer in session.STRESSED.get().items():
        if of == run and isinstance(answer.now, tuple):
            found[name] = verdicts.at_thresholds(f"{run} {name}", answer.now, choices.threshold, result)
    return {name: found[name] for name in CONDITIONS if name in found}


def _found(run: str, choices: Choices, result: Result, titles: dict[str, str], focus: str) -> None:
    """Show how far the work is, the verdicts, the charts and the strip."""
    asked = {name: answer for (of, name), answer in session.STRESSED.get().items() if of == run}
    for answer in asked.values():
        if isinstance(answer.now, Refusal):
            style.note(say(answer.now.sentence))
    waiting = {name: answer.stage for name, answer in asked.items() if answer.pending}
    if waiting:
        with st.container(border=True, key="stress_progress", horizontal=True, vertical_alignment="center"):
            share = sum(stage.done for stage in waiting.values()) + len(asked) - len(waiting)
            running = [
                f"{text(f'stress.conditions.{name}')}: {stage_name(stage.stage) if stage.stage else ''}"
                for name, stage in waiting.items()
                if stage.state == "running"
            ]
            st.progress(share / len(asked), text=running[0].rstrip(": ") if running else text("grid.waiting"))
            st.button(text("progress.cancel"), key="stress_stop", on_click=_stop, args=(run,))
    curves = _curves(run, choices, result)
    if not curves:
        if not waiting:
            st.html(f'<div class="odd-waiting odd-low">{text("stress.empty")}</div>')
        return
    verdicts.table(curves, titles, focus)
    charts.cards(curves, titles, focus)
    strip.show(run, choices, result, curves, titles, panes.name)


live(show)
