"""The process that answers frames: `python -m detectors.live.answering`. It has the fits done by another process.

Every message says for which `visitor` it is and what to `do`, and gets one reply with its own `call` number. Visitors
take turns: one message of each, so that nobody's frames wait behind all of another's.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from detectors.comparison.comparison import Comparison
from detectors.errors import Refusal, Sentence
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.images import Picture, decode
from detectors.live import model, wire
from detectors.live.alarm import Alarm, Watch
from detectors.live.fitting import comparison_of, spoken, warm
from detectors.live.selection import ENOUGH, FEWEST, MORE, MOST, Selection

_TRIES = 2  # of a fit whose process ended under it


@dataclass
class Visitor:
    """What one visitor has shown, and what was learnt of it."""

    comparison: Comparison = field(default_factory=Comparison)
    choice: ThresholdChoice = field(default_factory=ThresholdChoice)
    selection: Selection = field(default_factory=Selection)
    model: model.LiveModel | None = None
    fitted: Comparison = field(default_factory=Comparison)  # what `model` was fitted with
    alarms: list[Alarm] = field(default_factory=list)
    watch: Watch | None = None
    learning: bool = False
    target: int = ENOUGH  # frames at which learning ends by itself
    asked: tuple[int, ...] = ()  # the frames of the last fit that was asked for
    round: int = 0  # counts the fits that were asked for: only the last one is wanted


class Fits:
    """The way to the process that fits: one fit at a time, visitors in the order in which they first asked.

    Args:
        hears: is called with what it says, in a thread.
    """

    def __init__(self, hears: wire.Hears) -> None:
        self._hears = hears
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, tuple[wire.Header, bytes]] = OrderedDict()
        self._running: tuple[wire.Header, bytes] | None = None
        self._tries = 0
        self._child = self._start()

    def ask(self, header: wire.Header, body: bytes) -> None:
        """Have frames fitted; what the same visitor asked for before and has not begun is not done."""
        with self._lock:
            self._waiting[header["visitor"]] = (header, body)  # keeps its place where it has one
            self._next()

    def forget(self, visitor: str) -> None:
        """Let go of what a visitor waits for."""
        with self._lock:
            self._waiting.pop(visitor, None)

    def ahead(self, visitor: str) -> int:
        """Return how many fits come before a visitor's."""
        with self._lock:
            names = list(self._waiting)
            return names.index(visitor) + (self._running is not None) if visitor in names else 0

    def _start(self) -> wire.Child:
        return wire.Child("detectors.live.fitting", self._hear, self._ended, threads=1)

    def _next(self) -> None:
        if self._running is None and self._waiting:
            _, self._running = self._waiting.popitem(last=False)
            self._tries = 1
            self._child.tell(*self._running)

    def _hear(self, header: wire.Header, body: bytes) -> None:
        if header["event"] != "fitting":
            with self._lock:
                self._running = None
                self._next()
        self._hears(header, body)

    def _ended(self) -> None:
        """Start it anew; the fit that it died under is tried once more."""
        with self._lock:
            self._child = self._start()
            lost = self._running
            if lost is not None and self._tries < _TRIES:
                self._tries += 1
                self._child.tell(*lost)
                return
            self._running = None
            self._next()
        if lost is not None:
            said = Sentence(
                "live.fit_ended",
                "The process that fits ended while it was at this, {n} times; perhaps memory ran out. "
                "Choose fewer methods or a smaller picture size.",
                n=_TRIES,
            )
            about = {name: lost[0][name] for name in ("visitor", "round")}
            sentence = {"key": said.key, "english": said.english, "values": said.values}
            self._hears({"event": "refused", "sentence": sentence, **about}, b"")


