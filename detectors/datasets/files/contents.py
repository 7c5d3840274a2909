"""What a file holds: bytes in memory, or what lies on this machine's disk until nobody wants it any more.

A ZIP lies there in segments, so that each large picture in it can be brought to the kept side as soon as it is there.
"""

from __future__ import annotations

import hashlib
import io
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from detectors.errors import PictureRefused, Refusal
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

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where it lies, as `remove` takes it."""
        return (self.path,)

    def remove_with_me(self) -> None:
        """Remove the file as soon as this object, whose copies elsewhere only borrow it, is gone."""
        weakref.finalize(self, remove, self.path)


@dataclass(frozen=True)
class Segmented:
    """A ZIP in the segments that `segments.find` says, of which some may be at the kept side.

    Attributes:
        segments: (where it begins in the ZIP, its bytes as they were sent, or the picture in it at the kept side); the
            directory is the last one.
        there: up to where the ZIP has come; to its directory, unless its upload was cut off.
        size: in bytes, as it was announced.
        sha256: of all bytes that have come.
    """

    segments: tuple[tuple[int, bytes | Resting], ...]
    there: int
    size: int
    sha256: str

    def __len__(self) -> int:
        return self.size

    @property
    def directory(self) -> bytes | Resting:
        """The list of its contents."""
        return self.segments[-1][1]

    @property
    def occupied(self) -> int:
        """The bytes that it takes now."""
        return sum(room(content) for _, content in self.segments)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where it lies, as `remove` takes it."""
        return tuple(content.path for _, content in self.segments if isinstance(content, Resting))

    def remove_with_me(self) -> None:
        """Remove the files as soon as this object, whose copies elsewhere only borrow them, is gone."""
        for path in self.paths:
            weakref.finalize(self, remove, path)

    def carried(self) -> Segmented:
        """Return this with all bytes in memory."""
        return replace(self, segments=tuple((start, whole(content)) for start, content in self.segments))


Content = bytes | Resting | Segmented


class _Joined(io.RawIOBase):
    """The bytes of a ZIP in segments, as they were sent, from any place."""

    def __init__(self, content: Segmented) -> None:
        self._size = content.size
        self._starts = [start for start, _ in content.segments]
        self._contents = [each for _, each in content.segments]
        self._at, self._open, self._file = 0, -1, io.BytesIO()  # type: int, int, BinaryIO

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def read(self, count: int | None = -1) -> bytes:
        left = max(0, self._size - self._at)
        left = left if count is None or count < 0 else min(count, left)
        found = []
        while left and (piece := self._read_one(left)):
            found.append(piece)
            self._at += len(piece)
            left -= len(piece)
        return b"".join(found)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _read_one(self, count: int) -> bytes:
        """Read from one segment; nothing where none has come."""
        number = bisect_right(self._starts, self._at) - 1
        if number != self._open:
            self._file.close()
            self._open, self._file = -1, opened(self._contents[number])
            self._open = number
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self._size
        self._file.seek(self._at - self._starts[number])
        return self._file.read(min(count, end - self._at))


def whole(content: bytes | Resting) -> bytes:
    """Return all bytes; `PictureRefused` for a file that was removed."""
    return kept_or(content, lambda: content if isinstance(content, bytes) else b"".join(pieces(content)))


def kept_or(content: bytes | Resting, read: Callable[[], bytes]) -> bytes:
    """Return a picture at the kept side, else what is read as it was sent, unless it is brought there meanwhile."""
    if (found := kept(content)) is not None:
        return found
    try:
        return read()
    except Refusal:
        if (found := kept(content)) is not None:
            return found
        raise


def kept(content: bytes | Resting) -> Shrunk | None:
    """Return a picture at the kept side; None for what is as it was sent."""
    if isinstance(content, Shrunk):
        return content
    if isinstance(content, Resting):
        with suppress(OSError):
            return Shrunk.taken_up(content.small.read_bytes())
    return None


def carried(content: Content) -> Content:
    """Return all of it in memory; `PictureRefused` for a file that was removed."""
    return content.carried() if isinstance(content, Segmented) else whole(content)


def opened(content: Content) -> BinaryIO:
    """Open what can be read from any place, as it was sent; `PictureRefused` for a file that is not there so."""
    if isinstance(content, Segmented):
        return cast(BinaryIO, _Joined(content))
    if isinstance(content, Resting):
        with suppress(OSError):
            return content.path.open("rb")
    elif not isinstance(content, Shrunk):
        return io.BytesIO(content)
    raise PictureRefused("file.gone", "The file is not on this machine any more. Give it once more.")


def head(content: Content, count: int) -> bytes:
    """Return the first bytes of a file as it was sent."""
    with opened(content) as file:
        return file.read(count)


def is_zip(content: Content) -> bool:
    """Whether it begins as a ZIP does."""
    return isinstance(content, Segmented) or head(content, 4) in (b"PK\x03\x04", b"PK\x05\x06")


def room(content: Content) -> int:
    """Return the bytes that it takes now, on the disk or in memory."""
    return len(content) if isinstance(content, bytes) else content.occupied


def pieces(content: Content) -> Iterator[bytes]:
    """Yield all bytes, a megabyte at a time."""
    with opened(content) as file:
        while piece := file.read(_PIECE):
            yield piece


def sha256(content: Content) -> str:
    """Return the hash of all bytes, of a picture at the kept side those of the file that was sent."""
    if isinstance(content, Shrunk):
        return content.was.sha256
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else content.sha256


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
