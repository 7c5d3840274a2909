"""What an action costs the server, and how long thirty tabs wait: `python -m tests.benchmarks.class_of_thirty`.

First one tab acts on every page, with a finished run of 45 test pictures and with one of 600: seconds of the processor
that the page process takes for an action, and bytes that it sends. Then thirty and sixty tabs act every 4 seconds on a
mix of all pages, while fits are under way all the time; the share of late answers and the memory of all processes are
printed. All of it shares the machine's cores with the workers and with this script.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil

from tests.benchmarks.raw_session import Answer, RawSession

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.serving import serving, showing

PAGES = ("images", "", "scores", "inspect", "stress", "live", "learn", "export")  # "" is where the app opens: compare
TIMES = 12  # an action is repeated, for one cost
EVERY = 4.0  # seconds between two actions of a tab
SECONDS = 60.0  # that a class works
CLASSES = (30, 60)
KEPT_SECONDS = 75.0  # that a closed tab's session is kept for its return, and a little more


def main() -> None:
    """Print the costs of one tab's actions, then the waits of a class."""
    for state, pictures in (("scored", 45), ("many", 600)):
        with showing(state) as address:
            asyncio.run(one_tab(address, f"{pictures} test pictures"))
    with tempfile.TemporaryDirectory() as folder, serving("app.py", ODD_CACHE=folder) as address:
        for count in CLASSES:
            asyncio.run(a_class(address, count))
    with tempfile.TemporaryDirectory() as folder, serving("app.py", ODD_CACHE=folder) as address:
        asyncio.run(come_and_gone(address, CLASSES[0]))


async def one_tab(address: str, said: str) -> None:
    """Print what each action costs on each page."""
    server, tab = page_process(), RawSession(address)
    await tab.open()
    print(f"{said}: processor ms and kB of one action; the largest message of a rerun with nothing changed")
    for page in PAGES:
        try:
            opened = await tab.go(page)
            costs = {"rerun": await cost(server, tab.rerun)}
            kind, size = (await tab.rerun()).largest
            labels = tab.labels("w_allowed")
            if labels:
                moves = iter(labels[i % len(labels)] for i in range(1, TIMES + 3))
                costs["threshold"] = await cost(server, lambda moves=moves: tab.slide("w_allowed", next(moves)))

        except TimeoutError:
            print(f"  {page or 'compare':8} no answer in time")
            continue
        written = ", ".join(f"{name} {1e3 * s:5.0f} ms {sent / 1e3:6.1f} kB" for name, (s, sent) in costs.items())
        print(
            f"  {page or 'compare':8} {written}; first {opened.bytes / 1e3:6.1f} kB; largest {size / 1e3:.1f} kB {kind}"
        )
    await tab.close()


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
    done, waits, late = asyncio.Event(), [], []
    before, began = processor(server), time.monotonic()
    fitting = asyncio.create_task(keep_fitting(address, done))
    draws = random.Random(0)
    acting = [asyncio.create_task(act(tab, draws.random() * EVERY, draws.random(), done, waits, late)) for tab in tabs]
    await asyncio.sleep(SECONDS)
    done.set()
    await asyncio.gather(*acting)
    runs = await fitting
    share = (processor(server) - before) / (time.monotonic() - began)
    waits.sort()
    said = ", ".join(f"p{int(100 * q)} {1e3 * waits[int(q * (len(waits) - 1))]:.0f} ms" for q in (0.5, 0.95, 0.99))
    print(
        f"{count} tabs, {len(waits)} actions, {runs} runs fitted meanwhile: {said}, longest {1e3 * waits[-1]:.0f} ms, "
        f"{len(late)} without an answer; the page process took {100 * share:.0f} % of a core"
    )
    print(f"  memory: {memory()}")
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
    print(f"after a run: {memory()}")
    tabs = [RawSession(address) for _ in range(count)]
    for each in tabs:
        await each.open()
        for page in PAGES:
            await each.go(page)
    print(f"{count} tabs that have seen all pages: {memory()}")
    for each in tabs:
        await each.close()
    await asyncio.sleep(KEPT_SECONDS)
    await tab.rerun()
    print(f"after they have gone: {memory()}")
    await tab.close()


async def act(tab: RawSession, start: float, seed: float, done: asyncio.Event, waits: list, late: list) -> None:
    """Do one thing every four seconds: mostly another page, else a threshold or the same page again."""
    draws = random.Random(seed)
    await asyncio.sleep(start)
    while not done.is_set():
        began = time.monotonic()
        labels = tab.labels("w_allowed")
        chosen = draws.random()
        try:
            if chosen < 0.4:
                answer = await tab.go(draws.choice(PAGES))
            elif chosen < 0.7 and labels:
                answer = await tab.slide("w_allowed", draws.choice(labels))
            else:
                answer = await tab.rerun()
            waits.append(answer.seconds)
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


def memory() -> str:
    """Return what each process of the server occupies, and all together."""
    server = page_process()
    found = {"page process": server.memory_info().rss}
    for child in server.children(recursive=True):
        command = " ".join(child.cmdline())
        name = next((role for role in ("scheduler", "worker") if f"process {role}" in command), "cameras")
        found[name] = found.get(name, 0) + child.memory_info().rss
    found["all"] = sum(found.values())
    return ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in found.items())


if __name__ == "__main__":
    main()
