"""Many photographs at once, on several cores.

Threads do not help (drawing holds the interpreter's lock) and `multiprocessing` may not be used inside a daemonic
process such as a Dask worker, and would run the main script again in every child. So assistants are plain child
processes that read one job a line and answer with bytes. Where none can be started, or one dies, its pictures are
drawn here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.builtin.planes import SIZE, Mask
from detectors.datasets.builtin.rendering import render

Job = tuple[str, int, str | None, float, tuple[float, ...], bool]  # render's arguments
PICTURE_BYTES, MASK_BYTES = SIZE * SIZE * 3, SIZE * SIZE // 8
WORTH_AN_ASSISTANT = 10  # pictures drawn in the time that an assistant needs to start


class Report(Protocol):
    """Called as work goes on with the share done and the stage's name; may raise to end the work."""

    def __call__(self, done: float, stage: str = "", **numbers: float) -> None:
        """Report."""


def nothing(done: float, stage: str = "", **numbers: float) -> None:
    """Report nothing."""


def photographs(jobs: Sequence[Job], workers: int | None, progress: Report) -> tuple[NDArray[np.uint8], Mask]:
    """Return the pictures, (N, 256, 256, 3), and masks, (N, 256, 256), of the jobs in order."""
    pictures = np.empty((len(jobs), SIZE, SIZE, 3), np.uint8)
    masks = np.empty((len(jobs), SIZE, SIZE), bool)
    waiting = deque(range(len(jobs)))
    finished: list[int] = []

    def help_from(child: subprocess.Popen[bytes]) -> None:
        while (index := _next(waiting)) is not None:
            try:
                pictures[index], masks[index] = _ask(child, jobs[index])
            except (OSError, ValueError):
                waiting.append(index)
                return
            finished.append(index)

    with _assistants(min((workers or available_cores()) - 1, len(jobs) // WORTH_AN_ASSISTANT)) as children:
        threads = [threading.Thread(target=help_from, args=(child,), daemon=True) for child in children]
        for thread in threads:
            thread.start()
        try:
            while len(finished) < len(jobs):
                index = _next(waiting)
                if index is None:  # all are given out: wait, and take back what an assistant could not do
                    for thread in threads:
                        thread.join()
                    continue
                pictures[index], masks[index] = render(*jobs[index])
                finished.append(index)
                progress(len(finished) / len(jobs), "demo pictures")
        finally:
            waiting.clear()
    return pictures, masks


def _next(waiting: deque[int]) -> int | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def available_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _assistants(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start up to `count` assistants; end them when the work is over."""
    root = str(Path(__file__).parents[3])
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    children: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            child = subprocess.Popen(
                [sys.executable, "-m", "detectors.datasets.builtin.assistant"],
                cwd=root,
                env={**os.environ, **one_thread, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
            children.append(child)
    except OSError:
        pass  # no processes here: the caller draws everything
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _ask(child: subprocess.Popen[bytes], job: Job) -> tuple[NDArray[np.uint8], Mask]:
    """Have an assistant draw one picture; raises OSError or ValueError when it did not."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(job).encode() + b"\n")
    child.stdin.flush()
    answer = np.frombuffer(child.stdout.read(PICTURE_BYTES + MASK_BYTES), np.uint8)
    picture = answer[:PICTURE_BYTES].reshape(SIZE, SIZE, 3)
    return picture, np.unpackbits(answer[PICTURE_BYTES:]).reshape(SIZE, SIZE).astype(bool)
