"""CFA: adapt the features to the normal pictures, then compare with a bank of fixed size.

A small trainable layer, applied to each patch alone, maps pretrained features to a space of its own. The bank holds one
centre per grid position, whatever the number of pictures. Training pulls every normal patch into spheres around its K
nearest centres and pushes it from the next J; afterwards a patch far from all centres is anomalous.

Lee, Lee, Song, "CFA: coupled-hypersphere-based feature adaptation for target-oriented anomaly localization", 2022,
arXiv 2206.04325.

The official code is followed, with these departures: the bank is the mean over all pictures (there, over all but an
incomplete last batch); the layer is applied to each level at its own resolution before enlarging, which is the same
function for a quarter of the work; and the last epoch is kept, never the best one on test pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import relu, softmin

from detectors.errors import Sentence
from detectors.methods.base import Detector
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, silent
from detectors.methods.maps import SIGMA, Size, cell_at, cell_box, neighbourhood_mean, picture_map, resample
from detectors.methods.neighbors import Bank, nearest, nearest_squares
from detectors.methods.outputs import Estimate, Evidence, Neighbor, Prediction, Trace
from detectors.methods.speed import seconds
from detectors.methods.training import AdamW, Picture, Pictures

AT_HAND = 2 << 30  # bytes of prepared features kept between epochs; beyond, they are read again in runs
LLOYD_POINTS = 4096  # more centres than this are clustered in mini-batches
TRAINING = 6.7  # a multiply-add of training takes as long as so many of a large product, as measured
READING = 900  # multiply-adds for which a value can be read: 3 x 3 means, resampling, reordering


@dataclass
class CFA(Detector):
    """Coupled-hypersphere feature adaptation."""

    levels: tuple[int, ...] = (0, 1, 2)  # which of the backbone's maps are joined
    grid: int | None = None  # the level on whose grid patches lie; None for the finest of `levels`
    gamma_c: int = 1  # so many times fewer centres than the grid has positions (k-means when above 1)
    gamma_d: int = 1  # so many times fewer dimensions after the layer than before
    neighbors: int = 3  # K, centres that attract a patch, and that its score looks at
    negatives: int = 3  # J, the next centres, which repel it
    alpha: float = 0.1  # margin between the attracting and the repelling sphere, in squared distance
    nu: float = 1e-3  # the loss is divided by it; of little effect, since AdamW does not feel a loss's scale
    epochs: int = 30  # passes over the pictures; 0 leaves the layer as it was drawn
    batch_size: int = 4  # pictures per step; an incomplete last batch is left out
    stride: int = 1  # each step looks at one in so many of their patches, at others than the step before
    learning_rate: float = 1e-3  # of AdamW with amsgrad, on the layer and on the radius alike
    weight_decay: float = 5e-4  # likewise
    radius: float = 1e-5  # of the spheres, before training
    sigma: float = SIGMA  # of the smoothing, in pixels
    seed: int = 0  # draws the layer, the order of the pictures and the start of k-means

    name: ClassVar[str] = "cfa"
    # quick: a quarter of the patches and of the dimensions, a sixth of the epochs, and a third of the patches at each
    # step, since neighbouring ones say nearly the same. Over the built-in products of `python -m
    # tests.benchmarks.presets`, on EfficientNet-Lite, mean AUPRO is 0.813 with a third of the patches and with all;
    # all 176 dimensions would make it 0.831, but photographs lose by more than a quarter of them in so few epochs.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"grid": 1, "gamma_d": 4, "epochs": 5, "stride": 3},
        "paper": {},
    }

    @torch.enable_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Draw the layer, place the centres, train; cost: epochs x pictures x the price of scoring three pictures."""
        self.forget()
        shape, count = features.shape, len(features)
        grid = self.grid_of(shape, self.levels, self.grid)
        channels = tuple(shape.maps[level][0] for level in self.levels)
        generator = torch.Generator().manual_seed(self.seed)
        pictures = Pictures(lambda: self._read(features, grid, progress), count, self._run_length(shape))

        means = tuple(level[None] for level in pictures.means()[: len(channels)])  # (1, h_l, w_l, C_l) per level
        weight, bias = (t.to(means[0]) for t in _drawn(sum(channels), self._dimensions(shape), generator))
        bank, places = self._centres(_described(means, weight, bias, grid)[0])  # (M, D), (M,)

        centres, radius = Bank.of(bank), torch.full_like(bias[0], self.radius)
        optimiser = AdamW([weight, bias, radius], self.learning_rate, self.weight_decay)
        size = min(self.batch_size, count)
        steps, done = self.epochs * (count // size), 0
        losses: list[float] = []
        within = self._steps_within(self.radius, optimiser.reach)
        for _ in range(self.epochs):
            epoch = []
            for batch in pictures.batches(size, generator):  # (b, h_l, w_l, C_l) per level
                if done == within:
                    within += self._steps_within(radius.item(), optimiser.reach)
                patches = _described(batch[: len(channels)], weight, bias, grid).flatten(0, 1)  # (b, P, D) -> (b P, D)
                if len(batch) > len(channels):
                    patches = patches[batch[-1].flatten() > 0]  # of what lies in the pictures
                stride = min(self.stride, len(patches))
                chosen = patches[done % stride :: stride]  # (Q, D)
                loss = self._loss(chosen, centres, radius, repelling=done >= within)
                optimiser.step(loss)
                epoch.append(loss.detach())
                done += 1
                progress(done / steps, "training", **({"loss": losses[-1]} if losses else {}))
            losses.append(torch.stack(epoch).mean().item())  # the host waits for an accelerator once an epoch

        self.weight_, self.bias_ = weight.detach(), bias.detach()  # (D, sum of C_l + 2), (D,)
        self.bank_, self.places_ = bank, places  # (M, D), (M,) grid positions, row by row
        self.radius_, self.losses_ = radius.item(), tuple(losses)  # the mean loss of each epoch
        self.grid_size_, self.channels_ = grid, channels
        self.pictures_, self.run_ = count, pictures.run
        return self

    def _steps_within(self, radius: float, reach: float) -> int:
        """Return for how many steps to come radius² cannot pass alpha: so long the repelling spheres are empty."""
        return max(0, int((sqrt(self.alpha) - abs(radius)) / max(reach, 1e-9)))

    def _loss(self, patches: Tensor, centres: Bank, radius: Tensor, repelling: bool) -> Tensor:
        """Return how far patches (Q, D) lie outside the K attracting spheres and inside the J repelling ones."""
        attract = min(self.neighbors, len(centres.rows))
        repel = min(self.negatives, len(centres.rows) - attract) if repelling else 0
        squares = nearest_squares(patches, centres, attract + repel)  # (Q, K + J), ascending
        loss = relu(squares[:, :attract] - radius**2).mean()
        if repel:
            loss = loss + relu(radius**2 - squares[:, attract:] - self.alpha).mean()
        return loss / self.nu

    def _centres(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bank (M, D) and the grid position (M,) nearest to each centre, from the mean patches (P, D)."""
        clusters = self._clusters(len(points))
        if self.gamma_c == 1:
            return points, torch.arange(clusters, device=points.device)
        from sklearn.cluster import KMeans, MiniBatchKMeans  # a second to import, seldom needed

        kind = KMeans if len(points) <= LLOYD_POINTS else MiniBatchKMeans
        found = kind(clusters, n_init=1, random_state=self.seed).fit(points.cpu().numpy().astype(np.float64))
        bank = torch.from_numpy(found.cluster_centers_).to(points)
        return bank, nearest(bank, points, k=1)[1].flatten()

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score a picture by the maximum of its map of softmin-weighted distances to the nearest centre."""
        maps = picture_map(self.search(features)[0], features, self.sigma)  # (B, H, W) -> (B, S, S')
        return Prediction(maps.amax((1, 2)), maps)

    @torch.no_grad()
    def search(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """Return the map before enlarging (B, H, W), and distances and indices (B, H, W, K) of the nearest centres."""
        patches = self.describe(features)  # (B, H, W, D)
        distances, indices = nearest(patches.flatten(0, 2), self.bank_, k=min(self.neighbors, len(self.bank_)))
        scores = distances[:, 0] * softmin(distances, dim=1)[:, 0]  # (Q, K) -> (Q,)
        cells = patches.shape[:3]
        return scores.reshape(cells), distances.reshape(*cells, -1), indices.reshape(*cells, -1)

    @torch.no_grad()
    def describe(self, features: Features) -> Tensor:
        """Return the patches in the trained space, (B, H, W, D)."""
        self.check_fitted()
        self.check_levels(self.levels, len(features.maps))
        self.check_same(tuple(features.maps[level].shape[1] for level in self.levels), self.channels_)
        patches = _described(self._prepared(features, self.grid_size_), self.weight_, self.bias_, self.grid_size_)
        return patches.unflatten(1, self.grid_size_)  # (B, P, D) -> (B, H, W, D)

    @torch.no_grad()
    def trace(self, features: FeatureSource, picture: int) -> Trace:
        """Return the picture's share of the spread about each position's mean, whose place the centres take."""
        mean = sum(self.describe(batch).sum(0) for batch in features) / len(features)  # (H, W, D)
        lengths = torch.cat([(self.describe(batch) - mean).square().sum(3) for batch in features])  # (N, H, W)
        total = lengths.sum(0) + torch.finfo(lengths.dtype).tiny
        return Trace(float(lengths[picture].sum() / total.sum()), 1 / len(features), lengths[picture] / total)

    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W)."""
        return self.search(features)[0]

    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Name the nearest centres; a centre's box is the place on the grid that its mean comes from."""
        scores, distances, indices = self.search(features[:1])
        grid, size = self.grid_size_, features.image_size
        row, column = cell_at(grid, size, y, x)
        places = self.places_[indices[0, row, column]].tolist()
        neighbors = tuple(
            Neighbor(None, cell_box(grid, size, *divmod(place, grid[1])), distance, role="centre")
            for place, distance in zip(places, distances[0, row, column].tolist(), strict=True)
        )
        box = cell_box(grid, size, row, column)
        return Evidence(scores[0, row, column].item(), box, "softmin-weighted distance", neighbors)

    def untrained(self) -> CFA:
        """Return the same centres with the layer as it was drawn, before training moved it."""
        self.check_fitted()
        generator = torch.Generator().manual_seed(self.seed)
        drawn = _drawn(self.weight_.shape[1] - 2, self.weight_.shape[0], generator)
        weight, bias = (t.to(self.weight_) for t in drawn)
        before = replace(self, epochs=0)
        before.state = self.state | {"weight_": weight, "bias_": bias, "radius_": self.radius, "losses_": ()}
        return before

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Count the multiply-adds of training, and the bytes of features, gradients and blocks of distances."""
        grid = self.grid_of(shape, self.levels, self.grid)
        positions, chosen = prod(grid), [shape.maps[level] for level in self.levels]
        inputs, outputs, centres = sum(c for c, _, _ in chosen), self._dimensions(shape), self._clusters(positions)
        layer = sum(c * min(h * w, positions) for c, h, w in chosen) * outputs
        step = 2 * layer + positions * outputs * (centres / self.stride + 4 * len(self.levels))
        clustering = 0 if self.gamma_c == 1 else 40 * positions * centres * outputs
        work: float = READING * shape.pictures * sum(map(prod, chosen))
        work += TRAINING * (self.epochs * shape.pictures * step + clustering)
        model = 4 * outputs * (inputs + 2 + 1 + centres) + 8 * centres
        kept = min(AT_HAND, shape.pictures * self._picture_bytes(shape))
        working = 4 * self.batch_size * positions * outputs * (2 + len(self.levels))
        return Estimate(seconds(work), kept + working + 5 * model, model)

    @property
    def depth(self) -> int:
        """The levels up to the deepest that is read."""
        return self.deepest((*self.levels, self.grid))

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Settings that the pictures did not allow."""
        if not self.fitted:
            return ()
        found, looked = [], self.neighbors + self.negatives
        if self.pictures_ < self.batch_size:
            found.append(Sentence(
                "cfa.small_batch", "CFA trains on batches of {asked} pictures; here each step used all {used}.",
                asked=self.batch_size, used=self.pictures_,
            ))  # fmt: skip
        if self.run_ < self.pictures_:
            found.append(Sentence(
                "cfa.runs", "The features are too large to be kept at hand: CFA shuffled its pictures within runs of "
                "{run} instead of all {pictures}.", run=self.run_, pictures=self.pictures_,
            ))  # fmt: skip
        if len(self.bank_) < looked:
            found.append(Sentence(
                "cfa.few_centres", "CFA looks at {asked} nearest centres, and there are {centres}: fewer repel or "
                "attract.", asked=looked, centres=len(self.bank_),
            ))  # fmt: skip
        return tuple(found)

    def _prepared(self, features: Features, grid: Size) -> Picture:
        """Average over 3 x 3 cells, bring levels finer than the grid to it; channels last: (B, h_l, w_l, C_l)."""
        prepared = []
        for level in self.levels:
            maps = neighbourhood_mean(features.maps[level])  # (B, C, H_l, W_l)
            if maps.shape[-2] > grid[0] or maps.shape[-1] > grid[1]:
                maps = resample(maps, grid)
            prepared.append(maps.permute(0, 2, 3, 1).contiguous())  # (B, h_l, w_l, C)
        return tuple(prepared)

    def _read(self, features: FeatureSource, grid: Size, progress: Progress) -> Iterator[Picture]:
        """Yield pictures ready for training; where they do not fill the frame, with the cells that they do fill."""
        for batch in features:
            progress(0.0, "reading features")
            within = batch.inside(grid)
            prepared = self._prepared(batch, grid)
            yield from zip(*prepared, *(() if within is None else (within.float(),)), strict=True)

    def _run_length(self, shape: FeatureShape) -> int:
        """Return how many prepared pictures are kept at hand, in whole batches."""
        return max(1, AT_HAND // self._picture_bytes(shape) // self.batch_size) * self.batch_size

    def _picture_bytes(self, shape: FeatureShape) -> int:
        high, wide = self.grid_of(shape, self.levels, self.grid)
        return sum(4 * c * min(h, high) * min(w, wide) for c, h, w in (shape.maps[level] for level in self.levels))

    def _dimensions(self, shape: FeatureShape) -> int:
        return max(1, sum(shape.maps[level][0] for level in self.levels) // self.gamma_d)

    def _clusters(self, positions: int) -> int:
        return max(1, positions // self.gamma_c)


def _drawn(inputs: int, outputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw weight (D, C + 2) and bias (D,) as torch does for a 1 x 1 convolution: uniform within 1 / sqrt(C + 2)."""
    limit = 1 / sqrt(inputs + 2)
    weight = torch.rand(outputs, inputs + 2, generator=generator)
    return (2 * weight - 1) * limit, (2 * torch.rand(outputs, generator=generator) - 1) * limit


def _described(levels: Sequence[Tensor], weight: Tensor, bias: Tensor, grid: Size) -> Tensor:
    """Apply the layer to levels (B, h_l, w_l, C_l), each at its own resolution: patches (B, P, D).

    Enlarging and a 1 x 1 layer are both linear and act on different axes, so their order does not matter.
    """
    blocks = weight.split([*(level.shape[-1] for level in levels), 2], dim=1)
    patches = bias + _coordinates(grid).to(bias) @ blocks[-1].T  # (H, W, 2) -> (H, W, D)
    for level, block in zip(levels, blocks, strict=False):
        low = (level @ block.T).permute(0, 3, 1, 2)  # (B, h, w, C) -> (B, D, h, w)
        patches = patches + resample(low, grid).permute(0, 2, 3, 1)  # (B, H, W, D)
    return patches.flatten(1, 2)  # (B, P, D)


def _coordinates(grid: Size) -> Tensor:
    """Return (H, W, 2): row, then column, each from -1 to 1; 0 where there is only one."""
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) * (n > 1) for n in grid]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
