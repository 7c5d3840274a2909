"""The pictures behind a clicked point: whose verdict a strength of a condition has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st

from detectors.result import Result
from detectors.stress import Curve
from detectors.stress.sentences import amount
from pages.frame import session, shapes
from pages.frame.component import small
from pages.frame.panes import name
from pages.frame.state import change
from pages.frame.words import say, text

_MOST = 8  # pictures of each kind
_SIDE = 120  # pixels of a picture as it travels


def show(curves: Mapping[str, Sequence[Curve]], titles: dict[str, str], result: Result) -> None:
    """Show the good pictures that alarm only at that strength, and the defects that are missed only there."""
    chosen = session.POINT.get()
    if chosen is None:
        return
    condition, key, strength = chosen
    curve = next((curve for curve in curves.get(condition, ()) if curve.key == key), None)
    if curve is None or strength not in curve.strengths:
        return
    now, before = (curve.scores[curve.strengths.index(at)] > curve.threshold.value for at in (strength, 0))
    with st.container(border=True, key="stress_pictures"):
        about = text(f"stress.conditions.{condition}")
        st.markdown(f"**{titles[key]} · {about}, {say(amount(condition, strength))}**")
        kinds = {"alarmed": np.flatnonzero((curve.labels == 0) & now & ~before),
                 "missed": np.flatnonzero((curve.labels == 1) & ~now & before)}  # fmt: skip
        of = {"alarmed": int((curve.labels == 0).sum()), "missed": int((curve.labels == 1).sum())}
        for kind, found in kinds.items():
            st.caption(text(f"stress.point.{kind}", n=len(found), of=of[kind]))
            with st.container(horizontal=True, gap="small", key=f"stress_pictures_{kind}"):
                for i in found[:_MOST].tolist():
                    _tile(result, i)
                if len(found) > _MOST:
                    st.caption(text("stress.point.more", n=len(found) - _MOST))


def _tile(result: Result, i: int) -> None:
    """Show a picture as it is without the condition; a click puts it into the strip below."""
    picture = result.test[i]
    shape = shapes.of(result)
    shown = small(shapes.seen(picture, picture.pixels), picture.aspect, _SIDE)
    with st.container(width=shapes.pixels(shape, _SIDE)[0], gap=None, key=f"stress_tile_{i}"):
        st.html(f'<img src="{shown}" alt="{escape(name(picture))}" style="aspect-ratio: {shape}">')
        st.button(
            name(picture), key=f"stress_through_{i}", type="tertiary", width="stretch",
            help=text("stress.point.through"), on_click=lambda: change(picture=picture.sha256[:16], place=None),
        )  # fmt: skip
