"""All that pages ask of the workers goes through one object a session, `current()`; tests put another in its place."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from typing import Any
from weakref import WeakValueDictionary

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from detectors import report
from detectors.comparison.comparison import Comparison
from detectors.comparison.forecast import Forecast
from detectors.datasets.corrections import Corrected, Roles, roles
from detectors.datasets.files.contents import Resting, Segmented
from detectors.datasets.sources import DemoSource, EditedSource, Source, UploadSource
from detectors.errors import Refusal
from detectors.evaluation import thresholds
from detectors.features.weights import BUNDLED, WeightsState
from detectors.images import Preprocessing
from detectors.live import wire
from detectors.live.service import Ended, Live
from detectors.queries import export
from detectors.queries.overview import Overview
from detectors.result import Result
from detectors.workers import Compute, Run, Stage, Work
from detectors.workers.failures import sentence
from pages.frame import data, early, uploads
from pages.frame.downloads import Download, Downloads
from pages.frame.pinned import is_pinned, own
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.whereabouts import RANDOM, Known, missing
from pages.frame.words import language, say

NOBODY = "nobody"  # as whom a run is begun before anybody has come
_KEPT = 64  # answers of one session, those that were wanted last
_KEPT_SECONDS = 10.0  # for which frames of a camera are waited for
_SILENT_SECONDS = 2.0  # that a person waits without being told what for
GRACE_SECONDS = 30.0  # a tab that was only reloaded, or lost its network for a moment, keeps its run


class Answer:
    """What a worker was asked for, as far as it is; holding on to it keeps the worker at it."""

    def __init__(self, compute: Compute, work: Work) -> None:
        self._compute, self._work = compute, work
        self._value: Any = None

    @property
    def now(self) -> Any:
        """What the worker made, a `Refusal`, or None while it is at work; what has come once is not lost again."""
        if self._value is None and self._work.status == "finished":
            self._value = self._work.result()
        error = self._work.exception()
        if self._value is None and error is not None:
            said = sentence(error)
            self._value = error if isinstance(error, Refusal) else Refusal(said.key, said.english, **said.values)
        return self._value

    @property
    def pending(self) -> bool:
        """Whether the worker is still at it; asked often, so what it made is not fetched."""
        return self._value is None and self._work.status == "pending"

    @property
    def cancelled(self) -> bool:
        """Whether the work was stopped before it brought anything."""
        return self._value is None and self._work.status == "cancelled"

    @property
    def stage(self) -> Stage:
        """How far it is."""
        return self._compute.standing(self._work)


class Backend:
    """What one browser tab wants of the workers, and what it holds of them.

    Nothing here waits but `ask`, for what a person is looking at.

    Args:
        session: a name that no other tab has.

    Attributes:
        begins: whether the first run of a session starts by itself.
    """

    def __init__(self, session: str = "") -> None:
        self.begins = True
        self._session = session
        self._run: Run | None = None  # whose result this session sees
        self._asked = False  # whether it has begun one
        self._shared = False  # whether somebody else had
        self._begun: set[str] = set()  # runs that it asked for itself
        self._pinned: tuple[Run, Result] | None = None
        self._coming: Run | None = None  # that follows a correction; until it is there the one before is seen
        self._before: tuple[Run, Result] | None = None  # as it was before a correction
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._visitor = ""  # as whom it teaches by a camera

    @property
    def run_key(self) -> str:
        """The name of the run whose result this session sees; "" without one."""
        return "" if self._run is None else self._run.key

    def look(self, choices: Choices) -> tuple[Status, Result | None]:
        """Return how the work stands and what is known so far; starts the first run of a session if it `begins`."""
        status, result = self._standing(choices)
        _nobody_waits()
        return replace(status, trouble=_compute().trouble), result

    def _standing(self, choices: Choices) -> tuple[Status, Result | None]:
        source = data.source(choices)
        if source is None or not choices.methods:
            return Status(), None
        wanted = comparison(choices)
        found = _compute().find(wanted, source)
        if self._coming is not None and found is not self._coming:
            self._drop_coming()
        if self._run is None and not self._asked and self.begins:
            states = self._weights(choices).values()
            if found is None and (None in states or missing(states) or not self._begins_by_itself(source)):
                return self._estimated(Status(), wanted, choices), None
            self._begin(choices, source)
            return self._standing(choices)
        if found is not None and found is not self._run and found.state == "done":
            others = self._session not in found.sessions and found.key not in self._begun
            self._take(found, shared=others and not _own(source))
        if self._run is not None and self._coming is not None:
            return self._awaiting(self._coming, choices), self._run.result()
        current = self._run if self._run is not None and self._run is found else None
        shown = current or self._run
        if shown is None:
            return self._estimated(Status(), wanted, choices), None
        stale = current is None or current.cancelled
        state = {"cancelled": "idle", "waiting": "running"}.get(shown.state, shown.state) if current else "idle"
        sentences = [stage.sentence for stage in shown.stages if stage.state == "failed" and stage.sentence is not None]
        status = Status(
            state=state,  # type: ignore[arg-type]
            stages=shown.stages if current else (),
            stale=stale,
            other=stale and _plain(shown.source).key != _plain(source).key,
            shared=self._shared,
            sentence=sentences[0] if state == "failed" and sentences else None,
            counts=self._counts(choices, current),
        )
        estimated = self._estimated(status, wanted, choices) if stale or state == "failed" else status
        return estimated, shown.result()

    def run(self, choices: Choices) -> None:
        """Start the run of these choices, or join it."""
        source = data.source(choices)
        if source is None or not choices.methods or missing(self._weights(choices).values()):
            return
        wanted = comparison(choices)
        before = _compute().find(wanted, source)
        shared = before is not None and before.state == "done" and not before.sessions & {self._session, NOBODY}
        shared = shared and not _own(source)  # another tab of the same browser had it
        self._asked = True
        run = _compute().start(wanted, source, self._session, before=self._run)
        self._take(run, shared and run.key not in self._begun)
        self._begun.add(run.key)

    def refit(self, choices: Choices) -> None:
        """Start the run that follows a change of the pictures; the result that is shown stays until the other is there.

        After a correction features are kept, and what was learnt too where it is learnt again. The result is then
        `before`.
        """
        source = data.source(choices)
        if self._run is None or self._run.result() is None or source is None or not choices.methods:
            self.run(choices)
            return
        coming = _compute().start(comparison(choices), source, self._session, before=self._run)
        if coming is not self._run and coming is not self._coming:
            self._drop_coming()
            self._coming = coming

    @property
    def before(self) -> tuple[Source, Result] | None:
        """Pictures and result as they were before the last correction; None where what is shown follows none."""
        return None if self._before is None else (self._before[0].source, self._before[1])

    def keep_correction(self) -> None:
        """Let go of the result from before the last correction."""
        before, self._before = self._before, None
        self._let_go(before and before[0])

    def cancel(self) -> None:
        """Stop the run whose result this session sees or waits for, unless somebody else wants it too."""
        if self._coming is not None:
            self._drop_coming()
            return
        if self._run is not None:
            _compute().leave(self._run, self._session)
            if self._run.sessions:  # the others go on; this session sees what is there
                self._run = None

    @property
    def pinned(self) -> Result | None:
        """The result that is kept beside the present one."""
        return None if self._pinned is None else self._pinned[1]

    def pin(self) -> None:
        """Keep the result that this session sees beside those that follow; the one that was kept before is let go."""
        shown = None if self._run is None else self._run.result()
        if self._run is not None and shown is not None:
            before, self._pinned = self._pinned, (self._run, shown)
            self._let_go(before and before[0])

    def unpin(self) -> None:
        """Let go of the result that was kept."""
        before, self._pinned = self._pinned, None
        self._let_go(before and before[0])

    def weights(self, names: Iterable[str], random: bool = False) -> dict[str, WeightsState | None]:
        """Say of each backbone where its weights are; None while a worker finds out."""
        states = {}
        for name in names:
            drawn = random and name != BUNDLED
            states[name] = WeightsState(name, RANDOM) if drawn else _known().state(name)
        return states

    def overview(self, source: Source | None) -> Overview | Refusal | None:
        """Return a source's pictures at a glance, the reason why there are none, or None while they are made."""
        if source is None:
            return None
        return self._keep(f"overview {source.key}", partial(_compute().overview, source)).now

    def decoded(self, source: Source) -> float:
        """Return the share of a source's pictures that are decoded so far."""
        return _compute().decoded(source.base if isinstance(source, EditedSource) else source)

    def ask(self, query: Callable[..., Any], *arguments: Any, column: str | None = None) -> Any:
        """Run `query(bench, *arguments)` beside all finished columns and wait; None without a run.

        With a `column`, run `query(detector, stores, pictures, *arguments)` beside its fitted detector.

        Raises:
            Refusal: what the query refused.
        """
        if self._run is None:
            return None
        return _waited(self._run.shared(query, *arguments, column=column))

    def later(
        self,
        query: Callable[..., Any],
        *arguments: Any,
        key: str = "",
        columns: tuple[str, ...] = (),
        backbone: str | None = None,
        fitted: bool = False,
    ) -> Answer:
        """Have a worker run `query(*arguments)` and return its answer, which is the same whenever it is asked for.

        A `Source` among the arguments reaches the query as its `Dataset`.

        Args:
            query: a function that a worker can import.
            arguments: plain values.
            key: all that the answer depends on; the arguments say so themselves unless they are large.
            columns: finished columns: the query is run as `query(pictures, *columns)`.
            backbone: the query is run on its features as `query(comparison, stores, pictures, progress, *arguments)`;
                who lets go of the answer lets go of the work.
            fitted: the query is run beside all finished columns as `query(bench, progress, *arguments)`, and let go of
                in the same way.

        Columns and features are those of the run whose result this session sees.
        """
        run = self._run
        if fitted:
            assert run is not None, "detectors are a run's"
            return Answer(_compute(), run.begin_all(query, *arguments))
        if columns and self._pinned is not None and all(map(is_pinned, columns)):
            run, columns = self._pinned[0], tuple(map(own, columns))
        if backbone is not None:
            assert run is not None, "features are a run's"
            return Answer(_compute(), run.begin(query, backbone, *arguments))
        if columns:
            assert run is not None, "columns are a run's"
            return self._keep(f"{query.__name__} {run.key} {columns}", partial(run.measure, query, *columns))
        key = key or " ".join(each.key if isinstance(each, Source) else repr(each) for each in arguments)

        def begin() -> Any:
            given = [_compute().data(each) if isinstance(each, Source) else each for each in arguments]
            return _compute().later(key, query, *given)

        return self._keep(f"{query.__name__} {key}", begin)

    def measure(self, choices: Choices, sets: Iterable[tuple[str, Source]]) -> dict[str, Answer]:
        """Have each set measured with the same choices, one after the other; who lets go of an answer stops its work.

        Each answer is a `MeasuredSet`, by the set's name.
        """
        wanted = comparison(choices)
        return {name: Answer(_compute(), _compute().measure(wanted, name, source)) for name, source in sets}

    def finding_out(self, choices: Choices) -> bool:
        """Say whether something that the sidebar shows is still being found out."""
        asked = (answer for key, answer in self._kept.items() if key.startswith(("overview ", "forecast ")))
        return any(answer.pending for answer in asked) or None in self._weights(choices).values()

    def arrived(self) -> int:
        """Return how many of the answers that this session waits for are there; a page that shows them draws anew."""
        return sum(not answer.pending for answer in self._kept.values())

    def file(self, result: Result, kind: str, *options: Any) -> Download:
        """Return a file to download, made when it is wanted: "page", "archive" or "detector" of `queries.export`."""
        run, make = self._run, getattr(export, kind)

        def made() -> bytes:
            assert run is not None, "a result comes of a run"
            if kind == "detector":
                return run.ask_all(make, *options).result()
            keys = tuple(column.key for column in result.columns)
            return run.ask_all(export.made, export.bare(result), keys, make, *options).result()

        return Download(_downloads(), f"{kind} {report.identity(result)} {options}", made)

    def teach(self, choices: Choices) -> str:
        """Return a name that nobody can guess, under which this session's frames are learnt with these choices.

        Raises:
            Refusal: when the server takes no more visitors.
        """
        wanted = comparison(choices)
        plain = replace(wanted.preprocessing, crop="none", proportions="square")  # frames are square as they come
        chosen = replace(wanted, backbones=choices.backbones[:1], preset="quick", preprocessing=plain)
        name = self._visitor or secrets.token_urlsafe(32)
        teaching().welcome(name, chosen, choices.allowed, language())
        self._visitor = name
        return name

    def taught(self) -> tuple[bytes, ...]:
        """Return the frames that this session's camera is learnt from, as JPEG files; none where nobody says so."""
        if not self._visitor:
            return ()
        try:
            header, body = teaching().ask(self._visitor, "kept").result(_KEPT_SECONDS)
        except (Ended, TimeoutError):
            return ()
        return tuple(wire.parted(header["sizes"], body))

    def end(self) -> None:
        """Let go of everything, when the tab has been closed for a while."""
        if self._visitor:
            teaching().dismiss(self._visitor)
        self.unpin()
        self._drop_coming()
        self.keep_correction()
        run, self._run = self._run, None
        self._let_go(run)
        self._kept.clear()
        if run is not None and _own(run.source):
            _downloads().forget()

    def forget(self) -> None:
        """Let go of all that came of a person's own pictures; the next look begins as a new tab does."""
        names = ["upload "]
        if self._pinned is not None and _own(self._pinned[0].source):
            names.append(self._pinned[0].key)
            self.unpin()
        if self._before is not None and _own(self._before[0].source):
            names.append(self._before[0].key)
            self.keep_correction()
        if self._coming is not None and _own(self._coming.source):
            self._drop_coming()
        if self._run is not None and _own(self._run.source):
            names.append(self._run.key)
            run, self._run, self._asked = self._run, None, False
            self._let_go(run)
        for key in [key for key in self._kept if any(name in key for name in names)]:
            del self._kept[key]
        _downloads().forget()

    def _weights(self, choices: Choices) -> dict[str, WeightsState | None]:
        return self.weights(choices.backbones, choices.random_weights)

    def _take(self, taken: Run, shared: bool) -> None:
        """Show another run; the one before is left, unless the other follows a correction of it."""
        before, self._run, self._shared = self._run, taken, shared
        result = before.result() if before is not None and taken is self._coming else None
        earlier, self._before = self._before, None
        if before is not None and result is not None and _plain(before.source).key == _plain(taken.source).key:
            self._before = before, result
        self._coming = None
        taken.sessions.add(self._session)
        for left in (before, earlier and earlier[0]):
            self._let_go(left)

    def _begins_by_itself(self, source: Source) -> bool:
        """Whether the first run may begin unasked: of built-in pictures, and of own ones whose scores were seen.

        What is said of a picture before its score was seen is a label, so own ones that are new wait for a person.
        """
        if not _own(source):
            return True
        made = self.overview(_plain(source))
        if not isinstance(made, Overview):
            return made is not None  # the run says as well what is wrong
        return uploads.seen(picture.sha256 for picture in (*made.normal, *made.test))

    def _begin(self, choices: Choices, source: Source) -> None:
        """Start the first run, after a reload as one that follows the last correction where the one before is there."""
        self._asked = True
        wanted = comparison(choices)
        for before in data.earlier(choices):
            found = _compute().find(wanted, before) if _corrected(before) != _corrected(source) else None
            if found is not None and found.state == "done":
                self._take(found, shared=False)
                self.refit(choices)
                return
        self.run(choices)

    def _drop_coming(self) -> None:
        coming, self._coming = self._coming, None
        self._let_go(coming)

    def _awaiting(self, coming: Run, choices: Choices) -> Status:
        """Say how far the run is that follows a correction."""
        failed = [stage.sentence for stage in coming.stages if stage.state == "failed" and stage.sentence is not None]
        if coming.state == "failed":
            return Status("failed", coming.stages, stale=True, sentence=next(iter(failed), None))
        other = self._run is not None and _plain(self._run.source).key != _plain(coming.source).key
        counts = self._counts(choices, coming)
        return Status("running", coming.stages, stale=True, other=other, counts=counts)

    def _let_go(self, run: Run | None) -> None:
        """Leave a run unless it is shown, pinned, coming or kept from before a correction."""
        held = (self._run, self._coming, *(kept[0] for kept in (self._pinned, self._before) if kept is not None))
        if run is not None and not any(run is other for other in held):
            _compute().leave(run, self._session)

    def _keep(self, key: str, begin: Callable[[], Any]) -> Answer:
        """Begin a work once and hold on to its answer."""
        if key in self._kept and self._kept[key].cancelled:
            del self._kept[key]
        if key not in self._kept:
            while len(self._kept) >= _KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = Answer(_compute(), begin())
        self._kept.move_to_end(key)
        return self._kept[key]

    def _counts(self, choices: Choices, current: Run | None) -> tuple[int, int, int] | None:
        """Return how many pictures are learnt from, held out and tested, as soon as the pictures are known."""
        if current is not None and current.state != "failed":
            pictures = current.pictures()
            return None if pictures is None else (len(pictures.learnt), len(pictures.held_out), len(pictures.test))
        seen = self.overview(data.source(choices))
        if not isinstance(seen, Overview):
            return None
        used = _drawn(seen, data.source(choices), choices.seed)
        return len(used.learnt), len(used.held_out), len(used.test)

    def _estimated(self, status: Status, wanted: Comparison, choices: Choices) -> Status:
        """Add what a run of the present choices would cost, as soon as that is known, or why there can be none."""
        absent = missing(self._weights(choices).values())
        if absent is not None:
            status = replace(status, state="refused", sentence=absent.reason)
        counts = status.counts or self._counts(choices, None)
        if counts is None:
            return status
        learnt, held_out, test = counts
        seen = self.overview(data.source(choices)) if not learnt else None
        if isinstance(seen, Overview) and seen.refused is not None:
            return replace(status, counts=counts, state="refused", sentence=seen.refused)
        begin = partial(_compute().forecast, wanted, learnt, learnt + held_out + test)
        said: Forecast | Refusal | None = self._keep(f"forecast {wanted} {counts}", begin).now
        if isinstance(said, Refusal):
            return replace(status, counts=counts, state="refused", sentence=said.sentence)
        if said is None:
            return replace(status, counts=counts)
        state, sentence = status.state, status.sentence
        if said.refused and len(said.refused) == len(wanted.columns):
            state, sentence = "refused", next(iter(said.refused.values()))
        return replace(
            status, counts=counts, seconds=said.seconds, size=said.peak_bytes, state=state, sentence=sentence
        )


