"""Paint over a picture: an overlay of colours and opacities, laid on, faded and shrunk by exact arithmetic.

A canvas sends its overlay alone, as one opaque PNG of twice the picture's height: the colours above, the opacities
below as grey. So the file is decoded like any other person's picture, and no value is rounded on the way.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.errors import PictureRefused
from detectors.images import decode

PREFIX = "data:image/png;base64,"
LONGEST = 4 * 2**20  # characters of a data URL


@dataclass(frozen=True)
class Overlay:
    """What was painted: colours (H, W, 3) and opacities (H, W), uint8."""

    colours: NDArray[np.uint8]
    opacity: NDArray[np.uint8]

    @property
    def empty(self) -> bool:
        """Whether nothing shows."""
        return not self.opacity.any()

    @property
    def extent(self) -> int:
        """The longer side of what shows, in pixels."""
        rows, columns = np.flatnonzero(self.opacity.any(axis=1)), np.flatnonzero(self.opacity.any(axis=0))
        return 0 if not len(rows) else int(max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1

    @property
    def strength(self) -> float:
        """The greatest opacity, 0 to 1."""
        return float(self.opacity.max()) / 255

    def over(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Lay it on a picture (H, W, 3); where nothing was painted the picture's own bytes stay."""
        opacity = self.opacity[..., None].astype(np.uint32)
        mixed = picture.astype(np.uint32) * (255 - opacity) + self.colours.astype(np.uint32) * opacity
        return ((mixed + 127) // 255).astype(np.uint8)

    def faded(self, share: float) -> Overlay:
        """Return it with every opacity times `share`."""
        return Overlay(self.colours, np.rint(self.opacity * share).astype(np.uint8))

    def shrunk(self, share: float) -> Overlay:
        """Return it scaled by `share` about the middle of what shows; every pixel is the mean over what it covers."""
        if share == 1 or self.empty:
            return self
        down, right = (_scaling(np.asarray(self.opacity.any(axis=axis)), share) for axis in (1, 0))
        opacity = self.opacity.astype(np.float64)
        weighted = self.colours * opacity[..., None]  # (H, W, 3)
        small = down @ opacity @ right.T
        colours = np.stack([down @ weighted[..., c] @ right.T for c in range(3)], axis=2)
        colours /= np.maximum(small, 1e-9)[..., None]
        return Overlay(
            np.rint(np.clip(colours, 0, 255)).astype(np.uint8), np.rint(np.clip(small, 0, 255)).astype(np.uint8)
        )


def read_overlay(url: str, size: tuple[int, int]) -> Overlay:
    """Read what a canvas sent for a picture of (H, W) pixels.

    Raises:
        PictureRefused: when it is not that: anybody can send anything.
    """
    if not url.startswith(PREFIX) or len(url) > LONGEST:
        raise _not_a_painting(size)
    try:
        data = base64.b64decode(url[len(PREFIX) :], validate=True)
    except binascii.Error:
        raise _not_a_painting(size) from None
    picture, (height, width) = decode(data, "painting"), size
    if picture.original_size != (2 * height, width) or picture.pixels.shape != (2 * height, width, 3):
        raise _not_a_painting(size)
    return Overlay(picture.pixels[:height].copy(), picture.pixels[height:, :, 0].copy())


def crossing(sizes: ArrayLike, multiples: ArrayLike) -> float | None:
    """Return the size below which a method misses: from the largest down, where its score first falls to the threshold.

    Args:
        sizes: (N,) ascending.
        multiples: (N,) scores as multiples of the threshold.

    Returns:
        The place of the crossing on the straight line between two sizes; None when even the largest is missed, the
        smallest size when all are found.

    >>> crossing([1, 2, 3], [0.5, 1.5, 2.0])
    1.5
    """
    at, ratios = np.asarray(sizes, np.float64), np.asarray(multiples, np.float64)
    if not len(ratios) or ratios[-1] <= 1:
        return None
    missed = np.flatnonzero(ratios <= 1)
    if not len(missed):
        return float(at[0])
    low = missed[-1]
    return float(at[low] + (1 - ratios[low]) / (ratios[low + 1] - ratios[low]) * (at[low + 1] - at[low]))


def stack(picture: NDArray[np.uint8], overlays: Sequence[Overlay]) -> NDArray[np.uint8]:
    """Lay overlays on the same picture: (B, H, W, 3)."""
    return np.stack([overlay.over(picture) for overlay in overlays])


def _scaling(shows: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """Return (S, S): the part of each old pixel that each new one covers, times the share that keeps means."""
    places = np.flatnonzero(shows)
    middle = (places[0] + places[-1] + 1) / 2
    edges = middle + (np.arange(len(shows) + 1) - middle) / share  # where the new pixels' edges lie in the old picture
    pixels = np.arange(len(shows))
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)  # (S, S)
    return np.clip(covered, 0, None) * share


def _not_a_painting(size: tuple[int, int]) -> PictureRefused:
    return PictureRefused(
        "painting.refused",
        "What the canvas sent is not a painting of {width} x {height} pixels. Load the page again.",
        width=size[1],
        height=size[0],
    )
