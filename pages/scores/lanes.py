"""The Scores page in the browser: lanes, curves, verdicts. They share one threshold, which moves without the server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, isfinite, sqrt
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from detectors.plots.distributions import MANY, TICKS
from detectors.result import Column, Result, ResultPicture
from pages.frame import once, panes, session, shapes
from pages.frame.component import STORE, Component, Pictures, encoded, send
from pages.frame.pinned import several
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import language, say, set_apart, table, text

_SIDE = 80  # of a thumbnail
_ACROSS = 10  # at most, on a square sheet
LANES, LISTED, VERDICTS = (
    Component(
        name,
        f"pages/scores/{name}.html",
        ("pages/frame/component.css", "pages/scores/common.css", f"pages/scores/{name}.css"),
        ("assets/components/stored.js", *(f"pages/scores/{script}.js" for script in scripts)),
    )
    for name, scripts in {
        "lanes": ("threshold", "axis", "lane", "lanes"),
        "listed": ("threshold", "listed"),
        "verdicts": ("threshold", "verdicts"),
    }.items()
)


@dataclass(frozen=True)
class ThresholdChange:
    """A threshold that was let go: false alarms allowed in steps, and thresholds set by hand in a method's own unit."""

    allowed: int | None
    values: dict[str, float]


def lanes(
    choices: Choices, status: Status, result: Result, keys: tuple[str, ...], focus: str, by_hand: bool,
    on_moved: Callable[[ThresholdChange], None], on_focus: Callable[[str], None],
) -> tuple[int, str] | None:  # fmt: skip
    """Show all pictures of all methods on one axis; return the picture and the method that were opened just now."""
    sheets, parcel = sprites(result)
    send(parcel, "lanes")
    scored, content = once.of(result, ("lanes", language()), lambda: _scored(result))
    STORE(key="lanes_scored", data=content, height=1)
    heads = [_head(key, status, result, key == focus, set_apart(key, several(keys))) for key in keys]
    data = {
        "content": result.digest,
        "heads": heads,
        "scored": scored,
        "allowed": step[0] if (step := choices.threshold.step(len(result.held_out))) else 1,
        "values": {key: value for key, value, _ in choices.thresholds},
        "onTest": [key for key, _, origin in choices.thresholds if origin == "test"],
        "byHand": by_hand,
        "auroc": _scale(heads),
        "many": MANY,
        "ticks": TICKS,
        "sprites": sheets,
        "words": marked(words("lanes"), "auroc_head", result),
        "language": language(),
        "stale": status.stale,
    }
    heard = LANES(
        key="lanes",
        data=data,
        on_moved_change=lambda: on_moved(_moved(session.widget("lanes")["moved"], result)),
        on_focused_change=lambda: on_focus(str(session.widget("lanes")["focused"]["column"])),
        on_opened_change=_nothing,
    )
    return _opened(heard.opened, result)


def verdicts(status: Status, result: Result, keys: tuple[str, ...], focus: str) -> tuple[int, str] | None:
    """Show a confusion matrix per method and the pictures behind it; return what was opened just now."""
    data = {
        "content": result.digest, "keys": keys, "focus": focus, "sprites": sprites(result)[0],
        "words": words("verdicts"), "language": language(), "stale": status.stale,
    }  # fmt: skip
    return _opened(VERDICTS(key="verdicts", data=data, on_opened_change=_nothing).opened, result)


def listed(
    result: Result, key: str, title: str, pictures: list[int], on_close: Callable[[], object]
) -> tuple[int, str] | None:
    """Show some pictures of one method; return what was opened just now."""
    data = {
        "content": result.digest, "key": key, "pictures": pictures, "sprites": sprites(result)[0],
        "title": f"{title}: {text('scores.lanes.bar', n=len(pictures))}", "close": text("scores.lanes.close"),
        "words": words("verdicts"), "language": language(),
    }  # fmt: skip
    return _opened(LISTED(key="listed", data=data, on_opened_change=_nothing, on_closed_change=on_close).opened, result)


def words(part: str) -> dict[str, Any]:
    """Return the labels of one part, with the words that several share."""
    texts = table(language())
    return {**texts["scores"]["shared"], "verdicts": texts["verdicts"], **texts["scores"][part]}


def pasted(result: Result) -> int:
    """Count the defective test pictures whose defect this program pasted in."""
    return sum(p.synthetic for p in result.test if p.defective)


def marked(labels: dict[str, Any], key: str, result: Result) -> dict[str, Any]:
    """Say "synthetic" beside a heading over figures that use synthetic defects."""
    return labels | {key: f"{labels[key]} · {labels['synthetic']}"} if pasted(result) else labels


def sprites(result: Result) -> tuple[dict[str, Any], Pictures]:
    """Return where the thumbnails of test and held-out pictures are, many on one sheet, and the sheets to send."""
    return once.of(result, "sprites", lambda: _sprites(result))


