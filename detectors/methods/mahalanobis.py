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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from detectors.errors import Sentence, SettingRefused
from detectors.methods.base import (
    Contribution,
    Detector,
    Estimate,
    Evidence,
    Features,
    FeatureShape,
    FeatureSource,
    Prediction,
    Progress,
    silent,
)
from detectors.methods.gaussian import LowRankGaussian

SECONDS = 8e-11  # of one core per multiply-add of a fit
STARTING = 5e-4  # seconds per level


@dataclass
class MahalanobisAD(Detector):
    """Gaussians over pooled features.

    Attributes:
        levels: indices of the pooled stages; None for all.
        components: None for the full distance, "pca" for the leading principal components alone, "npca" for those
            behind them (the paper's negative PCA).
        variance: the share of the variance that the leading components hold at least: 0.99 leaves "npca" those with the
            smallest 1 %.
    """

    levels: tuple[int, ...] | None = None
    components: Literal["pca", "npca"] | None = None
    variance: float = 0.99

    name: ClassVar[str] = "mahalanobis"
    # Both presets are the defaults: the method is cheap as it is.
    presets: ClassVar[dict[str, dict[str, Any]]] = {"quick": {}, "paper": {}}

    @torch.no_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Learn a Gaussian per stage from at least two pictures."""
        self.forget()
        levels = self._levels(features.shape)
        vectors: list[list[Tensor]] = [[] for _ in levels]
        done = 0
        for batch in features:
            for level, own in zip(levels, vectors, strict=True):
                own.append(batch.pooled[level])  # (B, C)
            done += len(batch)
            progress(0.5 * done / len(features), "reading")
        gaussians, rhos = [], []
        for number, own in enumerate(vectors):
            gaussian, rho = LowRankGaussian.fit(torch.cat(own), self.components, self.variance)
            gaussians.append(gaussian)
            rhos.append(rho)
            progress(0.5 + 0.5 * (number + 1) / len(levels), "covariance")
        self.means_: tuple[Tensor, ...] = tuple(g.mean.to(features.device) for g in gaussians)  # (2, C)
        self.bases_: tuple[Tensor, ...] = tuple(g.basis.to(features.device) for g in gaussians)  # (r, C)
        self.precisions_: tuple[Tensor, ...] = tuple(g.precision.to(features.device) for g in gaussians)  # (r,)
        self.rests_: tuple[float, ...] = tuple(g.rest for g in gaussians)
        self.rhos_: tuple[float, ...] = tuple(rhos)
        self.pictures_: int = len(features)
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score each picture by the sum of its distances; there is no map."""
        return Prediction(self.level_distances(features).sum(dim=1), None)

    def level_distances(self, features: Features) -> Tensor:
        """Return the Mahalanobis distance per stage, (B, L); a gradient flows back to the features."""
        self.check_fitted()
        levels = range(len(features.pooled)) if self.levels is None else self.levels
        found = [features.pooled[level].shape[1] if level < len(features.pooled) else 0 for level in levels]
        expected = [mean.shape[1] for mean in self.means_]
        if found != expected:
            raise SettingRefused(
                "mahalanobis.other_features",
                "These pictures have stages of {found} channels, and MahalanobisAD was fitted on {expected}. "
                "Use the backbone of the fit.",
                found=found,
                expected=expected,
            )
        learnt = zip(self.means_, self.bases_, self.precisions_, self.rests_, strict=True)
        gaussians = [LowRankGaussian(mean, basis, precision, rest) for mean, basis, precision, rest in learnt]
        squared = [g.squared_distance(features.pooled[level]) for g, level in zip(gaussians, levels, strict=True)]
        tiny = torch.finfo(torch.float32).tiny  # the root has no slope at 0
        return torch.stack(squared, dim=1).clamp(min=tiny).sqrt()

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Give each stage's distance; they add up to the score. The place does not matter: the box is the picture."""
        distances = self.level_distances(features)[0].tolist()
        levels = range(len(distances)) if self.levels is None else self.levels
        contributions = [Contribution(level, None, value) for level, value in zip(levels, distances, strict=True)]
        contributions.sort(key=lambda c: -c.value)
        box = (0.0, 0.0, float(features.image_size[0]), float(features.image_size[1]))
        return Evidence(sum(distances), box, "Mahalanobis distance", (), tuple(contributions))

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return what a fit costs, with the rank that pictures in general position have."""
        count = shape.pictures
        channels = [shape.pooled[level] for level in self._levels(shape)]
        sides = [min(count, c) for c in channels]
        ranks = [min(count - 1, c) for c in channels]
        model = sum(4 * (2 * c + r * c + r) for c, r in zip(channels, ranks, strict=True))
        work = sum(count * c * s + 10 * s**3 for c, s in zip(channels, sides, strict=True))
        peak = (
            model
            + 4 * count * sum(channels)
            + max(8 * (2 * count * c + 3 * s * s + r * c) for c, s, r in zip(channels, sides, ranks, strict=True))
        )
        return Estimate(STARTING * len(channels) + SECONDS * work, peak, model)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say that two pictures are too few for a shape."""
        if not self.fitted or self.pictures_ > 2:
            return ()
        return (
            Sentence(
                "mahalanobis.two_pictures",
                "Two normal pictures show no shape of variation: distances from their mean count the same in all "
                "directions.",
            ),
        )

    def _levels(self, shape: FeatureShape) -> tuple[int, ...]:
        if shape.pictures < 2:
            raise SettingRefused(
                "mahalanobis.one_picture",
                "MahalanobisAD measures how normal pictures vary, and it was given {count}. Give it at least 2.",
                count=shape.pictures,
            )
        levels = tuple(range(len(shape.pooled))) if self.levels is None else self.levels
        if not levels or not all(0 <= level < len(shape.pooled) for level in levels):
            raise SettingRefused(
                "mahalanobis.levels",
                "Stages {asked} were asked for, and this backbone has stages 0 to {last}. Choose among these.",
                asked=list(levels),
                last=len(shape.pooled) - 1,
            )
        if self.components not in (None, "pca", "npca"):
            raise SettingRefused(
                "mahalanobis.components",
                "{found} is not a choice of components. Give pca, npca, or none.",
                found=self.components,
            )
        if not 0 < self.variance < 1:
            raise SettingRefused(
                "mahalanobis.variance",
                "variance is {found}; it is a share between 0 and 1, like 0.99.",
                found=self.variance,
            )
        return levels


def attribution(detector: MahalanobisAD, backbone: Callable[[Tensor], Features], image: Tensor) -> Tensor:
    """Return how strongly the score reacts to each pixel, (S, S): the input gradient. Not part of the method.

    It says where a small change would move the score most, which is not the same as where the defect is.

    Args:
        detector: fitted.
        backbone: turns (1, 3, S, S) into features through which gradients flow.
        image: (1, 3, S, S).
    """
    image = image.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        score = detector.level_distances(backbone(image)).sum()
        (gradient,) = torch.autograd.grad(score, image)
    return torch.linalg.vector_norm(gradient[0], dim=0)  # (3, S, S) -> (S, S)
