"""One process of the workers: `python -m detectors.workers.process scheduler` or `... worker`.

It reads one line of JSON, serves, tells the process that started it how it is by lines of JSON, and ends when its input
is closed: when that process goes, by whatever way, nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from detectors.workers import given_back, journal
from detectors.workers.timeline import moment

_CONFIG = {
    # What its worker took down with it is done again by itself, however often; `work` counts and decides when to stop.
    "distributed.scheduler.allowed-failures": 1_000_000,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-ttl": None,  # the supervisor sees a worker end; a busy one is not gone
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.admin.low-level-log-length": 100,
}
_BEHIND = 5  # steps that people who look at pages go before fits where both want the same core
_COMMON: dict[str, Any] = {"protocol": "tls://", "host": "127.0.0.1"}


def main(role: str) -> None:
    """Serve as the scheduler or as a worker until the input is closed."""
    tell = journal.begin()
    moment(role, "begins")
    if hasattr(os, "nice"):
        os.nice(_BEHIND)
    warming = threading.Thread(target=_warm, daemon=True)
    if role == "worker":
        warming.start()
    import dask
    import distributed  # noqa: F401 - while the keys are being made; it sets its own level of messages

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    dask.config.set(_CONFIG)
    moment(role, "Dask is imported")
    given = json.loads(sys.stdin.readline() or "null")
    if given is None:
        return
    if given.get("warm"):
        from detectors.workers import tasks

        tasks.hurry()
        warming.join()
    threading.Thread(target=_end_with_input, daemon=True).start()
    given_back.watch()
    serve: Callable[..., Coroutine[Any, Any, None]] = {"scheduler": _schedule, "worker": _work}[role]
    try:
        asyncio.run(serve(given, tell))
    except Exception as error:
        tell(failed=f"{type(error).__name__}: {error}")
    os._exit(0)  # threads of tasks that nobody waits for any more do not hold it up


def _warm() -> None:
    from detectors.workers import tasks

    tasks.warm()


async def _schedule(given: dict[str, Any], tell: Callable[..., None]) -> None:
    from distributed import Scheduler
    from distributed.security import Security

    security = Security(require_encryption=True, **given["keys"])
    async with Scheduler(security=security, dashboard=False, dashboard_address="127.0.0.1:0", **_COMMON) as scheduler:
        tell(address=scheduler.address)
        moment("scheduler", "serves")
        await scheduler.finished()


async def _work(given: dict[str, Any], tell: Callable[..., None]) -> None:
    from distributed import Worker
    from distributed.security import Security

    os.environ["ODD_WORKER_BYTES"] = str(given["memory"])  # what forecasts hold their estimates against
    security = Security(require_encryption=True, **given["keys"])
    worker = Worker(
        given["address"],
        name=given["name"],
        nthreads=4,  # one for fits, two for the rest, which need these resources, one that always answers a person
        memory_limit=given["memory"],
        resources={"fit": 1, "rest": 2},
        security=security,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        **_COMMON,
    )
    async with worker:
        tell(ready=True)
        moment("worker", "is connected")
        await worker.finished()


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
