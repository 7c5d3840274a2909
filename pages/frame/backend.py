"""What the pages ask of the workers; nothing here waits, except `answer` for what a person is looking at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from detectors import report
from detectors.comparison.comparison import Comparison
from detectors.comparison.forecast import Forecast
from detectors.datasets.sources import EditedSource, Source
from detectors.errors import Refusal
from detectors.evaluation import thresholds
from detectors.features.weights import BUNDLED, WeightsState
from detectors.images import Preprocessing
from detectors.queries import export
from detectors.queries.overview import Overview
from detectors.result import Result
from detectors.workers import Compute, Run, Work
from pages.frame import data
from pages.frame.downloads import Parcel, Parcels
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.weights import RANDOM, Known, missing
from pages.frame.words import say

_KEPT_FUTURES = 24
_SILENT_SECONDS = 2.0  # that a person waits without being told what for
GRACE_SECONDS = 30.0  # a tab that was only reloaded, or lost its network for a moment, keeps its run


@st.cache_resource(show_spinner=False)
def compute() -> Compute:
    """Return the workers' only connection."""
    return Compute()


def comparison(choices: Choices) -> Comparison:
    """Say the choices in the engine's words."""
    return Comparison(
        methods=choices.methods,
        backbones=choices.backbones,
        preset=choices.preset,
        settings={method: choices.settings_of(method) for method in choices.methods if choices.settings_of(method)},
        preprocessing=Preprocessing(size=choices.size, crop=choices.crop, equalise=choices.equalise),
        seed=choices.seed,
        weights={name: "random" for name in choices.backbones if choices.random_weights and name != BUNDLED},
    )


def look(choices: Choices) -> tuple[Status, Result | None]:
    """Return how the work stands and what is known so far; starts the first run of a session by itself."""
    status, result = _standing(choices)
    return replace(status, trouble=compute().trouble), result


def _standing(choices: Choices) -> tuple[Status, Result | None]:
    source = data.source(choices)
    if source is None or not choices.methods:
        return Status(), None
    session = _session()
    wanted = comparison(choices)
    found = compute().find(wanted, source)
    if session.run is None and not session.asked:
        states = weights(choices).values()
        if found is None and (None in states or missing(states)):
            return _estimated(Status(), wanted, choices), None
        session.asked = True
        return run(choices) or _standing(choices)
    if found is not None and found is not session.run and found.state == "done":
        session.take(found, shared=session.id not in found.sessions)
    current = session.run if session.run is not None and session.run is found else None
    shown = current or session.run
    if shown is None:
        return _estimated(Status(), wanted, choices), None
    stale = current is None or current.cancelled
    state = {"cancelled": "idle", "waiting": "running"}.get(shown.state, shown.state) if current else "idle"
    sentences = [stage.sentence for stage in shown.stages if stage.state == "failed" and stage.sentence is not None]
    status = Status(
        state=state,  # type: ignore[arg-type]
        stages=shown.stages if current else (),
        stale=stale,
        shared=session.shared,
        sentence=sentences[0] if state == "failed" and sentences else None,
        counts=_counts(choices, current),
    )
    return _estimated(status, wanted, choices) if stale else status, shown.result()


def run(choices: Choices) -> None:
    """Start the run of these choices, or join it."""
    source = data.source(choices)
    if source is None or not choices.methods or missing(weights(choices).values()):
        return
    session = _session()
    wanted = comparison(choices)
    before = compute().find(wanted, source)
    shared = before is not None and before.state == "done" and session.id not in before.sessions
    session.asked = True
    session.take(compute().start(wanted, source, session.id), shared)


def weights(choices: Choices) -> dict[str, WeightsState | None]:
    """Say of each chosen backbone where its weights are; None while a worker finds out."""
    return {name: weights_of(name, choices.random_weights) for name in choices.backbones}


def weights_of(name: str, random: bool = False) -> WeightsState | None:
    """Say of one backbone where its weights are."""
    if name == BUNDLED:
        return WeightsState(name, "bundled")
    return WeightsState(name, RANDOM) if random else _known().state(name)


@st.cache_resource(show_spinner=False)
def _known() -> Known:
    return Known(compute().weights)


def pending(choices: Choices) -> bool:
    """Say whether something that the sidebar shows is still being found out."""
    asked = (f for key, f in _session().futures.items() if key.startswith(("overview ", "forecast ")))
    return any(f.status == "pending" for f in asked) or None in weights(choices).values()


def cancel(choices: Choices) -> None:
    """Stop the run of these choices, unless somebody else wants it too."""
    session = _session()
    if session.run is not None:
        compute().leave(session.run, session.id)
        if session.run.sessions:  # the others go on; this session sees what is there
            session.run = None


def overview(choices: Choices) -> Overview | Refusal | None:
    """Return the chosen pictures at a glance, the reason why there are none, or None while they are made."""
    source = data.source(choices)
    return None if source is None else glance(source)


def glance(source: Source) -> Overview | Refusal | None:
    """Return a source's pictures at a glance, the reason why there are none, or None while they are made."""
    return _arrived(f"overview {source.key}", lambda: compute().overview(source))


def decoded(source: Source) -> float:
    """Return the share of a source's pictures that are decoded so far."""
    return compute().decoded(source.base if isinstance(source, EditedSource) else source)


def arrived() -> int:
    """Return how many of the answers that this session waits for are there; a page that shows them draws anew."""
    session = _session()
    return sum(key in session.answers or future.status != "pending" for key, future in session.futures.items())


