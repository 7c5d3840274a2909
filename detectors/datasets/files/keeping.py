"""Bringing what was sent to the kept side, on the disk where it lies: pictures, and those of a ZIP in segments.

A picture is shrunk by the routine that decodes all others, so that it decodes to the same pixels as what was sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from detectors.datasets.files.archives import list_zip
from detectors.datasets.files.contents import Resting, Segmented, is_zip, remove, whole
from detectors.errors import Refusal
from detectors.images.limits import LIMITS, Limits
from detectors.images.shrinking import shrink
from detectors.images.shrunk import Shrunk

_THREADS = min(2, os.cpu_count() or 1)  # each may hold a large picture
_seen: set[Path] = set()  # what was found to stay as it is
_locks: dict[Path, threading.Lock] = {}


def keep(
    content: Resting | Segmented, limits: Limits = LIMITS, progress: Callable[[float], None] = lambda done: None
) -> None:
    """Bring a picture, or those of a ZIP, to the kept side where that takes less room; what was sent is removed.

    What cannot be read stays as it is, to be refused when it is looked at. `progress` is called with the share done.
    """
    with suppress(Refusal):
        if isinstance(content, Segmented):
            _keep_segments(content, limits, progress)
        elif content.path.exists() and not is_zip(content):
            _keep(content, lambda: whole(content), limits)


def _keep_segments(content: Segmented, limits: Limits, progress: Callable[[float], None]) -> None:
    lying = [(file.alone, file.read) for file in list_zip(content, limits).files if isinstance(file.alone, Resting)]

    def one(number: int) -> None:
        place, read = lying[number]
        _keep(place, read, limits)

    with ThreadPoolExecutor(_THREADS) as threads:
        for i, _ in enumerate(threads.map(one, range(len(lying)))):
            progress((i + 1) / len(lying))


def _keep(place: Resting, read: Callable[[], bytes], limits: Limits) -> None:
    """Put a picture's smaller form in the place of the file that holds it."""
    with _locks.setdefault(place.path, threading.Lock()):
        if place.path not in _seen and place.path.exists():
            with suppress(Refusal):
                if (made := shrink(read(), limits)) is not None and len(made) < len(place):
                    _replace(place, made)
            _seen.add(place.path)
    _locks.pop(place.path, None)


def _replace(place: Resting, made: Shrunk) -> None:
    """Put a smaller form in the place of what was sent, in one step, unless that is not wanted any more."""
    making = place.small.with_suffix(".making")
    try:
        making.write_bytes(made.laid())
        if place.path.exists():
            making.replace(place.small)
            place.path.unlink()
    except FileNotFoundError:  # it was removed meanwhile
        remove(place.path)
    except OSError:  # no room on the disk: what was sent stays
        pass
    finally:
        making.unlink(missing_ok=True)
