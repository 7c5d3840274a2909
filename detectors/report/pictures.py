"""The report's grid: test pictures against methods, with overlays as data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.plots.colours import edges, layer
from detectors.report.parts import both_multiples
from detectors.report.wording import Words
from detectors.result import Column, Result, ResultPicture

_FLAT = 1.6  # width over height, from which a pane has little height for words
_SIDE = 256  # pictures in the report are not larger
_WEBP: dict[str, Any] = {"quality": 82, "method": 2}


def rows(
    result: Result, words: Words, choice: ThresholdChoice, most: int, colour_map: str, opacity: float
) -> list[dict[str, Any]]:
    """Return up to `most` test pictures with every column's overlay, most disagreement first."""
    if not result.columns or not result.test:
        return []
    by_column = [choice.value_of(c) for c in result.columns]
    below = [thresholds.normals_below(c.held_out, c.scores) for c in result.columns]
    times = np.array(
        [both_multiples(c, at)[1] for c, at in zip(result.columns, by_column, strict=True)]
    )  # (columns, M)
    flagged = np.array(
        [c.scores > (np.inf if at is None else at) for c, at in zip(result.columns, by_column, strict=True)]
    )
    votes = flagged.sum(axis=0)
    split = np.minimum(votes, len(result.columns) - votes)
    spread = np.ptp(np.log(np.maximum(times, 1e-6)), axis=0)
    order = sorted(range(len(result.test)), key=lambda i: (-split[i], -spread[i], result.test[i].name))[:most]
    found = []
    for i in order:
        picture = result.test[i]
        pixels = np.ascontiguousarray(picture.pixels[picture.inside])
        cells = []
        for j, column in enumerate(result.columns):
            said = "" if by_column[j] is None else thresholds.verdict(picture.defective, bool(flagged[j, i]))
            cells.append(
                _cell(words, picture, column, i, said, float(times[j, i]), int(below[j][i]), colour_map, opacity)
            )
            cells[-1]["alt"] = words.t["pictures"]["alt"].format(
                picture=picture.name,
                method=words.title(result, column),
                verdict=words.t["pictures"]["verdicts"].get(said, ""),
                times=f"{times[j, i]:.2f}",
            )
        found.append(
            {
                "name": picture.name,
                "truth": _truth(words, picture, result),
                "height": pixels.shape[0],
                "width": pixels.shape[1],
                "aspect": f"{picture.aspect:.4g}",
                "form": "tall" if picture.aspect < 1 else "flat" if picture.aspect >= _FLAT else "",
                "uri": _webp(Image.fromarray(pixels)),
                "outline": edges(picture.mask[picture.inside]) if picture.mask is not None and picture.local else "",
                "cells": cells,
            }
        )
    return found


def _cell(
    words: Words,
    picture: ResultPicture,
    column: Column,
    i: int,
    said: str,
    times: float,
    below: int,
    colour_map: str,
    opacity: float,
) -> dict[str, Any]:
    t = words.t["pictures"]
    cell: dict[str, Any] = {
        "verdict": said,
        "times": t["times"].format(times=f"{times:.2f}") if said else t["raw"].format(score=f"{column.scores[i]:.3g}"),
        "below": t["below"].format(k=below, n=len(column.held_out)) if len(column.held_out) else "",
        "uri": "",
        "levels": [],
        "panel": "",
    }
    if column.maps is None:
        cell["panel"] = t["image_level"]
        cell["levels"] = _levels(column, i)
    elif column.scale is None:
        cell["panel"] = t["no_scale"]
    else:
        scaled = column.scale(column.maps[i])[picture.inside]
        cell["uri"] = _webp(Image.fromarray(layer(scaled, colour_map, opacity)))
    return cell


def _levels(column: Column, i: int) -> list[dict[str, Any]]:
    """Return each level's distance as a multiple of its median among held-out normals, the bar ending at 2."""
    if column.levels is None or column.held_out_levels is None or not len(column.held_out_levels):
        return []
    usual = np.maximum(np.median(column.held_out_levels, axis=0), 1e-30)
    times = column.levels[i] / usual
    return [{"share": 50 * min(float(v), 2.0), "words": f"{v:.1f} ×"} for v in times[:9]]


def _truth(words: Words, picture: ResultPicture, result: Result) -> str:
    t = words.t["pictures"]
    truth = t["truth"][{True: "yes", False: "no", None: "unknown"}[picture.defective]]
    parts = [truth]
    if picture.kind and picture.kind not in ("good", "defective", truth):
        parts.append(words.kind(picture.kind, result, picture.synthetic))
    if picture.severity is not None and picture.defective:
        parts.append(t["severity"].format(severity=f"{picture.severity:g}"))
    if picture.synthetic:
        parts.append(t["synthetic"])
    return " · ".join(parts)


def _webp(picture: Image.Image) -> str:
    """Encode as a data URI, at most 256 pixels a side, without metadata."""
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **_WEBP)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
