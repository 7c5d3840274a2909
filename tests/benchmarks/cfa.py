"""Seconds of a CFA fit and ms a picture, whether training pays, and what the layer at low resolution saves.

Run: OMP_NUM_THREADS=2 python -m tests.benchmarks.cfa [backbone]
50 normal pictures at 224 px, quick preset; AUROCs are on built-in pictures that nobody tuned on. Bars on two cores with
scattering: about 2 s and 60 ms a picture.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import interpolate

from detectors import datasets
from detectors.features.backbone import load_backbone
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore
from detectors.images import Preprocessing
from detectors.methods import build
from detectors.methods.base import Features
from detectors.methods.cfa import CFA, _described, _drawn
from detectors.methods.maps import neighbourhood_mean
from tests.benchmarks.demo_features import best


def layer_at_low_resolution(features: Features, name: str) -> None:
    detector = CFA()
    grid = features.shape.maps[0][1:]
    weight, bias = _drawn(sum(c for c, _, _ in features.shape.maps[:3]), 256, torch.Generator().manual_seed(0))

    def plain() -> torch.Tensor:
        means = [neighbourhood_mean(features.maps[level]) for level in detector.levels]
        joined = torch.cat([interpolate(m, size=grid, mode="bilinear", align_corners=False) for m in means], 1)
        rows, columns = (torch.linspace(-1, 1, n) for n in grid)
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(len(features), 2, *grid)
        return torch.cat([joined, places], 1).flatten(2).transpose(1, 2) @ weight.T + bias

    def low() -> torch.Tensor:
        return _described(detector._prepared(features, grid), weight, bias, grid)

    spent, found = best(low, 5)
    slow, expected = best(plain, 5)
    error = (found - expected).abs().max() / expected.abs().max()
    print(
        f"{name}: layer on 3 x 3 means, per picture: {1e3 * spent / len(features):.1f} ms at low resolution, "
        f"{1e3 * slow / len(features):.1f} ms plain, ratio {slow / spent:.1f}; largest difference {error:.1e}"
    )


def training(name: str, product: str) -> None:
    backbone = load_backbone(name, weights=None if name == "scattering" else "random", device="cpu")
    preprocessing = Preprocessing()
    data = datasets.demo(product, normal=50, good=20, per=4, severities=(1.0, 0.5), seed=11)
    normal, test = (
        FeatureStore.extract(preprocessing.batch([s.picture for s in part]), backbone)
        for part in (data.train, data.test)
    )
    floor = test.seconds / len(test)
    if backbone.standardise:
        by = Standardisation.measure(normal)
        normal, test = normal.standardised(by), test.standardised(by)
    defective = np.array([bool(s.defective) for s in data.test])
    masks = [s.mask if s.mask is not None else np.zeros(s.picture.pixels.shape[:2], bool) for s in data.test]
    truth = np.stack([preprocessing.apply_mask(mask) for mask in masks])[:, ::2, ::2]
    local = truth.mean((1, 2)) < 0.9  # a logical defect's mask covers the picture
    for title, settings in (("quick", {}), ("quick, untrained", {"epochs": 0})):
        detector = build("cfa", backbone=name, **settings)
        spent, _ = best(lambda fit=detector.fit: fit(normal), 2)
        scored, predictions = best(lambda predict=detector.predict: [predict(batch) for batch in test], 2)
        each = scored / len(test)
        image = roc_auc_score(defective, torch.cat([p.scores for p in predictions]))
        maps = torch.cat([p.maps for p in predictions])[:, ::2, ::2].numpy()
        pixel = roc_auc_score(truth[local].ravel(), maps[local].ravel())
        print(
            f"{product}, {title}: fit {spent:.2f} s (estimated {detector.estimate(normal.shape).seconds:.2f}), "
            f"{1e3 * each:.1f} ms a picture ({each / floor:.1f} x the backbone), {detector.nbytes / 1e6:.2f} MB, "
            f"image AUROC {image:.3f}, pixel AUROC {pixel:.3f}",
            flush=True,
        )


def main() -> None:
    print(f"{torch.get_num_threads()} threads")
    generator = torch.Generator().manual_seed(0)
    for name, sizes in (
        ("wide_resnet50_2's sizes", ((256, 56, 56), (512, 28, 28), (1024, 14, 14))),
        ("scattering's sizes", ((27, 56, 56), (91, 28, 28), (371, 14, 14))),
    ):
        maps = tuple(torch.randn(2, *size, generator=generator) for size in sizes)
        layer_at_low_resolution(Features(maps, tuple(m.mean((2, 3)) for m in maps), (224, 224)), name)
    for product in ("circuit", "leather"):
        training(sys.argv[1] if len(sys.argv) > 1 else "scattering", product)


if __name__ == "__main__":
    main()
