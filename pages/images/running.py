"""A run that was begun from this page: how far it is, a button that stops it, and the way to what it found."""

from __future__ import annotations

import streamlit as st

from pages.frame import backend, session, style
from pages.frame.progress import progress
from pages.frame.refresh import poll
from pages.frame.state import Choices, current
from pages.frame.status import Status
from pages.frame.words import text


def running(choices: Choices, status: Status) -> None:
    """Show how far a run is while it goes on, and that it is done once it was seen here."""

    def part() -> None:
        now, _ = backend.current().look(current())
        if now.state == "running":
            progress(current(), now)

    key = backend.current().run_key
    if status.state == "running":
        session.RUN_SEEN.set(key)
        poll(part, lambda: backend.current().look(current())[0].state == "running")
    elif status.state == "done" and not status.stale and session.RUN_SEEN.get() == key:
        session.RUN_SEEN.set(f"{key} is done")
        st.rerun()  # what was drawn before the page may still call it running
    elif not status.stale and session.RUN_SEEN.get() == f"{key} is done":
        with st.container(key="ran", border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(text("images.ran", n=len(choices.columns)), width="content")
            st.page_link(
                style.path("compare"), label=text("images.ran_next"), icon=":material/arrow_forward:",
                icon_position="right", width="content",
            )  # fmt: skip
