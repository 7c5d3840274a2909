"""Files that come piece by piece: they go on where they stopped, within the room there is, and lie on the disk."""

import asyncio
import gc
import hashlib
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.testclient import TestClient

from detectors.datasets.contents import whole
from detectors.images.limits import LIMITS, MB
from pages.frame import pieces, tray, uploads

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)


@pytest.fixture
def shelf(monkeypatch):
    mine = uploads.Shelf()
    uploads._by_token()[mine.tray.token] = mine
    monkeypatch.setattr(uploads, "_all_shelves", lambda: [mine])
    return mine


@pytest.fixture
def ask(shelf):
    client = TestClient(Starlette(routes=[Route("/pieces/{token}", pieces.pieces, methods=["GET", "PUT", "DELETE"])]))

    def asked(method, file="a", content=b"", token=shelf.tray.token, **values):
        answer = client.request(method, f"/pieces/{token}", params={"file": file, **values}, content=content)
        return answer.status_code, answer.json()

    return asked


def put(ask, at, piece, file="a", size=SIZE, name="good/a.png", **said):
    return ask("PUT", file, piece, at=at, size=size, name=name, **said)


def test_what_a_file_was_sent_for_is_remembered(ask, shelf):
    for role in ("test", "masks", "nonsense", ""):
        put(ask, 0, CONTENT[:10], role, role=role)
    assert [file.role for file in shelf.tray.files.values()] == ["test", "masks", "placed"]
    assert 0 <= shelf.tray.quiet < 60
    shelf.tray.drop()
    assert shelf.tray.quiet == float("inf")


def test_a_file_goes_on_where_it_stopped_and_is_what_was_sent(ask, shelf):
    assert ask("GET") == (200, {"at": 0})
    assert put(ask, 0, CONTENT[:1000]) == (200, {"at": 1000})
    assert put(ask, 0, CONTENT[:1000]) == (409, {"at": 1000})
    assert put(ask, 5000, CONTENT[5000:]) == (409, {"at": 1000})
    assert shelf.tray.take("first", ["a"]) == []
    assert ask("GET") == (200, {"at": 1000})
    assert put(ask, 1000, CONTENT[1000:] + b"more than was said") == (200, {"at": len(CONTENT)})
    ((name, content),) = shelf.tray.take("second", ["a", "a", "unknown"])
    assert (name, whole(content), len(content)) == ("good/a.png", CONTENT, len(CONTENT))
    assert content.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert shelf.tray.batches == ["first", "second"]


def test_what_came_before_the_connection_was_lost_is_kept(shelf):
    async def stream():
        yield CONTENT[:700]
        raise ClientDisconnect

    said = {"file": "a", "name": "a.png", "size": str(SIZE), "at": "0"}
    token = {"token": shelf.tray.token}
    asyncio.run(pieces.pieces(SimpleNamespace(method="PUT", path_params=token, query_params=said, stream=stream)))
    assert shelf.tray.files["a"].at == 700


def test_a_file_lies_on_the_disk_until_nobody_wants_it(ask, shelf):
    put(ask, 0, CONTENT)
    path = shelf.tray.files["a"].path
    assert path.stat().st_mode & 0o077 == 0
    taken = shelf.tray.take("b", ["a"])
    assert uploads.take(shelf, taken, "placed") == 1
    del taken
    gc.collect()
    assert path.exists()
    assert shelf.source.bytes == len(CONTENT)
    shelf.clear()
    gc.collect()
    assert not path.exists()


def test_forgotten_files_are_gone_at_once_whoever_still_holds_them(ask, shelf):
    put(ask, 0, CONTENT)
    held = shelf.tray.take("b", ["a"])
    uploads.take(shelf, held, "placed")
    path = held[0][1].path
    shelf.remember("upload", {})
    shelf.source = None
    shelf.clear()
    assert not path.exists()


