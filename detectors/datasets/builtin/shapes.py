"""Irregular shapes that flaws are made of: strokes, wandering lines, blobs. Coverage planes in [0, 1] at FINE."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from detectors.datasets.builtin.planes import FINE, TURN, Plane, X, Y, coverage, empty, even_window, f32, soft_step

Line = NDArray[np.float64]  # (points, 2): x, y
OVERSAMPLING = 2


def stroke(line: ArrayLike, width: ArrayLike) -> Plane:
    """Return a line drawn with round joints; one width, or one for each point."""
    points = np.asarray(line, float) * OVERSAMPLING
    widths = np.broadcast_to(np.asarray(width, float) * OVERSAMPLING, len(points))
    image = Image.new("L", (FINE * OVERSAMPLING, FINE * OVERSAMPLING))
    draw = ImageDraw.Draw(image)
    for i in range(len(points) - 1):
        thickness = max(1, round((widths[i] + widths[i + 1]) / 2))
        (x, y), radius = points[i + 1], thickness / 2
        draw.line([tuple(points[i]), (x, y)], fill=255, width=thickness)
        if thickness > 2:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return coverage(image.reduce(OVERSAMPLING))


def wander(rng: np.random.Generator, middle: ArrayLike, length: float, bend: float) -> Line:
    """Return a line of 15 points that sets out in any direction and keeps turning, centred on `middle`."""
    steps = 14
    angle, turn = rng.uniform(0, TURN), rng.normal(0, bend)
    angles = np.empty(steps)
    for i in range(steps):
        turn = 0.7 * turn + rng.normal(0, bend)  # a turn goes on for a while
        angle += turn
        angles[i] = angle
    moves = length / steps * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])  # (15, 2)
    return line - line.mean(axis=0) + np.asarray(middle, float)


def blob(rng: np.random.Generator, middle: ArrayLike, radius: float, roughness: float, softness: float) -> Plane:
    """Return a rounded, irregular spot whose edge is `softness` pixels wide to either side."""
    orders = np.arange(1, 7)
    # higher waves weaker: with equal ones a stain becomes a star
    swing = rng.normal(size=6) * roughness / orders**1.4
    phases = rng.uniform(0, TURN, 6)
    x, y = np.asarray(middle, float)
    reach = 2.6 * radius
    window = even_window(x - reach, y - reach, x + reach + 2, y + reach + 2)
    spot = empty()
    if spot[window].size:
        dx, dy = X[window] - f32(x), Y[window] - f32(y)
        angle = np.arctan2(dy, dx)
        outline = np.ones_like(angle)
        for order, amount, phase in zip(orders, swing, phases, strict=True):
            outline += f32(amount) * np.cos(f32(order) * angle + f32(phase))
        inside = f32(radius) * np.clip(outline, 0.35, 2) - np.hypot(dx, dy)
        spot[window] = soft_step(inside, -softness, softness)
    return spot


def circle_points(middle: tuple[float, float], radius: float) -> list[float]:
    """Return the box that Pillow draws a circle into."""
    x, y = middle
    return [x - radius, y - radius, x + radius, y + radius]


def turned(points: ArrayLike, x: float, y: float, angle: float) -> Line:
    """Return points given round the origin, turned by `angle` and moved to (x, y)."""
    c, s = math.cos(angle), math.sin(angle)
    return np.asarray(points, float) @ np.array([[c, s], [-s, c]]) + (x, y)


def tapered(x: Plane, y: Plane, radius: float, end_radius: float, length: float) -> Plane:
    """Return the signed distance (negative inside) to the hull of a circle at 0 and another at (length, 0)."""
    sine = (radius - end_radius) / length  # of the angle between the flank and the axis
    cosine = math.sqrt(1 - sine * sine)
    y = np.abs(y)
    along = x * f32(cosine) - y * f32(sine)  # along the flank, from the first circle's point of contact
    at_start = np.hypot(x, y) - f32(radius)
    at_end = np.hypot(x - f32(length), y) - f32(end_radius)
    at_flank = x * f32(sine) + y * f32(cosine) - f32(radius)
    return np.where(along < 0, at_start, np.where(along > f32(cosine * length), at_end, at_flank))
