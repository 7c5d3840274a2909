"""Which normal pictures to look at first: those that the others would find anomalous, as a whole or by one patch.

Each picture is scored as if it had not been there: as a whole by SPADE's distance to its nearest others, and by its
strangest patch, whose nearest patches in three other pictures are far, so that two or three pictures with the same
defect do not vouch for each other. Both are brought to robust deviations of their logarithms, and the larger counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.datasets import likely_outliers
from detectors.features.likeness import NEAREST

if TYPE_CHECKING:
    from detectors.features.store import FeatureStore

_ROOM = 1_200_000  # distances that are kept: the grid of patches is coarser where there are many pictures
_FINEST, _COARSEST = 14, 4  # patches along a side


@dataclass(frozen=True)
class Doubts:
    """How far each of N pictures is from the others.

    Attributes:
        times: (N,) the larger of both distances, as a multiple of its median over the pictures.
        patch: (N,) whether that is the strangest patch's, not the whole picture's.
        places: (N,) of the strangest patch on the grid, row by row.
        side: of the grid.
        order: (N,) the pictures, the most doubtful first.
        outlying: those that stand out by more than 3.5 robust deviations, the most doubtful first.
    """

    times: NDArray[np.float64]
    patch: NDArray[np.bool_]
    places: NDArray[np.int64]
    side: int
    order: NDArray[np.int64]
    outlying: tuple[int, ...]


class Likeness:
    """How alike the patches of all pictures of a store are, worked out once; any of them can then be compared."""

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        self.side = max(_COARSEST, min(_FINEST, int((_ROOM / len(store) ** 2) ** 0.5)))
        self._between = _between(store, self.side)

    def doubts(self, rows: NDArray[np.int64]) -> Doubts:
        """Compare some pictures with each other, by their rows in the store."""
        from detectors.methods.spade import Spade

        count = len(rows)
        if count < 2:
            return Doubts(np.ones(count), np.zeros(count, bool), np.zeros(count, int), self.side, np.arange(count), ())
        between = self._between[rows][:, :, rows].copy()  # (N, P, N)
        between[np.arange(count), :, np.arange(count)] = np.inf
        few = min(NEAREST, count - 1)
        patches = np.partition(between, few - 1, axis=2)[:, :, :few].mean(axis=2)  # (N, P)
        alone = Spade().left_out(self._store.subset(rows))
        assert alone is not None  # by its usual settings it scores whole pictures
        both = np.stack([alone.double().cpu().numpy(), patches.max(axis=1)])  # (2, N)
        logs = np.log(np.maximum(both, np.finfo(np.float64).tiny))
        above = logs - np.median(logs, axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(above), axis=1, keepdims=True)
        deviations = above / np.maximum(spread, 1e-9)
        stranger = deviations.argmax(axis=0)
        most = deviations.max(axis=0)
        return Doubts(
            times=np.exp(above[stranger, np.arange(count)]),
            patch=stranger == 1,
            places=patches.argmax(axis=1),
            side=self.side,
            order=np.argsort(-most, kind="stable"),
            outlying=likely_outliers(np.exp(np.clip(most, -100, 100))),
        )


def _between(store: FeatureStore, side: int) -> NDArray[np.float32]:
    """Return (N, P, N): how far each patch is from the nearest patch of each picture, wherever it lies there."""
    import torch

    from detectors.methods.maps import neighbourhood_mean, resample

    levels = range(len(store.shape.maps))[1:3] or range(1)  # the middle ones, as PatchCore takes them
    joined = []
    for level in levels:
        own = torch.cat([resample(neighbourhood_mean(b.maps[level]), (side, side)).cpu() for b in store])
        mean, spread = own.mean((0, 2, 3), keepdim=True), own.std((0, 2, 3), keepdim=True)
        joined.append((own - mean) / spread.clamp(min=1e-6) / own.shape[1] ** 0.5)  # every level counts alike
    rows = torch.cat(joined, 1).flatten(2).transpose(1, 2).contiguous()  # (N, P, C)
    flat, norms = rows.flatten(0, 1), rows.square().sum(2)  # (N P, C), (N, P)
    found = torch.empty(*rows.shape[:2], len(rows))
    for picture in range(len(rows)):
        products = torch.addmm(norms[picture], flat, rows[picture].T, alpha=-2)  # (N P, P)
        found[:, :, picture] = (products.amin(1).view_as(norms) + norms).clamp_(min=0).sqrt_()
    return found.numpy()