def current() -> Backend:
    """Return this session's backend."""
    context = get_script_run_ctx()
    name = context.session_id if context else ""
    return _open().get(name) or _of_session(name)


def forget(tabs: Iterable[str]) -> None:
    """Let go of what came of a person's own pictures in some of the tabs."""
    for tab in tabs:
        if (found := _open().get(tab)) is not None:
            found.forget()


def anticipate() -> None:
    """Begin the run with which the app opens, before anybody has come; who comes first for another one ends it."""
    choices = Choices()
    states = [_known().state(name) for name in choices.backbones]
    if None not in states and not missing(states):
        run = _compute().start(comparison(choices), DemoSource(choices.product), NOBODY)
        _anticipated().append(run)


def _nobody_waits() -> None:
    """Somebody has come: what nobody wanted by then is stopped."""
    while _anticipated():
        _compute().leave(_anticipated().pop(), NOBODY)


def comparison(choices: Choices) -> Comparison:
    """Say the choices in the engine's words."""
    return Comparison(
        methods=choices.methods,
        backbones=choices.looks,
        preset=choices.preset,
        settings={method: choices.settings_of(method) for method in choices.methods if choices.settings_of(method)},
        preprocessing=Preprocessing(
            size=choices.size,
            crop=choices.crop if choices.proportions == "square" else "none",  # type: ignore[arg-type]
            equalise=choices.equalise,
            proportions=choices.proportions,  # type: ignore[arg-type]
        ),
        seed=choices.seed,
        weights={name: "random" for name in choices.backbones if choices.random_weights and name != BUNDLED},
    )


