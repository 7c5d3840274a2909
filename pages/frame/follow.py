"""Draws a page again when the work behind it has got further; between times the page lies still."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from pages.frame import backend
from pages.frame.state import current

_SECONDS = 0.7


def follow(waiting: bool) -> None:
    """Look again every moment while something is awaited, and draw the whole page once it has changed."""
    before = _standing()

    @st.fragment(run_every=_SECONDS if waiting else None)
    def watch() -> None:
        if waiting and _standing() != before:
            st.rerun()

    watch()


def _standing() -> Hashable:
    status, result = backend.look(current())
    return status.state, status.counts, backend.arrived(), len(result.columns) if result else None
