"""Kill the processes of the workers at random moments while three sessions work: python tests/faults.py [--kills 100]

Each round three sessions start a run on pictures that no earlier round has seen. A worker that runs, starts or is idle,
the scheduler, or both at once are killed at moments drawn from the printed seed. Every run must end right by itself
within ten seconds of the worker's return, with the scores and the maps of an undisturbed run, and nobody may wait for
more than three seconds without being told why. The table says what happened; a loss makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from detectors.comparison.comparison import Comparison  # noqa: E402
from detectors.datasets import Dataset, demo  # noqa: E402
from detectors.images import Preprocessing  # noqa: E402
from detectors.workers import Compute, Run  # noqa: E402

SMALL = Preprocessing(size=64)
SESSIONS = {
    "a": Comparison(methods=("mahalanobis", "patchcore"), preprocessing=SMALL),
    "b": Comparison(methods=("padim", "spade"), preprocessing=SMALL, seed=1),
    "c": Comparison(methods=("cfa",), preprocessing=SMALL, seed=2),
}
SECONDS_AFTER = 10.0  # the worker's return, until every run has ended
SILENT_SECONDS = 3.0
PATIENCE = 120.0


@dataclass(frozen=True)
class Boards:
    """The same few circuit boards under another name each round, so that nothing is known of them."""

    round: int

    @property
    def key(self) -> str:
        return f"boards-{self.round}"

    def load(self) -> Dataset:
        return demo("circuit", normal=12, good=3, per=1, severities=(1.0,), seed=3)


@dataclass
class Tally:
    """What happened in the rounds of one kind."""

    kills: int = 0
    runs: int = 0
    lost: int = 0
    unequal: int = 0
    silent: int = 0
    away: float = 0.0  # the longest that no worker was there
    after: float = 0.0  # the longest from its return to a run's end
    said: list[str] = field(default_factory=list)


class Trial:
    """Rounds of kills on one `Compute`.

    Args:
        seed: of the kinds and the moments.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.compute = Compute()
        self.round = 0
        self.tallies = {kind: Tally() for kind in KINDS}
        started = self._start()
        self._wait(started, Tally())
        begun = time.monotonic()
        again = self._start()
        self._wait(again, Tally())
        self.usual = time.monotonic() - begun
        self.expected = {name: run.result() for name, run in again.items()}
        self.asked = self._ask(again)

    def play(self, kind: str) -> None:
        """Play one round of a kind."""
        tally, before = self.tallies[kind], self.kills
        runs = self._start()
        if kind == "idle":
            self._wait(runs, tally)
        else:
            time.sleep(self.draw.uniform(0.0, self.usual))
        KINDS[kind](self)
        if kind == "idle":  # what was there before must still answer, and a new run must end
            tally.unequal += self._ask(runs) != self.asked
            runs = self._start()
        self._wait(runs, tally)
        tally.kills += self.kills - before
        for name, run in runs.items():
            tally.runs += 1
            if run.state != "done" or run.result().failures:
                tally.lost += 1
                tally.said.append(f"round {self.round} {kind} {name}: {run.state} {run.stages}")
            elif not same(run, self.expected[name]):
                tally.unequal += 1

    @property
    def kills(self) -> int:
        return self._kills

    _kills = 0

    def kill(self, *names: str) -> None:
        """Kill processes at once, those of them that are there."""
        alive = self.compute.supervisor.processes
        for name in names:
            if name in alive:
                os.kill(alive[name], signal.SIGKILL)
                self._kills += 1

    def until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _start(self) -> dict[str, Run]:
        for run in list(self.compute._runs.values()):
            run.sessions.clear()
        self.round += 1
        return {name: self.compute.start(wanted, Boards(self.round), name) for name, wanted in SESSIONS.items()}

    def _ask(self, runs: dict[str, Run]) -> list[int]:
        return [runs["a"].ask(bank_bytes, "patchcore/efficientnet_lite0").result(PATIENCE)]

    def _wait(self, runs: dict[str, Run], tally: Tally) -> None:
        """Wait until the runs have ended; note how long no worker was there, and who waited without a word."""
        compute, begun = self.compute, time.monotonic()
        back = changed = begun
        before, silent = None, False
        while any(run.state == "running" for run in runs.values()):
            now = time.monotonic()
            if now - begun > PATIENCE:
                break
            if not any(slot.ready for slot in compute.supervisor._slots):
                tally.away, back = max(tally.away, now - begun), now
            stages = [stage for run in runs.values() for stage in run.stages]
            standing = [(stage.state, stage.done) for stage in stages]
            told = compute.trouble or any(stage.sentence for stage in stages)
            if standing != before or told:
                before, changed = standing, now
            if now - changed > SILENT_SECONDS and not silent:
                silent = True
                tally.said.append(f"round {self.round}: silent: {[(s.key, s.state, s.done) for s in stages]}")
            time.sleep(0.02)
        tally.silent += silent
        after = time.monotonic() - back
        tally.after = max(tally.after, after)
        if after > SECONDS_AFTER:
            tally.lost += 1
            tally.said.append(f"round {self.round}: {after:.1f} s after the worker's return")


def bank_bytes(detector: object, stores: object, pictures: object) -> int:
    return detector.nbytes  # type: ignore[attr-defined]


def same(run: Run, expected: object) -> bool:
    """Whether a run has the scores and maps of another, to the last bit."""
    columns = zip(run.result().columns, expected.columns, strict=True)  # type: ignore[attr-defined]
    return all(
        np.array_equal(one.scores, other.scores)
        and (one.maps is None) == (other.maps is None)
        and (one.maps is None or np.array_equal(one.maps, other.maps))
        for one, other in columns
    )


def starting(trial: Trial) -> None:
    """Kill the worker and, within two seconds of its start, the one that replaces it."""
    old = trial.compute.supervisor.processes.get("worker 0")
    trial.kill("worker 0")
    trial.until(lambda: trial.compute.supervisor.processes.get("worker 0", old) != old)
    time.sleep(trial.draw.uniform(0.0, 2.0))
    trial.kill("worker 0")


KINDS: dict[str, Callable[[Trial], None]] = {
    "running": lambda trial: trial.kill("worker 0"),
    "starting": starting,
    "idle": lambda trial: trial.kill("worker 0"),
    "scheduler": lambda trial: trial.kill("scheduler"),
    "two at once": lambda trial: trial.kill("scheduler", "worker 0"),
}


def trial(kills: int, seed: int, every: Callable[[Trial], None] = lambda trial: None) -> dict[str, Tally]:
    """Play rounds until so many processes were killed, all kinds equally often, and return what happened."""
    played = Trial(seed)
    try:
        while played.kills < kills:
            for kind in played.draw.sample(list(KINDS), len(KINDS)):
                played.play(kind)
                every(played)
                if played.kills >= kills:
                    break
        return played.tallies
    finally:
        played.compute.close()
        print(f"undisturbed {played.usual:.1f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    begun = time.monotonic()
    tallies = trial(asked.kills, asked.seed, lambda trial: print(".", end="", flush=True))
    print(f"\n{time.monotonic() - begun:.0f} s\n")
    print(f"{'killed':<12} kills  runs  lost  unequal  silent  worker away  ended after its return")
    for kind, t in tallies.items():
        print(
            f"{kind:<12} {t.kills:5d} {t.runs:5d} {t.lost:5d} {t.unequal:8d} {t.silent:7d}"
            f" {t.away:10.1f} s {t.after:21.1f} s"
        )
    for said in (line for tally in tallies.values() for line in tally.said):
        print(said)
    return int(any(t.lost or t.unequal or t.silent for t in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
