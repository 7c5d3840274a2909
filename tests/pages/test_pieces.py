"""Files that come piece by piece: they go on where they stopped, within the room there is, and lie on the disk."""

import asyncio
import gc
import hashlib
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.testclient import TestClient

from detectors.datasets.files import keeping
from detectors.datasets.files.contents import Segmented, whole
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


GRAIN = np.random.default_rng(0).integers(0, 9, (900, 1300, 1), dtype=np.uint8)
LARGE = encoded(scene(900, 1300) // 2 + GRAIN, compress_level=1)
PACKED = zipped({f"good/{i}.png": LARGE for i in range(5)} | {f"masks/{i}.txt": b"few" for i in range(9)})


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
    assert asyncio.run(pieces._no_room(shelf, 900, SIZE, limits)) is None
    assert pieces._lacking(shelf, SIZE, SIZE, limits)[0] == "session"

    async def shrunk_meanwhile():
        waiting = asyncio.create_task(pieces._no_room(shelf, SIZE, SIZE, limits))
        await asyncio.sleep(0)
        content.small.write_bytes(b"small")
        content.path.unlink()
        return await waiting

    assert asyncio.run(shrunk_meanwhile()) is None
    assert shelf.tray.bytes == 5


class Done:
    """A work that is over as soon as it is asked for."""

    def __init__(self, content):
        keeping.keep(content)

    def wait(self, seconds):
        return True


def sending(shelf, limits=LIMITS, keep=Done):
    """A browser that sends a ZIP as ours do, `most` pieces of it; the answers of all."""

    async def bound(request):
        return await pieces.pieces(request, limits, keep)

    client = TestClient(Starlette(routes=[Route("/pieces/{token}", bound, methods=["GET", "PUT"])]))

    def send(data, most=10**6, piece=100_000, **changes):
        said = {"file": "a", "name": "set.zip", "size": len(data), "role": "placed", "zip": 1} | changes
        answer = client.get(f"/pieces/{shelf.tray.token}", params=said).json()
        told = [answer]
        while "why" not in answer and answer["at"] < len(data) and most > 0:
            begins = answer.get("end", answer["at"])
            body = data[begins:] if "end" in answer else data[begins : begins + piece]
            answer = client.put(f"/pieces/{shelf.tray.token}", params=said | {"at": begins}, content=body).json()
            told.append(answer)
            most -= 1
        return told

    return send


def test_a_zip_comes_end_first_and_each_large_picture_is_shrunk_as_it_comes(shelf):
    send = sending(shelf)
    told = send(PACKED, most=35)
    assert told[:2] == [{"at": 0, "end": len(PACKED) - pieces.END}, {"at": 0}]
    arriving = shelf.tray.files["a"]
    assert 1 <= arriving.whole < 5
    assert arriving.bytes < 0.8 * arriving.at
    assert shelf.tray.take("early", ["a"]) == []
    stopped = arriving.at
    told = send(PACKED)  # as after a reload
    assert (told[0], told[-1]) == ({"at": stopped}, {"at": len(PACKED)})
    ((name, content),) = shelf.tray.take("all", ["a"])
    assert (name, len(content), content.sha256) == ("set.zip", len(PACKED), hashlib.sha256(PACKED).hexdigest())
    assert all(path.stat().st_mode & 0o077 == 0 for path in content.paths if path.exists())
    uploads.take(shelf, [(name, content)], "placed")
    assert shelf.source.bytes < 0.7 * len(PACKED)
    assert [file.name for file in keeping.list_zip(content).files][:2] == ["good/0.png", "good/1.png"]
    folder = content.paths[0].parent
    shelf.clear()
    assert not [path for path in folder.iterdir() if path.name.startswith(content.paths[0].name.partition(".")[0])]


def test_a_zip_that_was_cut_off_is_used_as_far_as_it_came(shelf):
    sending(shelf)(PACKED, most=35)
    n = shelf.tray.files["a"].whole
    ((_, content),) = shelf.tray.take("cut off", ["a"], cut_off=True)
    assert [file.name for file in keeping.list_zip(content).files] == [f"good/{i}.png" for i in range(n)]
    assert len(keeping.list_zip(content).refused) == 14 - n
    sending(shelf)(PACKED, most=35)
    paths = shelf.tray.files["a"].content.paths
    assert paths[0].exists() or paths[0].with_name(f"{paths[0].name}.kept").exists()
    shelf.tray.drop()
    assert not any(path.exists() or path.with_name(f"{path.name}.kept").exists() for path in paths)


def test_of_a_zip_what_it_takes_counts_not_what_is_sent(shelf):
    send = sending(shelf, replace(LIMITS, session_mb=0.9 * len(PACKED) / MB))
    assert send(PACKED, piece=MB // 8)[-1] == {"at": len(PACKED)}
    shelf.tray.drop()
    monochrome = [np.random.default_rng(i).integers(0, 255, (600, 600), dtype=np.uint8) for i in range(8)]
    stays = zipped({f"good/{i}.png": encoded(pixels) for i, pixels in enumerate(monochrome)})
    send = sending(shelf, replace(LIMITS, session_mb=0.75 * len(stays) / MB))
    assert send(stays)[-1] == {"why": "session"}
    assert (shelf.tray.files, shelf.tray.refused[-1][2]["mb"]) == ({}, len(stays) / MB)


def test_a_zip_in_one_counts_as_a_whole_and_is_what_was_sent(shelf):
    whole_one = b"PK\x03\x04" + bytes(200_000)
    told = sending(shelf)(whole_one)
    assert told[0] == {"at": 0, "end": len(whole_one) - pieces.END}
    ((_, content),) = shelf.tray.take("all", ["a"])
    assert not isinstance(content, Segmented)
    assert whole(content) == whole_one
    small = replace(LIMITS, session_mb=len(whole_one) / 2 / MB)
    assert sending(shelf, small)(whole_one)[-1] == {"why": "session"}


def test_the_end_of_a_zip_that_is_cut_off_or_comes_from_elsewhere_is_asked_for_again(shelf):
    send = sending(shelf)
    first = send(PACKED, most=0)[0]["end"]

    async def stream():
        yield PACKED[first : first + 100]
        raise ClientDisconnect

    said = {"file": "a", "name": "a.zip", "size": str(len(PACKED)), "zip": "1"}
    token = {"token": shelf.tray.token}
    for at in (first, first + 1, 0):
        request = SimpleNamespace(method="PUT", path_params=token, query_params=said | {"at": str(at)}, stream=stream)
        asyncio.run(pieces.pieces(request))
        assert (shelf.tray.files["a"].at, shelf.tray.files["a"].end) == (0, first)
    assert send(PACKED)[-1] == {"at": len(PACKED)}
