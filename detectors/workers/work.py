"""Pieces of work that outlive the workers and the scheduler.

A `Work` says what is to be done: a function and its arguments, other works among them. Wherever it is to be done, it is
sent under a key that was never used before, so that no attempt meets what is left of another. `Works` sends what is not
there, again and again: after a lost connection everything that is wanted, after a death what the worker took with it.
A work is wanted while somebody holds it. What it brings stays in this process and is not lost any more.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future as Arrival
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Literal

from distributed import Client, Future, KilledWorker

from detectors.errors import Cancelled, Gone
from detectors.workers import cluster
from detectors.workers.attempt import packed, perform
from detectors.workers.cluster import Group
from detectors.workers.connection import begin
from detectors.workers.failures import stopped, too_large
from detectors.workers.supervisor import Death

MOST_REDONE = 2  # times that a work whose worker died under it is done again
_BACKGROUND = -100  # the priority of what was there before and nobody waits for; sent when there is nothing else

Status = Literal["pending", "finished", "error", "cancelled"]


@dataclass
class Report:
    """How far an attempt is, as its worker reports it."""

    started: float = field(default_factory=time.monotonic)
    done: float = 0.0
    stage: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


class Work:
    """One piece of work, by the key of its content.

    Attributes:
        stays: whether its result is kept in the workers, for other works.
        brings: whether its result is fetched into this process.
        priority: higher goes first.
        fits: whether it keeps a worker busy, which does one such work at a time.
        answers: whether a person waits for it who looks at a page: a worker does it beside all other work.
        spares: how many of the last arguments only save time: once it is there they are let go of, and a worker that
            has to do it again does without.
        deaths: how often a worker died while doing it.
        report: how far it is, None before it has said anything.
    """

    def __init__(
        self,
        key: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        *,
        stays: bool = False,
        brings: bool = True,
        priority: int = 0,
        fits: bool = False,
        answers: bool = False,
        spares: int = 0,
    ) -> None:
        self.key, self.function, self.args = key, function, args
        self.stays, self.brings, self.priority, self.fits, self.spares = stays, brings, priority, fits, spares
        self.answers = answers
        self.deaths = 0
        self.report: Report | None = None
        self.number = 0
        self._future: Future | None = None
        self._sent_to: tuple[str, ...] = ()  # workers of a cluster, one of which does it; a fit: to one of them
        self._arrival: Arrival[Any] | None = None
        self._there = False  # whether it has been finished once
        self._over = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._cancelled = False

    def __del__(self) -> None:
        self._let_go()

    @property
    def status(self) -> Status:
        """Where it is; what a worker lost is pending again, unless its result is here."""
        if self._error is not None:
            return "error"
        if self._cancelled:
            return "cancelled"
        if self.brings:
            return "finished" if self._over.is_set() else "pending"
        future = self._future
        return "finished" if future is not None and future.status == "finished" else "pending"

    @property
    def parents(self) -> list[Work]:
        """The works whose results it takes."""
        return [each for each in self.args if isinstance(each, Work)]

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until its result is here or it has ended without; return whether that is so."""
        return self._over.wait(seconds)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for what it brings and return it, or raise what it ended with."""
        if not self.wait(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        if self._cancelled:
            raise Cancelled
        return self._value

    def exception(self) -> BaseException | None:
        """Return what it ended with, None where nothing went wrong so far."""
        return self._error

    def _let_go(self) -> None:
        """Forget the present attempt; a worker that is at it hears so and stops."""
        future, arrival, self._future, self._arrival = self._future, self._arrival, None, None
        if arrival is not None and not _awaited(future):  # what waits ends by the release
            arrival.cancel()
        if future is not None:
            future.release()

    def _end(self, error: BaseException | None) -> None:
        self._error, self._cancelled = error, error is None
        self._let_go()
        self._over.set()


class Works:
    """All works that somebody holds, and their way to the workers.

    Args:
        memory: a worker's limit in bytes.
        ours: whether the workers are this program's own, which count what fits; else those of somebody's cluster.
    """

    def __init__(self, memory: int, ours: bool) -> None:
        self._memory, self._ours = memory, ours
        self._groups: tuple[Group, ...] = ()
        self._client: Client | None = None
        self._table: weakref.WeakValueDictionary[str, Work] = weakref.WeakValueDictionary()
        self._numbers = itertools.count()
        self._attempts = (f"{uuid.uuid4().hex[:8]}.{n}" for n in itertools.count())
        self._deaths: SimpleQueue[Death] = SimpleQueue()
        self._lock = threading.RLock()
        self.changed = threading.Event()  # there is something to do for `step`

    def submit(self, key: str, function: Callable[..., Any], *args: Any, **kinds: Any) -> Work:
        """Return the work of this key: the one that somebody holds, unless it ended without a result, or a new one.

        `kinds` are the attributes of `Work`.
        """
        with self._lock:
            work = self._table.get(key)
            if work is None or work.status in ("error", "cancelled"):
                work = Work(key, function, args, **kinds)
                work.number = next(self._numbers)
                self._table[key] = work
                self._send(work, work.priority)
            return work

    def cancel(self, works: Iterable[Work]) -> list[str]:
        """End works that are not finished, unless others need them; return under which keys workers may be at them."""
        with self._lock:
            ended = {work for work in works if work.status == "pending"}
            for work in reversed(self._all()):
                if work.status == "pending" and work not in ended:
                    ended.difference_update(work.parents)
            keys = self.attempts(ended)
            for work in ended:
                work._end(None)
            return keys

    def attempts(self, works: Iterable[Work]) -> list[str]:
        """Return the keys under which workers may be at works."""
        futures = (work._future for work in works)
        return [str(future.key) for future in futures if future is not None]

    def find(self, key: str) -> Work | None:
        """Return the work of this key that somebody holds."""
        return self._table.get(key)

    def mourn(self, death: Death) -> None:
        """Hear that a worker has ended."""
        self._deaths.put(death)
        self.changed.set()

    def report(self, task: str, done: float, stage: str, numbers: dict[str, float]) -> None:
        """Hear how far a worker is."""
        work = self._attempted(task)
        if work is not None:
            work.report = work.report or Report()
            work.report.done, work.report.stage, work.report.numbers = done, stage, numbers

    def step(self, client: Client | None, groups: tuple[Group, ...] | None = None) -> None:
        """Take in what has arrived or ended since the last time, and send what is not on its way.

        `groups` are those of a cluster's workers, which is sent nothing while there are none.
        """
        with self._lock:
            if client is not self._client:
                self._client = client
                for work in self._all():
                    self._lose(work)
            if groups is not None and groups != self._groups:
                self._groups = groups
                self._leave_the_gone()
            while not self._deaths.empty():
                self._count(self._deaths.get())
            needed = self._needed()
            for work in self._all():
                self._look(work, needed)
            needed = self._needed()
            for work in sorted(self._all(), key=lambda work: -work.priority):
                if work._future is None and not self._ended(work):
                    if work in needed:
                        self._send(work, work.priority)
                    elif work.stays and not needed:
                        self._send(work, _BACKGROUND)

    def _all(self) -> list[Work]:
        """Return the works, those that others need first."""
        return sorted(self._table.values(), key=lambda work: work.number)

    def _ended(self, work: Work) -> bool:
        return work._error is not None or work._cancelled

    def _look(self, work: Work, needed: set[Work]) -> None:
        future, arrival = work._future, work._arrival
        if future is None or self._ended(work):
            return
        if future.status == "error":
            self._erred(work, future)
        elif future.status == "cancelled":  # the scheduler does not know it any more
            self._redo(work)
        elif arrival is not None and arrival.done():
            self._arrive(work, arrival)
        elif work.stays and future.status == "finished":
            if not work.brings or work._over.is_set():  # what is still on its way here may be lost with its worker
                work._there, work.deaths = True, 0
                self._spare(work)
        elif needed and work.stays and work._there and work not in needed:  # its worker is gone, and others go first
            self._redo(work)

    def _arrive(self, work: Work, arrival: Arrival[Any]) -> None:
        work._arrival = None
        try:
            value = arrival.result()
        except Exception as error:  # on the way here: the work itself went well
            work.deaths += 1
            if work.deaths > MOST_REDONE:
                self._fail(work, error)
            else:
                self._redo(work)
            return
        if not work._over.is_set():
            work._value, work._there, work.deaths = value, True, 0
            self._spare(work)
            if not work.stays:  # nobody needs the attempt any more, nor what it was made of
                work._let_go()
                work.args = ()
            work._over.set()

    def _spare(self, work: Work) -> None:
        """Let go of what was given only to save time."""
        work.args, work.spares = work.args[: len(work.args) - work.spares], 0

    def _erred(self, work: Work, future: Future) -> None:
        error = future.exception()
        if isinstance(error, Gone):
            work.deaths += 1
            for parent in work.parents:
                if not parent.brings:
                    self._redo(parent)
        elif not isinstance(error, KilledWorker):
            self._fail(work, error)
            return
        elif error.task == future.key:  # a cluster that is not ours gave it up
            work.deaths += 1
        if work.deaths > MOST_REDONE:
            self._fail(work, stopped(work.deaths))
        else:
            self._redo(work)

    def _count(self, death: Death) -> None:
        """Hold a death against what the worker was doing; end what must not be tried again."""
        for task, before in death.running.items():
            work = self._attempted(task)
            if work is None:
                continue
            work.report = None
            if death.meant:
                continue
            work.deaths += 1
            alone = len(death.running) == 1 and death.peak - before > self._memory / 2
            if (death.memory and alone) or work.deaths > MOST_REDONE:
                self._fail(work, too_large(self._memory) if death.memory else stopped(work.deaths))

    def _fail(self, work: Work, error: BaseException) -> None:
        for each in self._with_dependents(work):
            if each is work or each.status == "pending":
                each._end(error)

    def _redo(self, work: Work) -> None:
        """Forget an attempt and those that wait for it; they are sent anew at the end of the step."""
        for each in self._with_dependents(work):
            future = each._future
            if each is work or (future is not None and future.status != "finished"):
                self._lose(each)

    def _lose(self, work: Work) -> None:
        work._let_go()
        work.report = None

    def _with_dependents(self, work: Work) -> list[Work]:
        """Return a work and all that need it, those that others need first."""
        found = [work]
        for each in self._all():
            if each is not work and any(parent in found for parent in each.parents):
                found.append(each)
        return found

    def _needed(self) -> set[Work]:
        """Return what is not finished, and all that it needs."""
        needed: set[Work] = set()
        for work in reversed(self._all()):
            if not self._ended(work) and (work in needed or not work._there):
                needed |= {work, *work.parents}
        return needed

    def _attempted(self, task: str) -> Work | None:
        """Return the work that is under way under this key."""
        work = self._table.get(task.rpartition("#")[0])
        future = work._future if work is not None else None
        return work if future is not None and future.key == task else None

    def _leave_the_gone(self) -> None:
        """Send anew what waits for workers that left a cluster; what one was fitting is held to have stopped it."""
        there = {worker for group in self._groups for worker in group.workers}
        lost = [work for work in self._all() if work._sent_to and not there.intersection(work._sent_to)]
        for worker in {work._sent_to[0] for work in lost if work.fits}:
            fits = [work for work in lost if work.fits and work._sent_to[0] == worker and _under_way(work)]
            for work in [work for work in fits if work.report is not None] or fits:
                work.deaths += 1
                if work.deaths > MOST_REDONE:
                    self._fail(work, stopped(work.deaths))
        for work in lost:
            if not self._ended(work) and _under_way(work):
                self._redo(work)

    def _place(self, work: Work) -> Group | None:
        """Decide who in a cluster may do a work, in `_sent_to`; return their group, None where nobody can at present.

        What belongs to one data set stays among workers that open each other's files, where there are several, and
        fits are spread over them. Left to itself, a scheduler fits all columns where their features are.
        """
        if not self._groups:
            return None
        loads = Counter(each._sent_to[0] for each in self._all() if each._sent_to and _under_way(each) and each.fits)
        before = [worker for parent in work.parents for worker in parent._sent_to]
        group = cluster.of(before, self._groups, loads)
        work._sent_to = group.workers
        if not work.parents and not work.stays:
            work._sent_to = ()  # it belongs to no data set
        elif work.fits and work.parents and len(group.workers) > 1:
            waits = any(parent.fits and _under_way(parent) for parent in work.parents)
            worker = None if waits else group.free(loads)
            if worker is None:
                return None  # who is free first shows only then
            work._sent_to = (worker,)
        return group

    def _send(self, work: Work, priority: int) -> None:
        client = self._client
        if client is None or client.status != "running":
            return
        for parent in work.parents:
            if self._ended(parent):
                work._end(parent._error)
                return
            if parent._future is None and (self._ours or not parent.fits):  # in a cluster fits have their own turn
                self._send(parent, priority)
            if parent._future is None:
                return
        group = None if self._ours else self._place(work)
        if group is None and not self._ours:
            return
        places = tuple(place for place, each in enumerate(work.args) if isinstance(each, Work))
        try:
            call = packed(work.function, [None if isinstance(each, Work) else each for each in work.args])
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Sending large graph")  # uploads travel with their task
                work._future = client.submit(
                    perform,
                    call,
                    places,
                    group is not None and group.shares,
                    *(parent._future for parent in work.parents),
                    key=f"{work.key}#{next(self._attempts)}",
                    priority=priority,
                    resources=_room(work) if self._ours else None,
                    workers=list(work._sent_to) or None,
                )
        except Exception as error:
            if client.status == "running":  # it cannot be sent at all
                self._fail(work, error)
            return  # else the connection was lost in this moment: it is sent over the next one
        if work.fits and not self._ours:
            work._future.add_done_callback(lambda _: self.changed.set())
        if work.brings and not work._over.is_set():
            work._arrival = begin(client, client.gather(work._future, asynchronous=True))
            work._arrival.add_done_callback(lambda _: self.changed.set())


def _awaited(future: Future | None) -> bool:
    """Whether a value's arrival waits for the work itself, not only for the value to come over."""
    return future is not None and future.status == "pending" and future.client.status == "running"


def _room(work: Work) -> dict[str, float] | None:
    """Return what a work needs of one of our workers, which has room for one fit and two others; answers need none."""
    return None if work.answers else {"fit": 1} if work.fits else {"rest": 1}


def _under_way(work: Work) -> bool:
    """Whether a worker has it to do, once more perhaps."""
    return work._future is not None and work._future.status not in ("finished", "error", "cancelled")
