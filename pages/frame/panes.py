"""Heads and rows of the linked grid: a result and its verdicts in the session's words."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import numpy as np

from detectors.evaluation import wilson
from detectors.evaluation.thresholds import Threshold, exceeds_promise
from detectors.result import Column, Failure, Result, ResultPicture
from pages.frame import shapes
from pages.frame.component import Pictures
from pages.frame.pinned import is_pinned, present, several
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.verdicts import ColumnVerdicts, Verdicts, each_aupimo
from pages.frame.words import called, kind, lines, say, set_apart, text

_WHOLE = {"size": (1, 1), "fit": (1, 1)}  # of a pane without a picture
_FULL_LEVEL = 3.2  # times the usual distance that fills a level's bar


def columns(choices: Choices, status: Status, result: Result) -> tuple[str, ...]:
    """Return the keys of the columns to show: those asked for, or those that an older result has."""
    if not status.stale:
        return (*choices.columns, *(column.key for column in result.columns if is_pinned(column.key)))
    return (*(column.key for column in result.columns), *(failure.key for failure in result.failures))


def heads(
    keys: tuple[str, ...], choices: Choices, status: Status, verdicts: Verdicts, group: str = "rows"
) -> list[dict[str, Any]]:
    """Return the grid's column heads: the pictures, then the methods with AUROC, misses and false alarms."""
    result = verdicts.result
    said = [p.defective for p in result.test if p.defective is not None]
    labels = text("grid.labels", defective=sum(said), good=len(said) - sum(said)) if said else text("grid.no_labels")
    first = {"label": "", "value": "", "interval": text(_shown_as(result), n=len(result.test)), "counts": labels}
    made = [{"title": text("grid.picture"), "key": None, "focus": False, "lines": [first]}]
    many = several(keys)
    if group != "rows":
        for key in grouped(keys, group)[0]:
            made.append(_head(key, choices, [_line(key, many, status, verdicts)], many))
        return made
    for method in _methods(keys):
        own = [key for key in keys if key.split("/")[0] == method]
        made.append(_head(own[0], choices, [_line(key, many, status, verdicts) for key in own]))
    return made


def grouped(keys: tuple[str, ...], group: str) -> list[list[str]]:
    """Return the columns of each row of a picture: a row per backbone, or all in one row, by method or by backbone."""
    by_backbone = [[key for key in keys if key.split("/", 1)[1] == backbone] for backbone in _backbones(keys)]
    if group == "method":
        return [[key for method in _methods(keys) for key in keys if key.split("/")[0] == method]]
    return by_backbone if group == "rows" else [[key for row in by_backbone for key in row]]


def rows(
    shown: list[int],
    keys: tuple[str, ...],
    status: Status,
    verdicts: Verdicts,
    pictures: Pictures,
    shape: float = 1.0,
    group: str = "rows",
    order: str = "",
) -> list[dict[str, Any]]:
    """Return the grid's rows, per picture as `grouped` says; what they show is added to `pictures`.

    `shape` is that of the panes. Where they are in the order of a figure per picture, it stands under every pane.
    """
    made = []
    for i in shown:
        picture = verdicts.result.test[i]
        pictures.begin(picture.sha256[:16])
        base = pictures.photograph(shapes.seen(picture, picture.pixels))
        marked = picture.mask is not None and picture.local and picture.mask.any()
        mask = pictures.mask(shapes.seen(picture, picture.mask)) if marked and picture.mask is not None else None
        rows_of_picture = grouped(keys, group)
        for wanted in rows_of_picture:
            backbone = wanted[0].split("/", 1)[1]
            apart = set_apart(wanted[0], several(keys)) if len(rows_of_picture) > 1 else ""
            note = " · ".join(filter(None, (apart, _note(i, wanted, verdicts))))
            first = _pane("picture", text("grid.alt_picture", name=name(picture), label=label(picture)))
            first |= {"base": base, "mask": mask, "title": name(picture), "note": note}
            first["say"] = not (picture.synthetic or status.other)
            cells = [first]
            for key in wanted if group != "rows" else _aligned(wanted, keys):
                cells.append(_cell(i, key, status, verdicts, pictures, base, mask) if key in keys else _alike(picture))
                if order == "aupimo" and key in verdicts.columns:
                    cells[-1] |= _with_aupimo(cells[-1].get("note", ""), verdicts.result[key], i)
            identity = f"{i} {picture.sha256[:16]}"
            made.append(
                {
                    "id": f"{identity} {backbone}",
                    "picture": identity,
                    "title": name(picture),
                    "note": note,
                    "size": shapes.size(picture),
                    "fit": shapes.fit(picture.aspect, shape),
                    "cells": cells,
                }
            )
    return made