def later(key: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a worker makes of the arguments, the `Refusal`, or None while it is at work.

    A `Source` among the arguments reaches the function as its `Dataset`. `key` says everything that the answer depends
    on; equal keys are worked on once.
    """

    def make() -> Any:
        given = [compute().data(each) if isinstance(each, Source) else each for each in arguments]
        return compute().later(key, function, *given)

    return _arrived(f"{function.__name__} {key}", make)


def _arrived(key: str, make: Callable[[], Any]) -> Any:
    """Return what a future has brought, once it has; a worker that is started anew takes nothing back."""
    session = _session()
    future = session.keep(key, make)
    if key not in session.answers:
        if future.status == "error":
            return compute().refusal(future)
        if future.status != "finished":
            return None
        session.answers[key] = future.result()
    return session.answers[key]


def answer(function: Callable[..., Any], key: str, *arguments: Any) -> Any:
    """Run `function(detector, stores, pictures, *arguments)` beside a fitted column and wait; None without a run.

    Raises:
        Refusal: what the function refused.
    """
    shown = _session().run
    return None if shown is None else _waited(shown.ask(function, key, *arguments))


def answer_all(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run `function(bench, *arguments)` beside all finished columns and wait; None without a run.

    Raises:
        Refusal: what the function refused.
    """
    shown = _session().run
    return None if shown is None else _waited(shown.ask_all(function, *arguments))


def _waited(work: Work) -> Any:
    """Return what a work brings; say on the page what a wait of more than three seconds is for."""
    if not work.wait(_SILENT_SECONDS):
        place = st.empty()
        while not work.wait(1.0):
            place.caption(say(compute().waits_for(work)))
        place.empty()
    return work.result()


def measured(function: Callable[..., Any], *columns: str) -> Any:
    """Return `function(pictures, *columns)` of columns this session sees; None while a worker measures it.

    A `Sentence` where it failed.
    """
    shown = _session().run
    return None if shown is None else shown.measure(function, *columns)


def parcel(result: Result, kind: str, *options: Any) -> Parcel:
    """Return a file to download, made when it is wanted: "page", "archive" or "detector" of `queries.export`."""
    run, make = _session().run, getattr(export, kind)

    def made() -> bytes:
        if kind == "detector":
            return run.ask_all(make, *options).result() if run else b""
        if run is None:  # a result that no worker holds
            return make(result, *options)
        keys = tuple(column.key for column in result.columns)
        return run.ask_all(export.made, export.bare(result), keys, make, *options).result()

    return Parcel(_parcels(), f"{kind} {report.identity(result)} {options}", made)


@st.cache_resource(show_spinner=False)
def _parcels() -> Parcels:
    return Parcels()


def current_run() -> Run | None:
    """Return the run whose result this session sees."""
    return _session().run


@dataclass
class _Session:
    """What one browser tab holds of the workers."""

    id: str
    run: Run | None = None
    asked: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        self.futures: dict[str, Any] = {}
        self.answers: dict[str, Any] = {}

    def take(self, taken: Run, shared: bool) -> None:
        """Show another run; the one before is left."""
        before, self.run, self.shared = self.run, taken, shared
        taken.sessions.add(self.id)
        if before is not None and before is not taken:
            compute().leave(before, self.id)

    def keep(self, key: str, make: Callable[[], Any]) -> Any:
        """Make a future once and hold on to it, the latest few of them."""
        if key not in self.futures or self.futures[key].status == "cancelled":
            while len(self.futures) >= _KEPT_FUTURES:
                oldest = next(iter(self.futures))
                self.futures.pop(oldest)
                self.answers.pop(oldest, None)
            self.futures[key] = make()
        return self.futures[key]

    def end(self) -> None:
        """Let go of everything, when the tab has been closed for a while."""
        if self.run is not None:
            compute().leave(self.run, self.id)
        self.futures.clear()
        self.answers.clear()


def _session() -> _Session:
    context = get_script_run_ctx()
    return _of_session(context.session_id if context else "")


def _release(session: _Session) -> None:
    timer = threading.Timer(GRACE_SECONDS, session.end)
    timer.daemon = True
    timer.start()


@st.cache_resource(show_spinner=False, scope="session", on_release=_release)
def _of_session(name: str) -> _Session:
    return _Session(name)


def _counts(choices: Choices, current: Run | None) -> tuple[int, int, int] | None:
    """Return how many pictures are learnt from, held out and tested, as soon as the pictures are known."""
    if current is not None:
        pictures = current.pictures()
        return None if pictures is None else (len(pictures.learnt), len(pictures.held_out), len(pictures.test))
    seen = overview(choices)
    if not isinstance(seen, Overview):
        return None
    learnt, held_out = thresholds.hold_out(len(seen.normal), seed=choices.seed)
    return len(learnt), len(held_out), len(seen.test)


def _estimated(status: Status, wanted: Comparison, choices: Choices) -> Status:
    """Add what a run of the present choices would cost, as soon as that is known."""
    absent = missing(weights(choices).values())
    if absent is not None:
        status = replace(status, state="refused", sentence=absent.reason)
    counts = status.counts or _counts(choices, None)
    if counts is None:
        return status
    learnt, held_out, test = counts
    key = f"forecast {wanted} {counts}"
    future = _session().keep(key, lambda: compute().forecast(wanted, learnt, learnt + held_out + test))
    if future.status == "error" and isinstance(refusal := future.exception(), Refusal):
        return replace(status, counts=counts, state="refused", sentence=refusal.sentence)
    if future.status != "finished":
        return replace(status, counts=counts)
    said: Forecast = future.result()
    state, sentence = status.state, status.sentence
    if said.refused and len(said.refused) == len(wanted.columns):
        state, sentence = "refused", next(iter(said.refused.values()))
    return replace(status, counts=counts, seconds=said.seconds, size=said.peak_bytes, state=state, sentence=sentence)
