"""A histogram whose bars are made of pictures: defective ones upwards, normal ones downwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import histogram
from detectors.result import Column, Result

BINS = (16, 40)  # at least and at most
UP, DOWN = ("defective", "unknown"), ("good", "held_out")  # from the axis outwards


@dataclass(frozen=True)
class Cell:
    """One picture in a bar.

    Attributes:
        bin: which bar.
        base: where it begins, in pictures from the axis; it ends at base + 1. Below the axis base is negative.
        group: "defective", "unknown", "good" or "held_out".
        index: among the test pictures, or among the held-out ones.
        score: raw.
    """

    bin: int
    base: int
    group: str
    index: int
    score: float


def stacks(result: Result, column: Column) -> tuple[NDArray[np.float64], list[Cell]]:
    """Return the bins' edges (B + 1,) and one cell per picture; within a bar a group is ordered by score."""
    sorts = ["unknown" if np.isnan(v) else "defective" if v else "good" for v in result.labels]
    groups: dict[str, list[tuple[float, int]]] = {name: [] for name in (*UP, *DOWN)}
    for i, (score, sort) in enumerate(zip(column.scores, sorts, strict=True)):
        groups[sort].append((float(score), i))
    groups["held_out"] = [(float(score), i) for i, score in enumerate(column.held_out)]
    edges, _ = histogram({name: [score for score, _ in group] for name, group in groups.items()}, *BINS)
    cells = []
    for names, way in ((UP, 1), (DOWN, -1)):
        heights = np.zeros(len(edges) - 1, dtype=int)
        for name in names:
            for score, index in sorted(groups[name]):
                if not np.isfinite(score):
                    continue
                place = int(np.clip(np.searchsorted(edges, score, "right") - 1, 0, len(heights) - 1))
                cells.append(Cell(place, int(heights[place] if way > 0 else -heights[place] - 1), name, index, score))
                heights[place] += 1
    return edges, cells