def waiting(keys: tuple[str, ...], status: Status, count: int, group: str = "rows") -> list[dict[str, Any]]:
    """Return rows of grey panes of the final size, while there is nothing to show yet."""
    made = []
    for i in range(count):
        blank = _pane("blank", "") | {"title": "", "note": ""}
        cells = [blank, *(_unfinished(key, status, "") for key in grouped(keys, group)[0])]
        made.append({"id": f"blank {i}", "picture": f"blank {i}", "title": "", "note": "", "cells": cells} | _WHOLE)
    return made


def blank_heads(keys: tuple[str, ...], choices: Choices, group: str = "rows") -> list[dict[str, Any]]:
    """Return column heads without figures."""
    empty = [{"label": "", "value": "", "interval": "", "counts": ""}]
    first = {"title": text("grid.picture"), "key": None, "focus": False, "lines": empty}
    named = group != "rows" and several(keys)
    return [first, *(_head(key, choices, empty, named) for key in grouped(keys, group)[0])]


def name(picture: ResultPicture) -> str:
    """Return what a person calls a picture: "scratch 003" for "scratch/003.png", a user's own names as they are."""
    path = PurePosixPath(picture.name)
    known = picture.kind is not None and path.parent.name == picture.kind
    return f"{kind(picture.kind, picture.synthetic)} {path.stem}" if known else picture.name


def label(picture: ResultPicture) -> str:
    """Return "good", "defective" or "not labelled"."""
    return text({True: "kind.defective", False: "kind.good", None: "kind.unknown"}[picture.defective])


def words(calibrated: bool = True) -> dict[str, Any]:
    """Return the labels of the grid's tools; what its two scales are, where normals were held out to set them."""
    return {
        **{key: text(f"grid.{key}") for key in ("modes", "opacity", "outline", "colours", "orders")},
        "mode": {key: text(f"grid.mode.{key}") for key in ("overlay", "heatmap", "contour")},
        "colour": {key: text(f"grid.colour.{key}") for key in ("inferno", "mako")},
        "legend": lines("grid.legend"),
        "scales": text("grid.scales") if calibrated else "",
    }


def _head(key: str, choices: Choices, lines: list[dict[str, Any]], named: bool = False) -> dict[str, Any]:
    """Return a column's head; `named` adds the backbone to what stands above a pane on a phone."""
    method = key.split("/")[0]
    title, short = text(f"methods.{method}"), text(f"methods_short.{method}")
    short = " · ".join(filter(None, (short, set_apart(key, named))))
    return {"title": title, "short": short, "key": method, "focus": method == choices.focus, "lines": lines}


def _methods(keys: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(key.split("/")[0] for key in keys))


def _backbones(keys: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(key.split("/", 1)[1] for key in keys))


def _aligned(wanted: list[str], keys: tuple[str, ...]) -> list[str]:
    """Return a row's columns under their methods' heads; "" where the row has none for a method."""
    return [next((key for key in wanted if key.split("/")[0] == method), "") for method in _methods(keys)]


def _alike(picture: ResultPicture) -> dict[str, Any]:
    """Return the pane of a method that the pinned run has no other column of."""
    said = text("pin.alike")
    return _pane("queued", f"{name(picture)}: {said}") | {"text": said}


