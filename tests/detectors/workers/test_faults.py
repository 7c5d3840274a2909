"""What happens when something dies: processes are replaced, work is done again, and every wait says what it is for."""

import errno
import operator
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future as Arrival
from pathlib import Path

import faults
import numpy as np
import pytest

from detectors.errors import Gone, Refusal, TooLarge
from detectors.workers import Compute, client, supervisor
from detectors.workers import cluster as cluster_of
from detectors.workers.cluster import Group
from detectors.workers.supervisor import Death
from detectors.workers.work import MOST_REDONE, Work, Works

pytestmark = pytest.mark.network


def until(happened, seconds=60.0):
    """Wait until something has happened and return how long that took."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def compute():
    compute = Compute(memory="3GB")
    yield compute
    compute.close()


@pytest.mark.slow
def test_runs_of_three_sessions_survive_kills_at_random_moments():
    for kind, tally in faults.trial(kills=20, seed=7).items():
        assert (kind, tally.lost, tally.unequal, tally.silent) == (kind, 0, 0, 0), tally.said
        assert tally.kills, kind


@pytest.mark.slow
def test_a_task_under_which_its_worker_always_dies_is_done_again_twice_and_then_refused(compute, tmp_path):
    with pytest.raises(Refusal, match="stopped unexpectedly 3 times") as refused:
        compute.call(_die, tmp_path / "tries")
    assert refused.value.sentence.key == "compute.stopped"
    assert (tmp_path / "tries").read_text() == "x" * (1 + MOST_REDONE)
    assert compute.call(operator.add, 1, 2) == 3


def _die(path):
    with Path(path).open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_what_is_too_big_fails_alone_with_the_limit_in_its_sentence(compute):
    bystander = compute.later("sleeps", _sleep, 3.0)
    until(lambda: len(compute.supervisor._slots[0].child.running) > 0)
    with pytest.raises(TooLarge, match=r"its worker exceeded 2\.8 GB"):
        compute.call(_hoard)
    assert bystander.result(timeout=60) == 3.0


def _sleep(seconds):
    time.sleep(seconds)
    return seconds


def _hoard():
    kept = []
    while True:
        kept.append(np.ones(20_000_000))
        time.sleep(0.02)


def test_an_array_that_the_machine_does_not_give_is_refused(compute):
    with pytest.raises(TooLarge, match="more memory than the server has left"):
        compute.call(_raise, MemoryError())


def test_a_full_disk_is_said(compute):
    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
    ):
        with pytest.raises(Refusal, match="disk is full"):
            compute.call(_raise, error)
    with pytest.raises(ZeroDivisionError):
        compute.call(_raise, ZeroDivisionError())


def _raise(error):
    raise error


def test_a_wait_says_that_the_worker_is_being_started_anew(compute):
    assert compute.call(operator.add, 1, 2) == 3
    assert compute.trouble is None
    pid = compute.supervisor.processes["worker 0"]
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: compute.trouble is not None) < 1
    assert compute.trouble.key == "compute.restarting"
    assert compute.call(operator.add, 1, 2) == 3
    assert compute.supervisor.processes["worker 0"] != pid


@pytest.mark.slow
def test_workers_that_cannot_start_say_why_and_start_once_they_can(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    monkeypatch.setattr("detectors.workers.supervisor._MOST_DELAY", 0.5)
    monkeypatch.setenv("DASK_TEMPORARY_DIRECTORY", "/proc/nothing")
    compute = Compute(memory="3GB")
    try:
        until(lambda: compute.trouble is not None and compute.trouble.key == "compute.no_start")
        assert "attempts failed, the last with: " in str(compute.trouble)
        monkeypatch.delenv("DASK_TEMPORARY_DIRECTORY")
        monkeypatch.delenv("TMPDIR")
        assert compute.call(operator.add, 1, 2) == 3
        assert compute.trouble is None
    finally:
        compute.close()


def test_a_process_that_the_machine_cannot_start_is_tried_again(monkeypatch):
    real, tried = supervisor.subprocess.Popen, []

    def start(arguments, **kwargs):
        tried.append(arguments)
        if len(tried) < 4:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return real(arguments, **kwargs)

    monkeypatch.setattr(supervisor.subprocess, "Popen", start)
    compute = Compute(memory="3GB")
    try:
        assert compute.call(operator.add, 1, 2) == 3
        assert len(tried) > 4
    finally:
        compute.close()


def test_what_cannot_be_sent_fails_alone(compute):
    with pytest.raises(TypeError):
        compute.call(len, threading.Lock())
    assert compute.call(operator.add, 1, 2) == 3


def test_nothing_is_left_behind_by_a_server_that_is_killed(tmp_path):
    code = (
        "import time; from detectors.workers import Compute; compute = Compute(memory='3GB');"
        "compute.call(min, 1, 2); print(*compute.supervisor.processes.values(), flush=True); time.sleep(600)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=faults.ROOT)
    pids = [int(pid) for pid in server.stdout.readline().split()]
    server.kill()
    server.wait()
    server.stdout.close()
    assert len(pids) == 2
    until(lambda: not any(_alive(pid) for pid in pids), seconds=20)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def cluster():
    """Start and end the scheduler and the workers of somebody else's cluster."""
    started = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    path = {"PYTHONPATH": os.pathsep.join((str(faults.ROOT), str(faults.ROOT / "tests")))}

    class Cluster:
        address = f"tcp://127.0.0.1:{port}"

        def scheduler(self):
            return self._start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")

        def worker(self):
            return self._start("dask_worker", self.address, "--nthreads", "2", "--no-nanny", "--no-dashboard")

        def _start(self, name, *arguments):
            with tempfile.TemporaryFile() as log:
                started.append(
                    subprocess.Popen(
                        [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
                        stdout=log, stderr=log, cwd=faults.ROOT, env=os.environ | path,
                    )
                )  # fmt: skip
            return started[-1]

    yield Cluster()
    for process in started:
        process.kill()
        process.wait()


def said(compute):
    return compute.trouble.key if compute.trouble else None


@pytest.mark.slow
def test_somebody_elses_cluster_may_be_away_empty_or_lost_and_the_app_goes_on(cluster):
    begun = time.monotonic()
    compute = Compute(cluster.address)
    try:
        assert time.monotonic() - begun < 1  # nobody waits for it
        until(lambda: said(compute) == "compute.unreachable", seconds=5)
        assert cluster.address in str(compute.trouble)
        scheduler = cluster.scheduler()
        until(lambda: said(compute) == "compute.no_workers", seconds=20)
        waiting = compute.later("sum", operator.add, 1, 2)
        worker = cluster.worker()
        assert waiting.result(timeout=30) == 3
        until(lambda: compute.trouble is None, seconds=5)

        worker.kill()
        until(lambda: said(compute) == "compute.no_workers", seconds=5)
        cluster.worker()
        assert compute.call(operator.add, 2, 2) == 4

        slow = compute.later("sleeps", time.sleep, 2.0)
        time.sleep(0.5)
        scheduler.kill()
        until(lambda: said(compute) == "compute.unreachable", seconds=5)
        assert slow.status == "pending"
        scheduler.wait()
        scheduler = cluster.scheduler()
        cluster.worker()
        assert slow.result(timeout=40) is None

        scheduler.send_signal(signal.SIGSTOP)
        until(lambda: said(compute) == "compute.unreachable", seconds=5)
        scheduler.send_signal(signal.SIGCONT)
        until(lambda: compute.trouble is None, seconds=10)
        assert compute.call(operator.add, 3, 3) == 6
    finally:
        compute.close()


@pytest.mark.slow
def test_the_columns_of_a_run_are_spread_over_a_clusters_workers_and_outlive_one_of_them(cluster):
    cluster.scheduler()
    cluster.worker()
    compute = Compute(cluster.address)

    three = faults.Comparison(methods=("mahalanobis", "padim", "patchcore"), preprocessing=faults.SMALL)

    def run(number):
        started = compute.start(three, faults.Boards(number), "a")
        fits = [work for name, work in started._works.items() if name.startswith("fit:")]
        return started, fits

    try:
        alone, fits = run(1)
        until(lambda: alone.state != "running")
        assert len({work._sent_to for work in fits}) == 1
        second = cluster.worker()
        until(lambda: [len(group.workers) for group in compute.works._groups] == [2], seconds=20)
        assert compute.works._groups[0].shares
        spread, fits = run(2)
        until(lambda: spread.state == "done")
        assert len({work._sent_to for work in fits}) == 2
        assert faults.same(spread, alone.result())
        shaken, fits = run(3)
        until(lambda: len({work._sent_to for work in fits if work._future is not None}) == 2)
        second.kill()
        until(lambda: shaken.state == "done")
        assert faults.same(shaken, alone.result())
        assert not shaken.result().failures
    finally:
        compute.close()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://no-such-host.invalid:8786"])
def test_an_address_that_leads_nowhere_is_said(address):
    compute = Compute(address)
    try:
        until(lambda: said(compute) == "compute.unreachable", seconds=5)
        assert address in str(compute.trouble)
    finally:
        compute.close()


class TestWorks:
    """What is held against whom, without processes."""

    def works(self, memory=1000):
        works = Works(memory, ours=True)
        data = works.submit("data", _sleep, 0, stays=True, brings=False)
        fit = works.submit("fit", _sleep, data, stays=True, brings=False)
        return works, data, fit, works.submit("column", _sleep, fit)

    def sent(self, work, name):
        work._future = _Future(name)

    def die(self, works, running, peak=0, memory=False, meant=False):
        works.mourn(Death(running, peak, memory, meant))
        works.step(None)

    def test_equal_work_is_one_until_it_ends_without_a_result(self):
        works, data, _, column = self.works()
        assert works.submit("data", _sleep, 0) is data
        works.cancel([data])  # a fit needs it
        assert data.status == "pending"
        works.cancel([data, *data.parents, column, works.find("fit")])
        assert data.status == column.status == "cancelled"
        assert works.submit("data", _sleep, 0) is not data

    def test_nobody_who_was_not_at_work_is_blamed_and_two_deaths_are_forgiven(self):
        works, data, fit, column = self.works()
        for n in range(1, 4):
            self.sent(fit, "fit#1")
            self.die(works, {"fit#1": 0})
            assert (fit.deaths, data.deaths, column.deaths) == (n, 0, 0)
        assert fit.exception().sentence.key == column.exception().sentence.key == "compute.stopped"
        assert data.status == "pending"

    def test_only_what_really_exceeded_the_memory_fails_at_once(self):
        for running, peak, memory, fails in (
            ({"fit#1": 100}, 960, True, True),
            ({"fit#1": 700}, 960, True, False),  # others' results were in the way
            ({"fit#1": 100, "data#1": 100}, 960, True, False),  # it may have been the other
            ({"fit#1": 100}, 960, False, False),
        ):
            works, data, fit, _ = self.works()
            self.sent(fit, "fit#1")
            self.sent(data, "data#1")
            self.die(works, running, peak, memory)
            assert (fit.status == "error") is fails, running
            assert fit.exception() is None or isinstance(fit.exception(), TooLarge)

    def test_a_worker_that_was_ended_on_purpose_is_held_against_nobody(self):
        works, _, fit, _ = self.works()
        self.sent(fit, "fit#1")
        self.die(works, {"fit#1": 0}, meant=True)
        assert fit.deaths == 0

    def test_an_older_attempt_is_not_taken_for_the_present_one(self):
        works, _, fit, _ = self.works()
        self.sent(fit, "fit#2")
        self.die(works, {"fit#1": 0})
        works.report("fit#1", 0.5, "", {})
        assert (fit.deaths, fit.report) == (0, None)

    def test_what_is_not_here_yet_is_still_needed_when_its_worker_dies(self):
        works = Works(1000, ours=True)
        column = works.submit("column", _sleep, 0, stays=True)
        self.sent(column, "column#1")
        column._arrival = Arrival()
        column._future.status = "finished"
        works.step(None)
        assert works._needed() == {column}
        column._arrival.set_exception(OSError("its worker is gone"))
        works.step(None)
        assert works._needed() == {column}
        assert column._future is None  # to be sent again

    def test_what_is_done_again_for_nobody_is_left_alone_until_somebody_needs_other_work(self):
        works, data, fit, column = self.works()
        for work in (data, fit, column):
            work._there = True
        self.sent(fit, "fit#1")
        works.step(None)
        works.step(None)
        assert fit._future is not None
        other = works.submit("other", _sleep, 0)
        works.step(None)
        assert fit._future is None
        assert other.status == "pending"

    def test_what_nobody_holds_is_forgotten(self):
        works = Works(1000, ours=True)
        works.submit("data", _sleep, 0)
        assert works.find("data") is None


class TestCluster:
    """Where work goes in somebody's cluster, without processes."""

    TWO = (Group(("a", "b"), shares=True), Group(("c",)))

    @pytest.fixture
    def works(self, monkeypatch):
        works = Works(1000, ours=False)
        client = _Client()
        works.step(client, self.TWO)
        return works

    def test_workers_that_share_a_machine_are_a_group_and_all_others_one(self):
        found = cluster_of.groups({"a": "here", "b": "there", "c": "here", "d": None, "e": None})
        assert found == (Group(("a", "c"), shares=True), Group(("b", "d", "e")))
        assert cluster_of.groups({}) == ()
        assert cluster_of.machine() == cluster_of.machine()

    def test_fits_go_one_by_one_to_who_is_free_among_those_that_can_open_the_features(self, works):
        data = works.submit("data", _sleep, 0, stays=True, brings=False)
        stores = works.submit("stores", _sleep, data, stays=True, brings=False, fits=True)
        fits = [works.submit(f"fit{n}", _sleep, stores, stays=True, brings=False, fits=True) for n in range(3)]
        assert (data._sent_to, stores._sent_to) == (("a", "b"), ("a",))
        assert [fit._future for fit in fits] == [None] * 3  # the features are not there yet
        stores._future.status = "finished"
        works.step(works._client, self.TWO)
        assert [fit._sent_to for fit in fits[:2]] == [("a",), ("b",)]
        assert fits[2]._future is None
        fits[1]._future.status = "finished"
        works.step(works._client, self.TWO)
        assert fits[2]._sent_to == ("b",)
        other = works.submit("other", _sleep, 0, stays=True, brings=False)  # another data set
        assert other._sent_to == ("c",)

    def test_what_a_worker_takes_along_is_done_by_another_and_held_against_what_it_was_at(self, works):
        stores = works.submit("stores", _sleep, 0, stays=True, brings=False)
        fits = [works.submit(f"fit{n}", _sleep, stores, stays=True, brings=False, fits=True) for n in range(2)]
        works.report(str(fits[1]._future.key), 0.5, "", {})
        works.step(works._client, (Group(("a",)), Group(("c",))))
        assert [fit.deaths for fit in fits] == [0, 1]
        assert (fits[1]._sent_to, fits[1]._future.status) == (("a",), "pending")

    def test_features_that_went_with_their_worker_are_made_again(self, works):
        stores = works.submit("stores", _sleep, 0, stays=True, brings=False)
        fit = works.submit("fit", _sleep, stores, stays=True, brings=False, fits=True)
        before = stores._future.key
        stores._future.status, fit._future.status, fit._future.error = "finished", "error", Gone()
        works.step(works._client, self.TWO)
        assert stores._future.key != before
        assert (fit.deaths, fit.exception()) == (1, None)


class _Client:
    status = "running"

    def submit(self, *_, key, workers, **__):
        return _Future(key)


class _Future:
    status = "pending"
    error = None

    def __init__(self, key):
        self.key = key

    def release(self):
        pass

    def exception(self):
        return self.error

    def add_done_callback(self, call):
        pass


def test_versions_that_failed_are_asked_for_again(compute, monkeypatch):
    monkeypatch.setattr(client.tasks, "versions", _no_versions)
    failed = compute.versions("cpu")
    with pytest.raises(ZeroDivisionError):
        failed.result(timeout=30)
    monkeypatch.undo()
    assert compute.versions("cpu") is not failed
    assert "torch" in compute.versions("cpu").result(timeout=30)


def _no_versions(device):
    raise ZeroDivisionError


def test_a_work_that_waits_too_long_says_so():
    with pytest.raises(TimeoutError):
        Work("never", _sleep, (1,)).result(timeout=0.01)
