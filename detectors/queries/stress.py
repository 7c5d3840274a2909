"""Stress, asked of a finished run: its detectors under conditions, and its methods with other normal pictures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from detectors.comparison.comparison import Bench
from detectors.queries.explain import backbone_of
from detectors.stress import Curve, Study, condition, refits
from detectors.stress.draws import Way
from detectors.stress.measuring import Strip, measure, strip
from detectors.stress.plans import Pace
from detectors.stress.remedies import remedied

if TYPE_CHECKING:
    from detectors.methods.base import Progress

_KEPT = 16  # studies
_KNOWN: dict[tuple[str, str, str], Study] = {}  # of dirt with nothing left out, by the column's content and the way


def under(bench: Bench, progress: Progress, name: str) -> tuple[Curve, ...]:
    """Score the test pictures under all strengths of a condition, at the thresholds of the usual rate."""
    return measure(bench, condition(name), progress=progress, load=backbone_of)


def helped(bench: Bench, progress: Progress, name: str, remedy: str) -> tuple[Curve, ...]:
    """Fit the methods again on pictures as a remedy makes them, and score these under all strengths of a condition."""
    again = remedied(bench, remedy, condition(name), load=backbone_of)
    return measure(again, condition(name), progress=progress, load=backbone_of)


def through(bench: Bench, progress: Progress, name: str, index: int) -> Strip:
    """Take one test picture through all strengths of a condition."""
    return strip(bench, condition(name), index, load=backbone_of)


def pace(bench: Bench, progress: Progress) -> dict[str, Pace]:
    """Return how long fits and scores take here, by column."""
    return refits.paces(bench)


def dirtied(bench: Bench, progress: Progress, key: str, way: Way, cleaned: bool) -> Study:
    """Let defective test pictures slip in among the normal ones of one column.

    Fits that are the same whether unusual normal pictures are left out or not are made once in a worker.
    """
    fitted = refits.column(bench, key)
    column = fitted.column
    told = hashlib.sha256(column.scores.tobytes() + column.held_out.tobytes() + bench.pictures.labels.tobytes())
    name = (fitted.token, way, told.hexdigest())
    study = refits.dirt(bench, key, way, cleaned, progress=progress, known=_KNOWN.get(name))
    if not cleaned:
        _KNOWN[name] = study
        while len(_KNOWN) > _KEPT:
            _KNOWN.pop(next(iter(_KNOWN)))
    return study


def fewer(bench: Bench, progress: Progress, key: str, way: Way) -> Study:
    """Fit one column on 2, 4, 8, ... and all normal pictures."""
    return refits.pictures(bench, key, way, progress=progress)
