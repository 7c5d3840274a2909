"""Parts of a page that follow the work: drawn again while something runs, and only then."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from detectors.result import Result
from pages.frame import backend
from pages.frame.state import Choices, current, mirror
from pages.frame.status import Status

_SECONDS = 1.0
_MOMENT = 0.7


def live(draw: Callable[[Choices, Status, Result | None], None]) -> None:
    """Draw with the choices, the state of the work and the result so far."""
    running = backend.current().look(current())[0].state == "running"

    @st.fragment(run_every=_SECONDS if running else None)
    def part() -> None:
        choices = current()
        status, result = backend.current().look(choices)
        mirror()
        draw(choices, status, result)
        if running and status.state != "running":
            st.rerun()

    part()


def follow(waiting: bool) -> None:
    """Look again every moment while something is awaited, and draw the whole page once it has changed."""
    before = _progress()

    @st.fragment(run_every=_MOMENT if waiting else None)
    def watch() -> None:
        if waiting and _progress() != before:
            st.rerun()

    watch()


def _progress() -> Hashable:
    status, result = backend.current().look(current())
    return status.state, status.counts, backend.current().arrived(), len(result.columns) if result else None
