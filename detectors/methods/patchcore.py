"""PatchCore: all patches of all normal pictures form one bank, thinned by a coreset; a patch far from it is anomalous.

A patch is described by mid-level features averaged over its neighbourhood and may be compared with any place, so that
nothing needs to be aligned. A picture scores as its highest-scoring patch.

Roth et al., "Towards total recall in industrial anomaly detection", CVPR 2022, arXiv 2106.08265.

The official code is followed where it differs from the paper: squared distances, no re-weighting, a coreset whose
first steps are capped by the mean distance to ten random patches; the paper's variants are options. The embedding is
the paper's; the official one, which pools 3 x 3 x C values to 1024 in one dimension, is an option. The coreset is exact
(`coreset.greedy_coreset`) and needs projected patches only: the chosen ones are read in a second pass.

For vision transformers, Damm et al., "AnomalyDINO", WACV 2025, arXiv 2405.14529, bring patches to unit length and score
a picture by the mean of its highest 1 %: `unit_length` and `top=0.01`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import normalize

from detectors.errors import Sentence
from detectors.methods.base import Detector
from detectors.methods.coreset import Start, fingerprints, first_of_each, greedy_coreset, project
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, boxes_of, inside, silent
from detectors.methods.maps import SIGMA, cell_at, cell_box, held, neighbourhood_mean, picture_map, resample
from detectors.methods.neighbors import Bank, farthest, nearest
from detectors.methods.official_embedding import official_embedding
from detectors.methods.outputs import Estimate, Evidence, Neighbor, Prediction, Trace
from detectors.methods.speed import seconds
from detectors.methods.tracing import being_traced

LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SHOWN = 5  # bank patches that an explanation shows
TOGETHER = 8  # pictures described at once
EMBEDDING = 600  # multiply-adds for which a number of a patch can be computed, as measured
COVERING = 0.6  # the coreset takes as long as so many products of all patches with all picks, as measured,
PICKING = 14_000  # so many of each pick with others
PREPARING = 2_300  # and so many of each patch with others


@dataclass
class PatchCore(Detector):
    """A coreset of normal patches."""

    levels: tuple[int, ...] = (1, 2)  # indices of the feature levels that describe a patch
    grid: int | None = None  # the level on whose grid patches lie; None for the finest of `levels`
    # "paper" joins the 3 x 3 means of the levels; "official" pools all nine values of all channels in one dimension
    embedding: Literal["paper", "official"] = "paper"
    unit_length: bool = False  # whether a patch's numbers are divided by their length, so that directions are compared
    pretrain_dimensions: int = 1024  # numbers per level of the official embedding
    target_dimensions: int = 1024  # and in all
    ratio: float = 0.1  # share of the patches that the bank keeps; 1 keeps all
    limit: int | None = None  # most patches that the bank keeps, as what a picture costs grows with them; None for all
    projection: int | None = 128  # directions in which the coreset measures distances; None for all
    start: Start = "official"  # of the coreset, or "textbook" (`coreset.greedy_coreset`)
    neighbors: int = 1  # bank patches whose distances are averaged
    squared: bool = True  # whether distances are squared (official) or not (paper)
    reweight: int = 0  # the paper's b: by how many neighbours of its nearest bank patch a score is weighed; 0 for none
    top: float = 0.0  # share of a picture's patches, the highest, whose mean is its score; 0 for the highest alone
    sigma: float = SIGMA  # of the smoothing, in pixels
    seed: int = 0  # of the projection and the coreset's start

    name: ClassVar[str] = "patchcore"
    # quick changes nothing for up to 52 pictures of 28 x 28 patches; beyond, it keeps a picture's cost from growing.
    # On EfficientNet-Lite the finest level joins on the same grid: over the built-in products of
    # `python -m tests.benchmarks.presets` mean AUPRO rises from 0.906 to 0.918, image AUROC stays (0.952, 0.950).
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "quick": {"limit": 4096},
        **{f"quick {name}": {"limit": 4096, "levels": (0, 1, 2), "grid": 1} for name in LITE},
        "paper": {"ratio": 0.25, "squared": False, "reweight": 9},
    }

    @torch.no_grad()
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Describe all patches, pick those that cover the others, and keep these and where they came from."""
        self.forget()
        height, width = grid = self.grid_of(features.shape, self.levels, self.grid)
        total = len(features) * height * width
        boxes, size = boxes_of(features), features.shape.image_size
        within = None if boxes is None else inside(boxes, size, grid).flatten().nonzero()[:, 0]
        picks = self._pick(features, total, within, progress)
        rows = torch.empty(len(picks), self._width(features.shape), device=features.device)
        sought = picks.cpu()  # the host knows which are in a batch, so that it need not wait for each
        for done, _, patches in self._patches(features):  # (b P, D)
            mine = ((sought >= done) & (sought < done + len(patches))).nonzero()[:, 0]
            rows[mine.to(rows.device)] = patches[(sought[mine] - done).to(rows.device)]
            done += len(patches)
            progress(0.9 + 0.1 * done / total, "bank", patches=done)
        bank = Bank.of(rows, overwrite=True)
        places = picks % (height * width)
        self.bank_ = bank.rows  # (M, D), less its centre; in the order of picking, so that its start is a coreset too
        self.norms_ = bank.norms  # (M,)
        self.centre_ = bank.centre  # (D,)
        self.origins_ = torch.stack([picks // (height * width), places // width, places % width], 1).int()  # (M, 3)
        self.grid_, self.patches_ = grid, total if within is None else len(within)
        return self

    def _pick(self, features: FeatureSource, total: int, within: Tensor | None, progress: Progress) -> Tensor:
        """Return the coreset's indices among all patches, or among those `within` the pictures, from projected ones."""
        wanted = self._wanted(total if within is None else len(within))
        if wanted == total:
            return torch.arange(total, device=features.device)
        together = torch.empty(total, dtype=torch.int64, device=features.device)
        projected = torch.empty(0)  # in place, as two of it are much memory
        for done, _, patches in self._patches(features):
            own = project(patches, self.projection, self.seed)  # (b P, d)
            projected = projected if done else own.new_empty(total, own.shape[1])
            part = slice(done, done + len(patches))
            together[part], projected[part] = fingerprints(patches), own
            progress(0.1 * part.stop / total, "patches", patches=part.stop)
        different = first_of_each(together) if within is None else within[first_of_each(together[within])]
        if len(different) < total:  # equal patches could differ in the last bit once projected
            projected = projected[different]

        def choosing(done: float, stage: str = "", **numbers: float) -> None:
            progress(0.1 + 0.8 * done, stage, **numbers)

        return different[greedy_coreset(projected, wanted, self.seed, None, self.start, choosing, overwrite=True)]

    def embed(self, features: Features) -> Tensor:
        """Describe the patches: (B, D, H, W)."""
        grid = self.grid_of(features.shape, self.levels, self.grid)
        maps = [features.maps[level] for level in self.levels]
        if self.embedding == "official":
            patches = official_embedding(maps, grid, self.pretrain_dimensions, self.target_dimensions)
        else:
            patches = torch.cat([resample(neighbourhood_mean(level), grid) for level in maps], 1)
        return normalize(patches, dim=1) if self.unit_length else patches

    @torch.no_grad()
    def predict(self, features: Features) -> Prediction:
        """Compare every patch with the bank; the highest-scoring patch of the grid is the score."""
        self.check_fitted()
        grids, scores = zip(*self._scored(features), strict=True)
        return Prediction(torch.cat(scores), picture_map(torch.cat(grids), features, self.sigma))

    @torch.no_grad()
    def scores(self, features: Features) -> Tensor:
        """Score each picture without its map: of most patches it is enough to know that they are not the strangest."""
        self.check_fitted()
        if features.boxes is None and self.neighbors == 1 and not self.reweight and not self.top:
            size, parts = prod(self.grid_), [patches for _, _, patches in self._patches([features])]
            return self._unit(torch.cat([farthest(part.unflatten(0, (-1, size)), self._bank()) for part in parts]))
        return torch.cat([scores for _, scores in self._scored(features)])

    def trace(self, features: FeatureSource, picture: int) -> Trace:
        """Return the picture's share of the bank; the grid is 1 where a patch of it was kept."""
        self.check_fitted()
        own = self.origins_[self.origins_[:, 0] == picture]
        grid = torch.zeros(self.grid_, device=self.bank_.device)
        grid[own[:, 1].long(), own[:, 2].long()] = 1
        return Trace(len(own) / len(self.bank_), 1 / len(features), grid)

    @torch.no_grad()
    def distances(self, features: Features) -> Tensor:
        """Return the map before enlarging, (B, H, W)."""
        self.check_fitted()
        return torch.cat([grid for grid, _ in self._scored(features)])

    def _scored(self, features: Features) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the map (b, H, W) and the score (b,) of a few pictures after the other."""
        for _, few, patches in self._patches([features]):
            yield self._score(patches, few.inside(self.grid_))

    def _score(self, patches: Tensor, within: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the map (b, H, W) and the score (b,) of the pictures that (b P, D) patches make up."""
        distances, indices = nearest(patches, self._bank(), self._neighbors())
        grid = self._unit(distances).mean(1).reshape(-1, *self.grid_)
        flat = grid.flatten(1)  # (b, P)
        if within is not None:
            flat = flat.masked_fill(~within.flatten(1), -torch.inf)
            grid = held(grid, within)
        scores, places = flat.max(1)  # (b,)
        if self.top:
            scores = self._mean_of_top(flat, within)
        if self.reweight:
            worst = places + torch.arange(grid.shape[0], device=grid.device) * grid[0].numel()
            scores = scores * self._weights(patches[worst], distances[worst, 0], indices[worst, 0])
        return grid, scores

    def _mean_of_top(self, flat: Tensor, within: Tensor | None) -> Tensor:
        """Return the mean of the highest share of each picture's patches (b, P), of those `within` it."""
        if within is None:
            return flat.topk(max(1, int(self.top * flat.shape[1]))).values.mean(1)
        counts = within.flatten(1).sum(1).tolist()
        rows = zip(flat, counts, strict=True)
        return torch.stack([row.topk(max(1, int(self.top * count))).values.mean() for row, count in rows])

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

    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return the cost of two passes and the coreset; the bank is smaller only where patches repeat."""
        total, width = shape.pictures * prod(self.grid_of(shape, self.levels, self.grid)), self._width(shape)
        wanted = self._wanted(total)
        model = 4 * (wanted * (width + 4) + width)
        if wanted == total:
            return Estimate(seconds(total * width * EMBEDDING), model + 32 * total, model)
        directions = min(width, self.projection or width)
        covering = COVERING * total * wanted + PICKING * wanted + PREPARING * total
        work = total * width * (2 * EMBEDDING + directions) + covering * directions
        picking = 8 * total * directions + 48 * total  # the projected patches, centred once more, and their keys
        return Estimate(seconds(work), max(picking, model + 4 * total * directions), model)

    @property
    def depth(self) -> int:
        """The levels up to the deepest that is read."""
        return self.deepest((*self.levels, self.grid))

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """Say where the bank or the numbers of neighbours came out smaller than asked."""
        if not self.fitted:
            return ()
        size, asked, found = len(self.bank_), self._wanted(self.patches_), []
        if self.limit is not None and size == self.limit < max(1, int(self.ratio * self.patches_)):
            found.append(Sentence(
                "patchcore.limited", "The bank was limited to {size} patches, {share:.1%} of all.",
                size=size, share=size / self.patches_,
            ))  # fmt: skip
        if size < asked:
            found.append(Sentence(
                "patchcore.repeated", "The bank holds {size} patches instead of {asked}: no more of them differ.",
                size=size, asked=asked,
            ))  # fmt: skip
        if size < max(self.neighbors, self.reweight):
            found.append(Sentence(
                "patchcore.neighbors_clipped",
                "The bank holds {size} patches, so that {asked} neighbours were lowered to that many.",
                size=size, asked=max(self.neighbors, self.reweight),
            ))  # fmt: skip
        return tuple(found)

    def _patches(self, batches: Iterable[Features]) -> Iterator[tuple[int, Features, Tensor]]:
        """Yield how many patches came before, a few pictures, and theirs, (b P, D): of many it takes far longer."""
        done = 0
        for batch in batches:
            for few in [batch] if being_traced() else (batch[i : i + TOGETHER] for i in range(0, len(batch), TOGETHER)):
                patches = self.embed(few).permute(0, 2, 3, 1).flatten(0, 2)  # (b, D, H, W) -> (b P, D)
                yield done, few, patches
                done += patches.shape[0]

    def _bank(self) -> Bank:
        return Bank(self.bank_, self.norms_, self.centre_)

    def _neighbors(self) -> int:
        return min(self.neighbors, len(self.bank_))

    def _unit(self, distances: Tensor) -> Tensor:
        return distances.square() if self.squared else distances

    def _wanted(self, total: int) -> int:
        wanted = max(1, int(self.ratio * total))  # rounded down, as in the official code
        return wanted if self.limit is None else min(wanted, self.limit)

    def _width(self, shape: FeatureShape) -> int:
        if self.embedding == "official":
            return self.target_dimensions
        return sum(shape.maps[level][0] for level in self.levels)
