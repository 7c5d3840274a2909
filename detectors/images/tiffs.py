"""TIFF files that Pillow does not read as they are meant: 64-bit numbers, real colours, deep colours in planes.

Also: Pillow's libtiff is told to be silent, as everything that is wrong with a file is said in a refusal.
"""

from __future__ import annotations

import ctypes
import io
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from detectors.errors import PictureRefused, Sentence
from detectors.images.limits import LIMITS, Limits

_KINDS = {1: "u", 2: "i", 3: "f"}
_STORED = {"u": (2, 4, 8), "i": (2, 4, 8), "f": (2, 4, 8)}  # bytes of a number
_PLAIN, _DEFLATE = (1,), (8, 32_946)


def tiff_numbers(data: bytes, limits: Limits = LIMITS) -> NDArray[Any] | None:
    """Return the numbers of a TIFF's first picture, (H, W) or (H, W, 3); None for one that is not of these kinds.

    Raises:
        PictureRefused: where they are packed in a way that is not unpacked here, or are of other channels than colours.
    """
    header = data[:16] if data[2:3] in (b"+",) or data[3:4] == b"+" else data[:8]
    directory = TiffImagePlugin.ImageFileDirectory_v2(header)  # type: ignore[no-untyped-call]
    file = io.BytesIO(data)
    file.seek(directory.next)
    directory.load(file)  # type: ignore[no-untyped-call]

    def tag(number: int, default: Any) -> Any:
        value = directory.get(number, default)
        return value[0] if isinstance(value, tuple) else value

    width, height, samples = int(tag(256, 0)), int(tag(257, 0)), int(tag(277, 1))
    bits, kind = set(directory.get(258, (1,))), _KINDS.get(int(tag(339, 1)), "")
    size = max(bits) // 8
    if samples not in (1, 3) or (samples == 3 and size == 1):
        raise PictureRefused(
            "picture.channels",
            "The TIFF file has {count} channels that are no colours; grey and colours are accepted. Save those that "
            "matter as grey pictures, or three of them as colours.",
            count=samples,
        )
    if len(bits) != 1 or size not in _STORED.get(kind, ()) or max(bits) % 8:
        return None
    if not (0 < width <= limits.side and 0 < height <= limits.side) or width * height > limits.megapixels * 1e6:
        return None
    packing = int(tag(259, 1))
    if packing not in _PLAIN + _DEFLATE or int(tag(317, 1)) != 1 or 273 not in directory:
        raise PictureRefused(
            "picture.packed_numbers",
            "The TIFF file holds numbers of {bits} bits, packed or tiled in a rare way. Save it without compression, "
            "or as 16-bit or 32-bit grey.",
            bits=max(bits),
        )
    needed = width * height * samples * size
    pieces = []
    for offset, count in zip(directory[273], directory[279], strict=True):
        piece = data[offset : offset + count]
        if packing in _DEFLATE:
            piece = zlib.decompressobj().decompress(piece, needed)  # never more than the picture needs
        pieces.append(piece)
        needed -= len(piece)
        if needed <= 0:
            break
    whole = b"".join(pieces)[: width * height * samples * size]
    order = "<" if data[:2] == b"II" else ">"
    numbers = np.frombuffer(whole, f"{order}{kind}{size}")
    if samples == 1:
        return numbers.reshape(height, width)
    if int(tag(284, 1)) == 2:
        return np.moveaxis(numbers.reshape(samples, height, width), 0, -1)
    return numbers.reshape(height, width, samples)


@cache
def quieten() -> None:
    """Stop libtiff, where Pillow brings its own, from writing every flaw of a file to the log; once is enough."""
    packages = Path(PIL.__file__).resolve().parent
    for folder in (packages.parent / "pillow.libs", packages / ".dylibs"):
        for library in folder.glob("libtiff*"):
            try:
                loaded = ctypes.CDLL(str(library))
                loaded.TIFFSetErrorHandler.argtypes = loaded.TIFFSetWarningHandler.argtypes = [ctypes.c_void_p]
                loaded.TIFFSetErrorHandler.restype = loaded.TIFFSetWarningHandler.restype = ctypes.c_void_p
                loaded.TIFFSetErrorHandler(None)
                loaded.TIFFSetWarningHandler(None)
            except (OSError, AttributeError):
                continue


def channels_left_out(image: Any) -> Sentence | None:
    """Say that a TIFF has more channels than are used (near infrared beside colours); None where all are."""
    count, used = getattr(image, "tag_v2", {}).get(277, 1), len(image.getbands())
    if count <= used:
        return None
    return Sentence(
        "picture.channels_left_out", "Only the first {used} of {count} channels in the file are used.", used=used,
        count=count,
    )  # fmt: skip


def is_planar(image: Any) -> bool:
    """Whether Pillow opened a TIFF of more than 8 bits whose colours lie plane by plane."""
    tags = getattr(image, "tag_v2", {})
    return bool(tags.get(284, 1) == 2 and max(tags.get(258, (8,))) > 8 and tags.get(277, 1) == 3)
