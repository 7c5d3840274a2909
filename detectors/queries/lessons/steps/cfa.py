"""CFA step by step: the centres, the layer before and after training, and the centres nearest to one patch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.comparison.comparison import Stores
from detectors.features.store import FeatureStore
from detectors.methods.base import Features
from detectors.methods.cfa import CFA
from detectors.methods.maps import cell_at, cell_box, enlarge
from detectors.queries.lessons.steps import views
from detectors.queries.lessons.steps.values import CfaMemory, CfaPath, Floats, Match, Normals

BINS = 44


@torch.no_grad()
def memory(detector: CFA, stores: Stores) -> CfaMemory:
    """Return the centres, the losses, and how training moved held-out normal patches."""
    held = [views.plain(detector.search(batch)[0]) for batch in stores.held_out]
    before, after = _to_centres(detector.untrained(), stores.held_out), _to_centres(detector, stores.held_out)
    together = [len(values) > 0 for values in (before, after)]
    edges = np.histogram_bin_edges(np.concatenate([before, after]), BINS) if all(together) else np.zeros(0)
    drawing, _ = views.plane(detector.bank_, len(detector.bank_))
    return CfaMemory(
        learnt=len(stores.learnt),
        nbytes=detector.nbytes,
        normals=Normals.of(np.concatenate(held)) if held else None,
        centres=len(detector.bank_),
        dimensions=detector.bank_.shape[1],
        inputs=detector.weight_.shape[1],
        plane=drawing,
        losses=np.array(detector.losses_),
        radius=detector.radius_,
        before=_on(edges, before),
        after=_on(edges, after),
    )


@torch.no_grad()
def path(detector: CFA, stores: Stores, picture: int, y: int, x: int) -> CfaPath:
    """Return one patch's distances to the centres before and after training, and the way to the picture's score."""
    features = views.one(stores.test, picture)
    size, grid_size = features.image_size, detector.grid_size_
    cell = cell_at(grid_size, size, y, x)
    grids, distances, indices = detector.search(features)
    untrained = detector.untrained()
    grids_before, distances_before, _ = untrained.search(features)
    found, apart = indices[0][cell], distances[0][cell]  # (K,)
    places = detector.places_[found].tolist()
    around = views.around(detector.bank_, detector.describe(features)[0][cell])
    prediction = detector.predict(features)
    assert prediction.maps is not None
    return CfaPath(
        grid_size=grid_size,
        cell=cell,
        box=cell_box(grid_size, size, *cell),
        numbers=detector.channels_,
        colours=views.colours(lambda f: _channels_first(detector, f), stores.learnt, features),
        grid=views.plain(grids[0]),
        enlarged=views.plain(enlarge(grids, size)[0]),
        map=views.plain(prediction.maps[0]),
        value=float(grids[0][cell]),
        score=float(prediction.scores[0]),
        highest=views.highest(grids[0], size),
        matches=tuple(
            Match(None, cell_box(grid_size, size, *divmod(place, grid_size[1])), distance)
            for place, distance in zip(places, apart.tolist(), strict=True)
        ),
        weights=views.wide(torch.softmax(-apart, 0)),
        before=views.wide(distances_before[0][cell]),
        before_value=float(grids_before[0][cell]),
        before_colours=views.colours(lambda f: _channels_first(untrained, f), stores.learnt, features),
        around=around,
        around_near=around[found.cpu().numpy()],
    )


def _to_centres(detector: CFA, store: FeatureStore) -> Floats:
    """Return every patch's distance to its nearest centre, (n,)."""
    found = [views.wide(detector.search(batch)[1][..., 0]).ravel() for batch in store]
    return np.concatenate(found) if found else np.empty(0)


def _on(edges: Floats, values: Floats) -> Normals | None:
    if not values.size:
        return None
    return Normals(np.histogram(values, edges)[0], edges, float(np.quantile(values, 0.99)), values.size)


def _channels_first(detector: CFA, features: Features) -> Tensor:
    return detector.describe(features).permute(0, 3, 1, 2)  # (B, H, W, D) -> (B, D, H, W)
