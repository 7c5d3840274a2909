"""A mask drawn by hand on one picture, which is then defective, with the defect's name."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import streamlit as st

from detectors.datasets.corrections import DEFECTIVE
from detectors.datasets.layouts import kind_of
from detectors.datasets.sources import EditedSource
from detectors.images.formats import picture_format
from detectors.queries.overview import Large, large
from pages.frame import backend, corrections, data, session, uploads
from pages.frame.component import Component, address
from pages.frame.refresh import poll
from pages.frame.state import Choices
from pages.frame.words import plain, text

MASK = Component("mask", "pages/images/mask.html", ("pages/images/mask.css",), ("pages/images/mask.js",))
_MOST_BYTES = 1_000_000  # of a drawn mask as PNG
_WORDS = (
    "brush", "eraser", "polygon", "size", "undo", "clear", "kind", "save", "hint", "alt", "down", "up",
)  # fmt: skip


def ask(sha256: str, name: str, kind: str | None, known: tuple[str, ...]) -> None:
    """Remember which picture a mask is to be drawn on: its name, its defect's, and the names of other defects."""
    session.DRAWN_ON.set((sha256, name, kind or "", known))


def drawing(choices: Choices) -> None:
    """Show the picture that was asked for in a dialog, to be drawn on."""
    wanted, source = session.DRAWN_ON.pop(), data.source(choices)
    if wanted is None or source is None:
        return
    sha, name, kind, known = wanted
    answer = backend.current().later(large, source, sha)

    def drawn() -> None:
        said = session.widget("mask_drawing")["drawn"] or {}
        edit, png = data.edited(choices), _png(said)
        if edit is not None and png is not None and said.get("of") == sha:
            word = str(said.get("kind", ""))[:60].strip()
            seen = kind in ("", "good") and sha in uploads.shelf().scored
            corrections.follow(choices, "mask", with_mask(edit, sha, png, word, seen), 1, name=name)

    def part() -> None:
        found = answer.now
        if not isinstance(found, Large):
            st.caption(text("images.decoding"))
            return
        heard = MASK(
            key="mask_drawing",
            data={
                "of": sha,
                "picture": address(found.webp),
                "mask": address(found.mask, "PNG") if found.mask else "",
                "kind": kind if kind not in ("good", "defective") else "",
                "known": known,
                "words": {word: text(f"images.mask.{word}") for word in _WORDS},
            },
            on_drawn_change=drawn,
        )
        if heard.drawn:
            st.rerun()  # beyond the dialog, which it closes: a run may follow

    def shown() -> None:
        poll(part, lambda: answer.pending, page=False)

    st.dialog(plain(name), width="large")(shown)()


def with_mask(edit: EditedSource, sha256: str, png: str, word: str, seen: bool = False) -> dict[str, Any]:
    """Return which fields of an edit change when a mask is drawn on a picture: it is tested, and defective.

    Where its scores were `seen` before anybody called it defective, that is a correction.
    """
    masks = {sha: mask for sha, mask in edit.masks if sha != sha256} | {sha256: png}
    if seen or sha256 in dict(edit.corrected):
        said = {sha256: f"{DEFECTIVE}: {word}" if word and kind_of(word) != "good" else DEFECTIVE}
        after = dict(edit.corrected) | said
        return {"masks": tuple(sorted(masks.items())), "corrected": tuple(sorted(after.items()))}
    labels = {sha: label for sha, label in edit.labels if sha != sha256}
    before = dict(edit.labels).get(sha256)
    named = word if word and kind_of(word) != "good" else ""
    labels[sha256] = named or before or True
    moved = tuple((sha, role) for sha, role in edit.moved if sha != sha256)
    return {"masks": tuple(sorted(masks.items())), "labels": tuple(sorted(labels.items())), "moved": moved}


def _png(said: dict[str, object]) -> str | None:
    """Return the mask that a browser sent, in base64; None for what is none."""
    written = str(said.get("png", ""))
    try:
        content = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return None
    return written if len(content) <= _MOST_BYTES and picture_format(content) == "PNG" else None
