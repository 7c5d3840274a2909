"""Methods under conditions: false alarms with their interval, found defects, and where a method breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.errors import Sentence
from detectors.methods import METHODS
from detectors.plots.axes import ACCENT, FALSE_ALARM, INK, MISS, MUTED, SMALL, USUAL, axes, dress, grid, percent
from detectors.stress import CONDITIONS, Curve, apart
from detectors.stress.sentences import bare, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def stress(curve: Curve, condition: str, ax: Axes | None = None, say: Callable[[Sentence], str] = str) -> Axes:
    """Draw one method under one condition.

    Args:
        curve: what was measured.
        condition: its name.
        ax: where to draw; a new figure by default.
        say: writes the verdict; English by default.
    """
    ax = axes(ax, 3.2, 2.0)
    dress(ax, ruled="y")
    points, said = curve.points, curve.verdict
    places = [point.strength for point in points]
    alarms = [point.false_alarms for point in points]
    if all(figure.low is not None and figure.high is not None for figure in alarms):
        low, high = ([getattr(figure, end) for figure in alarms] for end in ("low", "high"))
        ax.fill_between(places, low, high, color=FALSE_ALARM, alpha=0.14, linewidth=0)
    for shares, colour in ((alarms, FALSE_ALARM), ([point.found for point in points], INK)):
        drawn = [np.nan if share.value is None else share.value for share in shares]
        ax.plot(places, drawn, color=colour, marker="o", markersize=3, linewidth=1.4)
    if curve.promise is not None:
        ax.axhline(curve.promise, color=ACCENT, linewidth=1, linestyle=(0, (3, 3)))
    for at in said.at:
        ax.axvline(at, color=MISS, linewidth=1)
    ax.set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    ticks = apart(places)
    ax.set_xticks(ticks, [bare(condition, strength) for strength in ticks])
    ax.yaxis.set_major_formatter(percent)
    colour = {"breaks": MISS, "stands": ACCENT}.get(said.word, MUTED)
    ax.set_title(say(verdict(said, condition)), loc="left", fontsize=SMALL, color=colour)
    return ax


def stress_matrix(
    curves: Mapping[str, Sequence[Curve]],
    say: Callable[[Sentence], str] = str,
    called: Mapping[str, str] | None = None,
) -> np.ndarray[Any, Any]:
    """Draw methods below each other and conditions beside each other; return the Axes (methods, conditions).

    Args:
        curves: by condition, or by "condition+remedy"; the first has all columns.
        say: writes verdicts; English by default.
        called: titles of conditions with their units; their keys by default.
    """
    keys, names = [curve.key for curve in next(iter(curves.values()))], list(curves)
    rows = len(keys)
    made = grid(rows, len(names), 2.3 * len(names) + 0.6, 1.5 * rows + 0.4)
    several = len({curve.key.partition("/")[2] for found in curves.values() for curve in found}) > 1
    for across, (name, found) in enumerate(curves.items()):
        there, condition = {curve.key: curve for curve in found}, name.partition("+")[0]
        for down, key in enumerate(keys):
            if key not in there:
                made[down, across].set_axis_off()
                continue
            curve = there[key]
            ax = stress(curve, condition, made[down, across], say)
            if across == 0:
                method, _, backbone = curve.key.partition("/")
                title = METHODS[method].title if method in METHODS else method
                ax.set_ylabel(f"{title}\n{backbone}, %" if several else f"{title}, %", fontsize=USUAL, color=INK)
            if down == rows - 1:
                usual = f"{name}, {CONDITIONS[condition].unit.removesuffix(' lost')}"
                ax.set_xlabel((called or {}).get(name, usual), fontsize=SMALL, color=MUTED)
    return made
