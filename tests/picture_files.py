"""Picture and ZIP files written by hand, byte by byte where Pillow would not write them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
from PIL import Image


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    """A smooth colourful picture that survives compression."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    phase = np.random.default_rng(seed).uniform(0, 6, 3)
    waves = [127 + 90 * np.sin(5 * x + 3 * y * (k + 1) + phase[k]) for k in range(3)]
    return np.stack(waves, -1).astype(np.uint8)


def chunk(name: bytes, content: bytes, wrong_sum: bool = False) -> bytes:
    check = zlib.crc32(name + content) ^ wrong_sum
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(
    width: int, height: int, depth: int, colour: int, raw: bytes, extra: bytes = b"", wrong_sum: bool = False
) -> bytes:
    """A PNG of unfiltered `raw` rows; `extra` chunks go before the pixels."""
    step = len(raw) // height if height else 0
    rows = b"".join(b"\0" + raw[i * step : (i + 1) * step] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows), wrong_sum) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(width: int, height: int, bits: int, samples: int, raw: bytes, sample_format: int = 1, **tags: int) -> bytes:
    """A little-endian uncompressed TIFF of one strip; photometric is black-is-zero or RGB."""
    photometric = 2 if samples >= 3 else 1
    at_bits = 8 + 12 * 12 + 6
    at_data = at_bits + 2 * samples
    inline_bits = bits if samples == 1 else bits | bits << 16 if samples == 2 else at_bits
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, samples, inline_bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, at_data),
        (274, 3, 1, tags.get("orientation", 1)),
        (277, 3, 1, samples),
        (278, 3, 1, height),
        (279, 4, 1, len(raw)),
        (284, 3, 1, 1),
        (339, 3, 1, sample_format),
    ]
    directory = struct.pack("<H", 12) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0\0\0\0"
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<H", bits) * samples + raw


def with_orientation(image: np.ndarray, orientation: int, kind: str = "PNG", **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif, **options)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped_raw_names(files: dict[bytes, bytes]) -> bytes:
    """A ZIP whose names are these bytes, with no word on their encoding."""
    places = {f"{i:0{len(name)}d}": name for i, name in enumerate(files)}
    data = zipped(dict(zip(places, files.values(), strict=True)), zipfile.ZIP_STORED)
    for place, name in places.items():
        data = data.replace(place.encode(), name)
    return data
