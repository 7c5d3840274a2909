"""Where work runs: a Dask cluster on this machine, or the one whose address is given.

The process that shows pages never fits anything and never imports torch. It hands tasks to workers that can be killed.
Tasks are keyed by content, so equal work runs once whoever asks for it. Progress travels as events; cancelling is
cooperative and, where that takes too long, the worker is started anew: only what was asked for last is lost.
"""

from __future__ import annotations

import hashlib
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
from typing import Any, Literal

from dask.utils import parse_bytes
from distributed import Client, Event, Future, KilledWorker, get_worker
from distributed.security import Security

from detectors import comparison as steps
from detectors.comparison import Bench, Comparison, Fitted, Pictures, Stores, column_key
from detectors.datasets import Dataset
from detectors.errors import Cancelled, Refusal, Sentence, TooLarge
from detectors.overview import overview
from detectors.result import Column, Failure, Result
from detectors.sources import EditedSource, Source, UploadSource
from detectors.weights import BACKBONES, WeightsState, weights_state, weights_states

State = Literal["waiting", "running", "done", "failed", "cancelled"]

_TOPIC = "odd-one-out-progress"
_CANCEL_SECONDS = 2.0
_REPORT_SECONDS = 0.15
_KEPT_RUNS = 6  # that nobody looks at any more
_DOWNLOAD = 0.8  # of a backbone's bar, where its weights must be fetched first


@dataclass(frozen=True)
class Stage:
    """How far one part of a run is: the features of a backbone, or one column."""

    key: str
    state: State
    done: float = 0.0
    stage: str = ""
    seconds_left: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    sentence: Sentence | None = None


@dataclass
class _Report:
    started: float
    done: float = 0.0
    stage: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


