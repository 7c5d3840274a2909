"""Frames that are to be kept: what was learnt from, and defects by name, as own pictures that all pages work on."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import streamlit as st

from detectors.datasets.layouts import place_all
from detectors.datasets.sources import UploadSource
from detectors.images import label
from pages.frame import backend, data, session, style, uploads
from pages.frame.state import change, current
from pages.frame.words import plain, speaker, text

_MOST_BYTES = 1_000_000
_LONGEST = 40
_START = "data:image/jpeg;base64,"


def others() -> UploadSource | None:
    """Return the own pictures that did not come from this camera."""
    mine, part = uploads.shelf().source, session.CAMERA_PART.get()
    return mine if mine is None or part is None else mine.without(part)


def counts() -> dict[str, int]:
    """Return how many frames were remembered, by the name of their folder."""
    found: dict[str, int] = {}
    for path in session.REMEMBERED.get():
        role, folder, _ = path.split("/")
        if role == "test":
            found[folder] = found.get(folder, 0) + 1
    return found


def remember(said: Any, join: bool) -> bool:
    """Put a frame, and those that were learnt from, among the own pictures; return whether there was room.

    Args:
        said: {"name", "jpeg", "number", "sha256"} as a browser says it.
        join: whether own pictures that came from elsewhere stay beside them; without, an undo brings them back.
    """
    content = frame(said)
    if content is None:
        return False
    kept = session.REMEMBERED.get()
    good = {f"train/good/frame {i:03}.jpg": jpeg for i, jpeg in enumerate(backend.current().taught())}
    files = good | {path: jpeg for path, jpeg in kept.items() if path.startswith("test/") or not good}
    if content not in files.values():
        files[f"test/{folder(str(said.get('name', '')))}/frame {len(kept):03}.jpg"] = content
    mine = uploads.shelf()
    before, rest = mine.source, others() if join else None
    mine.remember("upload", data.edits(), n=1)
    mine.source = None
    if uploads.take(mine, files.items(), "placed") < len(files):
        mine.source = before
        mine.steps.pop()
        return False
    part, mine.source = mine.source, before
    data.set_own(part if rest is None else rest.added(part))
    session.CAMERA_PART.set(part)
    session.REMEMBERED.set(files)
    sha = str(said.get("sha256", ""))
    change(data="own", place=None, picture=sha[:12] if re.fullmatch(r"[0-9a-f]{64}", sha) else None)
    return True


def frame(said: Any) -> bytes | None:
    """Return the JPEG file that a browser sent; None for what is none."""
    written = str(said.get("jpeg", "")) if isinstance(said, dict) else ""
    if not written.startswith(_START) or len(written) > 2 * _MOST_BYTES:
        return None
    try:
        return base64.b64decode(written[len(_START) :], validate=True)
    except binascii.Error:
        return None


def folder(name: str) -> str:
    """Return a folder for a defect of that name, one that reads as the kind of a defect wherever folders are read."""
    tidy = label(" ".join(re.sub(r"[\\/:*?\"<>|.]+", " ", name).split()))[:_LONGEST].strip()
    for folder in (tidy, f"defect {tidy}"):
        if tidy and _is_defect(folder):
            return folder
    return "defect"


def join() -> bool:
    """Ask whether own pictures from elsewhere stay beside the camera's, where there are any; return the answer."""
    if others() is None:
        return False
    tell = speaker()
    options = ("replace", "join")
    chosen = st.segmented_control(
        text("live.join.which"), options, default="replace", required=True, key="camera_join",
        format_func=lambda name: tell(f"live.join.{name}"), persist_state="session", help=text("live.join.help"),
    )  # fmt: skip
    return chosen == "join"


def show() -> None:
    """Say what was remembered, and offer to compare all methods on it."""
    found = [text("live.remembered_one", name=plain(name), n=n) for name, n in counts().items()]
    if not found:
        return
    with st.container(key="remembered", border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(text("live.remembered", what=", ".join(found)), width="stretch")
        if st.button(text("live.compare"), key="camera_compare", icon=":material/play_arrow:"):
            change(data="own", picture=None, place=None)
            backend.current().run(current())
            st.switch_page(style.path("compare"))


def _is_defect(folder: str) -> bool:
    """Whether files of such a folder are taken for defects of a kind, beside good ones to learn from."""
    places, _ = place_all(["train/good/a.jpg", f"test/{folder}/b.jpg"])
    return places[1].role == "test" and places[1].defective is True
