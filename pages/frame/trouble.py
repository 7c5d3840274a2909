"""What keeps the work from going on, or is not what was chosen, said on every page for as long as that is so."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from detectors.errors import Sentence
from pages.frame import backend, following, style
from pages.frame.refresh import poll
from pages.frame.state import current
from pages.frame.status import Status
from pages.frame.words import say, text


def other_pictures(status: Status, run: Callable[[], None]) -> None:
    """Say above a page that its figures are of other pictures than the chosen ones, and offer to measure these."""
    if not status.other:
        return
    with st.container(key="other_pictures", horizontal=True, vertical_alignment="center"):
        if status.state == "running" or following.awaited():
            style.note(text("frame.other_running"))
        else:
            style.note(text("frame.other_pictures"))
            st.button(
                text("frame.other_run"), key="run_other", icon=":material/play_arrow:", on_click=run,
                disabled=status.state == "refused",
            )  # fmt: skip


def trouble(awaited: bool) -> None:
    """Say at the lower edge why no work is done at present; look again while that is so, or something is awaited."""

    def troubled() -> Sentence | None:
        return backend.current().look(current())[0].trouble

    def part() -> None:
        said = troubled()
        if said is not None:
            st.html(f'<div class="odd-trouble" role="status">{escape(say(said))}</div>')

    poll(part, lambda: "trouble" if troubled() else awaited, still=True)
