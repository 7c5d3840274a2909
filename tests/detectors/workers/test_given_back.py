"""Memory that was freed goes back to the system once a process is at rest."""

import platform
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from detectors.workers import given_back

HELD = 100  # MB


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed")
def test_a_process_at_rest_gives_back_what_was_freed(monkeypatch):
    monkeypatch.setattr(given_back, "_EVERY_SECONDS", 0.1)
    pieces = [bytes([i % 255 + 1]) * 50_000 for i in range(HELD * 20)]
    kept = pieces[-1]  # at the end of the heap: without it glibc would give all back by itself
    full = psutil.Process().memory_info().rss
    del pieces
    given_back.watch()
    until = time.monotonic() + 10
    while psutil.Process().memory_info().rss > full - HELD * 0.8 * 2**20 and time.monotonic() < until:
        time.sleep(0.05)
    assert psutil.Process().memory_info().rss < full - HELD * 0.8 * 2**20
    assert kept


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
def test_what_was_read_of_libraries_is_let_go_of_and_read_again():
    def resident():
        maps = psutil.Process().memory_maps(grouped=True)
        return sum(part.rss - part.anonymous for part in maps if "numpy" in Path(part.path).parts)

    np.linalg.inv(np.eye(200) + 1)
    before = resident()
    given_back.forget_files("numpy", "numpy.libs")
    assert resident() < before / 2
    np.testing.assert_allclose(np.linalg.inv(np.eye(3)) @ np.eye(3), np.eye(3))
