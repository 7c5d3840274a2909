"""Pictures: what a file becomes once it was found safe. Decoding says what it changed; nothing changes silently."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.errors import Sentence
from detectors.images.decoding import to_srgb
from detectors.images.depth import Depth, White
from detectors.images.limits import LIMITS, Limits
from detectors.images.masks import Frame, read_mask


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        name: what the user calls it; a label for people, never a path.
        pixels: (H, W, 3) uint8 sRGB, upright, the longer side at most `LIMITS.kept_side`; read-only.
        sha256: of the size and the pixels: equal pictures have equal ones, whatever their files look like.
        original_size: (H, W) of the upright file in pixels.
        file_bytes: the file's size; 0 for a picture that never was a file.
        notes: what was changed on the way, in order.
        orientation: the EXIF number of the file, which its mask needs.
        depth: for more than 8 bits: how the numbers were stored.
    """

    name: str
    pixels: NDArray[np.uint8] = field(repr=False)
    sha256: str
    original_size: tuple[int, int]
    file_bytes: int
    notes: tuple[Sentence, ...] = ()
    orientation: int = 1
    depth: Depth | None = None

    @property
    def frame(self) -> Frame:
        """What a mask of this picture must fit."""
        return Frame(self.original_size, (self.pixels.shape[0], self.pixels.shape[1]), self.orientation)


def decode(
    data: bytes, name: str, limits: Limits = LIMITS, white: White | None = None, measuring: bool = False
) -> Picture:
    """Decode a file to 8-bit sRGB; `PictureRefused` says what is wrong with one that cannot be used.

    `white` says which values of a 16-bit or float picture are black and white; a data set decides that once
    (`White.of`). Without it 16 bits are scaled by type, and real numbers by the smallest of 1, 255 and 65,535 that
    holds them. `measuring` accepts numbers of any range, for a set that has not decided yet.
    """
    image, found, depth = to_srgb(data, white or White(), limits, measuring)
    size = found.kept.file_bytes if found.kept else len(data)
    return of_pixels(np.asarray(image), name, found.upright, size, tuple(found.notes), found.orientation, depth)


def decode_mask(data: bytes, name: str, limits: Limits = LIMITS) -> NDArray[np.bool_]:
    """Decode a mask on its own, (H, W), True is defective; `read_mask` also fits it to its picture and says how."""
    return read_mask(data, None, limits)[0]


def of_pixels(
    pixels: NDArray[np.uint8],
    name: str,
    original_size: tuple[int, int] | None = None,
    file_bytes: int = 0,
    notes: tuple[Sentence, ...] = (),
    orientation: int = 1,
    depth: Depth | None = None,
) -> Picture:
    """Make a picture of (H, W, 3) sRGB pixels that are already in memory; they become read-only."""
    pixels = np.ascontiguousarray(pixels, np.uint8)
    pixels.flags.writeable = False
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(f"{height}x{width}:".encode())
    digest.update(pixels.data)
    return Picture(
        label(name), pixels, digest.hexdigest(), original_size or (height, width), file_bytes, notes, orientation, depth
    )


def label(name: str) -> str:
    """Return a name fit to be shown: composed Unicode without control characters or halves of characters."""
    try:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        text = name.encode("utf-8", "surrogateescape" if _escaped(name) else "replace").decode("cp949", "replace")
    text = unicodedata.normalize("NFC", text)
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def _escaped(name: str) -> bool:
    """Whether the file system gave bytes that are no UTF-8."""
    return all(not 0xD800 <= ord(c) <= 0xDFFF or 0xDC80 <= ord(c) <= 0xDCFF for c in name)
