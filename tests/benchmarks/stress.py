"""How long one condition takes beside scoring the test set once: five methods, 45 pictures, seven strengths.

    python -m tests.benchmarks.stress

Six strengths are new, so that six passes are the least. Prints where the time goes: changing pixels, the backbone, each
method's scores; the largest memory of a process that does a single run and of one that measures a condition after it;
and how long dirt among the normals takes, all methods, without and with unusual ones left out.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections import defaultdict

import numpy as np

from detectors import Comparison, FeatureStore, datasets
from detectors.stress import condition, refits
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
        measure(found, condition(name), load=lambda *_: network)
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
    alone, after = (_largest(part) for part in ("run", "condition"))
    print(f"memory at its largest: {alone} MB for a single run, {after} MB with a condition: {after / alone:.2f} times")
    taken = dict.fromkeys(("dirt", "without unusual ones"), 0.0)
    for fitted in found.fitted:
        key = fitted.column.key
        begun = time.perf_counter()
        study = refits.dirt(found, key)
        middle = time.perf_counter()
        refits.dirt(found, key, cleaned=True, known=study)
        taken["dirt"] += middle - begun
        taken["without unusual ones"] += time.perf_counter() - middle
        print(f"  dirt, {fitted.column.method}: {middle - begun:.2f} s, then {time.perf_counter() - middle:.2f} s")
    print("; ".join(f"{part}: {seconds:.1f} s" for part, seconds in taken.items()))


def _largest(part: str) -> int:
    """Return the largest memory, in MB, of a process of its own that does a run, or a run and a condition."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.stress", part], capture_output=True, text=True, check=True
    )
    return int(said.stdout)


def _alone(part: str) -> None:
    """Do a run, and a condition after it where it is asked for; print the largest memory in MB."""
    found, _ = bench(Comparison(), datasets.demo("circuit"))
    if part == "condition":
        measure(found, condition("blur"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _scored(found: object, network: object, pixels: np.ndarray) -> float:
    begun = time.perf_counter()
    store = FeatureStore.extract(pixels, network)
    for fitted in found.fitted:
        for batch in store:
            fitted.detector.predict(batch)
    return time.perf_counter() - begun


if __name__ == "__main__":
    _alone(sys.argv[1]) if len(sys.argv) > 1 else main()
