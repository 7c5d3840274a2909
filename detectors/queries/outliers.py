"""Normal pictures that hardly look like the others: perhaps defective ones that nobody noticed.

Each normal picture is compared with the other normal ones only, by the features that a run has extracted anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.datasets import likely_outliers
from detectors.features.likeness import leave_one_out, pooled_stages

if TYPE_CHECKING:
    from detectors.comparison.comparison import Bench, Pictures, Stores
    from detectors.methods.base import Progress


def unusual(detector: Any, stores: Stores, pictures: Pictures) -> tuple[str, ...]:
    """Return the sha256 of normal pictures, learnt or held out, that hardly look like the others, furthest first."""
    normal = (*pictures.learnt, *pictures.held_out)
    distances = leave_one_out(pooled_stages([stores.learnt, stores.held_out]))
    return tuple(normal[i].sha256 for i in likely_outliers(distances))


@dataclass(frozen=True)
class Doubtful:
    """A normal picture, and how far it is from the other normal ones.

    Attributes:
        sha256: of the picture.
        times: its distance as a multiple of the median distance.
        outlying: whether it is pointed out as unusual.
    """

    sha256: str
    times: float
    outlying: bool


def doubtful(bench: Bench, progress: Progress) -> tuple[Doubtful, ...]:
    """Return all normal pictures of a run, the one that looks least like the others first, by its first backbone."""
    stores, pictures = bench.fitted[0].stores, bench.pictures
    normal = (*pictures.learnt, *pictures.held_out)
    distances = leave_one_out(pooled_stages([stores.learnt, stores.held_out]))
    usual = float(np.median(distances)) or 1.0
    outlying = set(likely_outliers(distances))
    order = np.argsort(-distances, kind="stable")
    return tuple(Doubtful(normal[i].sha256, float(distances[i] / usual), int(i) in outlying) for i in order)
