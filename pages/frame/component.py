"""Browser components: the one place that loads their HTML, CSS and JS, and the one that encodes pictures for them.

Two kinds of component share the work. A store receives the pictures of one row by the digest of their content; what
shows them receives rows, verdicts and words. Streamlit sends an element that has not changed as a reference, so a moved
threshold sends no picture that the browser has just shown.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from detectors.plots import colours
from detectors.result import MapScale
from pages.frame import shapes
from pages.frame.once import Once

ROOT = Path(__file__).parents[2]
_ENCODED = Once(3000)
_EFFORT = 2  # of WebP: from 3 on it takes twice as long, for files of the same size
_DIGESTS: dict[int, dict[tuple[Any, ...], str]] = {}  # by the array that holds the pictures
_LOCK = threading.Lock()
# How the browser paints a map: the top of its scale, colours with opacity by name, and contours as level and colour.
PAINT = {
    "top": colours.TOP,
    "palettes": {name: colours.palette(name).tobytes().hex() for name in colours.COLOUR_MAPS},
    "contours": colours.CONTOURS,
}


@cache
def read(path: str) -> str:
    """Return a text file of the app, its path from the project's root; read once."""
    return (ROOT / path).read_text("utf-8")


@dataclass(frozen=True)
class Component:
    """A component made of one HTML file and of style sheets and scripts, each joined in order; calling it shows it.

    Paths are from the project's root. Scripts of one component see each other's functions; the last one exports what
    Streamlit calls.
    """

    name: str
    html: str = ""
    css: tuple[str, ...] = ()
    js: tuple[str, ...] = ()

    def __call__(self, **arguments: Any) -> Any:
        """Show it on the page and return what it says."""
        return _registered(self)(**arguments)


@cache
def _registered(component: Component) -> Any:
    html = read(component.html) if component.html else ""
    parts = {"css": "\n".join(map(read, component.css)), "js": "\n".join(map(read, component.js)), "html": html}
    named = f"odd_one_out_{component.name}"
    return st.components.v2.component(named, **{kind: part for kind, part in parts.items() if part})


STORE = Component("store", js=("assets/components/store.js",))


def styles(*paths: str) -> None:
    """Add style sheets to the page; paths from the project's root."""
    st.html(f"<style>{''.join(map(read, paths))}</style>")


class Pictures:
    """Collects encoded pictures by the digest of their content, in one parcel per test picture."""

    def __init__(self) -> None:
        self.parcels: dict[str, dict[str, str]] = {}
        self._open: dict[str, str] = {}
        self._written: dict[str, tuple[int, bytes]] = {}

    def begin(self, parcel: str) -> None:
        """Put what is added from now on into the parcel of one test picture."""
        self._open = self.parcels.setdefault(parcel, {})

    def written(self, parcel: str) -> bytes:
        """Return a parcel as it is sent: as bytes, which Streamlit sends as they are, while it writes a table anew."""
        uris = self.parcels[parcel]
        if self._written.get(parcel, (-1, b""))[0] != len(uris):
            self._written[parcel] = len(uris), json.dumps(uris).encode()
        return self._written[parcel][1]

    def photograph(self, pixels: NDArray[np.uint8]) -> str:
        """Add a picture (H, W, 3) and return its key."""
        return self._add("photograph", pixels)

    def exact(self, pixels: NDArray[np.uint8]) -> str:
        """Add a picture (H, W, 3) without any loss and return its key."""
        return self._add("exact", pixels)

    def mask(self, mask: NDArray[np.bool_]) -> str:
        """Add a mask (H, W) and return its key."""
        return self._add("mask", mask)

    def map(self, raw: NDArray[np.float32], scale: MapScale) -> str:
        """Add a raw map (H, W) on the common scale and return its key."""
        return self._add("map", raw, (scale.median, scale.q99))

    def _add(self, kind: str, array: NDArray[Any], scale: tuple[float, float] | None = None) -> str:
        key = named(kind, array, scale)
        self._open[key] = _ENCODED.get(key, lambda: _encoded(kind, array, scale))
        return key


def send(pictures: Pictures, key: str) -> None:
    """Put pictures into the browser's store, one element per parcel; those that it has are not sent again."""
    with st.container(key=f"{key}_store"):
        for parcel in pictures.parcels:
            STORE(key=f"{key}_parcel_{parcel}", data=pictures.written(parcel), height=1)


def named(kind: str, array: NDArray[Any], scale: tuple[float, float] | None = None) -> str:
    """Return the digest of a picture and of what is made of it, worked out once while the array is there.

    A map is a part of the array of all maps: what it is told apart by goes with that one.
    """
    whole = array.base if isinstance(array.base, np.ndarray) else array
    with _LOCK:
        if id(whole) not in _DIGESTS:
            _DIGESTS[id(whole)] = {}
            weakref.finalize(whole, _DIGESTS.pop, id(whole), None).atexit = False
        known = _DIGESTS[id(whole)]
    part = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str, kind, scale)
    if part not in known:
        content = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
        known[part] = hashlib.sha256(f"{kind} {content} {scale}".encode()).hexdigest()[:16]
    return known[part]


def _encoded(kind: str, array: NDArray[Any], scale: tuple[float, float] | None) -> str:
    """Encode a picture as a data URI."""
    if kind == "photograph":
        return encoded(Image.fromarray(array), "WEBP", quality=84, method=_EFFORT)
    if kind == "exact":
        return encoded(Image.fromarray(array), "WEBP", lossless=True, exact=True, method=2)
    if kind == "mask":
        return encoded(Image.fromarray((array * 255).astype(np.uint8)), "PNG")
    shown = MapScale(*scale)(array) if scale else array
    levels = np.clip(np.nan_to_num(shown) * (255 / colours.TOP), 0, 255).round().astype(np.uint8)
    return encoded(Image.fromarray(levels), "WEBP", quality=88, method=_EFFORT)


def small(pixels: NDArray[np.uint8], shape: float, side: int) -> str:
    """Return pixels (H, W, 3) as wide for their height as `shape` says, as an address that holds them.

    They are shown smaller, never larger: with at most as many pixels as a square of `side`.
    """
    height, width = pixels.shape[:2]
    size = shapes.pixels(shape, min(side, round((height * width) ** 0.5)))
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    return encoded(picture, "WEBP", quality=82, method=2)


def encoded(image: Image.Image, kind: str, **options: Any) -> str:
    """Return a picture as an address that holds it."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return address(buffer.getvalue(), kind)


def address(content: bytes, kind: str = "WEBP") -> str:
    """Return an encoded picture as an address that holds it."""
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content).decode()}"
