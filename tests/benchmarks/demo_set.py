"""Milliseconds a picture, by product and defect, and the seconds until the first set is there.

Ratios are to the camera alone, which every picture needs. Run: python tests/benchmarks/demo_set.py
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from detectors.datasets.builtin import PRODUCTS, build, render
from detectors.datasets.builtin.camera import NUMBERS, Camera, photograph
from detectors.datasets.builtin.studio import available_cores


def milliseconds(action, repeats):
    """Return the median CPU time of `action(i)`."""
    action(0)
    spent = []
    for i in range(repeats):
        start = time.process_time()
        action(i)
        spent.append(time.process_time() - start)
    return 1000 * float(np.median(spent))


def main():
    light = np.random.default_rng(0).random((512, 512, 3), dtype=np.float32)
    settings = Camera.of([0.5] * NUMBERS)
    camera = milliseconds(lambda i: photograph(light, settings, np.random.default_rng(i)), 20)
    print(f"camera alone {camera:.1f} ms")
    for product, recipe in PRODUCTS.items():
        good = milliseconds(lambda i, p=product: render(p, i), 20)
        flawed = {k: milliseconds(lambda i, p=product, k=k: render(p, i, k, (i % 3) / 2), 9) for k in recipe.kinds}
        worst = max(flawed, key=flawed.get)
        print(
            f"{product:9s} good {good:5.1f} ms ({good / camera:.1f} x camera), "
            f"worst defect {flawed[worst]:5.1f} ms ({worst})"
        )
    for workers in (1, None):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["ODD_CACHE"] = folder
            start = time.perf_counter()
            demo = build("circuit", normal=64, good=24, per=1, workers=workers)
            drawn = time.perf_counter()
            build("circuit", normal=64, good=24, per=1)
            read = time.perf_counter()
        on = "one core" if workers == 1 else f"{available_cores()} cores"
        print(f"{len(demo)} circuit pictures: {drawn - start:.1f} s on {on}, {1000 * (read - drawn):.0f} ms from disk")


if __name__ == "__main__":
    main()
