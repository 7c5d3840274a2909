"""What a chart is about: which columns, which of them in focus, what they are called, where their thresholds lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from detectors.evaluation.thresholds import USUAL
from detectors.methods import METHODS
from detectors.result import Column, Result


def chosen(result: Result, columns: Sequence[str] | None = None) -> list[Column]:
    """Return the columns asked for, each by its key ("padim/resnet18") or its method's name; all by default.

    Raises:
        KeyError: naming what there is, when one is not there.
    """
    if columns is None:
        return list(result.columns)
    found: dict[str, Column] = {}
    for name in columns:
        meant = {c.key: c for c in result.columns if name in (c.key, c.method)}
        if not meant:
            raise KeyError(f"There is no column {name!r}; there are {', '.join(c.key for c in result.columns)}.")
        found |= meant
    return list(found.values())


def in_focus(columns: Sequence[Column], focus: str | None = None) -> Column | None:
    """Return the column asked for by key or method, else the one with the highest image AUROC, else the first."""
    for column in columns:
        if focus in (column.key, column.method):
            return column
    measured = [c for c in columns if (f := c.figures.get("image_auroc")) is not None and f.value is not None]
    return max(measured, key=lambda c: c.figures["image_auroc"].value or 0.0, default=columns[0] if columns else None)


def title(column: Column, result: Result) -> str:
    """Return what a column is called: its method, with the backbone where there are several."""
    name = METHODS[column.method].title if column.method in METHODS else column.method
    several = len({c.backbone for c in result.columns}) > 1
    return f"{name} · {column.backbone}" if several else name


def threshold(column: Column, given: Mapping[str, float] | None = None) -> float | None:
    """Return a column's threshold: the one given under its key, else that of the rate nearest to 5 %."""
    if given is not None and column.key in given:
        return float(given[column.key])
    usual = USUAL.of(column)
    return None if usual is None else usual.value


def picture_index(result: Result, picture: int | str) -> int:
    """Return a test picture's index, given that or its name.

    Raises:
        KeyError: when no test picture has this name.
    """
    if isinstance(picture, str):
        for i, shown in enumerate(result.test):
            if shown.name == picture:
                return i
        raise KeyError(f"No test picture is called {picture!r}.")
    return int(np.arange(len(result.test))[picture])  # -1 is the last; IndexError beyond
