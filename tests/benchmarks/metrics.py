"""Seconds of the figures over pixels, and the ratio to the plain loop over 200 thresholds and all regions.

Run: python -m tests.benchmarks.metrics
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label

from detectors.evaluation import aupro, image_figures, paired_pixel_difference, pixel_figures
from detectors.evaluation.aupimo import aupimo_of, each_aupimo
from detectors.evaluation.curves import pro_curve
from detectors.evaluation.pixel import exact
from detectors.evaluation.pixel_scores import pixel_scores
from detectors.result import ResultPicture

PICTURES, SIZE = 66, 224


def scene(seed: int = 0) -> tuple[list[NDArray[np.bool_]], NDArray[np.float32]]:
    """Smooth noise with raised rectangles: 24 good pictures and 42 with one or two defects."""
    random = np.random.default_rng(seed)
    masks = np.zeros((PICTURES, SIZE, SIZE), bool)
    for mask in masks[24:]:
        for _ in range(random.integers(1, 3)):
            y, x, h, w = random.integers([0, 0, 6, 6], [SIZE - 40, SIZE - 40, 40, 40])
            mask[y : y + h, x : x + w] = True
    noise = gaussian_filter(random.normal(size=masks.shape), (0, 6, 6)) * 20
    return list(masks), gaussian_filter(noise + 1.5 * masks, (0, 4, 4)).astype(np.float32)


def plain(masks: list[NDArray[np.bool_]], maps: NDArray[np.float32], steps: int = 200) -> float:
    """Walk `steps` thresholds times all regions, as the usual implementations do."""
    truth = np.stack(masks)
    labelled = [label(mask, np.ones((3, 3))) for mask in masks]
    x, y = [], []
    for t in np.linspace(maps.max(), maps.min(), steps):
        above = maps >= t
        overlaps = [
            above[i][numbers == r].mean() for i, (numbers, count) in enumerate(labelled) for r in range(1, count + 1)
        ]
        x.append((above & ~truth).sum() / (~truth).sum())
        y.append(np.mean(overlaps))
    inside = np.array(x) < 0.3
    x, y = np.append(np.array(x)[inside], 0.3), np.append(np.array(y)[inside], np.interp(0.3, x, y))
    return float(np.trapezoid(y, x) / 0.3)


def seconds(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Return the best of a few runs, and what the last one returned."""
    best, answer = np.inf, None
    for _ in range(repeats):
        started = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - started)
    return best, answer


def main() -> None:
    """Print seconds and ratios."""
    masks, maps = scene()
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    shown = [
        ResultPicture(str(i), "", bool(m.any()), "good" if i < 24 else f"kind {i % 3}", pixels, m if i >= 24 else None)
        for i, m in enumerate(masks)
    ]
    slow, rough = seconds(lambda: plain(masks, maps), 1)

    def alone() -> float:
        return exact(pixel_scores(masks, maps, top=0.3), "aupro", 0.3)  # type: ignore[arg-type]

    fast, value = seconds(alone)
    print(f"{PICTURES} pictures of {SIZE} x {SIZE}, {sum(label(m, np.ones((3, 3)))[1] for m in masks)} regions")
    print(f"plain loop, 200 thresholds      {slow:7.3f} s   AUPRO {rough:.5f}")
    print(f"exact AUPRO                     {fast:7.3f} s   AUPRO {value:.5f}   {slow / fast:.0f} times faster")
    for draws in (200, 500):
        taken, _ = seconds(lambda draws=draws: aupro(masks, maps, draws=draws))
        print(
            f"  with interval, {draws} draws       {taken:7.3f} s   {slow / taken:.0f} times faster than the bare loop"
        )
    taken, _ = seconds(lambda: pixel_figures(shown, maps))
    print(f"all figures over pixels, 500    {taken:7.3f} s")
    sorted_once = pixel_scores(masks, maps)
    taken, _ = seconds(lambda: each_aupimo(sorted_once))  # type: ignore[arg-type]
    print(f"AUPIMO of each, pixels sorted   {taken:7.3f} s")
    taken, _ = seconds(lambda: aupimo_of(sorted_once))
    print(f"  with interval, 500 draws       {taken:7.3f} s")
    taken, _ = seconds(lambda: paired_pixel_difference(shown, maps, maps[::-1]))
    print(f"paired AUPRO difference, 500    {taken:7.3f} s")
    taken, _ = seconds(lambda: pro_curve(shown, maps))
    print(f"PRO curve with band             {taken:7.3f} s")
    labels = np.array([s.defective for s in shown], float)
    taken, _ = seconds(lambda: image_figures(labels, maps.max((1, 2))))
    print(f"three figures over pictures     {taken:7.3f} s")


if __name__ == "__main__":
    main()
