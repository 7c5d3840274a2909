"""What remains of the dirt in what each method learnt, painted on the pictures that slipped in."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from PIL import Image

from detectors.plots import colours
from detectors.result import Result, ResultPicture
from detectors.stress import Study
from pages.frame import shapes
from pages.frame.component import small
from pages.frame.panes import name
from pages.frame.words import text

_SIDE = 160  # pixels of a pane as it travels
_TIMES = 3  # of the usual share, that the scale calls 1
_BRIGHTEST = 0.6  # of the scale: the picture is still seen


def show(found: Sequence[Study], result: Result, titles: dict[str, str], colour: str) -> None:
    """Show the first draw's dirty pictures, and a row of each method that learnt from them."""
    shown = [study for study in found if study.remains and not study.cleaned]
    if not shown:
        return
    st.markdown(f"### {text('stress.remains')}")
    pictures = list(dict.fromkeys(one.picture for study in shown for one in study.remains))
    cells = ["<span></span>", *(f"<b>{escape(name(result.test[i]))}</b>" for i in pictures)]
    cells.append(f"<span>{escape(text('grid.picture'))}</span>")
    cells += [_pane(result.test[i], result.test[i].pixels, name(result.test[i])) for i in pictures]
    for study in shown:
        own = {one.picture: one for one in study.remains}
        grids = [one.grid for one in study.remains if one.grid is not None]
        level = "" if grids else f"<small>{escape(text('stress.no_map'))}</small>"
        cells.append(f"<span>{escape(titles[study.key])}{level}</span>")
        for i in pictures:
            one = own.get(i)
            if one is None:
                cells.append("<div>–</div>")
                continue
            said = text("stress.share", share=f"{100 * one.share:.1f}", usual=f"{100 * one.usual:.1f}")
            note = f"<small>{escape(said)}</small>"
            if one.grid is None:
                cells.append(f"<div>{note}</div>")
                continue
            pixels = result.test[i].pixels
            bright = Image.fromarray(np.minimum(one.grid / (_TIMES * one.usual), _BRIGHTEST * colours.TOP))
            enlarged = np.asarray(bright.resize(pixels.shape[1::-1], Image.Resampling.NEAREST))
            painted = colours.overlay(pixels, enlarged, colour)
            cells.append(_pane(result.test[i], painted, f"{titles[study.key]}, {name(result.test[i])}: {said}", note))
    st.html(
        f'<div class="odd-strip odd-remains" role="group" tabindex="0" aria-label="{escape(text("stress.remains"))}"'
        f' style="--n: {len(pictures)}; --shape: {shapes.of(result)}">{"".join(cells)}</div>'
    )
    st.caption(text("stress.remains_note"))


def _pane(picture: ResultPicture, pixels: np.ndarray, alt: str, note: str = "") -> str:
    shown = small(shapes.seen(picture, pixels), picture.aspect, _SIDE)
    return f'<div><img src="{shown}" alt="{escape(alt)}">{note}</div>'
