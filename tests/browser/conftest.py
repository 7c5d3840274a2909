"""What browser tests share: a Chromium, what a module serves, and visits that no error in the browser survives.

A module names the state of the work that its pages show (`STATE`, of `fixtures.backend`) or, without one, gets the app
with its own workers. Its tests `visit` pages in a new context each; a module whose tests go on where the last one
stopped uses `stay`, whose contexts last as long as the module.

A machine that is busy may be slower than a test has patience: what fails is tried once more, and the summary names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser.serving import SETTLED, chromium, serving, showing

HERE = Path(__file__).parent
WAIT = 60_000  # milliseconds for a page to be drawn: machines are busy
EXPECT = 15_000  # for what is expected on it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives a browser, and say loudly where there is none."""
    absent = pytest.mark.skip(reason="NO CHROMIUM: install one or name it in ODD_CHROMIUM; nothing was looked at")
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=1))
            if chromium() is None:
                item.add_marker(absent)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=EXPECT)
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium())
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve the state of the work that the module names, else the app as a person starts it."""
    state = getattr(request.module, "STATE", None)
    with serving() if state is None else showing(state) as url:
        yield url


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open pages, each in a context of its own that is closed after the test."""
    with visits(browser, address) as visit:
        yield visit


@pytest.fixture(scope="module")
def stay(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Open pages that stay open through all tests of the module."""
    with visits(browser, address) as visit:
        yield visit


@contextmanager
def visits(browser: Any, address: str) -> Iterator[Callable[..., Any]]:
    """Yield `visit(path, awaited, ...)`; an error on one of its pages fails the test when all are closed.

    A page's `sent` and `received` list the sizes of its messages to and from the server.
    """
    contexts, failures = [], []

    def visit(path: str = "", awaited: str = "", wait: float = WAIT, script: str = "", **options: Any) -> Any:
        """Open a page and wait until its script has ended and what is awaited is there.

        Args:
            path: from the module's address, with a query; or a whole address.
            awaited: a selector.
            wait: milliseconds.
            script: runs in the page before its own.
            options: of the browser's context.
        """
        options = {"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB"} | options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.sent, page.received = [], []

        def listen(socket: Any) -> None:
            socket.on("framesent", lambda frame: page.sent.append(len(frame)))
            socket.on("framereceived", lambda frame: page.received.append(len(frame)))

        page.on("websocket", listen)
        page.on("pageerror", lambda error: failures.append(str(error)))
        if script:
            page.add_init_script(script)
        page.goto(path if "://" in path else f"{address}/{path}")
        page.wait_for_selector(SETTLED, timeout=wait)
        if awaited:
            page.wait_for_selector(awaited, timeout=wait)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert failures == []
