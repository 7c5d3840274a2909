"""Scores of all pictures: histograms of one method each, and every method on one axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import thresholds as held_out
from detectors.plots.axes import (
    ACCENT,
    CONTROL,
    FALSE_ALARM,
    GROUND,
    INK,
    LINE,
    MISS,
    MUTED,
    SMALL,
    SOFT,
    USUAL,
    WORDS,
    axes,
    dress,
    grid,
    label,
)
from detectors.plots.selection import chosen, in_focus, threshold, title
from detectors.plots.stacks import Cell, stacks
from detectors.result import Column, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY = 150  # pictures of one method; beyond, `scores` draws bars
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)  # what lies beyond is drawn at the end
_LANES = {"held_out": 0.72, "good": 0.5, "unknown": 0.5, "defective": 0.26}  # of a method's row, from below
_LOOKS: dict[str, dict[str, Any]] = {
    "held_out": {"marker": "o", "facecolor": GROUND, "edgecolor": SOFT, "s": 16},
    "good": {"marker": "o", "facecolor": SOFT, "edgecolor": SOFT, "s": 22},
    "unknown": {"marker": "o", "facecolor": GROUND, "edgecolor": MUTED, "s": 22},
    "false_alarm": {"marker": "o", "facecolor": FALSE_ALARM, "edgecolor": FALSE_ALARM, "s": 22},
    "found": {"marker": "D", "facecolor": INK, "edgecolor": INK, "s": 20},
    "miss": {"marker": "D", "facecolor": GROUND, "edgecolor": MISS, "s": 20},
}


def histograms(
    result: Result,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    words: Mapping[str, str] = WORDS,
) -> Any:
    """Draw each method's scores: defective pictures upwards, good and held-out ones downwards, a line at the threshold.

    Args:
        result: of a comparison.
        ax: where to draw one method, which is then returned; a new figure with one Axes per column by default.
        columns: keys ("padim/resnet18") or methods; with `ax` the one in focus by default, else all.
        focus: the column in the accent; the one with the highest AUROC by default.
        thresholds: by column key; by default set on the held-out normals, at the rate nearest to 5 %.
        words: what is written, in another language.

    Returns:
        The Axes; a (columns,) array of them where none was given.
    """
    wanted = chosen(result, columns)
    main = in_focus(wanted, focus)
    if ax is not None:
        if main is not None:
            _histogram(ax, result, main, threshold(main, thresholds), words, focused=True)
        return ax
    every = grid(max(len(wanted), 1), 1, 6.4, 2.1 * max(len(wanted), 1) + 0.4)[:, 0]
    for each, column in zip(every, wanted, strict=False):
        _histogram(each, result, column, threshold(column, thresholds), words, focused=column is main)
    return every


def scores(
    result: Result,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    words: Mapping[str, str] = WORDS,
) -> Axes:
    """Draw every picture on one axis, in multiples of each method's own threshold; arguments as of `roc`.

    Held-out normals on top, good pictures in the middle, defective ones below. A column without one is left out.
    """
    wanted = [(c, at) for c in chosen(result, columns) if (at := threshold(c, thresholds)) is not None]
    main = in_focus([column for column, _ in wanted], focus)
    ax = axes(ax, 8.0, 0.75 * max(len(wanted), 1) + 0.9)
    dress(ax, words["multiple"], ruled="x")
    multiples = [
        tuple(held_out.multiples(v, at, column.held_out) for v in (column.held_out, column.scores))
        for column, at in wanted
    ]
    ticks, beyond = _ticks(np.concatenate([np.ones(1), *(v for pair in multiples for v in pair)]))
    ax.set_xscale("log")
    ax.set(xlim=(ticks[0] / 1.03, ticks[-1] * 1.03), ylim=(len(wanted), 0))
    ax.set_xticks(ticks, [f"{t:g}{'+' if beyond and t == ticks[-1] else ''}" for t in ticks])
    ax.set_xticks((), minor=True)
    ax.set_yticks([row + 0.5 for row in range(len(wanted))], [title(column, result) for column, _ in wanted])
    for row, ((column, _), written, pair) in enumerate(zip(wanted, ax.get_yticklabels(), multiples, strict=True)):
        written.set(color=ACCENT if column is main else INK, fontsize=USUAL, parse_math=False)
        if row:
            ax.axhline(row, color=LINE, linewidth=0.8)
        held, times = (np.clip(values, ticks[0], ticks[-1]) for values in pair)
        _lanes(ax, result, column, row, held, times, pair[1] > 1)
    ax.axvline(1, color=ACCENT, linewidth=1.8)
    ax.annotate(
        words["threshold"], (1, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
        color=ACCENT, fontsize=SMALL, ha="center", va="bottom",
    )  # fmt: skip
    return ax


def _histogram(
    ax: Axes, result: Result, column: Column, at: float | None, words: Mapping[str, str], focused: bool
) -> None:
    edges, cells = stacks(result, column)
    widths = np.diff(edges)
    parts: dict[tuple[str, bool], list[Cell]] = {}
    for cell in cells:
        parts.setdefault((cell.group, at is not None and cell.score > at), []).append(cell)
    for (group, flagged), own in parts.items():
        face, edge = _paint(group, flagged, at is not None)
        if len(cells) <= MANY:
            places, bottom = [cell.bin for cell in own], np.array([cell.base for cell in own])
            tall = np.ones(len(own))
        else:  # cells of one bar lie next to each other
            places = sorted({cell.bin for cell in own})
            bottom = np.array([min(cell.base for cell in own if cell.bin == place) for place in places])
            tall = np.array([float(sum(cell.bin == place for cell in own)) for place in places])
        ax.bar(edges[places], tall, widths[places], bottom, align="edge", color=face, edgecolor=edge, linewidth=0.8)
    highest = max((c.base + 1 for c in cells), default=1)
    lowest = min((c.base for c in cells), default=-1)
    room = 0.12 * (max(highest, 1) - min(lowest, 0))
    dress(ax, words["score"], words["pictures"], ruled="")
    ax.set(xlim=(edges[0] - 0.02 * np.ptp(edges), edges[-1] + 0.02 * np.ptp(edges)))
    ax.set_ylim(min(lowest, 0) - room, max(highest, 1) + room)
    ax.axhline(0, color=CONTROL, linewidth=1)
    ax.locator_params(axis="y", integer=True, nbins=5)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_title(title(column, result), loc="left", fontsize=USUAL, color=ACCENT if focused else INK, parse_math=False)
    said = {cell.group for cell in cells}
    above, below = (
        ", ".join(words[g] for g in groups if g in said) for groups in (("defective", "unknown"), ("good", "held_out"))
    )
    label(ax, 0.005, 0.99, above, transform=ax.transAxes, ha="left", va="top", color=MUTED)
    label(ax, 0.995, 0.01, below, transform=ax.transAxes, ha="right", va="bottom", color=MUTED)
    if at is not None:
        ax.axvline(at, color=ACCENT, linewidth=1.8)
        ax.annotate(
            f"{words['threshold']} {at:.4g}", (at, 1), (0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=ACCENT, fontsize=SMALL, ha="center", va="bottom",
        )  # fmt: skip


def _paint(group: str, flagged: bool, judged: bool) -> tuple[str, str]:
    """Return face and edge of a group's bars; only errors are loud."""
    if group == "held_out":
        return GROUND, SOFT
    if group == "good":
        return (FALSE_ALARM, GROUND) if flagged else (SOFT, GROUND)
    if group == "unknown":
        return GROUND, MUTED
    return (GROUND, MISS) if judged and not flagged else (INK, GROUND)


