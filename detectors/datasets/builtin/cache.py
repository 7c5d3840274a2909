"""Drawn sets on disk, in the user's cache folder: read when whole, drawn anew when not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.builtin.planes import SIZE, Mask

MOST_BYTES = 1 << 30  # the sets used longest ago go first
Arrays = tuple[NDArray[np.uint8], Mask]


def folder() -> Path:
    """Return where sets are kept: `ODD_CACHE`, or the system's folder for what can be made again."""
    home = Path.home()
    if "ODD_CACHE" in os.environ:
        return Path(os.environ["ODD_CACHE"]) / "demo_set"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "odd-one-out" / "demo_set"


def place(product: str, key: Sequence[object]) -> Path:
    """Return the file of a set; `key` says everything the pictures depend on."""
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return folder() / f"{product}-{digest[:20]}.npz"


def read(product: str, key: Sequence[object], count: int) -> Arrays | None:
    """Return pictures and masks, or None when they are not there or not whole."""
    path = place(product, key)
    try:
        with np.load(path, allow_pickle=False) as file:  # a ZIP: every array is checked against its CRC
            pictures, packed = file["pictures"], file["masks"]
        os.utime(path)
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None
    expected = (count, SIZE, SIZE, 3), (count, SIZE, SIZE // 8)
    if (pictures.shape, packed.shape) != expected or {pictures.dtype, packed.dtype} != {np.dtype(np.uint8)}:
        return None
    return pictures, np.unpackbits(packed, axis=-1).astype(bool)


def write(product: str, key: Sequence[object], pictures: NDArray[np.uint8], masks: Mask) -> None:
    """Keep a set. Others see it whole or not at all; a disk that cannot be written to is no error."""
    path = place(product, key)
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
            partial = Path(file.name)
            np.savez(file, pictures=pictures, masks=np.packbits(masks, axis=-1))
        partial.replace(path)
        _forget_oldest(path)
    except OSError:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _forget_oldest(newest: Path) -> None:
    files = sorted((f for f in newest.parent.iterdir() if f != newest), key=lambda f: f.stat().st_mtime, reverse=True)
    total = newest.stat().st_size
    for file in files:
        total += file.stat().st_size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)
