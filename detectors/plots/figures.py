"""Figures with their intervals: a point on a pale bar, and the numbers beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor
from typing import TYPE_CHECKING

from detectors.plots.axes import ACCENT, CONTROL, INK, MUTED, SMALL, SOFT, USUAL, WORDS, axes, dress
from detectors.plots.selection import chosen, in_focus, title
from detectors.result import Figure, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)  # between ticks
MOST_TICKS = 5


def figures(
    result: Result,
    name: str = "image_auroc",
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    words: Mapping[str, str] = WORDS,
) -> Axes:
    """Draw one of the figures of `Column.figures` for every method; the other arguments are those of `plots.roc`."""
    wanted = chosen(result, columns)
    main = in_focus(wanted, focus)
    rows = {title(column, result): column.figures.get(name, Figure(None)) for column in wanted}
    return intervals(
        rows, ax, focus=title(main, result) if main else None, across=words.get(name, name.replace("_", " ")),
        guess=0.5 if name.endswith("auroc") else None,
    )  # fmt: skip


def intervals(
    rows: Mapping[str, Figure],
    ax: Axes | None = None,
    *,
    focus: str | None = None,
    across: str = "",
    guess: float | None = None,
    signed: bool = False,
    written: Sequence[str] | None = None,
    between: tuple[float, float, float] | None = None,
) -> Axes:
    """Draw figures below each other on one axis; one that is absent says why.

    Args:
        rows: by name, from above.
        ax: where to draw; a new figure by default.
        focus: the row in the accent.
        across: the axis' label.
        guess: where a dotted line stands (0.5 for an AUROC, 0 for a difference), if the axis reaches it.
        signed: write differences, in points of 0.01.
        written: what stands beside each row; its figure with the interval by default.
        between: (low, high, step) of the axis; what holds all figures by default.
    """
    ax = axes(ax, 6.0, 0.34 * max(len(rows), 1) + 0.7)
    low, high, step = between or span(rows.values(), guess if signed else None)
    dress(ax, across, ruled="x")
    ax.set(xlim=(low - 0.02 * (high - low), high + 0.02 * (high - low)), ylim=(max(len(rows), 1) - 0.5, -0.5))
    places = [low + i * step for i in range(round((high - low) / step) + 1)]
    ax.set_xticks(places, [(f"{100 * v:+.0f}" if round(100 * v) else "0") if signed else f"{v:.2g}" for v in places])
    ax.set_yticks(range(len(rows)), list(rows))
    for y, (tick, (name, figure)) in enumerate(zip(ax.get_yticklabels(), rows.items(), strict=True)):
        colour = ACCENT if name == focus else INK
        tick.set(color=colour, fontsize=USUAL, parse_math=False)
        if figure.low is not None and figure.high is not None:
            pale = ACCENT if name == focus else SOFT
            ax.plot((figure.low, figure.high), (y, y), color=pale, alpha=0.45, linewidth=5, solid_capstyle="round")
        if figure.value is not None:
            ax.plot(figure.value, y, marker="o", markersize=7, color=colour, linestyle="none", zorder=3)
        ax.annotate(
            write(figure, signed) if written is None else written[y], (1, y), (8, 0),
            xycoords=("axes fraction", "data"), textcoords="offset points",
            fontsize=SMALL, color=INK if figure.value is not None else MUTED, va="center", parse_math=False,
        )  # fmt: skip
    if guess is not None and low <= guess <= high:
        ax.axvline(guess, color=CONTROL, linewidth=1, linestyle=(0, (2, 3)))
    return ax


def span(figures: Iterable[Figure], within: float | None = None) -> tuple[float, float, float]:
    """Return (low, high, step) of an axis that holds all figures with their intervals, and `within`.

    >>> span([Figure(0.9, 0.78, 0.97)])
    (0.75, 1.0, 0.05)
    """
    known = [v for f in figures for v in (f.value, f.low, f.high) if v is not None]
    known += [] if within is None else [within]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    for step in STEPS:
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        last = max(last, first + 1)
        if last - first <= MOST_TICKS:
            break
    return round(first * step, 9), round(last * step, 9), step


def write(figure: Figure, signed: bool = False) -> str:
    """Write a figure with its interval, or why there is none.

    >>> write(Figure(0.886, 0.64, 0.97)), write(Figure(0.08, -0.04, 0.19), signed=True)
    ('0.89 [0.64, 0.97]', '+8 [-4, 19]')
    """
    if figure.value is None:
        return str(figure.reason or "")
    digits, times = ("{:.0f}", 100) if signed else ("{:.2f}", 1)
    value = f"{times * figure.value:+.0f}" if signed else digits.format(figure.value)
    if figure.low is None or figure.high is None:
        return value
    return f"{value} [{digits.format(times * figure.low)}, {digits.format(times * figure.high)}]"
