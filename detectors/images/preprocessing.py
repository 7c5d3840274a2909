"""From a picture of any size to the square a backbone sees: one value, stored with every result and model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import SettingRefused

if TYPE_CHECKING:
    from detectors.images.picture import Picture

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_SMALLEST, _LARGEST = 32, 1024
_MIDDLE = 127.5
_THREADS = 2


@dataclass(frozen=True)
class Preprocessing:
    """How every picture, learnt from or tested, is brought to one size.

    Attributes:
        size: S, the side of the square, in pixels.
        crop: "none" squeezes both sides to S; "center" brings the shorter side to round(S * 256 / 224) and keeps the
            middle square.
        filter: the anti-aliased resampling filter.
        equalise: bring the mean of each picture's values to the middle of the range by a gamma curve, which keeps
            black, white and the order of brightnesses.
    """

    size: int = 224
    crop: Literal["none", "center"] = "none"
    filter: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    equalise: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not _SMALLEST <= self.size <= _LARGEST:
            raise SettingRefused(
                "preprocessing.size",
                "The input size is {size}; a whole number of {smallest} to {largest} pixels is accepted.",
                size=self.size,
                smallest=_SMALLEST,
                largest=_LARGEST,
            )
        if self.crop not in ("none", "center"):
            raise SettingRefused(
                "preprocessing.crop", "The crop is {crop!r}; 'none' or 'center' is expected.", crop=self.crop
            )
        if self.filter not in _FILTERS:
            raise SettingRefused(
                "preprocessing.filter",
                "The filter is {filter!r}; 'bilinear', 'bicubic' or 'lanczos' is expected.",
                filter=self.filter,
            )

    def apply(self, picture: Picture) -> NDArray[np.uint8]:
        """Return (S, S, 3) sRGB."""
        image = self._resized(Image.fromarray(picture.pixels), _FILTERS[self.filter])
        return self.finish(np.array(image))

    def finish(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (S, S, 3) sRGB after what follows the resizing: where `equalise` is on, at equal brightness."""
        return np.array(_equalised(Image.fromarray(pixels))) if self.equalise else pixels

    def apply_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return (S, S), cut out as the picture is, every value taken from the nearest pixel."""
        image = Image.fromarray(mask.astype(np.uint8))
        return np.array(self._resized(image, Image.Resampling.NEAREST)).astype(bool)

    def stack(self, pictures: Sequence[Picture]) -> NDArray[np.uint8]:
        """Return (B, S, S, 3) sRGB."""
        result = np.empty((len(pictures), self.size, self.size, 3), np.uint8)
        if len(pictures) > 1:
            with ThreadPoolExecutor(_THREADS) as threads:
                for index, pixels in enumerate(threads.map(self.apply, pictures)):
                    result[index] = pixels
        elif pictures:
            result[0] = self.apply(pictures[0])
        return result

    def batch(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (B, 3, S, S) in [0, 1]."""
        return np.divide(self.stack(pictures).transpose(0, 3, 1, 2), np.float32(255), order="C")  # (B, 3, S, S)

    def _resized(self, image: Image.Image, resample: Image.Resampling) -> Image.Image:
        gap = None if resample == Image.Resampling.NEAREST else 3.0  # exact below a sixfold reduction
        if self.crop == "none":
            if image.size == (self.size, self.size):
                return image
            return image.resize((self.size, self.size), resample, reducing_gap=gap)
        shorter = round(self.size * 256 / 224)
        width, height = image.size
        scale = shorter / min(width, height)
        # A very long picture is cut to its middle first: enlarged whole it would not fit in memory.
        across, down = min(width, 2 * height), min(height, 2 * width)
        left, top = (width - across) / 2, (height - down) / 2
        size = max(shorter, int(across * scale)), max(shorter, int(down * scale))
        image = image.resize(size, resample, box=(left, top, left + across, top + down), reducing_gap=gap)
        left, top = round((image.width - self.size) / 2), round((image.height - self.size) / 2)
        return image.crop((left, top, left + self.size, top + self.size))


def _equalised(image: Image.Image) -> Image.Image:
    """Find the gamma that brings the mean of all channels to the middle, between 1/4 and 4, by bisection."""
    counts = np.array(image.histogram(), np.float64).reshape(3, 256).sum(axis=0)  # (256,)
    levels = np.arange(256) / 255
    low, high = 0.25, 4.0
    for _ in range(24):
        gamma = (low * high) ** 0.5
        mean = counts @ (255 * levels**gamma) / counts.sum()
        low, high = (gamma, high) if mean > _MIDDLE else (low, gamma)
    curve = np.rint(255 * levels**gamma).astype(int).tolist()
    return image.point(curve * len(image.getbands()))
