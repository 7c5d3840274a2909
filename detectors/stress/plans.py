"""What a study of normal pictures will do, known before any work: its steps, and how long it takes here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.errors import SettingRefused
from detectors.evaluation import thresholds

REMEDIES = ("equalise", "align", "augment")  # see `remedies.remedied`
DIRT = (0, 1, 2, 4, 8)  # defective pictures that slip in
DRAWS = 5
CROSSED = 5  # fits of four fifths of the pictures, where leaving one out has no shortcut


def dirt_steps(labels: NDArray[np.float64]) -> tuple[int, ...]:
    """Return how many pictures slip in: never more than half of the defective ones, so that a rest can be found.

    >>> dirt_steps(np.array([1.0] * 9 + [0.0]))
    (0, 1, 2, 4)
    """
    defective = int((labels == 1).sum())
    if defective < 2:
        raise SettingRefused(
            "stress.no_dirt",
            "Defective test pictures: {n}. For some to slip in and others to be found it takes at least 2: add some, "
            "or have Images paste some in.",
            n=defective,
        )
    return tuple(count for count in DIRT if count <= defective / 2)


def number_steps(normals: int) -> tuple[int, ...]:
    """Return 2, 4, 8, ... and all normal pictures; a power of two just below all of them is left out.

    >>> number_steps(24), number_steps(34), number_steps(3)
    ((2, 4, 8, 16, 24), (2, 4, 8, 16, 34), (2, 3))
    """
    powers = [2**i for i in range(1, 20) if 2**i <= normals / 1.25]
    return (*powers, normals)


@dataclass(frozen=True)
class Pace:
    """How long one column takes on this machine.

    Attributes:
        fit: seconds for a fit, per picture.
        score: seconds for a score, per picture.
    """

    fit: float
    score: float


def dirt_seconds(pace: Pace, labels: NDArray[np.float64], learnt: int, held_out: int, draws: int = DRAWS) -> float:
    """Return about how long a study of dirt takes."""
    steps = dirt_steps(labels)
    scored = len(labels) - steps[-1] + held_out
    return draws * (len(steps) - 1) * (pace.fit * learnt + pace.score * scored)


def number_seconds(
    pace: Pace, normals: int, tests: int, share: float, crossed: bool = False, draws: int = DRAWS
) -> float:
    """Return about how long a study of numbers takes; `crossed` where thresholds come from five folds."""
    total = 0.0
    for count in number_steps(normals):
        held = 0 if crossed else len(thresholds.hold_out(count, share)[1])
        total += pace.fit * (count - held) + pace.score * (tests + held)
        if crossed:
            total += pace.fit * count * (CROSSED - 1) + pace.score * count
    return draws * total
