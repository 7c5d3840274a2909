"""One lamp, upper left in every product: diffuse light, highlights, and cast shadows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from detectors.datasets.builtin.planes import Plane, enlarge, f32


class Lamp:
    """A distant light; x to the right, y down, z towards the camera. The camera looks straight down."""

    def __init__(self, x: float, y: float, z: float) -> None:
        direction = np.array([x, y, z]) / np.sqrt(x * x + y * y + z * z)
        halfway = direction + np.array([0, 0, 1])
        halfway /= np.linalg.norm(halfway)
        self.direction = tuple(f32(v) for v in direction)
        self.halfway = tuple(f32(v) for v in halfway)

    def shade(self, slope_x: Plane, slope_y: Plane) -> tuple[Plane, Plane]:
        """Return the cosines to the lamp (0 where turned away) and to the halfway vector, for a surface's slopes."""
        upright = slope_x * slope_x  # the z of the unit normal, in the end
        upright += slope_y * slope_y
        upright += 1
        np.sqrt(upright, out=upright)
        np.reciprocal(upright, out=upright)
        to_lamp = _cosine(slope_x, slope_y, upright, self.direction)
        np.maximum(to_lamp, 0, out=to_lamp)
        return to_lamp, _cosine(slope_x, slope_y, upright, self.halfway)


def _cosine(slope_x: Plane, slope_y: Plane, upright: Plane, towards: Sequence[np.float32]) -> Plane:
    x, y, z = towards
    cosine = slope_x * -x
    cosine += z
    cosine -= slope_y * y
    cosine *= upright
    return cosine


def gloss(halfway: Plane, exponent: float) -> Plane:
    """Return the highlight: 1 in the mirror direction, narrower with a larger exponent."""
    return np.exp(f32(exponent) * (halfway - 1))


def cast(coverage: Plane, steps: Sequence[tuple[float, float]], toward: tuple[float, float], size: int) -> Plane:
    """Return the shadow (0 to 1) of a part, at `size` pixels.

    `coverage` is at quarter size. It is shifted along `toward` by growing steps, (distance, weight) each, which
    makes the shadow fade with distance, then softened by 2 px.
    """
    shadow = np.zeros_like(coverage)
    for distance, weight in steps:
        shadow += f32(weight) * shifted(coverage, distance * toward[0], distance * toward[1])
    return np.clip(enlarge(ndimage.gaussian_filter(shadow, 2.0), size), 0, 1)


def shifted(plane: Plane, right: float, down: float) -> Plane:
    """Return the plane moved by a part of a pixel, edges repeated."""
    return ndimage.shift(plane, (down, right), order=1, mode="nearest")
