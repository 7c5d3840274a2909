"""PaDiM step by step: the Gaussian of one position, drawn where it is widest, and the patch in it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from detectors.comparison.comparison import Stores
from detectors.methods.base import Features
from detectors.methods.gaussian import CholeskyGaussians, RidgeGaussians, exact
from detectors.methods.maps import align_nearest, cell_at, cell_box, enlarge
from detectors.methods.padim import Padim
from detectors.methods.pyramid import add_spread, covering
from detectors.queries.lessons.steps import views
from detectors.queries.lessons.steps.values import Normals, PadimMemory, PadimPath, Plane

SHOWN = 4  # normal pictures that look most like the patch
CUT = 1e-9  # of the largest variance: normal pictures do not vary in directions below it


@torch.no_grad()
def memory(detector: Padim, stores: Stores) -> PadimMemory:
    """Return how much normal pictures vary at each position."""
    held = [views.plain(detector.distances(batch)) for batch in stores.held_out]
    return PadimMemory(
        learnt=len(stores.learnt),
        nbytes=detector.nbytes,
        normals=Normals.of(np.concatenate(held)) if held else None,
        spread=views.plain(_traces(detector).sqrt()),
        drawn=tuple(len(c) for c in detector.channels_),
        available=tuple(stores.learnt.shape.maps[level][0] for level in detector.levels),
    )


@torch.no_grad()
def path(detector: Padim, stores: Stores, picture: int, y: int, x: int) -> PadimPath:
    """Return what one patch's Mahalanobis distance consists of, and the way to the picture's score."""
    features = views.one(stores.test, picture)
    size, grid_size = features.image_size, detector.grid_
    cell = cell_at(grid_size, size, y, x)
    delta = _deltas(detector, features, cell)[0]  # (d,)
    normals = torch.cat([_deltas(detector, batch, cell) for batch in stores.learnt])  # (N, d)
    basis, variances, rest = _gaussian(detector, cell)
    along = basis @ delta  # (r,)
    parts = along.square() / variances
    outside = (delta - basis.T @ along).square().sum() / rest if rest else torch.zeros(())
    varying = int((variances > (rest or 0) + CUT * variances[0]).sum())
    drawn = views.wide(normals @ basis[:2].T)
    traces = float(normals.square().sum())
    grid = detector.distances(features)[0]  # (H, W)
    prediction = detector.predict(features)
    assert prediction.maps is not None
    evidence = detector.explain(features, y, x)
    levels = {c.level: c.value for c in evidence.contributions if c.channel is None}
    matches = [views.match(n) for n in detector.nearest_normals(features, stores.learnt, y, x, SHOWN)]
    return PadimPath(
        grid_size=grid_size,
        cell=cell,
        box=cell_box(grid_size, size, *cell),
        numbers=tuple(len(c) for c in detector.channels_),
        colours=views.colours(lambda f: _chosen(detector, f), stores.learnt, features),
        grid=views.plain(grid),
        enlarged=views.plain(enlarge(grid[None], size)[0]),
        map=views.plain(prediction.maps[0]),
        value=float(grid[cell]),
        score=float(prediction.scores[0]),
        highest=views.highest(grid, size),
        plane=Plane(_two(drawn), float((drawn**2).sum()) / traces if traces else 1.0, len(delta)),
        deviations=_two(views.wide(variances[:2].sqrt())[None])[0],
        here=_two(views.wide(along[:2])[None])[0],
        delta=float(torch.linalg.vector_norm(delta)),
        terms=np.array([float(parts[:2].sum()), float(parts[2:].sum()), float(outside)]),
        along=_two(views.wide(parts[:2])[None])[0],
        directions=(min(2, varying), max(0, varying - 2), len(delta) - varying),
        level_shares=np.array([levels[level] for level in detector.levels]),
        typical=matches[0],
        matches=tuple(matches[1:-1]),  # the last is the average
        normal_distances=views.wide(_mahalanobis(normals, basis, variances, rest)),
    )


def _chosen(detector: Padim, features: Features) -> Tensor:
    """Return the drawn channels on the grid of positions: (B, d, H, W)."""
    levels = zip(detector.levels, detector.channels_, strict=True)
    return align_nearest([features.maps[level].index_select(1, own) for level, own in levels], detector.grid_)


def _deltas(detector: Padim, features: Features, cell: tuple[int, int]) -> Tensor:
    """Return the drawn channels of one position less their means, (B, d) in float64."""
    means = [exact(covering(mean, cell, detector.grid_)) for mean in detector.means_]
    return exact(_chosen(detector, features)[:, :, cell[0], cell[1]]) - torch.cat(means)


def _gaussian(detector: Padim, cell: tuple[int, int]) -> tuple[Tensor, Tensor, float | None]:
    """Return the directions (r, d) in which normal pictures vary, the variances there, and that in all others."""
    gaussians = detector.gaussians
    if isinstance(gaussians, CholeskyGaussians):
        factor = exact(gaussians.whitening[cell])
        precisions, vectors = torch.linalg.eigh(factor.T @ factor)  # the least precision is the widest direction
        return vectors.T, 1 / precisions, None
    rows = torch.cat([exact(covering(level, cell, detector.grid_)) for level in gaussians.rows], dim=1)  # (N, d)
    ridge = float(gaussians.ridge[cell])
    _, lengths, basis = torch.linalg.svd(rows, full_matrices=False)
    varies = lengths.square() > CUT * lengths[0].square()
    return basis[varies], lengths[varies].square() + ridge, ridge


def _mahalanobis(deltas: Tensor, basis: Tensor, variances: Tensor, rest: float | None) -> Tensor:
    along = deltas @ basis.T  # (n, r)
    squared = (along.square() / variances).sum(1)
    return (squared + ((deltas - along @ basis).square().sum(1) / rest if rest else 0)).sqrt()


def _traces(detector: Padim) -> Tensor:
    """Return the trace of each position's covariance, epsilon left out, (H, W)."""
    gaussians = detector.gaussians
    if isinstance(gaussians, RidgeGaussians):
        traces = torch.zeros(detector.grid_, device=gaussians.ridge.device)
        for level in gaussians.rows:
            add_spread(traces, level.square().sum((2, 3)))
        return traces
    found = []
    for row in gaussians.whitening:  # (W, d, d)
        eye = torch.eye(row.shape[-1], device=row.device).expand_as(row)
        lower = torch.linalg.solve_triangular(row, eye, upper=False)  # L
        found.append(lower.square().sum((1, 2)))
    ridge = 0.0 if detector.relative else detector.epsilon * gaussians.whitening.shape[-1]
    return (torch.stack(found) - ridge).clamp(min=0)


def _two(points: Iterable[object]) -> np.ndarray:  # type: ignore[type-arg]
    """Return points as (n, 2), with 0 along a direction that does not exist."""
    flat = np.asarray(points, dtype=np.float64)
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
