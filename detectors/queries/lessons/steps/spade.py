"""SPADE step by step: the most similar normal pictures, then the most similar patches in them."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch import Tensor

from detectors.comparison.comparison import Stores
from detectors.methods.base import Features
from detectors.methods.maps import Size, cell_at, cell_box, enlarge
from detectors.methods.spade import Spade
from detectors.queries.lessons.steps import views
from detectors.queries.lessons.steps.values import Normals, SpadeMemory, SpadePath


@torch.no_grad()
def memory(detector: Spade, stores: Stores) -> SpadeMemory:
    """Return the normal pictures as points: what a whole picture is compared by."""
    grid = _finest(detector)
    held = [views.plain(_joined(detector.grids(batch), grid)) for batch in stores.held_out]
    drawing, _ = views.plane(detector.pooled_, len(detector.pooled_))
    return SpadeMemory(
        learnt=len(stores.learnt),
        nbytes=detector.nbytes,
        normals=Normals.of(np.concatenate(held)) if held else None,
        plane=drawing,
        level_grids=tuple((level.shape[1], level.shape[2]) for level in detector.gallery_),
        pooled=detector.pooled_.shape[1],
    )


@torch.no_grad()
def path(detector: Spade, stores: Stores, picture: int, y: int, x: int) -> SpadePath:
    """Return one picture's neighbours, one patch's matches in them, and the way to the map and the score."""
    features = views.one(stores.test, picture)
    size, grid_size = features.image_size, _finest(detector)
    cell = cell_at(grid_size, size, y, x)
    distances, pictures = detector.pictures(features)
    grids = detector.grids(features)  # (1, H_l, W_l) each
    grid = _joined(grids, grid_size)[0]  # (H, W)
    prediction = detector.predict(features)
    assert prediction.maps is not None
    evidence = detector.explain(features, y, x)
    levels: tuple[int | None, ...] = detector.levels if detector.combine == "average" else (None,)
    matches = [views.match(n) for level in levels for n in evidence.neighbors if n.level == level]
    _, drawn = views.plane(detector.pooled_, 0)
    return SpadePath(
        grid_size=grid_size,
        cell=cell,
        box=cell_box(grid_size, size, *cell),
        numbers=tuple(features.shape.maps[level][0] for level in detector.levels),
        colours=views.colours(lambda f: _features(detector, f, grid_size), stores.learnt, features),
        grid=views.plain(grid),
        enlarged=views.plain(torch.stack([enlarge(g, size) for g in grids]).mean(0)[0]),
        map=views.plain(prediction.maps[0]),
        value=float(grid[cell]),
        score=float(prediction.scores[0]),
        highest=views.highest(grid, size),
        pictures=tuple(pictures[0].tolist()),
        picture_distances=views.wide(distances[0]),
        here=drawn(features.pooled[-1])[0],
        matches=tuple(matches),
        levels=levels,
        level_values=np.array([float(g[0][cell_at((g.shape[1], g.shape[2]), size, y, x)]) for g in grids]),
        level_grids=tuple(views.plain(g[0]) for g in grids),
    )


def _finest(detector: Spade) -> Size:
    return max(((level.shape[1], level.shape[2]) for level in detector.gallery_), key=prod)


def _features(detector: Spade, features: Features, grid: Size) -> Tensor:
    return views.joined(features, detector.levels, grid)


def _joined(grids: tuple[Tensor, ...], size: Size) -> Tensor:
    """Average levels place by place on the finest grid, each coarse cell's value at all places in it: (B, H, W)."""
    return torch.stack([_spread(grid, size) for grid in grids]).mean(0)


def _spread(grid: Tensor, size: Size) -> Tensor:
    rows = [cell_at((grid.shape[1], 1), (size[0], 1), y, 0)[0] for y in range(size[0])]
    columns = [cell_at((1, grid.shape[2]), (1, size[1]), 0, x)[1] for x in range(size[1])]
    return grid[:, rows][:, :, columns]
