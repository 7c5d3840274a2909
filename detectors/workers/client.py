"""The pages' way to the workers: submits the parts of runs, hears how far they are, cancels and forgets them."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from dask.utils import parse_bytes
from distributed.system import memory_limit

from detectors.comparison.comparison import Comparison
from detectors.comparison.forecast import forecast
from detectors.datasets.files.contents import Resting, Segmented
from detectors.datasets.sources import EditedSource, Source, UploadSource
from detectors.errors import Sentence
from detectors.features import closer
from detectors.features.weights import BACKBONES
from detectors.methods import METHODS
from detectors.queries.overview import overview
from detectors.result import column_key
from detectors.workers import tasks
from detectors.workers.connection import Connection
from detectors.workers.failures import sentence
from detectors.workers.run import Run, Stage, digest, halves
from detectors.workers.supervisor import Supervisor
from detectors.workers.work import MOST_REDONE, Work, Works

_STEP_SECONDS = 0.1
_CANCEL_SECONDS = 2.0
_KEPT_RUNS = 6  # that nobody looks at any more
_CROWDED = 0.5  # of a worker's memory, beyond which none of these is kept


class Compute:
    """The way to the workers; one per server process. It never waits for them to start, and never gives them up.

    Args:
        address: of a running Dask scheduler ("tcp://host:8786"); None starts workers on this machine, one per
            graphics card, else one.
        memory: limit per worker ("6GB"); a worker that exceeds it is ended and only the task that was too big fails.
            None leaves it to the machine; see `Supervisor`.
        supervisor: of workers that have been started already, instead of others.
    """

    def __init__(
        self, address: str | None = None, memory: str | None = None, supervisor: Supervisor | None = None
    ) -> None:
        address = address or os.environ.get("ODD_SCHEDULER")
        self.supervisor = None if address else supervisor or Supervisor(memory)
        given = memory or os.environ.get("ODD_WORKER_MEMORY")
        elsewhere = parse_bytes(given) if given else memory_limit()
        self.memory = elsewhere if self.supervisor is None else self.supervisor.memory
        self.works = Works(self.memory, ours=self.supervisor is not None)
        self._connection = Connection(self._place, address, tasks.TOPIC, self._hear)
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._stopping: dict[str, float] = {}  # until when a cancelled task may take to stop
        self._versions: dict[str | None, Work] = {}
        self._calls = itertools.count()
        self._lock = threading.RLock()
        self._closing = False
        self._address = address
        self._thread = threading.Thread(target=self._keep_going, name="compute", daemon=True)
        self._thread.start()
        if self.supervisor is not None:
            self.supervisor.died = self.works.mourn
            self.supervisor.start()

    @property
    def trouble(self) -> Sentence | None:
        """Why no work is done at present, None while all is well."""
        said = self.supervisor.trouble if self.supervisor else None
        return said or self._connection.trouble

    def start(self, comparison: Comparison, source: Source, session: str = "", before: Run | None = None) -> Run:
        """Start a run, join the one that is under way, or return the finished one.

        Of a run `before` with the same comparison over pictures of the same base, features and fits are kept where the
        same pictures are seen and learnt.
        """
        key = digest("run", source.key, asdict(comparison))
        with self._lock:
            run = self._runs.get(key)
            if run is None or run.broken:
                run = self._runs[key] = self._submit(key, comparison, source, before)
            self._runs.move_to_end(key)
            run.sessions.add(session)
            return run

    def find(self, comparison: Comparison, source: Source) -> Run | None:
        """Return the run of these choices when somebody has started it."""
        return self._runs.get(digest("run", source.key, asdict(comparison)))

    def leave(self, run: Run, session: str) -> None:
        """Say that a session no longer wants a run; the last one to leave cancels it, and takes its own pictures along.

        A run of the built-in pictures is kept for whoever asks next; nobody else may ask for a person's own ones.
        """
        with self._lock:
            run.sessions.discard(session)
            if run.sessions:
                return
            if run.state == "running":
                run.cancel()
            base = run.source.base if isinstance(run.source, EditedSource) else run.source
            if isinstance(base, UploadSource) and self._runs.get(run.key) is run:
                del self._runs[run.key]

    def data(self, source: Source) -> Work:
        """Return the work that makes a source's `Dataset`, which stays in the workers."""
        key = digest("data", source.key)
        if self.supervisor is None:
            source = _carried(source)  # workers elsewhere do not see this machine's disk
        kinds = {"stays": True, "brings": False, "priority": 5}
        if isinstance(source, EditedSource):
            return self.works.submit(key, tasks.edit, source, self.data(source.base), **kinds)
        return self.works.submit(key, tasks.load, source, **kinds)

    def keep(self, content: Resting | Segmented) -> Work | None:
        """Return the work that brings a file to the kept side; None where workers do not see this machine's disk."""
        if self.supervisor is None:
            return None
        return self.works.submit(digest("keep", *map(str, content.paths)), tasks.keep, content, priority=6)

    def decoded(self, source: Source) -> float:
        """Return the share of a source's pictures that are decoded so far."""
        work = self.works.find(digest("data", source.key))
        return work.report.done if work and work.report else 0.0

    def overview(self, source: Source) -> Work:
        """Return the work that brings a source's `Overview`."""
        return self.works.submit(digest("overview", source.key), overview, self.data(source), priority=5)

    def measure(self, comparison: Comparison, name: str, source: Source) -> Work:
        """Return the work that brings a `MeasuredSet`, one set after the other; who lets go of it stops it."""
        key = digest("measured", source.key, asdict(comparison))
        given = _carried(source) if self.supervisor is None else source
        return self.works.submit(key, tasks.measured, comparison, name, given, fits=True, priority=-2)

    def later(self, key: str, function: Callable[..., Any], *args: Any, priority: int = 5) -> Work:
        """Return other work, the same for all who ask with the same key."""
        return self.works.submit(digest(function.__name__, key), function, *args, priority=priority)

    def standing(self, work: Work) -> Stage:
        """Return how far something that was begun is."""
        return self._stage(work.key, work, False)

    def waits_for(self, work: Work) -> Sentence:
        """Say why a work that is not finished takes its time."""
        again = self._again(work)
        if self.trouble or again:
            return self.trouble or again  # type: ignore[return-value]
        return Sentence("compute.busy", "The worker is at it, or has other work to finish first.")

    def call(self, function: Callable[..., Any], *args: Any, priority: int = 10) -> Any:
        """Run a function in a worker and wait for what it returns; works among the arguments are resolved there."""
        return self._called(function, *args, priority=priority).result()

    def forecast(self, comparison: Comparison, learnt: int, total: int) -> Work:
        """Return the work that brings a run's `Forecast` for so many pictures to learn from and in all."""
        asked = (asdict(comparison), learnt, total, self.memory)
        return self.works.submit(
            digest("forecast", asked), forecast, comparison, learnt, total, self.memory, priority=8
        )

    def weights(self, backbone: str, minute: int) -> Work:
        """Return the work that brings `WeightsState`s at some minute, the backbone's among them, in 3 seconds at most.

        All listed backbones are asked about at once.
        """
        listed = any(backbone == known.name for known in BACKBONES)
        key = digest("weights", "" if listed else backbone, minute)
        return self.works.submit(key, tasks.weights, None if listed else backbone, priority=8)

    def versions(self, device: str | None = None) -> Work:
        """Return the work that brings the versions that the workers run."""
        self._versions[device] = self.works.submit(digest("versions", device), tasks.versions, device)
        return self._versions[device]

    def close(self) -> None:
        """Stop the workers that were started here."""
        self._closing = True
        self.works.changed.set()
        self._thread.join()
        self._connection.close()
        if self.supervisor is not None:
            self.supervisor.close()

    def _place(self) -> Any:
        return (self._address, None) if self.supervisor is None else self.supervisor.place

    def _keep_going(self) -> None:
        """Keep the connection up and the works on their way, until the end."""
        while not self._closing:
            self.works.changed.wait(_STEP_SECONDS)
            self.works.changed.clear()
            try:
                client = self._connection.keep()
                self.works.step(client, None if self.supervisor else self._connection.groups)
                self._enforce()
                self._drop_old_runs()
            except Exception:  # whatever it was, the next step begins with what there is
                logging.getLogger(__name__).exception("A step of the work failed and is taken again")

    def _submit(self, key: str, comparison: Comparison, source: Source, before: Run | None = None) -> Run:
        run = Run(key, comparison, source, self)
        kept = _finished(before) if before is not None and _kin(before, comparison, source) else {}
        submit, works = self.works.submit, run._works
        prepared = (asdict(comparison.preprocessing), comparison.held_out, comparison.seed)
        pictures_key = digest("pictures", source.key, prepared)
        data = works["data"] = self.data(source)
        works["versions"] = self.versions(comparison.device)
        works["recipe"] = submit(digest("recipe", source.key), tasks.recipe, data, priority=5)
        pictures = works["pictures"] = submit(pictures_key, tasks.prepare, comparison, data, stays=True, priority=6)
        for name in comparison.backbones:
            backbone = (name, comparison.weights_of(name), comparison.device, comparison.seed)
            stores_key = digest("stores", pictures_key, backbone)
            given = [data if closer.split(name)[1] > 1 else None]
            spared = [kept[f"stores:{name}"]] if f"stores:{name}" in kept else []
            stores = works[f"stores:{name}"] = submit(
                stores_key, tasks.extract, comparison, name, pictures, *given, *spared,
                stays=True, brings=False, fits=True, spares=len(spared),
            )  # fmt: skip
            # Who has no map is there at once, so first; over several workers the costlier ones, listed last, go first.
            in_turn = sorted(comparison.methods, key=lambda method: METHODS[method].has_map)
            if self.supervisor is None:
                in_turn.reverse()
            for method in comparison.methods:
                label = column_key(method, name)
                settings = (method, comparison.preset, comparison.settings.get(method, {}), comparison.seed)
                fit_key = digest("fit", stores_key, settings)
                spared = [kept["pictures"], kept[f"fit:{label}"]] if {"pictures", f"fit:{label}"} <= kept.keys() else []
                turn = -in_turn.index(method)
                fitted = works[f"fit:{label}"] = submit(
                    fit_key, tasks.fit, comparison, method, stores, pictures, *spared,
                    stays=True, brings=False, fits=True, priority=turn, spares=len(spared),
                )  # fmt: skip
                works[f"column:{label}"] = submit(  # in the same turn: Dask moves up what somebody waits for
                    digest("column", fit_key), tasks.column, fitted, pictures, stays=True, priority=turn
                )
        return run

    def _stage(self, name: str, work: Work, cancelled: bool) -> Stage:
        key, report, error = name.removeprefix("fit:"), work.report, work.exception()
        if work.status == "finished":
            return Stage(key, "done", 1.0)
        if work.status == "cancelled" or cancelled:
            return Stage(key, "cancelled")
        if error is not None:
            return Stage(key, "failed", sentence=sentence(error))
        again = self._again(work)
        if report is None:
            return Stage(key, "running" if self._at_work([work]) else "waiting", sentence=again)
        spent = time.monotonic() - report.started
        left = spent * (1 / report.done - 1) if report.done > 0.05 else None
        return Stage(key, "running", report.done, report.stage, left, report.numbers, again)

    def _at_work(self, works: Iterable[Work]) -> bool:
        """Whether a worker of this machine is doing one of the works at this moment."""
        return self.supervisor is not None and any(self.supervisor.runs(task) for task in self.works.attempts(works))

    def _behind_others(self, run: Run) -> bool:
        """Whether a worker of this machine does the work of other runs before this one's."""
        if self.supervisor is None or self._at_work(run._works.values()):
            return False
        others = [other for other in self._runs.values() if other is not run]
        return self._at_work(work for other in others for work in other._works.values())

    def _again(self, work: Work) -> Sentence | None:
        if not work.deaths:
            return None
        return Sentence(
            "compute.again",
            "The worker stopped while doing this; it is done again by itself, {n} of at most {most} times.",
            n=work.deaths,
            most=MOST_REDONE,
        )

    def _hear(self, event: tuple[float, Any]) -> None:
        _, said = event
        self.works.report(said["key"], said["done"], said["stage"], said["numbers"])

    def _called(self, function: Callable[..., Any], *args: Any, priority: int = 10) -> Work:
        key = f"call-{function.__name__}-{next(self._calls)}"
        return self.works.submit(key, function, *args, priority=priority, answers=True)

    def _ask(self, function: Callable[..., Any], run: Run, key: str, args: Sequence[Any]) -> Work:
        works = run._works
        fitted, stores, pictures = works[f"fit:{key}"], works[f"stores:{halves(key)[1]}"], works["pictures"]
        return self._called(tasks.beside, function, fitted, stores, pictures, *args)

    def _ask_all(self, function: Callable[..., Any], run: Run, args: Sequence[Any]) -> Work:
        return self._called(tasks.beside_all, function, *self._bench(run), *args)

    def _begin_all(self, function: Callable[..., Any], run: Run, args: Sequence[Any]) -> Work:
        bench = self._bench(run)
        key = digest("begun", f"{function.__module__}.{function.__qualname__}", bench[2], args)
        return self.works.submit(key, tasks.on_all, function, *bench, *args, fits=True, priority=-1)

    def _bench(self, run: Run) -> tuple[Any, ...]:
        """Return what `tasks.beside_all` makes a bench of: the finished columns with their detectors and features."""
        works = run._works
        keys = [name[7:] for name, work in works.items() if name[:7] == "column:" and work.status == "finished"]
        fitted = [works[f"fit:{key}"] for key in keys]
        stores = [works[f"stores:{halves(key)[1]}"] for key in keys]
        tokens = [work.key for work in fitted]
        return run.comparison, works["pictures"], tokens, len(keys), *fitted, *stores

    def _begin(self, function: Callable[..., Any], run: Run, backbone: str, args: Sequence[Any]) -> Work:
        stores, pictures, own = run._works[f"stores:{backbone}"], run._works["pictures"], run.comparison
        settings = (own.preset, own.settings, own.seed, own.device)
        key = digest("begun", f"{function.__module__}.{function.__qualname__}", stores.key, settings, args)
        return self.works.submit(key, tasks.on_features, function, own, stores, pictures, *args, fits=True, priority=-1)

    def _cancel(self, run: Run) -> None:
        """Stop what only this run wants; what is finished stays."""
        with self._lock:
            others = [other for other in self._runs.values() if other is not run and not other.cancelled]
            shared = {work.key for other in others for work in other._works.values()} | {
                work.key for work in self._versions.values()
            }
            until = time.monotonic() + _CANCEL_SECONDS
            mine = [work for work in run._works.values() if work.key not in shared]
            self._stopping |= dict.fromkeys(self.works.cancel(mine), until)

    def _enforce(self) -> None:
        """End the workers that are still at cancelled tasks after the time allowed; bystanders are done again."""
        for task, until in list(self._stopping.items()):
            if self.supervisor is None or not self.supervisor.runs(task):
                if time.monotonic() > until:
                    del self._stopping[task]
            elif time.monotonic() > until:
                del self._stopping[task]
                self.supervisor.end(task)

    def _drop_old_runs(self) -> None:
        """Let go of runs that nobody looks at, those that were wanted longest ago first."""
        crowded = self.supervisor is not None and self.supervisor.fullness > _CROWDED
        with self._lock:
            unwanted = [key for key, run in self._runs.items() if not run.sessions and run.state != "running"]
            for key in unwanted if crowded else unwanted[:-_KEPT_RUNS]:
                del self._runs[key]


def _kin(before: Run, comparison: Comparison, source: Source) -> bool:
    """Say whether a run looks in the same way at pictures of the same base."""
    keys = [each.base.key if isinstance(each, EditedSource) else each.key for each in (before.source, source)]
    return before.comparison == comparison and keys[0] == keys[1]


def _finished(run: Run) -> dict[str, Work]:
    """Return the works of a run that are there."""
    return {name: work for name, work in run._works.items() if work.status == "finished"}


def _carried(source: Source) -> Source:
    if isinstance(source, EditedSource):
        return replace(source, base=_carried(source.base))  # type: ignore[arg-type]
    return source.carried() if isinstance(source, UploadSource) else source
