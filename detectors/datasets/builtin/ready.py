"""Sets that come with the package, so that the first visitor need not wait for their drawing.

`python -m detectors.datasets.builtin` draws them anew: to be run, and its file committed, when `RECIPE_VERSION` has
been raised. A set is a ZIP of lossless WebP pictures, equal to the drawn ones in every value, and of its masks.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.datasets.builtin import cache
from detectors.datasets.builtin.planes import SIZE
from detectors.datasets.builtin.studio import available_cores

FOLDER = Path(__file__).parent / "ready"
MASKS = "masks.npy"
PRODUCT = "link"  # the one that the app opens with


def read(product: str, key: Sequence[object], count: int) -> cache.Arrays | None:
    """Return pictures and masks, or None for a set that does not come with the package; arguments as in `cache`."""
    path = place(product, key)
    if not path.is_file():
        return None
    with zipfile.ZipFile(path) as file:
        packed = np.load(io.BytesIO(file.read(MASKS)), allow_pickle=False)
        encoded = [file.read(_name(i)) for i in range(count)]
    pictures = np.empty((count, SIZE, SIZE, 3), np.uint8)

    def decode(i: int) -> None:
        with Image.open(io.BytesIO(encoded[i])) as picture:
            pictures[i] = np.asarray(picture)

    with ThreadPoolExecutor(available_cores()) as threads:  # decoding does not hold the interpreter's lock
        list(threads.map(decode, range(count)))
    return pictures, np.unpackbits(packed, axis=-1).astype(bool)


def write(product: str, key: Sequence[object], pictures: NDArray[np.uint8], masks: NDArray[np.bool_]) -> Path:
    """Write a set's file in place of the product's other ones and return it."""
    FOLDER.mkdir(exist_ok=True)
    for other in FOLDER.glob(f"{product}-*.zip"):
        other.unlink()
    path = place(product, key)
    with zipfile.ZipFile(path, "w") as file:
        for i, pixels in enumerate(pictures):
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=100, method=6)
            _put(file, _name(i), buffer.getvalue())
        buffer = io.BytesIO()
        np.save(buffer, np.packbits(masks, axis=-1))
        _put(file, MASKS, buffer.getvalue(), zipfile.ZIP_DEFLATED)
    return path


def place(product: str, key: Sequence[object]) -> Path:
    """Return where a set's file lies, or would lie."""
    return FOLDER / cache.place(product, key).with_suffix(".zip").name


def _name(i: int) -> str:
    return f"{i:03d}.webp"


def _put(file: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_STORED) -> None:
    """Add content under a fixed date, so that the same pictures make the same file."""
    file.writestr(zipfile.ZipInfo(name), content, how)
