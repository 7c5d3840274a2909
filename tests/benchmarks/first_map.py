"""Seconds from opening the page to its parts, in a real Chromium: `python -m tests.benchmarks.first_map`.

Once cold (an empty cache folder: the built-in pictures are drawn first), once warm (they are read), and once for a
second visitor of a server that has run. Also prints what the grid of the first page weighs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import chromium, serving


def main() -> None:
    executable = chromium()
    if executable is None:
        raise SystemExit("There is no Chromium; name one in ODD_CHROMIUM.")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as cache:
        browser = play.chromium.launch(executable_path=executable)
        for name in ("cold", "warm"):
            with serving("app.py", ODD_CACHE=cache) as address:
                visit(browser, address, f"{name}, first visitor")
                visit(browser, address, f"{name}, second visitor")
        browser.close()


def visit(browser: Browser, address: str, name: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = context.new_page()
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("h1", timeout=120_000)
    title = time.perf_counter() - started
    page.wait_for_selector(".tile[data-state=map], .map canvas, .tile canvas", timeout=120_000)
    pictures = time.perf_counter() - started
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].some("
        "e => [...(e.shadowRoot?.querySelectorAll('.head') ?? [])].some(h => h.innerText.includes('missed')))",
        timeout=120_000,
    )
    first = time.perf_counter() - started
    page.get_by_text("Up to date").or_(page.get_by_text("Someone ran these choices")).wait_for(timeout=120_000)
    everything = time.perf_counter() - started
    print(
        f"{name:22} title {title:5.1f} s, pictures {pictures:5.1f} s, first method {first:5.1f} s, "
        f"all five {everything:5.1f} s; {sum(received) / 1e6:.2f} MB received",
        flush=True,
    )
    context.close()


if __name__ == "__main__":
    main()
