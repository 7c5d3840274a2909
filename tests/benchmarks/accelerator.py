"""What an accelerator makes of a large run: features, the five fits, scoring and the most memory that it took.

    python -m tests.benchmarks.accelerator [backbone] [normal] [test]

By default wide_resnet50_2 (random weights: the arithmetic is the same), 209 normal and 80 test pictures at 224 pixels,
in the papers' presets and the quick ones. On a machine without an accelerator it says that none is at hand.
"""

from __future__ import annotations

import sys
import time

import torch

from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.datasets import demo
from detectors.errors import Refusal
from detectors.features.device import best_device, describe
from detectors.features.packages import PACKAGED
from detectors.features.weights import BUNDLED


def waited(device: torch.device) -> float:
    """Return the time once the device has done all that it was told."""
    getattr(torch, device.type).synchronize()
    return time.perf_counter()


def peak(device: torch.device) -> str:
    """Return the most memory since the last time it was asked for."""
    if device.type != "cuda":
        return "peak unknown"
    most = torch.cuda.max_memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return f"peak {most / 2**30:.2f} GiB"


def main() -> None:
    device = best_device()
    if device.type == "cpu":
        print("No accelerator is at hand: torch finds neither CUDA nor Apple's.")
        return
    given = sys.argv[1:]
    name, normal, test = (*given, *("wide_resnet50_2", 209, 80)[len(given) :])
    normal, test = int(normal), int(test)
    weights = {} if name in (BUNDLED, *PACKAGED) else {name: "random"}
    comparison = Comparison(backbones=(name,), weights=weights, held_out=0.0)
    data = demo("circuit", normal=normal, good=test, per=0)
    pictures = comparison.prepare(data)
    backbone = comparison.load(name)
    extract(comparison.prepare(demo("circuit", normal=4, good=2, per=0)), backbone)  # the first pass is slower
    peak(device)
    begun = waited(device)
    stores = extract(pictures, backbone)
    spent = waited(device) - begun
    print(f"{describe(device)}; {name}, {len(pictures.learnt)} + {len(pictures.test)} pictures")
    kept = f"kept on the {stores.learnt.where}, {peak(device)}"
    print(f"features {spent:.2f} s, {1e3 * spent / (normal + test):.1f} ms a picture, {kept}", flush=True)
    for preset in ("paper", "quick"):
        chosen = Comparison(comparison.methods, (name,), preset, weights=weights)
        for method in chosen.methods:
            begun = waited(device)
            try:
                column, _ = fit_and_score(chosen.detector(method, name), stores, pictures)
            except Refusal as refusal:
                print(f"{preset:6} {method:12} {refusal}")
                continue
            total = waited(device) - begun
            cost = column.cost
            print(
                f"{preset:6} {method:12} fit {cost.fit_seconds:6.2f} s, scoring {cost.milliseconds_per_picture:6.2f} "
                f"ms a picture, with figures {total:6.2f} s, {peak(device)} {' '.join(map(str, column.notes))}",
                flush=True,
            )


if __name__ == "__main__":
    main()
