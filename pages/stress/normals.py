"""Which other normal pictures the methods are fitted on again, how far the workers are, and what came back."""

from __future__ import annotations

from typing import Any

import streamlit as st

from detectors.errors import Refusal
from detectors.queries import stress
from detectors.result import Result
from detectors.stress import Study, plans
from pages.frame import backend, session, stressed, style
from pages.frame.backend import Answer
from pages.frame.state import Choices, change, current
from pages.frame.words import duration, say, speaker, stage_name, text

WAYS = {"dirt": ("both", "learnt"), "pictures": ("held_out", "left_out")}
_PACE = ("pace", "", False, "")


def linked(run: str, result: Result) -> None:
    """Begin what a link asks for."""
    keys = [column.key for column in result.columns if len(column.held_out)]
    for word in current().stress:
        view, _, rest = word.partition("_")
        way, cleaned = rest.removesuffix("_clean"), rest.endswith("_clean")
        if way in WAYS.get(view, ()):
            session.set_widget(f"stress_way_{view}", way)
            if cleaned:
                session.set_widget("stress_clean", True)
            _begin(run, [(view, way, cleaned, key) for key in keys], result)


def viewed(views: tuple[str, ...]) -> str:
    """Return the part of the page that is looked at; at first one that the address asks for."""
    asked = [word.partition("_")[0] for word in current().stress]
    first = next((view for view in views[1:] if view in asked), views[0])
    return session.widget("stress_view") or (first if len(asked) == asked.count(first) else views[0])


def controls(run: str, view: str, result: Result) -> None:
    """Choose how other normal pictures come about, and fit the methods again."""
    word = speaker()
    with st.container(key="stress_controls", horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            text(f"stress.way.{view}"), WAYS[view], default=WAYS[view][0], required=True, key=f"stress_way_{view}",
            format_func=lambda way: word(f"stress.ways.{way}"), persist_state="session",
        )  # fmt: skip
        if view == "dirt":
            st.toggle(text("stress.clean"), key="stress_clean", help=text("stress.clean_help"), persist_state="session")
        wanted = [each for each in _chosen(view, result) if _begins(run, each)]
        st.button(
            _offered([_seconds(run, each, result) for each in wanted], any(a.pending for a in _asked(run).values())),
            key=f"stress_ask_{view}", type="primary", icon=":material/play_arrow:", disabled=not wanted,
            on_click=_begin, args=(run, wanted, result),
        )  # fmt: skip


def there(run: str, view: str, choices: Choices, result: Result) -> tuple[Study, ...]:
    """Return the studies that are there of the way chosen."""
    return tuple(s for s in stressed.studies(run, choices, result) if s.about == view and s.way == _way(view))


def pending(run: str, view: str) -> int:
    """Return how many fits of a kind the workers are still to bring."""
    return sum(answer.pending for key, answer in _asked(run).items() if key[0] in (view, "pace", "doubtful"))


def progress(run: str, view: str, titles: dict[str, str]) -> bool:
    """Show how far the workers are, with a button that stops them, and what was refused; return whether they work."""
    asked = {key: answer for key, answer in _asked(run).items() if key[0] == view}
    for said in dict.fromkeys(say(a.now.sentence) for a in asked.values() if isinstance(a.now, Refusal)):
        style.note(said)
    waiting = {key: answer.stage for key, answer in asked.items() if answer.pending}
    if not waiting:
        return False
    with st.container(border=True, key="stress_progress", horizontal=True, vertical_alignment="center"):
        share = sum(stage.done for stage in waiting.values()) + len(asked) - len(waiting)
        said = text("grid.waiting")
        for key, stage in [each for each in waiting.items() if each[1].state == "running"][:1]:
            said = ": ".join(filter(None, (titles.get(key[3], key[3]), stage_name(stage.stage))))
        st.progress(share / len(asked), text=said)
        st.button(text("progress.cancel"), key=f"stress_stop_{view}", on_click=_stop, args=(run, view))
    return True


def question(run: str, name: str, query: Any) -> Answer:
    """Return the answer to a question about the run as a whole, asked once."""
    kept, key = session.STUDIED.get(), (run, name, "", False, "")
    if key not in kept or kept[key].cancelled:
        kept[key] = backend.current().later(query, fitted=True)
    return kept[key]


def _asked(run: str) -> dict[tuple[str, str, bool, str], Answer]:
    return {key[1:]: answer for key, answer in session.STUDIED.get().items() if key[0] == run}


def _way(view: str) -> str:
    return session.widget(f"stress_way_{view}") or WAYS[view][0]


def _chosen(view: str, result: Result) -> list[tuple[str, str, bool, str]]:
    """Return what the controls ask for, of every column that has a threshold."""
    cleaned = (False, True) if view == "dirt" and session.widget("stress_clean") else (False,)
    keys = [column.key for column in result.columns if len(column.held_out)]
    return [(view, _way(view), clean, key) for clean in cleaned for key in keys]


def _begins(run: str, wanted: tuple[str, str, bool, str]) -> bool:
    answer = session.STUDIED.get().get((run, *wanted))
    return answer is None or answer.cancelled or isinstance(answer.now, Refusal)


def _offered(took: list[float | None], busy: bool) -> str:
    """Return what the button says: how long all studies take, once that has been measured."""
    if not took:
        return text("stress.asking" if busy else "stress.asked")
    known = [seconds for seconds in took if seconds is not None]
    if len(known) < len(took):
        return text("stress.ask_timing")
    return text("stress.ask", time=duration(max(1.0, sum(known))))


def _seconds(run: str, wanted: tuple[str, str, bool, str], result: Result) -> float | None:
    """Return about how long a study takes, from what a few scores took in the worker; None while that is measured."""
    view, way, _, key = wanted
    answer = question(run, "pace", stress.pace)
    if answer.pending:
        return None
    measured = answer.now
    if isinstance(measured, Refusal) or measured is None or key not in measured:
        return 0.0
    learnt, held = len(result.learnt), len(result.held_out)
    if view == "dirt":
        try:
            return plans.dirt_seconds(measured[key], result.labels, learnt, held)
        except Refusal:
            return 0.0
    share = result.experiment.get("held_out", 0.25)
    return plans.number_seconds(measured[key], learnt + held, len(result.test), share, way == "left_out")


def _begin(run: str, wanted: list[tuple[str, str, bool, str]], result: Result) -> None:
    asked = session.STUDIED.get()
    for key in [key for key in asked if key[0] != run]:
        del asked[key]  # of an older run
    for each in sorted(wanted, key=lambda each: _seconds(run, each, result) or 0.0):  # what is quick comes first
        view, way, cleaned, column = each
        query, options = (stress.dirtied, (way, cleaned)) if view == "dirt" else (stress.fewer, (way,))
        asked[run, *each] = backend.current().later(query, column, *options, fitted=True)
    words = dict.fromkeys((*current().stress, *(_word(each) for each in wanted)))
    change(stress=tuple(words))


def _word(wanted: tuple[str, str, bool, str]) -> str:
    """Return how the address writes a way: "dirt_both", "dirt_learnt_clean", "pictures_left_out"."""
    view, way, cleaned, _ = wanted
    return f"{view}_{way}{'_clean' if cleaned else ''}"


def _stop(run: str, view: str) -> None:
    asked = session.STUDIED.get()
    for key in [key for key, answer in asked.items() if key[:2] == (run, view) and answer.pending]:
        del asked[key]
