"""What a backbone pass costs per picture, at 224 pixels: the floor that all methods share.

    python -m tests.benchmarks.backbone [threads]

Prints milliseconds per picture beside their bars, onnxruntime's against eager torch's (channels last) on the same
batches, and what keeping the features adds to the bare pass. Exits with 1 where a bar is missed; bars hold for two
quiet cores and for the batches that a run uses. Threads wait as a worker's do: torch's would else go on spinning after
the one small step that they take, on the cores that onnxruntime then needs.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

import numpy as np
import torch

from detectors.features.backbone import Backbone, load_backbone
from detectors.features.device import describe
from detectors.features.packages import PACKAGED, location
from detectors.features.standardisation import Standardisation
from detectors.features.store import CPU_BATCH, FeatureStore

SIZE, PICTURES, BATCH, ROUNDS = 224, 24, CPU_BATCH, 7
BARS = {"scattering": 11.0, "efficientnet_lite0": 6.0}  # milliseconds a picture on two cores
TORCH_SHARE = 0.4  # of eager torch's time that onnxruntime may take on efficientnet_lite0


def milliseconds(*works) -> list[float]:
    """Median over rounds, per picture, after one round to warm up; the works take turns, so that noise hits all."""
    for work in works:
        work()
    taken = [[] for _ in works]
    for _ in range(ROUNDS):
        for times, work in zip(taken, works, strict=True):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) / PICTURES * 1000)
    return [statistics.median(times) for times in taken]


def passing(backbone: Backbone, batches):
    def work():
        for batch in batches:
            backbone(batch)

    return work


def only_torch(name: str) -> Backbone:
    """The same backbone without a graph."""
    backbone = load_backbone(name, device="cpu")
    backbone._write = None
    return backbone


def main() -> int:
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    images = np.random.default_rng(0).integers(0, 256, (PICTURES, SIZE, SIZE, 3), dtype=np.uint8)
    batches = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).split(BATCH)
    packaged = [name for name, known in PACKAGED.items() if location(known)]
    missed = 0
    for name, weights in (("scattering", None), *((name, None) for name in packaged), ("resnet18", "random")):
        backbone = load_backbone(name, weights)
        pass_ms, store_ms = milliseconds(
            passing(backbone, batches), lambda backbone=backbone: FeatureStore.extract(images, backbone)
        )
        store = FeatureStore.extract(images, backbone, BATCH)
        (measure_ms,) = milliseconds(lambda store=store: Standardisation.measure(store))
        bar = f" (bar {BARS[name]:.0f}: {pass_ms / BARS[name]:.2f})" if name in BARS else ""
        missed += name in BARS and pass_ms > BARS[name]
        print(
            f"{name:18s} {backbone.engine}, {describe(backbone.device)}: bare pass {pass_ms:.1f} ms a picture{bar}, "
            f"with the store {store_ms:.1f} (ratio {store_ms / pass_ms:.2f}), "
            f"standardisation {measure_ms:.2f}, {store.nbytes / PICTURES / 1e6:.2f} MB a picture at rest"
        )
    for name in packaged:
        whole, three, torchs = (
            load_backbone(name, device="cpu"),
            load_backbone(name, device="cpu", depth=3),
            only_torch(name),
        )
        for size in (1, BATCH, 8):
            parts = batches[0][:1].split(1) * PICTURES if size == 1 else torch.cat(batches).split(size)
            times = milliseconds(*(passing(backbone, parts) for backbone in (whole, three, torchs)))
            assert (whole.engine, three.engine, torchs.engine) == ("onnxruntime", "onnxruntime", "torch")
            share = times[0] / times[2]
            barred = name == "efficientnet_lite0" and size == BATCH
            missed += barred and share > TORCH_SHARE
            print(
                f"{name}, batches of {size}: onnxruntime {times[0]:.1f} ms, levels of stride 4 to 16 alone "
                f"{times[1]:.1f}, torch {times[2]:.1f}: ratio {share:.2f}"
                + (f" (bar {TORCH_SHARE}: what a run uses)" if barred else "")
            )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
