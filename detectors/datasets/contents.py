"""What a file holds: bytes in memory, or a file that lies on this machine's disk until nobody wants it any more."""

from __future__ import annotations

import hashlib
import io
import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from detectors.errors import PictureRefused

_PIECE = 2**20


@dataclass(frozen=True)
class Resting:
    """A file on this machine's disk.

    Attributes:
        path: where it lies.
        size: in bytes.
        sha256: of its bytes.
    """

    path: Path
    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size

    def remove_with_me(self) -> None:
        """Remove the file as soon as this object, whose copies elsewhere only borrow it, is gone."""
        weakref.finalize(self, _remove, self.path)


Content = bytes | Resting


def whole(content: Content) -> bytes:
    """Return all bytes; `PictureRefused` for a file that was removed."""
    if isinstance(content, bytes):
        return content
    with opened(content) as file:
        return file.read()


def opened(content: Content) -> BinaryIO:
    """Open what can be read from any place; `PictureRefused` for a file that was removed."""
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return content.path.open("rb")
    except OSError:
        raise PictureRefused("file.gone", "The file is not on this machine any more. Give it once more.") from None


def head(content: Content, count: int) -> bytes:
    """Return the first bytes."""
    with opened(content) as file:
        return file.read(count)


def pieces(content: Content) -> Iterator[bytes]:
    """Yield all bytes, a megabyte at a time."""
    with opened(content) as file:
        while piece := file.read(_PIECE):
            yield piece


def sha256(content: Content) -> str:
    """Return the hash of all bytes."""
    return content.sha256 if isinstance(content, Resting) else hashlib.sha256(content).hexdigest()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
