"""How long one condition takes beside scoring the test set once: five methods, 45 pictures, seven strengths.

    python -m tests.benchmarks.stress

Six strengths are new, so that six passes are the least. Prints where the time goes: changing pixels, the backbone, each
method's scores.
"""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np

from detectors import Comparison, FeatureStore, datasets
from detectors.stress import condition
from detectors.stress.measuring import bench, measure

CONDITIONS = ("brightness", "blur", "jpeg")


def main() -> None:
    """Print the seconds and the ratio."""
    comparison = Comparison()
    found, _ = bench(comparison, datasets.demo("circuit"))
    network = comparison.load(comparison.backbones[0])
    pixels = np.stack([picture.pixels for picture in found.pictures.test])
    once = min(_scored(found, network, pixels) for _ in range(2))
    print(f"{len(pixels)} test pictures, {len(found.fitted)} methods: {once:.2f} s to score once")
    for name in CONDITIONS:
        begun = time.perf_counter()
        measure(found, condition(name), load=lambda _: network)
        took = time.perf_counter() - begun
        print(f"{name}: {took:.2f} s, {took / once:.2f} times")
    spent: dict[str, float] = defaultdict(float)
    for name in CONDITIONS:
        begun = time.perf_counter()
        for picture in pixels:
            condition(name).apply(picture, condition(name).strongest)
        spent[f"pixels, {name}"] = time.perf_counter() - begun
    begun = time.perf_counter()
    store = FeatureStore.extract(pixels, network)
    spent["backbone"] = time.perf_counter() - begun
    for fitted in found.fitted:
        for part, score in (("with maps", fitted.detector.predict), ("scores alone", fitted.detector.scores)):
            begun = time.perf_counter()
            for batch in store:
                score(batch)
            spent[f"{fitted.column.method}, {part}"] = time.perf_counter() - begun
    for part, seconds in spent.items():
        print(f"  {part}: {seconds:.2f} s a pass")


def _scored(found: object, network: object, pixels: np.ndarray) -> float:
    begun = time.perf_counter()
    store = FeatureStore.extract(pixels, network)
    for fitted in found.fitted:
        for batch in store:
            fitted.detector.predict(batch)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
