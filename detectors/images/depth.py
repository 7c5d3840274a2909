"""Pictures with more than 8 bits: which values are black and white is decided once for a whole data set, then told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import PictureRefused, Sentence
from detectors.images.srgb import kept_size

TYPE_RANGE = 65_535
TWELVE_BITS = 4_095
HEADROOM = 0.5  # of the normal pictures' range, kept free on both sides: what lies beyond them is what is looked for
VERSION = 2  # of how black and white are stored; version 1 had no black, which was 0
_WHOLE_RANGES = (255.0, 1_023.0, float(TWELVE_BITS), 16_383.0, float(TYPE_RANGE))  # 8, 10, 12, 14 and 16 bits
_REAL_RANGES = (1.0, 255.0, float(TYPE_RANGE))
_MOST = 1e12
_SAMPLE = 4_096  # pixels of a picture that its set's range is taken from
_TRIMMED = 0.0005  # of the normal pixels at each end: dead and hot pixels of a camera set no range
_ROWS = 256  # how many rows are widened at a time

Numbers = Literal["whole", "real"]
Stored = NDArray[Any]


@dataclass(frozen=True)
class Depth:
    """How a picture of more than 8 bits is stored.

    Attributes:
        numbers: whole or real numbers.
        peak, low: the highest and the lowest.
        sample: up to 4,096 of its values, spread evenly.
        pixels: how many values it has.
        clipped: how many of them lie beyond black and white.
    """

    numbers: Numbers
    peak: float
    low: float = 0.0
    sample: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32), repr=False, compare=False)
    pixels: int = 0
    clipped: int = 0


@dataclass(frozen=True)
class White:
    """Which stored values become black (0) and white (255).

    Attributes:
        whole: white of pictures of whole numbers: 65,535 for 16 bits as they are.
        real: white of pictures of real numbers; None takes the smallest of 1, 255 and 65,535 that the picture allows.
        black: of pictures of whole numbers.
        real_black: of pictures of real numbers.
        version: of this record.
    """

    whole: float = TYPE_RANGE
    real: float | None = None
    black: float = 0.0
    real_black: float = 0.0
    version: int = VERSION

    @classmethod
    def of(cls, normal: Iterable[Depth | None], others: Iterable[Depth | None] = ()) -> White:
        """Decide for a set, from the depths of its normal pictures and of all others; None is a picture of 8 bits.

        Where all normal pictures are deep, black and white lie outside their own range by half of it on both sides, but
        never beyond what the camera's bits can hold where that much of them is used. Where they have 8 bits, or some of
        them, deep pictures are scaled by the bits that all deep ones need, so that both kinds stay alike.
        """
        normal, others = list(normal), list(others)
        black, white = _pair("whole", normal, others) or (0.0, float(TYPE_RANGE))
        real_black, real = _pair("real", normal, others) or (0.0, None)
        return cls(white, real, black, real_black)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> White:
        """Return what `dataclasses.asdict` wrote, of any version; TypeError or ValueError for anything else."""
        values = {name: value for name, value in stored.items() if name != "version"}
        version = stored.get("version", 1)
        white = cls(**values)
        numbers = [white.whole, white.black, white.real_black, *([] if white.real is None else [white.real])]
        if version not in (1, VERSION) or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
            raise TypeError("no black and white")
        if not all(isfinite(number) and abs(number) <= _MOST for number in numbers):
            raise ValueError("a white that no data set has")
        if white.whole <= white.black or (white.real is not None and white.real <= white.real_black):
            raise ValueError("white that is not above black")
        return white

    def pair(self, numbers: Numbers) -> tuple[float, float | None]:
        """Return (black, white) of whole or real numbers."""
        return (self.black, self.whole) if numbers == "whole" else (self.real_black, self.real)

    @property
    def as_it_is(self) -> bool:
        """Whether nothing was decided: 16 bits are scaled as they are."""
        return replace(self, version=VERSION) == White()


def deep_grey(
    stored: Stored, white: White, notes: list[Sentence], clear: object = None, measuring: bool = False
) -> tuple[Image.Image, Depth]:
    """Bring a grey picture of more than 8 bits, (H, W), to 8 ("L", or "LA" where a value is transparent)."""
    depth = _measured(stored)
    black, top = _range(depth, white, measuring)
    depth = replace(depth, clipped=_clipped(stored, black, top))
    _note(notes, depth, black, top)
    grey = Image.fromarray(to_8_bits(stored, black, top))
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(stored == clear, np.uint8(0), np.uint8(255))))
    return grey, depth


def deep_numbers(
    stored: Stored, white: White, notes: list[Sentence], measuring: bool = False
) -> tuple[Image.Image, Depth]:
    """Bring colours of more than 8 bits, (H, W, 3), that are at hand as numbers, to RGB."""
    depth = _measured(stored)
    black, top = _range(depth, white, measuring)
    depth = replace(depth, clipped=_clipped(stored, black, top))
    _note(notes, depth, black, top)
    return Image.fromarray(to_8_bits(stored, black, top)), depth


def deep_colour(
    image: Image.Image, raw: str, reopen: Callable[[], Image.Image], white: White, notes: list[Sentence]
) -> tuple[Image.Image, Depth]:
    """Bring 16-bit RGB or RGBA to 8 bits. Pillow yields the high bytes; read as the other byte order, the low ones."""
    high = np.array(image)  # (H, W, 3 or 4)
    low = _low_bytes(reopen(), raw)
    depth = _measured_colour(high, low)
    black, top = white.black, white.whole
    clear = image.info.get("transparency")
    if isinstance(clear, tuple):
        key = np.array([value >> 8 for value in clear]), np.array([value & 255 for value in clear])
        alpha = ~((high == key[0]) & (low == key[1])).all(axis=-1) * np.uint8(255)
    clipped = 0
    if (black, top) != (0, TYPE_RANGE) or clear is not None:
        for start in range(0, len(high), _ROWS):
            rows = slice(start, start + _ROWS)
            wide = high[rows, :, :3].astype(np.uint16) << 8 | low[rows, :, :3]
            clipped += _clipped(wide, black, top)
            high[rows, :, :3] = to_8_bits(wide, black, top)
    depth = replace(depth, clipped=clipped)
    _note(notes, depth, black, top)
    result = Image.fromarray(high)
    if isinstance(clear, tuple):
        result.putalpha(Image.fromarray(alpha))
    return result, depth


def colour_planes(image: Image.Image, raw: str, reopen: Callable[[], Image.Image]) -> Iterator[Stored]:
    """Yield red, green and blue of a 16-bit RGB picture, each (H, W) uint16. Pillow yields the high bytes of it."""
    high = np.asarray(image)  # (H, W, 3)
    low = _low_bytes(reopen(), raw)
    for channel in range(3):
        yield high[..., channel].astype(np.uint16) << 8 | low[..., channel]


def filled(stored: Stored, notes: list[Sentence]) -> Stored:
    """Fill missing values of a picture of real numbers before anything is averaged; how many is told.

    NaN becomes the median of the others, which is no defect; infinity the highest or lowest of them, as it is beyond
    them. Where no more than half are left, numbers stay as they are, to be refused.
    """
    if stored.dtype.kind != "f":
        return stored
    there = np.isfinite(stored)
    missing = int(stored.size - np.count_nonzero(there))
    if not 0 < missing < stored.size / 2:
        return stored
    known = stored[there]
    notes.append(
        Sentence(
            "picture.missing",
            "{count} of {total} values [count:is|are] missing (NaN or infinity), filled from the others.",
            count=missing,
            total=stored.size,
        )
    )
    return np.nan_to_num(stored, nan=float(np.median(known)), posinf=float(known.max()), neginf=float(known.min()))


def shrunk_numbers(planes: Iterable[Stored], longest: int) -> Stored:
    """Bring numbers, one (H, W) for each channel, to at most `longest` on the longer side; (H, W) or (H, W, channels).

    They are averaged as colours are, and stay of their type.
    """
    found = [_shrunk_plane(plane, longest) for plane in planes]
    return found[0] if len(found) == 1 else np.stack(found, axis=-1)


def _shrunk_plane(plane: Stored, longest: int) -> Stored:
    height, width = plane.shape
    size = kept_size((width, height), longest)
    if size == (width, height):
        return plane
    lowest = float(plane.min())
    wide = plane.itemsize > 4 or plane.dtype.kind == "i"
    base = lowest if wide and isfinite(lowest) else 0.0  # float32 has 24 bits: what all have in common is set aside
    floats = np.asarray(plane - base if base else plane, np.float32)
    small = np.asarray(Image.fromarray(floats).resize(size, Image.Resampling.HAMMING, reducing_gap=2.0))
    if plane.dtype.kind == "f":
        return (small + base if base else small).astype(plane.dtype)
    ends = np.iinfo(plane.dtype)
    return np.clip(np.rint(small.astype(np.float64) + base), ends.min, ends.max).astype(plane.dtype)


def to_8_bits(stored: Stored, black: float, white: float) -> NDArray[np.uint8]:
    """Return round(255 (x - black) / (white - black)), clipped, a few rows at a time to spare memory."""
    result = np.empty(stored.shape, np.uint8)
    scale = 255 / (white - black)
    for start in range(0, len(stored), _ROWS):
        rows = slice(start, start + _ROWS)
        wide = stored[rows] * np.float32(scale) if black == 0 else (stored[rows].astype(np.float64) - black) * scale
        result[rows] = np.clip(np.rint(wide), 0, 255)
    return result


def _pair(
    numbers: Numbers, normal: Sequence[Depth | None], others: Sequence[Depth | None]
) -> tuple[float, float] | None:
    """Return (black, white) for pictures of such numbers; None where there are none."""
    learnt = [depth for depth in normal if depth is not None and depth.numbers == numbers]
    found = learnt + [depth for depth in others if depth is not None and depth.numbers == numbers]
    if not found:
        return None
    lowest, highest = min(depth.low for depth in found), max(depth.peak for depth in found)
    ranges = _WHOLE_RANGES if numbers == "whole" else _REAL_RANGES
    bits = next((top for top in ranges if highest <= top), None) if lowest >= 0 else None
    whole = (0.0, bits) if bits is not None else (lowest, highest) if highest > lowest else (lowest - 1, lowest + 1)
    low, high = normal_range(learnt) if len(learnt) == len(normal) else (0.0, 0.0)
    if high <= low:
        return whole
    black, white = low - HEADROOM * (high - low), high + HEADROOM * (high - low)
    if lowest >= 0:
        black = max(black, 0.0)
    if bits is not None and (high - low >= bits / 2 or bits == TYPE_RANGE == ranges[-1]):
        white = min(white, bits)
    return (float(floor(black)), float(ceil(white))) if numbers == "whole" else (black, white)


def normal_range(depths: Sequence[Depth]) -> tuple[float, float]:
    """Return the range of the values of pictures, without the outermost and without a 0 far from all others.

    Depth cameras write 0 where they measured nothing.
    """
    if not depths:
        return 0.0, 0.0
    values = np.concatenate([depth.sample for depth in depths])
    measured = values[values != 0]
    if 0 < len(measured) < len(values):
        low, high = _trimmed(measured)
        if abs(low) > (high - low) or abs(high) < -(high - low):
            return low, high
    return _trimmed(values)


def _trimmed(values: NDArray[np.float32]) -> tuple[float, float]:
    low = np.quantile(values, _TRIMMED, method="lower")
    high = np.quantile(values, 1 - _TRIMMED, method="higher")
    return float(low), float(high)


def _measured(stored: Stored) -> Depth:
    """Measure numbers; `PictureRefused` where some are none."""
    low, high = float(stored.min()), float(stored.max())
    numbers: Numbers = "real" if stored.dtype.kind == "f" else "whole"
    if not (isfinite(low) and isfinite(high)):
        raise PictureRefused(
            "picture.not_finite",
            "The picture holds values that are no numbers (NaN or infinity). Replace them and save it again.",
        )
    flat = stored.reshape(-1)
    return Depth(numbers, high, low, _sampled(flat), flat.size)


def _measured_colour(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> Depth:
    step = max(1, high.shape[0] * high.shape[1] // _SAMPLE)
    wide = high[..., :3].reshape(-1, 3)[::step].astype(np.uint16) << 8 | low[..., :3].reshape(-1, 3)[::step]
    peak, least = int(high[..., :3].max()) * 256 + 255, int(high[..., :3].min()) * 256
    return Depth("whole", peak, least, _sampled(wide.reshape(-1)), high[..., :3].size)


def _sampled(flat: Stored) -> NDArray[np.float32]:
    step = max(1, flat.size // _SAMPLE) | 1  # an odd step does not fall on the same columns of every row
    return flat[::step][:_SAMPLE].astype(np.float32)


def _range(depth: Depth, white: White, measuring: bool) -> tuple[float, float]:
    """Return (black, white) for a picture; `PictureRefused` for numbers that no range without a set's own holds."""
    black, top = white.pair(depth.numbers)
    fits = depth.low >= 0 and depth.peak <= TYPE_RANGE
    decided = top is not None and (depth.numbers == "real" or not white.as_it_is)
    if measuring and not fits:
        return depth.low, max(depth.peak, depth.low + 1)
    if not fits and not decided:
        if depth.numbers == "real":
            raise PictureRefused(
                "picture.real_range",
                "The picture holds real numbers from {low:g} to {high:g}; 0 to 1, 0 to 255 or 0 to 65,535 are "
                "accepted. Save it in one of these ranges.",
                low=depth.low,
                high=depth.peak,
            )
        raise PictureRefused(
            "picture.whole_range",
            "The picture holds whole numbers from {low} to {high}; 0 to 65,535 are accepted. Save it with 8 or 16 "
            "bits.",
            low=int(depth.low),
            high=int(depth.peak),
        )
    if top is None:
        top = next((limit for limit in _REAL_RANGES if depth.peak <= limit), _REAL_RANGES[-1])
    return black, top