class Answering:
    """All visitors and what is done for them.

    Args:
        say: sends a message to the process that started this one.
        clock: seconds.
        fits: makes the way to the fits, from what hears of them.
    """

    def __init__(
        self,
        say: Callable[[wire.Header, bytes], None],
        clock: Callable[[], float] = time.monotonic,
        fits: Callable[[wire.Hears], Any] = Fits,
    ) -> None:
        self._say, self._clock = say, clock
        self._visitors: dict[str, Visitor] = {}
        self._lock = threading.RLock()
        self._fits = fits(self.hear_fit)

    def do(self, asked: wire.Header, body: bytes) -> None:
        """Do what is asked and reply."""
        call: dict[str, Any] = {"call": asked["call"]}
        try:
            with self._lock:
                visitor = self._visitors.setdefault(asked["visitor"], Visitor())
                said, content = getattr(self, f"_{asked['do']}")(asked["visitor"], visitor, asked, body)
        except Refusal as refusal:
            said, content = {"refused": spoken(refusal), "number": asked.get("number")}, b""
        self._say(call | said, content)

    def hear_fit(self, said: wire.Header, body: bytes) -> None:
        """Take in how far a fit is; one that nobody wants any more is not told of."""
        with self._lock:
            visitor = self._visitors.get(said["visitor"])
            if visitor is None or said["round"] != visitor.round:
                return
            if said["event"] == "fitted":
                visitor.model = model.unpacked(said.pop("model"), body)
                visitor.fitted = visitor.comparison
                visitor.alarms = [Alarm() for _ in visitor.model.columns]
                visitor.watch = None
                said |= {"bytes": visitor.model.nbytes, "learnt": len(visitor.model.columns[0].held_out)}
        self._say(said, b"")

    def _open(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        comparison = comparison_of(asked["comparison"])
        visitor.choice = ThresholdChoice(asked["allowed"])
        if comparison != visitor.comparison:
            visitor.comparison = comparison
            if visitor.asked:  # there is a fit, or one is under way, that was made for other choices
                self._refit(name, visitor)
        return self._state(visitor), b""

    def _frame(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        """Take in a frame: "learn" from it if it is worth that, learn it as "normal" in any case, or answer it."""
        started, now, number = time.perf_counter(), self._clock(), asked["number"]
        picture = decode(body, "frame")
        if asked["mode"] == "live":
            return self._answer(visitor, picture, number, started, now)
        pixels = picture.pixels
        if asked["mode"] == "normal":
            judged = visitor.selection.add(number, body, pixels, now)
            if judged == "taken" and visitor.model is not None:
                self._refit(name, visitor)
            return {"number": number, "judged": judged, **self._state(visitor)}, b""
        if not visitor.learning:
            visitor.learning = True
            count = len(visitor.selection.kept)
            visitor.target = ENOUGH if count < ENOUGH else min(count + MORE, MOST)
            visitor.selection.begin(now)
        judged = visitor.selection.judge(number, body, pixels, now)
        if judged == "full" or (judged == "taken" and len(visitor.selection.kept) >= visitor.target):
            self._refit(name, visitor)
        return {"number": number, "judged": judged, **self._state(visitor)}, b""

    def _answer(
        self, visitor: Visitor, picture: Picture, number: int, started: float, now: float
    ) -> tuple[wire.Header, bytes]:
        visitor.learning = False
        if visitor.model is None:
            return {"number": number, **self._state(visitor)}, b""
        fitted = visitor.fitted
        square = fitted.preprocessing.apply(picture)
        decoded = 1e3 * (time.perf_counter() - started)
        found = model.answer(visitor.model, fitted, square, visitor.choice)
        began = [alarm.hear(above) for alarm, above in zip(visitor.alarms, found.flagged, strict=True)]
        if visitor.watch is not None:
            visitor.watch.see(began, now)
        drawn = [each for each in found.maps if each is not None]
        said = {
            "number": number,
            "sha256": picture.sha256,
            "multiples": found.multiples,
            "flagged": found.flagged,
            "alarms": [alarm.on for alarm in visitor.alarms],
            "maps": [each is not None for each in found.maps],
            "side": drawn[0].shape[0] if drawn else 0,
            "milliseconds": [decoded, *found.milliseconds],
            "methods": fitted.methods,
        }
        if visitor.watch is not None:
            said["watch"] = {"seconds": visitor.watch.seconds, "alarms": visitor.watch.alarms}
        return said, b"".join(each.tobytes() for each in drawn)

    def _fit(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        self._refit(name, visitor)
        return self._state(visitor), b""

    def _pause(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        """Learn no further; what was added to a model's frames is fitted."""
        visitor.learning = False
        if visitor.model is not None and visitor.asked != tuple(each.number for each in visitor.selection.kept):
            self._refit(name, visitor)
        return self._state(visitor), b""

    def _remove(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        visitor.selection.remove(asked["number"])
        if visitor.model is not None and len(visitor.selection.kept) >= FEWEST:
            self._refit(name, visitor)
        return self._state(visitor), b""

    def _watch(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        """Count false alarms from now on, or no longer."""
        visitor.watch = Watch([0] * len(visitor.alarms)) if asked["on"] else None
        return self._state(visitor), b""

    def _kept(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        """Return the frames that are learnt from, as they came."""
        sizes, content = wire.joined([each.jpeg for each in visitor.selection.kept])
        return self._state(visitor) | {"sizes": sizes}, content

    def _forget(self, name: str, visitor: Visitor, asked: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        self._fits.forget(name)
        self._visitors.pop(name, None)
        return {"kept": [], "ready": False}, b""

    def _state(self, visitor: Visitor) -> wire.Header:
        kept = [each.number for each in visitor.selection.kept]
        return {"kept": kept, "target": visitor.target, "ready": visitor.model is not None}

    def _refit(self, name: str, visitor: Visitor) -> None:
        """Have the frames fitted; until that is done, what was learnt before goes on answering."""
        visitor.learning = False
        visitor.round += 1
        visitor.asked = tuple(each.number for each in visitor.selection.kept)
        sizes, content = wire.joined([each.jpeg for each in visitor.selection.kept])
        comparison = wire.plain(visitor.comparison)
        self._fits.ask({"visitor": name, "round": visitor.round, "comparison": comparison, "sizes": sizes}, content)
        self._say(
            {"event": "fitting", "visitor": name, "round": visitor.round, "done": 0.0, "ahead": self._fits.ahead(name)},
            b"",
        )


class Turns:
    """Messages that wait, one visitor after the other."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[tuple[wire.Header, bytes]]] = OrderedDict()
        self._changed = threading.Condition()
        self._over = False

    def put(self, header: wire.Header, body: bytes) -> None:
        """Add a message at the end of its visitor's."""
        with self._changed:
            self._waiting.setdefault(header["visitor"], deque()).append((header, body))
            self._changed.notify()

    def end(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def get(self) -> tuple[wire.Header, bytes] | None:
        """Wait for the next message: the oldest one of the visitor whose turn it is; None when nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._over)
            if not self._waiting:
                return None
            visitor, messages = self._waiting.popitem(last=False)
            found = messages.popleft()
            if messages:
                self._waiting[visitor] = messages  # behind all others
            return found


def main() -> None:
    """Serve until the input is closed."""
    source, sink = wire.own_streams()
    lock = threading.Lock()

    def say(header: wire.Header, body: bytes) -> None:
        with lock:
            wire.write(sink, header, body)

    answering, turns = Answering(say), Turns()
    threading.Thread(target=warm, daemon=True).start()

    def listen() -> None:
        while (message := wire.read(source)) is not None:
            turns.put(*message)
        turns.end()

    threading.Thread(target=listen, daemon=True).start()
    while (message := turns.get()) is not None:
        answering.do(*message)


if __name__ == "__main__":
    main()
