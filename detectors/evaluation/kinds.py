"""Which defects a method finds: by kind, by area, by contrast; and which two methods cover most together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detectors.evaluation.figures import image_auroc, wilson
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.result import Column, Figure, Result, ResultPicture

Rows = NDArray[np.int64]
AREAS = (0.001, 0.01, 0.1)  # of the picture: edges between tiny, small, medium and large
CONTRASTS = (5.0, 15.0, 40.0)  # grey levels of 255 between a defect and what lies around it
FEW = 5  # pictures below which a rate says little
_RING = 6  # pixels around a defect that it is compared with


@dataclass(frozen=True)
class Group:
    """Defective test pictures that belong together.

    Attributes:
        by: "kind", "area" or "contrast".
        name: of the kind; of the other two the class from 0, as a digit.
        rows: indices into the test pictures, ascending.
    """

    by: str
    name: str
    rows: tuple[int, ...]

    @property
    def key(self) -> str:
        """What a filter calls it: "kind:scratch", "area:0"."""
        return f"{self.by}:{self.name}"


@dataclass(frozen=True)
class Cell:
    """What one column does on one group.

    Attributes:
        found, of: pictures above the threshold; of how many. `found` is None without a threshold.
        rate: found / of, with Wilson's interval.
        auroc: of the group's pictures against all good ones.
    """

    found: int | None
    of: int
    rate: Figure
    auroc: Figure

    @property
    def few(self) -> bool:
        """Whether there are too few pictures to say much."""
        return self.of < FEW


@dataclass(frozen=True)
class Pair:
    """Two columns together: a picture is flagged when either flags it.

    Attributes:
        keys: of the columns.
        found, of: defective pictures that either flags.
        best, alone: the column of all that finds most by itself, and how many.
        false_alarms, good: good pictures that either flags.
    """

    keys: tuple[str, str]
    found: int
    of: int
    best: str
    alone: int
    false_alarms: int
    good: int


def pasted(result: Result, kind: str) -> bool:
    """Whether the program pasted in all defects of a kind."""
    return all(picture.synthetic for picture in result.test if picture.kind == kind)


def groups(result: Result) -> dict[str, tuple[Group, ...]]:
    """Group the defective test pictures by kind, and by area and contrast where their masks are known."""
    found: dict[tuple[str, str], list[int]] = {}
    for i, picture in enumerate(result.test):
        if picture.defective:
            for by, name in _classes(picture):
                found.setdefault((by, name), []).append(i)
    order = sorted(found, key=lambda key: key[1])
    made = {by: tuple(Group(by, name, tuple(found[by, name])) for b, name in order if b == by)
            for by in ("kind", "area", "contrast")}  # fmt: skip
    return {by: those for by, those in made.items() if those}


def aurocs(result: Result, those: tuple[Group, ...]) -> dict[str, tuple[Figure, ...]]:
    """Return for each column, by its key, the AUROC of each group against the good test pictures."""
    good = np.flatnonzero(result.labels == 0)

    def auroc(column: Column, group: Group) -> Figure:
        labels = np.repeat([1.0, 0.0], [len(group.rows), len(good)])
        return image_auroc(labels, column.scores[np.concatenate([np.asarray(group.rows), good])])

    return {column.key: tuple(auroc(column, group) for group in those) for column in result.columns}


def matrix(
    result: Result,
    those: tuple[Group, ...],
    choice: ThresholdChoice = USUAL,
    known: Mapping[str, tuple[Figure, ...]] | None = None,
) -> dict[str, tuple[Cell, ...]]:
    """Return for each column, by its key, one cell per group.

    Args:
        result: what was found.
        those: groups of its test pictures.
        choice: of the thresholds.
        known: what `aurocs` returns for them, which no threshold changes; worked out when None.
    """
    known = aurocs(result, those) if known is None else known
    made = {}
    for column in result.columns:
        at = choice.value_of(column)
        cells = []
        for group, auroc in zip(those, known[column.key], strict=True):
            rows = np.asarray(group.rows)
            found = None if at is None else int((column.scores[rows] > at).sum())
            cells.append(Cell(found, len(rows), Figure(None) if found is None else wilson(found, len(rows)), auroc))
        made[column.key] = tuple(cells)
    return made


def best_pair(result: Result, choice: ThresholdChoice = USUAL) -> Pair | None:
    """Return the two columns that together find most defects, of equal ones those with fewest false alarms.

    None where fewer than two columns have a threshold or no picture is defective.
    """
    labels = result.labels
    flagged = {c.key: c.scores > at for c in result.columns if (at := choice.value_of(c)) is not None}
    if len(flagged) < 2 or not (labels == 1).any():
        return None
    best = max(flagged, key=lambda key: (int(flagged[key][labels == 1].sum()), -int(flagged[key][labels == 0].sum())))
    pairs = [_pair(labels, flagged, one, other, best) for one, other in combinations(flagged, 2)]
    return max(pairs, key=lambda pair: (pair.found, -pair.false_alarms))


def contrast(picture: ResultPicture) -> float | None:
    """Return how far a defect's mean colour lies from that of the ring around it, in grey levels; None without a mask.

    The largest difference of the three channels; a defect that leaves no ring has None too.
    """
    if picture.mask is None or not picture.mask.any():
        return None
    ring = ndimage.binary_dilation(picture.mask, iterations=_RING) & ~picture.mask
    if not ring.any():
        return None
    pixels = picture.pixels.astype(np.float64)
    return float(np.abs(pixels[picture.mask].mean(0) - pixels[ring].mean(0)).max())


def _classes(picture: ResultPicture) -> Iterator[tuple[str, str]]:
    if picture.kind:
        yield "kind", picture.kind
    if picture.mask is not None and picture.mask.any() and picture.local:
        yield "area", str(int(np.searchsorted(AREAS, picture.mask.mean(), "right")))
        if (found := contrast(picture)) is not None:
            yield "contrast", str(int(np.searchsorted(CONTRASTS, found, "right")))


def _pair(
    labels: NDArray[np.float64], flagged: Mapping[str, NDArray[np.bool_]], one: str, other: str, best: str
) -> Pair:
    either = flagged[one] | flagged[other]
    defective, good = labels == 1, labels == 0
    return Pair(
        keys=(one, other),
        found=int(either[defective].sum()),
        of=int(defective.sum()),
        best=best,
        alone=int(flagged[best][defective].sum()),
        false_alarms=int(either[good].sum()),
        good=int(good.sum()),
    )
