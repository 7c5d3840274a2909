"""What an action costs the server, and how long thirty tabs wait: `python -m tests.benchmarks.class_of_thirty`.

First one tab acts on every page, with a finished run of 45 test pictures and with one of 600: milliseconds of the
processor that the page process takes for an action, and bytes that it sends. Then thirty and sixty tabs act every 4
seconds on a mix of all pages, while fits are under way all the time: waits by page and action, and the processor's time
of the page process and of this script, which share the machine's cores with the workers. At last the memory of all
processes after a run, with thirty tabs that have seen all pages and sent pictures, and after these have gone. Lines
that begin with | are rows of the README's tables.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tests.benchmarks.raw_session import Answer, RawSession

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import serving, showing

PAGES = ("images", "", "scores", "inspect", "stress", "live", "learn", "export")  # "" is where the app opens: compare
ACTIONS = ("rerun", "threshold")
SENT = 16  # pictures of a tab
TIMES = 12  # an action is repeated, for one cost
EVERY = 4.0  # seconds between two actions of a tab
SECONDS = 60.0  # that a class works
CLASSES = (30, 60)
ROLES = {"scheduler": "process scheduler", "worker": "process worker", "cameras": "detectors.live"}
KEPT_SECONDS = 75.0  # that a closed tab's session is kept for its return, and a little more


def main() -> None:
    """Print the costs of one tab's actions, then the waits of a class."""
    found: dict[str, list[dict[str, float]]] = {page: [] for page in PAGES}
    for state, pictures in (("scored", 45), ("many", 600)):
        with showing(state) as address:
            for page, costs in asyncio.run(one_tab(address, f"{pictures} test pictures")).items():
                found[page].append(costs)
    for page, each in found.items():
        cells = [f"{1e3 * costs[name]:.0f}" if name in costs else "-" for costs in each for name in ACTIONS]
        print(f"| {page or 'compare'} | {' | '.join(cells)} |")
    with tempfile.TemporaryDirectory() as folder, serving("app.py", ODD_CACHE=folder) as address:
        for count in CLASSES:
            asyncio.run(a_class(address, count))
    with tempfile.TemporaryDirectory() as folder, serving("app.py", ODD_CACHE=folder) as address:
        asyncio.run(come_and_gone(address, CLASSES[0]))


async def one_tab(address: str, said: str) -> dict[str, dict[str, float]]:
    """Print what each action costs on each page, and return the processor's seconds."""
    found: dict[str, dict[str, float]] = {}
    server, tab = page_process(), RawSession(address)
    await tab.open()
    print(f"{said}: processor ms and kB of one action; the largest message of a rerun with nothing changed")
    for page in PAGES:
        try:
            opened = await tab.go(page)
            await tab.rerun()
            costs = {"rerun": await cost(server, tab.rerun)}
            kind, size = (await tab.rerun()).largest
            labels = tab.labels("w_allowed")
            if labels:
                moves = iter(labels[i % len(labels)] for i in range(1, TIMES + 3))
                costs["threshold"] = await cost(server, lambda moves=moves: tab.slide("w_allowed", next(moves)))
        except TimeoutError:
            print(f"  {page or 'compare':8} no answer in time")
            continue
        found[page] = {name: seconds for name, (seconds, _) in costs.items()}
        written = ", ".join(f"{name} {1e3 * s:5.0f} ms {sent / 1e3:6.1f} kB" for name, (s, sent) in costs.items())
        print(
            f"  {page or 'compare':8} {written}; first {opened.bytes / 1e3:6.1f} kB; largest {size / 1e3:.1f} kB {kind}"
        )
    await tab.close()
    return found


async def cost(server: psutil.Process, act: Callable[[], Awaitable[Answer]]) -> tuple[float, float]:
    """Return the processor's seconds that the server takes for an action, and the bytes that it sends."""
    await act()
    before = processor(server)
    answers = [await act() for _ in range(TIMES)]
    return (processor(server) - before) / TIMES, sum(answer.bytes for answer in answers) / TIMES


async def a_class(address: str, count: int) -> None:
    """Print how long the actions of so many tabs take while one tab keeps a fit under way."""
    server = page_process()
    tabs = [RawSession(address) for _ in range(count)]
    for tab in tabs:
        await tab.open()
    done, late = asyncio.Event(), []
    by: dict[tuple[str, str], list[float]] = {}
    before, began, own = processor(server), time.monotonic(), time.process_time()
    fitting = asyncio.create_task(keep_fitting(address, done))
    draws = random.Random(0)
    acting = [asyncio.create_task(act(tab, draws.random() * EVERY, draws.random(), done, by, late)) for tab in tabs]
    await asyncio.sleep(SECONDS)
    done.set()
    await asyncio.gather(*acting)
    runs = await fitting
    took = time.monotonic() - began
    shares = (processor(server) - before) / took, (time.process_time() - own) / took
    waits = [seconds for each in by.values() for seconds in each]
    print(
        f"{count} tabs, {len(waits)} actions, {runs} runs fitted meanwhile: {quantiles(waits)}, "
        f"longest {1e3 * max(waits):.0f} ms, {len(late)} without an answer; the page process took "
        f"{100 * shares[0]:.0f} % of a core, this script {100 * shares[1]:.0f} %"
    )
    for (page, action), each in sorted(by.items()):
        print(f"  {page or 'compare':8} {action:9} {len(each):4} times: {quantiles(each)}")
    row(f"{count} tabs at work while one fits")
    for tab in tabs:
        with contextlib.suppress(Exception):
            await tab.close()


