"""Bringing what was sent to the kept side, on the disk where it lies: pictures, and those inside ZIPs.

A picture is shrunk by the routine that decodes all others, so that it decodes to the same pixels as what was sent. A
ZIP with such pictures becomes another that says beside its files which of them are in that form, and what was refused.
"""

from __future__ import annotations

import json
import os
import threading
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from detectors.datasets.archives import CONTENTS, File, Listing, list_zip
from detectors.datasets.contents import Resting, head, remove, whole
from detectors.errors import Refusal, Sentence
from detectors.images.limits import LIMITS, Limits
from detectors.images.shrinking import larger_than_kept, shrink
from detectors.images.shrunk import Shrunk

_THREADS = min(2, os.cpu_count() or 1)  # each may hold a large picture
_seen: set[Path] = set()  # what was found to stay as it is
_locks: dict[Path, threading.Lock] = {}


def keep(content: Resting, limits: Limits = LIMITS, progress: Callable[[float], None] = lambda done: None) -> None:
    """Bring a picture, or all pictures of a ZIP, to the kept side where that takes less room; what was sent is removed.

    What cannot be read stays as it is, to be refused when it is looked at. `progress` is called with the share done.
    """
    with _locks.setdefault(content.path, threading.Lock()):
        if content.path not in _seen and content.path.exists():
            with suppress(Refusal):
                (_keep_zip if head(content, 2) == b"PK" else _keep_picture)(content, limits, progress)
            _seen.add(content.path)
    _locks.pop(content.path, None)


def _keep_picture(content: Resting, limits: Limits, progress: Callable[[float], None]) -> None:
    made = shrink(whole(content), limits)
    if made is not None:
        _replace(content, lambda path: path.write_bytes(made.laid()))


def _keep_zip(content: Resting, limits: Limits, progress: Callable[[float], None]) -> None:
    listing = list_zip(content, limits)
    if any(larger_than_kept(_read(file), limits) for file in listing.files):
        _replace(content, lambda path: _pack(path, listing, limits, progress))


def _read(file: File) -> bytes:
    try:
        return file.read()
    except Refusal:
        return b""


def _pack(path: Path, listing: Listing, limits: Limits, progress: Callable[[float], None]) -> None:
    """Write a ZIP of what another lists: its files by their number, and what is to be said of them."""
    shrunk: list[int] = []
    damaged: dict[int, object] = {}

    def made(file: File) -> bytes | Refusal:
        try:
            data = file.read()
        except Refusal as refusal:
            return refusal
        return shrink(data, limits) or data

    with zipfile.ZipFile(path, "w") as packed, ThreadPoolExecutor(_THREADS) as threads:
        for i, form in enumerate(threads.map(made, listing.files)):
            progress(i / len(listing.files))
            if isinstance(form, Refusal):
                damaged[i] = _said(form.sentence)
            elif isinstance(form, Shrunk):
                shrunk.append(i)
                packed.writestr(str(i), form.laid())
            else:
                packed.writestr(str(i), form)
        contents = {
            "names": [file.name for file in listing.files],
            "shrunk": shrunk,
            "damaged": damaged,
            "refused": [(name, _said(why)) for name, why in listing.refused],
            "ignored": [(name, _said(why)) for name, why in listing.ignored],
        }
        packed.writestr(CONTENTS, json.dumps(contents))


def _replace(content: Resting, write: Callable[[Path], object]) -> None:
    """Put a smaller form in the place of what was sent, in one step, unless that is not wanted any more."""
    making = content.small.with_suffix(".making")
    try:
        write(making)
        if content.path.exists():
            making.replace(content.small)
            content.path.unlink()
    except FileNotFoundError:  # it was removed meanwhile
        remove(content.path)
    except OSError:  # no room on the disk: what was sent stays
        pass
    finally:
        making.unlink(missing_ok=True)


def _said(sentence: Sentence) -> object:
    return sentence.key, sentence.english, sentence.values
