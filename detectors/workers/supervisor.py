"""The processes of this machine's workers: a scheduler and one worker per graphics card, else one.

One thread looks after all of them ten times a second, from the moment they are started: a worker that ends, even while
starting, is started anew; where the scheduler ends, all are. Each worker's memory is recorded, and a worker that
exceeds its limit is ended before the machine runs out. Every death is told with what the worker was doing and whether
memory was the reason, from the record or from the kernel's own count.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import psutil

from detectors.errors import Sentence

if TYPE_CHECKING:
    from distributed.security import Security

Place = tuple[str, "Security | None"]

_LOOK_SECONDS = 0.1
_FULL = 0.95  # of its memory: a worker is ended there
_NEARLY_FULL = 0.8  # killed from outside above this, memory was the reason: the kernel was first
_OURS = 0.75  # of the machine's memory is for all workers together
_START_SECONDS = 120.0
_MOST_DELAY = 8.0
_KEYS = (
    "tls_ca_file",
    *(f"tls_{role}_{part}" for role in ("client", "scheduler", "worker") for part in ("cert", "key")),
)
_GIVING_UP = 3  # starts in a row that failed before a person hears of it


@dataclass(frozen=True)
class Death:
    """The end of a worker.

    Attributes:
        running: the tasks it was doing, each with the worker's memory in bytes when it began.
        peak: the most memory, in bytes, that was recorded.
        memory: whether it ended because it, or the machine, was out of memory.
        meant: whether it was ended on purpose, because a cancelled task did not stop by itself.
    """

    running: dict[str, int]
    peak: int
    memory: bool
    meant: bool


class Supervisor:
    """Starts the scheduler and the workers and keeps them alive.

    Args:
        memory: the limit of each worker ("6GB"); None asks ODD_WORKER_MEMORY, and where that says nothing gives them
            three quarters of what this machine, or the cgroup that it runs in, has.

    Attributes:
        died: hears of every worker that ended, in the supervisor's thread.
    """

    def __init__(self, memory: str | None = None) -> None:
        cards = _graphics_cards()
        self._given = memory or os.environ.get("ODD_WORKER_MEMORY")
        self.died: Callable[[Death], None] = lambda death: None
        self._slots = [_Slot(card) for card in cards] or [_Slot(None)]
        self._scheduler = _Slot(None)
        self._keys: dict[str, str] = {}
        self._security: Security | None = None
        self._replaced = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to start them, unless that has been done; returns at once."""
        if not self._thread.ident:
            self._thread.start()

    @cached_property
    def memory(self) -> int:
        """The limit of each worker in bytes."""
        from dask.utils import parse_bytes
        from distributed.system import memory_limit

        return int(parse_bytes(self._given) if self._given else _OURS * memory_limit() / len(self._slots))

    @property
    def fullness(self) -> float:
        """The share of its memory that the fullest worker was seen to occupy."""
        children = [slot.child for slot in self._slots]
        return max((child.resident / self.memory for child in children if child is not None), default=0.0)

    @property
    def place(self) -> Place | None:
        """The scheduler's address and keys; None while there is no scheduler."""
        child = self._scheduler.child
        address = child.said.get("address") if child and child.alive else None
        return (address, self._security) if address else None

    @property
    def trouble(self) -> Sentence | None:
        """Why no worker is there, None while one is."""
        if any(slot.ready for slot in self._slots):
            return None
        failed = max((self._scheduler, *self._slots), key=lambda slot: slot.failed)
        if failed.failed >= _GIVING_UP:
            return Sentence(
                "compute.no_start",
                "The workers do not start: {n} [attempt|attempts] failed, the last with: {error}. It is tried again "
                "and again.",
                n=failed.failed,
                error=failed.error,
            )
        if self._replaced:
            return Sentence(
                "compute.restarting",
                "The worker stopped and is being started anew; what it was doing is done again by itself.",
            )
        return Sentence("compute.starting", "The worker is being started.")

    @property
    def processes(self) -> dict[str, int]:
        """The process ids that are alive, by "scheduler", "worker 0", ..."""
        named = {"scheduler": self._scheduler} | {f"worker {i}": slot for i, slot in enumerate(self._slots)}
        return {name: slot.child.pid for name, slot in named.items() if slot.child is not None and slot.child.alive}

    def runs(self, task: str) -> bool:
        """Say whether a worker is doing a task at this moment."""
        return any(slot.child is not None and task in slot.child.running for slot in self._slots)

    def end(self, task: str) -> None:
        """End the worker that does a task; the others that it was doing are not to blame."""
        for slot in self._slots:
            if slot.child is not None and task in slot.child.running:
                slot.child.meant = True
                slot.child.kill()

    def close(self) -> None:
        """End all processes."""
        self._closing.set()
        self._thread.join()

    def _look_after(self) -> None:
        self._begin_missing()  # they import what they need while this process imports Dask
        from distributed.security import Security

        self._security = Security.temporary()
        self._keys = {name: getattr(self._security, name) for name in _KEYS}
        while not self._closing.wait(_LOOK_SECONDS):
            self._look()
        for slot in (*self._slots, self._scheduler):
            if slot.child is not None:
                slot.child.kill()
                slot.child.bury()

    def _look(self) -> None:
        """Start what is missing and tell of what has ended."""
        if self._scheduler.ended():
            self._replaced = True
            for slot in self._slots:
                if slot.child is not None and slot.child.given:
                    slot.child.meant = True
                    slot.child.kill()
        for slot in self._slots:
            if slot.child is not None:
                slot.child.weigh(self.memory)
            death = slot.ended()
            if death is not None:
                self._replaced = True
                self.died(death)
        self._begin_missing()
        if self._scheduler.child is not None and not self._scheduler.child.given:
            self._scheduler.give({"keys": self._keys})
        place = self.place
        for number, slot in enumerate(self._slots):
            if slot.child is not None and not slot.child.given and place is not None:
                own = {"address": place[0], "name": f"{number}-{slot.child.pid}", "warm": self._replaced}
                slot.give({"keys": self._keys, "memory": self.memory} | own)

    def _begin_missing(self) -> None:
        """Start the processes that are not there; what they wait for is given to them later."""
        for slot in self._slots:
            if slot.due():
                slot.start("worker", self._environment(slot.card))
        if self._scheduler.due():
            self._scheduler.start("scheduler", {})

    def _environment(self, card: int | None) -> dict[str, str]:
        own = {
            "OMP_NUM_THREADS": str(os.cpu_count() or 1),
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait for a busy core must not keep it busier
            # glibc gives each thread a heap of its own, which keeps what was freed of a large set
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
        }
        return own if card is None else own | {"CUDA_VISIBLE_DEVICES": str(card)}


