"""Synthetic defects on a person's own normal pictures, for those who have no defective ones yet.

Four kinds, each with an exact mask: outside the mask not one pixel differs, and the mask is never empty. What methods
score on them says whether they work at all, not how well they find real defects; figures that use them say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detectors.datasets.samples import Sample
from detectors.errors import DatasetRefused, SettingRefused
from detectors.images import of_pixels

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]
_CANDIDATES = 8
_VISIBLE = 6  # a defect changes its middle by at least so many levels


def with_defects(
    normal: Sequence[Sample],
    kinds: Sequence[str] = ("patch", "scratch", "stain", "missing"),
    severity: float | None = None,
    seed: int = 0,
    count: int | None = None,
) -> tuple[Sample, ...]:
    """Paste defects into copies of normal pictures.

    Args:
        normal: the pictures; the first ones in an order drawn from `seed` are used, again when `count` is larger.
        kinds: which defects, taken in turn.
        severity: 0 (barely visible) to 1 (glaring); None takes 1, 0.5 and 0 in turn.
        seed: equal arguments give equal pictures.
        count: how many; one for each normal picture when None.
    """
    if not normal:
        raise DatasetRefused(
            "synthetic.no_normal", "There is no normal picture to paste a defect into. Give at least one."
        )
    if unknown := [kind for kind in kinds if kind not in KINDS] or not kinds:
        raise SettingRefused(
            "synthetic.kinds",
            "The synthetic defects {found} are not known; choose among {known}.",
            found=unknown if kinds else "[]",
            known=", ".join(KINDS),
        )
    if severity is not None and not 0 <= severity <= 1:
        raise SettingRefused(
            "synthetic.severity", "The severity is {found:g}; it must lie between 0 and 1.", found=severity
        )
    order = np.random.default_rng([seed, 0]).permutation(len(normal))
    samples = []
    for i in range(len(normal) if count is None else count):
        base = normal[order[i % len(normal)]]
        other = normal[order[(i + 1) % len(normal)]]
        kind = kinds[i % len(kinds)]
        strength = (1.0, 0.5, 0.0)[i // len(kinds) % 3] if severity is None else severity
        samples.append(_defective(base, other, kind, strength, np.random.default_rng([seed, 1, i]), i))
    return tuple(samples)


def _defective(
    base: Sample, other: Sample, kind: str, severity: float, rng: np.random.Generator, number: int
) -> Sample:
    pixels = base.picture.pixels  # (H, W, 3)
    mask, wanted = KINDS[kind](pixels.astype(np.float32), other.picture.pixels.astype(np.float32), severity, rng)
    wanted = _visible(pixels, mask, wanted)
    result = np.where(mask[..., None], np.clip(np.rint(wanted), 0, 255), pixels).astype(np.uint8)
    name = base.picture.name.rpartition("/")[2]
    picture = of_pixels(result, f"synthetic/{kind}/{number:03d}_{name}", base.picture.original_size)
    return Sample(picture, True, kind, mask, severity, synthetic=True, base=base.picture.sha256)


def _patch(pixels: Plane, other: Plane, severity: float, rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Paste a piece of another normal picture where it does not belong: of 8 the one that differs and has structure."""
    height, width = pixels.shape[:2]
    side = _between(0.05, 0.20, severity) * min(height, width)
    mask, _ = _blob(pixels, side / 2, rng, roughness=0.15)
    rows, columns = np.nonzero(mask)
    best, most = pixels, -1.0
    for _ in range(_CANDIDATES):
        down, across = rng.integers(0, other.shape[0]), rng.integers(0, other.shape[1])
        piece = other[(rows - rows[0] + down) % other.shape[0], (columns - columns[0] + across) % other.shape[1]]
        contrast = float(np.abs(piece - pixels[rows, columns]).mean() * piece.std())
        if contrast > most:
            most, best = contrast, pixels.copy()
            best[rows, columns] = piece
    return mask, best


