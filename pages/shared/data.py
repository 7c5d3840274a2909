"""Which pictures a session looks at: a built-in product or its own uploads, and the edits it made to either."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from detectors.sources import DemoSource, EditedSource, Source, UploadSource
from pages.shared.choices import Choices


def base(choices: Choices) -> DemoSource | UploadSource | None:
    """Return the pictures as they came; None when own ones were chosen and none are there yet."""
    return st.session_state.get("own") if choices.data == "own" else DemoSource(choices.product)


def source(choices: Choices) -> Source | None:
    """Return the pictures with this session's edits."""
    plain = base(choices)
    return None if plain is None else edits().get(plain.key, plain)


def set_own(uploads: UploadSource | None) -> None:
    """Replace this session's own pictures."""
    st.session_state["own"] = uploads


def edit(choices: Choices, **changes: Any) -> None:
    """Change the edits of the chosen pictures: removed, labels, defects, seed."""
    plain = base(choices)
    if plain is not None:
        edits()[plain.key] = replace(edits().get(plain.key, EditedSource(plain)), **changes)


def edits() -> dict[str, EditedSource]:
    """Return this session's edits by the key of what they edit."""
    return st.session_state.setdefault("edits", {})
