"""Look at these three first: the person's own normal pictures that look least like the others."""

from __future__ import annotations

from html import escape

import streamlit as st

from detectors.errors import Refusal
from detectors.queries import outliers
from detectors.result import Result, ResultPicture
from pages.frame import shapes
from pages.frame.component import small
from pages.frame.panes import name
from pages.frame.words import text
from pages.stress import normals

_FIRST = 3
_SIDE = 240  # pixels of a picture as it travels


def show(run: str, result: Result) -> None:
    """Show the three normal pictures that lie farthest from the others, and whether that is unusual."""
    answer = normals.question(run, "doubtful", outliers.doubtful)
    if answer.now is None or isinstance(answer.now, Refusal):
        return
    pictures = {picture.sha256: picture for picture in (*result.learnt, *result.held_out)}
    first = [one for one in answer.now[:_FIRST] if one.sha256 in pictures]
    unusual = sum(one.outlying for one in answer.now)
    st.markdown(f"### {text('stress.doubtful')}")
    st.caption(text("stress.doubtful_some" if unusual else "stress.doubtful_none", n=unusual, of=len(answer.now)))
    cells, shape = [], shapes.of(result)
    for one in first:
        picture = pictures[one.sha256]
        said = text(f"stress.doubtful_{'whole' if one.box is None else 'patch'}", times=f"{one.times:.1f}")
        mark = ' class="odd-alarm"' if one.outlying else ""
        cells.append(
            f'<figure><div><img src="{small(shapes.seen(picture, picture.pixels), picture.aspect, _SIDE)}"'
            f' alt="{escape(name(picture))}">{_box(one, picture, shape)}</div>'
            f"<figcaption>{escape(name(picture))}<small{mark}>{escape(said)}</small></figcaption></figure>"
        )
    st.html(f'<div class="odd-doubtful" style="--shape: {shape}">{"".join(cells)}</div>')


def _box(one: outliers.Doubtful, picture: ResultPicture, shape: float) -> str:
    """Return a frame around the strangest patch; "" where it is the picture as a whole that is unlike the others."""
    if one.box is None:
        return ""
    edges = []
    for axis, share in enumerate(shapes.fit(picture.aspect, shape)[::-1] * 2):
        at = one.box[axis] * picture.pixels.shape[axis % 2] - shapes.corner(picture)[axis % 2]  # in pixels shown
        inside = min(1.0, max(0.0, at / shapes.size(picture)[axis % 2]))
        edges.append(100 * (inside * share + (1 - share) / 2))
    top, left, bottom, right = (f"{edge:.2f}%" for edge in edges)
    return f'<i style="inset: {top} calc(100% - {right}) calc(100% - {bottom}) {left}"></i>'
