"""Seconds from opening the page to its parts, in a real Chromium: `python -m tests.benchmarks.first_map [--parts]`.

Once cold (an empty cache folder: nothing of the project's is kept), once warm (what the first server kept is there),
and each once more for a second visitor of the same server. Counted from the opening of the page, right after the server
answers. `--parts` also prints when what happened in which process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import chromium, serving

TITLE = "() => document.querySelector('h1') !== null"
PICTURES = (
    "() => [...document.querySelectorAll('*')].some("
    "e => [...(e.shadowRoot?.querySelectorAll('.tile[data-state=map], .tile img, .tile canvas') ?? [])].some("
    "p => p.tagName !== 'IMG' || p.naturalWidth > 0))"
)
FIRST = (
    "() => [...document.querySelectorAll('*')].some("
    "e => [...(e.shadowRoot?.querySelectorAll('.head') ?? [])].some(h => h.innerText.includes('missed')))"
)
ALL = "() => /Up to date|Someone ran these choices/.test(document.body.textContent)"
LOOKS = 50  # milliseconds between two looks at the page: looking at every frame would take a core from what it awaits


def main() -> None:
    executable = chromium()
    if executable is None:
        raise SystemExit("There is no Chromium; name one in ODD_CHROMIUM.")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=executable)
        for name in ("cold", "warm"):
            timeline = Path(folder) / f"{name}.tsv"
            begun = time.time()
            with serving("app.py", ODD_CACHE=str(Path(folder) / "cache"), ODD_TIMELINE=str(timeline)) as address:
                answered = time.time()
                moments = visit(browser, address, f"{name}, first visitor")
                visit(browser, address, f"{name}, second visitor")
            if "--parts" in sys.argv:
                print(f"{begun - answered:7.2f}         server      is started")
                parts(timeline, answered, moments)
        browser.close()


def visit(browser: Browser, address: str, name: str) -> dict[str, float]:
    """Open the page, print when what is there, and return it in seconds since 1970."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = context.new_page()
    received: list[int] = []
    moments: dict[str, float] = {}
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.on("websocket", lambda socket: moments.setdefault("the script of Streamlit connects", time.time()))
    before = processor()
    started = time.time()
    page.goto(address, wait_until="commit")
    moments["the page is answered"] = time.time()
    for what, there in (("title", TITLE), ("pictures", PICTURES), ("first method", FIRST), ("all five", ALL)):
        page.wait_for_function(there, timeout=120_000, polling=LOOKS)
        moments[what] = time.time()
    said = [f"{what} {moments[what] - started:5.1f} s" for what in ("title", "pictures", "first method", "all five")]
    print(f"{name:22} {', '.join(said)}; {sum(received) / 1e6:.2f} MB received", flush=True)
    spent = spent_since(before)
    print(f"{'':22} seconds of the processor: {', '.join(f'{who} {s:.1f}' for who, s in spent.items())}", flush=True)
    context.close()
    return moments


def processor() -> dict[int, tuple[str, float]]:
    """Return by process what each of this script's children is and the seconds of the processor that it has used."""
    found = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            command, times = " ".join(child.cmdline()), child.cpu_times()
            kinds = {"process worker": "worker", "process scheduler": "scheduler", "assistant": "drawing"}
            kinds |= {"streamlit run": "page process", "chrom": "browser"}
            who = next((kind for part, kind in kinds.items() if part in command), "this script")
            found[child.pid] = who, times.user + times.system
    return found


def spent_since(before: dict[int, tuple[str, float]]) -> dict[str, float]:
    """Return the seconds of the processor since then by kind of process, but for those that have ended."""
    total: dict[str, float] = {}
    for pid, (who, seconds) in processor().items():
        total[who] = total.get(who, 0.0) + seconds - before.get(pid, ("", 0.0))[1]
    return total


def parts(timeline: Path, answered: float, moments: dict[str, float]) -> None:
    """Print what happened where: seconds since the server answered, seconds of the processor so far, which process."""
    lines = [line.split("\t") for line in timeline.read_text("utf-8").splitlines()] if timeline.is_file() else []
    found = [(float(at), f"{float(spent):5.1f}", who, what) for at, spent, who, what in lines]
    found += [(at, "", "browser", what) for what, at in moments.items()]
    last = max(moments.values())
    for at, spent, who, what in sorted(found):
        if at <= last:
            print(f"{at - answered:7.2f}  {spent:5}  {who:10}  {what}")


if __name__ == "__main__":
    main()
