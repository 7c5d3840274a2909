"""The fake backend and the real one, over a small run in workers, are asked the same: both answer with the same types.

That the fake answers well is what makes the page tests worth something.
"""

from __future__ import annotations

import gc
import inspect
import time
import weakref
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fixtures.backend import FakeAnswer, FakeBackend, fake
from fixtures.picture_files import encoded, scene, zipped

from detectors.datasets.sources import DemoSource, UploadSource
from detectors.errors import Refusal
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.features.weights import WeightsState
from detectors.queries import explain, outliers, pixels, presets
from detectors.queries.lessons import exercises, layers, parameters, steps
from detectors.queries.overview import card, overview
from detectors.queries.prediction import predict
from pages.frame import backend, early
from pages.frame.backend import Answer, Backend
from pages.frame.state import Choices
from pages.frame.status import Status

CHOICES = Choices(methods=("mahalanobis", "padim", "patchcore"), size=64)
SMALL = DemoSource("circuit", normal=8, good=3, severities=(1.0,))
MAP, NO_MAP = "padim/efficientnet_lite0", "mahalanobis/efficientnet_lite0"
BOTH, REAL = ("done", "lessons_done"), ("lessons_done",)  # which fakes answer: lessons need fitted detectors


def soon(answer: Any, seconds: float = 120) -> Any:
    """Wait for what is asked for without waiting."""
    deadline = time.monotonic() + seconds
    while (found := answer()) is None:
        assert time.monotonic() < deadline, "no answer"
        time.sleep(0.1)
    return found


def known(workers: Backend, names: tuple[str, ...]) -> dict[str, Any]:
    """Wait until it is known where weights are."""
    return soon(lambda: states if None not in (states := workers.weights(names)).values() else None)


def picture(workers: Backend) -> np.ndarray:
    return workers.look(CHOICES)[1].test[0].pixels[None]


QUESTIONS = {
    "look": (BOTH, lambda b: b.look(CHOICES)),
    "run_key": (BOTH, lambda b: b.run_key),
    "weights": (BOTH, lambda b: known(b, ("efficientnet_lite0", "resnet18"))),
    "overview": (BOTH, lambda b: soon(lambda: b.overview(SMALL))),
    "decoded": (BOTH, lambda b: b.decoded(SMALL)),
    "arrived": (BOTH, lambda b: b.arrived()),
    "finding_out": (BOTH, lambda b: b.finding_out(CHOICES)),
    "presets": (BOTH, lambda b: soon(lambda: b.later(presets.values, ("scattering",)).now)),
    "pinned": (BOTH, lambda b: (b.pin(), b.pinned, b.unpin(), b.pinned)),
    "a place": (BOTH, lambda b: b.ask(explain.explain_place, "test", 0, 20, 20)),
    "a gradient": (BOTH, lambda b: b.ask(explain.gradient, NO_MAP, "test", 0)),
    "a stored picture": (BOTH, lambda b: b.ask(explain.score_stored, "held_out", 0)),
    "a painted picture": (BOTH, lambda b: b.ask(explain.score_pictures, picture(b))),
    "painted pictures without maps": (BOTH, lambda b: b.ask(explain.score_pictures, picture(b), False)),
    "what is unusual": (BOTH, lambda b: b.ask(outliers.unusual, column=MAP)),
    "a curve": (BOTH, lambda b: soon(lambda: b.later(pixels.pro, columns=(MAP,)).now)),
    "a difference": (
        BOTH,
        lambda b: soon(lambda: b.later(pixels.aupro_difference, columns=(MAP, "patchcore/efficientnet_lite0")).now),
    ),
    "a card": (BOTH, lambda b: soon(lambda: b.later(card, "link").now)),
    "a set at a glance": (BOTH, lambda b: soon(lambda: b.later(overview, SMALL).now)),
    "a file that is no detector": (BOTH, lambda b: soon(lambda: b.later(predict, b"no", SMALL, key="no").now)),
    "a report": (BOTH, lambda b: b.file(b.look(CHOICES)[1], "page", "en", ThresholdChoice(), None, "inferno").get()),
    "a detector": (BOTH, lambda b: b.file(b.look(CHOICES)[1], "detector", MAP, ThresholdChoice()).get()),
    "a memory": (REAL, lambda b: b.ask(steps.memory, column=MAP)),
    "a path": (REAL, lambda b: b.ask(steps.path, 0, 20, 20, column=MAP)),
    "grids": (REAL, lambda b: b.ask(layers.grids, column=MAP)),
    "an exercise": (REAL, lambda b: soon(lambda: b.later(exercises.measure, SMALL, ("mahalanobis", "padim")).now)),
}  # fmt: skip


