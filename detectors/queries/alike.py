"""How much all other pictures of a run are like one of them, by the features that the run has extracted anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.comparison.comparison import Bench, FittedColumn
from detectors.features.likeness import pooled_stages, standardised
from detectors.queries.explain import Role
from detectors.queries.remembered import Remembered

_POOLED: Remembered[list[NDArray[np.float32]]] = Remembered()


@dataclass(frozen=True)
class Likeness:
    """How far one backbone finds a run's pictures from one of them: a distance each, infinite for the picture itself.

    Attributes:
        backbone: the name.
        learnt, held_out, test: in the run's order.
    """

    backbone: str
    learnt: NDArray[np.float64]
    held_out: NDArray[np.float64]
    test: NDArray[np.float64]


def likeness(bench: Bench, role: Role, index: int) -> tuple[Likeness, ...]:
    """Compare one of the run's pictures with all the others; one answer per backbone of a finished column."""
    first = {fitted.stores.backbone: fitted for fitted in reversed(bench.fitted)}
    counts = {"learnt": len(bench.pictures.learnt), "held_out": len(bench.pictures.held_out)}
    row = index + {"learnt": 0, "held_out": counts["learnt"], "test": sum(counts.values())}[role]
    cuts = [counts["learnt"], sum(counts.values())]
    return tuple(
        Likeness(name, *np.split(distances(_stages(fitted), row, normal=cuts[1]), cuts))
        for name, fitted in first.items()
    )


def distances(stages: Sequence[NDArray[np.floating[Any]]], row: int, normal: int) -> NDArray[np.float64]:
    """Return (N,) distances of picture `row` to all; infinite to itself.

    Args:
        stages: (N, C_s) pooled features of each stage, which all count alike whatever their number of channels.
        row: the picture.
        normal: how many pictures, the first ones, say what spread is usual in a channel.
    """
    squared = np.zeros(len(stages[0]))
    for pooled in stages:
        x = standardised(pooled, normal)
        squared += ((x - x[row]) ** 2).sum(axis=1) / max(x.shape[1], 1)
    squared[row] = np.inf
    return np.sqrt(squared)


def _stages(fitted: FittedColumn) -> list[NDArray[np.float32]]:
    """Return the pooled features of learnt, held-out and test pictures in this order, read once per worker."""
    stores = fitted.stores
    return _POOLED.of(fitted, lambda: pooled_stages(s for s in (stores.learnt, stores.held_out, stores.test) if len(s)))
