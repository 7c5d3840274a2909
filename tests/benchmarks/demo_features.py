"""Features of built-in pictures, for benchmarks whose time depends on how features lie."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from detectors.datasets.builtin import build
from detectors.features.backbone import load_backbone
from detectors.features.packages import PACKAGED
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore
from detectors.features.weights import BUNDLED


def stores(backbone: str, normal: int, test: int) -> tuple[FeatureStore, FeatureStore, float]:
    """Return features at 224 px of normal and of test circuit boards, and the backbone's ms a picture.

    Random weights for a CNN without a package of weights; what the scattering network says is standardised, as the
    program does it.
    """
    pictures = build("circuit", normal=normal, good=test, per=0).pictures[:, 16:240, 16:240]  # (N, 224, 224, 3)
    network = load_backbone(backbone, weights=None if backbone in (BUNDLED, *PACKAGED) else "random", device="cpu")
    found = [FeatureStore.extract(part, network) for part in (pictures[:normal], pictures[normal:])]
    if network.standardise:
        by = Standardisation.measure(found[0])
        return found[0].standardised(by), found[1].standardised(by), 1000 * found[0].seconds / normal
    return found[0], found[1], 1000 * found[0].seconds / normal


def best(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Return the seconds of the best of a few runs, and what the last one returned."""
    least, answer = float("inf"), None
    for _ in range(repeats):
        begun = time.perf_counter()
        answer = work()
        least = min(least, time.perf_counter() - begun)
    return least, answer
