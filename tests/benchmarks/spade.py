"""SPADE: seconds to fit and ms a picture, and their ratios to the backbone and to a plain version.

Run: OMP_NUM_THREADS=2 python -m tests.benchmarks.spade [backbone]
50 normal and 10 test pictures at 224 px; quick among 240 normals too, where a picture may take 30 ms on two quiet cores
(it exits with 1 beyond). The plain version searches each level by broadcasting differences against 100
gallery rows at a time, as the best-known code does.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

from detectors.methods.base import Features
from detectors.methods.maps import anomaly_map
from detectors.methods.spade import Spade
from tests.benchmarks.demo_features import best, stores

MANY, BAR = 240, 30.0  # normal pictures, and milliseconds that one picture may take among them
CASES = {
    "quick": Spade(**Spade.presets["quick"]),
    "default": Spade(),
    "concatenated": Spade(combine="concatenate"),
    "paper (K = 50)": Spade(**Spade.presets["paper"]),
}


def plain(normal: Features, test: Features, k: int = 5) -> Tensor:
    """Return the map (1, S, S) of one picture."""
    pictures = torch.cdist(test.pooled[-1], normal.pooled[-1])[0].topk(k, largest=False).indices
    maps = []
    for fitted, tested in zip(normal.maps[:3], test.maps[:3], strict=True):
        gallery = fitted[pictures].permute(0, 2, 3, 1).flatten(0, 2)  # (K P, C)
        level = tested[0]  # (C, H, W)
        least = torch.full(level.shape[1:], torch.inf)
        for rows in gallery.split(100):
            least = torch.minimum(least, (rows[:, :, None, None] - level).square().sum(1).amin(0))
        maps.append(anomaly_map(least.sqrt()[None], test.image_size))
    return torch.stack(maps).mean(0)


def main() -> int:
    backbone = sys.argv[1] if len(sys.argv) > 1 else "efficientnet_lite0"
    many, test, floor = stores(backbone, MANY, 10)
    normal = many.subset(range(50))
    print(f"{backbone}, {torch.get_num_threads()} threads; the backbone alone {floor:.1f} ms a picture")
    whole = normal[:]
    slow, expected = best(lambda: plain(whole, test[:1]), 1)
    slow *= 1000
    print(f"{'plain version':16s} {slow:9.1f} ms a picture = {slow / floor:6.2f} x backbone")
    difference = (Spade().fit(normal).predict(test[:1]).maps - expected).abs().max() / expected.max()
    print(f"the default's map differs from the plain version's by {difference:.1e} of its largest value")
    for name, method in CASES.items():
        guess = method.estimate(normal.shape).seconds
        fit, _ = best(lambda method=method: method.fit(normal))
        repeats, pictures = (1, 2) if method.k > 5 else (3, 10)
        one, _ = best(lambda m=method, n=pictures: [m.predict(test[i : i + 1]) for i in range(n)], repeats)
        one *= 1000 / pictures
        print(
            f"{name:16s} {one:9.1f} ms a picture = {one / floor:6.2f} x backbone (plain / this {slow / one:5.1f})  "
            f"fit {fit:.2f} s (estimate {guess:.2f})  {method.nbytes / 1e6:.1f} MB"
        )
    method = CASES["quick"].fit(many)
    one, _ = best(lambda: [method.predict(test[i : i + 1]) for i in range(10)])
    together, _ = best(lambda: method.predict(test[:]))
    print(
        f"quick among {MANY} normals: {100 * one:.1f} ms a picture alone, {100 * together:.1f} ms among ten "
        f"(bar {BAR:.0f}), {method.nbytes / 1e6:.0f} MB"
    )
    return int(100 * one > BAR)


if __name__ == "__main__":
    sys.exit(main())
