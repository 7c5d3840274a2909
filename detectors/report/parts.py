"""The parts of the report as values for its template: columns, plots, differences."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import paired_auroc_difference, tell_apart, thresholds
from detectors.evaluation.curves import Curve, precision_recall_curve, pro_curve, roc_curve
from detectors.report.charts import Axis, band, lanes, line, threshold_point
from detectors.report.tables import column_threshold
from detectors.report.wording import Words
from detectors.result import Column, Figure, Result

FIGURES = ("image_auroc", "average_precision", "f1_max", "pixel_auroc", "pixel_average_precision", "aupro")
LANE_WIDTH, LANE_HEIGHT, RADIUS = 460, 84, 3.6
PLOT = 240


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
    result: Result, words: Words, rate: float | None, focus: Column | None
) -> tuple[Any, list[Any], list[str]]:
    """Return the shared axis (None without a threshold), one dict per column, and the notes under the table."""
    by_column = [column_threshold(c, rate) for c in result.columns]
    multiples = [both_multiples(c, at) for c, at in zip(result.columns, by_column, strict=True)]
    axis = (
        Axis.over([m for pair in multiples for m in pair], LANE_WIDTH) if multiples and None not in by_column else None
    )
    notes = _Notes(result, words)
    slowest = max((_share(c) for c in result.columns), default=1.0)
    parts = []
    for column, at, (held, times) in zip(result.columns, by_column, multiples, strict=True):
        marks, bars = lanes(axis, held, times, result.test, LANE_HEIGHT, RADIUS) if axis else ([], [])
        part = {
            "title": words.title(result, column),
            "focus": column is focus and len(result.columns) > 1,
            "marks": marks,
            "bars": bars,
            "auroc": words.figure(auroc(column)),
            "figures": [
                words.figure(column.figures.get(f), words.t["figures"]["none"]) | {"note": notes.number(column, f)}
                for f in FIGURES
            ],
            "short": [_short(words, column, f) for f in ("average_precision", "aupro") if _short(words, column, f)],
            "cost": _cost(column, slowest),
        }
        parts.append(part | _rates(result, words, column, at, words.title(result, column)))
    return axis, parts, notes.written()


def plots(result: Result, focus: Column, rate: float | None, words: Words) -> list[dict[str, Any]]:
    """Return ROC, precision-recall and PRO of all columns, the focus with its band."""
    labels, at = result.labels, column_threshold(focus, rate)
    families: list[tuple[str, float, dict[str, Curve]]] = [
        ("roc", 1.0, {c.key: roc_curve(labels, c.scores) for c in result.columns}),
        ("pr", 1.0, {c.key: precision_recall_curve(labels, c.scores) for c in result.columns}),
        ("pro", 0.3, {c.key: pro_curve(result.test, c.maps) for c in result.columns}),
    ]
    found = []
    for name, right, curves in families:
        drawn = {key: curve for key, curve in curves.items() if len(curve.x)}
        main = drawn.get(focus.key)
        found.append(
            {
                "name": name,
                "right": right,
                "diagonal": name == "roc",
                "others": [line(c, PLOT, right) for key, c in drawn.items() if key != focus.key],
                "line": line(main, PLOT, right) if main else "",
                "band": band(main, PLOT, right) if main and len(main.band_x) else "",
                "threshold": threshold_point(main, at, PLOT) if main and name == "roc" and at is not None else None,
                "reason": "" if drawn else words.say(next(iter(curves.values())).reason),
            }
        )
    return found


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


def _rates(result: Result, words: Words, column: Column, at: float | None, title: str) -> dict[str, Any]:
    if at is None:
        return {"rates": [], "alt": title}
    c = thresholds.confusion(result.labels, column.scores, at)
    defective, good = c.found + c.missed, c.false_alarms + c.passed
    rates = []
    if defective:
        rates.append(words.rate(c.found_rate, c.found, defective, "found", ""))
    if good:
        rates.append(words.rate(c.false_alarm_rate, c.false_alarms, good, "false", "amber"))
    unlabelled = np.isnan(result.labels)
    if unlabelled.any():
        flagged = int((column.scores[unlabelled] > at).sum())
        rates.append(
            words.rate(thresholds.wilson(flagged, int(unlabelled.sum())), flagged, int(unlabelled.sum()), "flagged", "")
        )
    alt = words.t["scores"]["alt"].format(
        method=title, found=c.found, defective=defective, false=c.false_alarms, good=good
    )
    return {"rates": rates, "alt": alt}


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
