"""What a whole data set costs the server on its way in: `python -m tests.benchmarks.upload [PICTURES SIDE KIND]`.

Draws a ZIP of so many pictures, as large as a category of MVTec AD (385 PNG of 1,024 pixels), or as a camera takes them
(`60 4000 jpeg`), sends it through a browser to a server of its own, and runs PatchCore on it. Prints megabytes sent and
kept, seconds, and the most that the server's processes occupied in each phase. Memory of their own counts as it is, and
what they read of a file once, in the process that reads most of it, as if nothing else ran on the machine: PSS would
count less of it where others run the same programs. The browser and this script are not counted.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.class_of_thirty import page_process

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import chromium, serving

EVERY = 0.2  # seconds between two looks at the memory
SETTLE_SECONDS = 10.0  # for which the server is left alone before anything is sent
KINDS = ("scheduler", "worker")


def main(pictures: int = 385, side: int = 1024, kind: str = "png") -> None:
    """Print what sending, decoding and a run take."""
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "category.zip"
        draw(packed, pictures, side, kind)
        print(f"{pictures} pictures of {side} x {side} ({kind}), {packed.stat().st_size / 2**20:.0f} MB as a ZIP")
        with serving("app.py", ODD_CACHE=folder) as address, browser() as page:
            watch = Watch(page_process())
            page.goto(f"{address}/images?methods=patchcore")
            page.wait_for_selector(".st-key-drop_buttons input[type=file]", state="attached", timeout=90_000)
            watch.phase("before")
            time.sleep(SETTLE_SECONDS)
            watch.phase("sending")
            page.locator(".st-key-drop_buttons input[type=file]").first.set_input_files(packed)
            page.wait_for_function("location.search.includes('data=own')", timeout=600_000)
            watch.phase("decoding")
            page.wait_for_selector(".odd-room", timeout=600_000)  # tiles alone may still be those of other pictures
            page.wait_for_selector(".st-key-normal_gallery .tile", timeout=600_000)
            watch.phase("looking")
            time.sleep(2)
            said = page.locator(".odd-room").inner_text()
            print(f"kept: {kept(page_process()) / 2**20:.0f} MB; the page says: {said}")
            watch.phase("run")
            page.locator(".st-key-run button").click()
            page.get_by_role("link", name=re.compile("Compare")).first.click()
            page.wait_for_selector(".tile canvas:not([hidden])", timeout=600_000)
            watch.end()


def draw(path: Path, pictures: int, side: int, kind: str) -> None:
    """Write a ZIP in the layout of MVTec AD: 3 of 4 pictures to learn from, one in six of the others good."""
    draws = np.random.default_rng(0)
    small = draws.random((side // 16 + 1, side // 16 + 1, 3))
    ground = np.asarray(Image.fromarray((80 + 100 * small).astype(np.uint8)).resize((side, side)))
    grain = draws.integers(0, 5, (side + 64, side + 64), dtype=np.uint8)[..., None]
    with zipfile.ZipFile(path, "w") as packed:
        for i in range(pictures):
            y, x = draws.integers(0, 64, 2)
            pixels = ground + grain[y : y + side, x : x + side]
            role = "train/good" if i % 4 else "test/good" if i % 24 == 0 else "test/spot"
            if role == "test/spot":
                at = draws.integers(side // 4, side // 2, 2)
                pixels[at[0] : at[0] + side // 12, at[1] : at[1] + side // 12] = 30
            written = io.BytesIO()
            Image.fromarray(pixels).save(written, kind.upper(), **({"compress_level": 1} if kind == "png" else {}))
            packed.writestr(f"{role}/{i:03}.{kind}", written.getvalue())


def kept(server: psutil.Process) -> int:
    """Return the bytes of own pictures on the server's disk."""
    folders = Path(tempfile.gettempdir()).glob(f"odd-one-out-pictures-{server.pid}-*")
    return sum(file.stat().st_size for folder in folders for file in folder.iterdir())


class Watch:
    """Notes the most memory of each phase and its seconds, and prints them when the next one begins."""

    def __init__(self, server: psutil.Process) -> None:
        self._server, self._name, self._began = server, "start", time.monotonic()
        self._most: dict[str, int] = {}
        self._spent = spent(server)
        self._over = False
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def phase(self, name: str) -> None:
        """End a phase and begin another."""
        most, seconds, before = self._most, time.monotonic() - self._began, self._spent
        self._most, self._began, self._spent = {}, time.monotonic(), spent(self._server)
        said = ", ".join(f"{kind} {size >> 20}" for kind, size in most.items() if kind != "all")
        worked = f"{seconds:6.1f} s, {self._spent - before:6.1f} s of the processor"
        print(f"  {self._name:9} {worked}, at most {most.get('all', 0) >> 20:5} MB: {said}", flush=True)
        self._name = name

    def end(self) -> None:
        """End the last phase."""
        self.phase("")
        self._over = True
        self._thread.join()

    def _look(self) -> None:
        while not self._over:
            found = occupied(self._server)
            if found["all"] > self._most.get("all", 0):
                self._most = found
            time.sleep(EVERY)


def spent(server: psutil.Process) -> float:
    """Return the seconds of the processor that a server's processes have used."""
    found = 0.0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            found += times.user + times.system
    return found


def occupied(server: psutil.Process) -> dict[str, int]:
    """Return the bytes that a server's processes occupy, by kind, and of all."""
    found: dict[str, int] = {}
    read: dict[str, dict[str, int]] = {}  # of each file, by the kind of process
    for process in (server, *server.children(recursive=True)):
        try:
            command, maps = " ".join(process.cmdline()), process.memory_maps(grouped=True)
        except psutil.Error:
            continue
        kind = "pages" if process == server else next((k for k in KINDS if f"process {k}" in command), "others")
        for part in maps:
            found[kind] = found.get(kind, 0) + part.anonymous
            if part.rss > part.anonymous:
                read.setdefault(part.path, {}).setdefault(kind, 0)
                read[part.path][kind] += part.rss - part.anonymous
    for kinds in read.values():
        most = max(kinds, key=lambda kind: kinds[kind])
        found[most] += kinds[most]
    return {"all": sum(found.values())} | found


@contextmanager
def browser() -> Iterator[Page]:
    """Open a browser with one page."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium())
        yield opened.new_page(viewport={"width": 1440, "height": 1200})
        opened.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(int(each) for each in given[:2]), *given[2:3])
