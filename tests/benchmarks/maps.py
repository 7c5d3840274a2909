"""Seconds of enlarging and smoothing maps, and the ratio to torch's resizing followed by scipy's filter.

Run: python -m tests.benchmarks.maps
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import interpolate

from detectors.methods.maps import align_nearest, anomaly_map, neighbourhood_mean, smooth

PICTURES, GRID, SIZE = 10, 56, 224


def milliseconds(work: Callable[[], object], repeats: int = 9) -> float:
    """Return the best of a few runs, per picture."""
    work()
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best * 1000 / PICTURES


def main() -> None:
    """Print milliseconds per picture and ratios."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.rand(PICTURES, GRID, GRID, generator=generator)
    large = torch.rand(PICTURES, SIZE, SIZE, generator=generator)
    levels = [
        torch.rand(PICTURES, c, GRID // s, GRID // s, generator=generator) for c, s in ((64, 1), (128, 2), (256, 4))
    ]

    def plain() -> Tensor:
        resized = interpolate(grid[:, None], size=SIZE, mode="bilinear", align_corners=False)[:, 0].numpy()
        return torch.from_numpy(np.stack([gaussian_filter(m, 4) for m in resized]))

    error = (anomaly_map(grid, SIZE) - plain()).abs().max()
    ours, theirs = milliseconds(lambda: anomaly_map(grid, SIZE)), milliseconds(plain)
    print(f"{torch.get_num_threads()} threads, {PICTURES} maps of {GRID} x {GRID} to {SIZE} x {SIZE}; per picture")
    print(f"enlarge and smooth   {ours:7.3f} ms   = 1/{theirs / ours:.0f} of torch and scipy ({theirs:.3f} ms)")
    print(f"smooth alone         {milliseconds(lambda: smooth(large)):7.3f} ms")
    print(f"largest difference   {error:.1e}")
    print(f"3 x 3 mean, 64 ch    {milliseconds(lambda: neighbourhood_mean(levels[0])):7.3f} ms")
    print(f"align three levels   {milliseconds(lambda: align_nearest(levels, (GRID, GRID))):7.3f} ms")


if __name__ == "__main__":
    main()
