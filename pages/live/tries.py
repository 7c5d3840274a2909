"""What to try: changes that part the methods, each with what it does to them and the lesson that explains it."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.frame import style
from pages.frame.state import change
from pages.frame.words import text

# What is done to the part, and the lesson of the method that it tells most about.
TRIES = {
    "defect": "patchcore", "turn": "padim", "dim": "mahalanobis", "shadow": "spade", "other": "hard", "few": "cfa",
}  # fmt: skip


def show() -> None:
    """Show the cards; a click opens the lesson."""
    st.subheader(text("live.tries.title"), anchor=False)
    with st.container(key="tries", horizontal=True):
        for name, lesson in TRIES.items():
            with st.container(key=f"try_{name}_card", border=True):
                title, says = escape(text(f"live.tries.{name}.title")), escape(text(f"live.tries.{name}.says"))
                st.html(f"<h4>{title}</h4><p>{says}</p>")
                if st.button(text(f"live.tries.{name}.why"), key=f"try_{name}", type="tertiary"):
                    change(lesson=lesson)
                    st.switch_page(style.path("learn"))
