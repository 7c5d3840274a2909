"""Planes of float32 numbers: the two grids pictures are drawn on, and what is done to a whole plane at once.

Geometry is drawn at FINE and reduced 2 x 2 in linear light to SIZE, which smooths every outline;
surfaces without outlines are drawn at SIZE directly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Point = tuple[float, float]  # (x, y) in pixels of the FINE grid unless stated
Window = tuple[slice, slice]  # rows, columns

FINE = 512
SIZE = 256
TURN = 2 * math.pi
f32 = np.float32  # a Python float keeps float32, a float64 scalar or an int32 array does not: this makes it explicit

Y, X = np.mgrid[0:FINE, 0:FINE].astype(np.float32)
COARSE_Y, COARSE_X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
WHOLE: Window = (slice(0, FINE), slice(0, FINE))

MASKED_SHARE = 0.3  # a mask pixel is set where the flaw covers this much of its 2 x 2 cell


def between(severity: float, barely: float, glaring: float) -> float:
    """Return the size or contrast at `severity`: geometric from `barely` (0) to `glaring` (1)."""
    return float(barely * (glaring / barely) ** severity)


def coin(rng: np.random.Generator) -> int:
    """Return -1 or 1."""
    return 2 * int(rng.integers(2)) - 1


def empty(size: int = FINE) -> Plane:
    """Return a plane of zeros."""
    return np.zeros((size, size), np.float32)


def soft_step(values: Plane, low: float, high: float) -> Plane:
    """Return 0 below `low`, 1 above `high` and a smooth S between (falling when `low` is the larger)."""
    t = np.clip((values - f32(low)) * f32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def rim(blob: Plane) -> Plane:
    """Return 1 where a soft-edged shape is half there, 0 well inside and outside."""
    return np.clip(blob * (1 - blob) * 4, 0, 1)


def halve(plane: Plane) -> Plane:
    """Return the plane averaged over 2 x 2 cells; further axes (colours) stay."""
    total = plane[0::2, 0::2] + plane[1::2, 0::2]  # (H/2, W/2, ...)
    total += plane[0::2, 1::2]
    total += plane[1::2, 1::2]
    total *= f32(0.25)
    return total


def enlarge(plane: Plane, size: int) -> Plane:
    """Return the plane at size x size pixels, bicubic."""
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def coverage(image: Image.Image) -> Plane:
    """Return a drawn "L" image as a plane in [0, 1]."""
    return np.asarray(image, np.float32) * f32(1 / 255)


def halve_window(window: Window) -> Window:
    """Return the same window on the grid of half the size; its bounds must be even."""
    rows, columns = window
    return slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)


def even_window(left: float, top: float, right: float, bottom: float) -> Window:
    """Return the part of a box that lies inside the FINE grid, with even bounds."""
    x0, x1 = (2 * int(min(max(v, 0), FINE) // 2) for v in (left, right))
    y0, y1 = (2 * int(min(max(v, 0), FINE) // 2) for v in (top, bottom))
    return slice(y0, y1), slice(x0, x1)


def slopes(height: Plane) -> tuple[Plane, Plane]:
    """Return the central differences along x and along y."""
    along_x, along_y = np.empty_like(height), np.empty_like(height)
    np.subtract(height[:, 2:], height[:, :-2], out=along_x[:, 1:-1])
    along_x[:, 1:-1] *= f32(0.5)
    along_x[:, 0], along_x[:, -1] = along_x[:, 1], along_x[:, -2]
    np.subtract(height[2:], height[:-2], out=along_y[1:-1])
    along_y[1:-1] *= f32(0.5)
    along_y[0], along_y[-1] = along_y[1], along_y[-2]
    return along_x, along_y


def painted(*layers: tuple[Plane, ArrayLike]) -> Plane:
    """Return the sum of plane times colour, (SIZE, SIZE, 3).

    Planes are at FINE: they are reduced first, so that three colours cost no more than one.
    """
    colours = [np.asarray(colour, np.float32) for _, colour in layers]
    total = halve(layers[0][0])[..., None] * colours[0]  # (SIZE, SIZE, 3)
    for (plane, _), colour in zip(layers[1:], colours[1:], strict=True):
        total += halve(plane)[..., None] * colour
    return total


def linear(red: int, green: int, blue: int) -> Plane:
    """Return an sRGB colour (0 to 255) as linear light, (3,), by the plain power 2.2 that the camera undoes."""
    return (np.array([red, green, blue], np.float32) * f32(1 / 255)) ** f32(2.2)


def reduced_mask(mask: NDArray[np.float32] | Mask) -> Mask:
    """Return the mask at SIZE: set where the flaw covers at least MASKED_SHARE of the cell."""
    plane = np.asarray(mask, np.float32)
    return (halve(plane) if len(plane) == FINE else plane) >= f32(MASKED_SHARE)


def choose(rng: np.random.Generator, options: Sequence[int]) -> int:
    """Return one of the options."""
    return int(options[int(rng.integers(len(options)))])
