"""ROC, precision-recall and PRO of several methods: the one in focus in the accent with its band, the others grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detectors.evaluation import Curve, precision_recall_curve, pro_curve, roc_curve
from detectors.evaluation.thresholds import confusion
from detectors.plots.axes import (
    ACCENT,
    CONTROL,
    GROUND,
    INK,
    MUTED,
    SMALL,
    SOFT,
    WORDS,
    axes,
    dress,
    label,
    percent,
    say,
)
from detectors.plots.selection import chosen, in_focus, threshold, title
from detectors.result import Column, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PRO_LIMIT = 0.3  # of the normal pixels: beyond, more is flagged than any line would bear
_DASHES = ("-", "--", ":", "-.")  # of the methods out of focus
_NAME = 26  # letters of a name on one line of a legend
_AREA = {"roc": "image_auroc", "precision_recall": "average_precision", "pro": "aupro"}


def roc(
    result: Result,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    words: Mapping[str, str] = WORDS,
) -> Axes:
    """Draw false alarms against defects found, with Wilson's band, and a ring where the threshold stands.

    Args:
        result: of a comparison.
        ax: where to draw; a new figure by default.
        columns: keys ("padim/resnet18") or methods; all by default.
        focus: the column in the accent; the one with the highest AUROC by default.
        thresholds: by column key; by default set on the held-out normals, at the rate nearest to 5 %.
        words: what is written, in another language.
    """
    return _draw("roc", result, ax, columns, focus, thresholds, words)


def precision_recall(
    result: Result,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    words: Mapping[str, str] = WORDS,
) -> Axes:
    """Draw defects found against the share of defective pictures among those flagged; arguments as of `roc`."""
    return _draw("precision_recall", result, ax, columns, focus, thresholds, words)


def pro(
    result: Result,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    words: Mapping[str, str] = WORDS,
) -> Axes:
    """Draw normal pixels flagged against the per-region overlap, with a band over pictures; arguments as of `roc`."""
    return _draw("pro", result, ax, columns, focus, None, words)


def curve(kind: str, result: Result, column: Column) -> Curve:
    """Return a column's curve: `kind` is "roc", "precision_recall" or "pro"."""
    if kind == "pro":
        return pro_curve(result.test, column.maps, PRO_LIMIT)
    return (roc_curve if kind == "roc" else precision_recall_curve)(result.labels, column.scores)


def operating_point(kind: str, result: Result, column: Column, at: float | None) -> tuple[float, float] | None:
    """Return where a threshold stands on a ROC or precision-recall curve, counted on the labelled test pictures."""
    if at is None:
        return None
    counted = confusion(result.labels, column.scores, at)
    found, false = counted.found_rate.value, counted.false_alarm_rate.value
    if found is None or false is None:
        return None
    if kind == "roc":
        return false, found
    flagged = counted.found + counted.false_alarms
    return (found, counted.found / flagged) if flagged else None


def painted_point(curve: Curve, column: Column) -> tuple[float, float] | None:
    """Return where maps begin to be coloured on a PRO curve: at 1 on the common scale."""
    if column.scale is None:
        return None
    above = [i for i, score in enumerate(curve.at) if score >= column.scale.q99]
    return (float(curve.x[above[-1]]), float(curve.y[above[-1]])) if above and above[-1] + 1 < len(curve.x) else None


def _draw(
    kind: str,
    result: Result,
    ax: Axes | None,
    columns: Sequence[str] | None,
    focus: str | None,
    thresholds: Mapping[str, float] | None,
    words: Mapping[str, str],
) -> Axes:
    wanted = chosen(result, columns)
    main = in_focus(wanted, focus)
    ax = axes(ax, 4.6, 4.4)
    right = PRO_LIMIT if kind == "pro" else 1.0
    dress(ax, words[f"{kind}_x"], words[f"{kind}_y"])
    ax.set(xlim=(-0.01 * right, 1.01 * right), ylim=(-0.01, 1.01), box_aspect=1)
    ax.set_xticks([right * share for share in ((0, 1 / 3, 2 / 3, 1) if kind == "pro" else (0, 0.25, 0.5, 0.75, 1))])
    ax.set_yticks((0, 0.25, 0.5, 0.75, 1))
    ax.xaxis.set_major_formatter(percent)
    ax.yaxis.set_major_formatter(percent)
    if kind == "roc":
        ax.plot((0, 1), (0, 1), color=CONTROL, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
    others = [column for column in wanted if column is not main]
    said = ""
    for place, column in enumerate((*others, main) if main else ()):
        found = curve(kind, result, column)
        if not len(found.x):
            said = say(found.reason, words) if found.reason else ""
            continue
        focused = column is main
        look: dict[str, Any] = {"color": ACCENT, "linewidth": 2.2, "zorder": 4} if focused else {
            "color": SOFT, "linewidth": 1.2, "zorder": 3, "linestyle": _DASHES[place % len(_DASHES)]}  # fmt: skip
        ax.plot(found.x, found.y, label=_named(kind, column, result), **look)
        if focused and len(found.band_x):
            ax.fill_between(found.band_x, found.low, found.high, color=ACCENT, alpha=0.14, linewidth=0, zorder=2)
        point = (
            painted_point(found, column) if kind == "pro"
            else operating_point(kind, result, column, threshold(column, thresholds))
        )  # fmt: skip
        if point and point[0] <= right:
            _mark(ax, point, focused, words["painted" if kind == "pro" else "threshold"])
    names = ax.get_legend_handles_labels()[1]
    if not names:
        label(ax, right / 2, 0.5, said, ha="center", va="center", color=MUTED, wrap=True)
        return ax
    corner: Any = "lower left" if kind == "precision_recall" else "lower right"
    legend = ax.legend(loc=corner, reverse=True, frameon=False, fontsize=SMALL, labelcolor=MUTED)
    legend.set_in_layout(False)  # no name is so long that the curves get no room
    for written in legend.get_texts():
        written.set_parse_math(False)
    if main is not None and names[-1] == _named(kind, main, result):
        legend.get_texts()[0].set_color(ACCENT)
    return ax


def _named(kind: str, column: Column, result: Result) -> str:
    figure = column.figures.get(_AREA[kind])
    name = title(column, result)
    name = name if len(name) <= _NAME else name.replace(" · ", "\n")
    return name if figure is None or figure.value is None else f"{name}  {figure.value:.2f}"


def _mark(ax: Axes, point: tuple[float, float], focused: bool, word: str) -> None:
    """Mark where the threshold stands: a ring with its word for the focus, a small cross for the others."""
    if not focused:
        ax.plot(*point, marker="x", markersize=5, markeredgewidth=1.2, color=SOFT, zorder=5, clip_on=False)
        return
    ax.plot(
        *point, marker="o", markersize=8, markeredgewidth=2, markeredgecolor=ACCENT, markerfacecolor=GROUND, zorder=6,
        clip_on=False,
    )  # fmt: skip
    left = point[0] > 0.7 * ax.get_xlim()[1]
    ax.annotate(
        word, point, (-9 if left else 9, -10), textcoords="offset points", ha="right" if left else "left", va="top",
        fontsize=SMALL, color=INK, zorder=6,
    )  # fmt: skip
