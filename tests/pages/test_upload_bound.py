"""What may lie in the server's upload store, by session and in all, however it was sent."""

import asyncio
from types import SimpleNamespace

import pytest

from detectors.images import Limits
from pages.frame import upload_bound
from pages.frame.upload_bound import UploadBound

MB = 2**20
LIMITS = Limits(weights_mb=4, session_weights_mb=10, all_weights_mb=25)


class Store:
    """An upload store behind the middleware: it keeps what it is sent, as Streamlit does."""

    def __init__(self, monkeypatch):
        self.files = {}
        monkeypatch.setattr(upload_bound, "_store", lambda: self.files)
        self.bound = UploadBound(self.keep, LIMITS)

    async def keep(self, scope, receive, send):
        await asyncio.sleep(0)
        if scope["method"] == "PUT":
            _, session, file = scope["path"].rsplit("/", 2)
            data = bytes(int(dict(scope["headers"])[b"content-length"]))
            self.files.setdefault(session, {})[file] = SimpleNamespace(data=data)
        await send({"type": "http.response.start", "status": 204})

    async def put(self, session, file, size, method="PUT", path="/_stcore/upload_file"):
        answers = []

        async def send(message):
            answers.append(message)

        headers = [] if size is None else [(b"content-length", str(size).encode())]
        scope = {"type": "http", "method": method, "path": f"{path}/{session}/{file}", "headers": headers}
        await self.bound(scope, None, send)
        return answers[0]["status"]


@pytest.fixture
def store(monkeypatch):
    return Store(monkeypatch)


def test_a_session_has_its_share_and_all_have_theirs(store):
    async def work():
        said = [await store.put("a", n, 3 * MB) for n in range(4)]
        said += [await store.put("b", n, 3 * MB) for n in range(4)]
        said += [await store.put("c", n, 3 * MB) for n in range(4)]
        return said

    assert asyncio.run(work()) == [204, 204, 204, 413] * 2 + [204, 204, 413, 413]
    assert sum(len(f.data) for files in store.files.values() for f in files.values()) <= 25 * MB


def test_uploads_at_once_count_before_they_are_there(store):
    async def work():
        return await asyncio.gather(*(store.put("a", n, 3 * MB) for n in range(16)))

    assert sorted(asyncio.run(work())) == [204] * 3 + [413] * 13
    assert store.bound.coming == {}


def test_one_file_is_no_larger_than_weights_may_be_and_says_how_large_it_is(store):
    assert asyncio.run(store.put("a", 0, 5 * MB)) == 413
    assert asyncio.run(store.put("a", 0, None)) == 411
    assert asyncio.run(store.put("a", 0, 5 * MB, method="DELETE")) == 204
    assert asyncio.run(store.put("a", 0, 5 * MB, path="/elsewhere")) == 204
