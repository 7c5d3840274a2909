"""What came of an upload that a reload or a closed tab cut off: gone on with, used as far as it came, or removed."""

from __future__ import annotations

import secrets
import time
from html import escape

import streamlit as st

from detectors.images.limits import MB
from pages.frame import data, session, uploads
from pages.frame.refresh import poll
from pages.frame.words import text

_QUIET_SECONDS = 5.0  # for which nothing comes until an upload counts as cut off: a page that sends tells its own state
_LOOK_SECONDS = 2.0  # between two looks; what a page that has just come back has sent is taken meanwhile


def unfinished() -> None:
    """Say what is here of files that no page sends any more, and offer what can be done with it."""
    poll(_show, lambda: bool(uploads.shelf().tray.files), _LOOK_SECONDS)


def _show() -> None:
    tray, now = uploads.shelf().tray, time.monotonic()
    if not tray.files or tray.quiet < _QUIET_SECONDS:
        session.CUT_OFF.set(None)
        return
    since = session.CUT_OFF.get()
    if since is None:
        session.CUT_OFF.set(now)
    if since is None or now - since < _LOOK_SECONDS / 2:
        return
    files = list(tray.files.values())
    whole, part = sum(file.whole for file in files), sum(file.at < file.size for file in files)
    done, total = (sum(sizes) / MB for sizes in ((f.at for f in files), (f.size for f in files)))
    said = text("images.unfinished.says", n=whole, part=part, done=f"{done:.1f}", total=f"{total:.1f}")
    with st.container(key="unfinished", border=True, horizontal=True, vertical_alignment="center"):
        st.html(
            f'<div class="odd-received"><b>{escape(text("images.unfinished.title"))}</b><p>{escape(said)}</p></div>'
        )
        with st.container(horizontal=True, gap="small", width="content"):
            if whole:
                st.button(text("images.unfinished.use", n=whole), key="unfinished_use", on_click=_use)
            st.button(text("images.unfinished.drop"), key="unfinished_drop", on_click=tray.drop)


def _use() -> None:
    """Put what is whole on the shelf, each for what it was sent, of a ZIP its first files; let go of the rest."""
    tray = uploads.shelf().tray
    for role in uploads.ROLES:
        named = [name for name, file in tray.files.items() if file.role == role]
        if files := tray.take(f"cut off {secrets.token_hex(8)}", named, cut_off=True):
            data.add(list(files), role)
    tray.drop()
