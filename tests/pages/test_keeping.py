"""The name under which a browser finds its own pictures again."""

import asyncio
import re

import pytest

from detectors.images import Limits
from pages.frame import keeping
from pages.frame.keeping import COOKIE, KeepCookie

LIMITS = Limits(keep_hours=2)
NAME = "A" * 43


def given(monkeypatch, cookie=None, kind=b"text/html; charset=utf-8", address="localhost", method="GET", **scope):
    """Return what the browser is told to keep, None where it is told nothing."""
    monkeypatch.setattr(keeping.st, "get_option", {"server.address": address}.get)
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})

    async def send(message):
        sent.append(message)

    headers = [] if cookie is None else [(b"cookie", cookie.encode())]
    scope = {"type": "http", "method": method, "path": "/", "headers": headers} | scope
    asyncio.run(KeepCookie(app, LIMITS)(scope, None, send))
    return dict(sent[0]["headers"]).get(b"set-cookie", b"").decode() or None


def test_each_browser_gets_a_name_that_nobody_can_guess(monkeypatch):
    names = {re.match(rf"{COOKIE}=([\w-]{{43}});", given(monkeypatch))[1] for _ in range(50)}
    assert len(names) == 50


def test_no_script_and_no_other_site_reads_it(monkeypatch):
    said = given(monkeypatch)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(said.split("; "))
    assert "Secure" not in said
    assert "Secure" in given(monkeypatch, scheme="https")


def test_a_visit_renews_it_and_forged_ones_are_replaced(monkeypatch):
    assert given(monkeypatch, f"a=b; {COOKIE}={NAME}").startswith(f"{COOKIE}={NAME};")
    for forged in ("x", NAME + "A", NAME[:-1] + "/", ""):
        assert not given(monkeypatch, f"{COOKIE}={forged}").startswith(f"{COOKIE}={forged};")


@pytest.mark.parametrize(
    ("address", "stays"), [("localhost", True), ("127.0.0.1", True), ("0.0.0.0", False), (None, False)]
)
def test_it_outlives_the_browser_only_on_ones_own_machine(monkeypatch, address, stays):
    assert ("Max-Age=7200" in given(monkeypatch, address=address)) is stays


def test_only_pages_carry_it(monkeypatch):
    assert given(monkeypatch, kind=b"application/json") is None
    assert given(monkeypatch, method="POST") is None
