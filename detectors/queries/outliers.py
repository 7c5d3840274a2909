"""Normal pictures that hardly look like the others: perhaps defective ones that nobody noticed.

Each normal picture is compared with the other normal ones only, by the features that a run has extracted anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.datasets import likely_outliers
from detectors.features.likeness import leave_one_out, pooled_stages
from detectors.stress.doubts import Likeness

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
        box: (top, left, bottom, right) of its strangest patch in shares of the picture; None where the picture as a
            whole is what is unlike the others.
    """

    sha256: str
    times: float
    outlying: bool
    box: tuple[float, float, float, float] | None = None


def doubtful(bench: Bench, progress: Progress) -> tuple[Doubtful, ...]:
    """Return all normal pictures of a run, the one to look at first first, by its first backbone."""
    stores, pictures = bench.fitted[0].stores, bench.pictures
    normal = (*pictures.learnt, *pictures.held_out)
    store = stores.learnt.joined(stores.held_out).as_extracted()
    found = Likeness(store).doubts(np.arange(len(store)))
    listed = []
    for i in map(int, found.order):
        down, right = divmod(int(found.places[i]), found.side)
        box = (down / found.side, right / found.side, (down + 1) / found.side, (right + 1) / found.side)
        listed.append(
            Doubtful(normal[i].sha256, float(found.times[i]), i in found.outlying, box if found.patch[i] else None)
        )
    return tuple(listed)