@cache
def teaching() -> Live:
    """Return the way to the processes that learn from cameras and answer them; they start with the first visitor."""
    return Live()


def _drawn(seen: Overview, source: Source | None, seed: int) -> Roles:
    """Return what each picture will do in a run, as the engine will decide it."""
    learnt, held_out = thresholds.hold_out(len(seen.normal), seed=seed)
    corrected = source.corrected if isinstance(source, EditedSource) else ()
    test = [(picture.sha256, picture.base) for picture in seen.test]
    return roles([picture.sha256 for picture in seen.normal], test, learnt.tolist(), held_out.tolist(), corrected)


def keep(content: Resting | Segmented) -> Work | None:
    """Have a worker bring a file that has arrived to the kept side; None where workers do not see this disk."""
    return _compute().keep(content)


def _waited(work: Work) -> Any:
    """Return what a work brings; say on the page what a longer wait is for."""
    if not work.wait(_SILENT_SECONDS):
        place = st.empty()
        while not work.wait(1.0):
            place.caption(say(_compute().waits_for(work)))
        place.empty()
    return work.result()


def _release(backend: Backend) -> None:
    for name in [name for name, made in _open().items() if made is backend]:
        del _open()[name]  # a tab that comes back meanwhile gets another one
    timer = threading.Timer(GRACE_SECONDS, backend.end)
    timer.daemon = True
    timer.start()


def _plain(source: Source) -> DemoSource | UploadSource:
    return source.base if isinstance(source, EditedSource) else source


def _corrected(source: Source) -> Corrected:
    return source.corrected if isinstance(source, EditedSource) else ()


def _own(source: Source) -> bool:
    return isinstance(_plain(source), UploadSource)


@st.cache_resource(show_spinner=False, scope="session", on_release=_release)
def _of_session(name: str) -> Backend:
    _open()[name] = made = Backend(name)
    return made


@cache
def _open() -> WeakValueDictionary[str, Backend]:
    """Return the backends of all sessions that are open."""
    return WeakValueDictionary()


@cache
def _anticipated() -> list[Run]:
    """Return the run that was begun before anybody came, until somebody has."""
    return []


@cache
def _compute() -> Compute:
    """Return the workers' only connection."""
    return Compute(supervisor=early.supervisor())


@cache
def _known() -> Known:
    return Known(_compute().weights)


@cache
def _downloads() -> Downloads:
    return Downloads()
