"""How long own pictures are kept and for whom, and a button that removes them at once."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from detectors.datasets.sources import UploadSource
from detectors.images import LIMITS
from pages.frame import backend, data, uploads
from pages.frame.uploads import GRACE_SECONDS
from pages.frame.words import text


def kept(mine: UploadSource | None) -> None:
    """Say what is kept of own pictures, where there are any, with the button."""
    if mine is None:
        return
    with st.container(key="kept", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        key = "no_cookie" if not uploads.shelf().kept else "says" if mine.bytes else "folder"
        said = text(f"images.kept.{key}", **lasting())
        st.html(f'<div class="odd-kept">{escape(said)}</div>')
        st.button(text("images.kept.forget"), key="forget", icon=":material/delete:", on_click=forget)


def lasting() -> dict[str, Any]:
    """Return for how long, as values of a text."""
    return {"hours": f"{LIMITS.keep_hours:g}", "seconds": f"{GRACE_SECONDS:.0f}"}


def forget() -> None:
    """Remove own pictures, and what came of them, from the server: from all tabs of this browser and the workers."""
    backend.forget(uploads.shelf().tabs)
    data.forget()
    st.toast(text("images.kept.forgotten"))
