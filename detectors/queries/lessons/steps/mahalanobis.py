"""MahalanobisAD step by step: a whole picture as one vector per level, and each level's Gaussian."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from detectors.comparison.comparison import Stores
from detectors.features.store import FeatureStore
from detectors.methods.base import FeatureSource, Prediction
from detectors.methods.gaussian import LowRankGaussian
from detectors.methods.mahalanobis import MahalanobisAD
from detectors.methods.maps import Size
from detectors.queries.lessons.steps import views
from detectors.queries.lessons.steps.values import Floats, MahalanobisMemory, MahalanobisPath, Normals, Plane


@torch.no_grad()
def memory(detector: MahalanobisAD, stores: Stores) -> MahalanobisMemory:
    """Return the Gaussians of the levels with the pictures in them."""
    held = _distances(detector, stores.held_out)
    planes, points = [], []
    for gaussian, level in zip(detector.gaussians, _levels(detector, stores), strict=True):
        learnt = _along(gaussian, _pooled(stores.learnt, level))
        planes.append(Plane(learnt, _share(gaussian, _pooled(stores.learnt, level)), gaussian.mean.shape[1]))
        points.append(_along(gaussian, _pooled(stores.held_out, level)))
    return MahalanobisMemory(
        learnt=len(stores.learnt),
        nbytes=detector.nbytes,
        normals=Normals.of(held.sum(1), bins=12),
        channels=tuple(mean.shape[1] for mean in detector.means_),
        rhos=detector.rhos_,
        distances=_distances(detector, stores.learnt),
        held_out=held,
        planes=tuple(planes),
        held_points=tuple(points),
    )


@torch.no_grad()
def path(detector: MahalanobisAD, stores: Stores, picture: int, y: int, x: int) -> MahalanobisPath:
    """Return what each level adds to one picture's score; the place does not matter."""
    features = views.one(stores.test, picture)
    size, levels = features.image_size, _levels(detector, stores)
    finest: Size = max(((m.shape[2], m.shape[3]) for m in features.maps), key=lambda s: s[0] * s[1])
    every = range(len(features.maps))
    prediction = detector.predict(features)
    score = float(prediction.scores[0])
    vectors = [features.pooled[level] for level in levels]  # (1, C) each
    gaussians = detector.gaussians
    return MahalanobisPath(
        grid_size=(1, 1),
        cell=(0, 0),
        box=(0.0, 0.0, float(size[0]), float(size[1])),
        numbers=tuple(vector.shape[1] for vector in vectors),
        colours=views.colours(lambda f: views.joined(f, every, finest), stores.learnt, features),
        grid=np.array([[score]], dtype=np.float32),
        enlarged=None,
        map=None,
        value=score,
        score=score,
        highest=(size[0] // 2, size[1] // 2),
        distances=views.wide(_levelled(prediction)[0]),
        here=np.concatenate([_along(g, vector) for g, vector in zip(gaussians, vectors, strict=True)]),
        terms=np.array([_terms(g, vector) for g, vector in zip(gaussians, vectors, strict=True)]),
    )


def _levels(detector: MahalanobisAD, stores: Stores) -> tuple[int, ...]:
    return tuple(range(len(stores.learnt.shape.pooled))) if detector.levels is None else detector.levels


def _pooled(store: FeatureStore, level: int) -> Tensor:
    found = [batch.pooled[level] for batch in store]
    return torch.cat(found) if found else torch.zeros(0, store.shape.pooled[level])


def _distances(detector: MahalanobisAD, store: FeatureSource) -> Floats:
    found = [views.wide(_levelled(detector.predict(batch))) for batch in store]
    return np.concatenate(found) if found else np.empty((0, len(detector.means_)))


def _levelled(prediction: Prediction) -> Tensor:
    assert prediction.levels is not None
    return prediction.levels


def _delta(gaussian: LowRankGaussian, samples: Tensor) -> Tensor:
    return samples.double() - gaussian.mean.double().sum(0)


def _along(gaussian: LowRankGaussian, samples: Tensor) -> Floats:
    """Return samples in the two main directions, in standard deviations, (n, 2)."""
    basis, precision = gaussian.basis[:2].double(), gaussian.precision[:2].double()
    flat = views.wide(_delta(gaussian, samples) @ basis.T * precision.sqrt())
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _share(gaussian: LowRankGaussian, samples: Tensor) -> float:
    delta = _delta(gaussian, samples)
    total = float(delta.square().sum())
    return float((delta @ gaussian.basis[:2].double().T).square().sum()) / total if total else 1.0


def _terms(gaussian: LowRankGaussian, vector: Tensor) -> tuple[float, float, float]:
    """Split one squared distance: the two main directions, the others that vary, and the rest."""
    delta = _delta(gaussian, vector)[0]
    basis = gaussian.basis.double()
    along = basis @ delta
    parts = along.square() * gaussian.precision.double()
    outside = gaussian.rest * (delta - basis.T @ along).square().sum()
    return float(parts[:2].sum()), float(parts[2:].sum()), float(outside)
