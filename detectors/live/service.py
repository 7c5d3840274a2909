"""The way to the processes that answer and fit, for a process that never imports torch."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from detectors.comparison.comparison import Comparison
from detectors.errors import Refusal, Sentence
from detectors.images import LIMITS
from detectors.live import wire

GRACE_SECONDS = 120.0  # after a visitor's connection has gone: the frames are kept for one that comes back

Event = Callable[[wire.Header], None]


class Busy(Refusal):
    """More visitors than the server takes."""


class Ended(Exception):
    """The process that answers ended before it had."""


@dataclass
class _Guest:
    comparison: Comparison
    allowed: int | None
    language: str
    hears: Event | None = None
    left: float = field(default_factory=time.monotonic)


class Live:
    """All visitors of this server, and the one process that answers them; it is started by the first frame.

    A visitor is known by a name that nobody can guess: who knows it may send frames and have the answers.

    Args:
        most: visitors at once.
        module: what the process runs.
    """

    def __init__(self, most: int = LIMITS.live_visitors, module: str = "detectors.live.answering") -> None:
        self._most, self._module = most, module
        self._guests: dict[str, _Guest] = {}
        self._calls: dict[int, Future[tuple[wire.Header, bytes]]] = {}
        self._numbers = itertools.count()
        self._lock = threading.RLock()
        self._child: wire.Child | None = None

    def welcome(self, name: str, comparison: Comparison, allowed: int | None, language: str) -> None:
        """Say what a visitor's frames are to be fitted with; the processes start with the first frame of anybody.

        Args:
            name: the visitor's.
            comparison: methods, their settings and the first backbone.
            allowed: as in `ThresholdChoice`.
            language: in which it is spoken to.

        Raises:
            Busy: when there are as many visitors as the server takes, and all of them are still there.
        """
        with self._lock:
            before = self._guests.get(name)
            if before is None:
                self._make_room()
                self._guests[name] = _Guest(comparison, allowed, language)
                return
            changed = (before.comparison, before.allowed) != (comparison, allowed)
            before.comparison, before.allowed, before.language = comparison, allowed, language
            if changed and before.hears is not None:
                self.open(name)

    def language(self, name: str) -> str | None:
        """Return a visitor's language, None for who was not welcomed."""
        guest = self._guests.get(name)
        return None if guest is None else guest.language

    def enter(self, name: str, hears: Event) -> Future[tuple[wire.Header, bytes]]:
        """Take a visitor's connection; the last one hears of its fits."""
        self._guests[name].hears = hears
        return self.open(name)

    def open(self, name: str) -> Future[tuple[wire.Header, bytes]]:
        """Tell the process what a visitor chose; its reply says what it has of it: nothing before there is one."""
        guest = self._guests[name]
        with self._lock:
            if self._child is None:
                from detectors.live.selection import ENOUGH  # with scipy, which no page needs to begin

                nothing: Future[tuple[wire.Header, bytes]] = Future()
                nothing.set_result(({"kept": [], "target": ENOUGH, "ready": False}, b""))
                return nothing
            return self.ask(name, "open", comparison=wire.plain(guest.comparison), allowed=guest.allowed)

    def leave(self, name: str, hears: Event) -> None:
        """Say that a connection has gone; what was shown is kept for a while."""
        guest = self._guests.get(name)
        if guest is None or guest.hears is not hears:
            return
        guest.hears, guest.left = None, time.monotonic()
        timer = threading.Timer(GRACE_SECONDS, self._expire, (name, guest.left))
        timer.daemon = True
        timer.start()

    def ask(self, name: str, do: str, body: bytes = b"", **values: Any) -> Future[tuple[wire.Header, bytes]]:
        """Have something done for a visitor, as `Answering` knows it; the reply is a header and a body.

        The future raises `Ended` where the process ends before it replies.
        """
        future: Future[tuple[wire.Header, bytes]] = Future()
        future.set_running_or_notify_cancel()  # who waits for it may go; the reply comes all the same
        with self._lock:
            if self._child is None:  # people who only look at the page need no 1.6 GB
                self._child = self._start()
                for guest in list(self._guests):
                    self.open(guest)
            number = next(self._numbers)
            self._calls[number] = future
            self._child.tell({"call": number, "visitor": name, "do": do, **values}, body)
        return future

    def dismiss(self, name: str) -> None:
        """Let a visitor go, and all that was shown; with the last one the processes end, and their memory is free."""
        with self._lock:
            if self._guests.pop(name, None) is None:
                return
            if self._guests and self._child is not None:
                self.ask(name, "forget")
            elif not self._guests:
                self.close()

    @property
    def pid(self) -> int | None:
        """The process that answers, None before it was started."""
        return None if self._child is None else self._child.pid

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            child, self._child = self._child, None
            lost, self._calls = self._calls, {}
        if child is not None:
            child.close()
        for future in lost.values():
            future.set_exception(Ended())

    def _start(self) -> wire.Child:
        threads = max(1, (os.cpu_count() or 1) // 2)  # the browser may be on the same machine, and so are the fits
        return wire.Child(self._module, self._hear, self._ended, threads)

    def _hear(self, header: wire.Header, body: bytes) -> None:
        if "call" in header:
            future = self._calls.pop(header.pop("call"), None)
            if future is not None:
                future.set_result((header, body))
            return
        guest = self._guests.get(header.pop("visitor", ""))
        if guest is not None and guest.hears is not None:
            guest.hears(header)

    def _ended(self) -> None:
        """Start it anew. What it knew is lost; visitors hear of it and may show their frames again."""
        with self._lock:
            lost, self._calls = self._calls, {}
            self._child = self._start()
            guests = [(name, guest.hears) for name, guest in self._guests.items() if guest.hears is not None]
        for future in lost.values():
            future.set_exception(Ended())
        for name, hears in guests:
            self.open(name)  # before the frames that they show again
            hears({"event": "ended"})

    def _make_room(self) -> None:
        """Let the visitor go who has been away longest where there is no room."""
        if len(self._guests) < self._most:
            return
        away = [(guest.left, name) for name, guest in self._guests.items() if guest.hears is None]
        if not away:
            raise Busy(
                "live.busy",
                "{n} visitors are teaching already, as many as this server takes. Try again when one has gone.",
                n=self._most,
            )
        self.dismiss(min(away)[1])

    def _expire(self, name: str, left: float) -> None:
        with self._lock:
            guest = self._guests.get(name)
            if guest is not None and guest.hears is None and guest.left == left:
                self.dismiss(name)


def sentence(said: dict[str, Any]) -> Sentence:
    """Return a sentence that came through a pipe."""
    return Sentence(said["key"], said["english"], **said["values"])
