"""Leather: two layers of pebbles with creases between them, seen close and lit from the side.

Zero crossings of noise look like brain coral; "second minus first nearest point" of a jittered lattice does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from detectors.datasets.builtin import fields
from detectors.datasets.builtin.camera import Camera
from detectors.datasets.builtin.light import Lamp, gloss
from detectors.datasets.builtin.planes import (
    COARSE_X,
    COARSE_Y,
    FINE,
    SIZE,
    TURN,
    Plane,
    between,
    coin,
    coverage,
    empty,
    enlarge,
    f32,
    halve,
    linear,
    rim,
    slopes,
)
from detectors.datasets.builtin.shapes import blob, stroke, wander

LARGE, SMALL = 6.6, 3.1  # pebble sizes, SIZE pixels
COARSEST = 1.5  # and its inverse the finest: the wrong hide at severity 1
JITTER = 0.85  # of a cell
WARP = 1.9  # pixels by which the lattice is bent
SLOPE_GAIN = 0.60
HIDE, GLUE = linear(141, 86, 60), linear(236, 226, 205)
STAIN_ABSORBS = np.array([0.75, 0.95, 1.1], np.float32)  # red, green, blue


class Hide:
    """The surface at SIZE, before it is lit. Flaws change height and albedo, or leave a stain or a drop of glue."""

    def __init__(self, part: np.random.Generator, coarseness: float = 1.0) -> None:
        bend_x, bend_y = (fields.band(part, 0.05 / coarseness, 0.5) * f32(WARP * coarseness) for _ in range(2))
        large, nearest = pebbles(part, LARGE, coarseness, bend_x, bend_y)
        small, _ = pebbles(part, SMALL, coarseness, bend_y * f32(0.6), bend_x * f32(0.6))
        self.fine_noise = fields.band(part, 0.33, 0.45)
        self.undulation = fields.power(part, 2.3, 0.008)
        self.density = fields.power(part, 1.8, 0.012)
        share_of_small = np.clip(f32(0.45) + f32(0.22) * self.density, 0, 1)
        self.plateau = np.minimum(large * f32(2.6), 1)  # 0 in the creases
        self.small_plateau = np.minimum(small * f32(2.2), 1)
        self.height = self.plateau * (f32(1.45) - f32(0.7) * share_of_small) - nearest * f32(0.5)
        self.height += self.small_plateau * f32(0.85) * share_of_small
        self.height += self.fine_noise * f32(0.13) + self.undulation
        self.albedo: Plane | float = 1.0
        self.stain: Plane | None = None
        self.glue: Plane | None = None
        self.mask = empty(SIZE)


def pebbles(
    part: np.random.Generator, size: float, coarseness: float, bend_x: Plane, bend_y: Plane
) -> tuple[Plane, Plane]:
    """Return second minus first nearest point of a jittered lattice (0 in the creases), and the first squared."""
    side = int(SIZE / size * COARSEST) + 8  # enough for the finest: the same hide, finer or coarser, draws the same
    cell = size * coarseness
    point_x, point_y = ((part.random((side, side), dtype=np.float32).ravel() - f32(0.5)) * f32(JITTER) for _ in "xy")
    start_x, start_y = part.random(2)
    u = (COARSE_X + bend_x) * f32(1 / cell) + f32(3 + start_x)
    v = (COARSE_Y + bend_y) * f32(1 / cell) + f32(3 + start_y)
    column, row = u.astype(np.int32), v.astype(np.int32)
    u -= column.astype(np.float32)
    v -= row.astype(np.float32)
    home = row * side + column
    first = np.full((SIZE, SIZE), 9, np.float32)
    second = first.copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            cell_number = home + (down * side + right)
            dx = np.take(point_x, cell_number, mode="clip")
            dx += f32(0.5 + right)
            dx -= u
            dy = np.take(point_y, cell_number, mode="clip")
            dy += f32(0.5 + down)
            dy -= v
            dx *= dx
            dy *= dy
            dx += dy  # squared distance
            np.minimum(second, np.maximum(first, dx), out=second)
            np.minimum(first, dx, out=first)
    return np.sqrt(second) - np.sqrt(first), first


def draw(
    part: np.random.Generator,
    flaw: np.random.Generator,
    kind: str | None,
    severity: float,
    camera: Camera,
    rotate: bool,
) -> tuple[Plane, Plane]:
    """Return linear light (SIZE, SIZE, 3) and the mask."""
    del rotate  # leather looks alike from every side
    # grain: the whole hide is of the wrong animal; every patch of it could be normal
    hide = Hide(part, between(severity, 1.07, COARSEST) ** coin(flaw) if kind == "grain" else 1.0)
    if kind == "grain":
        hide.mask += 1
    elif kind is not None:
        FLAWS[kind](hide, flaw, severity)
    lamp = Lamp(-0.62 + camera.light_x, -0.62 + camera.light_y, 0.72)
    diffuse, halfway = lamp.shade(*slopes(hide.height * f32(SLOPE_GAIN)))
    sheen = gloss(halfway, 14)
    creases = f32(0.66) + f32(0.34) * np.minimum(hide.plateau * f32(0.6) + hide.small_plateau * f32(0.55), 1)
    tone = 1 + hide.undulation * f32(0.03) + hide.density * f32(0.02) + hide.fine_noise * f32(0.02)
    tone *= hide.albedo
    light = (tone * (diffuse * f32(1.32) * creases + f32(0.15)))[..., None] * HIDE
    light += (sheen * creases * f32(0.045))[..., None]
    if hide.stain is not None:
        light *= 1 - hide.stain[..., None] * STAIN_ABSORBS
    if hide.glue is not None:
        glint = gloss(halfway, 120) * f32(between(severity, 0.12, 0.8)) + f32(0.03 * severity) + sheen * f32(0.03)
        light *= 1 - f32(0.18) * hide.glue[..., None]
        light += (hide.glue * glint)[..., None] * GLUE
    return light, hide.mask


def _cut(hide: Hide, flaw: np.random.Generator, severity: float) -> None:
    """Open the surface along a line, lips raised."""
    line = wander(flaw, flaw.uniform(110, 400, 2), between(severity, 34, 120), 0.10)
    width = np.interp(np.linspace(0, 1, len(line)), [0, 0.3, 0.7, 1], [0.35, 1, 1, 0.3]) * between(severity, 2.0, 8)
    opening = ndimage.gaussian_filter(halve(stroke(line, width)), 0.4)
    lips = ndimage.gaussian_filter(opening, 1.5) - opening * f32(0.6)
    hide.height += lips * f32(between(severity, 1.2, 4)) - opening * f32(between(severity, 1.5, 6))
    hide.albedo = 1 - opening * f32(between(severity, 0.35, 0.72))
    hide.mask = (ndimage.gaussian_filter(opening, 0.6) > 0.16).astype(np.float32)


def _fold(hide: Hide, flaw: np.random.Generator, severity: float) -> None:
    """Raise a ridge, its grain stretched flatter."""
    line = wander(flaw, flaw.uniform(150, 360, 2), between(severity, 90, 300), 0.05)
    quarter = halve(halve(stroke(line, between(severity, 9, 22))))
    ridge = enlarge(ndimage.gaussian_filter(quarter, 2.0), SIZE)
    ridge = ridge / max(float(ridge.max()), 1e-6)
    hide.height = hide.height * (1 - f32(0.35) * ridge) + ridge * f32(between(severity, 2.2, 10))
    hide.mask = (ridge > 0.3).astype(np.float32)


def _scuff(hide: Hide, flaw: np.random.Generator, severity: float) -> None:
    """Rub the grain away in many short strokes of one direction."""
    x, y = flaw.uniform(120, 390, 2)
    direction, spread = flaw.uniform(0, TURN), between(severity, 8, 26)
    image = Image.new("L", (2 * FINE, 2 * FINE))
    pen = ImageDraw.Draw(image)
    for _ in range(int(between(severity, 7, 30))):
        middle_x, middle_y = flaw.normal((x, y), spread)
        half_length = flaw.uniform(0.4, 1) * between(severity, 22, 75)
        angle = direction + flaw.normal(0, 0.07)
        dx, dy = np.cos(angle) * half_length, np.sin(angle) * half_length
        ends = [2 * (middle_x - dx), 2 * (middle_y - dy), 2 * (middle_x + dx), 2 * (middle_y + dy)]
        pen.line(ends, fill=int(flaw.uniform(90, 255)), width=int(flaw.integers(2, 6)))
    rubbed = ndimage.gaussian_filter(coverage(image.reduce(4)), 0.4)
    hide.height *= 1 - f32(0.7) * np.minimum(rubbed * f32(1.6), 1)
    raised = np.clip(f32(0.25) + f32(0.85) * hide.plateau, 0, 1.3)  # what stands up is rubbed pale first
    hide.albedo = 1 + rubbed * raised * f32(between(severity, 0.30, 1.2))
    hide.mask = (ndimage.gaussian_filter(rubbed, 1.3) > 0.08).astype(np.float32)


def _stain(hide: Hide, flaw: np.random.Generator, severity: float) -> None:
    """Darken a spot, its rim more."""
    radius = between(severity, 20, 60)
    spot = halve(blob(flaw, flaw.uniform(110, 400, 2), radius, 0.4, radius * 0.25))
    hide.stain = spot * f32(between(severity, 0.17, 0.6)) + rim(spot) * f32(0.10 * severity + 0.03)
    hide.mask = (spot > 0.4).astype(np.float32)


def _glue(hide: Hide, flaw: np.random.Generator, severity: float) -> None:
    """Leave a clear dome that fills the grain."""
    radius = between(severity, 10, 36)
    hide.glue = halve(blob(flaw, flaw.uniform(90, 420, 2), radius, 0.28, radius * 0.5))
    hide.height = hide.height * (1 - f32(0.9) * hide.glue) + np.sqrt(hide.glue) * f32(between(severity, 2, 8))
    hide.mask = (hide.glue > 0.2).astype(np.float32)


FLAWS: dict[str, Callable[[Hide, np.random.Generator, float], None]] = {
    "cut": _cut,
    "fold": _fold,
    "scuff": _scuff,
    "stain": _stain,
    "glue": _glue,
}
KINDS = (*FLAWS, "grain")
LOGICAL = ("grain",)
