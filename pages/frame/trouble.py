"""What keeps the work from going on, said on every page for as long as that is so."""

from __future__ import annotations

from html import escape

import streamlit as st

from detectors.errors import Sentence
from pages.frame import backend
from pages.frame.refresh import poll
from pages.frame.state import current
from pages.frame.words import say


def trouble(awaited: bool) -> None:
    """Say at the lower edge why no work is done at present; look again while that is so, or something is awaited."""

    def troubled() -> Sentence | None:
        return backend.current().look(current())[0].trouble

    def part() -> None:
        said = troubled()
        if said is not None:
            st.html(f'<div class="odd-trouble" role="status">{escape(say(said))}</div>')

    poll(part, lambda: "trouble" if troubled() else awaited)
