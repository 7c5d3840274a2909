"""How PatchCore's official code describes a patch; its paper joins 3 x 3 means.

The 9 C values of a neighbourhood lie in a row, channel by channel, and bins of them are averaged: first to `pretrain`
values per level, then all levels' values to `target`. All of it is linear, so an output is a weighted sum of few values
of each level, and levels are resized afterwards, when they have fewer channels.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag, unfold

from detectors.methods.maps import Size, resample

Weights = tuple[Tensor, Tensor, Tensor]  # sparse, by rows: columns, where each row begins and the last ends, values


def official_embedding(levels: list[Tensor], grid: Size, pretrain: int, target: int) -> Tensor:
    """Describe the patches of levels (B, C_l, H_l, W_l): (B, target, H, W)."""
    weights = _weights(tuple(level.shape[1] for level in levels), pretrain, target)
    joined = levels[0].new_zeros(len(levels[0]), target, *grid)
    for level, (outputs, own) in zip(levels, weights, strict=True):
        joined[:, outputs] += resample(_pooled(level, own), grid)
    return joined


@lru_cache(maxsize=8)
def _weights(channels: tuple[int, ...], pretrain: int, target: int) -> list[tuple[slice, Weights]]:
    """Return per level the range of outputs that it adds to, and the weights of its 9 C values in these."""
    second, found = _bins(len(channels) * pretrain, target), []
    for number, c in enumerate(channels):
        weights = second[:, number * pretrain : (number + 1) * pretrain] @ _bins(9 * c, pretrain)  # (target, 9 C)
        used = np.flatnonzero(np.diff(weights.indptr))
        outputs = slice(int(used[0]), int(used[-1]) + 1)
        own = weights[outputs]
        columns, ends = (torch.from_numpy(part).long() for part in (own.indices, own.indptr))
        found.append((outputs, (columns, ends, torch.from_numpy(own.data))))
    return found


def _bins(inputs: int, outputs: int) -> Any:
    """Return adaptive average pooling in one dimension as a sparse matrix (outputs, inputs)."""
    starts = np.arange(outputs) * inputs // outputs
    lengths = -(-np.arange(1, outputs + 1) * inputs // outputs) - starts
    columns = np.concatenate([np.arange(start, start + n) for start, n in zip(starts, lengths, strict=True)])
    ends = np.append(0, lengths.cumsum())
    return sparse.csr_matrix((np.repeat(1 / lengths, lengths), columns, ends), shape=(outputs, inputs))


def _pooled(level: Tensor, weights: Weights) -> Tensor:
    """Add up the weighted values of all neighbourhoods: (B, C, H, W) -> (B, outputs, H, W)."""
    columns, ends, values = (part.to(level.device) for part in weights)
    add = partial(embedding_bag, columns, offsets=ends, mode="sum", include_last_offset=True)
    unfolded = unfold(level, 3, padding=1)  # (B, 9 C, H W)
    pooled = [add(weight=own, per_sample_weights=values.to(own)) for own in unfolded]  # (outputs, H W)
    return torch.stack(pooled).unflatten(2, level.shape[2:])
