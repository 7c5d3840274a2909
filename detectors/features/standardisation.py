"""Channels brought to mean 0 and deviation 1 over the normal pictures, so that loud ones do not drown the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from detectors.methods.base import Features, FeatureSource
from detectors.methods.gaussian import exact

QUIET = 1e-3  # of the level's median deviation: a quieter channel is not made louder than one of that deviation


@dataclass(frozen=True)
class Standardisation:
    """Mean and deviation of every channel, (C,) float32 each, per level and per pooled stage."""

    map_means: tuple[Tensor, ...]
    map_deviations: tuple[Tensor, ...]
    pooled_means: tuple[Tensor, ...]
    pooled_deviations: tuple[Tensor, ...]

    @classmethod
    def measure(cls, normal: FeatureSource) -> Self:
        """Go once over the normal pictures; all positions inside a picture count alike. Sums are float64."""
        shape = normal.shape
        maps = [_Moments() for _ in shape.maps]
        pooled = [_Moments() for _ in shape.pooled]
        for batch in normal:
            for moments, part in zip(maps, batch.maps, strict=True):
                inside = batch.inside(part.shape[-2:])
                moments.add(part if inside is None else part.permute(0, 2, 3, 1)[inside])  # (n, C) of those inside
            for moments, part in zip(pooled, batch.pooled, strict=True):
                moments.add(part)

        def collected(values: list[Tensor]) -> tuple[Tensor, ...]:
            return tuple(value.float().to(normal.device) for value in values)

        return cls(
            collected([m.mean for m in maps]),
            collected([m.deviation() for m in maps]),
            collected([m.mean for m in pooled]),
            collected([m.deviation() for m in pooled]),
        )

    def __call__(self, features: Features) -> Features:
        """Return standardised features, in new memory."""
        by = self if self.pooled_means[0].device == features.device else self.to(features.device)
        maps = zip(features.maps, by.map_means, by.map_deviations, strict=True)
        pooled = zip(features.pooled, by.pooled_means, by.pooled_deviations, strict=True)
        return Features(
            tuple((m - mean[:, None, None]).div_(deviation[:, None, None]) for m, mean, deviation in maps),
            tuple((p - mean).div_(deviation) for p, mean, deviation in pooled),
            features.image_size,
            features.boxes,
        )

    def to(self, device: torch.device | str) -> Self:
        """Return the same on another device."""
        return type(self)(**{name: tuple(t.to(device) for t in value) for name, value in self.state.items()})

    @property
    def state(self) -> dict[str, Any]:
        """What is saved with a model; `Standardisation(**state)` gives it back."""
        return dict(vars(self))


class _Moments:
    """Count, mean and sum of squared deviations per channel, joined batch by batch (Chan, Golub & LeVeque 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros(0)

    def add(self, x: Tensor) -> None:
        """Take in (B, C, ...)."""
        axes = (0, *range(2, x.ndim))
        variance, mean = (exact(t) for t in torch.var_mean(x, axes, correction=0))
        count = x.numel() // x.shape[1]
        if not self.count:
            self.mean, self.squares = torch.zeros_like(mean), torch.zeros_like(mean)
        total = self.count + count
        difference = mean - self.mean
        self.squares += variance * count + difference**2 * (self.count * count / total)
        self.mean += difference * (count / total)
        self.count = total

    def deviation(self) -> Tensor:
        """Return what to divide by: never 0, and for a nearly constant channel not its rounding noise."""
        deviation = (self.squares / self.count).sqrt()
        deviation = torch.maximum(deviation, QUIET * deviation.median())
        return torch.where(deviation > 0, deviation, torch.ones_like(deviation))
