"""A part of a page that follows the work: drawn again each second while something runs, and only then."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from detectors.result import Result
from pages.frame import backend
from pages.frame.state import Choices, current, mirror
from pages.frame.status import Status

_SECONDS = 1.0


def live(draw: Callable[[Choices, Status, Result | None], None]) -> None:
    """Draw with the choices, the state of the work and the result so far."""
    running = backend.look(current())[0].state == "running"

    @st.fragment(run_every=_SECONDS if running else None)
    def part() -> None:
        choices = current()
        status, result = backend.look(choices)
        mirror()
        draw(choices, status, result)
        if running and status.state != "running":
            st.rerun()

    part()
