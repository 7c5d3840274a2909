"""Memory that was freed goes back to the system once a process is at rest."""

import platform
import time

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
