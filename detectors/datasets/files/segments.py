"""Where a ZIP is taken apart while it is still on its way: its end, which comes first, says where its entries begin."""

from __future__ import annotations

import io
import zipfile
from bisect import bisect_left
from dataclasses import dataclass

from detectors.images.limits import LIMITS, MB, Limits

END = 2**16 + 22  # bytes at a ZIP's end in which it says where its directory is: a record of 22 and a comment
CENTRAL_HEADER = b"PK\x01\x02"
_LOCAL_HEADER = 30  # bytes
_ALONE = 2**16  # bytes, packed, from which on an entry has a segment of its own: a file for each mask would be many
_MOST = 16 * MB  # of a directory


@dataclass(frozen=True)
class Segments:
    """How a ZIP is taken apart.

    Attributes:
        starts: where its segments begin: the first at 0, the last is the directory. Empty where it stays in one.
        entries: where its files begin.
    """

    starts: tuple[int, ...] = ()
    entries: tuple[int, ...] = ()

    def arrived(self, at: int) -> int:
        """Return how many files are there when all bytes before `at` are."""
        return bisect_left(self.entries, max((start for start in self.starts if start <= at), default=0))


def find(end: bytes, at: int, limits: Limits = LIMITS) -> Segments | int:
    """Return how a ZIP is taken apart, by its last bytes, which begin at `at`; or where they must begin to tell.

    A ZIP that cannot be listed, or whose entries are no plain row from its first byte on, stays in one, to be refused
    by what reads it.
    """
    if len(end) > _MOST or end.count(CENTRAL_HEADER) > limits.zip_entries:
        return Segments()
    try:
        with zipfile.ZipFile(_End(end, at)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            directory = archive.start_dir
    except _Before as before:
        return before.at if at + len(end) - before.at <= _MOST else Segments()
    except Exception:  # zipfile raises struct, unicode, value and its own errors on damaged directories
        return Segments()
    starts = [entry.header_offset for entry in entries]
    ends = [entry.header_offset + _LOCAL_HEADER + entry.compress_size for entry in entries]
    if not entries or starts[0] != 0 or any(a > b for a, b in zip(ends, [*starts[1:], directory], strict=True)):
        return Segments()
    alone = [lies_alone(entry) for entry in entries]
    begins = [start for i, start in enumerate(starts) if i == 0 or alone[i] or alone[i - 1]]
    files = tuple(entry.header_offset for entry in entries if not entry.is_dir())
    return Segments((*begins, directory), files)


def lies_alone(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry has a segment of its own; smaller ones share theirs with their neighbours."""
    return entry.compress_size >= _ALONE


class _Before(Exception):
    """The directory begins before the bytes that are there."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _End(io.BytesIO):
    """The last bytes of a file, read as if the others were there too."""

    def __init__(self, end: bytes, at: int) -> None:
        super().__init__(end)
        self._start, self._size = at, at + len(end)

    def tell(self) -> int:
        return self._start + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + (0, self.tell(), self._size)[whence]
        if at < 0:
            raise OSError
        if at < self._start:
            raise _Before(at)
        super().seek(at - self._start)
        return at