class Run:
    """One comparison over one data set, shared by every session that asked for the same."""

    def __init__(self, key: str, comparison: Comparison, source: Source, compute: Compute) -> None:
        self.key = key
        self.comparison = comparison
        self.source = source
        self.sessions: set[str] = set()
        self.cancelled = False
        self._compute = compute
        self._futures: dict[str, Future] = {}
        self._columns: dict[str, Column] = {}
        self._result: tuple[int, bool, Result] | None = None  # with how many columns and whether it is final
        self._measured: dict[str, Future] = {}
        self._lock = threading.Lock()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The parts in the order they run: data, features per backbone, columns."""
        shown = (item for item in self._futures.items() if not item[0].startswith(("recipe", "column:")))
        return tuple(self._compute._stage(name, future, self.cancelled) for name, future in shown)

    @property
    def state(self) -> State:
        """Where the run as a whole is; "failed" only when nothing at all succeeded."""
        if self.cancelled:
            return "cancelled"
        states = [future.status for name, future in self._futures.items() if name.startswith("column:")]
        if any(status == "pending" for status in states):
            return "running"
        return "done" if "finished" in states else "failed"

    @property
    def broken(self) -> bool:
        """Whether starting it again would do something: it was cancelled, or a part of it failed."""
        return self.cancelled or any(
            future.status in ("error", "cancelled", "lost") for future in self._futures.values()
        )

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that are there, in the order asked for; cheap to call again and again."""
        with self._lock:
            for name, future in self._futures.items():
                if name.startswith("column:") and name not in self._columns and future.status == "finished":
                    self._columns[name] = future.result()
            return tuple(self._columns[name] for name in self._futures if name in self._columns)

    def pictures(self) -> Pictures | None:
        """Return the pictures as the backbone sees them, or None before they are there."""
        future = self._futures["pictures"]
        return self._compute._result_of(future) if future.status == "finished" else None

    def result(self) -> Result | None:
        """Return what is known so far as a `Result`, at first the pictures alone, or None before these are there."""
        final = self.state in ("done", "failed", "cancelled")
        columns, pictures = self.columns(), self.pictures()
        if pictures is None:
            return None
        if self._result is not None and self._result[:2] == (len(columns), final):
            return self._result[2]
        failures = [
            Failure(stage.key, *_halves(stage.key), stage.sentence)
            for stage in self.stages
            if stage.state == "failed" and stage.sentence is not None and "/" in stage.key
        ]
        experiment = {"data": self._compute._result_of(self._futures["recipe"]), **asdict(self.comparison)}
        versions = self._compute.versions(self.comparison.device, wait=final)
        result = steps.assemble(pictures, columns, failures, experiment, versions)
        self._result = (len(columns), final, result)
        return result

    def ask(self, function: Callable[..., Any], key: str, *args: Any) -> Any:
        """Run `function(detector, stores, pictures, *args)` beside the fitted detector of a column; soon, before fits.

        Raises:
            Refusal: what the function refused, or that the column is not there.
        """
        return self._compute._ask(function, self, key, args)

    def ask_all(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run `function(bench, *args)` beside the fitted detectors of all finished columns; soon, before fits.

        Raises:
            Refusal: what the function refused.
        """
        return self._compute._ask_all(function, self, args)

    def measure(self, function: Callable[..., Any], *columns: str) -> Any:
        """Return `function(pictures, *columns)` of finished columns, measured once in a worker; None until it is there.

        A `Sentence` where it failed.
        """
        futures = [self._futures[f"column:{key}"] for key in columns]
        key = _digest("measure", function.__module__, function.__qualname__, [_key(future) for future in futures])
        if key not in self._measured:
            pictures = self._futures["pictures"]
            self._measured[key] = self._compute.client.submit(function, pictures, *futures, key=key, priority=3)
        future = self._measured[key]
        if future.status == "finished":
            return self._compute._result_of(future)
        return _sentence(future, self._compute.memory) if future.status == "error" else None

    def begin(self, function: Callable[..., Any], backbone: str, *args: Any) -> Future:
        """Start `function(comparison, stores, pictures, progress, *args)` on a backbone's features, behind the fits.

        Equal work runs once; it goes on while somebody holds the future.
        """
        return self._compute._begin(function, self, backbone, args)

    def cancel(self) -> None:
        """Stop within two seconds; what is finished stays."""
        self.cancelled = True
        self._compute._cancel(self)


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
        self.client.subscribe_topic(_TOPIC, self._hear)
        self._resources = {"fit": 1} if self._workers else None
        self._reports: dict[str, _Report] = {}
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._results: dict[str, Any] = {}
        self._versions: dict[str | None, Future] = {}
        self._restarts = 0
        self._lock = threading.RLock()
        self._warm = self.client.submit(_warm, key="warm", pure=True)

    def start(self, comparison: Comparison, source: Source, session: str = "") -> Run:
        """Start a run, join the one that is under way, or return the finished one."""
        key = _digest("run", source.key, asdict(comparison))
        with self._lock:
            run = self._runs.get(key)
            if run is not None and run.broken:
                self._forget([future for future in run._futures.values() if future.status != "finished"])
                run = None
            if run is None:
                run = self._runs[key] = self._submit(key, comparison, source)
            self._runs.move_to_end(key)
            run.sessions.add(session)
            self._drop_old_runs()
            return run

    def find(self, comparison: Comparison, source: Source) -> Run | None:
        """Return the run of these choices when somebody has started it."""
        return self._runs.get(_digest("run", source.key, asdict(comparison)))

    def leave(self, run: Run, session: str) -> None:
        """Say that a session no longer wants a run; the last one to leave cancels it."""
        with self._lock:
            run.sessions.discard(session)
            if not run.sessions and run.state == "running":
                run.cancel()

    def data(self, source: Source) -> Future:
        """Return the future of a source's `Dataset`, which stays in the workers."""
        key = _digest("data", source.key)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")  # uploads travel with their task, so that
            if isinstance(source, EditedSource):  # a worker started anew can decode them again
                return self.client.submit(_edit, source, self.data(source.base), key=key, priority=5)
            return self.client.submit(_load, source, key, key=key, priority=5)

    def decoded(self, source: Source) -> float:
        """Return the share of a source's pictures that are decoded so far."""
        report = self._reports.get(_digest("data", source.key))
        return report.done if report else 0.0

    def overview(self, source: Source) -> Future:
        """Return the future of a source's `Overview`."""
        return self.client.submit(overview, self.data(source), key=_digest("overview", source.key), priority=5)

    def later(self, key: str, function: Callable[..., Any], *args: Any, priority: int = 5) -> Future:
        """Return the future of other work, once for all who ask with the same key."""
        return self.client.submit(function, *args, key=_digest(function.__name__, key), priority=priority)

    def standing(self, future: Future) -> Stage:
        """Return how far something that was begun is."""
        return self._stage(_key(future), future, False)

    def refusal(self, future: Future) -> Refusal:
        """Return why a task was refused or ended with its worker; anything else that failed it is raised."""
        error = future.exception()
        if isinstance(error, KilledWorker):
            return _too_large(self.memory)
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
            raise _too_large(self.memory) from None

    def forecast(self, comparison: Comparison, learnt: int, total: int) -> Future:
        """Return the future of a run's `Forecast` for so many pictures to learn from and in all."""
        budget = parse_bytes(self.memory)
        asked = (asdict(comparison), learnt, total, budget)
        return self.client.submit(
            steps.forecast, comparison, learnt, total, budget, key=_digest("forecast", asked), priority=8
        )

    def weights(self, backbone: str, minute: int) -> Future:
        """Return the future of `WeightsState`s at some minute, the backbone's among them; it takes 3 seconds at most.

        All listed backbones are asked about at once.
        """
        listed = any(backbone == known.name for known in BACKBONES)
        key = _digest("weights", "" if listed else backbone, minute)
        return self.client.submit(_weights, None if listed else backbone, key=key, priority=8)

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
        futures["recipe"] = submit(_recipe, futures["data"], key=_digest("recipe", source.key), priority=5)
        futures["pictures"] = submit(
            _prepare, comparison, futures["data"], key=(pictures_key := _digest("pictures", source.key, prepared))
        )
        for name in comparison.backbones:
            backbone = (name, comparison.weights.get(name), comparison.device, comparison.seed)
            stores_key = _digest("stores", pictures_key, backbone)
            stores = futures[f"stores:{name}"] = submit(
                _extract, comparison, name, futures["pictures"], stores_key, key=stores_key, resources=self._resources
            )
            for place, method in enumerate(comparison.methods):
                label = column_key(method, name)
                settings = (method, comparison.preset, comparison.settings.get(method, {}), comparison.seed)
                fit_key = _digest("fit", stores_key, settings)
                fitted = futures[f"fit:{label}"] = submit(
                    _fit, comparison, method, stores, futures["pictures"], fit_key,
                    key=fit_key, resources=self._resources, priority=-place,
                )  # fmt: skip
                futures[f"column:{label}"] = submit(_column, fitted, key=_digest("column", fit_key), priority=5)
        return run

    def _stage(self, name: str, future: Future, cancelled: bool) -> Stage:
        key = name.removeprefix("fit:")
        report = self._reports.get(_key(future))
        if future.status == "finished":
            return Stage(key, "done", 1.0)
        if future.status in ("cancelled", "lost") or cancelled:
            return Stage(key, "cancelled")
        if future.status == "error":
            return Stage(key, "failed", sentence=_sentence(future, self.memory))
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
        if _key(future) not in self._results:
            self._results[_key(future)] = future.result()
        return self._results[_key(future)]

    def _ask(self, function: Callable[..., Any], run: Run, key: str, args: Sequence[Any]) -> Any:
        futures = run._futures
        fitted, stores, pictures = futures[f"fit:{key}"], futures[f"stores:{_halves(key)[1]}"], futures["pictures"]
        return self.call(_beside, function, fitted, stores, pictures, *args)

    def _ask_all(self, function: Callable[..., Any], run: Run, args: Sequence[Any]) -> Any:
        futures = run._futures
        keys = [name[4:] for name, future in futures.items() if name[:4] == "fit:" and future.status == "finished"]
        fitted = [futures[f"fit:{key}"] for key in keys]
        stores = [futures[f"stores:{_halves(key)[1]}"] for key in keys]
        tokens = [_key(future) for future in fitted]
        return self.call(
            _beside_all, function, run.comparison, futures["pictures"], tokens, len(keys), *fitted, *stores, *args
        )

    def _begin(self, function: Callable[..., Any], run: Run, backbone: str, args: Sequence[Any]) -> Future:
        stores, pictures, own = run._futures[f"stores:{backbone}"], run._futures["pictures"], run.comparison
        settings = (own.preset, own.settings, own.seed, own.device)
        name = f"{function.__module__}.{function.__qualname__}"
        key = _digest("begun", name, _key(stores), settings, args)
        return self.client.submit(
            _on_features, function, own, stores, pictures, key, *args, key=key, resources=self._resources, priority=-1
        )

    def _cancel(self, run: Run) -> None:
        """Stop what only this run wants."""
        shared = {
            _key(future)
            for other in self._runs.values()
            if other is not run and not other.cancelled
            for future in other._futures.values()
        }
        mine = [future for future in run._futures.values() if future.status == "pending" and _key(future) not in shared]
        for future in mine:
            Event(_cancel_name(_key(future)), client=self.client).set()
        threading.Thread(target=self._enforce, args=(mine,), daemon=True).start()

    def _enforce(self, futures: list[Future]) -> None:
        """Restart the workers that still run cancelled tasks after the time allowed; bystanders run again."""
        keys = {_key(future) for future in futures}
        deadline = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < deadline and self._processing(keys):
            time.sleep(0.1)
        stuck = self._processing(keys)
        self._forget(futures)
        if stuck and self._workers:
            self._restarts += 1
            self.client.restart_workers(sorted(stuck), raise_for_error=False)
            self.client.retry(
                [future for run in self._runs.values() for future in run._futures.values() if _killed(future)]
            )
        for key in keys:
            Event(_cancel_name(key), client=self.client).clear()

    def _forget(self, futures: list[Future]) -> None:
        """Drop tasks everywhere, so that the same keys can be submitted anew."""
        self.client.cancel(futures, force=True)
        for future in futures:
            self._reports.pop(_key(future), None)

    def _processing(self, keys: set[str]) -> set[str]:
        """Return the addresses of the workers that run one of the tasks."""
        return {worker for worker, tasks in self.client.processing().items() if keys & {str(task) for task in tasks}}

    def _drop_old_runs(self) -> None:
        unwanted = [key for key, run in self._runs.items() if run.state != "running" and not run.sessions]
        for key in unwanted[:-_KEPT_RUNS]:
            gone = self._runs.pop(key)
            for future in (*gone._futures.values(), *gone._measured.values()):
                self._results.pop(_key(future), None)


def _start_workers(memory: str) -> tuple[subprocess.Popen[str], str, Security]:
    """Start `detectors.workers` and return it with the address and the keys that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "detectors.workers", memory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path]))},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("The workers did not start; see the messages above.")
    said = json.loads(line)
    return process, said["address"], Security(require_encryption=True, **said["keys"])


def _digest(kind: str, *parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _key(future: Future) -> str:
    return str(future.key)


def _halves(column: str) -> tuple[str, str]:
    method, _, backbone = column.partition("/")
    return method, backbone


def _cancel_name(key: str) -> str:
    return f"cancel-{key}"


def _killed(future: Future) -> bool:
    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def _too_large(memory: str) -> TooLarge:
    return TooLarge(
        "compute.killed",
        "This was too big for the server: its worker exceeded {memory} and was started anew. "
        "Use fewer pictures, a smaller size or the quick preset.",
        memory=memory,
    )


def _sentence(future: Future, memory: str) -> Sentence:
    """Say why a task failed."""
    error = future.exception()
    if isinstance(error, Refusal):
        return error.sentence
    if isinstance(error, KilledWorker):
        return _too_large(memory).sentence
    return Sentence(
        "compute.failed", "This failed for a reason that the program did not foresee: {error}.", error=error
    )


def _warm() -> None:
    """Import what the first run will need."""
    import torch

    from detectors.backbones import load_backbone
    from detectors.methods import METHODS, build

    load_backbone("scattering")(torch.zeros(1, 3, 224, 224))
    for method in METHODS:
        build(method)


def _reporter(key: str) -> Callable[..., None]:
    """Return a progress callback that reports to the client and raises `Cancelled` when the client says so."""
    worker, cancelled, last = get_worker(), Event(_cancel_name(key)), 0.0

    def report(done: float, stage: str = "", **numbers: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _REPORT_SECONDS:
            return
        last = now
        worker.log_event(_TOPIC, {"key": key, "done": done, "stage": stage, "numbers": numbers})
        if cancelled.is_set():
            raise Cancelled

    return report


def _weights(backbone: str | None) -> tuple[WeightsState, ...]:
    return weights_states() if backbone is None else (weights_state(backbone),)


def _load(source: Source, key: str) -> Dataset:
    return source.load(_reporter(key)) if isinstance(source, UploadSource) else source.load()


def _edit(source: EditedSource, base: Dataset) -> Dataset:
    return source.edit(base)


def _recipe(data: Dataset) -> dict[str, Any]:
    return data.recipe


def _prepare(comparison: Comparison, data: Dataset) -> Pictures:
    return comparison.prepare(data)


def _extract(comparison: Comparison, backbone: str, pictures: Pictures, key: str) -> Stores:
    report = _reporter(key)
    downloaded = 0.0

    def fetching(done: float, stage: str = "", **numbers: float) -> None:
        nonlocal downloaded
        downloaded = _DOWNLOAD
        report(_DOWNLOAD * done, stage, **numbers)

    def extracting(done: float, stage: str = "", **numbers: float) -> None:
        report(downloaded + (1 - downloaded) * done, stage, **numbers)

    return steps.extract(pictures, comparison.load(backbone, fetching), extracting)


def _fit(comparison: Comparison, method: str, stores: Stores, pictures: Pictures, key: str) -> tuple[Column, Any]:
    return steps.fit_and_score(comparison.detector(method, stores.backbone), stores, pictures, _reporter(key))


def _column(fitted: tuple[Column, Any]) -> Column:
    return fitted[0]


def _beside(
    function: Callable[..., Any], fitted: tuple[Column, Any], stores: Stores, pictures: Pictures, *args: Any
) -> Any:
    return function(fitted[1], stores, pictures, *args)


def _beside_all(
    function: Callable[..., Any], comparison: Comparison, pictures: Pictures, tokens: list[str], count: int, *rest: Any
) -> Any:
    columns, stores, args = rest[:count], rest[count : 2 * count], rest[2 * count :]
    parts = zip(columns, stores, tokens, strict=True)
    fitted = (Fitted(column, detector, store, token) for (column, detector), store, token in parts)
    return function(Bench(comparison, pictures, tuple(fitted)), *args)


def _on_features(
    function: Callable[..., Any], comparison: Comparison, stores: Stores, pictures: Pictures, key: str, *args: Any
) -> Any:
    return function(comparison, stores, pictures, _reporter(key), *args)
