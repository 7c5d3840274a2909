"""PatchCore: all patches of all normal pictures form one bank, thinned by a coreset; a patch far from it is anomalous.

A patch is described by mid-level features averaged over its neighbourhood and may be compared with any place, so that
nothing needs to be aligned. A picture scores as its highest-scoring patch.

Roth et al., "Towards total recall in industrial anomaly detection", CVPR 2022, arXiv 2106.08265.

The official code is followed where it differs from the paper: squared distances, no re-weighting, a coreset whose
first steps are capped by the mean distance to ten random patches; the paper's variants are options. The embedding is
the paper's; the official one, which pools 3 x 3 x C values to 1024 in one dimension, is an option. The coreset is exact
(`coreset.greedy_coreset`) and needs projected patches only: the chosen ones are read in a second pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

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
from detectors.methods.coreset import Start, fingerprints, first_of_each, greedy_coreset, project
from detectors.methods.maps import SIGMA, anomaly_map, cell_at, cell_box, neighbourhood_mean, resample
from detectors.methods.neighbors import Bank, nearest
from detectors.methods.speed import product_rate

SHOWN = 5  # bank patches that an explanation shows
TOGETHER = 8  # pictures described at once
EMBEDDING = 600  # describing a patch takes about as long, per number, as this many multiply-adds
COVERING = 2.5  # the coreset against one product of all patches with all picks

Size = tuple[int, int]


@dataclass
class PatchCore(Detector):
    """A coreset of normal patches.

    Attributes:
        levels: indices of the feature levels that describe a patch.
        grid: index of the level whose grid the patches lie on; None for the finest of `levels`. Coarser levels are
            enlarged bilinearly, finer ones averaged over each cell.
        embedding: "paper" joins the 3 x 3 means of the levels; "official" pools them in one dimension.
        pretrain_dimensions, target_dimensions: per level and in all, of the official embedding.
        ratio: share of the patches that the bank keeps; 1 keeps all.
        limit: most patches that the bank keeps; None for no limit. What a picture costs grows with them.
        projection: directions in which the coreset measures distances; None for all.
        start: of the coreset, "official" or "textbook" (`coreset.greedy_coreset`).
        neighbors: bank patches whose distances are averaged.
        squared: whether distances are squared (official) or not (paper).
        reweight: the paper's b: how many neighbours of the nearest bank patch its score is weighed by; 0 for none.
        sigma: of the smoothing, in pixels.
        seed: of the projection and the coreset's start.
    """

    levels: tuple[int, ...] = (1, 2)
    grid: int | None = None
    embedding: Literal["paper", "official"] = "paper"
    pretrain_dimensions: int = 1024
    target_dimensions: int = 1024
    ratio: float = 0.1
    limit: int | None = None
    projection: int | None = 128
    start: Start = "official"
    neighbors: int = 1
    squared: bool = True
    reweight: int = 0
    sigma: float = SIGMA
    seed: int = 0

    name: ClassVar[str] = "patchcore"
    # quick changes nothing for up to 52 pictures of 28 x 28 patches; beyond, it keeps a picture's cost from growing.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"limit": 4096},
        "paper": {"ratio": 0.25, "squared": False, "reweight": 9},
    }

    @torch.no_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Describe all patches, pick those that cover the others, and keep these and where they came from."""
        self.forget()
        shape = features.shape
        self._check(shape)
        height, width = self._grid(shape)
        total = len(features) * height * width
        wanted = self._wanted(total)
        if wanted < total:
            picks = self._pick(features, total, wanted, progress)
        else:
            picks = torch.arange(total, device=features.device)
        rows = torch.empty(len(picks), self._width(shape), device=features.device)
        done = 0
        for patches in (p for batch in features for p in self._patches(batch)):  # (b P, D)
            mine = ((picks >= done) & (picks < done + len(patches))).nonzero()[:, 0]
            rows[mine] = patches[picks[mine] - done]
            done += len(patches)
            progress(0.9 + 0.1 * done / total, "bank", patches=done)
        bank = Bank.of(rows, overwrite=True)
        places = picks % (height * width)
        self.bank_ = bank.rows  # (M, D), less its centre; in the order of picking, so that its start is a coreset too
        self.norms_ = bank.norms  # (M,)
        self.centre_ = bank.centre  # (D,)
        self.origins_ = torch.stack([picks // (height * width), places // width, places % width], 1).int()  # (M, 3)
        self.grid_ = (height, width)
        self.patches_ = total
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Compare every patch with the bank; the highest-scoring patch of the grid is the score."""
        self.check_fitted()
        grids, scores = zip(*(self._score(patches) for patches in self._patches(features)), strict=True)
        return Prediction(torch.cat(scores), anomaly_map(torch.cat(grids), features.image_size, self.sigma))

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W)."""
        self.check_fitted()
        return torch.cat([self._score(patches)[0] for patches in self._patches(features)])

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Show the bank's patches nearest to the place, with the pictures they came from."""
        self.check_fitted()
        cell = cell_at(self.grid_, features.image_size, y, x)
        query = self.embed(features[:1])[0, :, cell[0], cell[1]][None]  # (1, D)
        averaged = self._neighbors()
        found, indices = nearest(query, self._bank(), min(max(averaged, SHOWN), len(self.bank_)))
        values = self._unit(found)[0].tolist()
        return Evidence(
            value=sum(values[:averaged]) / averaged,
            box=cell_box(self.grid_, features.image_size, *cell),
            unit="squared distance" if self.squared else "distance",
            neighbors=tuple(
                Neighbor(picture, cell_box(self.grid_, features.image_size, row, column), value)
                for value, (picture, row, column) in zip(values, self.origins_[indices[0]].tolist(), strict=True)
            ),
            squared=self.squared,
        )

    def embed(self, features: Features) -> Tensor:
        """Describe the patches: (B, D, H, W)."""
        grid = self._grid(features.shape)
        # Channels last: a patch's numbers lie together, as in the bank, and resizing is several times faster.
        maps = [features.maps[level].contiguous(memory_format=torch.channels_last) for level in self.levels]
        if self.embedding == "paper":
            return torch.cat([resample(neighbourhood_mean(level), grid) for level in maps], 1)
        channels = tuple(level.shape[1] for level in maps)
        terms = _official_terms(channels, self.pretrain_dimensions, self.target_dimensions)
        joined = maps[0].new_zeros(len(features), self.target_dimensions, *grid)
        for level, (first, last, parts) in zip(maps, terms, strict=True):
            if first < last:
                joined[:, first:last] += resample(_combine(level, last - first, parts), grid)
        return joined

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return the cost of two passes and the coreset; the bank is smaller only where patches repeat."""
        self._check(shape)
        total, width = shape.pictures * prod(self._grid(shape)), self._width(shape)
        wanted = self._wanted(total)
        model = 4 * (wanted * (width + 4) + width)
        if wanted == total:
            return Estimate(total * width * EMBEDDING / product_rate(), model + 32 * total, model)
        directions = min(width, self.projection or width)
        work = total * (2 * width * EMBEDDING + width * directions + COVERING * wanted * directions)
        picking = 8 * total * directions + 48 * total  # the projected patches, centred once more, and their keys
        return Estimate(work / product_rate(), max(picking, model + 4 * total * directions), model)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say where the bank or the numbers of neighbours came out smaller than asked."""
        if not self.fitted:
            return ()
        size, found = len(self.bank_), []
        if self.limit is not None and size == self.limit < max(1, int(self.ratio * self.patches_)):
            found.append(
                Sentence(
                    "patchcore.limited",
                    "The bank was limited to {size} patches, {share:.1%} of all.",
                    size=size,
                    share=size / self.patches_,
                )
            )
        if size < self._wanted(self.patches_):
            found.append(
                Sentence(
                    "patchcore.repeated",
                    "The bank holds {size} patches instead of {asked}: no more of them differ.",
                    size=size,
                    asked=self._wanted(self.patches_),
                )
            )
        if size < max(self.neighbors, self.reweight):
            found.append(
                Sentence(
                    "patchcore.neighbors_clipped",
                    "The bank holds {size} patches, so that {asked} neighbours were lowered to that many.",
                    size=size,
                    asked=max(self.neighbors, self.reweight),
                )
            )
        return tuple(found)

    def _score(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map (b, H, W) and the score (b,) of the pictures that (b P, D) patches make up."""
        distances, indices = nearest(patches, self._bank(), self._neighbors())
        grid = self._unit(distances).mean(1).reshape(-1, *self.grid_)
        scores, places = grid.flatten(1).max(1)  # (b,)
        if self.reweight:
            worst = places + torch.arange(len(grid), device=grid.device) * grid[0].numel()
            scores = scores * self._weights(patches[worst], distances[worst, 0], indices[worst, 0])
        return grid, scores

    def _weights(self, worst: Tensor, least: Tensor, indices: Tensor) -> Tensor:
        """Return 1 - exp(d(m*)) / sum over b of exp(d(m)), (B,): eq. 7 of the paper, the m being m* and its neighbours.

        Args:
            worst: (B, D), each picture's highest-scoring patch.
            least: (B,), its distance to the nearest bank patch m*.
            indices: (B,), of m*.
        """
        count = min(self.reweight, len(self.bank_))
        if count < 2:
            return torch.ones_like(least)  # with m* alone the formula is 0 for every picture
        centred = Bank(self.bank_, self.norms_, torch.zeros_like(self.centre_))
        around = nearest(self.bank_[indices], centred, count)[1]  # (B, b)
        distances = torch.linalg.vector_norm((worst - self.centre_)[:, None] - self.bank_[around], dim=2)  # (B, b)
        return 1 - (least - distances.logsumexp(1)).exp()

    def _pick(self, features: FeatureSource, total: int, wanted: int, progress: Progress) -> Tensor:
        """Return the coreset's indices among all patches, from projected patches alone."""
        keys = torch.empty(total, dtype=torch.int64, device=features.device)
        projected: Tensor | None = None
        done = 0
        for patches in (p for batch in features for p in self._patches(batch)):
            part = project(patches, self.projection, self.seed)  # (b P, d)
            if projected is None:
                projected = part.new_empty(total, part.shape[1])
            projected[done : done + len(part)] = part
            keys[done : done + len(part)] = fingerprints(patches)
            done += len(part)
            progress(0.1 * done / total, "patches", patches=done)
        assert projected is not None  # a source has pictures
        different = first_of_each(keys)  # equal patches could differ in the last bit once projected
        if len(different) < total:
            projected = projected[different]

        def within(done: float, stage: str = "", **numbers: float) -> None:
            progress(0.1 + 0.8 * done, stage, **numbers)

        return different[greedy_coreset(projected, wanted, self.seed, None, self.start, within)]

    def _patches(self, features: Features) -> Iterator[Tensor]:
        """Yield the patches (b P, D) of a few pictures at a time: of many at once they take several times as long."""
        for i in range(0, len(features), TOGETHER):
            yield self.embed(features[i : i + TOGETHER]).permute(0, 2, 3, 1).flatten(0, 2)  # (b, D, H, W) -> (b P, D)

    def _bank(self) -> Bank:
        return Bank(self.bank_, self.norms_, self.centre_)

    def _neighbors(self) -> int:
        return min(self.neighbors, len(self.bank_))

    def _unit(self, distances: Tensor) -> Tensor:
        return distances.square() if self.squared else distances

    def _wanted(self, total: int) -> int:
        wanted = max(1, int(self.ratio * total))  # rounded down, as in the official code
        return wanted if self.limit is None else min(wanted, self.limit)

    def _grid(self, shape: FeatureShape) -> Size:
        if self.grid is not None:
            return shape.maps[self.grid][1:]
        return max((shape.maps[level][1:] for level in self.levels), key=prod)

    def _width(self, shape: FeatureShape) -> int:
        if self.embedding == "official":
            return self.target_dimensions
        return sum(shape.maps[level][0] for level in self.levels)

    def _check(self, shape: FeatureShape) -> None:
        self.check_levels((*self.levels, self.grid), len(shape.maps))


# The official embedding lays the 9 C values of a neighbourhood in a row, channel by channel, and averages bins of them:
# first to `pretrain` values per level, then all levels' values to `target`. All of this is linear, so a level's part of
# the result is a sum of few shifted channels. Where a bin covers all nine values of a channel, they are one 3 x 3 mean:
# for a wide_resnet50_2 nothing else remains but the centre of each layer2 channel, counted twice.

Part = tuple[int, Tensor, Tensor, Tensor]  # which of the nine values (MEAN: their mean); outputs, channels, weights
MEAN = 9


@lru_cache(maxsize=8)
def _official_terms(channels: tuple[int, ...], pretrain: int, target: int) -> list[tuple[int, int, list[Part]]]:
    """Return per level: the range of outputs it adds to, and what it adds; no output occurs twice in one part."""
    first = sparse.block_diag([_bins(9 * c, pretrain) for c in channels])  # (L pretrain, 9 sum of C)
    whole = (_bins(len(channels) * pretrain, target) @ first).tocsc()  # (target, 9 sum of C)
    terms, done = [], 0
    for c in channels:
        level = whole[:, done : done + 9 * c].tocoo()
        done += 9 * c
        pairs, place = np.unique(level.row.astype(np.int64) * c + level.col // 9, return_inverse=True)
        outputs, sources = pairs // c, pairs % c
        weights = np.zeros((len(pairs), MEAN + 1))
        weights[place, level.col % 9] = level.data
        common = weights[:, :MEAN].min(1)
        weights[:, :MEAN] -= common[:, None]
        weights[:, MEAN] = MEAN * common
        weights[weights < 1e-12] = 0  # what subtracting leaves of equal weights
        low, high = (int(outputs[0]), int(outputs[-1]) + 1) if len(pairs) else (0, 0)
        terms.append((low, high, list(_parts(outputs - low, sources, weights))))
    return terms


def _parts(outputs: Any, sources: Any, weights: Any) -> Iterator[Part]:
    for value in range(MEAN + 1):
        used = weights[:, value] > 0
        out, source, weight = outputs[used], sources[used], weights[used, value]  # out ascends
        _, begun = np.unique(out, return_index=True)
        rank = np.arange(len(out)) - np.repeat(begun, np.diff(np.append(begun, len(out))))  # how often it came before
        for r in range(rank.max() + 1 if len(rank) else 0):
            now = rank == r
            yield value, torch.tensor(out[now]), torch.tensor(source[now]), torch.tensor(weight[now])


def _bins(inputs: int, outputs: int) -> Any:
    """Return adaptive average pooling in one dimension as a sparse matrix (outputs, inputs)."""
    starts = np.arange(outputs) * inputs // outputs
    lengths = -(-(np.arange(outputs) + 1) * inputs // outputs) - starts
    rows = np.repeat(np.arange(outputs), lengths)
    columns = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(starts, lengths)
    return sparse.csr_matrix((1 / np.repeat(lengths, lengths), (rows, columns)), shape=(outputs, inputs))


def _combine(level: Tensor, outputs: int, parts: list[Part]) -> Tensor:
    """Add up shifted channels of (B, C, H, W): (B, outputs, H, W)."""
    height, width = level.shape[2:]
    padded, mean = functional.pad(level, (1, 1, 1, 1)), neighbourhood_mean(level)
    total = level.new_zeros(len(level), outputs, height, width)
    for value, out, source, weight in parts:
        down, right = divmod(value, 3)
        taken = mean if value == MEAN else padded[:, :, down : down + height, right : right + width]
        added = taken[:, source.to(level.device)] * weight.to(level)[:, None, None]
        total.index_add_(1, out.to(level.device), added)
    return total
