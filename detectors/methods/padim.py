"""PaDiM: at every position a Gaussian over the normal pictures; how far a patch lies from its own position's Gaussian.

Features of several levels, reduced to a random choice of channels, are joined on the finest grid (each coarse cell
stands for the fine cells it covers). The Mahalanobis distance per position is the map, and the maximum of the enlarged
and smoothed map is the score. It asks for aligned pictures: a position must show the same part everywhere.

Defard, Setkov, Loesch, Audigier, "PaDiM: a patch distribution modeling framework for anomaly detection and
localization", 2020, arXiv 2011.08785: `Sigma_p = X^T X / (N - 1) + eps I`, rows of X centred (section III-B).

Where we depart from it: with clearly fewer pictures than channels nothing of size d x d is made. The model then keeps
the centred pictures themselves, each level on its own grid, and one N x N matrix per position (the ridge form of
`gaussian`): the same numbers in less memory. Otherwise it keeps the inverse Cholesky factor, not the inverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod, sqrt
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from detectors.errors import Sentence
from detectors.methods.base import Detector
from detectors.methods.gaussian import CholeskyGaussians, RidgeGaussians, exact, left_out
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, boxes_of, inside, silent
from detectors.methods.maps import SIGMA, Size, align_nearest, anomaly_map, cell_at, cell_box, picture_map
from detectors.methods.outputs import Contribution, Estimate, Evidence, Neighbor, Prediction, Trace
from detectors.methods.pyramid import BLOCK_BYTES, add_spread, covering, kept_size
from detectors.methods.speed import seconds
from detectors.methods.tracing import being_traced

# Fewer pictures than this share of the channels: ridge form. Between it and 1, pictures span so nearly all directions
# that the ridge form loses digits where features are large beside epsilon, and it saves nothing there.
RIDGE = 0.9
STRONGEST = 10  # channels that an explanation names
FITTING = 6  # a multiply-add of a fit takes as long as so many of a large product, as measured
COPYING = 200  # multiply-adds for which a value can be read
AT_ONCE = 16  # maps that are enlarged together
STEP = 9e5  # multiply-adds for which a position is begun: a factorisation's own start


@dataclass
class Padim(Detector):
    """Per-position Gaussians over chosen channels."""

    levels: tuple[int, ...] = (0, 1, 2)  # indices of the feature levels
    channels: int | str | None = 100  # how many are drawn from all levels together; None or "all" keeps all
    epsilon: float = 0.01  # added to the diagonal of every covariance
    # whether epsilon counts in units of the position's mean variance, for backbones whose activations have another
    # scale than a ResNet's; absolute in the paper
    relative: bool = False
    sigma: float = SIGMA  # of the smoothing, in pixels
    grid: int | None = None  # the level on whose grid positions lie, None for the finest; finer ones are averaged
    seed: int = 0  # of the draw of channels

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
        channels, grid, pictures = self._read(features, progress)
        if (boxes := boxes_of(features)) is not None:
            for level in pictures:
                _count_only(level, inside(boxes, features.shape.image_size, level.shape[:2]))
        ridge = self._ridge(pictures, grid)  # (H, W)
        if count < RIDGE * sum(len(c) for c in channels):
            means, by_rows = RidgeGaussians.fit(pictures, ridge, progress)
            self.rows_: tuple[Tensor, ...] = by_rows.rows  # A, (H_l, W_l, N, d_l)
            self.factor_: Tensor = by_rows.factor  # L^-1 of r I + A A^T, (H, W, N, N)
            self.ridge_: Tensor = by_rows.ridge  # r, (H, W)
        else:
            means, by_factor = CholeskyGaussians.fit(pictures, ridge, progress)
            self.whitening_: Tensor = by_factor.whitening  # L^-1, (H, W, d, d)
        self.means_: tuple[Tensor, ...] = tuple(means)  # (H_l, W_l, d_l)
        self.channels_: tuple[Tensor, ...] = tuple(c.to(device) for c in channels)  # drawn from each level
        self.grid_: Size = grid
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score each picture by the maximum of its enlarged and smoothed map."""
        maps = picture_map(self.distances(features), features, self.sigma)  # (B, S, S)
        return Prediction(maps.amax(dim=(1, 2)), maps)

    @torch.no_grad()
    def left_out(self, features: FeatureSource) -> Tensor | None:
        """Score each picture by the Gaussians of the others, which Sherman and Morrison's identity tells exactly.

        An epsilon relative to the variance would differ from picture to picture, and so would the number of pictures
        that reach a position where not all fill the frame; then None.
        """
        if self.relative or boxes_of(features) is not None:
            return None
        self.check_pictures(len(features) - 1)
        _, grid, pictures = self._read(features)
        distances = left_out(pictures, grid, self.epsilon)  # (H, W, N)
        scores = [
            anomaly_map(part.permute(2, 0, 1), features.shape.image_size, self.sigma).amax(dim=(1, 2))
            for part in distances.split(AT_ONCE, dim=2)
        ]
        return torch.cat(scores)

    @torch.no_grad()
    def trace(self, features: FeatureSource, picture: int) -> Trace:
        """Return the picture's share of the spread about the mean, at each position and of all."""
        _, grid, pictures = self._read(features)
        own, total = (torch.zeros(grid, device=features.device) for _ in range(2))
        for level in pictures:  # (H_l, W_l, N, d_l)
            lengths = (level - level.mean(dim=2, keepdim=True)).square().sum(dim=3)  # (H_l, W_l, N)
            add_spread(own, lengths[:, :, picture])
            add_spread(total, lengths.sum(dim=2))
        total += torch.finfo(total.dtype).tiny
        return Trace(float(own.sum() / total.sum()), 1 / len(features), own / total)

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the Mahalanobis distance at each position of the grid, (B, H, W)."""
        deltas = [delta.permute(2, 3, 0, 1).contiguous() for delta in self._deltas(features)]  # (H_l, W_l, B, d_l)
        return self.gaussians.distances(deltas).permute(2, 0, 1)

    @property
    def gaussians(self) -> RidgeGaussians | CholeskyGaussians:
        """The learnt Gaussians, in the form that suits the number of pictures."""
        if "whitening_" in self.state:
            return CholeskyGaussians(self.whitening_)
        return RidgeGaussians(self.rows_, self.factor_, self.ridge_)

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Split the distance of pixel (y, x) among levels and name its strongest channels.

        The squared distance is the sum over channels of `delta_c (Sigma^-1 delta)_c`: each term that couples two
        channels is halved between them, so a share can be negative. Shares are given times the distance: those of the
        levels (channel None, first) add up to `value`; the channels that follow are parts of their levels.
        """
        self.check_fitted()
        cell = cell_at(self.grid_, features.image_size, y, x)
        delta = self._at(features, cell)  # (1, d)
        parts = (delta * self.gaussians.solve(delta, cell))[0]  # (d,), adds up to the squared distance
        value = sqrt(max(float(parts.sum()), 0.0))
        parts = parts / max(value, torch.finfo(torch.float64).tiny)
        by_level: list[Contribution] = []
        by_channel: list[Contribution] = []
        shares = parts.split([len(own) for own in self.channels_])
        for level, numbers, share in zip(self.levels, self.channels_, shares, strict=True):
            by_level.append(Contribution(level, None, float(share.sum())))
            by_channel.extend(map(partial(Contribution, level), numbers.tolist(), share.tolist()))
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
        delta = self._at(features, cell)  # (1, d)
        all_normals = torch.cat([self._at(batch, cell) for batch in normals])  # (N, d)
        away = all_normals - delta
        distances = (away * self.gaussians.solve(away, cell)).sum(dim=1).clamp(min=0).sqrt()  # (N,)
        typical = int((all_normals * self.gaussians.solve(all_normals, cell)).sum(dim=1).argmin())
        closest = distances.argsort(stable=True)[:k].tolist()
        box = cell_box(self.grid_, features.image_size, *cell)
        value = float((delta * self.gaussians.solve(delta, cell)).sum().clamp(min=0).sqrt())
        return (
            Neighbor(typical, box, float(distances[typical]), role="typical"),
            *(Neighbor(picture, box, float(distances[picture]), role="closest") for picture in closest),
            Neighbor(None, box, value, role="average"),
        )

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return what a fit costs; seconds up to a factor of about 1.5."""
        channels, grid, kept = self._plan(shape)
        count, positions, drawn = shape.pictures, prod(grid), sum(len(c) for c in channels)
        values = sum(prod(size) * len(c) for c, size in zip(channels, kept, strict=True))  # per picture
        if count < RIDGE * drawn:
            held = 0  # beyond the model: the pictures become part of it
            model = 4 * (values * (count + 1) + positions * (count**2 + 1)) + 8 * drawn
            work: float = values * count**2 + positions * count**3
        else:
            held = 4 * values * count
            model = 4 * (values + positions * drawn**2) + 8 * drawn
            work = positions * (count * drawn**2 + drawn**3)
        work = FITTING * work + COPYING * values * count + STEP * positions
        return Estimate(seconds(work), model + held + 2 * BLOCK_BYTES, model)

    @property
    def depth(self) -> int:
        """The levels up to the deepest that is read."""
        return self.deepest((*self.levels, self.grid))

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say when there were fewer channels than asked for."""
        used = sum(len(c) for c in self.channels_) if self.fitted else self.channels
        if not isinstance(self.channels, int) or used == self.channels:
            return ()
        return (Sentence(
            "padim.channels_clipped",
            "{asked} channels were asked for and the chosen levels have {used}: all of them are used.",
            asked=self.channels, used=used,
        ),)  # fmt: skip

    def _plan(self, shape: FeatureShape) -> tuple[tuple[Tensor, ...], Size, tuple[Size, ...]]:
        """Return the channels of each level, the grid of positions, and the grid on which each level is kept."""
        self.check_pictures(shape.pictures)
        grid = self.grid_of(shape, self.levels, self.grid)
        counts = [shape.maps[level][0] for level in self.levels]
        drawn = min(self.channels, sum(counts)) if isinstance(self.channels, int) else sum(counts)
        chosen = torch.zeros(sum(counts), dtype=torch.bool)
        chosen[torch.randperm(len(chosen), generator=torch.Generator().manual_seed(self.seed))[:drawn]] = True
        channels = tuple(own.nonzero()[:, 0] for own in chosen.split(counts))
        return channels, grid, tuple(kept_size(shape.maps[level][1:], grid) for level in self.levels)

    def _read(
        self, features: FeatureSource, progress: Progress = silent
    ) -> tuple[tuple[Tensor, ...], Size, list[Tensor]]:
        """Return the channels of each level, the grid, and all pictures, (H_l, W_l, N, d_l) per level."""
        count, done = len(features), 0
        channels, grid, kept = self._plan(features.shape)
        sizes = zip(channels, kept, strict=True)
        pictures = [torch.empty(*size, count, len(c), device=features.device) for c, size in sizes]
        for batch in features:
            for level, own in zip(pictures, self._on_grid(batch, channels, grid), strict=True):
                level[:, :, done : done + len(batch)] = own.permute(2, 3, 0, 1)
            done += len(batch)
            progress(0.5 * done / count, "reading")
        return channels, grid, pictures

    def _ridge(self, pictures: list[Tensor], grid: Size) -> Tensor:
        """Return what is added to each position's diagonal, (H, W) in float64."""
        trace = torch.zeros(grid, device=pictures[0].device)
        if not self.relative:
            return torch.full_like(exact(trace), self.epsilon)
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
        grid = self.grid_of(shape, self.levels, self.grid)
        kept = tuple(kept_size(shape.maps[level][1:], grid) for level in self.levels)
        fitted = tuple((mean.shape[0], mean.shape[1]) for mean in self.means_)
        there = [
            being_traced() or bool((own < shape.maps[i][0]).all())
            for i, own in zip(self.levels, self.channels_, strict=True)
        ]
        if grid != self.grid_ or kept != fitted or not all(there):
            self.check_same([size[1:] for size in shape.maps], self.grid_)
        levels = zip(self._on_grid(features, self.channels_, grid), self.means_, strict=True)
        return [level - mean.permute(2, 0, 1) for level, mean in levels]

    def _at(self, features: Features, cell: Size) -> Tensor:
        """Return the chosen channels of one position less their means, (B, d) in float64."""
        levels = [level.permute(2, 3, 0, 1) for level in self._deltas(features)]
        return torch.cat([exact(covering(level, cell, self.grid_)) for level in levels], dim=1)

    def _on_grid(self, features: Features, channels: Sequence[Tensor], grid: Size) -> Iterator[Tensor]:
        """Yield the chosen channels per level, (B, d_l, H_l, W_l), selected before anything is resized."""
        for level, own in zip(self.levels, channels, strict=True):
            chosen = features.maps[level].index_select(1, own.to(features.device))
            stays = kept_size(chosen.shape[2:], grid) == chosen.shape[2:]
            yield chosen if stays else align_nearest([chosen], grid)


def _count_only(level: Tensor, within: Tensor) -> None:
    """Change a level (H, W, N, d) in place so that a position's mean and covariance are those of the pictures there.

    Pictures that do not reach a position, `within` (N, H, W), take the others' mean, which adds nothing to the sum of
    squares; the others' deviations are enlarged by what N - 1 is more than their own number less one. A position that
    fewer than two pictures reach keeps all pictures' outermost cells, which are repeated there.
    """
    there = within.permute(1, 2, 0)[..., None]  # (H, W, N, 1)
    count = there.sum(2, keepdim=True)  # (H, W, 1, 1)
    mean = (level * there).sum(2, keepdim=True) / count.clamp(min=1)
    share = ((level.shape[2] - 1) / (count - 1).clamp(min=1)).sqrt()
    changed = torch.where(there, mean + (level - mean) * share, mean)
    partly = (count >= 2) & (count < level.shape[2])
    level.copy_(torch.where(partly, changed, level))
