"""How long arithmetic takes on this machine, for estimates: costs are counted in multiply-adds of a large product."""

from __future__ import annotations

import time
from functools import cache

import torch


def seconds(multiply_adds: float) -> float:
    """Return how long a large float32 product with so many multiply-adds takes here."""
    return multiply_adds / product_rate()


@cache
def product_rate() -> float:
    """Return the multiply-adds per second of a float32 product here, measured once (about 10 ms), for estimates."""
    left, right = torch.ones(1024, 256), torch.ones(256, 1024)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        _ = left @ right
        best = min(best, time.perf_counter() - begun)
    return 1024 * 256 * 1024 / best
