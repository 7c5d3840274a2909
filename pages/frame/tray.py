"""Files on their way from a browser: written to the disk piece by piece, taken from here once they are whole."""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from detectors.datasets.contents import Resting, occupied, remove

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
        keeping: the work that brings it to the kept side, once it is whole.
    """

    name: str
    size: int
    path: Path
    role: str = "placed"
    at: int = 0
    keeping: Any = None
    seen: float = field(default_factory=time.monotonic)
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def bytes(self) -> int:
        """What it occupies, or was announced to while it is on its way."""
        return occupied(self.path) if self.at == self.size else self.size

    @property
    def resting(self) -> Resting:
        """The finished file."""
        return Resting(self.path, self.size, self._digest.hexdigest())

    def write(self, piece: bytes) -> None:
        """Add bytes at the end; what goes beyond the announced size is left out."""
        piece = piece[: self.size - self.at]
        with self.path.open("ab") as file:
            file.write(piece)
        self._digest.update(piece)
        self.at += len(piece)
        self.seen = time.monotonic()

    def whole(self) -> Resting:
        """Return the finished file, which goes with the last who holds it."""
        found = self.resting
        found.remove_with_me()
        return found


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

    def expect(self, file: str, name: str, size: int, role: str = "placed") -> Arriving | None:
        """Return a file that is announced, as far as it is; None for one file too many."""
        found = self.files.get(file)
        if found is None and len(self.files) < MOST_FILES:
            path = folder() / secrets.token_urlsafe(16)
            path.touch(mode=0o600)
            found = self.files[file] = Arriving(name, size, path, role)
        return found

    def take(self, batch: str, files: Iterable[str]) -> list[tuple[str, Resting]]:
        """Return (name, content) of those that are whole, and know the batch by its name from then on."""
        self.batches = [*self.batches, batch][-_BATCHES:]
        there = [file for file in dict.fromkeys(files) if file in self.files]
        taken = [self.files.pop(file) for file in there if self.files[file].at == self.files[file].size]
        return [(file.name, file.whole()) for file in taken]

    def drop(self, files: Iterable[str] | None = None) -> None:
        """Let go of files that are not taken; of all without an argument."""
        for file in list(self.files) if files is None else files:
            if (gone := self.files.pop(file, None)) is not None:
                remove(gone.path)

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
