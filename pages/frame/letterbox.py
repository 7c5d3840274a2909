"""Pictures that are no squares, in panes that are: laid in the middle of a square; places go there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.images.preprocessing import PADDING

Size = tuple[int, ...]  # (H, W) first


def side(size: Size) -> int:
    """Return the side of the square that shows a picture."""
    return max(size[:2])


def corner(size: Size) -> tuple[int, int]:
    """Return (row, column) of the picture's first pixel in its square."""
    return (side(size) - size[0]) // 2, (side(size) - size[1]) // 2


def inside(size: Size, y: int, x: int) -> tuple[int, int]:
    """Return the pixel of the picture that is nearest to a pixel of its square."""
    down, right = corner(size)
    return min(max(y - down, 0), size[0] - 1), min(max(x - right, 0), size[1] - 1)


def squared(array: NDArray[Any], fill: float = PADDING) -> NDArray[Any]:
    """Return (S, S, ...) with the picture (H, W, ...) in its middle."""
    if array.shape[0] == array.shape[1]:
        return array
    whole = np.full((side(array.shape),) * 2 + array.shape[2:], fill, array.dtype)
    down, right = corner(array.shape)
    whole[down : down + array.shape[0], right : right + array.shape[1]] = array
    return whole


def cut(array: NDArray[Any], size: Size) -> NDArray[Any]:
    """Return the part (H, W, ...) of a square that holds a picture of this size."""
    down, right = corner(size)
    return array[down : down + size[0], right : right + size[1]]
