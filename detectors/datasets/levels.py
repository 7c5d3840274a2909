"""Black and white of pictures with more than 8 bits: what was decided, what is lost, and the values as a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.samples import Dataset
from detectors.errors import Sentence
from detectors.images import Picture, White
from detectors.images.depth import HEADROOM, TWELVE_BITS, Numbers, normal_range, to_8_bits

_FEW_LEVELS = 32
_BINS = 96


@dataclass(frozen=True)
class Histogram:
    """The stored values of a set's deep pictures.

    Attributes:
        edges: (B + 1,) of the bins, in stored units.
        normal, test: (B,) share of the values of normal and of test pictures in each bin.
        black, white: what became 0 and 255; a person may move them (`white` of every loading function).
        normal_low, normal_high: the range of the normal pictures that they came from.
        clipped: share of all values beyond black and white.
        numbers: "whole" or "real".
        levels: how many of the 256 grey levels the normal pictures use.
    """

    edges: NDArray[np.float64]
    normal: NDArray[np.float64]
    test: NDArray[np.float64]
    black: float
    white: float
    normal_low: float
    normal_high: float
    clipped: float
    numbers: Numbers
    levels: int


def histogram(data: Dataset, bins: int = _BINS) -> Histogram | None:
    """Return the histogram of the deep pictures of a set; None for one of 8 bits."""
    train, test = [s.picture for s in data.train], [s.picture for s in data.test]
    numbers = _numbers([*train, *test])
    if numbers is None:
        return None
    learnt, tested = _deep(train, numbers), _deep(test, numbers)
    black, white = data.white.pair(numbers)
    deep = [picture.depth for picture in (*learnt, *tested) if picture.depth is not None]
    depths = [picture.depth for picture in learnt if picture.depth is not None]
    low, high = normal_range(depths)
    top = max(depth.peak for depth in deep) if white is None else white
    span = top - black
    start = max(min(depth.low for depth in deep), black - span)
    edges = np.linspace(min(start, black), max(top, min(max(d.peak for d in deep), top + span)), bins + 1)
    return Histogram(
        edges,
        _shares(learnt, edges),
        _shares(tested, edges),
        black,
        top,
        low,
        high,
        sum(depth.clipped for depth in deep) / max(1, sum(depth.pixels for depth in deep)),
        numbers,
        _levels(learnt, black, top),
    )


def said_of_levels(train: Sequence[Picture], test: Sequence[Picture], white: White, chosen: bool) -> list[Sentence]:
    """Return what to say of black and white of a set: how they were decided, what is clipped, and what is left."""
    found: list[Sentence] = []
    for numbers in ("whole", "real"):
        learnt, tested = _deep(train, numbers), _deep(test, numbers)
        deep = learnt + tested
        black, top = white.pair(numbers)
        if not deep or top is None:
            continue
        mixed = len(deep) < len(train) + len(test)
        if chosen:
            found.append(
                Sentence("dataset.levels_chosen", "Black is {black:g} and white {white:g}, as was chosen.",
                         black=black, white=top)
            )  # fmt: skip
        elif mixed and (black == 0 or not learnt) and numbers == "real":
            found.append(
                Sentence(
                    "dataset.mixed_fractions",
                    "{count} of {total} pictures [count:holds|hold] fractions: in [count:it|them] {white:g} is white, "
                    "and those of 8 bits stay as they are.",
                    count=len(deep),
                    total=len(train) + len(test),
                    white=top,
                )
            )
        elif mixed and (black == 0 or not learnt):
            found.append(
                Sentence(
                    "dataset.mixed_depths",
                    "{count} of {total} pictures [count:has|have] more than 8 bits: all such are scaled so that "
                    "{white:g} is white, and those of 8 bits stay as they are.",
                    count=len(deep),
                    total=len(train) + len(test),
                    white=top,
                )
            )
        elif (black, top) == (0, TWELVE_BITS):
            found.append(
                Sentence(
                    "dataset.twelve_bits",
                    "No normal picture of 16 bits exceeds 4,095: all are read as 12 bits stored in 16, so 4,095 is "
                    "white.",
                )
            )
        elif black != 0 or numbers == "real" or top not in (TWELVE_BITS, 65_535):
            low, high = normal_range([picture.depth for picture in learnt if picture.depth is not None])
            found.append(
                Sentence(
                    "dataset.levels_of_one",
                    "Black is {black:g} and white {white:g} in all pictures of more than 8 bits: all values of the "
                    "normal ones are {low:g}, which is no range to take them from.",
                    black=black,
                    white=top,
                    low=low,
                )
                if low == high
                else Sentence(
                    "dataset.levels",
                    "Black is {black:g} and white {white:g} in all pictures of more than 8 bits: the range of the "
                    "normal ones ({low:g} to {high:g}) and up to {headroom:.0%} of it on both sides.",
                    black=black,
                    white=top,
                    low=low,
                    high=high,
                    headroom=HEADROOM,
                )
            )
            if mixed:
                found.append(
                    Sentence(
                        "dataset.other_depths",
                        "{count} [picture has|pictures have] 8 bits and [stays as it is: its|stay as they are: their] "
                        "brightness cannot be compared with that of the others.",
                        count=len(train) + len(test) - len(deep),
                    )
                )
        found += _lost(learnt, deep, black, top)
    return found


def _lost(learnt: Sequence[Picture], deep: Sequence[Picture], black: float, white: float) -> list[Sentence]:
    found = []
    clipped = [picture.depth for picture in deep if picture.depth is not None and picture.depth.clipped]
    if clipped:
        share = sum(depth.clipped for depth in clipped) / sum(p.depth.pixels for p in deep if p.depth is not None)
        found.append(
            Sentence(
                "dataset.clipped",
                "{share:.2%} of the values lie beyond black and white and were clipped, in {count} [picture|pictures].",
                share=share,
                count=len(clipped),
            )
        )
    levels = _levels(learnt or deep, black, white)
    values = np.unique(_values(learnt or deep)).size
    if levels < _FEW_LEVELS and values >= 2 * levels:
        found.append(
            Sentence(
                "dataset.few_levels",
                "The pictures use only {levels} of 256 grey levels between black and white: fine differences are lost. "
                "Move black and white closer to their values.",
                levels=levels,
            )
        )
    return found


def _numbers(pictures: Sequence[Picture]) -> Numbers | None:
    whole, real = len(_deep(pictures, "whole")), len(_deep(pictures, "real"))
    return None if not whole + real else "whole" if whole >= real else "real"


def _deep(pictures: Sequence[Picture], numbers: Numbers) -> list[Picture]:
    return [picture for picture in pictures if picture.depth is not None and picture.depth.numbers == numbers]


def _values(pictures: Sequence[Picture]) -> NDArray[np.float32]:
    samples = [picture.depth.sample for picture in pictures if picture.depth is not None]
    return np.concatenate(samples) if samples else np.zeros(0, np.float32)


def _shares(pictures: Sequence[Picture], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    values = _values(pictures)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return counts / max(1, len(values))


def _levels(pictures: Sequence[Picture], black: float, white: float) -> int:
    return int(np.unique(to_8_bits(_values(pictures), black, white)).size)