def same(one: Any, other: Any, where: str = "") -> None:
    """Assert that two answers have the same types, and arrays the same number of dimensions."""
    if one is None or other is None:
        return  # what need not be there: of a result without masks, threshold, map
    assert type(one).__name__ == type(other).__name__, (where, one, other)
    if isinstance(one, np.ndarray):
        assert (one.dtype.kind, one.ndim) == (other.dtype.kind, other.ndim), where
    elif is_dataclass(one):
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    elif isinstance(one, dict):
        for key in one.keys() & other.keys():
            same(one[key], other[key], f"{where}[{key}]")
    elif isinstance(one, tuple | list) and one and other:
        for place, (left, right) in enumerate(zip(one, other, strict=False)):
            same(left, right, f"{where}[{place}]")


@pytest.fixture(scope="module")
def workers():
    asked = Backend("contract")
    known(asked, CHOICES.backbones)
    asked.run(CHOICES)
    assert soon(lambda: status if (status := asked.look(CHOICES)[0]).state != "running" else None).state == "done"
    yield asked
    asked.end()


def methods(kind: type) -> dict[str, str]:
    """Return the signatures of everything that pages may call, a property's as "property"."""
    public = {name: value for name, value in vars(kind).items() if not name.startswith("_")}
    return {n: "property" if isinstance(v, property) else str(inspect.signature(v)) for n, v in public.items()}


def test_the_fake_offers_what_the_real_one_offers():
    made = {name: says.replace("FakeAnswer", "Answer") for name, says in methods(FakeBackend).items()}
    assert made == methods(Backend)
    assert {n for n in dir(Answer) if n[0] != "_"} == {n for n in dir(FakeAnswer(1)) if n[0] != "_"}


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
def test_both_answer_alike(workers, question):
    states, ask = QUESTIONS[question]
    real = ask(workers)
    assert real is not None
    for state in states:
        same(real, ask(fake(state)), f"{question}, {state}")


@pytest.mark.slow
def test_a_variant_says_how_far_it_is_and_what_refused_it(workers):
    asked = ("padim", (), None, False)
    for each in (workers, fake("lessons_done")):
        answer = each.later(parameters.vary, *asked, backbone="efficientnet_lite0")
        found = soon(lambda answer=answer: answer.now)
        assert type(found).__name__ == "VariantResult"
        assert (answer.pending, answer.stage.state) == (False, "done")
        refused = each.later(parameters.vary, "padim", (), 1, False, backbone="efficientnet_lite0")
        assert isinstance(soon(lambda refused=refused: refused.now), Refusal)
        assert (refused.pending, refused.stage.state, refused.stage.sentence) == (False, "failed", refused.now.sentence)


@pytest.mark.slow
def test_equal_questions_have_one_answer_and_the_latest_are_kept(workers, monkeypatch):
    monkeypatch.setattr(backend, "_KEPT", 2)
    first = workers.later(card, "link")
    assert workers.later(card, "link") is first
    second, third = workers.later(card, "leather"), workers.later(card, "circuit")
    assert workers.later(card, "circuit") is third
    assert workers.later(card, "leather") is second
    soon(lambda: second.now)
    assert workers.later(card, "link") is not first


@pytest.mark.slow
def test_a_pinned_run_is_left_once_it_is_neither_shown_nor_pinned(monkeypatch):
    left: list[str] = []
    monkeypatch.setattr(
        backend, "_compute", lambda: SimpleNamespace(leave=lambda run, session: left.append(run.key))
    )  # fmt: skip
    one, two, three = (
        SimpleNamespace(key=key, sessions=set(), source=DemoSource(), result=lambda key=key: key) for key in "123"
    )
    session = Backend("session")
    session.pin()
    assert session.pinned is None
    session._take(one, shared=False)
    session.pin()
    session._take(two, shared=False)
    assert (session.pinned, left) == ("1", [])
    session._take(three, shared=False)
    assert (session.pinned, left) == ("1", ["2"])
    session.pin()
    assert (session.pinned, left) == ("3", ["2", "1"])
    session.unpin()
    assert (session.pinned, left) == (None, ["2", "1"])
    session.pin()
    session.end()
    assert left == ["2", "1", "3"]


def test_a_measure_of_a_pinned_column_is_its_own_runs(monkeypatch):
    asked = []

    def run(key):
        def measure(query, *keys):
            asked.append((key, *keys))
            return SimpleNamespace(status="pending", exception=lambda: None)

        return SimpleNamespace(key=key, sessions=set(), result=lambda: "", measure=measure)

    now, before = run("now"), run("before")
    monkeypatch.setattr(backend, "_compute", lambda: SimpleNamespace(leave=lambda run, session: None))
    session = Backend("session")
    session._take(before, shared=False)
    session.pin()
    session._take(now, shared=False)
    session.later(pixels.pro, columns=("padim/scattering, pinned: paper",))
    session.later(pixels.pro, columns=("padim/scattering",))
    assert asked == [("before", "padim/scattering"), ("now", "padim/scattering")]


