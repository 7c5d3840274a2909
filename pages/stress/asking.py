"""Which conditions are asked of the run, how far the workers are with them, and the curves that came back."""

from __future__ import annotations

import streamlit as st

from detectors.errors import Refusal
from detectors.queries import stress
from detectors.result import Result
from detectors.stress import CONDITIONS
from pages.frame import backend, session, stressed, style
from pages.frame.backend import Answer
from pages.frame.state import change, current
from pages.frame.words import duration, say, stage_name, text

USUAL = ("brightness", "gradient", "blur", "noise", "rotation", "shift")


def controls(run: str, result: Result) -> None:
    """Choose conditions and put the methods to the test; what was refused or stopped may be asked for again."""
    with st.container(key="stress_controls", horizontal=True, vertical_alignment="bottom"):
        if session.widget("stress_which") is None:  # a default beside a value that a link gives would be warned of
            session.set_widget("stress_which", list(USUAL))
        chosen = st.pills(
            text("stress.which"), list(CONDITIONS), selection_mode="multi", key="stress_which",
            format_func=lambda name: text(f"stress.conditions.{name}"), persist_state="session",
        )  # fmt: skip
        asked = answers(run)
        wanted = [name for name in CONDITIONS if name in chosen and (name not in asked or _failed(asked[name]))]
        said = text("stress.ask", time=duration(max(1.0, len(wanted) * stressed.seconds(result))))
        done = text("stress.asking" if pending(run) else "stress.asked")
        st.button(
            said if wanted else done, key="stress_ask", type="primary", icon=":material/play_arrow:",
            disabled=not wanted, on_click=_begin, args=(run, wanted),
        )  # fmt: skip


def linked(run: str) -> None:
    """Begin the conditions that a link asks for, for themselves or with a remedy."""
    asked = {word.partition("_")[0] for word in current().stress}
    there = answers(run)
    wanted = [name for name in CONDITIONS if name in asked and name not in there]
    if wanted:
        session.set_widget("stress_which", wanted)
        _begin(run, wanted)


def answers(run: str) -> dict[str, Answer]:
    """Return what was asked of a run, by condition."""
    return {name: answer for (of, name), answer in session.STRESSED.get().items() if of == run}


def pending(run: str) -> int:
    """Return how many conditions the workers are still at."""
    return sum(answer.pending for answer in answers(run).values())


def progress(run: str) -> bool:
    """Show how far the workers are, with a button that stops them, and what was refused; return whether they work."""
    asked = answers(run)
    for answer in asked.values():
        if isinstance(answer.now, Refusal):
            style.note(say(answer.now.sentence))
    waiting = {name: answer.stage for name, answer in asked.items() if answer.pending}
    if not waiting:
        return False
    with st.container(border=True, key="stress_progress", horizontal=True, vertical_alignment="center"):
        share = sum(stage.done for stage in waiting.values()) + len(asked) - len(waiting)
        running = [(name, stage) for name, stage in waiting.items() if stage.state == "running"]
        said = text("grid.waiting")
        for name, stage in running[:1]:
            condition, _, remedy = name.partition("+")
            named = text(f"stress.conditions.{condition}"), remedy and text(f"stress.help.{remedy}")
            said = ": ".join(filter(None, (*named, stage_name(stage.stage))))
        st.progress(share / len(asked), text=said)
        st.button(text("progress.cancel"), key="stress_stop", on_click=_stop, args=(run,))
    return True


def _failed(answer: Answer) -> bool:
    return answer.cancelled or isinstance(answer.now, Refusal)


def _begin(run: str, wanted: list[str]) -> None:
    asked = session.STRESSED.get()
    for key in [key for key in asked if key[0] != run]:
        del asked[key]  # of an older run
    for key in [key for key in session.CURVES.get() if key[0] != run]:
        del session.CURVES.get()[key]
    for name in wanted:
        asked[run, name] = backend.current().later(stress.under, name, fitted=True)
    change(stress=tuple(dict.fromkeys((*current().stress, *wanted))))


def _stop(run: str) -> None:
    asked = session.STRESSED.get()
    for name in [name for name, answer in answers(run).items() if answer.pending]:
        del asked[run, name]