def _clipped(stored: Stored, black: float, white: float) -> int:
    return int(np.count_nonzero(stored < black) + np.count_nonzero(stored > white))


def _note(notes: list[Sentence], depth: Depth, black: float, white: float) -> None:
    if black != 0 or (depth.numbers == "whole" and white not in (TWELVE_BITS, TYPE_RANGE)):
        notes.append(
            Sentence(
                "picture.levels",
                "More than 8 bits became 8: {black:g} is black and {white:g} is white.",
                black=black,
                white=white,
            )
        )
    elif depth.numbers == "real":
        notes.append(Sentence("picture.real", "Real numbers from 0 to {top:g} became 8 bits (0 to 255).", top=white))
    elif white == TYPE_RANGE:
        notes.append(Sentence("picture.bits16", "16 bits became 8: 65,535 is white."))
    else:
        notes.append(Sentence("picture.bits12", "12 bits stored in 16 became 8: 4,095 is white."))
    if depth.clipped and depth.peak > white:
        notes.append(
            Sentence("picture.clipped", "Values above {top:g} (up to {peak:.0f}) became white.", top=white,
                     peak=depth.peak)
        )  # fmt: skip
    if depth.clipped and depth.low < black:
        notes.append(
            Sentence("picture.clipped_below", "Values below {bottom:g} (down to {low:.0f}) became black.",
                     bottom=black, low=depth.low)
        )  # fmt: skip


def _low_bytes(image: Image.Image, raw: str) -> NDArray[np.uint8]:
    """Return the low bytes of 16-bit colours, or of grey with transparency as if it were colours, (H, W, 3 or 4)."""
    if raw.startswith("LA"):  # no decoder has the other order, but one reads all four bytes of a pixel
        image.tile = [tile._replace(args="RGBA") for tile in image.tile]  # type: ignore[attr-defined]
        return np.array(image)[..., [1, 1, 1, 3]]
    return np.array(_of_other_order(image, raw))


def _of_other_order(image: Image.Image, raw: str) -> Image.Image:
    """Have the low bytes of 16-bit colours read where Pillow reads the high ones."""
    image.tile = [tile._replace(args=_other_order(tile.args, raw)) for tile in image.tile]  # type: ignore[attr-defined]
    return image


def _other_order(arguments: Any, raw: str) -> Any:
    swapped = raw[:-1] + ("L" if raw.endswith("B") else "B")  # "N", the machine's own, is little-endian wherever we run
    return swapped if isinstance(arguments, str) else (swapped, *arguments[1:])
