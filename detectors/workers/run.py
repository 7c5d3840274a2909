"""A run: one comparison over one data set, as the works of its parts and what is known of them so far."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from detectors.comparison import comparison as steps
from detectors.comparison.comparison import Comparison, Pictures
from detectors.datasets.sources import Source
from detectors.errors import Sentence
from detectors.result import Column, Failure, Result
from detectors.workers.work import Work

if TYPE_CHECKING:
    from detectors.workers.client import Compute

_FITTED = 0.95  # of a column's bar, where its figures are still to be measured
_ANSWERS = 16  # of a run that are kept for who asks the same next

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Stage:
    """How far one part of a run is: the features of a backbone, or one column.

    `sentence` says why it failed, or, while it is waited for, what it waits for beyond its turn; None where there is
    nothing to say.
    """

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
        self._works: dict[str, Work] = {}
        self._result: tuple[int, bool, Result] | None = None  # with how many columns and whether it is final
        self._measured: dict[str, Work] = {}
        self._answers: OrderedDict[Hashable, Work] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The parts in the order they run: data, features per backbone, columns."""
        shown = (item for item in self._works.items() if not item[0].startswith(("recipe", "versions", "column:")))
        stages = [self._part(name, work) for name, work in shown]
        waiting = next((i for i, stage in enumerate(stages) if stage.state == "waiting"), None)
        if waiting is not None and stages[waiting].sentence is None and self._compute._behind_others(self):
            stages[waiting] = replace(stages[waiting], sentence=_behind_others())
        return tuple(stages)

    def _part(self, name: str, work: Work) -> Stage:
        """Return how far a part is; a column whose detector is fitted has its figures still to be measured."""
        column = self._works.get(name.replace("fit:", "column:"), work)
        if work.status != "finished" or column.status == "finished":
            return self._compute._stage(name, work, self.cancelled)
        stage = self._compute._stage(name, column, self.cancelled)
        at_it = stage.state in ("waiting", "running")
        return replace(stage, state="running", done=_FITTED, stage="measuring") if at_it else stage

    @property
    def state(self) -> State:
        """Where the run as a whole is; "failed" only when nothing at all succeeded."""
        if self.cancelled:
            return "cancelled"
        states = [work.status for name, work in self._works.items() if name.startswith("column:")]
        if "pending" in states or self._works["versions"].status == "pending":
            return "running"
        return "done" if "finished" in states else "failed"

    @property
    def broken(self) -> bool:
        """Whether starting it again would do something: it was cancelled, or a part of it failed."""
        return self.cancelled or any(work.status in ("error", "cancelled") for work in self._works.values())

    def columns(self) -> tuple[Column, ...]:
        """Return the columns that are there, in the order asked for; cheap to call again and again."""
        works = (work for name, work in self._works.items() if name.startswith("column:"))
        return tuple(work.result() for work in works if work.status == "finished")

    def pictures(self) -> Pictures | None:
        """Return the pictures as the backbone sees them, or None before they are there."""
        return _brought(self._works["pictures"])

    def result(self) -> Result | None:
        """Return what is known so far as a `Result`, at first the pictures alone, or None before these are there."""
        final = self.state in ("done", "failed", "cancelled")
        columns, pictures, recipe = self.columns(), self.pictures(), _brought(self._works["recipe"])
        if pictures is None or recipe is None:
            return None
        if self._result is not None and self._result[:2] == (len(columns), final):
            return self._result[2]
        failures = [
            Failure(stage.key, *halves(stage.key), stage.sentence)
            for stage in self.stages
            if stage.state == "failed" and stage.sentence is not None and "/" in stage.key
        ]
        experiment = {"data": recipe, **asdict(self.comparison)}
        result = steps.assemble(pictures, columns, failures, experiment, _brought(self._works["versions"]) or {})
        self._result = (len(columns), final, result)
        return result

    def ask(self, function: Callable[..., Any], key: str, *args: Any) -> Work:
        """Run `function(detector, stores, pictures, *args)` beside the fitted detector of a column; soon, before fits.

        The work's `result` waits and raises the `Refusal` with which the function refused.
        """
        return self._compute._ask(function, self, key, args)

    def ask_all(self, function: Callable[..., Any], *args: Any) -> Work:
        """Run `function(bench, *args)` beside the fitted detectors of all finished columns; soon, before fits.

        The work's `result` waits and raises the `Refusal` with which the function refused.
        """
        return self._compute._ask_all(function, self, args)

    def shared(self, function: Callable[..., Any], *args: Any, column: str | None = None) -> Work:
        """Do as `ask` with a column and `ask_all` without one, once for all who ask the same.

        The last answers are kept: a class that opens a page sees the same place of the same picture. Arrays among the
        arguments are somebody's own, and what is asked about them is asked anew.
        """

        def begin() -> Work:
            return self.ask_all(function, *args) if column is None else self.ask(function, column, *args)

        there = tuple(each.key for each in self.columns()) if column is None else ()
        asked = (function, args, column, there)
        try:
            hash(asked)
        except TypeError:
            return begin()
        with self._lock:
            work = self._answers.pop(asked, None)
            if work is None or work.status in ("error", "cancelled"):
                work = begin()
            self._answers[asked] = work
            while len(self._answers) > _ANSWERS:
                self._answers.popitem(last=False)
            return work

    def measure(self, function: Callable[..., Any], *columns: str) -> Work:
        """Start `function(pictures, *columns)` on finished columns, once for all who ask."""
        works = [self._works[f"column:{key}"] for key in columns]
        key = digest("measure", function.__module__, function.__qualname__, [work.key for work in works])
        if key not in self._measured or self._measured[key].status == "error":
            pictures = self._works["pictures"]
            self._measured[key] = self._compute.works.submit(key, function, pictures, *works, priority=3)
        return self._measured[key]

    def begin(self, function: Callable[..., Any], backbone: str, *args: Any) -> Work:
        """Start `function(comparison, stores, pictures, progress, *args)` on a backbone's features, behind the fits.

        Equal work runs once; it goes on while somebody holds it.
        """
        return self._compute._begin(function, self, backbone, args)

    def begin_all(self, function: Callable[..., Any], *args: Any) -> Work:
        """Start `function(bench, progress, *args)` beside all finished columns, behind the fits; else as `begin`."""
        return self._compute._begin_all(function, self, args)

    def cancel(self) -> None:
        """Stop within two seconds; what is finished stays."""
        self.cancelled = True
        self._compute._cancel(self)


def digest(kind: str, *parts: Any) -> str:
    """Return a key that changes whenever one of the parts does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def halves(column: str) -> tuple[str, str]:
    """Split "patchcore/scattering" into the method and the backbone."""
    method, _, backbone = column.partition("/")
    return method, backbone


def _behind_others() -> Sentence:
    return Sentence("compute.queued", "The server is working on other runs; this one goes on when it is its turn.")


def _brought(work: Work) -> Any:
    """Return a work's result, None before it is here and where it ended without."""
    return work.result() if work.status == "finished" else None
