"""Files on their way from a browser: written to the disk piece by piece, taken from here once they are whole.

A ZIP's end comes first and says where its entries begin; each large one becomes a file of its own as it comes.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from detectors.datasets.files.contents import Resting, Segmented, remove
from detectors.datasets.files.segments import END, Segments, find

IDLE_SECONDS = 3600.0  # for which a file that was not finished can be gone on with
MOST_FILES = 5_000
_BATCHES = 20
_FOLDER = "odd-one-out-pictures-"


@dataclass(eq=False)
class Arriving:
    """One file, as far as it has come.

    Attributes:
        name: what the browser calls it, folders included.
        size: in bytes, as announced.
        path: where it lies.
        role: what it is for, as `uploads.take` has it.
        at: how many bytes are there.
        end: from where on a ZIP's end is wanted before anything else; None where it is not, or not any more.
        segments: how a ZIP is taken apart.
        keeping: the work that brings what is there to the kept side.
    """

    name: str
    size: int
    path: Path
    role: str = "placed"
    at: int = 0
    end: int | None = None
    segments: Segments = field(default_factory=Segments)
    keeping: Any = None
    seen: float = field(default_factory=time.monotonic)
    _brought: int = 0  # files that `keeping` was told of
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def bytes(self) -> int:
        """What it occupies; while it is on its way as much as was announced, unless it is a ZIP in segments."""
        if self.segments.starts or self.at == self.size:
            return self.content.occupied
        return self.size if self.end is None else 0

    @property
    def whole(self) -> int:
        """How many files are there, those of a ZIP one by one."""
        return self.segments.arrived(self.at) if self.segments.starts else int(self.at == self.size)

    @property
    def content(self) -> Resting | Segmented:
        """The file, as far as it is there."""
        starts = self.segments.starts
        if not starts:
            return Resting(self.path, self.size, self._digest.hexdigest())
        ends = (*starts[1:], self.size)
        there = [i for i, end in enumerate(ends) if end <= self.at or i == len(starts) - 1]
        lying = tuple((starts[i], Resting(self._segment(i), ends[i] - starts[i], "")) for i in there)
        return Segmented(lying, max(start for start in starts if start <= self.at), self.size, self._digest.hexdigest())

    def more(self, piece: int) -> int:
        """Return how many bytes the next piece adds to what is counted: only a ZIP is not counted as a whole."""
        return min(piece, self.size - self.at) if self.segments.starts else 0

    def know(self, end: bytes, at: int) -> None:
        """Take a ZIP's last bytes, which begin at `at`."""
        found = find(end, at)
        if not isinstance(found, Segments):
            self.end = found
            return
        self.segments, self.end = found, None
        if found.starts:
            self._append(len(found.starts) - 1, end[found.starts[-1] - at :])

    def write(self, piece: bytes) -> None:
        """Add bytes at the end; what goes beyond the announced size is left out."""
        starts = self.segments.starts
        piece = piece[: (starts[-1] if starts else self.size) - self.at]
        self._digest.update(piece)
        while piece:
            number = bisect_right(starts, self.at) - 1
            room = starts[number + 1] - self.at if starts else len(piece)
            self._append(number, piece[:room])
            self.at += len(piece[:room])
            piece = piece[room:]
        if starts and self.at == starts[-1]:
            directory = self._segment(len(starts) - 1).read_bytes()
            self._digest.update(directory)
            self.at += len(directory)
        self.seen = time.monotonic()

    def bring(self, keep: Callable[[Resting | Segmented], Any]) -> None:
        """Have what is there brought to the kept side, of a ZIP one stretch after the other."""
        if self.whole > self._brought and (self.keeping is None or self.keeping.wait(0)):
            self._brought = self.whole
            self.keeping = keep(self.content)

    def take(self) -> Resting | Segmented:
        """Return the file, which goes with the last who holds it."""
        found = self.content
        found.remove_with_me()
        return found

    def remove(self) -> None:
        """Remove all that is there of it."""
        for number in range(-1, len(self.segments.starts)):
            remove(self._segment(number))

    def _segment(self, number: int) -> Path:
        """Return where a segment lies; below 0, a file that stays in one."""
        return self.path if number < 0 else self.path.with_name(f"{self.path.name}.{number}")

    def _append(self, number: int, piece: bytes) -> None:
        path = self._segment(number)
        path.touch(mode=0o600)
        with path.open("ab") as file:
            file.write(piece)


@dataclass(eq=False)
class Tray:
    """What is on its way from one browser.

    Attributes:
        token: what a browser says to reach it; nobody can guess it.
        files: by what the browser tells them apart by.
        batches: what was taken lately, as the browser named it.
        refused: (name, key under images.refused, values) of files that were turned down on the way.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    files: dict[str, Arriving] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)
    refused: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What is announced or there and not taken yet."""
        return sum(file.bytes for file in self.files.values())

    @property
    def shrinks(self) -> bool:
        """Whether a file that is there is still being brought to the kept side."""
        return any(file.keeping is not None and not file.keeping.wait(0) for file in self.files.values())

    @property
    def quiet(self) -> float:
        """For how many seconds nothing has come of what is not taken yet."""
        return time.monotonic() - max((file.seen for file in self.files.values()), default=float("-inf"))

    def expect(self, file: str, name: str, size: int, role: str = "placed", packed: bool = False) -> Arriving | None:
        """Return a file that is announced, as far as it is; None for one file too many."""
        found = self.files.get(file)
        if found is None and len(self.files) < MOST_FILES:
            path = folder() / secrets.token_urlsafe(16)
            if not packed:
                path.touch(mode=0o600)
            end = max(0, size - END) if packed else None
            found = self.files[file] = Arriving(name, size, path, role, end=end)
        return found

    def take(self, batch: str, files: Iterable[str], cut_off: bool = False) -> list[tuple[str, Resting | Segmented]]:
        """Return (name, content) of those that are whole, and know the batch by its name from then on.

        `cut_off` takes ZIPs too of which only some files are there.
        """
        self.batches = [*self.batches, batch][-_BATCHES:]
        there = [self.files[file] for file in dict.fromkeys(files) if file in self.files]
        taken = [found for found in there if found.at == found.size or (cut_off and found.whole)]
        self.files = {file: found for file, found in self.files.items() if found not in taken}
        return [(found.name, found.take()) for found in taken]

    def drop(self, files: Iterable[str] | None = None) -> None:
        """Let go of files that are not taken; of all without an argument."""
        for file in list(self.files) if files is None else files:
            if (gone := self.files.pop(file, None)) is not None:
                gone.remove()

    def expire(self, now: float) -> None:
        """Let go of files that nobody has gone on with for too long."""
        self.drop([file for file, found in self.files.items() if now - found.seen > IDLE_SECONDS])


@cache
def folder() -> Path:
    """Return this process's folder for files; it goes with the process, and those of ended ones are removed now."""
    for old in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        owner = old.name.removeprefix(_FOLDER).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
