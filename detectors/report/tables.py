"""A result as text: one CSV row per picture and method, and everything but the pictures as JSON."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict
from typing import Any

import numpy as np

from detectors.errors import Sentence
from detectors.evaluation.thresholds import USUAL, Threshold, ThresholdChoice, multiples, normals_below, verdict
from detectors.result import Column, Figure, Result, ResultPicture

HEADINGS = (
    "index", "picture", "kind", "defective", "severity", "synthetic", "method", "backbone", "score", "limit",
    "times_limit", "normals_below", "normals", "verdict", "sha256", "threshold_by",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_SPLIT = re.compile(r"([;\t]\s*)(?=[=+\-@|%＝＋－＠])")


def write_csv(result: Result, choice: ThresholdChoice = USUAL) -> str:
    """Return one row per picture and method: score, threshold ("limit", as in 0.1), what set it, verdict.

    Numbers are written so that reading them gives the same float64. No text cell starts with a character that a
    spreadsheet would take for a formula: such names get a leading apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for column in result.columns:
        threshold = choice.of(column)
        at = None if threshold is None else threshold.value
        below = normals_below(column.held_out, column.scores)
        times = multiples(column.scores, at, column.held_out) if at is not None else [None] * len(column.scores)
        for index, (picture, score) in enumerate(zip(result.test, column.scores, strict=True)):
            writer.writerow(
                [
                    index,
                    cell(picture.name),
                    cell(picture.kind),
                    {True: "yes", False: "no", None: ""}[picture.defective],
                    _number(picture.severity),
                    "yes" if picture.synthetic else "no",
                    cell(column.method),
                    cell(column.backbone),
                    _number(score),
                    _number(at),
                    _number(times[index]),
                    int(below[index]) if len(column.held_out) else "",
                    len(column.held_out),
                    "" if at is None else verdict(picture.defective, bool(score > at)),
                    picture.sha256,
                    "" if threshold is None else threshold.origin,
                ]
            )
    return text.getvalue()


def to_json(result: Result, choice: ThresholdChoice = USUAL) -> dict[str, Any]:
    """Return everything but pictures and maps as values that `json` can write, floats to the last digit."""
    return {
        "data": result.data,
        "experiment": plain(result.experiment),
        "versions": plain(result.versions),
        "warnings": [_sentence(w) for w in result.warnings],
        "trivial": {name: _figure(f) for name, f in result.trivial.items()},
        "pictures": {
            "test": [_picture(p) for p in result.test],
            "held_out": [_picture(p) for p in result.held_out],
            "learnt": [_picture(p) for p in result.learnt],
        },
        "columns": [_column(c, choice.of(c)) for c in result.columns],
        "failures": [
            {"key": f.key, "method": f.method, "backbone": f.backbone, "sentence": _sentence(f.sentence)}
            for f in result.failures
        ],
    }


def plain(value: Any) -> Any:
    """Turn tuples, arrays and numpy numbers into lists and Python numbers; what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _column(column: Column, threshold: Threshold | None) -> dict[str, Any]:
    return {
        "key": column.key,
        "method": column.method,
        "backbone": column.backbone,
        "settings": plain(column.settings),
        "weights": asdict(column.weights),
        "engine": column.engine,
        "threshold": None if threshold is None else asdict(threshold),
        "limit": None if threshold is None else threshold.value,
        "scores": plain(column.scores),
        "held_out": plain(column.held_out),
        "levels": plain(column.levels),
        "held_out_levels": plain(column.held_out_levels),
        "map_scale": None if column.scale is None else asdict(column.scale),
        "figures": {name: _figure(f) for name, f in column.figures.items()},
        "cost": plain(asdict(column.cost)),
        "notes": [_sentence(n) for n in column.notes],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": plain(figure.value),
        "low": plain(figure.low),
        "high": plain(figure.high),
        "method": figure.method,
        "reason": None if figure.reason is None else _sentence(figure.reason),
    } | ({"each": plain(figure.each)} if figure.each else {})


def _picture(picture: ResultPicture) -> dict[str, Any]:
    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "defective": picture.defective,
        "kind": picture.kind,
        "severity": picture.severity,
        "synthetic": picture.synthetic,
        "has_mask": picture.mask is not None,
        "local": picture.local,
    }


def _sentence(sentence: Sentence) -> dict[str, str]:
    return {"key": sentence.key, "text": str(sentence)}


def cell(value: str | None) -> str:
    """Return text that no spreadsheet takes for a formula, wherever it splits the line.

    >>> cell("=1+1"), cell(";=1+1"), cell("a;@b, c")
    ("'=1+1", ";'=1+1", "a;'@b, c")
    """
    text = "".join(c if c.isprintable() else " " for c in value or "")
    if (value or "").startswith(_FORMULA) or text.lstrip().startswith(_FORMULA):
        text = "'" + text
    return _SPLIT.sub(r"\1'", text)


def _number(value: Any) -> str:
    return "" if value is None or not np.isfinite(value) else repr(float(value))
