"""Live answers a second, in a real Chromium on the same cores: `python -m tests.benchmarks.live`.

A film that the project draws stands in for the camera. All methods are taught and answer, then PatchCore alone, then
all methods while another visitor's are fitted again and again. Prints the medians and what the processes occupy.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import SETTLED, chromium, filming, serving
from fixtures import camera

SECONDS = 10
BARS = {"all methods": 6, "PatchCore alone": 10, "all methods, another fit running": 3}


def main() -> None:
    if chromium() is None:
        raise SystemExit("There is no Chromium; name one in ODD_CHROMIUM.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play, serving() as address:
        film = Path(folder) / "plate.y4m"
        camera.video(film)
        plain = play.chromium.launch(executable_path=chromium())
        with filming(plain, film) as browser:
            plain.close()
            everything = taught(browser, f"{address}/live")
            rates = {"all methods": answers(everything)}
            alone = taught(browser, f"{address}/live?methods=patchcore")
            everything.context.close()
            rates["PatchCore alone"] = answers(alone)
            alone.context.close()
            everything, other = (taught(browser, f"{address}/live") for _ in range(2))
            rates["all methods, another fit running"] = answers(everything, fitting=other)
            for name, rate in rates.items():
                print(f"{name:34} {rate:5.1f} answers a second, bar {BARS[name]}: {rate / BARS[name]:.1f} times")
            print("; ".join(memory()))


def taught(browser: Any, url: str) -> Any:
    """Open the page, show the film's first seconds, and wait until all methods have learnt."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB").new_page()
    page.goto(url)
    page.wait_for_selector(SETTLED, timeout=120_000)
    page.wait_for_selector(".live[data-way=open]", timeout=120_000)
    page.locator("button.open").click()
    page.wait_for_selector(".live[data-state=idle]")
    page.locator("button.learn").click()
    page.wait_for_selector(".taken li >> nth=19", timeout=120_000)
    page.wait_for_selector("progress", state="visible")
    began = time.perf_counter()
    page.wait_for_selector(".live[data-state=live]", timeout=120_000)
    print(f"ready {time.perf_counter() - began:.1f} s after the last frame", flush=True)
    return page


def answers(page: Any, fitting: Any = None) -> float:
    """Return the answers a second over some seconds, while another page has its methods fitted anew or not."""
    page.bring_to_front()
    before = page.evaluate("window.oddOneOutLive.number")  # frames are counted as they are sent, two ahead of answers
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        if fitting is not None and not fitting.locator("progress").is_visible():
            fitting.locator("button.normal").click()
        page.wait_for_timeout(200)
    return (page.evaluate("window.oddOneOutLive.number") - before) / SECONDS


def memory() -> list[str]:
    """Return in words what the server's processes for cameras occupy."""
    found = []
    for process in psutil.Process().children(recursive=True):
        for name in ("answering", "fitting"):
            if f"detectors.live.{name}" in " ".join(process.cmdline()):
                found.append(f"{name}: {process.memory_info().rss / 1e6:.0f} MB")
    return found


if __name__ == "__main__":
    main()
