"""Axes to draw in, and how all of them look; matplotlib is imported here, when something is first drawn."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.errors import Sentence
from detectors.plots.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUND, INK, MUTED, LINE, CONTROL = LIGHT.ground, LIGHT.ink, LIGHT.muted, LIGHT.line, LIGHT.control
ACCENT, SOFT, MISS, FALSE_ALARM = LIGHT.accent, LIGHT.soft, LIGHT.miss, LIGHT.false_alarm
SMALL, USUAL = 9.0, 10.0  # points

# What is written in charts. The report brings its own language.
WORDS: Mapping[str, str] = {
    "roc": "ROC",
    "roc_x": "good pictures that raise a false alarm, %",
    "roc_y": "defects found, %",
    "precision_recall": "Precision and recall",
    "precision_recall_x": "defects found, %",
    "precision_recall_y": "defective among those flagged, %",
    "pro": "PRO",
    "pro_x": "normal pixels flagged, %",
    "pro_y": "of each defect covered, %",
    "painted": "where maps begin to be coloured",
    "score": "score",
    "pictures": "pictures",
    "threshold": "threshold",
    "held_out": "held-out normal",
    "good": "good",
    "defective": "defective",
    "unknown": "not labelled",
    "false_alarm": "false alarm",
    "miss": "miss",
    "found": "defective",
    "multiple": "score, as a multiple of each method's own threshold",
    "picture": "picture",
    "no_map": "image level only",
    "scale": "0 = typical, 1 = 99 % of held-out normal pixels lie below",
    "times": "{times:.2f} × threshold",
    "guess": "guessing",
}


def axes(ax: Axes | None, width: float, height: float) -> Axes:
    """Return the Axes given, or new ones in a figure of width x height inches."""
    return ax if ax is not None else grid(1, 1, width, height)[0, 0]


def grid(rows: int, columns: int, width: float, height: float) -> np.ndarray[Any, Any]:
    """Return (rows, columns) new Axes in a figure of width x height inches.

    Where somebody works with pyplot, or in a notebook, the figure is pyplot's, so that it is shown as any other.
    Elsewhere (in a worker, for a report) it belongs to nobody: pyplot keeps every figure until it is closed, and its
    current figure is one for all threads.
    """
    made: dict[str, Any] = {"figsize": (width, height), "layout": "constrained"}
    if {"matplotlib.pyplot", "ipykernel"} & sys.modules.keys():
        from matplotlib import pyplot

        figure = pyplot.figure(**made)
    else:
        from matplotlib.figure import Figure

        figure = Figure(**made)
    return figure.subplots(rows, columns, squeeze=False)


def dress(ax: Axes, across: str = "", up: str = "", ruled: str = "both") -> None:
    """Give Axes their labels, hairlines in the directions `ruled` ("x", "y", "both", "") and quiet ticks."""
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED)
    ax.set_xlabel(across, fontsize=SMALL, color=MUTED)
    ax.set_ylabel(up, fontsize=SMALL, color=MUTED)
    ax.set_axisbelow(True)
    ax.grid(False)
    if ruled:
        ax.grid(True, axis=ruled, color=LINE, linewidth=0.8)  # type: ignore[arg-type]


def say(sentence: Sentence, words: Mapping[str, str]) -> str:
    """Return a sentence of the engine, translated where `words` holds its key."""
    translated = words.get(sentence.key)
    return translated.format(**sentence.values) if translated else str(sentence)


def percent(value: float, _: Any = None) -> str:
    """Write a share as a number of per cent, for an axis.

    >>> percent(0.25), percent(0.005)
    ('25', '0.5')
    """
    return f"{100 * value:g}"


def label(ax: Axes, x: float, y: float, written: str, **look: Any) -> None:
    """Write into Axes as it stands: no `$` in a name is taken for mathematics."""
    usual: dict[str, Any] = {"fontsize": SMALL, "color": INK, "parse_math": False}
    ax.text(x, y, written, **(usual | look))
