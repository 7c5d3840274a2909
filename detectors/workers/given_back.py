"""Memory that nobody needs any more, given back: glibc keeps what was freed, hundreds of megabytes after a run."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

_EVERY_SECONDS = 2.0
_AT_REST = 0.2  # of a core, at most, since the last look; who computes would ask for the memory again at once
_WORTH = 4 * 2**20  # bytes by which a process has changed since it was trimmed last
_waiting: list[Callable[[], None]] = []


def trim() -> None:
    """Return what was freed, in some milliseconds."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc has the function
        ctypes.CDLL(None).malloc_trim(0)


def forget_files(*folders: str) -> None:
    """Let go of what was read of the libraries below folders with such names and is as it is on the disk.

    It is read again where it is needed after all. Loading a library touches much of it that nobody runs.
    """
    with contextlib.suppress(OSError, AttributeError):  # only Linux tells what is mapped
        give = ctypes.CDLL(None, use_errno=True).madvise
        give.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for first, last in _read_only(folders):
            give(first, last - first, mmap.MADV_DONTNEED)


def _read_only(folders: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return where files below folders are mapped of which no page was written to, as the loader does to some."""
    found, place = [], None
    for line in Path("/proc/self/smaps").read_text().splitlines():
        words = line.split(maxsplit=5)
        if "-" in words[0]:
            within = words[1] in ("r--p", "r-xp") and len(words) == 6 and set(Path(words[5]).parts) & set(folders)
            ends = words[0].split("-")
            place = (int(ends[0], 16), int(ends[1], 16)) if within else None
        elif words[0] == "Anonymous:" and words[1] == "0" and place is not None:
            found.append(place)
    return found


def watch() -> None:
    """Return what was freed whenever this process comes to rest, from now on, in a thread of its own.

    What is let go of while nothing is under way, such as the results of a session that has left, is seen by no task.
    """
    threading.Thread(target=_rounds, name="given back", daemon=True).start()


def when_at_rest(do: Callable[[], None]) -> None:
    """Do something once, when a process that is watched comes to rest."""
    _waiting.append(do)


def _rounds() -> None:
    process, before = psutil.Process(), 0
    while True:
        worked = time.process_time()
        time.sleep(_EVERY_SECONDS)
        if time.process_time() - worked > _AT_REST * _EVERY_SECONDS:
            continue
        while _waiting:
            _waiting.pop()()
        if abs(process.memory_info().rss - before) > _WORTH:
            trim()
            before = process.memory_info().rss
