"""CFA (Lee, Lee & Song 2022, arXiv 2206.04325): adapt the features, then compare with a bank of fixed size.

A small trainable layer, applied to each patch alone, maps pretrained features to a space of its own. The bank holds one
centre per grid position, whatever the number of pictures. Training pulls every normal patch into spheres around its K
nearest centres and pushes it from the next J; afterwards a patch far from all centres is anomalous.

The official code is followed, with these departures: the bank is the mean over all pictures (there, over all but an
incomplete last batch); the layer is applied to each level at its own resolution before enlarging, which is the same
function for a quarter of the work; and the last epoch is kept, never the best one on test pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from torch import Tensor
from torch.nn.functional import embedding_bag, relu, softmin
from torch.optim.adamw import adamw

from detectors.errors import Sentence
from detectors.methods.base import (
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
from detectors.methods.maps import SIGMA, anomaly_map, cell_at, cell_box, neighbourhood_mean, resample
from detectors.methods.neighbors import Bank, nearest
from detectors.methods.speed import product_rate

AT_HAND = 2 << 30  # bytes of prepared features kept between epochs; beyond, they are read again in runs
LLOYD_POINTS = 4096  # more centres than this are clustered in mini-batches
SHARE_OF_RATE = 0.15  # of the speed of one large product, that training reaches, as measured
READING = 2e-8  # seconds per value, as measured: 3 x 3 means, resampling, reordering

Picture = tuple[Tensor, ...]  # one (h_l, w_l, C_l) per level


@dataclass
class CFA(Detector):
    """Coupled-hypersphere feature adaptation.

    Attributes:
        levels: which of the backbone's maps are joined.
        grid: index of the map whose grid the patches lie on; None for the finest of `levels`.
        gamma_c: the bank has this many times fewer centres than the grid has positions (k-means when above 1).
        gamma_d: the layer yields this many times fewer dimensions than the features have.
        neighbors: K, centres that attract a patch, and that its score looks at.
        negatives: J, the next centres, which repel it.
        alpha: margin between the attracting and the repelling sphere, in squared distance.
        nu: the loss is divided by it; of little effect, since AdamW does not feel a loss's scale.
        epochs: passes over the pictures; 0 leaves the layer as it was drawn.
        batch_size: pictures per step; an incomplete last batch is left out.
        learning_rate, weight_decay: of AdamW with amsgrad, on the layer and on the radius alike.
        radius: of the spheres, before training.
        sigma: of the smoothing, in pixels.
        seed: draws the layer, the order of the pictures and the start of k-means.
    """

    name: ClassVar[str] = "cfa"
    # quick: a quarter of the patches and of the dimensions, a sixth of the epochs. Fewer centres (gamma_c 4) would save
    # another fifth of the time, but cost 0.08 of image AUROC on the built-in circuit boards.
    presets: ClassVar[dict[str, dict[str, Any]]] = {"quick": {"grid": 1, "gamma_d": 4, "epochs": 5}, "paper": {}}

    levels: tuple[int, ...] = (0, 1, 2)
    grid: int | None = None
    gamma_c: int = 1
    gamma_d: int = 1
    neighbors: int = 3
    negatives: int = 3
    alpha: float = 0.1
    nu: float = 1e-3
    epochs: int = 30
    batch_size: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    radius: float = 1e-5
    sigma: float = SIGMA
    seed: int = 0

    @torch.enable_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Draw the layer, place the centres, train; cost: epochs x pictures x the price of scoring three pictures."""
        self.forget()
        shape = features.shape
        grid = self._grid(shape)
        channels = tuple(shape.maps[level][0] for level in self.levels)
        generator = torch.Generator().manual_seed(self.seed)

        run = self._run_length(shape)
        whole = list(self._pictures(features, grid, progress)) if run >= len(features) else None
        means = _means(whole if whole is not None else self._pictures(features, grid, progress))
        weight, bias = (t.to(means[0]) for t in _drawn(sum(channels), self._dimensions(shape), generator))
        bank, places = self._centres(_described(means, weight, bias, grid)[0])  # (M, D), (M,)

        centres = Bank.of(bank)
        radius = torch.full_like(bias[0], self.radius)
        size = min(self.batch_size, len(features))
        steps = self.epochs * (len(features) // size)
        optimiser = _AdamW([weight, bias, radius], self.learning_rate, self.weight_decay)
        losses: list[float] = []
        for _ in range(self.epochs):
            runs = [whole] if whole is not None else _runs(self._pictures(features, grid, progress), run)
            total = 0.0
            for batch in _batches(runs, size, generator):
                patches = _described(batch, weight, bias, grid).flatten(0, 1)  # (B, P, D) -> (Q, D)
                loss = self._loss(patches, centres, radius)
                optimiser.step(loss)
                value = loss.item()
                total += value
                progress(optimiser.steps / steps, "training", loss=value)
            losses.append(total * self.epochs / steps)

        self.weight_, self.bias_ = weight.detach(), bias.detach()  # (D, sum of C_l + 2), (D,)
        self.bank_, self.places_ = bank, places  # (M, D), (M,) grid positions, row by row
        self.radius_, self.losses_ = radius.item(), tuple(losses)  # the mean loss of each epoch
        self.grid_size_, self.channels_ = grid, channels
        self.pictures_, self.run_ = len(features), min(run, len(features))
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score by the softmin-weighted distance to the nearest centre, a picture by the maximum of its map."""
        scores, _, _ = self._scored(features)
        maps = anomaly_map(scores, features.image_size, self.sigma)  # (B, H, W) -> (B, S, S')
        return Prediction(maps.amax((1, 2)), maps)

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Name the nearest centres; a centre's box is the place on the grid that its mean comes from."""
        scores, distances, indices = self._scored(features[:1])
        row, column = cell_at(self.grid_size_, features.image_size, y, x)
        places = self.places_[indices[0, row, column]].tolist()
        neighbors = tuple(
            Neighbor(
                None,
                cell_box(self.grid_size_, features.image_size, *divmod(place, self.grid_size_[1])),
                distance,
                role="centre",
            )
            for place, distance in zip(places, distances[0, row, column].tolist(), strict=True)
        )
        box = cell_box(self.grid_size_, features.image_size, row, column)
        return Evidence(scores[0, row, column].item(), box, "softmin-weighted distance", neighbors)

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W)."""
        return self._scored(features)[0]

    @torch.no_grad()
    def describe(self, features: Features) -> Tensor:
        """Return the patches in the trained space, (B, H, W, D)."""
        self.check_fitted()
        patches = _described(self._prepared(features, self.grid_size_), self.weight_, self.bias_, self.grid_size_)
        return patches.unflatten(1, self.grid_size_)  # (B, P, D) -> (B, H, W, D)

    @torch.no_grad()
    def search(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """Return the map before enlarging (B, H, W), and distances and indices (B, H, W, K) of the nearest centres."""
        return self._scored(features)

    def untrained(self) -> CFA:
        """Return the same centres with the layer as it was drawn, before training moved it."""
        self.check_fitted()
        generator = torch.Generator().manual_seed(self.seed)
        weight, bias = _drawn(self.weight_.shape[1] - 2, self.weight_.shape[0], generator)
        before = replace(self, epochs=0)
        before.state = self.state | {
            "weight_": weight.to(self.weight_),
            "bias_": bias.to(self.bias_),
            "radius_": self.radius,
            "losses_": (),
        }
        return before

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Count the multiply-adds of training, and the bytes of features, gradients and blocks of distances."""
        grid = self._grid(shape)
        inputs, outputs = sum(shape.maps[level][0] for level in self.levels), self._dimensions(shape)
        centres = self._clusters(prod(grid))
        layer = sum(c * min(h * w, prod(grid)) for c, h, w in (shape.maps[level] for level in self.levels)) * outputs
        step = 2 * layer + prod(grid) * outputs * (centres + 4 * len(self.levels))
        clustering = 0 if self.gamma_c == 1 else 40 * prod(grid) * centres * outputs
        seconds = READING * shape.pictures * sum(prod(shape.maps[level]) for level in self.levels)
        seconds += (self.epochs * shape.pictures * step + clustering) / (SHARE_OF_RATE * product_rate())
        model = 4 * outputs * (inputs + 2 + 1 + centres) + 8 * centres
        kept = min(AT_HAND, shape.pictures * self._picture_bytes(shape))
        working = 4 * self.batch_size * prod(grid) * outputs * (2 + len(self.levels))
        return Estimate(seconds, kept + working + 5 * model, model)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Settings that the pictures did not allow."""
        if not self.fitted:
            return ()
        found = []
        if self.pictures_ < self.batch_size:
            found.append(
                Sentence(
                    "cfa.small_batch",
                    "CFA trains on batches of {asked} pictures; here each step used all {used}.",
                    asked=self.batch_size,
                    used=self.pictures_,
                )
            )
        if self.run_ < self.pictures_:
            found.append(
                Sentence(
                    "cfa.runs",
                    "The features are too large to be kept at hand: CFA shuffled its pictures within runs of {run} "
                    "instead of all {pictures}.",
                    run=self.run_,
                    pictures=self.pictures_,
                )
            )
        if len(self.bank_) < self.neighbors + self.negatives:
            found.append(
                Sentence(
                    "cfa.few_centres",
                    "CFA looks at {asked} nearest centres, and there are {centres}: fewer repel or attract.",
                    asked=self.neighbors + self.negatives,
                    centres=len(self.bank_),
                )
            )
        return tuple(found)

    def _scored(self, features: Features) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores (B, H, W), and distances and indices (B, H, W, K) of the nearest centres."""
        self.check_fitted()
        found = tuple(features.maps[level].shape[1] for level in self._present(features.shape))
        self.check_same(found, self.channels_)
        patches = _described(self._prepared(features, self.grid_size_), self.weight_, self.bias_, self.grid_size_)
        distances, indices = nearest(patches.flatten(0, 1), self.bank_, k=min(self.neighbors, len(self.bank_)))
        scores = distances[:, 0] * softmin(distances, dim=1)[:, 0]  # (Q, K) -> (Q,)
        cells = (len(features), *self.grid_size_)
        return scores.reshape(cells), distances.reshape(*cells, -1), indices.reshape(*cells, -1)

    def _loss(self, patches: Tensor, centres: Bank, radius: Tensor) -> Tensor:
        attract = min(self.neighbors, len(centres.rows))
        repel = min(self.negatives, len(centres.rows) - attract)
        squares = _NearestSquares.apply(patches, centres, attract + repel)  # (Q, K + J), ascending
        loss = relu(squares[:, :attract] - radius**2).mean()
        if repel:
            loss = loss + relu(radius**2 - squares[:, attract:] - self.alpha).mean()
        return loss / self.nu

    def _centres(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bank (M, D) and the grid position (M,) nearest to each centre, from the mean patches (P, D)."""
        clusters = self._clusters(len(points))
        if self.gamma_c == 1:
            return points, torch.arange(clusters, device=points.device)
        kind = KMeans if len(points) <= LLOYD_POINTS else MiniBatchKMeans
        found = kind(clusters, n_init=1, random_state=self.seed).fit(points.cpu().numpy().astype(np.float64))
        bank = torch.from_numpy(found.cluster_centers_).to(points)
        return bank, nearest(bank, points, k=1)[1].flatten()

    def _pictures(self, features: Iterable[Features], grid: tuple[int, int], progress: Progress) -> Iterator[Picture]:
        for batch in features:
            progress(0.0, "reading features")
            yield from zip(*self._prepared(batch, grid), strict=True)

    def _prepared(self, features: Features, grid: tuple[int, int]) -> Picture:
        """Average over 3 x 3 cells, bring levels finer than the grid to it; channels last: (B, h_l, w_l, C_l)."""
        prepared = []
        for level in self.levels:
            maps = neighbourhood_mean(features.maps[level])  # (B, C, H_l, W_l)
            if maps.shape[-2] > grid[0] or maps.shape[-1] > grid[1]:
                maps = resample(maps, grid)
            prepared.append(maps.permute(0, 2, 3, 1).contiguous())  # (B, h_l, w_l, C)
        return tuple(prepared)

    def _present(self, shape: FeatureShape) -> tuple[int, ...]:
        """Return the levels, refusing any that the backbone does not have."""
        self.check_levels((*self.levels, self.grid), len(shape.maps))
        return self.levels

    def _grid(self, shape: FeatureShape) -> tuple[int, int]:
        sizes = [shape.maps[level][1:] for level in self._present(shape)]
        return max(sizes, key=prod) if self.grid is None else shape.maps[self.grid][1:]

    def _dimensions(self, shape: FeatureShape) -> int:
        return max(1, sum(shape.maps[level][0] for level in self.levels) // self.gamma_d)

    def _clusters(self, positions: int) -> int:
        return max(1, positions // self.gamma_c)

    def _picture_bytes(self, shape: FeatureShape) -> int:
        grid = self._grid(shape)
        return sum(4 * c * min(h, grid[0]) * min(w, grid[1]) for c, h, w in (shape.maps[n] for n in self.levels))

    def _run_length(self, shape: FeatureShape) -> int:
        """Return how many prepared pictures are kept at hand, in whole batches."""
        return max(1, AT_HAND // self._picture_bytes(shape) // self.batch_size) * self.batch_size


class _NearestSquares(torch.autograd.Function):
    """Squared distances (Q, k) from patches (Q, D) to their k nearest centres, ascending.

    The search runs in bounded chunks outside the graph; the gradient needs only the winners:
    d/dp sum_k g_k |p - c_k|² = 2 (p sum_k g_k - sum_k g_k c_k). No (Q, M) or (Q, k, D) tensor is kept.
    """

    @staticmethod
    def forward(ctx: Any, patches: Tensor, centres: Bank, k: int) -> Tensor:
        distances, indices = nearest(patches, centres, k=k)
        ctx.save_for_backward(patches, indices)
        ctx.centres = centres
        return distances.square()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        patches, indices = ctx.saved_tensors
        gradient = gradients[0].contiguous()  # (Q, k)
        pull = embedding_bag(indices, ctx.centres.rows, per_sample_weights=gradient, mode="sum")  # (Q, D)
        return 2 * ((patches - ctx.centres.centre) * gradient.sum(1, keepdim=True) - pull), None, None


class _AdamW:
    """AdamW with amsgrad; torch's own update without its optimiser class, whose first use takes over a second."""

    def __init__(self, parameters: list[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.parameters = [p.requires_grad_() for p in parameters]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.first, self.second, self.greatest = ([torch.zeros_like(p) for p in parameters] for _ in range(3))
        self.counts = [torch.zeros(()) for _ in parameters]
        self.steps = 0

    def step(self, loss: Tensor) -> None:
        """Move the parameters against the loss's gradient."""
        gradients = list(torch.autograd.grad(loss, self.parameters))
        with torch.no_grad():
            adamw(
                self.parameters,
                gradients,
                self.first,
                self.second,
                self.greatest,
                self.counts,
                foreach=False,
                amsgrad=True,
                beta1=0.9,
                beta2=0.999,
                lr=self.learning_rate,
                weight_decay=self.weight_decay,
                eps=1e-8,
                maximize=False,
            )
        self.steps += 1


def _drawn(inputs: int, outputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw weight (D, C + 2) and bias (D,) as torch does for a 1 x 1 convolution: uniform within 1 / sqrt(C + 2)."""
    limit = 1 / sqrt(inputs + 2)
    weight = torch.rand(outputs, inputs + 2, generator=generator)
    return (2 * weight - 1) * limit, (2 * torch.rand(outputs, generator=generator) - 1) * limit


def _described(levels: Sequence[Tensor], weight: Tensor, bias: Tensor, grid: tuple[int, int]) -> Tensor:
    """Apply the layer to levels (B, h_l, w_l, C_l), each at its own resolution: patches (B, P, D).

    Enlarging and a 1 x 1 layer are both linear and act on different axes, so their order does not matter.
    """
    blocks = weight.split([*(level.shape[-1] for level in levels), 2], dim=1)
    patches = bias + _coordinates(grid).to(bias.dtype).to(bias.device) @ blocks[-1].T  # (H, W, 2) -> (H, W, D)
    for level, block in zip(levels, blocks, strict=False):
        low = (level @ block.T).permute(0, 3, 1, 2)  # (B, h, w, C) -> (B, D, h, w)
        patches = patches + resample(low, grid).permute(0, 2, 3, 1)  # (B, H, W, D)
    return patches.flatten(1, 2)  # (B, P, D)


def _coordinates(grid: tuple[int, int]) -> Tensor:
    """Return (H, W, 2): row, then column, each from -1 to 1; 0 where there is only one."""
    axes = [
        torch.linspace(-1, 1, n, dtype=torch.float64) if n > 1 else torch.zeros(1, dtype=torch.float64) for n in grid
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def _means(pictures: Iterable[Picture]) -> Picture:
    """Average pictures one by one, as a running mean: (1, h_l, w_l, C_l) per level."""
    pictures = iter(pictures)
    means = tuple(level.clone() for level in next(pictures))
    for n, picture in enumerate(pictures, start=2):
        for mean, level in zip(means, picture, strict=True):
            mean.lerp_(level, 1 / n)
    return tuple(m[None] for m in means)


def _runs(pictures: Iterator[Picture], length: int) -> Iterator[list[Picture]]:
    run: list[Picture] = []
    for picture in pictures:
        run.append(picture)
        if len(run) == length:
            yield run
            run = []
    yield run


def _batches(runs: Iterable[list[Picture]], size: int, generator: torch.Generator) -> Iterator[Picture]:
    """Shuffle within each run and stack whole batches: (B, h_l, w_l, C_l) per level."""
    for run in runs:
        order = torch.randperm(len(run), generator=generator).tolist()
        for start in range(0, len(run) - size + 1, size):
            chosen = [run[i] for i in order[start : start + size]]
            yield tuple(torch.stack(level) for level in zip(*chosen, strict=True))
