"""Bytes of a picture file -> 8-bit sRGB, upright and small, within the limits; every step that changes it is told."""

from __future__ import annotations

import io
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from detectors.errors import PictureRefused, Sentence
from detectors.images.depth import (
    Depth,
    White,
    colour_planes,
    deep_colour,
    deep_grey,
    deep_numbers,
    filled,
    shrunk_numbers,
)
from detectors.images.formats import Scans, check_structure, damaged, no_picture, picture_format, truncated
from detectors.images.limits import LIMITS, MB, Limits
from detectors.images.shrunk import Original, Shrunk
from detectors.images.srgb import flattened, in_srgb, kept_size, plain, shrunk, upright
from detectors.images.tiffs import channels_left_out, is_planar, quieten, tiff_numbers

_ORIENTATION = 0x0112
_BIG_PIXELS = 8_000_000
_one_big_picture = threading.Lock()  # 50 million pixels take 200 MB while they are decoded: one at a time


class _OutOfTime(Exception):
    """The decoder asked for more bytes after its time was up."""


class _TimedBytes(io.BytesIO):
    """The file's bytes; reading them after the deadline raises `_OutOfTime`."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.deadline = time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self.deadline:
            raise _OutOfTime
        return super().read(size)


@dataclass
class OpenFile:
    """A file whose header was read and found within the limits; no pixel is decoded yet.

    Attributes:
        image: Pillow's image, still as stored.
        kind: "PNG", "JPEG", "BMP", "TIFF", "WEBP" or "GIF".
        stored: how the file stores its pixels, in Pillow's words ("RGB;16B"); empty where its decoder does not say.
        orientation: the EXIF number 1 to 8 that says how to turn the stored pixels.
        upright: (H, W) after turning.
        notes: what was changed, in order.
        scans: of a JPEG.
        numbers: (H, W) or (H, W, 3) of a TIFF that Pillow does not read as it is meant, and of a kept picture of more
            than 8 bits; None for all others.
        kept: the kept picture that this is, None for a file as it was sent.
    """

    image: Image.Image
    kind: str
    stored: str
    orientation: int
    upright: tuple[int, int]
    notes: list[Sentence] = field(default_factory=list)
    scans: Scans | None = None
    numbers: NDArray[Any] | None = None
    kept: Original | None = None

    @property
    def turned(self) -> bool:
        """Whether the pixels are upright as soon as they are loaded."""
        return self.kind == "TIFF" or (self.kept is not None and not self.kept.deep)


@contextmanager
def opened(data: bytes, limits: Limits = LIMITS) -> Iterator[OpenFile]:
    """Read the header and check every limit; whatever goes wrong until the block ends becomes a `PictureRefused`."""
    if isinstance(data, Shrunk):
        yield _kept(data)
        return
    if len(data) > limits.file_mb * MB:
        raise PictureRefused(
            "picture.too_large",
            "The file has {mb:.0f} MB; at most {limit:.0f} MB are accepted. Save it smaller.",
            mb=len(data) / MB,
            limit=limits.file_mb,
        )
    kind = picture_format(data)
    if kind is None:
        raise no_picture(data)
    scans = check_structure(data, kind, limits)
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")  # told as refusals
    try:
        image, numbers = _open(data, kind, limits)
        width, height = image.size
        _check_size(width, height, scans, limits)
        stored = _raw_mode(image)
        with _one_big_picture if width * height > _BIG_PIXELS else nullcontext():
            if kind == "PNG":
                image.load()  # its EXIF may follow the pixels
            orientation = _orientation(image)
            # A TIFF reports its size as it stands after turning; Pillow turns it while loading.
            sideways = orientation >= 5 and kind != "TIFF"
            upright_size = (width, height) if sideways else (height, width)
            yield OpenFile(image, kind, stored, orientation, upright_size, scans=scans, numbers=numbers)
    except PictureRefused:
        raise
    except _OutOfTime:
        raise PictureRefused(
            "picture.too_slow",
            "Decoding the {kind} file took more than {seconds:g} seconds. Save it again as an ordinary PNG.",
            kind=kind,
            seconds=limits.decode_seconds,
        ) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureRefused(
            "picture.bomb",
            "The picture claims far more than {limit:.0f} million pixels, the most that is accepted. Save it smaller.",
            limit=limits.megapixels,
        ) from None
    except Exception as error:  # Pillow's decoders raise nearly every type there is
        raise (truncated(kind) if "truncated" in str(error) else damaged(kind)) from None


def _open(data: bytes, kind: str, limits: Limits) -> tuple[Image.Image, NDArray[Any] | None]:
    """Open a picture with Pillow, and a TIFF that it does not know, or would read wrongly, as numbers."""
    if kind == "TIFF":
        quieten()
    try:
        image = Image.open(_TimedBytes(data, limits.decode_seconds), formats=[kind])
    except UnidentifiedImageError:
        if kind != "TIFF" or (numbers := tiff_numbers(data, limits)) is None:
            raise
        shown = numbers if numbers.ndim == 2 else numbers[..., 0]
        return Image.fromarray(shown.astype(np.float32)), numbers
    if kind == "TIFF" and is_planar(image):
        return image, tiff_numbers(data, limits)
    return image, None


def to_srgb(
    data: bytes, white: White, limits: Limits = LIMITS, measuring: bool = False
) -> tuple[Image.Image, OpenFile, Depth | None]:
    """Decode a picture to RGB, at most `limits.kept_side` pixels on the longer side; (image, what was found, depth).

    `measuring` accepts numbers of any range, to find out which range a set needs.
    """
    with opened(data, limits) as found:
        image, depth = srgb_of(found, data, white, limits, measuring)
        return image, found, depth


def srgb_of(
    found: OpenFile, data: bytes, white: White, limits: Limits = LIMITS, measuring: bool = False
) -> tuple[Image.Image, Depth | None]:
    """Decode an open file as `to_srgb` does; what is changed is added to its notes."""
    image, notes, depth = found.image, found.notes, None
    if found.kept is not None and not found.kept.deep:
        return image, None
    if found.kept is None and (left_out := channels_left_out(image)) is not None:
        notes.append(left_out)
    if found.scans is not None:
        load_jpeg(image, data, found.scans, limits.kept_side)
    if (numbers := in_numbers(found, data, limits.kept_side)) is not None:
        if numbers.ndim == 3:
            image, depth = deep_numbers(numbers, white, notes, measuring)
        else:
            image, depth = deep_grey(numbers, white, notes, image.info.get("transparency"), measuring)
    elif ";16" in found.stored and image.mode in ("RGB", "RGBA"):
        image, depth = deep_colour(
            image, found.stored, lambda: Image.open(io.BytesIO(data), formats=[found.kind]), white, notes
        )
    image.load()
    image = flattened(shrunk(plain(image, notes), limits.kept_side), found.kind, notes)
    profile = None if found.image.mode == "LAB" else found.image.info.get("icc_profile")
    image = in_srgb(image, profile, notes)
    if not found.turned:
        image = upright(image, found.orientation)
    if found.orientation > 1:
        notes.append(Sentence("picture.turned", "Turned upright as its EXIF orientation says."))
    if max(found.upright) > limits.kept_side:
        notes.append(
            Sentence(
                "picture.shrunk",
                "Shrunk from {old_width} x {old_height} to {width} x {height} pixels.",
                old_width=found.upright[1],
                old_height=found.upright[0],
                width=image.width,
                height=image.height,
            )
        )
    if found.kept.more_frames if found.kept else has_more_frames(found.image):
        notes.append(Sentence("picture.first_frame", "Only the first of the pictures in the file is used."))
    if (pages := found.kept.pages if found.kept else count_pages(found.image)) > 1:
        notes[-1] = Sentence("picture.first_page", "Only the first of {count} pages in the file is read.", count=pages)
    return image, depth


def _kept(data: Shrunk) -> OpenFile:
    """Open a kept picture as if it were its file."""
    was, pixels = data.was, data.pixels
    shown = pixels if not was.deep else (pixels if pixels.ndim == 2 else pixels[..., 0]).astype(np.float32)
    image = Image.fromarray(shown)
    if was.profile:
        image.info["icc_profile"] = bytes.fromhex(was.profile)
    numbers = pixels if was.deep else None
    return OpenFile(image, was.kind, "", was.orientation, was.upright, data.notes, numbers=numbers, kept=was)


def in_numbers(found: OpenFile, data: bytes, longest: int) -> NDArray[Any] | None:
    """Return a picture of more than 8 bits as numbers, at the kept side; None for others, and for some in colours.

    Numbers are averaged before anything is cut, so that black and white can be chosen later.
    """
    image = found.image
    small = max(image.size) <= longest
    if found.numbers is not None:
        numbers = found.numbers if found.kept else filled(found.numbers, found.notes)
        return shrunk_numbers([numbers] if numbers.ndim == 2 else np.moveaxis(numbers, -1, 0), longest)
    if image.mode.startswith("I") or image.mode == "F":
        transparent = isinstance(image.info.get("transparency"), int)  # by its exact value, which averages would hide
        numbers = filled(np.asarray(image), found.notes)
        return numbers if transparent else shrunk_numbers([numbers], longest)
    if ";16" in found.stored and image.mode == "RGB" and "transparency" not in image.info and not small:
        planes = colour_planes(image, found.stored, lambda: Image.open(io.BytesIO(data), formats=[found.kind]))
        return shrunk_numbers(planes, longest)
    return None


def _check_size(width: int, height: int, scans: Scans | None, limits: Limits) -> None:
    megapixels = width * height / 1e6
    if max(width, height) > limits.side:
        raise PictureRefused(
            "picture.too_long",
            "The picture has {width} x {height} pixels; at most {limit} on a side are accepted. Save it smaller.",
            width=width,
            height=height,
            limit=limits.side,
        )
    if megapixels > limits.megapixels:
        raise PictureRefused(
            "picture.too_many_pixels",
            "The picture has {width} x {height} pixels; at most {limit:.0f} million are accepted. Save it smaller.",
            width=width,
            height=height,
            limit=limits.megapixels,
        )
    if scans is not None and scans.progressive and scans.count * megapixels > limits.scan_megapixels:
        raise PictureRefused(
            "picture.too_much_work",
            "The JPEG file has {scans} scans of {megapixels:.0f} million pixels, too much work to decode. Save it "
            "again as an ordinary (baseline) JPEG.",
            scans=scans.count,
            megapixels=megapixels,
        )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _OutOfTime:
        raise
    except Exception:  # damaged EXIF does not make the pixels wrong
        return 1
    return int(value) if value in range(2, 9) else 1


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return arguments if isinstance(arguments, str) else str(arguments[0]) if arguments else ""


def load_jpeg(image: Image.Image, data: bytes, scans: Scans, longest: int | None) -> None:
    """Decode at a half, quarter or eighth where that still exceeds `longest`; refuse a file that lost its end."""
    image.decodermaxblock = 4096  # type: ignore[attr-defined]  # the deadline is checked that often
    height = image.height
    if longest is not None:
        image.draft(image.mode, kept_size(image.size, longest))  # type: ignore[no-untyped-call]
    image.load()
    if scans.end is None or scans.progressive:
        return
    block = max(1, 8 * image.height // height)
    corner = (image.width - (image.width % block or block), image.height - (image.height % block or block))
    if np.ptp(np.asarray(image.crop((*corner, *image.size)).convert("L"))) > 2:
        return
    # A decoder fills what is missing with flat blocks. Put two different fillings before the end mark: a scan that is
    # whole does not read them, one that was cut short turns them into two different pictures.
    small = []
    for filling in (b"\0", b"\x55"):
        again = Image.open(io.BytesIO(data[: scans.end] + filling * 256 + b"\xff\xd9"), formats=["JPEG"])
        again.draft(again.mode, (1, 1))  # type: ignore[no-untyped-call]
        small.append(np.asarray(again))
    if (small[0] != small[1]).any():
        raise truncated("JPEG")


def has_more_frames(image: Image.Image) -> bool:
    """Whether a file that was opened holds other pictures than the first."""
    if image.format not in ("GIF", "WEBP", "PNG", "TIFF"):
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except _OutOfTime:
        raise
    except Exception:  # a damaged second frame does not matter
        return True


def count_pages(image: Image.Image) -> int:
    """Return how many pages a TIFF that was opened holds; 0 for other files, and where their list is damaged."""
    if image.format != "TIFF":
        return 0
    try:
        return int(getattr(image, "n_frames", 0))
    except _OutOfTime:
        raise
    except Exception:  # a damaged second page does not matter
        return 0
