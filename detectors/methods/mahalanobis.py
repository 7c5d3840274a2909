"""MahalanobisAD: one Gaussian per stage of the network over whole pictures; the distances of all stages are added.

Every stage's map is averaged over all positions, which gives one vector per stage and picture. A Gaussian with a shrunk
covariance is fitted to the normal pictures' vectors, and a picture's score is the sum over stages of its Mahalanobis
distances. A picture is scored as a whole: there is no map of where.

Rippel, Mertens, Merhof, "Modeling the distribution of normal data in pre-trained deep features for anomaly detection",
2020, arXiv 2005.14140: Ledoit-Wolf shrinkage `Sigma = (1 - rho) S + rho m I`, `S = X^T X / N`; nine levels of an
EfficientNet-B4. The paper's best figures use other images and "negative PCA": `components="npca"`.

Where we depart from it: the official code averages over levels where we add, which orders pictures the same way, and
inverts C x C matrices where we keep the eigenvectors that N pictures span, which gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from detectors.errors import Sentence
from detectors.methods.base import Detector
from detectors.methods.gaussian import LowRankGaussian, exact
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, silent
from detectors.methods.outputs import Contribution, Estimate, Evidence, Prediction, Trace
from detectors.methods.speed import seconds

FITTING = 3.5  # a multiply-add of a fit takes as long as so many of a large product, as measured
STARTING = 2e7  # multiply-adds for which a level is begun


@dataclass
class MahalanobisAD(Detector):
    """Gaussians over pooled features."""

    levels: tuple[int, ...] | None = None  # indices of the pooled stages; None for all
    # None for the full distance, "pca" for the leading principal components alone, "npca" for those behind them (the
    # paper's negative PCA)
    components: Literal["pca", "npca"] | None = None
    # the share that the leading components hold at least: 0.99 leaves "npca" those with the smallest 1 %
    variance: float = 0.99

    name: ClassVar[str] = "mahalanobis"  # both presets are the defaults: the method is cheap as it is

    @torch.no_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Learn a Gaussian per stage from at least two pictures."""
        self.forget()
        levels = self._levels(features.shape)
        batches, done = [], 0
        for batch in features:
            batches.append([batch.pooled[level] for level in levels])  # (B, C) each
            done += len(batch)
            progress(0.5 * done / len(features), "reading")
        gaussians, rhos = [], []
        for own in zip(*batches, strict=True):
            gaussian, rho = LowRankGaussian.fit(torch.cat(own), self.components, self.variance)
            gaussians.append(gaussian)
            rhos.append(rho)
            progress(0.5 + 0.5 * len(gaussians) / len(levels), "covariance")
        self.means_: tuple[Tensor, ...] = tuple(g.mean.to(features.device) for g in gaussians)  # (2, C)
        self.bases_: tuple[Tensor, ...] = tuple(g.basis.contiguous().to(features.device) for g in gaussians)  # (r, C)
        self.precisions_: tuple[Tensor, ...] = tuple(g.precision.to(features.device) for g in gaussians)  # (r,)
        self.rests_: tuple[float, ...] = tuple(g.rest for g in gaussians)
        self.rhos_: tuple[float, ...] = tuple(rhos)
        self.pictures_: int = len(features)
        return self

    def predict(self, features: Features) -> Prediction:
        """Score each picture by the sum of its distances; there is no map. A gradient flows back to the features."""
        self.check_fitted()
        levels = range(len(features.pooled)) if self.levels is None else self.levels
        pooled = [features.pooled[level] if level < len(features.pooled) else torch.empty(0, 0) for level in levels]
        self.check_same([own.shape[1] for own in pooled], [mean.shape[1] for mean in self.means_])
        squared = [g.squared_distance(own) for g, own in zip(self.gaussians, pooled, strict=True)]
        tiny = torch.finfo(torch.float32).tiny  # the root has no slope at 0
        distances = torch.stack(squared, dim=1).clamp(min=tiny).sqrt()  # (B, L)
        return Prediction(distances.sum(dim=1), levels=distances)

    @torch.no_grad()
    def left_out(self, features: FeatureSource) -> Tensor:
        """Fit again without each picture: these Gaussians are small, so that N of them take about a second."""
        self.check_pictures(len(features) - 1)
        levels = self._levels(features.shape)
        batches = [[batch.pooled[level] for level in levels] for batch in features]
        scores = torch.zeros(len(features), device=features.device)
        for own in (torch.cat(parts) for parts in zip(*batches, strict=True)):  # (N, C)
            for i in range(len(own)):
                others = torch.cat([own[:i], own[i + 1 :]])
                gaussian, _ = LowRankGaussian.fit(others, self.components, self.variance)
                scores[i] += gaussian.squared_distance(own[i : i + 1])[0].clamp(min=0).sqrt()
        return scores

    @torch.no_grad()
    def trace(self, features: FeatureSource, picture: int) -> Trace:
        """Return the picture's share of the spread about the mean, averaged over stages."""
        levels = self._levels(features.shape)
        batches = [[batch.pooled[level] for level in levels] for batch in features]
        shares = []
        for own in (exact(torch.cat(parts)) for parts in zip(*batches, strict=True)):  # (N, C)
            lengths = (own - own.mean(0)).square().sum(1)  # (N,)
            shares.append(float(lengths[picture] / lengths.sum().clamp(min=torch.finfo(lengths.dtype).tiny)))
        return Trace(sum(shares) / len(shares), 1 / len(features))

    @property
    def gaussians(self) -> list[LowRankGaussian]:
        """The learnt Gaussians, one per stage."""
        learnt = zip(self.means_, self.bases_, self.precisions_, self.rests_, strict=True)
        return [LowRankGaussian(*parts) for parts in learnt]

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Give each stage's distance; they add up to the score. The place does not matter."""
        levels = self.predict(features).levels
        assert levels is not None  # `predict` gives them
        distances = levels[0].tolist()
        numbers = range(len(distances)) if self.levels is None else self.levels
        contributions = [Contribution(level, None, value) for level, value in zip(numbers, distances, strict=True)]
        contributions.sort(key=lambda c: -c.value)
        return Evidence(sum(distances), None, "Mahalanobis distance", contributions=tuple(contributions))

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return what a fit costs, with the rank that pictures in general position have."""
        count, channels = shape.pictures, [shape.pooled[level] for level in self._levels(shape)]
        sides = [min(count, c) for c in channels]
        ranks = [min(count - 1, c) for c in channels]
        model = sum(4 * (2 * c + r * c + r) for c, r in zip(channels, ranks, strict=True))
        work = sum(count * c * s + 10 * s**3 for c, s in zip(channels, sides, strict=True))
        working = max(8 * (2 * count * c + 3 * s * s + r * c) for c, s, r in zip(channels, sides, ranks, strict=True))
        peak = model + 4 * count * sum(channels) + working
        return Estimate(seconds(STARTING * len(channels) + FITTING * work), peak, model)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say that two pictures are too few for a shape."""
        if not self.fitted or self.pictures_ > 2:
            return ()
        return (Sentence(
            "mahalanobis.two_pictures", "Two normal pictures show no shape of variation: distances from their mean "
            "count the same in all directions.",
        ),)  # fmt: skip

    def _levels(self, shape: FeatureShape) -> tuple[int, ...]:
        self.check_pictures(shape.pictures)
        levels = tuple(range(len(shape.pooled))) if self.levels is None else self.levels
        self.check_levels(levels, len(shape.pooled))
        return levels
