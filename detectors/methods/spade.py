"""SPADE: the few normal pictures most like a picture are searched, at every place, for the patch most like its own.

Whole pictures are compared by the pooled features of the last stage; the mean distance to the K nearest normal pictures
is the score. Every place is then compared with all places of these K pictures, so nothing needs to be aligned.

Cohen & Hoshen, "Sub-image anomaly detection with deep pyramid correspondences", 2020, arXiv 2005.02357.

Where we depart from it: by default each level is searched on its own grid and the enlarged maps are averaged, as in the
best-known code (SPADE-pytorch, K = 5); the paper's single search among joined features is `combine="concatenate"`.
That code leaves out up to 99 gallery rows of each level; we search them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor

from detectors.errors import Sentence, SettingRefused
from detectors.methods.base import Detector
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, silent
from detectors.methods.maps import SIGMA, Size, align_nearest, cell_at, cell_box, picture_map, resample
from detectors.methods.neighbors import Bank, nearest, nearest_at_once
from detectors.methods.outputs import Contribution, Estimate, Evidence, Neighbor, Prediction, Trace
from detectors.methods.speed import seconds
from detectors.methods.tracing import being_traced

SHOWN = 3  # gallery patches that an explanation shows per level
FILLING = 900  # multiply-adds for which a value can be stored, as measured

# A search: the level (None when levels are joined), its grid, the queries (P, C), and the patches (P, C) of each
# neighbouring picture, made when needed.
Search = tuple[int | None, Size, Tensor, Iterator[Bank]]


@dataclass
class Spade(Detector):
    """K nearest normal pictures, and the nearest of their patches."""

    levels: tuple[int, ...] = (0, 1, 2)  # indices of the feature levels that the map is made from
    k: int = 5  # normal pictures that a picture is compared with; lowered to the number there are
    kappa: int = 1  # nearest gallery patches whose distances are averaged
    combine: Literal["average", "concatenate"] = "average"  # the levels' maps, or their features (the paper)
    image_score: Literal["pooled", "map max"] = "pooled"  # mean distance to the K pictures (blind to small defects)
    sigma: float = SIGMA  # of the smoothing, in pixels

    name: ClassVar[str] = "spade"
    # quick leaves out the finest level: nine tenths of the search, for outlines twice as coarse.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"levels": (1, 2)},
        "paper": {"k": 50, "combine": "concatenate"},
    }

    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Store all features; nothing is learnt."""
        self.forget()
        shape = features.shape
        self._check(shape)
        count = len(features)
        gallery = [
            torch.empty(count, h, w, c, device=features.device) for c, h, w in (shape.maps[i] for i in self.levels)
        ]
        pooled = torch.empty(count, shape.pooled[-1], device=features.device)
        done = 0
        for batch in features:
            part = slice(done, done + len(batch))
            for stored, level in zip(gallery, self.levels, strict=True):
                stored[part] = batch.maps[level].permute(0, 2, 3, 1)  # (B, H, W, C)
            pooled[part] = batch.pooled[-1]
            done += len(batch)
            progress(done / count, "gallery", pictures=done)
        banks = [Bank.of(stored.flatten(0, 2), overwrite=True) for stored in gallery]  # (N H W, C)
        self.gallery_ = tuple(gallery)  # (N, H, W, C) each, less its centre
        self.norms_ = tuple(b.norms.unflatten(0, s.shape[:3]) for b, s in zip(banks, gallery, strict=True))  # (N, H, W)
        self.centres_ = tuple(b.centre for b in banks)  # (C,) each
        self.pooled_ = pooled  # (N, Z)
        return self

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Score each picture by its K nearest; search their patches for the map."""
        distances, pictures = self.pictures(features)
        grids = self.grids(features, pictures)
        maps = torch.stack([picture_map(grid, features, self.sigma) for grid in grids]).mean(0)  # (B, S, S)
        scores = distances.mean(1) if self.image_score == "pooled" else maps.amax((1, 2))
        return Prediction(scores, maps)

    @torch.no_grad()
    def scores(self, features: Features) -> Tensor:
        """Score each picture; the search of patches is left out where only the map needs it."""
        return self.pictures(features)[0].mean(1) if self.image_score == "pooled" else self.predict(features).scores

    @torch.no_grad()
    def left_out(self, features: FeatureSource) -> Tensor | None:
        """Score each picture by its K nearest others, of which it is none itself."""
        if self.image_score != "pooled":
            return None
        self.check_pictures(len(features))
        pooled = torch.cat([batch.pooled[-1] for batch in features])  # (N, Z)
        distances, found = nearest(pooled, pooled, min(self.k + 1, len(pooled)))  # (N, K + 1), nearest first
        own = found == torch.arange(len(pooled), device=found.device)[:, None]
        own[:, -1] |= ~own.any(1)  # one of many equal pictures: any of them stands for itself
        return distances[~own].view(len(pooled), -1).mean(1)

    @torch.no_grad()
    def trace(self, features: FeatureSource, picture: int) -> Trace:
        """Return the picture's share of all K nearest neighbours that the fitted pictures are to each other."""
        pooled = torch.cat([batch.pooled[-1] for batch in features])
        others = torch.arange(len(pooled), device=pooled.device) != picture
        found = nearest(pooled[others], pooled, min(self.k + 1, len(pooled)))[1][:, 1:]  # without each one itself
        return Trace(float((found == picture).float().mean()), 1 / max(len(pooled) - 1, 1))

    def pictures(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the K nearest normal pictures of each picture: distances and indices, (B, K)."""
        self.check_fitted()
        return nearest(features.pooled[-1], self.pooled_, min(self.k, len(self.pooled_)))

    def grids(self, features: Features, pictures: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the distances before enlarging: (B, H_l, W_l) per level, or one (B, H, W) when levels are joined.

        Each picture is searched by itself, among its own `pictures` (B, K), so its map does not depend on the batch.
        """
        pictures = self.pictures(features)[1] if pictures is None else pictures
        if being_traced():
            return self._grids_at_once(features, pictures)
        rows: list[list[Tensor]] = []
        for b, chosen in enumerate(pictures.tolist()):
            rows.append([])
            for _, grid, queries, banks in self._searches(features, b, chosen):
                found = torch.cat([nearest(queries, bank, self.kappa)[0] for bank in banks], 1)  # (P, K kappa)
                rows[-1].append(found.sort(1).values[:, : self.kappa].mean(1).reshape(grid))
        return tuple(torch.stack(level) for level in zip(*rows, strict=True))

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W): the mean of the levels on the finest grid."""
        grids = [grid[:, None] for grid in self.grids(features)]
        return align_nearest(grids, self._finest()).mean(1)  # (B, L, H, W) -> (B, H, W)

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Show the nearest gallery patches of the place, per level, and each level's share of the mean over levels."""
        pictures = self.pictures(features)[1][0].tolist()
        size = features.image_size
        neighbors, values = [], {}
        for level, grid, queries, banks in self._searches(features, 0, pictures):
            row, column = cell_at(grid, size, y, x)
            query = queries[row * grid[1] + column][None]  # (1, C)
            patches = []
            for picture, bank in zip(pictures, banks, strict=True):
                found = nearest(query, bank, min(max(SHOWN, self.kappa), len(bank.rows)))
                patches += [(d, picture, place) for d, place in zip(*(f[0].tolist() for f in found), strict=True)]
            patches.sort()
            values[level] = sum(d for d, _, _ in patches[: self.kappa]) / self.kappa
            neighbors += [
                Neighbor(picture, cell_box(grid, size, *divmod(place, grid[1])), distance, level)
                for distance, picture, place in patches[:SHOWN]
            ]
        parts = [Contribution(level, None, v / len(values)) for level, v in values.items() if level is not None]
        finest = self._finest()
        return Evidence(
            value=sum(values.values()) / len(values),
            box=cell_box(finest, size, *cell_at(finest, size, y, x)),
            unit="distance",
            neighbors=tuple(sorted(neighbors, key=lambda n: n.distance)),
            contributions=tuple(sorted(parts, key=lambda part: -part.value)),
        )

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return the cost of storing the gallery: its size is exact and all that counts."""
        self._check(shape)
        chosen = [shape.maps[level] for level in self.levels]
        values = sum(shape.pictures * h * w * (c + 1) + c for c, h, w in chosen) + shape.pictures * shape.pooled[-1]
        return Estimate(seconds(FILLING * values), 4 * values, 4 * values)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say that K was lowered."""
        if not self.fitted or self.k <= len(self.pooled_):
            return ()
        return (Sentence(
            "spade.k_clipped", "K was lowered from {asked} to {used}: there are no more normal pictures.",
            asked=self.k, used=len(self.pooled_),
        ),)  # fmt: skip

    def _searches(self, features: Features, b: int, pictures: list[int]) -> Iterator[Search]:
        """Yield what picture b is searched for, and where: per level, or once among joined levels."""
        levels = list(zip(self.levels, self.gallery_, self.norms_, self.centres_, strict=True))
        if self.combine == "average":
            for level, stored, norms, centre in levels:
                banks = (Bank(stored[i].flatten(0, 1), norms[i].flatten(), centre) for i in pictures)
                yield level, (stored.shape[1], stored.shape[2]), features.maps[level][b].flatten(1).T, banks
            return
        grid = self._finest()
        queries = _joined([features.maps[level][b] - centre[:, None, None] for level, _, _, centre in levels], grid)
        galleries = (_joined([stored[i].permute(2, 0, 1) for stored in self.gallery_], grid) for i in pictures)
        none = torch.zeros_like(queries[0])
        yield None, grid, queries, (Bank(rows, rows.square().sum(1), none) for rows in galleries)

    def _grids_at_once(self, features: Features, pictures: Tensor) -> tuple[Tensor, ...]:
        """Return what `grids` does, for all pictures at once, in operations that a graph has."""
        queries, banks = [], []
        for level, stored, centre in zip(self.levels, self.gallery_, self.centres_, strict=True):
            queries.append(features.maps[level] - centre[:, None, None])  # (B, C, H, W)
            banks.append(stored[pictures].permute(0, 1, 4, 2, 3))  # (B, K, C, H, W)
        if self.combine == "concatenate":
            grid, count = self._finest(), pictures.shape[1]
            queries = [torch.cat([resample(own, grid) for own in queries], 1)]
            joined = torch.cat([resample(own.flatten(0, 1), grid) for own in banks], 1)  # (B K, D, H, W)
            banks = [joined.unflatten(0, (-1, count))]
        grids = []
        for own, bank in zip(queries, banks, strict=True):
            rows = bank.permute(0, 1, 3, 4, 2).flatten(1, 3)  # (B, K H W, C)
            found = nearest_at_once(own.flatten(2).mT, rows, rows.square().sum(2), self.kappa)[0]  # (B, P, kappa)
            grids.append(found.mean(2).unflatten(1, own.shape[2:]))
        return tuple(grids)

    def _finest(self) -> Size:
        return max(((stored.shape[1], stored.shape[2]) for stored in self.gallery_), key=prod)

    def _check(self, shape: FeatureShape) -> None:
        self.check_levels(self.levels, len(shape.maps))
        places = min(prod(shape.maps[level][1:]) for level in self.levels)
        if self.kappa > places:
            raise SettingRefused(
                "spade.kappa",
                "SPADE was given kappa = {kappa}, and the coarsest level has {places} places. Choose no more.",
                kappa=self.kappa,
                places=places,
            )


def _joined(levels: list[Tensor], grid: Size) -> Tensor:
    """Bring levels (C_l, H_l, W_l) to one grid: (P, sum of C_l)."""
    return torch.cat([resample(level[None], grid)[0] for level in levels]).flatten(1).T
