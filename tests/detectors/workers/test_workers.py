"""Work in workers: equal work once, progress, cancelling, a killed worker, and a face that never imports torch."""

import gc
import io
import operator
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from detectors.comparison.comparison import Comparison, measured
from detectors.datasets.builtin import render
from detectors.datasets.sources import DemoSource, EditedSource, UploadSource
from detectors.errors import SettingRefused, TooLarge
from detectors.images import Preprocessing
from detectors.queries import explain
from detectors.queries.lessons import parameters
from detectors.workers import Compute, client, tasks


@dataclass(frozen=True)
class Boards:
    """A few circuit boards."""

    seed: int = 3

    @property
    def key(self):
        return f"boards-{self.seed}"

    def load(self):
        from detectors import datasets

        return datasets.demo("circuit", normal=12, good=3, per=1, severities=(1.0,), seed=self.seed)


SMALL = Preprocessing(size=64)
TWO = Comparison(methods=("mahalanobis", "patchcore"), preprocessing=SMALL)


@pytest.fixture(scope="module")
def compute():
    compute = Compute(memory="3GB")
    yield compute
    compute.close()


def wait(run, states=("done", "failed", "cancelled"), seconds=90):
    deadline = time.monotonic() + seconds
    while run.state not in states:
        assert time.monotonic() < deadline, run.stages
        time.sleep(0.05)


def test_a_run_gives_what_a_script_gives(compute):
    run = compute.start(TWO, Boards(), "a")
    wait(run)
    assert run.state == "done", run.stages
    expected = TWO.run(Boards().load())
    result = run.result()
    assert [c.key for c in result.columns] == [c.key for c in expected.columns]
    for one, other in zip(result.columns, expected.columns, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)
    assert all(stage.state == "done" for stage in run.stages)


def test_equal_choices_share_one_run(compute):
    first, second = compute.start(TWO, Boards(), "a"), compute.start(TWO, Boards(), "b")
    assert first is second
    assert first.sessions == {"a", "b"}


def test_another_setting_reuses_the_features(compute):
    wait(compute.start(TWO, Boards(), "a"))
    other = compute.start(replace(TWO, settings={"patchcore": {"ratio": 0.5}}), Boards(), "a")
    kept = "stores:efficientnet_lite0"
    assert other._works[kept] is compute.start(TWO, Boards(), "a")._works[kept]
    wait(other)
    assert other.columns()[1].settings["ratio"] == 0.5


def test_a_correction_keeps_features_and_what_was_learnt_where_it_is_the_same(compute):
    boards = DemoSource("circuit", normal=12, good=3, severities=(1.0,), seed=3)
    run = compute.start(TWO, boards, "a")
    wait(run)
    good, *_, last = run.pictures().test
    for said, kept in (((good.sha256, "learn"), False), ((last.sha256, "unused"), True)):
        source = EditedSource(boards, corrected=(said,))
        after = compute.start(TWO, source, "a", before=run)
        wait(after)
        works, key = after._works, "patchcore/efficientnet_lite0"
        assert after.ask(_passes, key).result() == 0
        assert (after.columns()[1].cost.fit_seconds == run.columns()[1].cost.fit_seconds) is kept
        assert not {*works[f"fit:{key}"].parents, *works["stores:efficientnet_lite0"].parents} & {*run._works.values()}
        expected = TWO.run(source.load())
        for one, other in zip(after.result().columns, expected.columns, strict=True):
            np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)


def _passes(detector, stores, pictures):
    return stores.passes


def test_a_refusal_fails_alone(compute):
    run = compute.start(replace(TWO, settings={"patchcore": {"levels": (9,)}}), Boards(), "a")
    wait(run)
    assert run.state == "done"
    (failure,) = run.result().failures
    assert failure.method == "patchcore"
    assert "9" in str(failure.sentence)


def test_methods_are_fitted_in_turn_those_first_that_are_there_at_once(compute):
    run = compute.start(replace(TWO, methods=("patchcore", "spade", "mahalanobis")), Boards(), "a")
    wait(run)
    order = compute._connection.keep().run_on_scheduler(_turns)
    mine = {run._works[f"fit:{m}/efficientnet_lite0"].key: m for m in ("mahalanobis", "spade", "patchcore")}
    assert [mine[key] for key in order if key in mine] == ["mahalanobis", "patchcore", "spade"]


def _turns(dask_scheduler):
    """Return the works by which goes first where several could."""
    tasks = sorted(dask_scheduler.tasks.values(), key=lambda task: task.priority[0])
    return [str(task.key).partition("#")[0] for task in tasks]


