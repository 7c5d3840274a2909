"""The linked grid in the browser: what it is sent, and what it sends back.

Two components share the work. A store receives the pictures of one row by the digest of their content; the grid
receives rows, verdicts and words. Streamlit sends an element that has not changed as a reference, so a
moved limit sends no picture that the browser has just shown.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from detectors.result import MapScale

COLOURS = {
    "inferno": ["000004", "1F0C48", "550F6D", "88226A", "BA3655", "E35933", "F98E09", "F9CB35", "FCFFA4"],
    "mako": ["0B0405", "2E1E3C", "413D7B", "37659E", "348FA7", "40B7AD", "8AD9B1", "DEF5E5"],
}
FULL = 3.0  # maps are painted from 0 to three times what 99 % of normal pixels reach
_FOLDER = Path(__file__).parents[2] / "assets" / "components" / "grid"
_SCRIPTS = ("maps.js", "parts.js", "pane.js", "row.js", "tools.js", "grid.js")


@dataclass(frozen=True)
class Pick:
    """A place that was chosen: the picture's id, the column's key (None: the picture itself), and the pixel."""

    picture: str
    column: str | None
    y: int
    x: int


class Pictures:
    """Collects encoded pictures by the digest of their content, in one parcel per test picture."""

    def __init__(self) -> None:
        self.parcels: dict[str, dict[str, str]] = {}
        self._open: dict[str, str] = {}

    def begin(self, parcel: str) -> None:
        """Put what is added from now on into the parcel of one test picture."""
        self._open = self.parcels.setdefault(parcel, {})

    def photograph(self, pixels: NDArray[np.uint8]) -> str:
        """Add a picture (S, S, 3) and return its key."""
        return self._add("photograph", pixels)

    def exact(self, pixels: NDArray[np.uint8]) -> str:
        """Add a picture (S, S, 3) without any loss and return its key."""
        return self._add("exact", pixels)

    def mask(self, mask: NDArray[np.bool_]) -> str:
        """Add a mask (S, S) and return its key."""
        return self._add("mask", mask)

    def map(self, raw: NDArray[np.float32], scale: MapScale) -> str:
        """Add a raw map (S, S) on the common scale and return its key."""
        return self._add("map", raw, (scale.median, scale.q99))

    def _add(self, kind: str, array: NDArray[Any], scale: tuple[float, float] | None = None) -> str:
        content = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
        key = hashlib.sha256(f"{kind} {content} {scale}".encode()).hexdigest()[:16]
        self._open[key] = _encoded(key, kind, array, scale)
        return key


def linked_grid(
    heads: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    pictures: Pictures,
    *,
    size: int,
    words: dict[str, Any],
    colour: str,
    order: str,
    orders: Iterable[tuple[str, str]],
    language: str,
    on_focus: Callable[[str], None],
    on_colour: Callable[[str], None],
    on_order: Callable[[str], None],
    stale: bool = False,
    key: str = "grid",
) -> Pick | None:
    """Show rows of panes; return the place that was chosen just now. `panes` makes heads and rows out of a result.

    Args:
        heads: one per column: {title, short, key or None, focus, lines: [{label, value, interval, counts, reason}]}.
        rows: {id, picture, title, note, cells}, each cell {state, alt, ...}: see `panes`.
        size: side of the pictures in pixels: the unit of a chosen place.
        words: labels of the tools, in the session's language.
        on_focus, on_colour, on_order: called with the method, colour map or order that was chosen.
        stale: dims rows that answer other choices than the present ones.
    """
    send(pictures, key)
    data = {
        "heads": heads, "rows": rows, "size": size, "words": words, "colours": COLOURS, "colour": colour,
        "order": order, "orders": list(orders), "language": language, "stale": stale,
    }  # fmt: skip
    heard = _grid()(
        key=key,
        data=data,
        on_picked_change=_nothing,
        on_focused_change=lambda: on_focus(st.session_state[key]["focused"]["column"]),
        on_colour_change=lambda: on_colour(st.session_state[key]["colour"]),
        on_order_change=lambda: on_order(st.session_state[key]["order"]),
    )
    picked = heard.picked
    return Pick(picked["row"], picked["column"], int(picked["y"]), int(picked["x"])) if picked else None


def send(pictures: Pictures, key: str) -> None:
    """Put pictures into the browser's store, one element per parcel; those that it has are not sent again."""
    with st.container(key=f"{key}_store"):
        for parcel, uris in pictures.parcels.items():
            _store()(key=f"{key}_parcel_{parcel}", data={"pictures": uris}, height=1)


@st.cache_data(max_entries=3000, show_spinner=False)
def _encoded(key: str, kind: str, _array: NDArray[Any], _scale: tuple[float, float] | None) -> str:
    """Encode a picture as a data URI; `key` stands for the whole content, so the array itself is not hashed."""
    if kind == "photograph":
        return _uri(Image.fromarray(_array), "WEBP", quality=84, method=4)
    if kind == "exact":
        return _uri(Image.fromarray(_array), "WEBP", lossless=True, exact=True, method=2)
    if kind == "mask":
        return _uri(Image.fromarray((_array * 255).astype(np.uint8)), "PNG", optimize=True)
    shown = MapScale(*_scale)(_array) if _scale else _array
    levels = np.clip(np.nan_to_num(shown) * (255 / FULL), 0, 255).round().astype(np.uint8)
    return _uri(Image.fromarray(levels), "WEBP", quality=88, method=4)


def _uri(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


@st.cache_resource
def _store() -> Any:
    return st.components.v2.component("odd_one_out_store", js=(_FOLDER / "store.js").read_text("utf-8"))


@st.cache_resource
def _grid() -> Any:
    script = "\n".join((_FOLDER / name).read_text("utf-8") for name in _SCRIPTS)
    html, css = ((_FOLDER / f"grid.{kind}").read_text("utf-8") for kind in ("html", "css"))
    return st.components.v2.component("odd_one_out_grid", html=html, css=css, js=script)


def _nothing() -> None:
    """Streamlit reports a component's values only where a callback is named."""