def test_nobody_reaches_another_browsers_files(ask):
    assert ask("GET", token="x" * 43)[0] == 404
    assert put(lambda *a, **k: ask(*a, token="x" * 43, **k), 0, b"a")[0] == 404


@pytest.mark.parametrize(
    "values", [{}, {"at": "0"}, {"at": "-1", "size": "3"}, {"at": "0", "size": "1" * 40}, {"at": "x", "size": "3"}]
)
def test_what_no_page_of_ours_sends_is_refused(ask, values):
    assert ask("PUT", "a", b"abc", **values)[0] == 400


def test_what_is_announced_counts_from_then_on(shelf, ask, monkeypatch):
    limits = replace(LIMITS, session_mb=3 * len(CONTENT) / MB)

    async def bound(request):
        return await pieces.pieces(request, limits)

    bounded = Route("/pieces/{token}", bound, methods=["PUT"])
    client = TestClient(Starlette(routes=[bounded]))
    said = [
        client.put(f"/pieces/{shelf.tray.token}", params={"file": n, "at": 0, "size": len(CONTENT), "name": f"{n}.png"})
        for n in range(4)
    ]
    assert [answer.status_code for answer in said] == [200, 200, 200, 413]
    assert [(name, key) for name, key, _ in shelf.tray.refused] == [("3.png", "session")]
    uploads.take(shelf, [], "placed")
    assert [name for name, _, _ in shelf.refused] == ["3.png"]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1, 1, 300 * MB))
    assert put(ask, 0, b"", "large", 60 * MB) == (413, {"why": "all"})


def test_files_can_be_let_go_of_and_do_not_wait_for_ever(ask, shelf):
    for file in "abc":
        put(ask, 0, CONTENT[:10], file)
    first = shelf.tray.files["a"].path
    assert ask("DELETE", "")[0] == 200
    assert (shelf.tray.files, first.exists()) == ({}, False)
    put(ask, 0, CONTENT[:10], "late")
    shelf.tray.expire(time.monotonic())
    assert "late" in shelf.tray.files
    shelf.tray.expire(time.monotonic() + tray.IDLE_SECONDS + 1)
    assert shelf.tray.files == {}


def test_folders_of_processes_that_ended_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(tray.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tray.tempfile, "tempdir", str(tmp_path))
    old, other = tmp_path / "odd-one-out-pictures-999999999-x", tmp_path / "odd-one-out-else"
    for made in (old, other):
        made.mkdir()
    assert tray.folder.__wrapped__().parent == tmp_path
    assert (old.exists(), other.exists()) == (False, True)


def test_a_worker_is_told_of_a_whole_file_once_and_room_is_what_it_then_takes(shelf):
    told = []

    class Work:
        def wait(self, seconds):
            return shelf.tray.files["a"].path.with_suffix(".kept").exists()

    def keep(content):
        told.append(content)
        return Work()

    limits = replace(LIMITS, session_mb=(SIZE + 1000) / MB)
    client = TestClient(Starlette(routes=[pieces.route(keep)]))
    address = f"/images/pieces/{shelf.tray.token}"

    def send(file, piece, at=0):
        values = {"file": file, "at": at, "size": SIZE, "name": f"{file}.png"}
        return client.put(address, params=values, content=piece).json()

    send("a", CONTENT[:1000])
    assert not told
    send("a", CONTENT[1000:], 1000)
    (content,) = told
    assert (content.size, content.sha256) == (SIZE, hashlib.sha256(CONTENT).hexdigest())
    assert asyncio.run(pieces._no_room(shelf, shelf.tray, 900, limits)) is None
    assert pieces._lacking(shelf, shelf.tray, SIZE, limits)[0] == "session"

    async def shrunk_meanwhile():
        waiting = asyncio.create_task(pieces._no_room(shelf, shelf.tray, SIZE, limits))
        await asyncio.sleep(0)
        content.small.write_bytes(b"small")
        content.path.unlink()
        return await waiting

    assert asyncio.run(shrunk_meanwhile()) is None
    assert shelf.tray.bytes == 5
