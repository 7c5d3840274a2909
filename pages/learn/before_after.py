"""Two pictures of the same place under one handle: before and after."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pages.frame.component import Component
from pages.learn.parts import shape, uri

BEFORE_AFTER = Component(
    "before_after",
    "pages/learn/before_after.html",
    ("pages/learn/before_after.css",),
    ("pages/learn/before_after.js",),
)


def before_after(
    before: NDArray[np.uint8], after: NDArray[np.uint8], words: tuple[str, str], label: str, key: str
) -> None:
    """Show two (H, W, 3) pictures under a handle that a pointer or the arrow keys move; `words` name the two."""
    data = {
        "before": uri(before, 512),
        "after": uri(after, 512),
        "words": list(words),
        "label": label,
        "shape": shape(before),
    }
    BEFORE_AFTER(key=key, data=data)
