"""One run on somebody's cluster (`ODD_SCHEDULER`): one worker with two threads, then two workers with one thread each.

    python -m tests.benchmarks.scale [normal pictures]

Starts a scheduler and workers on this machine. Prints seconds from asking to the last column, their ratio, where the
workers' seconds went and which bytes travelled: features (as a file that the other worker opens), pictures and others
from worker to worker, columns to the one who asked. Says what bounds two workers, and that both found the same numbers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, get_task_stream

from detectors.comparison.comparison import Comparison
from detectors.datasets.sources import DemoSource
from detectors.result import Result
from detectors.workers import Compute, Run

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds
PARTS = {
    "stores": "features",
    "fit": "columns",
    "column": "columns",
    "data": "data",
    "pictures": "data",
    "recipe": "data",
}  # by key


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[str]:
    """Serve a scheduler and workers that do one task at a time, each with so many threads for its arithmetic."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    started = []
    given = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}

    def start(name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{name}", *arguments, "--no-dashboard"]
        with tempfile.TemporaryFile() as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=os.environ | given))

    try:
        start("dask_scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2])
        for _ in range(workers):
            start("dask_worker", address, "--nthreads", "1", "--no-nanny")
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def imported() -> None:
    from detectors.workers.tasks import warm

    warm()


def features(dask_worker: Any) -> int:
    """Bytes of the features that a worker holds, here or in a file that it shares."""
    from detectors.comparison.comparison import Stores

    held = [each for each in dask_worker.data.values() if isinstance(each, Stores)]
    return sum(part.nbytes for each in held for part in (each.learnt, each.held_out, each.test))


def fetched(dask_worker: Any) -> list[str]:
    """Return the keys of what a worker fetched from others."""
    return [key for transfer in dask_worker.transfer_incoming_log for key in transfer["keys"]]


def sizes(dask_worker: Any) -> dict[str, int]:
    """Bytes, as they travel, of what a worker holds."""
    return {key: travelling(value) for key, value in dask_worker.data.items()}


def travelling(value: Any) -> int:
    from distributed.protocol import serialize

    return sum(len(memoryview(frame).cast("B")) for frame in serialize(value)[1])


@dataclass
class Measured:
    """What one cluster took for the run."""

    seconds: float
    result: Result
    held: int
    fetched: Counter[str]
    brought: int
    busy: dict[str, float]  # by worker
    parts: Counter[str]


def measured(workers: int, threads: int, source: DemoSource) -> Measured:
    with cluster(workers, threads) as address, Client(address, timeout=60) as client:
        client.wait_for_workers(workers, timeout=120)
        client.run(imported)
        compute = Compute(address)
        try:
            while compute.trouble:  # the scheduler has not answered yet
                time.sleep(0.02)
            with get_task_stream(client) as stream:
                run = compute.start(Comparison(), source, "scale")
                taken = done(run)
                run_ended = time.time()
            result = run.result()
            assert result is not None
            held = max(client.run(features).values())
            bytes_fetched: Counter[str] = Counter()
            sized = {key: size for each in client.run(sizes).values() for key, size in each.items()}
            for key in (key for keys in client.run(fetched).values() for key in keys):
                bytes_fetched[key.partition("-")[0]] += sized.get(key, 0)
            brought = sum(map(travelling, result.columns))
        finally:
            compute.close()
    parts, busy = Counter[str](), Counter[str]()
    for task in stream.data:
        for span in task["startstops"]:
            seconds = span["stop"] - span["start"]
            busy[task["worker"]] += seconds
            kind = PARTS.get(task["key"].partition("-")[0], "others")
            parts[kind if span["action"] == "compute" else "transfers"] += seconds
    costs = [column.cost for column in result.columns]
    parts["fits"] = sum(cost.fit_seconds for cost in costs)
    scored = len(result.test) + len(result.held_out)  # held-out pictures are scored as well, at about the same speed
    parts["scoring"] = sum(cost.milliseconds_per_picture for cost in costs) * scored / 1e3
    parts["figures"] = parts.pop("columns") - parts["fits"] - parts["scoring"]
    ended = max(span["stop"] for task in stream.data for span in task["startstops"])
    parts["gathering"] = run_ended - ended
    return Measured(taken, result, held, bytes_fetched, brought, dict(busy), parts)


def done(run: Run) -> float:
    begun = time.perf_counter()
    while run.state != "done":
        if run.state in ("failed", "cancelled") or time.perf_counter() - begun > PATIENCE:
            raise SystemExit(f"{run.state}: {[str(stage.sentence) for stage in run.stages if stage.sentence]}")
        time.sleep(0.02)
    return time.perf_counter() - begun


def equal(one: Result, other: Result) -> bool:
    """Whether two runs found the same scores and maps, to the last bit."""
    return all(
        np.array_equal(a.scores, b.scores) and (a.maps is None or np.array_equal(a.maps, b.maps))
        for a, b in zip(one.columns, other.columns, strict=True)
    )


def main() -> None:
    normal = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    source = DemoSource("circuit", normal=normal)
    source.load()  # drawn once and kept, since drawing them is not what is measured
    runs = {}
    print(
        f"{'':24} {'seconds':>8}  of which: data  features   fits  scoring  figures  transfers  gathering and waiting"
    )
    for workers, threads in ((1, 1), (1, 2), (2, 1)):
        found = runs[workers, threads] = measured(workers, threads, source)
        name = f"{workers} worker{'s' * (workers > 1)}, {threads} thread{'s' * (threads > 1)} each"
        p = found.parts
        print(
            f"{name:24} {found.seconds:7.2f} | {p['data']:4.2f} {p['features']:9.2f} {p['fits']:5.2f}"
            f" {p['scoring']:8.2f} {p['figures']:8.2f} {p['transfers']:10.2f} {p['gathering']:10.2f}",
            flush=True,
        )
    single, threaded, spread = runs[1, 1], runs[1, 2], runs[2, 1]
    pictures = len(spread.result.learnt) + len(spread.result.held_out) + len(spread.result.test)
    between = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in sorted(spread.fetched.items())) or "none"
    print(
        f"MB with two workers: features of {pictures} pictures {spread.held / 1e6:.0f}; from worker to worker: "
        f"{between}; columns to the one who asked {spread.brought / 1e6:.0f}"
    )
    before = spread.parts["data"] + spread.parts["features"]
    print(
        f"two workers take {spread.seconds / threaded.seconds:.2f} of the time of one with two threads, "
        f"{spread.seconds / single.seconds:.2f} of one with a thread, on {os.cpu_count()} cores. Bound by what comes "
        f"before all columns, {before:.2f} s, and the longer half of these: the workers were busy "
        + " and ".join(f"{seconds:.2f}" for seconds in spread.busy.values())
        + " s"
    )
    print(f"equal to the last bit: one worker and two {equal(single.result, spread.result)}")


if __name__ == "__main__":
    main()
