"""What a run will cost, said before it starts, and the refusal of one that would not fit into memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from detectors.errors import Refusal, Sentence, SettingRefused, TooLarge
from detectors.features import closer
from detectors.features.weights import weights_state
from detectors.methods import METHODS
from detectors.result import column_key

if TYPE_CHECKING:
    from detectors.comparison.comparison import Comparison
    from detectors.features.store import FeatureStore
    from detectors.methods.base import Detector


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to cost, said before it starts.

    Attributes:
        seconds: of all backbone passes and fits.
        peak_bytes: features and the largest fit together.
        refused: per column that would not fit into `budget` bytes, or looks closer than pictures are kept, the
            sentence that says so.
    """

    seconds: float
    peak_bytes: int
    refused: dict[str, Sentence]


def forecast(comparison: Comparison, learnt: int, total: int, budget: int) -> Forecast:
    """Estimate a run on `total` pictures, of which `learnt` are fitted; backbones are measured on one blank picture."""
    import torch

    from detectors.features.backbone import load_backbone

    seconds, largest, features = 0.0, 0, 0
    refused: dict[str, Sentence] = {}
    for name in comparison.backbones:
        try:
            comparison.preprocessing.check_closer(closer.split(name)[1])
        except SettingRefused as refusal:
            refused |= {column_key(method, name): refusal.sentence for method in comparison.methods}
            continue
        asked = comparison.weights_of(name)
        installed = asked is None and weights_state(name, reachable=False).state in ("bundled", "package")
        backbone = load_backbone(name, weights=None if installed else "random", device=comparison.device)
        frame = comparison.preprocessing.frame
        shape = backbone.shape(frame)
        blank = torch.zeros(1, 3, *(side * backbone.tiles for side in frame))
        backbone(blank)  # the first is slower
        started = time.perf_counter()
        backbone(blank)
        seconds += total * (time.perf_counter() - started)
        features += 4 * total * (sum(prod(level) for level in shape.maps) + sum(shape.pooled))
        for method in comparison.methods:
            try:
                detector = comparison.detector(method, name)
                cost = detector.estimate(replace(shape, pictures=learnt))
                refuse_beyond(budget, detector, learnt, cost.peak_bytes)
            except Refusal as refusal:
                refused[column_key(method, name)] = refusal.sentence
                continue
            seconds += cost.seconds
            largest = max(largest, cost.peak_bytes)
    return Forecast(seconds, features + largest, refused)


def refuse_if_too_large(detector: Detector, store: FeatureStore) -> None:
    """Raise `TooLarge` when fitting would need more memory than there is."""
    refuse_beyond(memory_budget(), detector, len(store), detector.estimate(store.shape).peak_bytes)


def refuse_beyond(budget: int, detector: Detector, pictures: int, need: int) -> None:
    """Raise `TooLarge` when `need` bytes are more than `budget`."""
    if need > budget:
        raise TooLarge(
            "comparison.too_large",
            "{method} with {pictures} [picture|pictures] needs about {need:.1f} GB and {free:.1f} GB are free. "
            "Use fewer pictures, a smaller size or the quick preset.",
            method=METHODS[detector.name].title,
            pictures=pictures,
            need=need / 1e9,
            free=budget / 1e9,
        )


def no_memory() -> TooLarge:
    """Return the refusal for work whose arrays the machine would not give."""
    return TooLarge(
        "compute.no_memory",
        "This needs more memory than the server has left. Use fewer pictures, a smaller size or the quick preset.",
    )


def memory_budget() -> int:
    """Return the bytes that may still be used: what is free, and within a worker no more than its limit allows."""
    import psutil

    free = psutil.virtual_memory().available
    limit = os.environ.get("ODD_WORKER_BYTES")
    return min(free, int(limit) - psutil.Process().memory_info().rss) if limit else free
