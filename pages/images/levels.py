"""Pictures with more than 8 bits: their values as a histogram, and which of them become black and white."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor

import numpy as np
import streamlit as st

from detectors.datasets import Histogram
from detectors.images import White
from detectors.queries.overview import Overview
from pages.frame import charts, data, session, uploads
from pages.frame.charts import COLOURS
from pages.frame.words import say, text

_HEIGHT = 190
_STEPS = 500  # of the handles from end to end, at the most: an arrow moves by one, Page Up by a tenth of all
LEVELS = (  # what is said of them here
    "dataset.levels", "dataset.levels_chosen", "dataset.twelve_bits", "dataset.mixed_depths", "dataset.clipped",
    "dataset.few_levels", "dataset.other_depths",
)  # fmt: skip


def levels(own: Overview) -> None:
    """Show the values of own deep pictures and two handles, for black and for white; nothing for pictures of 8 bits."""
    found, mine = own.levels, uploads.shelf().source
    if found is None or mine is None:
        return

    def moved() -> None:
        black, white = session.widget("levels_ends")
        if white > black:
            chosen = mine.with_white(chosen_white(own.white, found, float(black), float(white)))
            seen = uploads.seen(picture.sha256 for picture in (*own.normal, *own.test))
            data.undoable("levels", lambda: data.set_own(chosen, seen))

    with st.container(key="levels", border=True):
        st.html(f'<div class="odd-understood"><b>{text("images.levels.title")}</b></div>')
        said = [say(note) for note in own.report.notes if note.key in LEVELS]
        st.caption("  \n".join([*said, text("images.levels.says", n=found.levels)]))
        charts.show(chart(found), "levels_chart", text("images.levels.alt", **_ends(found)))
        low, high, step = span(found)
        whole = found.numbers == "whole"
        now = (found.black, found.white)
        session.set_widget("levels_ends", tuple(map(int, now)) if whole else now)
        st.slider(
            text("images.levels.ends"), low, high, key="levels_ends", step=step, on_change=moved,
            format=None if whole else "%.4g",
        )  # fmt: skip
        if mine.white is not None:
            st.button(
                text("images.levels.back"), key="levels_back", type="tertiary",
                on_click=lambda: data.undoable("levels", lambda: data.set_own(mine.with_white(None))),
            )  # fmt: skip


def chosen_white(before: White, found: Histogram, black: float, white: float) -> White:
    """Return black and white of a set with other ones for the numbers that the histogram is of."""
    if found.numbers == "whole":
        return replace(before, black=black, whole=white)
    return replace(before, real_black=black, real=white)


def span(found: Histogram) -> tuple[float, float, float]:
    """Return the ends of the handles and their step: whole for whole numbers."""
    low, high = float(found.edges[0]), float(found.edges[-1])
    if found.numbers == "whole":
        return floor(low), ceil(high), max(1, ceil((ceil(high) - floor(low)) / _STEPS))
    return low, high, (high - low) / _STEPS


def chart(found: Histogram) -> charts.Chart:
    """Return the histogram: normal pictures upwards, test pictures downwards, lines at black and white."""
    low, high = float(found.edges[0]), float(found.edges[-1])
    middles, width = (found.edges[:-1] + found.edges[1:]) / 2, float(found.edges[1] - found.edges[0])
    top = 1.1 * float(max(found.normal.max(initial=0), found.test.max(initial=0), 1e-9))
    made = charts.figure(
        _HEIGHT, text("images.levels.value"), text("images.levels.share"),
        x={"range": [low, high], "nticks": 8, "tickformat": ",.6~g"},
        y={"range": [-top if found.test.any() else 0, top], "showticklabels": False, "showgrid": False},
    )  # fmt: skip
    made.update_layout(barmode="overlay", bargap=0, margin={"t": 26})
    for name, shares, colour in (("normal", found.normal, COLOURS.soft), ("test", -found.test, COLOURS.ink)):
        made.add_bar(
            x=middles, y=shares, width=width, marker={"color": colour}, name=text(f"images.{name}"),
            customdata=np.abs(shares), hovertemplate="%{customdata:.1%}<extra>%{x:.4g}</extra>",
        )  # fmt: skip
    for name, at in (("black", found.black), ("white", found.white)):
        charts.threshold_line(made, at, text(f"images.levels.{name}", at=f"{at:g}"), low, high)
    return made


def _ends(found: Histogram) -> dict[str, str]:
    return {"black": f"{found.black:g}", "white": f"{found.white:g}"}
