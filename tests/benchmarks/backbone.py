"""What a backbone pass costs per picture, at 224 pixels: the floor that all methods share.

    python tests/benchmarks/backbone.py [threads]

Prints milliseconds per picture, what keeping the features adds to the bare pass, and the bytes kept.
"""

import statistics
import sys
import time

import numpy as np
import torch

from detectors.features.backbone import load_backbone
from detectors.features.device import describe
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore

SIZE, PICTURES, BATCH, ROUNDS = 224, 24, 4, 5
BAR = 11.0  # milliseconds a picture of the bundled backbone on two cores


def milliseconds(work) -> float:
    """Median over rounds, per picture, after one round to warm up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) / PICTURES * 1000)
    return statistics.median(taken)


def main() -> None:
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    images = np.random.default_rng(0).integers(0, 256, (PICTURES, SIZE, SIZE, 3), dtype=np.uint8)
    batches = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).split(BATCH)
    for name, weights in (("scattering", None), ("resnet18", "random")):
        backbone = load_backbone(name, weights)

        def bare(backbone=backbone):
            for batch in batches:
                backbone(batch)

        pass_ms = milliseconds(bare)
        store_ms = milliseconds(lambda backbone=backbone: FeatureStore.extract(images, backbone, BATCH))
        store = FeatureStore.extract(images, backbone, BATCH)
        measure_ms = milliseconds(lambda store=store: Standardisation.measure(store))
        bar = f" (bar {BAR:.0f}: {pass_ms / BAR:.2f})" if name == "scattering" else ""
        print(
            f"{name:10s} {describe(backbone.device)}: bare pass {pass_ms:.1f} ms a picture{bar}, "
            f"with the store {store_ms:.1f} (ratio {store_ms / pass_ms:.2f}), "
            f"standardisation {measure_ms:.2f}, {store.nbytes / PICTURES / 1e6:.2f} MB a picture at rest"
        )


if __name__ == "__main__":
    main()
