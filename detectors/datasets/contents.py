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
from detectors.images.shrunk import Shrunk

_PIECE = 2**20


@dataclass(frozen=True)
class Resting:
    """A file on this machine's disk, as it was sent, or as `keeping.keep` has brought it to the kept side since.

    Attributes:
        path: where it lies as it was sent.
        size: in bytes, as it was sent.
        sha256: of its bytes, as it was sent.
    """

    path: Path
    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size

    @property
    def small(self) -> Path:
        """Where it lies once it has been brought to the kept side."""
        return small(self.path)

    @property
    def occupied(self) -> int:
        """The bytes that it takes on the disk now; 0 once it is gone."""
        return occupied(self.path)

    def remove_with_me(self) -> None:
        """Remove the file as soon as this object, whose copies elsewhere only borrow it, is gone."""
        weakref.finalize(self, remove, self.path)


Content = bytes | Resting


def whole(content: Content) -> bytes:
    """Return all bytes; `PictureRefused` for a file that was removed."""
    if isinstance(content, bytes):
        return content
    with suppress(OSError):
        return Shrunk.taken_up(content.small.read_bytes())
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
    """Return the first bytes of a file as it was sent, or of a ZIP in either form."""
    with opened(content) as file:
        return file.read(count)


def pieces(content: Content) -> Iterator[bytes]:
    """Yield all bytes, a megabyte at a time."""
    with opened(content) as file:
        while piece := file.read(_PIECE):
            yield piece


def sha256(content: Content) -> str:
    """Return the hash of all bytes, of a picture at the kept side those of the file that was sent."""
    if isinstance(content, Shrunk):
        return content.was.sha256
    return content.sha256 if isinstance(content, Resting) else hashlib.sha256(content).hexdigest()


def small(path: Path) -> Path:
    """Return where a file that was sent lies once it has been brought to the kept side."""
    return path.with_name(f"{path.name}.kept")


def occupied(path: Path) -> int:
    """Return the bytes that a file takes in whichever form it lies; 0 once it is gone."""
    for form in (small(path), path):
        with suppress(OSError):
            return form.stat().st_size
    return 0


def remove(path: Path) -> None:
    """Remove a file in whichever form it lies."""
    for form in (path, small(path)):
        with suppress(OSError):
            form.unlink()
