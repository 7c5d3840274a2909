"""Memory that nobody needs any more, given back: glibc keeps what was freed, hundreds of megabytes after a run."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time

import psutil

_EVERY_SECONDS = 2.0
_AT_REST = 0.2  # of a core, at most, since the last look; who computes would ask for the memory again at once
_WORTH = 4 * 2**20  # bytes by which a process has changed since it was trimmed last


def trim() -> None:
    """Return what was freed, in some milliseconds."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # only glibc has the function
        ctypes.CDLL(None).malloc_trim(0)


def watch() -> None:
    """Return what was freed whenever this process comes to rest, from now on, in a thread of its own.

    What is let go of while nothing is under way, such as the results of a session that has left, is seen by no task.
    """
    threading.Thread(target=_rounds, name="given back", daemon=True).start()


def _rounds() -> None:
    process, before = psutil.Process(), 0
    while True:
        worked = time.process_time()
        time.sleep(_EVERY_SECONDS)
        rests = time.process_time() - worked < _AT_REST * _EVERY_SECONDS
        if rests and abs(process.memory_info().rss - before) > _WORTH:
            trim()
            before = process.memory_info().rss