def sorts(result: Result, flagged: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Return how each test picture is marked: "good", "false_alarm", "found", "miss" or "unknown"."""
    labels = result.labels
    good, defective = np.where(flagged, "false_alarm", "good"), np.where(flagged, "found", "miss")
    return np.where(np.isnan(labels), "unknown", np.where(labels == 1, defective, good))


def _ticks(multiples: NDArray[np.float64]) -> tuple[list[float], bool]:
    """Return the ticks that hold all scores, and whether some lie beyond the last one."""
    known = multiples[np.isfinite(multiples)]
    low = max((t for t in TICKS if t <= min(0.95, known[known > 0].min())), default=TICKS[0])
    high = min((t for t in TICKS if t >= max(known.max(), 1.5)), default=TICKS[-1])
    return [t for t in TICKS if low <= t <= high], bool(known.max() > high)


def _lanes(
    ax: Axes,
    result: Result,
    column: Column,
    row: int,
    held: NDArray[np.float64],
    times: NDArray[np.float64],
    flagged: NDArray[np.bool_],
) -> None:
    own = sorts(result, flagged)
    lanes = [("held_out", held), *((sort, times[own == sort]) for sort in _LOOKS if sort != "held_out")]
    edges = np.geomspace(*ax.get_xlim(), 49)
    counted = {sort: np.histogram(values, edges)[0] for sort, values in lanes}
    fullest = max(int(counts.max()) for counts in counted.values()) or 1
    for sort, values in lanes:
        lane = {"false_alarm": "good", "found": "defective", "miss": "defective"}.get(sort, sort)
        middle = row + 1 - _LANES[lane]
        if not len(values):
            continue
        look = _LOOKS[sort]
        if len(held) + len(times) > MANY:
            counts = counted[sort]
            full = counts > 0
            tall = -0.2 * counts[full] / fullest
            fill = {"color": look["facecolor"], "edgecolor": look["edgecolor"], "linewidth": 0.6}
            ax.bar(edges[:-1][full], tall, np.diff(edges)[full], middle + 0.1, align="edge", **fill)
            continue
        order = np.argsort(values)
        aside = np.zeros(len(values))
        aside[order] = (np.arange(len(values)) % 3 - 1) * 0.05  # neighbours step aside
        ax.scatter(values, middle + aside, linewidth=1.0, zorder=3, gid=f"marks-{row}-{sort}", **look)
