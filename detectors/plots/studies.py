"""Methods with other normal pictures: what they find and how often they raise false alarms, over draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.methods import METHODS
from detectors.plots.axes import ACCENT, FALSE_ALARM, INK, MISS, MUTED, SMALL, USUAL, axes, dress, grid, percent
from detectors.stress import Study
from detectors.stress.sentences import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WRAP = 34  # letters of a line above a chart


def study(found: Study, ax: Axes | None = None) -> Axes:
    """Draw one method: the median draw's shares with the range of all draws, the promise dashed.

    Args:
        found: what was measured.
        ax: where to draw; a new figure by default.
    """
    from textwrap import fill

    ax = axes(ax, 3.2, 2.2)
    dress(ax, ruled="y")
    points = found.points
    places = [found.steps.index(point.at) for point in points]
    for name, colour in (("false_alarms", FALSE_ALARM), ("found", INK)):
        spreads = [getattr(point, name) for point in points]
        ends = [[np.nan if end is None else end for end in (s.low, s.high)] for s in spreads]
        ax.fill_between(places, *np.transpose(ends), color=colour, alpha=0.14, linewidth=0)
        middle = [np.nan if s.figure.value is None else s.figure.value for s in spreads]
        ax.plot(places, middle, color=colour, marker="o", markersize=3, linewidth=1.4)
    promises = [np.nan if point.promise is None else point.promise[0] / point.promise[1] for point in points]
    ax.plot(places, promises, color=ACCENT, linewidth=1, linestyle=(0, (3, 3)))
    said = found.judgement
    if said.word == "loses":
        ax.axvline(found.steps.index(said.at), color=MISS, linewidth=1)
    ax.set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    ax.set_xticks(range(len(found.steps)), [str(step) for step in found.steps])
    ax.yaxis.set_major_formatter(percent)
    colour = {"loses": MISS, "helps": MISS, "keeps": ACCENT, "flat": ACCENT}.get(said.word, MUTED)
    ax.set_title(fill(str(judged(found)), _WRAP), loc="left", fontsize=SMALL, color=colour)
    return ax


def study_row(studies: Sequence[Study]) -> np.ndarray[Any, Any]:
    """Draw studies of one kind beside each other, methods in rows of five; return their Axes.

    Args:
        studies: of one kind, each of a method.
    """
    across = min(len(studies), 5)
    down = -(-len(studies) // across)
    made = grid(down, across, 2.7 * across + 0.4, 2.6 * down + 0.3).ravel()
    for ax, found in zip(made, studies, strict=False):
        study(found, ax)
        method = found.key.partition("/")[0]
        title = METHODS[method].title if method in METHODS else method
        cleaned = ", outliers left out" if found.cleaned else ""
        about = "dirty among the normal pictures" if found.about == "dirt" else "normal pictures"
        ax.set_xlabel(f"{title}{cleaned}: {about}", fontsize=SMALL, color=MUTED)
    for ax in made[len(studies) :]:
        ax.remove()
    made[0].set_ylabel("found (black), false alarms, %", fontsize=USUAL, color=INK)
    return made
