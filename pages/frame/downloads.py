"""Files that are being made or lie ready to be taken, by a key of their content; shared by all sessions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from streamlit.runtime.scriptrunner import get_script_run_ctx

from detectors.errors import Refusal, Sentence

_MOST_BYTES = 256_000_000
_SOON_SECONDS = 1.0


class Downloads:
    """Makes each file once, in a thread that waits for a worker, and keeps the latest ones.

    Args:
        most_bytes: of all files together; those that were wanted longest ago go first.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="download")
        self._files: OrderedDict[str, Future[bytes]] = OrderedDict()
        self._soon: dict[str, tuple[str, threading.Timer]] = {}  # by who wants it
        self._lock = threading.Lock()

    def start(self, key: str, make: Callable[[], bytes]) -> Future[bytes]:
        """Begin to make a file, unless it is there or being made."""
        with self._lock:
            future = self._files.get(key)
            if future is None or _failed(future):
                future = self._files[key] = self._threads.submit(make)
            self._files.move_to_end(key)
            self._drop_old()
            return future

    def soon(self, key: str, make: Callable[[], bytes], who: str) -> None:
        """Begin to make a file unless the same one wants another one within a moment: a dragged threshold wants many.

        `who` may be any word that tells those apart who want files.
        """
        with self._lock:
            if who in self._soon:
                self._soon.pop(who)[1].cancel()
            if key in self._files and not _failed(self._files[key]):
                return
            timer = threading.Timer(_SOON_SECONDS, self._due, (key, make, who))
            timer.daemon = True
            self._soon[who] = key, timer
            timer.start()

    def _due(self, key: str, make: Callable[[], bytes], who: str) -> None:
        with self._lock:
            if self._soon.get(who, ("",))[0] != key:
                return
            del self._soon[who]
        self.start(key, make)

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return a file, made now or before; waits."""
        return self.start(key, make).result()

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has, None before it is ready."""
        future = self._files.get(key)
        return len(future.result()) if future and future.done() and not _failed(future) else None

    def making(self, key: str) -> bool:
        """Say whether a file is being made, or soon will be."""
        future = self._files.get(key)
        if future is None:
            return any(wanted == key for wanted, _ in list(self._soon.values()))
        return not future.done()

    def refused(self, key: str) -> Sentence | None:
        """Return why a file could not be made."""
        future = self._files.get(key)
        if future is None or not _failed(future):
            return None
        error = future.exception()
        if isinstance(error, Refusal):
            return error.sentence
        return Sentence(
            "compute.failed", "This failed for a reason that the program did not foresee: {error}.", error=error
        )

    def forget(self) -> None:
        """Let go of all files; those that somebody wants are made again."""
        with self._lock:
            self._files.clear()

    def _drop_old(self) -> None:
        sizes = {key: self.size(key) or 0 for key in self._files}
        total = sum(sizes.values())
        for key in list(self._files)[:-1]:
            if total > self._most and sizes[key]:
                total -= sizes[key]
                del self._files[key]


@dataclass(frozen=True)
class Download:
    """One file: begun by `soon`, waited for by `get`."""

    files: Downloads
    key: str
    make: Callable[[], bytes]

    def soon(self) -> None:
        """Begin to make it in the background, unless this tab wants another one within a moment."""
        context = get_script_run_ctx()
        self.files.soon(self.key, self.make, context.session_id if context else "")

    def get(self) -> bytes:
        """Return it; waits."""
        return self.files.get(self.key, self.make)

    @property
    def size(self) -> int | None:
        """Its bytes, None before it is ready."""
        return self.files.size(self.key)

    @property
    def making(self) -> bool:
        """Whether it is being made."""
        return self.files.making(self.key)

    @property
    def refused(self) -> Sentence | None:
        """Why it could not be made."""
        return self.files.refused(self.key)


def _failed(future: Future[bytes]) -> bool:
    return future.done() and future.exception() is not None
