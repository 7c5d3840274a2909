"""Stress, asked of a finished run: its detectors under a condition, and one picture through all strengths."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from detectors.comparison.comparison import Bench
from detectors.queries.explain import backbone_of
from detectors.stress import Curve, condition
from detectors.stress.measuring import Strip, measure, strip

if TYPE_CHECKING:
    from detectors.methods.base import Progress


def under(bench: Bench, progress: Progress, name: str) -> tuple[Curve, ...]:
    """Score the test pictures under all strengths of a condition, at the thresholds of the usual rate."""
    return measure(bench, condition(name), progress=progress, load=partial(backbone_of, bench.comparison))


def through(bench: Bench, progress: Progress, name: str, index: int) -> Strip:
    """Take one test picture through all strengths of a condition."""
    return strip(bench, condition(name), index, load=partial(backbone_of, bench.comparison))
