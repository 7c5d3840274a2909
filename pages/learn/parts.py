"""What lessons are drawn with: pictures under maps, rows of them, interval charts; HTML in the theme's colours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from detectors.plots import colours
from detectors.queries.overview import webp
from detectors.result import Column, Figure
from pages.frame import charts
from pages.frame.charts import Row
from pages.frame.component import address
from pages.frame.once import Once
from pages.frame.words import say, text

_PICTURES = Once(600)  # as HTML: 5 to 40 kB each


def picture(
    pixels: NDArray[np.uint8],
    alt: str,
    *,
    scaled: NDArray[Any] | None = None,
    colour: str = "inferno",
    everywhere: bool = False,
    mask: NDArray[np.bool_] | None = None,
    box: tuple[float, float, float, float] | None = None,
    side: int = 320,
) -> str:
    """Return an image as HTML.

    Args:
        pixels: (H, W, 3).
        alt: what it shows, for who cannot see it.
        scaled: (H, W) map on the common scale, laid over it; `everywhere` paints normal places too.
        colour: "inferno" or "mako".
        mask: (H, W), whose true outline is drawn.
        box: (top, left, bottom, right) of a frame, in pixels.
        side: longest side as it travels, in pixels.
    """
    said = (_digest(pixels), _digest(scaled), _digest(mask), alt, colour, everywhere, box, side)
    return _PICTURES.get(said, lambda: _picture(pixels, alt, scaled, colour, everywhere, mask, box, side))


def _picture(
    pixels: NDArray[np.uint8], alt: str, scaled: NDArray[Any] | None, colour: str, everywhere: bool,
    mask: NDArray[np.bool_] | None, box: tuple[float, float, float, float] | None, side: int,
) -> str:  # fmt: skip
    shown = pixels if scaled is None else colours.overlay(pixels, scaled, colour, everywhere=everywhere)
    lines = "" if mask is None or not mask.any() else _lines(f'd="{colours.edges(mask)}"', "path")
    if box is not None:
        top, left, bottom, right = box
        lines += _lines(f'x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"', "rect")
    drawing = _drawing(lines, *pixels.shape[:2]) if lines else ""
    image = f'<img src="{uri(shown, side)}" alt="{escape(alt)}">'
    return f'<div class="odd-picture" style="--shape: {shape(pixels)}">{image}{drawing}</div>'


def shape(pixels: NDArray[np.uint8]) -> float:
    """Return width over height of (H, W, 3) pixels."""
    return round(pixels.shape[1] / pixels.shape[0], 4)


def _digest(array: NDArray[Any] | None) -> str:
    if array is None:
        return ""
    said = f"{array.shape} {array.dtype}".encode()
    return hashlib.sha256(said + np.ascontiguousarray(array).tobytes()).hexdigest()


def uri(pixels: NDArray[np.uint8], side: int = 320) -> str:
    """Return (H, W, 3) pixels as a data URI."""
    key = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
    return _encoded(key, side, pixels)


def cell(image: str, title: str = "", note: str = "", right: str = "", focus: bool = False) -> str:
    """Return an image with its words: a title above, a note below, its figure on the right."""
    head = f'<div class="odd-cell-title{" odd-focus" if focus else ""}">{escape(title)}</div>' if title else ""
    foot = f"<div class='odd-cell-note'><span>{escape(note)}</span><span>{escape(right)}</span></div>"
    return f'<div class="odd-cell">{head}{image}{foot if note or right else ""}</div>'


def shares(names: Sequence[str], parts: Sequence[float], title: str) -> str:
    """Return a list of names with their shares (0 to 1), each over a bar as long as it."""
    rows = "".join(
        f'<li><span>{escape(name)}</span><span>{100 * part:.1f} %</span><i style="width: {100 * part:.1f}%"></i></li>'
        for name, part in zip(names, parts, strict=True)
    )
    head = f'<div class="odd-cell-title">{escape(title)}</div>'
    return f'<div class="odd-cell">{head}<ol class="odd-shares">{rows}</ol></div>'


def tiles(cells: Iterable[str], columns: int, first: str = "1fr", scrolls: bool = False) -> None:
    """Show cells in a grid of so many columns; `first` is the width of the first, `scrolls` sideways on a phone."""
    rest = f" repeat({columns - 1}, minmax(0, 1fr))" if columns > 1 else ""
    kind = "odd-tiles odd-scrolls" if scrolls else "odd-tiles"
    st.html(f'<div class="{kind}" style="--columns: minmax(0, {first}){rest}; --n: {columns}">{"".join(cells)}</div>')


def figure_of(column: Column, name: str) -> Figure:
    """Return one of a column's figures; an empty one where it was not measured."""
    return column.figures.get(name) or Figure(None)


def interval(figure: Figure) -> str:
    """Return a figure with its interval in words: "0.89 [0.64, 0.97]"; the reason where it is absent."""
    if figure.value is None:
        return say(figure.reason) if figure.reason else text("learn.no_figure")
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]"


@dataclass(frozen=True)
class Intervals:
    """A chart of figures with their intervals: its title, its lines, a note below."""

    title: str
    rows: Sequence[Row]
    note: str = ""


def beside(key: str, *shown: Intervals) -> None:
    """Show charts beside each other in a frame; below each other on a phone. `key` is theirs alone on the page."""
    with st.container(key=f"charts_{key}", horizontal=True, border=True):
        for n, chart in enumerate(shown):
            with st.container(key=f"intervals_{key}_{n}", gap=None):
                _intervals(chart, f"{key}_{n}")


def _intervals(shown: Intervals, key: str) -> None:
    absent = [row for row in shown.rows if row.figure.value is None]
    numbers = [interval(row.figure) if row not in absent else "\u2013" for row in shown.rows]

    def draw() -> charts.Chart:
        drawn = charts.forest(shown.rows, numbers, numbers=True)
        drawn.update_layout(margin={"t": 36}, height=drawn.height + 28)
        charts.heading(drawn, shown.title)
        return drawn

    said = "; ".join(f"{row.label}: {interval(row.figure)}" for row in shown.rows)
    charts.show(charts.kept(draw, "intervals", shown.title, shown.rows), key, f"{shown.title}. {said}")
    for row in absent:
        caption(f"{row.label}: {interval(row.figure)}")
    if shown.note:
        caption(shown.note)


def caption(written: str) -> None:
    """Show a line of small print."""
    st.html(f'<p class="odd-caption">{escape(written)}</p>')


def _lines(shape: str, kind: str) -> str:
    style = 'fill="none" stroke-linejoin="round" vector-effect="non-scaling-stroke"'
    halo = f'<{kind} {style} stroke="#000" stroke-opacity="0.5" stroke-width="2.8" {shape}/>'
    return f'{halo}<{kind} {style} stroke="#fff" stroke-width="1.2" {shape}/>'


def _drawing(lines: str, height: int, width: int) -> str:
    """Return lines as an image over the picture: `st.html` lets no inline SVG through."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{lines}</svg>'
    source = address(svg.encode(), "svg+xml")
    return f'<img alt="" src="{source}">'


@st.cache_data(max_entries=1000, show_spinner=False)
def _encoded(key: str, side: int, _pixels: NDArray[np.uint8]) -> str:
    return address(webp(_pixels, side))
