"""PatchCore step by step: the bank being picked, and the bank patches nearest to one patch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.comparison.comparison import Stores
from detectors.methods.maps import cell_at, cell_box, enlarge
from detectors.methods.neighbors import Bank, nearest
from detectors.methods.patchcore import PatchCore
from detectors.queries.lessons.steps import views
from detectors.queries.lessons.steps.values import Covering, Floats, Match, Normals, PatchcoreMemory, PatchcorePath

DRAWN = 1500  # points of a drawing
FIRST = 12  # picks that are shown one by one
NEAREST = 5
PAINTED = 12  # normal pictures whose patches are drawn
PAIRS = 75_000_000  # of patches and picks that the radii may look at


@torch.no_grad()
def memory(detector: PatchCore, stores: Stores) -> PatchcoreMemory:
    """Return the bank in the order of picking."""
    patches = torch.cat([_rows(detector.embed(batch)) for batch in views.some(stores.learnt, PAINTED)])
    drawing, drawn = views.plane(detector.bank_, DRAWN)
    others = drawn(patches[:: max(1, len(patches) // DRAWN)] - detector.centre_)
    return PatchcoreMemory(
        learnt=len(stores.learnt),
        nbytes=detector.nbytes,
        normals=Normals.of(np.concatenate([views.plain(detector.distances(batch)) for batch in stores.held_out]))
        if len(stores.held_out)
        else None,
        patches=detector.patches_,
        kept=len(detector.bank_),
        plane=drawing,
        others=others,
        picks=_picks(detector, stores.learnt.shape.image_size),
    )


@torch.no_grad()
def covering(detector: PatchCore, stores: Stores) -> Covering:
    """Measure how far patches are from the first picks, whatever their number; about as costly as the fit."""
    every = max(1, -(-detector.patches_ * len(detector.bank_) // PAIRS))
    patches = torch.cat([_rows(detector.embed(batch)) for batch in stores.learnt])[::every] - detector.centre_
    return Covering(_radii(patches, detector.bank_), len(patches))


@torch.no_grad()
def path(detector: PatchCore, stores: Stores, picture: int, y: int, x: int) -> PatchcorePath:
    """Return one patch's distances to the bank, and the way to the picture's score."""
    features = views.one(stores.test, picture)
    size, grid_size = features.image_size, detector.grid_
    cell = cell_at(grid_size, size, y, x)
    embedded = detector.embed(features)  # (1, D, H, W)
    here = embedded[0, :, cell[0], cell[1]] - detector.centre_  # (D,)
    distances, ranks = _nearest(detector, here)
    origins = detector.origins_[ranks].tolist()
    matches = tuple(
        Match(found, cell_box(grid_size, size, row, column), distance)
        for distance, (found, row, column) in zip(distances.tolist(), origins, strict=True)
    )
    grid = detector.distances(features)[0]  # (H, W)
    prediction = detector.predict(features)
    assert prediction.maps is not None
    around = views.around(detector.bank_, here)
    score = float(prediction.scores[0])
    peak = float(grid.max())
    return PatchcorePath(
        grid_size=grid_size,
        cell=cell,
        box=cell_box(grid_size, size, *cell),
        numbers=_numbers(detector, features.shape.maps),
        colours=views.colours(detector.embed, stores.learnt, features),
        grid=views.plain(grid),
        enlarged=views.plain(enlarge(grid[None], size)[0]),
        map=views.plain(prediction.maps[0]),
        value=float(grid[cell]),
        score=score,
        highest=views.highest(grid, size),
        squared=detector.squared,
        averaged=min(detector.neighbors, len(detector.bank_)),
        matches=matches,
        ranks=tuple(ranks.tolist()),
        around=around[:DRAWN],
        around_near=around[ranks.cpu().numpy()],
        level_squares=_level_squares(detector, here - detector.bank_[ranks[0]], features.shape.maps),
        weight=score / peak if peak > 0 else 1.0,
    )


def _nearest(detector: PatchCore, here: Tensor) -> tuple[Tensor, Tensor]:
    bank = Bank(detector.bank_, detector.norms_, torch.zeros_like(detector.centre_))
    count = min(max(NEAREST, detector.neighbors), len(detector.bank_))
    distances, indices = nearest(here[None], bank, count)
    return distances[0], indices[0]


def _picks(detector: PatchCore, size: tuple[int, int]) -> tuple[Match, ...]:
    found = []
    for k, (picture, row, column) in enumerate(detector.origins_[:FIRST].tolist()):
        before = torch.linalg.vector_norm(detector.bank_[:k] - detector.bank_[k], dim=1)  # (k,)
        distance = float(before.min()) if k else float("nan")
        found.append(Match(picture, cell_box(detector.grid_, size, row, column), distance))
    return tuple(found)


def _radii(patches: Tensor, bank: Tensor) -> tuple[tuple[int, float, float], ...]:
    """Return the covering radius with 1, 2, 4, ... picks and with all of them."""
    counts = [2**i for i in range(len(bank).bit_length()) if 2**i < len(bank)] + [len(bank)]
    least = torch.full((len(patches),), torch.inf, device=patches.device)
    found, done = [], 0
    for count in counts:
        picks = Bank.of(bank[done:count])
        for start in range(0, len(patches), 8192):
            part = slice(start, start + 8192)
            least[part] = torch.minimum(least[part], nearest(patches[part], picks)[0][:, 0])
        found.append((count, float(least.max()), float(least.mean())))
        done = count
    return tuple(found)


def _numbers(detector: PatchCore, maps: tuple[tuple[int, int, int], ...]) -> tuple[int, ...]:
    if detector.embedding == "official":
        return (detector.target_dimensions,)
    return tuple(maps[level][0] for level in detector.levels)


def _level_squares(detector: PatchCore, delta: Tensor, maps: tuple[tuple[int, int, int], ...]) -> Floats:
    if detector.embedding == "official":
        return np.empty(0)
    return np.array([float(part.double().square().sum()) for part in delta.split(_numbers(detector, maps))])


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)  # (B, D, H, W) -> (B P, D)
