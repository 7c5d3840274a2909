"""PaDiM: at every position a Gaussian over the normal pictures; how far a patch lies from its own position's Gaussian.

Features of several levels, reduced to a random choice of channels, are joined on the finest grid (each coarse cell
stands for the fine cells it covers). The Mahalanobis distance per position is the map, and the maximum of the enlarged
and smoothed map is the score. It asks for aligned pictures: a position must show the same part everywhere.

Defard, Setkov, Loesch, Audigier, "PaDiM: a patch distribution modeling framework for anomaly detection and
localization", 2020, arXiv 2011.08785: `Sigma_p = X^T X / (N - 1) + eps I`, rows of X centred (section III-B).

Where we depart from it: with fewer pictures than channels nothing of size d x d is made. The model then keeps the
centred pictures themselves, each level on its own grid, and one N x N matrix per position (the ridge form of
`gaussian`): the same numbers in less memory. Otherwise it keeps the inverse Cholesky factor, not the inverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from detectors.errors import Sentence
from detectors.methods.base import (
    Contribution,
    Detector,
    Estimate,
    Evidence,
    Features,
    FeatureShape,
    FeatureSource,
    Neighbor,
    Prediction,
    Progress,
    silent,
)
from detectors.methods.gaussian import exact, fit_cholesky, fit_ridge, ridge_distance
from detectors.methods.maps import (
    BLOCK_BYTES,
    SIGMA,
    Size,
    add_spread,
    align_nearest,
    anomaly_map,
    blocks,
    cell_at,
    cell_box,
    covering,
    cut,
    kept_size,
    spread,
)

STRONGEST = 10  # channels that an explanation names
SECONDS = 1.3e-10  # of one core per multiply-add of a fit
COPYING = 5e-9  # per value that is read
STEP = 2e-5  # per position: a factorisation's own start


@dataclass
class Padim(Detector):
    """Per-position Gaussians over chosen channels.

    Attributes:
        levels: indices of the feature levels.
        channels: how many channels are drawn from all levels together; None or "all" keeps all.
        epsilon: added to the diagonal of every covariance.
        relative: whether epsilon counts in units of the position's mean variance, for backbones whose activations have
            another scale than a ResNet's; absolute in the paper.
        sigma: of the smoothing, in pixels.
        grid: index of the level on whose grid positions lie, None for the finest; finer levels are averaged over cells.
        seed: of the draw of channels.
    """

    levels: tuple[int, ...] = (0, 1, 2)
    channels: int | str | None = 100
    epsilon: float = 0.01
    relative: bool = False
    sigma: float = SIGMA
    grid: int | None = None
    seed: int = 0

    name: ClassVar[str] = "padim"
    # The paper draws 100 of a ResNet18's 448 channels and 550 of a Wide ResNet50's 1792. Quick changes nothing else: on
    # 50 hazelnuts the next coarser grid finds as much (pixel AUROC within 0.001) in a third of the time and memory, but
    # there is only 0.1 s to save.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {},
        "paper": {"channels": 550},
        "paper resnet18": {"channels": 100},
    }

    @torch.no_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Learn a Gaussian per position from at least two pictures."""
        self.forget()
        count, device = len(features), features.device
        channels, grid, kept = self._plan(features.shape)
        pictures = [torch.empty(*size, count, len(c), device=device) for c, size in zip(channels, kept, strict=True)]
        done = 0
        for batch in features:
            for level, own in zip(pictures, self._on_grid(batch, channels, grid, kept), strict=True):
                level[:, :, done : done + len(batch)] = own.permute(2, 3, 0, 1)  # (H_l, W_l, N, d_l)
            done += len(batch)
            progress(0.5 * done / count, "reading")
        ridge = self._ridge(pictures, grid)  # (H, W)
        if count < sum(len(c) for c in channels):
            means, factor = fit_ridge(pictures, ridge, progress)
            self.rows_: tuple[Tensor, ...] = tuple(pictures)  # A: centred, over sqrt(N - 1), (H_l, W_l, N, d_l)
            self.factor_: Tensor = factor  # L^-1 of r I + A A^T, (H, W, N, N)
            self.ridge_: Tensor = ridge.to(factor)  # r, (H, W)
        else:
            means, factor = fit_cholesky(pictures, ridge, progress)
            self.whitening_: Tensor = factor  # L^-1, (H, W, d, d)
        self.means_: tuple[Tensor, ...] = tuple(means)  # (H_l, W_l, d_l)
        self.channels_: tuple[Tensor, ...] = tuple(c.to(device) for c in channels)  # drawn from each level
        self.grid_: Size = grid
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score each picture by the maximum of its enlarged and smoothed map."""
        maps = anomaly_map(self.distances(features), features.image_size, self.sigma)  # (B, S, S)
        return Prediction(maps.amax(dim=(1, 2)), maps)

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the Mahalanobis distance at each position of the grid, (B, H, W)."""
        deltas = [delta.permute(2, 3, 0, 1).contiguous() for delta in self._deltas(features)]  # (H_l, W_l, B, d_l)
        squared = torch.empty(*self.grid_, len(features), device=features.device)  # (H, W, B)
        drawn = sum(len(c) for c in self.channels_)
        ridge_form = hasattr(self, "factor_")
        cost = 4 * len(features) * (2 * drawn + (4 * self.factor_.shape[-1] if ridge_form else drawn))
        for block in blocks(deltas, self.grid_, cost):
            part = [cut(delta, block, self.grid_) for delta in deltas]
            if ridge_form:
                rows = [cut(level, block, self.grid_) for level in self.rows_]
                squared[block] = ridge_distance(part, rows, self.factor_[block], self.ridge_[block])
            else:
                joined = torch.cat([spread(delta, squared[block].shape) for delta in part], dim=3)  # (h, w, B, d)
                squared[block] = (joined @ self.whitening_[block].mT).square().sum(dim=3)
        return squared.sqrt_().permute(2, 0, 1)

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Split the distance of pixel (y, x) among levels and name its strongest channels.

        The squared distance is the sum over channels of `delta_c (Sigma^-1 delta)_c`: each term that couples two
        channels is halved between them, so a share can be negative. Shares are given times the distance: those of the
        levels (channel None, first) add up to `value`; the channels that follow are parts of their levels.
        """
        deltas = self._deltas(features)
        cell = cell_at(self.grid_, features.image_size, y, x)
        delta = _at(deltas, cell, self.grid_)  # (1, d)
        parts = (delta * self._solve(delta, cell))[0]  # (d,), adds up to the squared distance
        value = sqrt(max(float(parts.sum()), 0.0))
        parts = parts / max(value, torch.finfo(torch.float64).tiny)
        by_level: list[Contribution] = []
        by_channel: list[Contribution] = []
        shares = parts.split([len(c) for c in self.channels_])
        for level, numbers, share in zip(self.levels, self.channels_, shares, strict=True):
            by_level.append(Contribution(level, None, float(share.sum())))
            pairs = zip(numbers.tolist(), share.tolist(), strict=True)
            by_channel.extend(Contribution(level, channel, part) for channel, part in pairs)
        by_level.sort(key=lambda c: -c.value)
        by_channel.sort(key=lambda c: -c.value)
        box = cell_box(self.grid_, features.image_size, *cell)
        return Evidence(value, box, "Mahalanobis distance", (), (*by_level, *by_channel[:STRONGEST]))

    @torch.no_grad()
    def nearest_normals(
        self, features: Features, normals: FeatureSource, y: int, x: int, k: int = 1
    ) -> tuple[Neighbor, ...]:
        """Return which normal pictures look most like the one picture in `features` at pixel (y, x).

        The first is the typical one, nearest to the mean of this position; then the `k` closest, nearest first. All
        distances are from the picture in question, in the metric of the position's Gaussian. The average comes last.
        """
        cell = cell_at(self.grid_, features.image_size, y, x)
        delta = _at(self._deltas(features), cell, self.grid_)  # (1, d)
        all_normals = torch.cat([_at(self._deltas(batch), cell, self.grid_) for batch in normals])  # (N, d)
        away = all_normals - delta
        distances = (away * self._solve(away, cell)).sum(dim=1).clamp(min=0).sqrt()  # (N,)
        typical = int((all_normals * self._solve(all_normals, cell)).sum(dim=1).argmin())
        closest = distances.argsort(stable=True)[:k].tolist()
        box = cell_box(self.grid_, features.image_size, *cell)
        value = float((delta * self._solve(delta, cell)).sum().clamp(min=0).sqrt())
        return (
            Neighbor(typical, box, float(distances[typical]), role="typical"),
            *(Neighbor(picture, box, float(distances[picture]), role="closest") for picture in closest),
            Neighbor(None, box, value, role="average"),
        )

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return what a fit costs; seconds as measured on one core of a server, up to a factor of about 1.5."""
        channels, grid, kept = self._plan(shape)
        count, positions, drawn = shape.pictures, prod(grid), sum(len(c) for c in channels)
        values = sum(prod(size) * len(c) for c, size in zip(channels, kept, strict=True))  # per picture
        index = 8 * drawn
        overhead = COPYING * values * count + STEP * positions
        if count < drawn:
            model = 4 * (values * (count + 1) + positions * (count**2 + 1)) + index
            work = values * count**2 + positions * count**3
            return Estimate(SECONDS * work + overhead, model + 2 * BLOCK_BYTES, model)
        model = 4 * (values + positions * drawn**2) + index
        work = positions * (count * drawn**2 + drawn**3)
        return Estimate(SECONDS * work + overhead, model + 4 * values * count + 2 * BLOCK_BYTES, model)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say when there were fewer channels than asked for."""
        used = sum(len(c) for c in self.channels_) if self.fitted else self.channels
        if not isinstance(self.channels, int) or used == self.channels:
            return ()
        return (
            Sentence(
                "padim.channels_clipped",
                "{asked} channels were asked for and the chosen levels have {used}: all of them are used.",
                asked=self.channels,
                used=used,
            ),
        )

    def _plan(self, shape: FeatureShape) -> tuple[tuple[Tensor, ...], Size, tuple[Size, ...]]:
        """Return the channels of each level, the grid of positions, and the grid on which each level is kept."""
        self._check(shape)
        counts = [shape.maps[level][0] for level in self.levels]
        total = sum(counts)
        drawn = min(self.channels, total) if isinstance(self.channels, int) else total
        order = torch.randperm(total, generator=torch.Generator().manual_seed(self.seed))[:drawn].sort().values
        ends = torch.tensor(counts).cumsum(0)
        channels = tuple(
            order[(order >= end - own) & (order < end)] - (end - own) for end, own in zip(ends, counts, strict=True)
        )
        grid = self._grid(shape)
        return channels, grid, tuple(kept_size(shape.maps[level][1:], grid) for level in self.levels)

    def _grid(self, shape: FeatureShape) -> Size:
        finest = max(self.levels, key=lambda level: prod(shape.maps[level][1:]))
        return shape.maps[finest if self.grid is None else self.grid][1:]

    def _check(self, shape: FeatureShape) -> None:
        self.check_pictures(shape.pictures)
        self.check_levels((*self.levels, self.grid), len(shape.maps))

    def _ridge(self, pictures: list[Tensor], grid: Size) -> Tensor:
        """Return what is added to each position's diagonal, (H, W) in float64."""
        if not self.relative:
            return torch.full(grid, self.epsilon, dtype=torch.float64, device=exact(pictures[0][:0]).device)
        trace = torch.zeros(grid, device=pictures[0].device)
        for level in pictures:
            if level.numel():
                add_spread(trace, level.var(dim=2).sum(dim=2))
        floor = trace.mean() * 1e-6  # a position that never varies is held to a millionth of the others
        trace = torch.ones_like(trace) if floor == 0 else trace.clamp(min=floor)
        return exact(trace) * (self.epsilon / sum(level.shape[3] for level in pictures))

    def _deltas(self, features: Features) -> list[Tensor]:
        """Return the chosen channels less their means, (B, d_l, H_l, W_l) per level."""
        self.check_fitted()
        shape = features.shape
        channels = [shape.maps[level][0] if level < len(shape.maps) else 0 for level in self.levels]
        fits = all(not len(own) or int(own[-1]) < c for own, c in zip(self.channels_, channels, strict=True))
        fits = fits and self._grid(shape) == self.grid_
        kept = tuple(kept_size(shape.maps[level][1:], self.grid_) for level in self.levels) if fits else ()
        if kept != tuple(tuple(mean.shape[:2]) for mean in self.means_):
            self.check_same([size[1:] for size in shape.maps], self.grid_)
        levels = self._on_grid(features, self.channels_, self.grid_, kept)
        return [level - mean.permute(2, 0, 1) for level, mean in zip(levels, self.means_, strict=True)]

    def _on_grid(
        self, features: Features, channels: Sequence[Tensor], grid: Size, kept: Sequence[Size]
    ) -> Iterator[Tensor]:
        """Yield the chosen channels per level, (B, d_l, H_l, W_l), selected before anything is resized."""
        for level, own, size in zip(self.levels, channels, kept, strict=True):
            chosen = features.maps[level].index_select(1, own.to(features.device))
            yield chosen if chosen.shape[2:] == size else align_nearest([chosen], grid)

    def _solve(self, delta: Tensor, cell: Size) -> Tensor:
        """Return Sigma^-1 delta at one position, in float64: (n, d) -> (n, d)."""
        if not hasattr(self, "factor_"):
            factor = exact(self.whitening_[cell])
            return delta @ factor.T @ factor
        rows = torch.cat([exact(covering(level, cell, self.grid_)) for level in self.rows_], dim=1)  # (N, d)
        ridge = exact(self.ridge_[cell])
        regular = rows @ rows.T + ridge * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
        weights = torch.linalg.solve(regular, rows @ delta.T)  # (N, n)
        return (delta - weights.T @ rows) / ridge


def _at(levels: list[Tensor], cell: Size, grid: Size) -> Tensor:
    """Return the joined channels of one position in float64, (B, d), of levels (B, d_l, H_l, W_l)."""
    return torch.cat([exact(covering(level.permute(2, 3, 0, 1), cell, grid)) for level in levels], dim=1)
