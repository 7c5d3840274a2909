"""Pictures with more than 8 bits: which value is white is decided once for a whole data set, then told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import PictureRefused, Sentence

TYPE_RANGE = 65_535
_TWELVE_BITS = 4_095
WHOLE_RANGES = (_TWELVE_BITS, TYPE_RANGE)
REAL_RANGES = (1.0, 255.0, float(TYPE_RANGE))
_ROWS = 256  # how many rows are widened at a time


@dataclass(frozen=True)
class Depth:
    """How a picture of more than 8 bits is stored: whole or real numbers, and the highest of them."""

    numbers: Literal["whole", "real"]
    peak: float


@dataclass(frozen=True)
class White:
    """Which stored value becomes white (255).

    Attributes:
        whole: for 16-bit pictures: 65,535 (scaled by type) or 4,095 (12 bits stored in 16).
        real: for pictures of real numbers: 1, 255 or 65,535; None takes the smallest that the picture itself allows.
    """

    whole: int = TYPE_RANGE
    real: float | None = None

    @classmethod
    def of(cls, training: Iterable[Depth | None]) -> White:
        """Decide from the training pictures: the smallest range that holds all of them."""
        depths = [depth for depth in training if depth is not None]
        whole = max((d.peak for d in depths if d.numbers == "whole"), default=TYPE_RANGE)
        real = max((d.peak for d in depths if d.numbers == "real"), default=None)
        return cls(_TWELVE_BITS if whole <= _TWELVE_BITS else TYPE_RANGE, None if real is None else _real_range(real))


def deep_grey(image: Image.Image, white: White, notes: list[Sentence]) -> tuple[Image.Image, Depth]:
    """Bring a grey picture of 16-bit, 32-bit or real numbers to 8 bits ("L", or "LA" where a value is transparent)."""
    stored = np.asarray(image)  # (H, W)
    if image.mode == "F":
        depth, top = _check_real(stored, white)
        notes.append(Sentence("picture.real", "Real numbers from 0 to {top:g} became 8 bits (0 to 255).", top=top))
    else:
        low, high = int(stored.min()), int(stored.max())
        if low < 0 or high > TYPE_RANGE:
            raise PictureRefused(
                "picture.whole_range",
                "The picture holds whole numbers from {low} to {high}; 0 to 65,535 are accepted. "
                "Save it with 8 or 16 bits.",
                low=low,
                high=high,
            )
        depth, top = Depth("whole", high), white.whole
        _note_whole(notes, depth, top)
    grey = Image.fromarray(_to_8_bits(stored, top))
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(stored == clear, np.uint8(0), np.uint8(255))))
    return grey, depth


def deep_colour(
    image: Image.Image, raw: str, reopen: Callable[[], Image.Image], white: White, notes: list[Sentence]
) -> tuple[Image.Image, Depth]:
    """Bring 16-bit RGB or RGBA to 8 bits. Pillow yields the high bytes; read as the other byte order, the low ones."""
    high = np.array(image)  # (H, W, 3 or 4)
    peak = int(high[..., :3].max()) * 256 + 255
    depth, top = Depth("whole", peak), white.whole
    _note_whole(notes, depth, top)
    clear = image.info.get("transparency")
    if top == TYPE_RANGE and clear is None:
        return image, depth
    again = reopen()
    again.tile = [tile._replace(args=_other_order(tile.args, raw)) for tile in again.tile]  # type: ignore[attr-defined]
    low = np.array(again)
    if isinstance(clear, tuple):
        key = np.array([value >> 8 for value in clear]), np.array([value & 255 for value in clear])
        alpha = ~((high == key[0]) & (low == key[1])).all(axis=-1) * np.uint8(255)
    for start in range(0, len(high), _ROWS):
        rows = slice(start, start + _ROWS)
        wide = high[rows, :, :3].astype(np.uint16) << 8 | low[rows, :, :3]
        high[rows, :, :3] = _to_8_bits(wide, top)
    result = Image.fromarray(high)
    if isinstance(clear, tuple):
        result.putalpha(Image.fromarray(alpha))
    return result, depth


def _other_order(arguments: Any, raw: str) -> Any:
    swapped = raw[:-1] + ("L" if raw.endswith("B") else "B")  # "N", the machine's own, is little-endian wherever we run
    return swapped if isinstance(arguments, str) else (swapped, *arguments[1:])


def _check_real(stored: NDArray[np.float32], white: White) -> tuple[Depth, float]:
    low, high = float(stored.min()), float(stored.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PictureRefused(
            "picture.not_finite",
            "The picture holds values that are no numbers (NaN or infinity). Replace them and save it again.",
        )
    if low < 0 or high > TYPE_RANGE:
        raise PictureRefused(
            "picture.real_range",
            "The picture holds real numbers from {low:g} to {high:g}; 0 to 1, 0 to 255 or 0 to 65,535 are accepted. "
            "Save it in one of these ranges.",
            low=low,
            high=high,
        )
    return Depth("real", high), white.real or _real_range(high)


def _real_range(peak: float) -> float:
    return next((top for top in REAL_RANGES if peak <= top), REAL_RANGES[-1])


def _note_whole(notes: list[Sentence], depth: Depth, top: int) -> None:
    if top == TYPE_RANGE:
        notes.append(Sentence("picture.bits16", "16 bits became 8: 65,535 is white."))
    else:
        notes.append(Sentence("picture.bits12", "12 bits stored in 16 became 8: 4,095 is white."))
        if depth.peak > top:
            notes.append(
                Sentence(
                    "picture.clipped", "Values above {top} (up to {peak:.0f}) became white.", top=top, peak=depth.peak
                )
            )


def _to_8_bits(stored: NDArray[Any], top: float) -> NDArray[np.uint8]:
    """Return round(255 x / top), clipped, a few rows at a time so that wide numbers never fill memory."""
    result = np.empty(stored.shape, np.uint8)
    for start in range(0, len(stored), _ROWS):
        rows = slice(start, start + _ROWS)
        result[rows] = np.clip(np.rint(stored[rows] * np.float32(255 / top)), 0, 255)
    return result
