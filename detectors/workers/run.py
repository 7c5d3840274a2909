"""A run: one comparison over one data set, as the futures of its parts and what is known of them so far."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from distributed import Future

from detectors.comparison import comparison as steps
from detectors.comparison.comparison import Comparison, Pictures
from detectors.datasets.sources import Source
from detectors.errors import Sentence
from detectors.result import Column, Failure, Result

if TYPE_CHECKING:
    from detectors.workers.client import Compute

State = Literal["waiting", "running", "done", "failed", "cancelled"]


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
        if any(status in ("pending", "lost") for status in states):  # what a worker lost is computed again
            return "running"
        return "done" if "finished" in states else "failed"

    @property
    def broken(self) -> bool:
        """Whether starting it again would do something: it was cancelled, or a part of it failed."""
        return self.cancelled or any(future.status in ("error", "cancelled") for future in self._futures.values())

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
            Failure(stage.key, *halves(stage.key), stage.sentence)
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

    def measure(self, function: Callable[..., Any], *columns: str) -> Future:
        """Start `function(pictures, *columns)` on finished columns, once for all who ask."""
        futures = [self._futures[f"column:{key}"] for key in columns]
        key = digest("measure", function.__module__, function.__qualname__, [key_of(future) for future in futures])
        if key not in self._measured:
            pictures = self._futures["pictures"]
            self._measured[key] = self._compute.client.submit(function, pictures, *futures, key=key, priority=3)
        return self._measured[key]

    def begin(self, function: Callable[..., Any], backbone: str, *args: Any) -> Future:
        """Start `function(comparison, stores, pictures, progress, *args)` on a backbone's features, behind the fits.

        Equal work runs once; it goes on while somebody holds the future.
        """
        return self._compute._begin(function, self, backbone, args)

    def cancel(self) -> None:
        """Stop within two seconds; what is finished stays."""
        self.cancelled = True
        self._compute._cancel(self)


def digest(kind: str, *parts: Any) -> str:
    """Return a key that changes whenever one of the parts does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def key_of(future: Future) -> str:
    """Return a future's key as text."""
    return str(future.key)


def halves(column: str) -> tuple[str, str]:
    """Split "patchcore/scattering" into the method and the backbone."""
    method, _, backbone = column.partition("/")
    return method, backbone