def test_own_pictures_are_forgotten_with_all_that_came_of_them(monkeypatch):
    left: list[str] = []
    monkeypatch.setattr(
        backend, "_compute", lambda: SimpleNamespace(leave=lambda run, session: left.append(run.key))
    )  # fmt: skip
    own = SimpleNamespace(key="own", sessions=set(), source=UploadSource(), result=lambda: "seen")
    demo = SimpleNamespace(key="demo", sessions=set(), source=DemoSource(), result=lambda: "seen")
    for pinned, shown in ((own, demo), (demo, own), (own, own)):
        session = Backend("session")
        session._take(pinned, shared=False)
        session.pin()
        session._take(shown, shared=False)
        left.clear()
        kept = ("overview upload 1", "predict own ('a',)", "card circuit")
        session._kept.update(dict.fromkeys(kept, FakeAnswer("there")))
        session.forget()
        assert left == ["own"]
        assert list(session._kept) == ["card circuit"]
        assert session.run_key == ("" if shown is own else "demo")


def test_what_nobody_foresaw_is_said_and_not_raised(workers):
    said = soon(lambda: workers.later(_broken, 1).now)
    assert said.sentence.key == "compute.failed"
    assert "division" in str(said)


def _broken(number: int) -> float:
    return number / 0


@pytest.mark.parametrize(("wanted", "state"), [("the same", "running"), ("the same", "done"), ("another", "running")])
def test_a_run_begun_before_anybody_came_is_the_first_visitors_or_nobodys(monkeypatch, wanted, state):
    runs: dict[str, SimpleNamespace] = {}

    def start(comparison, source, session, before=None):
        run = runs.setdefault(
            source.key,
            SimpleNamespace(key=source.key, source=source, sessions=set(), state=state, stages=(), cancelled=False),
        )
        run.sessions.add(session)
        run.pictures, run.result = lambda: None, lambda: None
        return run

    compute = SimpleNamespace(
        start=start,
        find=lambda comparison, source: runs.get(source.key),
        leave=lambda run, session: run.sessions.discard(session),
        trouble=None,
    )
    monkeypatch.setattr(backend, "_compute", lambda: compute)
    here = SimpleNamespace(state=lambda name: WeightsState(name, "package"))
    monkeypatch.setattr(backend, "_known", lambda: here)
    monkeypatch.setattr(backend.data, "source", lambda choices: DemoSource(choices.product))
    monkeypatch.setattr(backend.data, "earlier", lambda choices: ())
    backend.anticipate()
    (begun,) = runs.values()
    assert begun.sessions
    visitor = Backend("visitor")
    status, _ = visitor.look(Choices() if wanted == "the same" else Choices(product="leather"))
    assert begun.sessions == ({"visitor"} if wanted == "the same" else set())
    assert not status.shared, "nobody else has asked for it"
    if (wanted, state) == ("the same", "done"):
        for product in ("leather", Choices().product):
            visitor.run(Choices(product=product))
        assert not visitor.look(Choices())[0].shared, "it was the visitor who asked before"
        assert Backend("another").look(Choices())[0].shared


def test_sets_of_which_none_is_open_are_refused_before_a_run(monkeypatch):
    files = {f"{name}/train/good/{i}.png": encoded(scene(24, 32, i)) for name in ("a", "b") for i in range(3)}
    own = UploadSource(archive=("two.zip", zipped(files)))
    seen = overview(own.load())
    monkeypatch.setattr(backend.data, "source", lambda choices: own)
    monkeypatch.setattr(Backend, "overview", lambda self, source: seen)
    monkeypatch.setattr(Backend, "_weights", lambda self, choices: {})
    choices = Choices(data="own")
    status = Backend("tab")._estimated(Status(), backend.comparison(choices), choices)
    assert (status.state, status.counts, status.seconds) == ("refused", (0, 0, 0), None)
    assert str(status.sentence).startswith("two.zip holds several data sets and none of them is open.")


@pytest.mark.parametrize("scored", [True, False])
def test_the_first_run_begins_by_itself_where_scores_were_seen(monkeypatch, scored):
    files = {f"train/good/{i}.png": encoded(scene(24, 32, i)) for i in range(3)}
    own = UploadSource(archive=("a.zip", zipped(files)))
    seen = overview(own.load())
    shelf = backend.uploads.Shelf(own, scored={p.sha256 for p in seen.normal} if scored else {"another"})
    monkeypatch.setattr(backend.uploads, "shelf", lambda: shelf)
    monkeypatch.setattr(Backend, "overview", lambda self, source: seen)
    assert Backend("tab")._begins_by_itself(own) is scored
    assert Backend("tab")._begins_by_itself(DemoSource())


def test_what_a_session_held_when_imports_were_settled_is_collected_later():
    held = FakeAnswer([])
    held.now.append(held)
    gone = weakref.ref(held)
    early.collect_all()
    del held
    gc.collect()
    assert gone() is not None, "settled things are not looked at in every round"
    early.collect_all()
    assert gone() is None
    gc.unfreeze()
