"""How the methods of a result stand to each other: who leads, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import paired_auroc_difference
from detectors.result import Column

_TIED = 0.005  # AUROCs that read the same in two decimals lead together


@dataclass(frozen=True)
class Ranking:
    """Who leads by AUROC.

    Attributes:
        leaders: keys of the columns with the highest AUROC, or one that reads the same.
        behind: columns that every leader is ahead of by more than chance: the interval leaves 0 out.
        open: the other columns, for which the pictures do not tell.
        certain: pairs of columns whose difference is more than chance, whoever leads.
    """

    leaders: tuple[str, ...]
    behind: tuple[str, ...]
    open: tuple[str, ...]
    certain: int


def rank(labels: NDArray[np.float64], columns: Sequence[Column]) -> Ranking | None:
    """Rank columns by AUROC on the same pictures; None where no AUROC can be computed."""
    found = [(column, column.figures["image_auroc"].value) for column in columns if "image_auroc" in column.figures]
    measured = [(column, value) for column, value in found if value is not None]
    if not measured:
        return None
    measured.sort(key=lambda pair: -pair[1])
    top = measured[0][1]
    leaders = tuple(column.key for column, value in measured if top - value < _TIED)
    sure = {
        (one.key, other.key)
        for (one, _), (other, _) in combinations(measured, 2)
        if (low := paired_auroc_difference(labels, one.scores, other.scores).low) is not None and low > 0
    }
    rest = [column.key for column, _ in measured[len(leaders) :]]
    behind = tuple(key for key in rest if all((leader, key) in sure for leader in leaders))
    return Ranking(leaders, behind, tuple(key for key in rest if key not in behind), len(sure))
