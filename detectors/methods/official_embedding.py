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


def official_embedding(levels: list[Tensor], grid: Size, pretrain: int, target: int) -> Tensor:
    """Describe the patches of levels (B, C_l, H_l, W_l): (B, target, H, W)."""
    weights = _weights(tuple(level.shape[1] for level in levels), pretrain, target)
    pooled = [_pooled(level, own) for level, own in zip(levels, weights, strict=True)]  # (B, target, H_l, W_l)
    return torch.stack([resample(level, grid) for level in pooled]).sum(0)


@lru_cache(maxsize=8)
def _weights(channels: tuple[int, ...], pretrain: int, target: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return per level the weights of its 9 C values in the outputs, sparse by rows: columns, ends of rows, values."""
    second, found = _bins(len(channels) * pretrain, target), []
    for number, c in enumerate(channels):
        weights = second[:, number * pretrain : (number + 1) * pretrain] @ _bins(9 * c, pretrain)  # (target, 9 C)
        columns, ends = (torch.from_numpy(part).long() for part in (weights.indices, weights.indptr))
        found.append((columns, ends, torch.from_numpy(weights.data)))
    return found


def _bins(inputs: int, outputs: int) -> Any:
    """Return adaptive average pooling in one dimension as a sparse matrix (outputs, inputs)."""
    starts = np.arange(outputs) * inputs // outputs
    lengths = -(-np.arange(1, outputs + 1) * inputs // outputs) - starts
    columns = np.concatenate([np.arange(start, start + n) for start, n in zip(starts, lengths, strict=True)])
    ends = np.append(0, lengths.cumsum())
    return sparse.csr_matrix((np.repeat(1 / lengths, lengths), columns, ends), shape=(outputs, inputs))


def _pooled(level: Tensor, weights: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Add up the weighted values of all neighbourhoods: (B, C, H, W) -> (B, target, H, W)."""
    columns, ends, values = (part.to(level.device) for part in weights)
    add = partial(embedding_bag, columns, offsets=ends, mode="sum", include_last_offset=True)
    unfolded = unfold(level, 3, padding=1)  # (B, 9 C, H W)
    pooled = [add(weight=own, per_sample_weights=values.to(own)) for own in unfolded]  # (target, H W)
    return torch.stack(pooled).unflatten(2, level.shape[2:])
