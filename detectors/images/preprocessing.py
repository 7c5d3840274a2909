"""From a picture of any size to what a backbone sees: one value, stored with every result and model."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from math import log
from statistics import median
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import Sentence, SettingRefused
from detectors.images.limits import LIMITS

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
SNAP = 32  # pixels: the coarsest stride of a backbone, so that every level's grid holds whole cells
SQUEEZED = 1.2  # how many times more one side may be shrunk than the other before it is told
PADDING = 128  # the grey around a padded picture; no backbone sees it

Size = tuple[int, int]  # (H, W) in pixels
Box = tuple[int, int, int, int]  # (top, left, bottom, right) in pixels


@dataclass(frozen=True)
class Preprocessing:
    """How every picture, learnt from or tested, is brought to one size.

    Attributes:
        size: S, in pixels: the side of the square; for a rectangle, the side of the square with as many pixels.
        crop: "none" keeps the whole picture; "center" brings the shorter side to round(S * 256 / 224) and keeps the
            middle square.
        filter: the anti-aliased resampling filter.
        equalise: bring the mean of each picture's values to the middle of the range by a gamma curve, which keeps
            black, white and the order of brightnesses.
        proportions: "square" squeezes both sides to S. "padded" brings the longer side to S and keeps the shape, in
            the middle of a square whose rest is left out of everything. "own" is a rectangle of the set's shape.
        sides: (H, W) of that rectangle; None until the pictures have decided (`decided_by`).
    """

    size: int = 224
    crop: Literal["none", "center"] = "none"
    filter: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    equalise: bool = False
    proportions: Literal["square", "padded", "own"] = "square"
    sides: Size | None = None

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
        if self.proportions not in ("square", "padded", "own"):
            raise SettingRefused(
                "preprocessing.proportions",
                "The proportions are {proportions!r}; 'square', 'padded' or 'own' is expected.",
                proportions=self.proportions,
            )
        if self.proportions != "square" and self.crop != "none":
            raise SettingRefused(
                "preprocessing.crop_of_shape",
                "The middle square is cut out of pictures whose proportions are kept. Choose one of the two.",
            )
        if self.sides is not None:
            object.__setattr__(self, "sides", tuple(self.sides))
            self._check_sides(self.sides)

    def _check_sides(self, sides: Size) -> None:
        whole = len(sides) == 2 and all(type(side) is int and _SMALLEST <= side <= _LARGEST for side in sides)
        if self.proportions != "own" or not whole:
            raise SettingRefused(
                "preprocessing.sides",
                "The sides are {sides}; two whole numbers of {smallest} to {largest} pixels are accepted, "
                "with the proportions 'own'.",
                sides=str(sides),
                smallest=_SMALLEST,
                largest=_LARGEST,
            )

    def decided_by(self, sizes: Sequence[Size]) -> Preprocessing:
        """Return the same with `sides` set, where they are still to be decided, by pictures of sizes (H, W).

        The rectangle has about S * S pixels, sides of whole multiples of `SNAP`, and comes nearest to the middle one
        of the pictures' shapes.
        """
        if self.proportions != "own" or self.sides is not None or not sizes:
            return self
        ratio = median(log(width / height) for height, width in sizes)
        steps = range(SNAP, _LARGEST + 1, SNAP)

        def away(sides: Size) -> float:  # a wrong shape counts four times as much as a wrong number of pixels
            height, width = sides
            return abs(log(width / height) - ratio) + 0.25 * abs(log(height * width / self.size**2))

        return replace(self, sides=min(product(steps, steps), key=away))

    @property
    def frame(self) -> Size:
        """(H, W) of what a backbone is given of every picture; a rectangle counts as a square until it is decided."""
        return self.sides or (self.size, self.size)

    def box(self, size: Size) -> Box | None:
        """Return where a padded picture of size (H, W) lies in the frame; None where it fills the frame.

        Its sides and its place, as near to the middle as can be, are whole multiples of `SNAP`, where the frame's are.
        """
        if self.proportions != "padded":
            return None
        height, width = (self._short(side / max(size)) for side in size)
        top, left = ((self.size - side) // 2 // SNAP * SNAP for side in (height, width))
        return None if height == width == self.size else (top, left, top + height, left + width)

    def squeeze(self, size: Size) -> float:
        """Return how many times more one side of a picture of size (H, W) is shrunk than the other; at least 1."""
        if self.crop == "center":
            return 1.0
        box = self.box(size)
        height, width = self.frame if box is None else (box[2] - box[0], box[3] - box[1])
        ratio = (width / height) / (size[1] / size[0])
        return max(ratio, 1 / ratio)

    def reduction(self, size: Size) -> float:
        """Return how many pixels of a picture of size (H, W) one pixel of the input stands for: the mean of both sides.

        >>> Preprocessing(size=224).reduction((896, 448)), Preprocessing(size=224, crop="center").reduction((896, 448))
        (3.0, 2.0)
        """
        if self.crop == "center":
            return min(size) / self.size
        box = self.box(size)
        height, width = self.frame if box is None else (box[2] - box[0], box[3] - box[1])
        return (size[0] / height + size[1] / width) / 2

    def shape(self, size: Size) -> float:
        """Return width over height of what is kept of a picture of size (H, W), before it is brought to the input's.

        >>> Preprocessing().shape((100, 300)), Preprocessing(crop="center").shape((100, 300))
        (3.0, 1.0)
        """
        return 1.0 if self.crop == "center" else size[1] / size[0]

    def check_closer(self, tiles: int) -> None:
        """Raise `SettingRefused` when `tiles` x `tiles` pieces of this size are more than is kept of a picture."""
        need = tiles * max(self.frame)
        if tiles > 1 and need > LIMITS.kept_side:
            raise SettingRefused(
                "preprocessing.closer",
                "{tiles} x {tiles} tiles of {size} pixels need {need:,}, and {kept:,} pixels of a picture's longer "
                "side are kept. Choose an input size of at most {most}, fewer tiles, or set ODD_KEPT_SIDE.",
                tiles=tiles,
                size=max(self.frame),
                need=need,
                kept=LIMITS.kept_side,
                most=LIMITS.kept_side // tiles * self.size // max(self.frame),
            )

    def apply(self, picture: Picture, closer: int = 1) -> NDArray[np.uint8]:
        """Return (H, W, 3) sRGB of the frame's size, or `closer` times as large on both sides."""
        image = Image.fromarray(picture.pixels)
        box, resample = self.box((image.height, image.width)), _FILTERS[self.filter]
        if box is None:
            return self.finish(np.array(self._resized(image, resample, closer)))
        pixels = np.full((*(side * closer for side in self.frame), 3), PADDING, np.uint8)
        top, left, bottom, right = (place * closer for place in box)
        inner = image.resize((right - left, bottom - top), resample, reducing_gap=3.0)
        pixels[top:bottom, left:right] = self.finish(np.array(inner))
        return pixels

    def finish(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return (H, W, 3) sRGB after what follows the resizing: where `equalise` is on, at equal brightness."""
        return np.array(_equalised(Image.fromarray(pixels))) if self.equalise else pixels

    def apply_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask of the frame's size, cut out as the picture is, every value from the nearest pixel."""
        image = Image.fromarray(mask.astype(np.uint8))
        box = self.box((image.height, image.width))
        if box is None:
            return np.array(self._resized(image, Image.Resampling.NEAREST)).astype(bool)
        found = np.zeros(self.frame, bool)
        top, left, bottom, right = box
        found[top:bottom, left:right] = image.resize((right - left, bottom - top), Image.Resampling.NEAREST)
        return found

    def stack(self, pictures: Sequence[Picture], closer: int = 1) -> NDArray[np.uint8]:
        """Return (B, H, W, 3) sRGB."""
        result = np.empty((len(pictures), *(side * closer for side in self.frame), 3), np.uint8)
        if len(pictures) > 1:
            with ThreadPoolExecutor(_THREADS) as threads:
                for index, pixels in enumerate(threads.map(lambda picture: self.apply(picture, closer), pictures)):
                    result[index] = pixels
        elif pictures:
            result[0] = self.apply(pictures[0], closer)
        return result

    def batch(self, pictures: Sequence[Picture], closer: int = 1) -> NDArray[np.float32]:
        """Return (B, 3, H, W) in [0, 1]."""
        stacked = self.stack(pictures, closer).transpose(0, 3, 1, 2)  # (B, 3, H, W)
        return np.divide(stacked, np.float32(255), order="C")

    def boxes(self, pictures: Sequence[Picture]) -> NDArray[np.int64] | None:
        """Return where each picture lies in the frame, (B, 4); None where all fill it."""
        if self.proportions != "padded":
            return None
        found = [self.box((p.pixels.shape[0], p.pixels.shape[1])) for p in pictures]
        return np.array([box or (0, 0, *self.frame) for box in found], np.int64).reshape(-1, 4)

    def _short(self, share: float) -> int:
        """Return a padded picture's side that is this share of the longer one: whole steps of `SNAP`, or all."""
        return min(self.size, max(SNAP, round(self.size * share / SNAP) * SNAP)) if share < 1 else self.size

    def _resized(self, image: Image.Image, resample: Image.Resampling, closer: int = 1) -> Image.Image:
        gap = None if resample == Image.Resampling.NEAREST else 3.0  # exact below a sixfold reduction
        if self.crop == "none":
            height, width = (side * closer for side in self.frame)
            if image.size == (width, height):
                return image
            return image.resize((width, height), resample, reducing_gap=gap)
        side = self.size * closer
        shorter = round(self.size * 256 / 224) * closer
        width, height = image.size
        scale = shorter / min(width, height)
        # A very long picture is cut to its middle first: enlarged whole it would not fit in memory.
        across, down = min(width, 2 * height), min(height, 2 * width)
        left, top = (width - across) / 2, (height - down) / 2
        size = max(shorter, int(across * scale)), max(shorter, int(down * scale))
        image = image.resize(size, resample, box=(left, top, left + across, top + down), reducing_gap=gap)
        left, top = round((image.width - side) / 2), round((image.height - side) / 2)
        return image.crop((left, top, left + side, top + side))


def squeezed(preprocessing: Preprocessing, sizes: Sequence[Size]) -> Sentence | None:
    """Return the sentence that says how many pictures of sizes (H, W) lose their shape, None where none does."""
    factors = [preprocessing.squeeze(size) for size in sizes]
    many = sum(factor > SQUEEZED for factor in factors)
    if not many:
        return None
    told = {"many": many, "all": len(factors), "factor": max(factors)}
    if preprocessing.proportions == "own":
        return Sentence(
            "preprocessing.squeezed_own",
            "{many} of {all} pictures [many:is|are] squeezed, by up to {factor:.1f} times, into the shape of the set. "
            "Pad pictures if shapes matter.",
            **told,
        )
    if preprocessing.proportions == "padded":
        return Sentence(
            "preprocessing.squeezed_padded",
            "{many} of {all} pictures [many:is|are] squeezed, by up to {factor:.1f} times, since sides are multiples "
            "of {step} pixels. A larger size squeezes less.",
            **told,
            step=SNAP,
        )
    return Sentence(
        "preprocessing.squeezed",
        "{many} of {all} pictures [many:is|are] squeezed, by up to {factor:.1f} times. Keep proportions if shapes "
        "matter.",
        **told,
    )


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
