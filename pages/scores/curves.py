"""ROC, precision-recall and PRO of a result, few points each; PRO is measured in the workers."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from detectors.errors import Refusal, Sentence
from detectors.evaluation import Curve, precision_recall_curve, pro_curve, roc_curve
from detectors.queries import pixels
from detectors.result import Column, Result
from pages.frame import backend
from pages.frame.words import say, text

_PRO = 0.3  # of the false-positive axis


def families(result: Result, focus: str, titles: dict[str, str]) -> tuple[dict[str, Any], bool]:
    """Return the three families of curves for the browser, and whether some are still being measured."""
    by_picture = _by_picture(result.digest, result)
    pro = {c.key: _pro(c, result) for c in result.columns}
    waiting = any(curve is None for curve in pro.values())
    found = {
        name: _family(name, {key: drawn[name] for key, drawn in by_picture.items()}, result, focus, titles)
        for name in ("roc", "pr")
    }
    found["pro"] = _family("pro", pro, result, focus, titles)
    return found, waiting


@st.cache_data(max_entries=20, show_spinner=False)
def _by_picture(key: str, _result: Result) -> dict[str, dict[str, Curve]]:
    labels = _result.labels
    return {
        c.key: {"roc": roc_curve(labels, c.scores), "pr": precision_recall_curve(labels, c.scores)}
        for c in _result.columns
    }


def _pro(column: Column, result: Result) -> Curve | Sentence | None:
    if not has_pro(column, result):
        return pro_curve(result.test, column.maps)
    found = backend.current().later(pixels.pro, columns=(column.key,)).now
    return found.sentence if isinstance(found, Refusal) else found


def has_pro(column: Column, result: Result) -> bool:
    return column.maps is not None and any(p.mask is not None and p.mask.any() and p.local for p in result.test)


def _family(
    name: str, found: dict[str, Curve | Sentence | None], result: Result, focus: str, titles: dict[str, str]
) -> dict[str, Any]:
    curves = [_curve(result[key], curve, key == focus, titles[key]) for key, curve in found.items() if _drawn(curve)]
    absent = [curve for curve in found.values() if not _drawn(curve)]
    waiting = any(curve is None for curve in absent)
    said = [c if isinstance(c, Sentence) else c.reason for c in absent if c is not None]
    reasons = [say(s) for s in said if s is not None]
    title = titles.get(focus, "")
    banded = any(c["focus"] and c["band_x"] for c in curves)
    note = text("scores.curves.note" if banded else "scores.curves.note_plain", focus=title)
    if curves and not any(c["focus"] for c in curves):
        note = text("scores.curves.note_absent", focus=title)
    return {
        "right": _PRO if name == "pro" else 1.0,
        "curves": curves,
        "reason": text("scores.curves.waiting") if waiting else (reasons[-1] if reasons else ""),
        "note": note + (f" {text('scores.curves.waiting')}" if waiting and curves else ""),
    }


def _drawn(curve: Curve | Sentence | None) -> bool:
    return isinstance(curve, Curve) and len(curve.x) > 0


def _curve(column: Column, curve: Any, focus: bool, title: str) -> dict[str, Any]:
    band = {name: _short(getattr(curve, name)) if focus else [] for name in ("band_x", "low", "high")}
    made = {"key": column.key, "title": title, "focus": focus, "x": _short(curve.x), "y": _short(curve.y), **band}
    if focus and column.scale is not None and curve.x[-1] < 1:
        above = np.flatnonzero(curve.at >= column.scale.q99)
        if len(above):
            made["scale"] = [float(curve.x[above[-1]]), float(curve.y[above[-1]])]
    return made


def _short(values: Any) -> list[float]:
    return [round(float(v), 4) for v in values]
