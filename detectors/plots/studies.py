"""Methods with other normal pictures: what they find and how often they raise false alarms, over draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.errors import Sentence
from detectors.methods import METHODS
from detectors.plots.axes import ACCENT, FALSE_ALARM, INK, MISS, MUTED, SMALL, USUAL, axes, dress, grid, percent
from detectors.stress import Study
from detectors.stress.draws import Spread
from detectors.stress.sentences import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WRAP = 36  # letters of a line above a chart


def study(
    found: Study, cleaned: Study | None = None, ax: Axes | None = None, say: Callable[[Sentence], str] = str
) -> Axes:
    """Draw one method: the median draw's shares with the range of all draws, the promise dashed in teal.

    Args:
        found: what was measured.
        cleaned: the same where unusual normal pictures were left out; its finds are dotted.
        ax: where to draw; a new figure by default.
        say: writes what the study says; English by default.
    """
    ax = axes(ax, 3.2, 2.4)
    dress(ax, ruled="y")
    points = found.points
    places = [found.steps.index(point.at) for point in points]
    for name, colour in (("false_alarms", FALSE_ALARM), ("found", INK)):
        spreads = [getattr(point, name) for point in points]
        ends = [[np.nan if end is None else end for end in (s.low, s.high)] for s in spreads]
        ax.fill_between(places, *np.transpose(ends), color=colour, alpha=0.14, linewidth=0)
        ax.plot(places, _middles(spreads), color=colour, marker="o", markersize=3, linewidth=1.4)
    if cleaned is not None:
        again = [cleaned.steps.index(point.at) for point in cleaned.points]
        ax.plot(again, _middles([p.found for p in cleaned.points]), color=INK, linewidth=1.4, linestyle=(0, (1, 1.5)))
    promises = [np.nan if point.promise is None else point.promise[0] / point.promise[1] for point in points]
    ax.plot(places, promises, color=ACCENT, linewidth=1, linestyle=(0, (3, 3)))
    said = found.judgement
    if said.word == "loses" and said.at is not None:
        ax.axvline(found.steps.index(said.at), color=MISS, linewidth=1)
    ax.set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    ax.set_xticks(range(len(found.steps)), [str(step) for step in found.steps])
    ax.yaxis.set_major_formatter(percent)
    colour = MISS if said.word in ("loses", "helps") else MUTED
    ax.set_title(_wrapped(say(judged(found))), loc="left", fontsize=SMALL, color=colour)
    return ax


def study_row(
    studies: Sequence[Study], say: Callable[[Sentence], str] = str, legend: bool = True
) -> np.ndarray[Any, Any]:
    """Draw studies of one kind, a method each, in rows of five; return their Axes.

    Args:
        studies: of one kind; of two of a method the one without unusual normal pictures is drawn into the other.
        say: writes what studies say; English by default.
        legend: whether it is said above what lines and bands are.
    """
    plain = [each for each in studies if not each.cleaned]
    cleaned = {each.key: each for each in studies if each.cleaned}
    across = min(len(plain), 5)
    down = -(-len(plain) // across)
    made = grid(down, across, 2.7 * across + 0.5, 2.9 * down).ravel()
    for ax, found in zip(made, plain, strict=False):
        study(found, cleaned.get(found.key), ax, say)
        method = found.key.partition("/")[0]
        title = METHODS[method].title if method in METHODS else method
        ax.set_xlabel(title, fontsize=USUAL, color=INK)
    for ax in made[len(plain) :]:
        ax.remove()
    if not legend:
        return made
    first = plain[0]
    what = "dirty pictures among the normal ones" if first.about == "dirt" else "normal pictures"
    dotted = ", dotted: unusual normal pictures left out" if cleaned else ""
    said = (
        f"Found (black{dotted}) and false alarms (brown), %, by {what}; bands: range of {first.points[0].draws} draws;"
        f" dashed: promised. {int((first.labels == 0).sum())} good and {int((first.labels == 1).sum())} defective"
        " pictures tested."
    )
    made[0].figure.suptitle(fill(said, 40 * across), x=0.01, ha="left", fontsize=SMALL, color=MUTED)
    return made


def _middles(spreads: Sequence[Spread]) -> list[float]:
    return [np.nan if spread.figure.value is None else spread.figure.value for spread in spreads]


def _wrapped(said: str) -> str:
    """Break a sentence into lines; Hangul is twice as wide as Latin letters."""
    hangul = any("\uac00" <= letter <= "\ud7a3" for letter in said)
    return fill(said, _WRAP * 2 // 3 if hangul else _WRAP)
