"""Two runs over nearly the same pictures, before and after a correction: figures of both, and verdicts that changed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from detectors.evaluation.figures import image_auroc
from detectors.evaluation.thresholds import USUAL, Confusion, ThresholdChoice, confusion, verdict
from detectors.result import Column, Figure, Result


@dataclass(frozen=True)
class Standing:
    """What one run says of the pictures that both count; `confusion` is None without a threshold."""

    auroc: Figure
    confusion: Confusion | None


@dataclass(frozen=True)
class Flip:
    """A test picture of the later run, by its place there, whose verdict was another before; words of `verdict`."""

    picture: int
    before: str
    now: str


@dataclass(frozen=True)
class Changed:
    """One column in both runs."""

    key: str
    before: Standing
    now: Standing
    flips: tuple[Flip, ...]


def changed(before: Result, now: Result, choice: ThresholdChoice = USUAL) -> tuple[Changed, ...]:
    """Hold two runs against each other, over the pictures that both test, by the labels that hold now.

    Pictures that were corrected are in one of the tests at most and so in neither figure.
    """
    pairs = common(before, now)
    old, new = np.array([i for i, _ in pairs], np.int64), np.array([i for _, i in pairs], np.int64)
    labels = now.labels[new]
    earlier = {column.key: column for column in before.columns}
    found = []
    for column in now.columns:
        if column.key in earlier:
            was, flags_before = _standing(earlier[column.key], old, labels, choice)
            stands, flags = _standing(column, new, labels, choice)
            turned = np.flatnonzero(flags != flags_before) if len(flags) and len(flags_before) else ()
            flips = []
            for i in turned:
                said = now.test[new[i]].defective
                flips.append(Flip(int(new[i]), verdict(said, bool(flags_before[i])), verdict(said, bool(flags[i]))))
            found.append(Changed(column.key, was, stands, tuple(flips)))
    return tuple(found)


def common(before: Result, now: Result) -> list[tuple[int, int]]:
    """Return the places of the pictures that both runs test, (before, now), in the order of the later one."""
    places = {name: i for i, name in enumerate(_names(before))}
    return [(places[name], i) for i, name in enumerate(_names(now)) if name in places]


def _names(result: Result) -> list[tuple[str, str, int]]:
    """Name each test picture by its content and name, copies apart."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for picture in result.test:
        one = (picture.sha256, picture.name)
        names.append((*one, seen[one]))
        seen[one] += 1
    return names


def _standing(
    column: Column, rows: np.ndarray, labels: np.ndarray, choice: ThresholdChoice
) -> tuple[Standing, np.ndarray]:
    """Return what a column says of some pictures, and which of them it flags; nothing flagged without a threshold."""
    scores, threshold = column.scores[rows], choice.value_of(column)
    auroc = image_auroc(labels, scores)
    if threshold is None:
        return Standing(auroc, None), np.zeros(0, bool)
    return Standing(auroc, confusion(labels, scores, threshold)), scores > threshold
