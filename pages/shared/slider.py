"""Two pictures of the same place under one handle: before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.shared.lesson_parts import uri

_FOLDER = Path(__file__).parents[2] / "assets" / "components" / "before_after"


def before_after(
    before: NDArray[np.uint8], after: NDArray[np.uint8], words: tuple[str, str], label: str, key: str
) -> None:
    """Show two (H, W, 3) pictures under a handle that a pointer or the arrow keys move; `words` name the two."""
    data = {"before": uri(before, 512), "after": uri(after, 512), "words": list(words), "label": label}
    _component()(key=key, data=data)


@st.cache_resource
def _component() -> Any:
    html, css, js = ((_FOLDER / f"before_after.{kind}").read_text("utf-8") for kind in ("html", "css", "js"))
    return st.components.v2.component("odd_one_out_before_after", html=html, css=css, js=js)