def test_a_column_that_cannot_be_measured_fails_alone_and_one_that_is_measured_says_so(compute, monkeypatch):
    monkeypatch.setattr(client.tasks, "column", _measured_but_patchcore)
    run = compute.start(replace(TWO, seed=5), Boards(), "a")
    wait(run)
    assert [column.method for column in run.columns()] == ["mahalanobis"]
    (failure,) = run.result().failures
    assert (failure.method, str(failure.sentence)) == ("patchcore", "No figures.")
    assert [stage.state for stage in run.stages][-2:] == ["done", "failed"]
    monkeypatch.setattr(client.tasks, "column", _slowly)
    run = compute.start(replace(TWO, seed=6), Boards(), "a")
    deadline = time.monotonic() + 60
    while not any(stage.stage == "measuring" and stage.state == "running" for stage in run.stages):
        assert run.state == "running", run.stages
        assert time.monotonic() < deadline, run.stages
        time.sleep(0.02)
    compute.leave(run, "a")


def _measured_but_patchcore(fitted, pictures):
    if fitted[0].method == "patchcore":
        raise TooLarge("test.no_figures", "No figures.")
    return measured(fitted[0], pictures)


def _slowly(fitted, pictures):
    time.sleep(1)
    return measured(fitted[0], pictures)


def test_a_column_can_be_asked(compute):
    run = compute.start(TWO, Boards(), "a")
    wait(run)
    assert run.ask(_bank_bytes, "patchcore/efficientnet_lite0").result() == run.columns()[1].cost.model_bytes


def _bank_bytes(detector, stores, pictures):
    return detector.nbytes


def test_cancelling_takes_effect_within_two_seconds_and_starting_again_works(compute):
    slow = Comparison(methods=("cfa",), preset="paper", preprocessing=SMALL, seed=11)
    run = compute.start(slow, Boards(), "a")
    deadline = time.monotonic() + 60
    while not any(stage.numbers.get("loss") for stage in run.stages):
        assert time.monotonic() < deadline, run.stages
        time.sleep(0.02)
    at_work = [str(work._future.key) for work in run._works.values() if work.status == "pending"]
    assert any(compute.supervisor.runs(task) for task in at_work)
    started = time.monotonic()
    compute.leave(run, "a")
    assert run.state == "cancelled"
    while any(compute.supervisor.runs(task) for task in at_work):
        assert time.monotonic() - started < 2.5
        time.sleep(0.02)
    again = compute.start(slow, Boards(), "b")
    assert again is not run
    again.cancel()


def test_work_that_nobody_waits_for_any_more_leaves_nothing_in_the_log(compute, caplog):
    work = compute._called(time.sleep, 0.5, priority=10)
    while work.status != "pending" or work._arrival is None:
        time.sleep(0.01)
    time.sleep(0.2)  # until the arrival waits in the client's loop
    compute.works.cancel([work])
    del work
    for _ in range(5):
        time.sleep(0.1)
        gc.collect()
    assert "never retrieved" not in caplog.text


def test_a_download_is_most_of_the_bar_and_never_runs_backwards(monkeypatch):
    from detectors.workers import tasks

    told = []
    monkeypatch.setattr(tasks, "reporter", lambda: lambda done, stage="", **numbers: told.append((done, stage)))

    class Fetching:
        def load(self, backbone, progress):
            for share in (0.0, 0.5, 1.0):
                progress(share, "download", bytes=47 * share, total=47)

    def extract(pictures, backbone, progress, *data):
        progress(0.0, "backbone")
        progress(1.0, "backbone")

    monkeypatch.setattr(tasks.steps, "extract", extract)
    tasks.extract(Fetching(), "resnet18", None)
    assert told == [(0.0, "download"), (0.4, "download"), (0.8, "download"), (0.8, "backbone"), (1.0, "backbone")]


def test_a_worker_says_where_weights_are(compute, monkeypatch):
    listed = {state.name: state.state for state in compute.weights("resnet18", 0).result()}
    assert (listed["scattering"], listed["resnet18"]) == ("bundled", "missing")
    assert (
        compute.weights("resnet18", 0).key == compute.weights("resnet50", 0).key != compute.weights("resnet18", 1).key
    )
    (own,) = compute.weights("resnet34", 0).result()
    assert (own.name, own.state) == ("resnet34", "missing")


def test_a_worker_that_is_killed_fails_only_its_own_task(compute):
    with pytest.raises(TooLarge, match="too big for the server"):
        compute.call(_hoard)
    assert compute.call(_two) == 2


def _hoard():
    kept = []
    while True:
        kept.append(np.ones(20_000_000))
        time.sleep(0.02)


def _two():
    return 2