def _line(key: str, many: bool, status: Status, verdicts: Verdicts) -> dict[str, Any]:
    line = {"label": set_apart(key, many), "value": "", "interval": "", "counts": "", "reason": ""}
    column_verdicts = verdicts.columns.get(key)
    if column_verdicts is None:
        return line | {"interval": standing(key, status, verdicts.result)["text"]}
    if verdicts.result[key].weights.random:
        line["label"] = " · ".join(filter(None, (line["label"], text("grid.random"))))
    figure = verdicts.result[key].figures.get("image_auroc")
    if figure is None or figure.value is None:
        reason = say(figure.reason) if figure and figure.reason else text("grid.no_labels_reason")
        line |= {"interval": text("grid.no_figure"), "reason": reason}
    else:
        pasted = any(p.synthetic for p in verdicts.result.test if p.defective)
        named = ("AUROC", text("scores.shared.synthetic") if pasted else "")
        line["label"] = " · ".join(filter(None, (line["label"], *named)))
        line["value"] = f"{figure.value:.2f}"
        if figure.low is not None and figure.high is not None:
            ends = (f"{figure.low:.2f}", f"{figure.high:.2f}")
            line["interval"] = text("grid.interval", low=figure.low, high=figure.high)
            line["spoken"] = text("grid.spoken", low=ends[0], high=ends[1])
        line["reason"] = say(figure.reason) if figure.reason else ""
    tested = _shown_as(verdicts.result) == "grid.tests"
    return line | {"counts": _counts(column_verdicts, verdicts.choice.of(verdicts.result[key]), tested)}


def _shown_as(result: Result) -> str:
    """Return the text for a number of pictures: tested ones, or held-out ones in their place."""
    return "grid.held_out" if result.test is result.held_out else "grid.tests"


def _counts(column_verdicts: ColumnVerdicts, threshold: Threshold | None, tested: bool) -> str:
    if column_verdicts.threshold is None:
        return text("grid.no_threshold")
    if not tested or set(column_verdicts.words) <= {"odd", "normal"}:
        return text("grid.alarms", n=int(column_verdicts.alarms.sum()))
    counted = text("grid.counts", missed=column_verdicts.missed, wrong=column_verdicts.false_alarms)
    good = column_verdicts.words.count("passed") + column_verdicts.false_alarms
    if threshold is not None and exceeds_promise(wilson(column_verdicts.false_alarms, good), threshold):
        return f"{counted} {text('scores.lanes.exceeds', j=threshold.allowed, of=threshold.of)}"
    return counted


def _note(i: int, keys: list[str], verdicts: Verdicts) -> str:
    keys = list(present(keys)) or keys  # what is pinned stands beside and is not counted
    column_verdicts = [verdicts.columns[key] for key in keys if key in verdicts.columns]
    said = label(verdicts.result.test[i])
    if not column_verdicts or column_verdicts[0].threshold is None:
        return said
    if len(keys) < len(verdicts.counted):
        return text("grid.row_short", alarms=sum(bool(j.alarms[i]) for j in column_verdicts), n=len(column_verdicts))
    return text(
        "grid.row_labelled", label=said, alarms=sum(bool(j.alarms[i]) for j in column_verdicts), n=len(column_verdicts)
    )


def _pane(state: str, alt: str) -> dict[str, Any]:
    return {"state": state, "alt": alt, "verdict": "", "ratio": None}


