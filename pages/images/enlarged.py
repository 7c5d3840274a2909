"""One picture large, beside it the same with its mask's border."""

from __future__ import annotations

import streamlit as st

from detectors.queries.overview import Large, Thumbnail, large
from pages.frame import backend, corrections, data, session
from pages.frame.refresh import poll
from pages.frame.state import Choices
from pages.frame.words import plain, text

_WIDE = 1.8  # width over height, from which the two stand below each other
_TALLEST = 620  # pixels of the window


def ask(*chosen: tuple[str, Thumbnail]) -> None:
    """Remember which picture is wanted large, with its name in the set; the first one."""
    for picture in chosen[:1]:
        session.ENLARGED.set(picture)


def enlarged(choices: Choices) -> None:
    """Show the picture that was asked for in a dialog."""
    wanted, source = session.ENLARGED.pop(), data.source(choices)
    if wanted is None or source is None:
        return
    name, picture = wanted
    shape = picture.original_size[1] / picture.original_size[0]
    width = "stretch" if shape >= 1 else round(_TALLEST * shape)
    answer = backend.current().later(large, source, picture.sha256)

    def part() -> None:
        found = answer.now
        if not isinstance(found, Large):
            st.caption(text("images.decoding"))
            return
        if found.marked is None:
            st.image(found.webp, width=width)
            st.caption(text("images.no_mask"))
            return
        left, right = (st.container(), st.container()) if shape >= _WIDE else st.columns(2)
        left.image(found.webp, width=width)
        right.image(found.marked, width=width)
        right.caption(text("images.mask_share", share=f"{100 * found.share:.2g}"))

    def shown() -> None:
        poll(part, lambda: answer.pending, page=False)
        if not name.startswith("made:"):
            corrections.buttons(choices, {name: (picture.sha256, picture.defective)}, "large")

    st.dialog(plain(picture.name), width="large")(shown)()