def test_the_serving_side_never_imports_torch():
    code = (
        "import sys, detectors, detectors.workers, detectors.result, detectors.methods, detectors.report;"
        "import detectors.datasets, detectors.comparison;"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_columns_are_asked_at_once_beside_their_detectors(compute):
    run = compute.start(TWO, Boards(), "a")
    wait(run)
    reasons = run.ask_all(explain.explain_place, "test", 0, 30, 40).result()
    assert [reason.key for reason in reasons] == [column.key for column in run.columns()]
    assert reasons[0].value == pytest.approx(run.columns()[0].scores[0], rel=1e-4)
    pixels = run.result().test[1].pixels
    for scored, column in zip(run.ask_all(explain.score_pictures, pixels[None]).result(), run.columns(), strict=True):
        assert scored.scores[0] == pytest.approx(column.scores[1], rel=1e-3)


def test_the_same_question_is_asked_once_by_all(compute):
    run = compute.start(TWO, Boards(), "a")
    wait(run)
    place = explain.explain_place, "test", 0, 30, 40
    assert run.shared(*place) is run.shared(*place)
    assert run.shared(*place).result()[0].value == run.ask_all(*place).result()[0].value
    assert run.shared(*place[:-1], 41) is not run.shared(*place)
    keys = [column.key for column in run.columns()]
    first, second = (run.shared(_passes, column=key) for key in keys)
    assert first is run.shared(_passes, column=keys[0]) is not second
    painted = explain.score_pictures, run.result().test[1].pixels[None]
    assert run.shared(*painted) is not run.shared(*painted)
    for x in range(40):
        run.shared(_passes, column=keys[0])
        run.shared(*place[:-1], x)
    assert run.shared(_passes, column=keys[0]) is first
    assert len(run._answers) <= 16


def test_a_person_is_answered_while_a_worker_fits_and_does_the_rest(compute):
    busy = [compute.works.submit(f"busy-{n}", time.sleep, 5, fits=n == 0) for n in range(5)]
    while not any(compute.supervisor.runs(key) for key in compute.works.attempts(busy)):
        time.sleep(0.02)
    begun = time.monotonic()
    assert compute.call(operator.add, 1, 2) == 3
    assert time.monotonic() - begun < 4, "answered only once the others had ended"
    compute.works.cancel(busy)


def test_versions_wait_for_the_first_pictures_only_where_torch_is_imported_ahead(monkeypatch):
    waited = []
    monkeypatch.setattr(tasks, "_shown", SimpleNamespace(wait=waited.append))
    monkeypatch.setattr(tasks, "_warming", threading.Event())
    monkeypatch.setattr(tasks.steps, "versions", lambda device: {"device": device})
    assert tasks.versions("cpu") == {"device": "cpu"}
    assert waited == [], "a cluster's worker with one thread would stand still"
    tasks._warming.set()
    tasks.versions("cpu")
    assert len(waited) == 1


def test_a_variant_begins_in_the_background_on_the_runs_features_once(compute):
    run = compute.start(TWO, Boards(), "a")
    wait(run)
    asked = (parameters.vary, "efficientnet_lite0", "patchcore", (("ratio", 0.1), ("limit", 4096)), None, False)
    future = run.begin(*asked)
    assert run.begin(*asked).key == future.key
    assert run.begin(*asked[:2], "patchcore", (("ratio", 0.5),), None, False).key != future.key
    found = future.result(timeout=60)
    np.testing.assert_allclose(found.scores, run.result()["patchcore/efficientnet_lite0"].scores, rtol=1e-4)
    assert compute.standing(future).state == "done"
    refused = run.begin(parameters.vary, "efficientnet_lite0", "padim", (), 1, False)
    with pytest.raises(SettingRefused):
        refused.result(timeout=60)
    assert compute.standing(refused).sentence.key == "methods.one_picture"


def test_runs_that_nobody_looks_at_are_let_go_where_memory_is_short(compute, monkeypatch):
    kept, seen = replace(TWO, seed=8), replace(TWO, seed=9)
    for each in (kept, seen):
        wait(compute.start(each, Boards(), "a"))
    left = weakref.ref(compute.find(kept, Boards()))
    compute.leave(left(), "a")
    time.sleep(1)
    assert compute.find(kept, Boards()) is not None
    monkeypatch.setattr(client, "_CROWDED", compute.supervisor.fullness / 2)
    deadline = time.monotonic() + 10
    while compute.find(kept, Boards()) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    gc.collect()
    assert left() is None
    assert compute.find(seen, Boards()) is not None


def test_the_last_session_to_leave_takes_its_own_pictures_along(compute):
    boards = render_boards()
    run = compute.start(TWO, boards, "a")
    compute.start(TWO, boards, "b")
    wait(run)
    held = [weakref.ref(work) for work in run._works.values() if work.key.startswith(("data", "pictures", "stores"))]
    assert held
    compute.leave(run, "a")
    assert compute.find(TWO, boards) is run
    compute.leave(run, "b")
    assert compute.find(TWO, boards) is None
    del run
    gc.collect()
    deadline = time.monotonic() + 10
    while any(work() is not None for work in held):
        assert time.monotonic() < deadline
        gc.collect()
        time.sleep(0.05)


def render_boards():
    """Return uploaded pictures of the built-in boards."""
    files = []
    for seed in range(8):
        buffer = io.BytesIO()
        Image.fromarray(render("circuit", seed, None, 1.0)[0]).save(buffer, "PNG")
        files.append((f"{seed}.png", buffer.getvalue()))
    return UploadSource(normal=tuple(files[:6]), test=tuple((f"good/{name}", data) for name, data in files[6:]))
