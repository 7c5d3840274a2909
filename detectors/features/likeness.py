"""How much pictures are like each other, by the pooled features that a run has extracted anyway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from detectors.features.store import FeatureStore

NEAREST = 3  # so that two or three pictures with the same defect do not vouch for each other


def leave_one_out(stages: Iterable[NDArray[np.floating[Any]]], nearest: int = NEAREST) -> NDArray[np.float64]:
    """Return (N,) mean distances of each picture to its nearest others.

    Args:
        stages: (N, C_s) pooled features of each stage. Channels are standardised over the N pictures, channels
            without spread are left out, and every stage counts alike whatever its number of channels.
        nearest: how many others; all of them where there are fewer.
    """
    squared: NDArray[np.float64] | None = None
    for pooled in stages:
        if len(pooled) < 2:
            return np.zeros(len(pooled))
        x = standardised(pooled)
        norms = (x**2).sum(axis=1)  # (N,)
        between = np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0) / max(x.shape[1], 1)  # (N, N)
        squared = between if squared is None else squared + between
    if squared is None:
        return np.zeros(0)
    np.fill_diagonal(squared, np.inf)
    few = min(nearest, len(squared) - 1)
    return np.sqrt(np.partition(squared, few - 1, axis=1)[:, :few]).mean(axis=1)


def standardised(pooled: NDArray[np.floating[Any]], by: int | None = None) -> NDArray[np.float64]:
    """Return (N, C') features of mean 0 and spread 1 over the first `by` pictures, without channels that never vary."""
    x = np.asarray(pooled, np.float64)  # (N, C)
    mean, spread = x[:by].mean(axis=0), x[:by].std(axis=0)
    lively = spread > 1e-9 * np.maximum(np.abs(x).max(axis=0, initial=0), 1e-12)
    return (x[:, lively] - mean[lively]) / spread[lively]


def pooled_stages(stores: Iterable[FeatureStore]) -> list[NDArray[np.float32]]:
    """Return (N, C_s) per stage over all stores."""
    batches = [[part.cpu().numpy() for part in batch.pooled] for store in stores for batch in store]
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]
