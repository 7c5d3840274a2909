"""What a file looks like at a glance: its size, and whether it has so few values that it may be a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import Refusal
from detectors.images.decoding import load_jpeg, opened
from detectors.images.limits import LIMITS, Limits

_SIDE = 512  # looked at in this size
_FEW = 16  # colours of a mask: two, or a number for each kind of defect
_SHARE = 0.97  # of a mask with soft edges lies this much at its two values
_NEAR, _APART = 16, 64  # grey levels


@dataclass(frozen=True)
class Look:
    """A file's size upright, (H, W), and whether it has few values, as masks have."""

    size: tuple[int, int]
    few: bool

    def masks(self, other: Look) -> bool:
        """Whether this is the mask and the other its picture, as far as looks go."""
        return self.few and not other.few and self.size == other.size


def look(data: bytes, limits: Limits = LIMITS) -> Look | None:
    """Look at a file; None for one that cannot be read as a picture."""
    try:
        with opened(data, limits) as found:
            if found.kept is not None:
                return Look(found.upright, few=False)
            image = found.image
            if found.scans is not None:
                load_jpeg(image, data, found.scans, _SIDE)
            image.load()
            return Look(found.upright, few_values(image, found.kind == "JPEG"))
    except Refusal:
        return None


def few_values(image: Image.Image, lossy: bool) -> bool:
    """Whether a picture that is loaded has so few values that it may be a mask; every so many pixels are looked at."""
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.NEAREST)
    return _few_values(np.asarray(small), lossy)


def _few_values(pixels: NDArray[np.generic], lossy: bool) -> bool:
    flat = pixels.reshape(-1, pixels.shape[2] if pixels.ndim == 3 else 1)  # (N, 1 to 4)
    if not lossy and len(np.unique(flat[:: max(1, len(flat) // 4096)], axis=0)) <= _FEW:
        return len(np.unique(flat, axis=0)) <= _FEW
    if flat.dtype != np.uint8:
        return False
    grey = flat[:, :3].mean(axis=1)
    counts = np.bincount(np.rint(grey).astype(int), minlength=256)  # (256,)
    first = int(counts.argmax())
    away = counts.copy()
    away[max(0, first - _APART) : first + _APART] = 0
    second = int(away.argmax())
    near = [counts[max(0, value - _NEAR) : value + _NEAR + 1].sum() for value in {first, second}]
    colourless = float((np.ptp(flat[:, :3].astype(int), axis=1) <= _NEAR).mean()) >= _SHARE
    extreme = first <= _NEAR or first >= 255 - _NEAR
    return bool(colourless and extreme and sum(near) >= _SHARE * counts.sum())
