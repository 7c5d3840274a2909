"""The shape of panes: one for all pictures of a set, in which each lies in the middle, as large as it goes in.

A shape is width over height, as in a person's file, whatever the input of the backbones is. Of a result's pixels only
the picture is shown, without padding. Places on screen count from its corner, all others from the input's.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log
from statistics import median_low
from typing import Any

from numpy.typing import NDArray

from detectors.result import Result, ResultPicture

SHAPES = (1 / 3, 4.0)  # of panes: taller ones would fill a screen, wider ones could not be clicked
ALIKE = 1.05  # times: so much wider or higher than its pane a picture still fills it


def of(result: Result) -> float:
    """Return the shape of a result's panes."""
    return common(picture.aspect for picture in (*result.learnt, *result.held_out, *result.test))


def common(shapes: Iterable[float]) -> float:
    """Return the shape of a pane for pictures of these shapes: the middle one, within `SHAPES`; 1 for no picture.

    >>> common([3.0, 3.0]), common([0.5, 1.0, 1.5]), common([16.0]), common([])
    (3.0, 1.0, 4.0, 1.0)
    """
    middle = median_low(list(shapes) or [1.0])  # one that there is
    return 1.0 if alike(middle, 1.0) else round(min(max(middle, SHAPES[0]), SHAPES[1]), 4)


def stretch(picture: ResultPicture) -> float:
    """Return how many times as wide as high one of the picture's pixels is shown."""
    height, width = size(picture)
    ratio = picture.aspect * height / width
    return 1.0 if alike(ratio, 1.0) else round(ratio, 4)


def alike(one: float, other: float) -> bool:
    """Say whether two shapes differ by less than can be seen."""
    return abs(log(one / other)) < log(ALIKE)


def fit(shape: float, pane: float) -> tuple[float, float]:
    """Return which share of a pane's width and of its height a picture of this shape takes.

    >>> fit(1.0, 2.0), fit(3.0, 1.5), fit(2.01, 2.0)
    ((0.5, 1.0), (1.0, 0.5), (1.0, 1.0))
    """
    if alike(shape, pane):
        return 1.0, 1.0
    return (round(shape / pane, 4), 1.0) if shape < pane else (1.0, round(pane / shape, 4))


def seen(picture: ResultPicture, array: NDArray[Any]) -> NDArray[Any]:
    """Return the part of the picture's pixels, of its mask or of its map (H, W, ...) that is shown."""
    return array[picture.inside]


def size(picture: ResultPicture) -> tuple[int, int]:
    """Return (height, width) of what is shown of a picture."""
    rows, columns = picture.inside
    return rows.stop - rows.start, columns.stop - columns.start


def corner(picture: ResultPicture) -> tuple[int, int]:
    """Return (row, column) of the first pixel that is shown."""
    rows, columns = picture.inside
    return rows.start, columns.start


def place(picture: ResultPicture, y: int, x: int) -> tuple[int, int]:
    """Return the pixel of the input that is nearest to a place on screen."""
    (down, right), (height, width) = corner(picture), size(picture)
    return down + min(max(y, 0), height - 1), right + min(max(x, 0), width - 1)


def pixels(shape: float, side: int) -> tuple[int, int]:
    """Return (width, height) of a small picture of a shape, with about as many pixels as a square of `side`.

    >>> pixels(1.0, 80), pixels(4.0, 80)
    ((80, 80), (160, 40))
    """
    return max(1, round(side * shape**0.5)), max(1, round(side / shape**0.5))
