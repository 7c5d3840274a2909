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
from detectors.methods.maps import SIGMA, Size, align_nearest, anomaly_map, cell_at, cell_box, resample
from detectors.methods.neighbors import Bank, nearest
from detectors.methods.speed import product_rate

SHOWN = 3  # gallery patches that an explanation shows per level
FILLING = 900  # storing one value takes about as long as this many multiply-adds


@dataclass
class Spade(Detector):
    """K nearest normal pictures, and the nearest of their patches.

    Attributes:
        levels: indices of the feature levels that the map is made from.
        k: normal pictures that a picture is compared with; lowered to the number there are.
        kappa: nearest gallery patches whose distances are averaged.
        combine: "average" the levels' maps, or "concatenate" their features on the finest grid (the paper).
        image_score: "pooled", the mean distance to the K pictures (blind to small defects), or "map max".
        sigma: of the smoothing, in pixels.
    """

    levels: tuple[int, ...] = (0, 1, 2)
    k: int = 5
    kappa: int = 1
    combine: Literal["average", "concatenate"] = "average"
    image_score: Literal["pooled", "map max"] = "pooled"
    sigma: float = SIGMA

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
        maps = torch.stack(
            [anomaly_map(grid, features.image_size, self.sigma) for grid in self._grids(features, pictures)]
        ).mean(0)  # (L, B, S, S) -> (B, S, S)
        scores = distances.mean(1) if self.image_score == "pooled" else maps.amax((1, 2))
        return Prediction(scores, maps)

    def pictures(self, features: Features) -> tuple[Tensor, Tensor]:
        """Return the K nearest normal pictures of each picture: distances and indices, (B, K)."""
        self.check_fitted()
        return nearest(features.pooled[-1], self.pooled_, min(self.k, len(self.pooled_)))

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W): the mean of the levels on the finest grid."""
        grids = self.grids(features)
        finest = max(((g.shape[1], g.shape[2]) for g in grids), key=prod)
        return align_nearest([grid[:, None] for grid in grids], finest).mean(1)  # (B, L, H, W) -> (B, H, W)

    def grids(self, features: Features) -> tuple[Tensor, ...]:
        """Return the distances before enlarging: (B, H_l, W_l) per level, or one (B, H, W) when levels are joined."""
        return tuple(self._grids(features, self.pictures(features)[1]))

    @torch.no_grad()
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Show the nearest gallery patches of the place, per level, and each level's share of the mean over levels."""
        pictures = self.pictures(features)[1][0].tolist()
        size = features.image_size
        neighbors, values = [], {}
        for search in self._searches(features, 0, pictures):
            row, column = cell_at(search.grid, size, y, x)
            query = search.queries[row * search.grid[1] + column][None]  # (1, C)
            patches = []
            for picture, bank in zip(pictures, search.banks, strict=True):
                found = nearest(query, bank, min(max(SHOWN, self.kappa), len(bank.rows)))
                patches += [(d, picture, place) for d, place in zip(*(f[0].tolist() for f in found), strict=True)]
            patches.sort()
            values[search.level] = sum(d for d, _, _ in patches[: self.kappa]) / self.kappa
            neighbors += [
                Neighbor(picture, cell_box(search.grid, size, *divmod(place, search.grid[1])), distance, search.level)
                for distance, picture, place in patches[:SHOWN]
            ]
        parts = [Contribution(level, None, v / len(values)) for level, v in values.items() if level is not None]
        finest = max(((s.shape[1], s.shape[2]) for s in self.gallery_), key=prod)
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
        return Estimate(values * FILLING / product_rate(), 4 * values, 4 * values)

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say that K was lowered."""
        if not self.fitted or self.k <= len(self.pooled_):
            return ()
        return (
            Sentence(
                "spade.k_clipped",
                "K was lowered from {asked} to {used}: there are no more normal pictures.",
                asked=self.k,
                used=len(self.pooled_),
            ),
        )

    def _grids(self, features: Features, pictures: Tensor) -> list[Tensor]:
        """Search each picture by itself, so that its map does not depend on the batch."""
        rows: list[list[Tensor]] = []
        for b, chosen in enumerate(pictures.tolist()):
            rows.append([])
            for search in self._searches(features, b, chosen):
                found = [nearest(search.queries, bank, self.kappa)[0] for bank in search.banks]  # K of (P, kappa)
                least = torch.cat(found, 1).sort(1).values[:, : self.kappa]  # (P, K kappa) -> (P, kappa)
                rows[-1].append(least.mean(1).reshape(search.grid))
        return [torch.stack(grids) for grids in zip(*rows, strict=True)]  # (B, H, W) per level

    def _searches(self, features: Features, b: int, pictures: list[int]) -> Iterator[_Search]:
        """Yield what picture b is searched for, and where: per level, or once among joined levels."""
        levels = list(zip(self.levels, self.gallery_, self.norms_, self.centres_, strict=True))
        if self.combine == "average":
            for level, stored, norms, centre in levels:
                banks = (Bank(stored[i].flatten(0, 1), norms[i].flatten(), centre) for i in pictures)
                grid = (stored.shape[1], stored.shape[2])
                yield _Search(level, grid, features.maps[level][b].flatten(1).T, banks)  # queries (P, C)
            return
        grid = max(((stored.shape[1], stored.shape[2]) for stored in self.gallery_), key=prod)
        query = _joined([features.maps[level][b] - centre[:, None, None] for level, _, _, centre in levels], grid)
        galleries = (_joined([stored[i].permute(2, 0, 1) for stored in self.gallery_], grid) for i in pictures)
        none = torch.zeros_like(query[0])
        yield _Search(None, grid, query, (Bank(rows, rows.square().sum(1), none) for rows in galleries))

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


@dataclass(frozen=True)
class _Search:
    level: int | None  # None when levels are joined
    grid: Size
    queries: Tensor  # (P, C)
    banks: Iterator[Bank]  # of (P, C), one per neighbouring picture, made when needed


def _joined(levels: list[Tensor], grid: Size) -> Tensor:
    """Bring levels (C_l, H_l, W_l) to one grid: (P, sum of C_l)."""
    return torch.cat([resample(level[None], grid)[0] for level in levels]).flatten(1).T
