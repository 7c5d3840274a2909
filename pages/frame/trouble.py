"""What keeps the work from going on, said on every page for as long as that is so."""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.frame import backend
from pages.frame.state import current
from pages.frame.status import Status
from pages.frame.words import say

_SECONDS = 1.0


def trouble(status: Status, awaited: bool) -> None:
    """Say at the lower edge why no work is done at present; look again while something is awaited.

    The whole page is drawn anew once the work can go on.
    """
    troubled = status.trouble is not None

    @st.fragment(run_every=_SECONDS if troubled or awaited else None)
    def part() -> None:
        said = backend.current().look(current())[0].trouble
        if said is not None:
            st.html(f'<div class="odd-trouble" role="status">{escape(say(said))}</div>')
        elif troubled:
            st.rerun()

    part()
