"""A run of these pictures, seen from this page: how far it is, the way to what it found, or to begin it."""

from __future__ import annotations

import streamlit as st

from pages.frame import backend, following, session, style
from pages.frame.progress import progress
from pages.frame.refresh import poll
from pages.frame.state import Choices, current
from pages.frame.status import Status
from pages.frame.words import duration, text

_UNDER_WAY = "under way"  # whichever it is: one that follows another takes its place when it is done


def running(choices: Choices, status: Status) -> None:
    """Show how far a run is while it goes on, that it is done once it was seen here, or that own pictures wait."""

    def part() -> None:
        now, _ = backend.current().look(current())
        if now.state == "running":
            progress(current(), now)

    key = backend.current().run_key
    if status.state == "running":
        session.RUN_SEEN.set(_UNDER_WAY)
        poll(part, lambda: backend.current().look(current())[0].state == "running")
    elif status.state == "done" and not status.stale and session.RUN_SEEN.get() == _UNDER_WAY:
        session.RUN_SEEN.set(f"{key} is done")
        st.rerun()  # what was drawn before the page may still call it running
    elif choices.data == "own" and status.state == "idle" and status.counts and _unseen(status):
        with st.container(key="unmeasured", border=True, horizontal=True, vertical_alignment="center"):
            cost = "" if status.seconds is None else text("images.unmeasured_time", time=duration(status.seconds))
            st.markdown(f"{text('images.unmeasured')} {cost}", width="stretch")
            st.button(
                text("frame.other_run"), key="run_here", type="primary", icon=":material/play_arrow:",
                on_click=lambda: backend.current().run(current()),
            )  # fmt: skip
    elif not status.stale and session.RUN_SEEN.get() == f"{key} is done":
        with st.container(key="ran", border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(text("images.ran", n=len(choices.columns)), width="content")
            st.page_link(
                style.path("compare"), label=text("images.ran_next"), icon=":material/arrow_forward:",
                icon_position="right", width="content",
            )  # fmt: skip


def _unseen(status: Status) -> bool:
    """Whether what is shown is of other pictures, or nothing is shown, and no run is about to change that."""
    return (status.other or not status.stale) and not following.awaited()