class _Slot:
    """The place of one process, filled again and again."""

    def __init__(self, card: int | None) -> None:
        self.card = card
        self.child: _Child | None = None
        self.failed = 0  # starts in a row
        self.error = ""
        self._next = 0.0

    @property
    def ready(self) -> bool:
        return self.child is not None and self.child.ready and self.child.alive

    def due(self) -> bool:
        return self.child is None and time.monotonic() >= self._next

    def start(self, role: str, environment: dict[str, str]) -> None:
        try:
            self.child = _Child(role, environment)
        except OSError as error:  # no memory, process or file is left for it
            self._put_off(str(error))

    def give(self, given: dict[str, Any]) -> None:
        if self.child is not None:
            self.child.give(given)

    def ended(self) -> Death | None:
        """Return how the process ended, once, and make room for the next one; None while it lives."""
        child = self.child
        if child is None:
            return None
        if child.alive and not child.late:
            if child.ready:
                self.failed = 0
            return None
        child.kill()
        death = child.bury()
        if not child.ready and not child.meant:
            self._put_off(child.said.get("failed") or f"exit status {child.status}")
        self.child = None
        return death

    def _put_off(self, error: str) -> None:
        """Count a start that failed; the second one in a row and those after it are waited for, longer each time."""
        self.failed, self.error = self.failed + 1, error
        delay = 0.0 if self.failed < 2 else min(_MOST_DELAY, 0.5 * 2 ** (self.failed - 2))
        self._next = time.monotonic() + delay


class _Child:
    """One process, what it has said so far, and the memory it was seen to have."""

    def __init__(self, role: str, environment: dict[str, str]) -> None:
        paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), *sys.path]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "detectors.workers.process", role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment | {"PYTHONPATH": paths},
        )
        self.pid = self._process.pid
        self.said: dict[str, Any] = {}
        self.running: dict[str, int] = {}
        self.given = False
        self.meant = False
        self._full = False
        self.resident = self._peak = self._limit = 0
        self._kills = _kernel_kills()
        self._begun = time.monotonic()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        return "ready" in self.said or "address" in self.said

    @property
    def late(self) -> bool:
        """Whether it should have been ready long ago."""
        return not self.ready and time.monotonic() - self._begun > _START_SECONDS

    @property
    def status(self) -> int | None:
        return self._process.returncode

    def give(self, given: dict[str, Any]) -> None:
        """Send it what it needs to begin."""
        self.given = True
        with suppress(OSError):  # it has ended: the next look finds out
            self._process.stdin.write(json.dumps(given) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def weigh(self, limit: int) -> None:
        """Record its memory; end it when that is more than it may have."""
        with suppress(psutil.Error):
            self._limit = limit
            self.resident = psutil.Process(self.pid).memory_info().rss
            self._peak = max(self._peak, self.resident)
            if self.resident > _FULL * limit:
                self._full = True
                self.kill()

    def kill(self) -> None:
        self._process.kill()

    def bury(self) -> Death:
        """Wait until it is gone and return how it ended."""
        self._process.wait()
        self._reader.join(1.0)  # what it wrote at last is still in the pipe
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        killed = os.name == "posix" and self.status == -signal.SIGKILL and not self.meant
        by_kernel = killed and (_kernel_kills() > self._kills or self.resident > _NEARLY_FULL * self._limit > 0)
        return Death(dict(self.running), self._peak, self._full or by_kernel, self.meant)

    def _listen(self) -> None:
        with suppress(ValueError, OSError):
            for line in self._process.stdout:  # type: ignore[union-attr]
                said = json.loads(line)
                if "began" in said:
                    self.running[said["began"]] = said["bytes"]
                elif "ended" in said:
                    self.running.pop(said["ended"], None)
                else:
                    self.said |= said


def _kernel_kills() -> int:
    """Return how many processes of this cgroup the kernel has killed for want of memory; 0 where it does not say."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with suppress(OSError, ValueError):
            counts = dict(line.split() for line in Path(path).read_text().splitlines())
            return int(counts.get("oom_kill", 0))
    return 0


def _graphics_cards() -> list[int]:
    """Return the graphics cards' numbers, without importing torch."""
    if not which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    return list(range(listed.stdout.count("GPU "))) if listed.returncode == 0 else []
