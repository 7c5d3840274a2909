"""Where the backbones' weights are, said before a run; asked of a worker once a minute and never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from detectors.features.weights import BACKBONES, BUNDLED, WeightsState
from pages.frame.state import Choices, change
from pages.frame.words import amount, plain, say, text

RANDOM = "random"
_SECONDS = 60.0


class Known:
    """What was said last of each backbone.

    Args:
        ask: starts asking about a backbone in a given minute and returns a future of states, its own among them.
        clock: seconds.
    """

    def __init__(self, ask: Callable[[str, int], Any], clock: Callable[[], float] = time.time) -> None:
        self._ask, self._clock = ask, clock
        self._asked: dict[str, tuple[int, Any]] = {}
        self._said: dict[str, WeightsState] = {}

    def state(self, name: str) -> WeightsState | None:
        """Return what was said last, None before; asks again when that is a minute old."""
        if name == BUNDLED:
            return WeightsState(name, "bundled")
        minute = int(self._clock() // _SECONDS)
        asked, future = self._asked.get(name, (None, None))
        if future is not None and future.status == "finished":
            self._said |= {state.name: state for state in future.result()}
        if future is None or (asked != minute and future.status != "pending"):
            self._asked[name] = minute, self._ask(name, minute)
        return self._said.get(name)


def missing(states: Iterable[WeightsState | None]) -> WeightsState | None:
    """Return the first backbone whose weights are not to be had."""
    return next((state for state in states if state is not None and state.state == "missing"), None)


def say_states(states: dict[str, WeightsState | None], choices: Choices, run: Callable[[], None]) -> None:
    """Say of each chosen backbone where its weights are; offer the bundled one where they are missing."""
    for name, state in states.items():
        named = f"{plain(name)}: " if len(states) > 1 else ""
        st.caption(named + line(state))
    way_on(states, choices, run, "sidebar")


def line(state: WeightsState | None) -> str:
    """Return where a backbone's weights are, in a line of Markdown."""
    if state is None:
        return text("frame.weights.asking")
    if state.state == "download" and state.bytes:
        return text("frame.weights.download", size=amount(state.bytes))
    if state.state == "missing" and state.reason is not None:
        return f":orange[{plain(say(state.reason))}]"
    if state.state == RANDOM:
        return f":orange[{text('frame.weights.random')}]"
    return text({"download": "frame.weights.download_unknown"}.get(state.state, f"frame.weights.{state.state}"))


def way_on(
    states: dict[str, WeightsState | None], choices: Choices, run: Callable[[], None], place: str = "page"
) -> None:
    """Where weights are missing, offer the same run on the backbone that needs none."""
    if missing(states.values()) is None:
        return
    others = tuple(name for name in choices.backbones if name != BUNDLED and missing([states[name]]) is None)

    def instead() -> None:
        change(backbones=(BUNDLED, *others))
        run()

    st.button(text("frame.weights.use_bundled"), key=f"use_bundled_{place}", on_click=instead)


def overview(states: Callable[[Iterable[str]], dict[str, WeightsState | None]]) -> None:
    """List all backbones with where their weights are, as soon as that is known."""
    names = [backbone.name for backbone in BACKBONES]
    unknown = None in states(names).values()

    @st.fragment(run_every=1.0 if unknown else None)
    def part() -> None:
        said = states(names)
        rows = "".join(f"| {plain(name)} | {_short(state)} |\n" for name, state in said.items())
        st.markdown(f"| {text('frame.backbone')} | {text('frame.weights.where')} |\n|:--|:--|\n{rows}")
        absent = missing(said.values())
        if absent is not None:
            st.markdown(line(absent))

    part()


def _short(state: WeightsState | None) -> str:
    if state is not None and state.state == "missing":
        said = f":orange[{text('frame.weights.missing')}]"
    else:
        said = line(state)
    terms = text("frame.weights.licence", licence=state.licence) if state is not None and state.licence else ""
    return ", ".join(part for part in (said, terms) if part)
