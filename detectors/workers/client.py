"""The connection to the workers: submits the parts of runs, hears how far they are, cancels and forgets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dask.utils import parse_bytes
from distributed import Client, Event, Future, KilledWorker
from distributed.security import Security

from detectors.comparison import comparison as steps
from detectors.comparison.comparison import Comparison
from detectors.comparison.forecast import forecast
from detectors.datasets.sources import EditedSource, Source
from detectors.errors import Refusal
from detectors.features.weights import BACKBONES
from detectors.queries.overview import overview
from detectors.result import column_key
from detectors.workers import tasks
from detectors.workers.failures import killed, sentence, too_large
from detectors.workers.run import Run, Stage, digest, halves, key_of

STOPPING = "stopping"  # the name of the threads that see to it that cancelled tasks end
_CANCEL_SECONDS = 2.0
_KEPT_RUNS = 6  # that nobody looks at any more


@dataclass
class _Report:
    started: float
    done: float = 0.0
    stage: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


class Compute:
    """The connection to the workers; one per server process.

    Args:
        address: of a running Dask scheduler ("tcp://host:8786"); None starts workers on this machine, one per
            graphics card, else one.
        memory: limit per worker; a worker that exceeds it is killed and only its own task fails.
    """

    def __init__(self, address: str | None = None, memory: str | None = None) -> None:
        memory = memory or os.environ.get("ODD_WORKER_MEMORY", "6GB")
        address = address or os.environ.get("ODD_SCHEDULER")
        self._workers, security = None, None
        if address is None:
            self._workers, address, security = _start_workers(memory)
        self.memory = memory
        self.client = Client(address, security=security, set_as_default=False, name="odd-one-out")
        self.client.subscribe_topic(tasks.TOPIC, self._hear)
        self._resources = {"fit": 1} if self._workers else None
        self._reports: dict[str, _Report] = {}
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._results: dict[str, Any] = {}
        self._versions: dict[str | None, Future] = {}
        self._restarts = 0
        self._stopped: set[str] = set()  # keys of tasks that were told to stop
        self._lock = threading.RLock()
        self._warm = self.client.submit(tasks.warm, key="warm", pure=True)

    def start(self, comparison: Comparison, source: Source, session: str = "") -> Run:
        """Start a run, join the one that is under way, or return the finished one."""
        key = digest("run", source.key, asdict(comparison))
        with self._lock:
            run = self._runs.get(key)
            if run is not None and run.broken:
                self._clear(run)
                run = None
            if run is None:
                run = self._runs[key] = self._submit(key, comparison, source)
            self._runs.move_to_end(key)
            run.sessions.add(session)
            self._drop_old_runs()
            return run

    def find(self, comparison: Comparison, source: Source) -> Run | None:
        """Return the run of these choices when somebody has started it."""
        return self._runs.get(digest("run", source.key, asdict(comparison)))

    def leave(self, run: Run, session: str) -> None:
        """Say that a session no longer wants a run; the last one to leave cancels it."""
        with self._lock:
            run.sessions.discard(session)
            if not run.sessions and run.state == "running":
                run.cancel()

    def data(self, source: Source) -> Future:
        """Return the future of a source's `Dataset`, which stays in the workers."""
        key = digest("data", source.key)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")  # uploads travel with their task, so that
            if isinstance(source, EditedSource):  # a worker started anew can decode them again
                return self.client.submit(tasks.edit, source, self.data(source.base), key=key, priority=5)
            return self.client.submit(tasks.load, source, key, key=key, priority=5)

    def decoded(self, source: Source) -> float:
        """Return the share of a source's pictures that are decoded so far."""
        report = self._reports.get(digest("data", source.key))
        return report.done if report else 0.0

    def overview(self, source: Source) -> Future:
        """Return the future of a source's `Overview`."""
        return self.client.submit(overview, self.data(source), key=digest("overview", source.key), priority=5)

    def later(self, key: str, function: Callable[..., Any], *args: Any, priority: int = 5) -> Future:
        """Return the future of other work, once for all who ask with the same key."""
        return self.client.submit(function, *args, key=digest(function.__name__, key), priority=priority)

    def standing(self, future: Future) -> Stage:
        """Return how far something that was begun is."""
        return self._stage(key_of(future), future, False)

    def refusal(self, future: Future) -> Refusal:
        """Return why a task was refused or ended with its worker; anything else that failed it is raised."""
        error = future.exception()
        if isinstance(error, KilledWorker):
            return too_large(self.memory)
        if isinstance(error, Refusal):
            return error
        raise error

    def call(self, function: Callable[..., Any], *args: Any, priority: int = 10) -> Any:
        """Run a function in a worker and wait for what it returns; futures among the arguments are resolved there."""
        restarts = self._restarts
        try:
            return self.client.submit(function, *args, priority=priority, pure=False).result()
        except KilledWorker:
            if self._restarts > restarts:  # another task was being stopped: this one is not to blame
                return self.call(function, *args, priority=priority)
            raise too_large(self.memory) from None

    def forecast(self, comparison: Comparison, learnt: int, total: int) -> Future:
        """Return the future of a run's `Forecast` for so many pictures to learn from and in all."""
        budget = parse_bytes(self.memory)
        asked = (asdict(comparison), learnt, total, budget)
        return self.client.submit(
            forecast, comparison, learnt, total, budget, key=digest("forecast", asked), priority=8
        )

    def weights(self, backbone: str, minute: int) -> Future:
        """Return the future of `WeightsState`s at some minute, the backbone's among them; it takes 3 seconds at most.

        All listed backbones are asked about at once.
        """
        listed = any(backbone == known.name for known in BACKBONES)
        key = digest("weights", "" if listed else backbone, minute)
        return self.client.submit(tasks.weights, None if listed else backbone, key=key, priority=8)

    def versions(self, device: str | None = None, wait: bool = True) -> dict[str, str]:
        """Return the versions that the workers run; empty when they are not known yet and nobody wants to wait."""
        if device not in self._versions:
            self._versions[device] = self.client.submit(steps.versions, device, priority=10)
        future = self._versions[device]
        return future.result() if wait or future.status == "finished" else {}

    def close(self) -> None:
        """Stop the workers that were started here."""
        self.client.close()
        if self._workers is not None:
            self._workers.communicate(timeout=30)  # closes its input, which ends it

    def _submit(self, key: str, comparison: Comparison, source: Source) -> Run:
        run = Run(key, comparison, source, self)
        submit, futures = self.client.submit, run._futures
        prepared = (asdict(comparison.preprocessing), comparison.held_out, comparison.seed)
        futures["data"] = self.data(source)
        futures["recipe"] = submit(tasks.recipe, futures["data"], key=digest("recipe", source.key), priority=5)
        futures["pictures"] = submit(
            tasks.prepare, comparison, futures["data"], key=(pictures_key := digest("pictures", source.key, prepared))
        )
        for name in comparison.backbones:
            backbone = (name, comparison.weights.get(name), comparison.device, comparison.seed)
            stores_key = digest("stores", pictures_key, backbone)
            stores = futures[f"stores:{name}"] = submit(
                tasks.extract,
                comparison,
                name,
                futures["pictures"],
                stores_key,
                key=stores_key,
                resources=self._resources,
            )
            for place, method in enumerate(comparison.methods):
                label = column_key(method, name)
                settings = (method, comparison.preset, comparison.settings.get(method, {}), comparison.seed)
                fit_key = digest("fit", stores_key, settings)
                fitted = futures[f"fit:{label}"] = submit(
                    tasks.fit, comparison, method, stores, futures["pictures"], fit_key,
                    key=fit_key, resources=self._resources, priority=-place,
                )  # fmt: skip
                futures[f"column:{label}"] = submit(tasks.column, fitted, key=digest("column", fit_key), priority=5)
        return run

    def _stage(self, name: str, future: Future, cancelled: bool) -> Stage:
        key = name.removeprefix("fit:")
        report = self._reports.get(key_of(future))
        if future.status == "finished":
            return Stage(key, "done", 1.0)
        if future.status == "cancelled" or cancelled:
            return Stage(key, "cancelled")
        if future.status == "error":
            return Stage(key, "failed", sentence=sentence(future, self.memory))
        if report is None:
            return Stage(key, "waiting")
        spent = time.monotonic() - report.started
        left = spent * (1 / report.done - 1) if report.done > 0.05 else None
        return Stage(key, "running", report.done, report.stage, left, report.numbers)

    def _hear(self, event: tuple[float, Any]) -> None:
        _, message = event
        report = self._reports.setdefault(message["key"], _Report(time.monotonic()))
        report.done, report.stage, report.numbers = message["done"], message["stage"], message["numbers"]

    def _result_of(self, future: Future) -> Any:
        if key_of(future) not in self._results:
            self._results[key_of(future)] = future.result()
        return self._results[key_of(future)]

    def _ask(self, function: Callable[..., Any], run: Run, key: str, args: Sequence[Any]) -> Any:
        futures = run._futures
        fitted, stores, pictures = futures[f"fit:{key}"], futures[f"stores:{halves(key)[1]}"], futures["pictures"]
        return self.call(tasks.beside, function, fitted, stores, pictures, *args)

    def _ask_all(self, function: Callable[..., Any], run: Run, args: Sequence[Any]) -> Any:
        futures = run._futures
        keys = [name[4:] for name, future in futures.items() if name[:4] == "fit:" and future.status == "finished"]
        fitted = [futures[f"fit:{key}"] for key in keys]
        stores = [futures[f"stores:{halves(key)[1]}"] for key in keys]
        tokens = [key_of(future) for future in fitted]
        return self.call(
            tasks.beside_all, function, run.comparison, futures["pictures"], tokens, len(keys), *fitted, *stores, *args
        )

    def _begin(self, function: Callable[..., Any], run: Run, backbone: str, args: Sequence[Any]) -> Future:
        stores, pictures, own = run._futures[f"stores:{backbone}"], run._futures["pictures"], run.comparison
        settings = (own.preset, own.settings, own.seed, own.device)
        name = f"{function.__module__}.{function.__qualname__}"
        key = digest("begun", name, key_of(stores), settings, args)
        return self.client.submit(
            tasks.on_features,
            function,
            own,
            stores,
            pictures,
            key,
            *args,
            key=key,
            resources=self._resources,
            priority=-1,
        )

    def _cancel(self, run: Run) -> None:
        """Stop what only this run wants."""
        shared = {
            key_of(future)
            for other in self._runs.values()
            if other is not run and not other.cancelled
            for future in other._futures.values()
        }
        mine = [
            future for future in run._futures.values() if future.status == "pending" and key_of(future) not in shared
        ]
        for future in mine:
            self._stopped.add(key_of(future))
            Event(tasks.cancel_name(key_of(future)), client=self.client).set()
        threading.Thread(target=self._enforce, args=(mine,), name=STOPPING, daemon=True).start()

    def _enforce(self, futures: list[Future]) -> None:
        """Restart the workers that still run cancelled tasks after the time allowed; bystanders run again."""

        def unwanted() -> set[str]:  # less what somebody has asked for again in the meantime
            return {key_of(future) for future in futures} & self._stopped

        self._wait_for(unwanted)
        with self._lock:
            keys = unwanted()
            stuck = self._processing(keys)
            self._forget([future for future in futures if key_of(future) in keys])
        if stuck and self._workers:
            self._restarts += 1
            self.client.restart_workers(sorted(stuck), raise_for_error=False)
            kept = [future for run in self._runs.values() for future in run._futures.values()]
            self.client.retry([future for future in kept if killed(future)])

    def _clear(self, run: Run) -> None:
        """Let what was stopped end, and drop what failed, so that the same keys can be submitted anew."""
        futures = list(run._futures.values())
        stopped = self._stopped & {key_of(future) for future in futures}
        self._wait_for(lambda: stopped)
        self._stopped -= stopped
        ended = ("error", "cancelled")
        self._forget([future for future in futures if future.status in ended or key_of(future) in stopped])
        for key in stopped:
            Event(tasks.cancel_name(key), client=self.client).clear()

    def _wait_for(self, keys: Callable[[], set[str]]) -> None:
        """Wait until no worker runs the tasks any more, at most as long as stopping may take."""
        deadline = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < deadline and self._processing(keys()):
            time.sleep(0.1)

    def _forget(self, futures: list[Future]) -> None:
        """Drop tasks everywhere, so that the same keys can be submitted anew."""
        self.client.cancel(futures, force=True)
        for future in futures:
            self._reports.pop(key_of(future), None)

    def _processing(self, keys: set[str]) -> set[str]:
        """Return the addresses of the workers that run one of the tasks."""
        return {worker for worker, tasks in self.client.processing().items() if keys & {str(task) for task in tasks}}

    def _drop_old_runs(self) -> None:
        unwanted = [key for key, run in self._runs.items() if run.state != "running" and not run.sessions]
        for key in unwanted[:-_KEPT_RUNS]:
            gone = self._runs.pop(key)
            for future in (*gone._futures.values(), *gone._measured.values()):
                self._results.pop(key_of(future), None)


def _start_workers(memory: str) -> tuple[subprocess.Popen[str], str, Security]:
    """Start `detectors.workers.process` and return it with the address and the keys that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "detectors.workers.process", memory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), *sys.path]))},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("The workers did not start; see the messages above.")
    said = json.loads(line)
    return process, said["address"], Security(require_encryption=True, **said["keys"])