def _cell(
    i: int, key: str, status: Status, verdicts: Verdicts, pictures: Pictures, base: str, mask: str | None
) -> dict[str, Any]:
    column_verdicts = verdicts.columns.get(key)
    picture = verdicts.result.test[i]
    picture_name = name(picture)
    if column_verdicts is None:
        return _unfinished(key, status, picture_name, verdicts.result)
    column = verdicts.result[key]
    method = called(key, several(verdicts.columns))
    pane = _verdict(i, column_verdicts, column, picture_name, method) | {"column": key}
    if column.maps is not None and column.scale is None:
        return pane | {"state": "queued", "text": text("grid.no_scale")}
    if column.maps is not None and column.scale is not None:
        return pane | {
            "state": "map",
            "base": base,
            "mask": mask,
            "map": pictures.map(shapes.seen(picture, column.maps[i]), column.scale),
        }
    return pane | {
        "state": "levels",
        "text": text("grid.image_only"),
        "tail": text("grid.levels") if column.levels is not None else "",
        "levels": _levels(column, i),
    }


def _with_aupimo(note: str, column: Column, i: int) -> dict[str, str]:
    each = each_aupimo(column)
    value = each[i] if each else None
    return {} if value is None else {"note": f"AUPIMO {value:.2f} · {note}" if note else f"AUPIMO {value:.2f}"}


def _verdict(i: int, column_verdicts: ColumnVerdicts, column: Column, named: str, method: str) -> dict[str, Any]:
    if column_verdicts.threshold is None:
        alt = text("grid.alt_plain", name=named, method=method, state=text("grid.no_threshold"))
        return _pane("map", alt) | {"note": text("grid.no_threshold")}
    ratio = float(column_verdicts.ratios[i])
    word = text(f"verdicts.{column_verdicts.words[i]}")
    alt = text("grid.alt_cell", name=named, method=method, verdict=word, ratio=f"{ratio:.2f}")
    return _pane("map", alt) | {
        "verdict": column_verdicts.words[i],
        "word": word,
        "ratio": ratio,
        "score": f"{ratio:.2f}",
        "unit": text("grid.threshold"),
        "raw": text("grid.raw", value=float(column.scores[i]), threshold=column_verdicts.threshold),
        "note": text("grid.above", below=int(column_verdicts.above[i]), n=column_verdicts.of),
    }


def _levels(column: Column, i: int) -> list[dict[str, Any]]:
    if column.levels is None:
        return []
    held = (
        column.held_out_levels if column.held_out_levels is not None and len(column.held_out_levels) else column.levels
    )
    times = column.levels[i] / np.maximum(np.median(held, axis=0), np.finfo(float).tiny)
    strong = column.levels[i] > held.max(axis=0)
    return [
        {
            "label": str(level + 1),
            "share": min(1.0, float(t) / _FULL_LEVEL),
            "text": text("grid.times", value=float(t)),
            "strong": bool(s),
        }
        for level, (t, s) in enumerate(zip(times, strong, strict=True))
    ]


def _unfinished(key: str, status: Status, named: str, result: Result | None = None) -> dict[str, Any]:
    pane = standing(key, status, result)
    alt = text("grid.alt_plain", name=named, method=text(f"methods.{key.split('/')[0]}"), state=pane["text"])
    return _pane(pane["state"], alt) | pane | {"column": key}


def standing(key: str, status: Status, result: Result | None) -> dict[str, Any]:
    """Return the state of a column that is not there yet, with the words for it."""
    failure: Failure | None = next((f for f in result.failures if f.key == key), None) if result else None
    stage = status.stage(key)
    if failure is not None or (stage is not None and stage.state == "failed"):
        sentence = failure.sentence if failure else stage.sentence if stage else None
        return {"state": "failed", "text": say(sentence) if sentence else text("grid.stopped")}
    if stage is None and status.state in ("idle", "refused"):
        return {"state": "queued", "text": ""}
    if stage is None or stage.state in ("waiting", "cancelled"):
        stopped = stage is not None and stage.state == "cancelled"
        return {"state": "queued", "text": text("grid.stopped" if stopped else "grid.waiting")}
    left = stage.seconds_left
    return {
        "state": "fitting",
        "share": round(stage.done, 3),
        "text": text("grid.left", s=max(1, round(left))) if left is not None else text("grid.fitting"),
    }
