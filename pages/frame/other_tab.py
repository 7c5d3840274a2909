"""What another tab of this browser changed: told by the tab that takes it over, with the way back if there is one."""

from __future__ import annotations

import streamlit as st

from pages.frame import data, session, style, uploads
from pages.frame.words import plain, text


def told() -> None:
    """Say that another tab has changed the pictures, until that is taken back, agreed to or followed by a change."""
    mine = uploads.shelf()
    if uploads.elsewhere():
        session.TAKEN_OVER.set(len(mine.changes))
    if session.TAKEN_OVER.get() != len(mine.changes):
        return
    last = mine.steps[-1] if mine.steps else None
    with st.container(key="other_tab", horizontal=True, vertical_alignment="center"):
        style.note(text("images.elsewhere_changed"), "calm")
        if last is not None and last.tab != uploads.tab():
            st.button(
                text("images.undo_last"), key="other_tab_undo", icon=":material/undo:", on_click=data.undo,
                help=plain(text(f"images.undo.{last.done}", **last.values)),
            )  # fmt: skip
        st.button(text("images.elsewhere_kept"), key="other_tab_keep", type="tertiary", on_click=session.TAKEN_OVER.pop)
