"""One run on somebody's cluster (`ODD_SCHEDULER`): all five methods on one worker, then on two, a thread each.

    python -m tests.benchmarks.scale [normal pictures]

Starts a scheduler and workers on this machine. Prints seconds from asking to the last column, their ratio, what bounds
it (pictures and the backbone pass come before all columns, and no run is shorter than its longest column), the bytes of
features and those that other workers fetched. Features never pass through the scheduler: a worker that takes a
column fetches them once from the worker that has them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distributed import Client

from detectors.comparison.comparison import Comparison
from detectors.datasets.sources import DemoSource
from detectors.workers import Compute, Run

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    started = []
    one_thread = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}

    def start(name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{name}", *arguments, "--no-dashboard"]
        with tempfile.TemporaryFile() as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=os.environ | one_thread))

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
    """Bytes of the features that a worker holds."""
    from detectors.comparison.comparison import Stores

    held = [each for each in dask_worker.data.values() if isinstance(each, Stores)]
    return sum(part.nbytes for each in held for part in (each.learnt, each.held_out, each.test))


def done(run: Run) -> float:
    begun = time.perf_counter()
    while run.state != "done":
        if run.state in ("failed", "cancelled") or time.perf_counter() - begun > PATIENCE:
            raise SystemExit(f"{run.state}: {[str(stage.sentence) for stage in run.stages if stage.sentence]}")
        time.sleep(0.02)
    return time.perf_counter() - begun


def main() -> None:
    normal = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    source = DemoSource("circuit", normal=normal)
    source.load()  # drawn once and kept, since drawing them is not what is measured
    taken = {}
    for workers in (1, 2):
        with cluster(workers) as address, Client(address, timeout=60) as client:
            client.wait_for_workers(workers, timeout=120)
            client.run(imported)
            compute = Compute(address)
            try:
                run = compute.start(Comparison(), source, "scale")
                taken[workers] = done(run)
                result = run.result()
                everywhere = client.run(features).values()  # by worker; Dask's own count does not look into them
                held, moved = max(everywhere), sum(everywhere) - max(everywhere)
            finally:
                compute.close()
        assert result is not None
        costs = {column.method: column.cost for column in result.columns}
        pictures = len(result.learnt) + len(result.held_out) + len(result.test)
        passed = next(iter(costs.values())).backbone_milliseconds * pictures / 1e3
        own = {name: cost.fit_seconds + cost.milliseconds_per_picture * len(result.test) / 1e3
               for name, cost in costs.items()}  # fmt: skip
        print(
            f"{workers} worker{'s' * (workers > 1)}: {taken[workers]:.2f} s for {pictures} pictures; backbone pass "
            f"{passed:.2f} s, columns "
            + ", ".join(f"{name} {seconds:.2f}" for name, seconds in own.items())
            + f" s; features {held / 1e6:.0f} MB, fetched by other workers {moved / 1e6:.0f} MB",
            flush=True,
        )
    bound = passed + max(own.values(), default=0.0)
    print(
        f"two workers take {taken[2] / taken[1]:.2f} of one's time on {os.cpu_count()} cores; the pass and the longest "
        f"column alone are {bound:.2f} s"
    )


if __name__ == "__main__":
    main()
