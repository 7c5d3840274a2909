"""The parts of the report as values for its template and its charts: columns, rates, differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import paired_auroc_difference, tell_apart, thresholds
from detectors.evaluation.thresholds import Threshold, ThresholdChoice
from detectors.report.wording import Words
from detectors.result import Column, Figure, Result

PICTURE_FIGURES = ("image_auroc", "image_auroc_with_normals", "average_precision", "f1_max")
PIXEL_FIGURES = ("pixel_auroc", "pixel_average_precision", "aupro", "aupro_05", "aupimo")


def figure_names(result: Result) -> list[str]:
    """Return the figures that tables show: all, but with held-out normals counted as good only where that was asked."""
    return [
        name
        for name in (*PICTURE_FIGURES, *PIXEL_FIGURES)
        if name != "image_auroc_with_normals" or any(name in column.figures for column in result.columns)
    ]


def auroc(column: Column) -> Figure:
    """Return a column's AUROC, absent where nobody measured it."""
    return column.figures.get("image_auroc", Figure(None))


def leader(result: Result, focus: str | None) -> Column | None:
    """Return the column in focus: the one asked for, else the one with the highest AUROC, else the first."""
    for column in result.columns:
        if column.key == focus:
            return column
    measured = [c for c in result.columns if auroc(c).value is not None]
    if measured:
        return max(measured, key=lambda c: auroc(c).value or 0.0)
    return result.columns[0] if result.columns else None


def column_parts(
    result: Result, words: Words, choice: ThresholdChoice, focus: Column | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return one dict per column, and the notes under the table."""
    notes = _Notes(result, words)
    slowest = max((_share(c) for c in result.columns), default=1.0)
    parts = []
    for column in result.columns:
        title = words.title(result, column)
        part = {
            "title": title,
            "focus": column is focus and len(result.columns) > 1,
            "auroc": words.figure(auroc(column)),
            "figures": [
                words.figure(column.figures.get(f), words.t["figures"]["none"]) | {"note": notes.number(column, f)}
                for f in figure_names(result)
            ],
            "cost": _cost(column, slowest),
            "alt": _alt(result, words, column, choice.value_of(column)),
        }
        parts.append(part)
    return parts, notes.written()


def short_lines(words: Words, column: Column) -> list[str]:
    """Return the figures that stand in small below a method's name."""
    return [line for f in ("average_precision", "aupro") if (line := _short(words, column, f))]


def differences(result: Result, focus: Column, words: Words) -> list[dict[str, Any]]:
    """Return the focus against each other column, in points of AUROC."""
    found = []
    for column in result.columns:
        if column is focus:
            continue
        figure = paired_auroc_difference(result.labels, focus.scores, column.scores)
        part: dict[str, Any] = {
            "pair": f"{words.title(result, focus)} – {words.title(result, column)}",
            "words": words.say(tell_apart(figure)),
            "figure": figure,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "sure": figure.low is not None and figure.low > 0,
            "equal": tell_apart(figure).key.startswith("metrics.equal"),
        }
        if figure.value is not None and figure.low is not None and figure.high is not None:
            low, value, high = (round(100 * v) for v in (figure.low, figure.value, figure.high))
            part |= {"short": f"{value:+d}" if value else "0", "range": f"[{low}, {high}]"}
        found.append(part)
    return found


def both_multiples(column: Column, at: float | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return held-out and test scores as multiples of the threshold; all 1 where there is none."""
    if at is None:
        return np.ones(len(column.held_out)), np.ones(len(column.scores))
    held, scores = (thresholds.multiples(v, at, column.held_out) for v in (column.held_out, column.scores))
    return held, scores


class _Notes:
    """Numbered notes under the table: why a figure is absent, and what to bear in mind."""

    def __init__(self, result: Result, words: Words) -> None:
        self.result, self.words, self.found = result, words, {}  # type: ignore[var-annotated]

    def number(self, column: Column, name: str) -> int | None:
        """Return the number of the note for a figure, or None where there is nothing to say."""
        reason = column.figures.get(name, Figure(None)).reason
        if reason is None:
            return None
        key = self.words.say(reason)
        self.found.setdefault(key, None)
        return list(self.found).index(key) + 1

    def written(self) -> list[str]:
        """Return the notes in order."""
        return list(self.found)


def rates(result: Result, words: Words, column: Column, threshold: Threshold | None) -> list[dict[str, Any]]:
    """Return what a threshold finds and falsely alarms: "found", "false" and "flagged", each with its interval."""
    if threshold is None:
        return []
    at = threshold.value
    c = thresholds.confusion(result.labels, column.scores, at)
    defective, good, unlabelled = c.found + c.missed, c.false_alarms + c.passed, np.isnan(result.labels)
    counted = [("found", c.found_rate, c.found, defective), ("false", c.false_alarm_rate, c.false_alarms, good)]
    if unlabelled.any():
        flagged, of = int((column.scores[unlabelled] > at).sum()), int(unlabelled.sum())
        counted.append(("flagged", thresholds.wilson(flagged, of), flagged, of))
    parts = [words.rate(figure, count, of, key) for key, figure, count, of in counted if of]
    for part in parts:
        if part["key"] == "false" and thresholds.exceeds_promise(part["figure"], threshold):
            part["range"] += words.t["scores"]["exceeds"].format(j=threshold.allowed, of=threshold.of)
    return parts


def _alt(result: Result, words: Words, column: Column, at: float | None) -> str:
    title = words.title(result, column)
    if at is None:
        return title
    c = thresholds.confusion(result.labels, column.scores, at)
    return str(words.t["scores"]["alt"]).format(
        method=title, found=c.found, defective=c.found + c.missed, false=c.false_alarms, good=c.false_alarms + c.passed
    )


def _short(words: Words, column: Column, name: str) -> str:
    if name == "aupro" and column.maps is None:
        return str(words.t["scores"]["image_level"])
    shown = words.figure(column.figures.get(name))
    if shown["value"] is None:
        return ""
    interval = shown["range"] if name == "aupro" else ""
    return f"{words.t['scores']['short'][name]} {shown['short']} {interval}".strip()


def _share(column: Column) -> float:
    return 100 * column.cost.milliseconds_per_picture / max(column.cost.backbone_milliseconds, 1e-9)


def _cost(column: Column, slowest: float) -> dict[str, Any]:
    cost, share = column.cost, _share(column)
    return {
        "fit": f"{cost.fit_seconds:.2f}" if cost.fit_seconds < 1 else f"{cost.fit_seconds:.1f}",
        "picture": f"{cost.milliseconds_per_picture:.1f}",
        "model": f"{cost.model_bytes / 1e6:.1f}",
        "share": f"{share:.0f}",
        "bar": max(round(80 * share / max(slowest, 1e-9)), 1),
    }
