"""A picture file as it is kept: brought to the kept side, and nothing else lost that decoding it would need."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import Sentence
from detectors.images.formats import picture_format

_PACKING = 1  # of numbers: quick, and little larger than the best


@dataclass(frozen=True)
class Original:
    """What is known of the file that a kept picture came from.

    Attributes:
        kind: "PNG", "JPEG", "BMP", "TIFF", "WEBP" or "GIF".
        upright: (H, W) after turning.
        orientation: the EXIF number.
        file_bytes: its size.
        sha256: of its bytes.
        deep: whether numbers of more than 8 bits are kept, still to be turned and brought to 8 bits.
        more_frames: whether it holds other pictures than the first.
        profile: its ICC profile in hexadecimal, "" for none; of pixels of 8 bits it was applied.
        pages: of a TIFF; 0 where they are not known.
        notes: (key, English, values) of what was changed on the way to 8-bit sRGB.
    """

    kind: str
    upright: tuple[int, int]
    orientation: int
    file_bytes: int
    sha256: str
    deep: bool
    more_frames: bool = False
    profile: str = ""
    notes: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    pages: int = 0


def is_picture(data: bytes) -> bool:
    """Whether bytes are of an accepted kind, as they were sent or at the kept side."""
    return isinstance(data, Shrunk) or picture_format(data) is not None


class Shrunk(bytes):
    """A picture at the kept side: a lossless WEBP file of upright sRGB, or packed numbers of more than 8 bits.

    `decode`, `look` and `read_mask` take it as they take the bytes of a file, and find what they would find there. What
    it says of its original is believed, so it is never made of bytes that somebody sent.
    """

    was: Original

    @classmethod
    def of(cls, pixels: NDArray[Any], was: Original) -> Self:
        """Pack pixels (H, W, 3) uint8, or numbers (H, W) or (H, W, 3)."""
        written = io.BytesIO()
        if was.deep:
            np.save(written, pixels, allow_pickle=False)
            packed = zlib.compress(written.getvalue(), _PACKING)
        else:
            Image.fromarray(pixels).save(written, "WEBP", lossless=True, quality=0, method=0)
            packed = written.getvalue()
        made = cls(packed)
        made.was = was
        return made

    @property
    def pixels(self) -> NDArray[Any]:
        """The pixels (H, W, 3) uint8, or the numbers."""
        if self.was.deep:
            return np.asarray(np.load(io.BytesIO(zlib.decompress(self)), allow_pickle=False))
        with Image.open(io.BytesIO(self), formats=["WEBP"]) as image:
            return np.asarray(image.convert("RGB"))

    @property
    def notes(self) -> list[Sentence]:
        """What was changed on the way to 8-bit sRGB."""
        return [Sentence(key, english, **values) for key, english, values in self.was.notes]

    def laid(self) -> bytes:
        """Return it as one file that `taken_up` reads: a line of JSON and the picture."""
        return json.dumps(asdict(self.was)).encode() + b"\n" + self

    @classmethod
    def taken_up(cls, laid: bytes) -> Self:
        """Read what `laid` wrote."""
        line, _, packed = laid.partition(b"\n")
        said = json.loads(line)
        said["notes"] = tuple((key, english, values) for key, english, values in said["notes"])
        made = cls(packed)
        made.was = Original(**said | {"upright": tuple(said["upright"])})
        return made
