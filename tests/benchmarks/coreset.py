"""Seconds of the greedy coreset, and the ratio to the plain incremental loop, which picks the same rows.

Run: OMP_NUM_THREADS=2 python -m tests.benchmarks.coreset [backbone] [--plain]
10 % of 39,200 patches (50 pictures on a 28 x 28 grid) and of 206,976 (66 on 56 x 56), projected to 128 dimensions; the
plain loop over the latter takes minutes and runs only with --plain. Bars on two quiet cores: 0.8 s and 8 s; it exits
with 1 where one is missed.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor

from detectors.features.store import FeatureStore
from detectors.methods.coreset import greedy_coreset, project
from detectors.methods.neighbors import Bank, nearest
from detectors.methods.patchcore import PatchCore
from tests.benchmarks.demo_features import best, stores


def plain(points: Tensor, count: int, seed: int = 0) -> Tensor:
    """One matrix-vector product a pick, precomputed norms, the official start."""
    bank = Bank.of(points)
    z, norms = bank.rows, bank.norms
    start = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:10]
    far = (norms[:, None] + norms[start] - 2 * z @ z[start].T).clamp(min=0).sqrt().mean(1).square()
    picks = torch.empty(count, dtype=torch.int64)
    for i in range(count):
        picks[i] = pick = far.argmax()
        far = torch.minimum(far, (norms + norms[pick] - 2 * (z @ z[pick])).clamp_(min=0))
        far[pick] = -1
    return picks


def patches(store: FeatureStore, method: PatchCore) -> Tensor:
    embedded = [project(method.embed(batch).permute(0, 2, 3, 1).flatten(0, 2), 128) for batch in store]
    return torch.cat(embedded)


def measure(points: Tensor, compare: bool, bar: float) -> int:
    count = len(points) // 10
    repeats, working = 3 if compare else 1, time.process_time()
    spent, picks = best(lambda: greedy_coreset(points, count), repeats)
    working = (time.process_time() - working) / repeats
    radius = nearest(points, points[picks])[0].max().item()
    print(
        f"{len(points):,} patches, {count:,} picks: {spent:.2f} s (bar {bar}), of all processors {working:.2f} s; "
        f"covering radius {radius:.5f}",
        flush=True,
    )
    if compare:
        slow, others = best(lambda: plain(points, count), 1)
        same = len(set(picks.tolist()) & set(others.tolist())) / count
        other = nearest(points, points[others])[0].max().item()
        print(
            f"    plain loop {slow:.2f} s, {slow / spent:.1f} times as long; radius {other:.5f} "
            f"(ratio {radius / other:.6f}); {same:.1%} of the picks are the same"
        )
    return int(spent > bar)


def main() -> int:
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    backbone = names[0] if names else "efficientnet_lite0"
    store, _, _ = stores(backbone, 66, 1)
    print(f"{backbone}, {torch.get_num_threads()} threads")
    missed = measure(patches(store, PatchCore())[:39200], True, 0.8)
    return missed + measure(patches(store, PatchCore(levels=(0, 1, 2))), "--plain" in sys.argv, 8.0)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