async def come_and_gone(address: str, count: int) -> None:
    """Print the memory after a run, with so many tabs that have seen all pages, and after they have gone."""
    tab = RawSession(address)
    await tab.open()
    while tab.polled:
        await asyncio.sleep(0.5)
        tab.polled = {}
        await tab.rerun()
    row("after a run of all five methods")
    tabs = [RawSession(address) for _ in range(count)]
    for seed, each in enumerate(tabs):
        await each.open()
        await each.go("images")
        await each.upload(pictures(seed))
        for _ in range(60):  # until a worker has looked at them
            each.polled = {}
            await each.rerun()
            if not each.polled:
                break
            await asyncio.sleep(0.5)
        for page in PAGES:
            await each.go(page)
    row(f"{count} tabs that have seen all pages and sent {SENT} pictures each")
    for each in tabs:
        await each.close()
    await asyncio.sleep(KEPT_SECONDS)
    await tab.rerun()
    row("after they have gone")
    await tab.close()


async def act(
    tab: RawSession, start: float, seed: float, done: asyncio.Event,
    by: dict[tuple[str, str], list[float]], late: list[RawSession],
) -> None:  # fmt: skip
    """Do one thing every four seconds: mostly another page, else a threshold or the same page again."""
    draws = random.Random(seed)
    await asyncio.sleep(start)
    while not done.is_set():
        began = time.monotonic()
        labels = tab.labels("w_allowed")
        chosen = draws.random()
        try:
            if chosen < 0.4:
                action, answer = "opened", await tab.go(draws.choice(PAGES))
            elif chosen < 0.7 and labels:
                action, answer = "threshold", await tab.slide("w_allowed", draws.choice(labels))
            else:
                action, answer = "rerun", await tab.rerun()
            by.setdefault((tab.page, action), []).append(answer.seconds)
        except TimeoutError:
            late.append(tab)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), max(0.0, EVERY - (time.monotonic() - began)))


async def keep_fitting(address: str, done: asyncio.Event) -> int:
    """Begin one run after the other, each by another seed, and watch it as a tab does; return how many there were."""
    runs = 0
    while not done.is_set():
        runs += 1
        tab = RawSession(address, seed=str(runs))
        await tab.open()
        while tab.polled and not done.is_set():
            await asyncio.sleep(min(tab.polled.values()))
            tab.polled = {}
            await tab.rerun()
        await tab.close()
    return runs


def page_process() -> psutil.Process:
    """Return the server that this script has started."""
    return next(
        child for child in psutil.Process().children(recursive=True) if "streamlit" in " ".join(child.cmdline())
    )


def processor(process: psutil.Process) -> float:
    """Return the seconds of the processor that a process has used, ended threads included."""
    times = process.cpu_times()
    return times.user + times.system


def quantiles(waits: list[float]) -> str:
    """Return the median and the 95 % point in milliseconds."""
    ordered = sorted(waits)
    return ", ".join(f"p{int(100 * q)} {1e3 * ordered[int(q * (len(ordered) - 1))]:.0f} ms" for q in (0.5, 0.95))


def pictures(seed: int) -> dict[str, bytes]:
    """Return small PNG files that no other tab sends."""
    draws, made = np.random.default_rng(seed), {}
    for i in range(SENT):
        buffer = io.BytesIO()
        Image.fromarray(draws.integers(0, 255, (200, 200, 3), np.uint8)).save(buffer, "PNG")
        made[f"{seed}-{i}.png"] = buffer.getvalue()
    return made


def row(title: str) -> None:
    """Print what each process of the server occupies, and all together, as a row of the README's table."""
    server = page_process()
    found = {"page process": server.memory_info().rss}
    for child in server.children(recursive=True):
        command = " ".join(child.cmdline())
        name = next((role for role, part in ROLES.items() if part in command), "others")
        found[name] = found.get(name, 0) + child.memory_info().rss
    found["all"] = sum(found.values())
    names = ("page process", "worker", "scheduler", "cameras", "all")
    print(f"| {title} | {' | '.join(f'{found[name] / 1e6:.0f}' if name in found else '-' for name in names)} |")


if __name__ == "__main__":
    main()