def _scratch(pixels: Plane, other: Plane, severity: float, rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Draw a thin curved line, lighter or darker than what lies under it."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    length, thickness = _between(0.15, 0.5, severity) * side, max(1.0, _between(0.004, 0.014, severity) * side)
    middle, angle = np.array(_busy_place(pixels, rng)), rng.uniform(0, np.pi)
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    t = np.linspace(-1, 1, 4 * int(length) + 3)[:, None]  # (points, 1)
    points = middle + along * t * length / 2 + across * (1 - t**2) * rng.uniform(-0.12, 0.12) * length
    points = np.rint(points[(points >= -0.5).all(1) & (points <= [height - 0.5, width - 0.5]).all(1)]).astype(int)
    bare = np.ones((height, width), bool)
    bare[tuple(np.clip(points, 0, [height - 1, width - 1]).T)] = False
    if bare.all():
        bare[int(middle[0]), int(middle[1])] = False
    mask = ndimage.distance_transform_edt(bare) < thickness / 2 + 0.25
    change = _between(16, 80, severity) * (1 if pixels[mask].mean() < rng.uniform(90, 165) else -1)
    return mask, pixels + np.float32(change)


def _stain(pixels: Plane, other: Plane, severity: float, rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Darken and tint a blot, a little more at its rim."""
    radius = _between(0.035, 0.11, severity) * min(pixels.shape[:2])
    mask, depth = _blob(pixels, radius, rng, roughness=0.35)
    amount = _between(0.14, 0.6, severity) * (0.8 + 0.2 * np.exp(-((depth - 0.15) ** 2) / 0.02))  # (H, W)
    tint = np.array([0.75, 0.9, 1.1], np.float32)[rng.permutation(3)]
    return mask, pixels * (1 - np.minimum(amount[..., None] * tint, 0.9)).astype(np.float32)


def _missing(pixels: Plane, other: Plane, severity: float, rng: np.random.Generator) -> tuple[Mask, Plane]:
    """Fill a region with the colour of the picture's border, as if a part had been left out."""
    radius = _between(0.03, 0.12, severity) * min(pixels.shape[:2])
    mask, _ = _blob(pixels, radius, rng, roughness=0.1)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])  # (border, 3)
    fill = np.median(border, axis=0) + rng.normal(0, 1.5, (*mask.shape, 1))
    return mask, fill.astype(np.float32)


KINDS: dict[str, Callable[[Plane, Plane, float, np.random.Generator], tuple[Mask, Plane]]] = {
    "patch": _patch,
    "scratch": _scratch,
    "stain": _stain,
    "missing": _missing,
}


def _between(low: float, high: float, severity: float) -> float:
    """Interpolate geometrically, as equal steps of severity look equal."""
    return float(low * (high / low) ** severity)


def _blob(pixels: Plane, radius: float, rng: np.random.Generator, roughness: float) -> tuple[Mask, Plane]:
    """Return a wobbly disc at a busy place, (H, W), and how deep each pixel lies: 0 at the rim, 1 in the middle."""
    y, x = _busy_place(pixels, rng)
    radius = max(radius, 0.75)
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    rows, columns = (rows - y).astype(np.float32), (columns - x).astype(np.float32)
    angle = np.arctan2(rows, columns)  # (H, W)
    rim = np.ones_like(angle)
    for k in range(2, 7):
        rim += roughness * rng.normal() / k**1.4 * np.cos(k * angle + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    depth = 1 - np.hypot(rows, columns) / (radius * np.maximum(rim, 0.3))  # (H, W)
    mask = depth > 0
    mask[y, x] = True
    return mask, np.clip(depth, 0, 1).astype(np.float32)


def _busy_place(pixels: Plane, rng: np.random.Generator) -> tuple[int, int]:
    """Return (y, x) where the picture has structure: the busiest of 8 random places, away from the border."""
    height, width = pixels.shape[:2]
    ys = rng.uniform(0.12, 0.88, _CANDIDATES) * height
    xs = rng.uniform(0.12, 0.88, _CANDIDATES) * width
    reach = max(1, min(height, width) // 24)
    best, busiest = (int(ys[0]), int(xs[0])), -1.0
    for y, x in zip(ys.astype(int), xs.astype(int), strict=True):
        around = pixels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if (busy := float(around.std())) > busiest:
            best, busiest = (int(y), int(x)), busy
    return best


def _visible(pixels: NDArray[np.uint8], mask: Mask, wanted: Plane) -> Plane:
    """Shift a defect that would hardly differ from what it covers, such as a missing part of nothing."""
    wanted = np.clip(wanted, 0, 255)
    before, after = pixels[mask].astype(np.float32), wanted[mask]
    if np.abs(after - before).mean() >= _VISIBLE:
        return wanted
    return wanted + np.float32(2 * _VISIBLE if after.mean() < 128 else -2 * _VISIBLE)
