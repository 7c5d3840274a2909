"""The rows of Inspect: each method's verdict, sentence, what it compared the place with, and how unusual that is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from detectors.errors import Refusal
from detectors.methods.base import Box, Neighbor
from detectors.queries import explain
from detectors.queries.explain import Reason
from detectors.result import Column, MapScale, Result, ResultPicture
from pages.frame import backend, panes, session, shapes
from pages.frame.component import Pictures, encoded, named
from pages.frame.once import Once
from pages.frame.status import Status
from pages.frame.verdicts import Verdicts
from pages.frame.words import say, text
from pages.inspect import exhibits, reasons
from pages.inspect.exhibits import Exhibit, Verdict

_ENCODED = Once(2000)  # crops, 1 to 5 kB each
_CONTEXT = 5  # cells around a place that a crop shows
_SMALLEST = 44  # pixels of a crop
_CROPS = 3  # beside the place itself


def rows(
    exhibit: Exhibit,
    found: dict[str, Verdict],
    answers: dict[str, Reason],
    keys: tuple[str, ...],
    status: Status,
    verdicts: Verdicts,
    pictures: Pictures,
    focus: str,
) -> list[dict[str, Any]]:
    """Return one row per method, the one that scores the place highest first; unfinished ones last."""
    result = verdicts.result
    several = len({key.split("/", 1)[1] for key in keys}) > 1
    made = []
    for key in sorted(keys, key=lambda k: _map_value(answers.get(k)), reverse=True):
        method, backbone = key.split("/", 1)
        row = {"key": key, "title": text(f"methods.{method}"), "focus": method == focus, "alt": ""}
        row["note"] = backbone if several else ""
        if key not in found:
            made.append(row | panes.standing(key, status, result))
            continue
        row |= _verdict(found[key], verdicts.columns[key].threshold) | {"state": "done"}
        row |= _map(found[key], result[key], pictures, exhibit)
        if result[key].maps is None:
            row |= _gradient(exhibit, key, result, pictures)
        if key in answers:
            row |= _explained(exhibit, found[key], answers[key], result[key], result)
        made.append(row)
    return made


def gradient_words() -> dict[str, Any]:
    """Return the words around the gradient pictures of methods without a map."""
    return {
        "none": text("inspect.no_map"),
        "label": text("inspect.gradient_label"),
        "button": text("inspect.gradient_hide" if session.GRADIENT.get() else "inspect.gradient_show"),
    }


def _map_value(reason: Reason | None) -> float:
    if reason is None:
        return -np.inf
    if reason.rank is not None:
        return reason.rank.map_value
    known = [share.value / share.highest for share in reason.shares if share.highest]
    return -1e9 + max(known, default=0.0)  # whole pictures come after places


def _verdict(said: Verdict, threshold: float | None) -> dict[str, Any]:
    if said.ratio is None or threshold is None:
        return {"verdict": "", "word": text("grid.no_threshold"), "score": "", "unit": "", "raw": ""}
    return {
        "verdict": said.word,
        "word": text(f"verdicts.{said.word}"),
        "score": f"{said.ratio:.2f}",
        "unit": text("grid.threshold"),
        "raw": text("grid.raw", value=said.score, threshold=threshold),
    }


def _map(said: Verdict, column: Column, pictures: Pictures, exhibit: Exhibit) -> dict[str, Any]:
    if said.map is None:
        return {"map": None, "mapText": text("grid.image_only")}
    if column.scale is None:
        return {"map": None, "mapText": text("inspect.no_scale")}
    return {"map": pictures.map(shapes.seen(exhibit.picture, said.map), column.scale), "mapText": ""}


def _gradient(exhibit: Exhibit, key: str, result: Result, pictures: Pictures) -> dict[str, Any]:
    """Return the gradient picture of a method without a map, once it was asked for, and what it is."""
    row = {"gradient": None, "gradientNote": text("inspect.gradient_note")}
    if not session.GRADIENT.get():
        return row
    ask = partial(backend.current().ask, explain.gradient, key, exhibit.role, exhibit.index)
    try:
        field = exhibits.remembered(("gradient", key, exhibit.key), result, ask)
    except Refusal as refusal:  # no gradient flows through this method
        return row | {"gradientNote": say(refusal.sentence)}
    if field is None:
        return row
    field = shapes.seen(exhibit.picture, field)
    middle, high = (float(q) for q in np.quantile(field, [0.5, 0.95]))
    return row | {"gradient": pictures.map(field, MapScale(middle, max(high, middle + 1e-12)))}


def _explained(exhibit: Exhibit, said: Verdict, reason: Reason, column: Column, result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {
        "sentence": reasons.sentence(reason, column, said, len(result.learnt)),
        "box": _shown_box(reason.box, exhibit),
        "crops": [],
        "bars": [],
        "histogram": None,
    }
    if reason.box is None:
        return row | _bars(reason)
    this = _crop(exhibit.picture, reason.box) | {"label": text("inspect.crop.this"), "below": "", "strong": True}
    this["alt"] = text("inspect.crop.alt_plain", what=this["label"])
    row["crops"] = [this, *(_compared(c, column, result) for c in _shown(reason.compared))]
    if reason.rank is not None:
        row["histogram"] = _histogram(reason)
    if reason.shares and all(neighbor.level is None for neighbor in reason.compared):
        row["shares"] = _shares(reason)
    return row


def _shown_box(box: Box | None, exhibit: Exhibit) -> Box | None:
    """Return a place in pixels of what is shown of the picture."""
    if box is None:
        return None
    down, right = shapes.corner(exhibit.picture)
    return box[0] - down, box[1] - right, box[2] - down, box[3] - right


def _shown(compared: tuple[Neighbor, ...]) -> list[Neighbor]:
    """Return the nearest of each level where there are several, else the nearest few."""
    levels = sorted({c.level for c in compared if c.level is not None})
    if len(levels) > 1:
        return [next(c for c in compared if c.level == level) for level in levels][:_CROPS]
    return list(compared[:_CROPS])


def _compared(compared: Neighbor, column: Column, result: Result) -> dict[str, Any]:
    distance = reasons.figure(compared.distance)
    if compared.picture is None:
        picture, called = _average(result), ""
    else:
        picture, called = result.learnt[compared.picture], panes.name(result.learnt[compared.picture])
    if compared.level is not None:
        what = text("inspect.crop.level", level=compared.level + 1)
    else:
        what = text(f"inspect.crop.{compared.role}")
    alt = text("inspect.crop.alt", what=what, name=called, distance=distance)
    first, below = (distance, called) if compared.role == "nearest" else (what, distance)
    if compared.level is not None:
        below = what
    if compared.role == "centre":
        first, below = distance, what
    return _crop(picture, compared.box) | {"label": first, "below": below, "strong": False, "alt": alt, "title": called}


def _crop(picture: ResultPicture, box: Box) -> dict[str, Any]:
    """Cut out a place with its surroundings; the frame is the place itself, in percent of the crop."""
    (height, width), (down, across) = shapes.size(picture), shapes.corner(picture)
    top, left, bottom, right = box[0] - down, box[1] - across, box[2] - down, box[3] - across
    side = min(height, width, max(_SMALLEST, round(_CONTEXT * max(bottom - top, right - left))))
    y = min(max(0, round((top + bottom - side) / 2)), height - side)
    x = min(max(0, round((left + right - side) / 2)), width - side)
    pixels = shapes.seen(picture, picture.pixels)[y : y + side, x : x + side]
    uri = _ENCODED.get(
        named("crop", pixels),
        lambda: encoded(Image.fromarray(np.ascontiguousarray(pixels)), "WEBP", quality=88, method=3),
    )
    frame = [round(100 * v / side, 2) for v in (left - x, top - y, right - left, bottom - top)]
    return {"uri": uri, "frame": frame, "shape": shapes.stretch(picture)}


def _average(result: Result) -> ResultPicture:
    """Return the average of the pictures that were learnt from; where their shapes differ, of the whole input."""
    key = tuple(p.sha256[:12] for p in result.learnt)
    kept = session.AVERAGE.get()
    if kept is None or kept[0] != key:
        total = np.mean([p.pixels for p in result.learnt], axis=0, dtype=np.float32)
        kept = (key, np.rint(total).astype(np.uint8))
        session.AVERAGE.set(kept)
    first = result.learnt[0]
    same = all(picture.box == first.box for picture in result.learnt)
    return replace(first, pixels=kept[1], box=first.box if same else None, shape=first.shape if same else None)


def _histogram(reason: Reason) -> dict[str, Any]:
    rank = reason.rank
    assert rank is not None
    value = reasons.figure(reason.value)
    alt = text("inspect.among.alt", below=rank.below, of=rank.of, value=value, q99=reasons.figure(rank.q99))
    return {
        "counts": rank.counts, "low": rank.low, "high": rank.high, "q99": rank.q99, "value": reason.value,
        "here": text("inspect.among.here", value=value), "mark": text("inspect.among.mark"), "alt": alt,
    }  # fmt: skip


def _bars(reason: Reason) -> dict[str, Any]:
    """Return a bar per level, the highest held-out normal at two thirds of its length."""
    bars = []
    for share in sorted(reason.shares, key=lambda s: s.level):
        times = share.value / share.highest if share.highest else None
        bars.append(
            {
                "label": text("inspect.level_name", level=share.level + 1),
                "share": min(1.0, (times or 0) * 2 / 3),
                "text": f"{times:.2f} ×" if times is not None else reasons.figure(share.value),
                "strong": times is not None and times > 1,
            }
        )
    known = any(share.highest for share in reason.shares)
    return {"bars": bars, "barsNote": text("inspect.level_line" if known else "inspect.level_none"), "line": known}


def _shares(reason: Reason) -> dict[str, Any]:
    """Return which levels carry a distance, as parts of it."""
    levels = sorted(reason.shares, key=lambda s: s.level)
    total = sum(max(s.value, 0.0) for s in levels) or 1.0
    parts = [
        {"label": str(s.level + 1), "share": max(s.value, 0.0) / total, "text": reasons.figure(s.value)} for s in levels
    ]
    return {"note": text("inspect.levels_carry"), "parts": parts}