def _sprites(result: Result) -> tuple[dict[str, Any], Pictures]:
    pictures = (*result.test, *result.held_out)
    across, shape = min(_ACROSS, max(1, ceil(sqrt(len(pictures))))), shapes.of(result)
    per = across * across
    parcel = Pictures()
    keys = []
    made = repr(result.experiment.get("preprocessing"))
    for start in range(0, len(pictures), per):
        chunk = pictures[start : start + per]
        shas = " ".join(p.sha256 for p in chunk)
        key = hashlib.sha256(f"sheet {made} {chunk[0].pixels.shape} {shape} {across} {shas}".encode()).hexdigest()[:16]
        parcel.parcels.setdefault("sheets", {})[key] = _sheet(key, chunk, across, shape)
        keys.append(key)
    return {"keys": keys, "across": across, "per": per, "shape": shape}, parcel


@st.cache_data(max_entries=60, show_spinner=False)
def _sheet(key: str, _pictures: tuple[ResultPicture, ...], _across: int, _shape: float) -> str:
    """Put thumbnails of one shape side by side, as many down as across; `key` stands for the whole content."""
    width, height = shapes.pixels(_shape, _SIDE)
    fits = [shapes.fit(picture.aspect, _shape) for picture in _pictures]
    mode = "RGB" if all(fit == (1.0, 1.0) for fit in fits) else "RGBA"  # what is beside a picture is seen through
    sheet = Image.new(mode, (width * _across, height * _across))
    for place, (picture, (wide, high)) in enumerate(zip(_pictures, fits, strict=True)):
        size = max(1, round(width * wide)), max(1, round(height * high))
        small = Image.fromarray(np.ascontiguousarray(shapes.seen(picture, picture.pixels)))
        small = small.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        sheet.paste(small, (width * (place % _across) + left, height * (place // _across) + top))
    return encoded(sheet, "WEBP", quality=78, method=2)


def _head(key: str, status: Status, result: Result, focus: bool, apart: str) -> dict[str, Any]:
    title = text(f"methods.{key.split('/')[0]}")
    head: dict[str, Any] = {"key": key, "title": title, "focus": focus, "lines": [], "auroc": None}
    lines = [apart] if apart else []
    column = next((c for c in result.columns if c.key == key), None)
    if column is None:
        return head | {"lines": lines, "share": 0} | panes.standing(key, status, result)
    return head | {
        "title": " · ".join([title, *lines]),
        "state": "done",
        "lines": [line for name in ("average_precision", "aupro") if (line := _line(column, name))],
        "auroc": figure(column, "image_auroc"),
    }


def figure(column: Column, name: str) -> dict[str, Any]:
    """Return a figure in numbers and words; the reason stands in for what is absent."""
    found = column.figures.get(name)
    reason = say(found.reason) if found is not None and found.reason is not None else ""
    if found is None or found.value is None:
        return {"value": None, "low": None, "high": None, "text": "", "interval": "", "reason": reason}
    bounded = found.low is not None and found.high is not None
    return {
        "value": found.value, "low": found.low, "high": found.high, "text": f"{found.value:.2f}",
        "interval": text("grid.interval", low=found.low, high=found.high) if bounded else "", "reason": reason,
    }  # fmt: skip


def _line(column: Column, name: str) -> str:
    if name == "aupro" and column.maps is None:
        return text("grid.image_only")
    shown = figure(column, name)
    if shown["value"] is None:
        return ""
    return f"{text(f'scores.short.{name}')} {shown['text']} {shown['interval'] if name == 'aupro' else ''}".strip()


def _scale(heads: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the axis of the AUROCs: from 0.4, or lower where an interval asks for it."""
    lows = [v for h in heads if h["auroc"] for v in (h["auroc"]["low"], h["auroc"]["value"]) if v is not None]
    low = max(0.0, min(0.4, floor(5 * min(lows, default=0.4)) / 5))
    return {"low": low, "ticks": [round(t, 1) for t in np.arange(low, 1.01, 0.2)]}


def _scored(result: Result) -> tuple[str, bytes]:
    """Return the digest of the pictures and of all their scores, and both for the store: no threshold moves them."""
    content = json.dumps(
        {
            "pictures": [_picture(picture) for picture in result.test],
            "held": [text("scores.lanes.held_name", n=i + 1) for i in range(len(result.held_out))],
            "columns": {c.key: {"scores": _numbers(c.scores), "held": _numbers(c.held_out)} for c in result.columns},
        }
    )
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return digest, json.dumps({digest: content}).encode()


def _picture(picture: ResultPicture) -> dict[str, Any]:
    truth = None if picture.defective is None else int(picture.defective)
    return {"name": panes.name(picture), "truth": truth, "synthetic": picture.synthetic}


def _numbers(values: Any) -> list[float | None]:
    return [float(v) if isfinite(v) else None for v in values]


def _moved(heard: dict[str, Any], result: Result) -> ThresholdChange:
    """Read what the browser says; what cannot be is left out."""
    allowed = heard.get("allowed")
    allowed = allowed if isinstance(allowed, int) and 1 <= allowed <= len(result.held_out) else None
    keys = {column.key for column in result.columns}
    values = {
        key: float(value)
        for key, value in dict(heard.get("values") or {}).items()
        if key in keys and isinstance(value, int | float) and isfinite(value)
    }
    return ThresholdChange(allowed, values)


def _opened(heard: Any, result: Result) -> tuple[int, str] | None:
    if not heard or not isinstance(heard.get("picture"), int) or not 0 <= heard["picture"] < len(result.test):
        return None
    return heard["picture"], str(heard.get("column", ""))


def _nothing() -> None:
    """Streamlit reports a component's values only where a callback is named."""
