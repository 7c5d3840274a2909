"""PatchCore: seconds to fit and ms a picture, and their ratios to the backbone and to a plain version.

Run: OMP_NUM_THREADS=2 python -m tests.benchmarks.patchcore [backbone]
50 normal and 10 test pictures at 224 px. The plain version unfolds neighbourhoods, keeps every patch, picks by one
matrix-vector product after the other and lets torch.cdist compare.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.nn.functional import interpolate, unfold

from detectors.features.store import FeatureStore
from detectors.methods.base import Features
from detectors.methods.coreset import project
from detectors.methods.maps import anomaly_map
from detectors.methods.patchcore import PatchCore
from tests.benchmarks.coreset import plain
from tests.benchmarks.demo_features import best, stores

CASES = {
    "quick": PatchCore(**PatchCore.presets["quick"]),
    "quick, three levels on the middle grid": PatchCore(levels=(0, 1, 2), grid=1, **PatchCore.presets["quick"]),
    "default": PatchCore(),
    "official embedding": PatchCore(embedding="official"),
    "1 %": PatchCore(ratio=0.01),
    "paper": PatchCore(**PatchCore.presets["paper"]),
}


def embed(features: Features) -> Tensor:
    means = [unfold(m, 3, padding=1).reshape(len(m), m.shape[1], 9, *m.shape[2:]).mean(2) for m in features.maps[1:3]]
    joined = torch.cat([means[0], interpolate(means[1], means[0].shape[2:], mode="bilinear")], 1)
    return joined.permute(0, 2, 3, 1).flatten(0, 2)


def plain_fit(store: FeatureStore) -> Tensor:
    patches = torch.cat([embed(batch) for batch in store])
    return patches[plain(project(patches, 128), len(patches) // 10)]


def plain_predict(features: Features, bank: Tensor) -> Tensor:
    side = features.maps[1].shape[-1]
    grid = torch.cdist(embed(features), bank).min(1).values.square().reshape(-1, side, side)
    return anomaly_map(grid, features.image_size)


def main() -> None:
    backbone = sys.argv[1] if len(sys.argv) > 1 else "resnet18"
    normal, test, floor = stores(backbone, 50, 10)
    print(f"{backbone}, {torch.get_num_threads()} threads; the backbone alone {floor:.1f} ms a picture")
    slow_fit, bank = best(lambda: plain_fit(normal), 1)
    slow, _ = best(lambda: [plain_predict(test[i : i + 1], bank) for i in range(10)])
    slow *= 100
    print(f"{'plain version':40s} fit {slow_fit:6.2f} s  {slow:7.1f} ms a picture = {slow / floor:5.2f} x backbone")
    for name, method in CASES.items():
        expected = method.estimate(normal.shape).seconds
        fit, _ = best(lambda method=method: method.fit(normal))
        one, _ = best(lambda method=method: [method.predict(test[i : i + 1]) for i in range(10)])
        one *= 100
        print(
            f"{name:40s} fit {fit:6.2f} s (estimate {expected:.2f}, plain / this {slow_fit / fit:4.1f})  {one:7.1f} ms "
            f"a picture = {one / floor:5.2f} x backbone (plain / this {slow / one:4.1f})  {method.nbytes / 1e6:6.1f} MB"
        )


if __name__ == "__main__":
    main()
