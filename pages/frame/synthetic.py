"""The offer of synthetic defects where no test picture is defective, the same on every page that makes it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.frame import data
from pages.frame.state import Choices
from pages.frame.words import text

DEFECTS = 12


def offer(choices: Choices, then: Callable[[], None] = lambda: None) -> None:
    """Offer to paste defects into copies of good pictures; `then` follows at once."""

    def add() -> None:
        data.undoable("synthetic_on", lambda: data.edit(choices, defects=DEFECTS, seed=choices.seed))
        then()

    with st.container(key="synthetic", border=True):
        st.markdown(f"**{text('images.no_defects_title')}**  \n{text('images.no_defects')}")
        st.button(text("images.synthetic_on", n=DEFECTS), key="synthetic_on", on_click=add)
