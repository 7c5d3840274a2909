"""High-dimensional features seen by an eye: as colours, and in two directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.features.store import FeatureStore
from detectors.methods.base import Features, Neighbor
from detectors.methods.maps import Size, resample
from detectors.queries.lessons.steps.values import Floats, Match, Plane

PAINTERS = 6  # normal pictures that decide which direction of feature space gets which colour
REACH = 2.2  # standard deviations from a colour's middle to its end


def one(store: FeatureStore, picture: int) -> Features:
    """Return one picture's features."""
    return store[picture : picture + 1]


def some(store: FeatureStore, count: int) -> FeatureStore:
    """Return `count` pictures, evenly spaced."""
    return store.subset(np.linspace(0, len(store) - 1, min(count, len(store))).round().astype(int))


def joined(features: Features, levels: Sequence[int], grid: Size) -> Tensor:
    """Bring levels to one grid: (B, sum of C_l, H, W)."""
    return torch.cat([resample(features.maps[level], grid) for level in levels], 1)


@torch.no_grad()
def colours(describe: Callable[[Features], Tensor], normal: FeatureStore, features: Features) -> NDArray[np.uint8]:
    """Paint (1, D, H, W) features by three main directions of normal pictures' ones, so that like means like."""
    rows = torch.cat([_rows(describe(batch)) for batch in some(normal, PAINTERS)])  # (n P, D)
    mean, basis, variances = directions(rows, 3)
    shown = describe(features)  # (1, D, H, W)
    seen = (_rows(shown) - mean) @ basis.T / variances.sqrt().clamp(min=1e-12)  # (P, r)
    painted = torch.full((len(seen), 3), 127.0)
    painted[:, : seen.shape[1]] = (seen.cpu() / REACH * 127.5 + 127.5).clamp(0, 255)
    return painted.round().byte().reshape(*shown.shape[-2:], 3).numpy()


def directions(rows: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean (D,), the main directions (count, D) and the variances along them of (n, D) rows.

    Each direction is turned so that its largest number is positive: the same rows are always drawn the same way round.
    """
    mean = rows.mean(0)
    centred = rows - mean
    if len(rows) < rows.shape[1]:
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        basis = vectors.flip(1)[:, :count].T @ centred  # (count, D)
        basis = basis / torch.linalg.vector_norm(basis, dim=1, keepdim=True).clamp(min=1e-20)
    else:
        values, vectors = torch.linalg.eigh(centred.T @ centred)
        basis = vectors.flip(1)[:, :count].T.contiguous()
    turn = basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()
    return mean, basis * torch.where(turn == 0, 1.0, turn), values.flip(0)[:count].clamp(min=0) / len(rows)


def plane(rows: Tensor, shown: int) -> tuple[Plane, Callable[[Tensor], Floats]]:
    """Draw the first `shown` of (n, D) rows in their two main directions; the function draws others there."""
    mean, basis, variances = directions(rows, 2)
    total = float((rows - mean).square().sum() / len(rows))

    def drawn(others: Tensor) -> Floats:
        flat = ((others - mean) @ basis.T).double().cpu().numpy()
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))

    share = float(variances.sum()) / total if total > 0 else 1.0
    return Plane(drawn(rows[:shown]), min(1.0, share), rows.shape[1]), drawn


def around(rows: Tensor, here: Tensor) -> Floats:
    """Draw (n, D) rows as (distance from `here`, place along the direction in which the rows differ most)."""
    mean, basis, _ = directions(rows, 1)
    distances = torch.linalg.vector_norm(rows - here, dim=1)
    return torch.stack([distances, (rows - mean) @ basis[0]], 1).double().cpu().numpy()


def centre_pixel(cell: Size, grid: Size, size: Size) -> tuple[int, int]:
    """Return the pixel in the middle of a grid cell."""
    return (2 * cell[0] + 1) * size[0] // (2 * grid[0]), (2 * cell[1] + 1) * size[1] // (2 * grid[1])


def highest(grid: Tensor, size: Size) -> tuple[int, int]:
    """Return the pixel in the middle of the cell of (H, W) with the largest value."""
    row, column = divmod(int(grid.argmax()), grid.shape[1])
    return centre_pixel((row, column), (grid.shape[0], grid.shape[1]), size)


def match(neighbor: Neighbor) -> Match:
    """Return a neighbour as a plain value."""
    return Match(neighbor.picture, neighbor.box, neighbor.distance, neighbor.level)


def plain(tensor: Tensor) -> Any:
    """Return a tensor as a float32 array."""
    return tensor.float().cpu().numpy()


def wide(tensor: Tensor) -> Floats:
    """Return a tensor as a float64 array."""
    return tensor.double().cpu().numpy()


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)  # (B, D, H, W) -> (B P, D)
