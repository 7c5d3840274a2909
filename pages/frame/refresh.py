"""The one poller: parts of a page that are drawn again while something is awaited, and only then."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import streamlit as st

from detectors.result import Result
from pages.frame import backend
from pages.frame.state import Choices, current, mirror
from pages.frame.status import Status

SECONDS = 0.7
_PAGE_SECONDS = 1.0  # where all of a page is drawn each time
_BEFORE_SECONDS = 0.4  # while there are not even pictures to be drawn


def poll(
    draw: Callable[[], None],
    awaited: Callable[[], Hashable],
    seconds: float = SECONDS,
    page: bool = True,
    still: bool = False,
) -> None:
    """Draw a part now and, while something is awaited, again every so often.

    Args:
        draw: draws the part, which a click in it draws again too.
        awaited: says what is awaited, something false where nothing is.
        seconds: between two looks.
        page: whether the whole page is drawn anew once something else is awaited, or nothing any more.
        still: whether nothing in it can be clicked: while nothing is awaited, it is drawn with the rest of the page.
    """
    before = awaited()
    if still and not before:
        with st.container():
            draw()
        return

    @st.fragment(run_every=seconds if before else None)
    def part() -> None:
        draw()
        if page and awaited() != before:
            st.rerun()

    with st.container():  # holds the place: what a fragment sent last may be dropped while it begins again
        part()


def live(draw: Callable[[Choices, Status, Result | None], None]) -> None:
    """Draw with the choices, the state of the work and the result so far."""

    def part() -> None:
        choices = current()
        status, result = backend.current().look(choices)
        mirror()
        draw(choices, status, result)

    def awaited() -> str:
        status, result = backend.current().look(current())
        return "" if status.state != "running" else "pictures" if result is None else "columns"

    poll(part, awaited, _BEFORE_SECONDS if awaited() == "pictures" else _PAGE_SECONDS)


def follow(waiting: bool) -> None:
    """Look again every moment while something is awaited, and draw the whole page once it has changed."""
    poll(lambda: None, lambda: waiting and _progress(), still=True)


def _progress() -> Hashable:
    workers = backend.current()
    status, result = workers.look(current())
    return status.state, status.counts, workers.arrived(), len(result.columns) if result else None
