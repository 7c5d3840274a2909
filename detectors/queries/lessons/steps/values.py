"""What the step-by-step lessons show: plain values and numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Normals:
    """How a method scores the places of held-out normal pictures (whole pictures, for MahalanobisAD).

    Attributes:
        counts, edges: a histogram, (n,) and (n + 1,).
        q99: 99 % lie below it.
        total: how many places.
    """

    counts: NDArray[np.int64]
    edges: Floats
    q99: float
    total: int

    @classmethod
    def of(cls, values: NDArray[Any], bins: int = 44) -> Normals | None:
        """Count (n,) values; None when there are none."""
        if not values.size:
            return None
        flat = np.asarray(values, dtype=np.float64).ravel()
        counts, edges = np.histogram(flat, bins)
        return cls(counts, edges, float(np.quantile(flat, 0.99)), flat.size)


@dataclass(frozen=True)
class Plane:
    """Points in two directions of a space with many.

    Attributes:
        points: (n, 2).
        share: of the points' variance that the two directions hold.
        dimensions: of the whole space.
    """

    points: Floats
    share: float
    dimensions: int


@dataclass(frozen=True)
class Match:
    """What a place was compared with.

    Attributes:
        picture: index into the pictures that were learnt, None where no single one owns it (a CFA centre).
        box: (top, left, bottom, right) in pixels.
        distance: Euclidean, or Mahalanobis for PaDiM.
        level: None when levels were joined.
    """

    picture: int | None
    box: Box
    distance: float
    level: int | None = None


@dataclass(frozen=True)
class Memory:
    """What a fitted detector keeps: the base of each method's own.

    Attributes:
        learnt: N, pictures.
        nbytes: of everything learnt.
        normals: None when nothing was held out.
    """

    learnt: int
    nbytes: int
    normals: Normals | None


@dataclass(frozen=True)
class Path:
    """The way from one picture to its score: the base of each method's own.

    Attributes:
        grid_size: (H, W) cells; (1, 1) for MahalanobisAD, which sees the picture as a whole.
        cell: (row, column) of the patch.
        box: its area in pixels.
        numbers: how many numbers describe the patch, per level.
        colours: (H', W', 3), the features' three main directions as colours: like colours mean like numbers.
        grid: (H, W), every place's score before enlarging.
        enlarged, map: (S, S), after enlarging, and after smoothing too; None where there is no map.
        value: of the patch; `grid[cell]`.
        score: of the picture.
        highest: (y, x), the pixel in the middle of the highest-scoring cell.
    """

    grid_size: tuple[int, int]
    cell: tuple[int, int]
    box: Box
    numbers: tuple[int, ...]
    colours: NDArray[np.uint8]
    grid: NDArray[np.float32]
    enlarged: NDArray[np.float32] | None
    map: NDArray[np.float32] | None
    value: float
    score: float
    highest: tuple[int, int]


@dataclass(frozen=True)
class SpadeMemory(Memory):
    """All features of all pictures.

    Attributes:
        plane: the normal pictures' pooled features, (N, 2).
        level_grids: (H, W) of each stored level.
        pooled: how many numbers describe a whole picture.
    """

    plane: Plane
    level_grids: tuple[tuple[int, int], ...]
    pooled: int


@dataclass(frozen=True)
class SpadePath(Path):
    """K pictures, then their patches.

    Attributes:
        pictures: the K most similar normal pictures, nearest first.
        picture_distances: (K,), the score is their mean.
        here: (2,), this picture in the memory's plane.
        matches: the nearest patches of each level, nearest first within a level, levels in order.
        levels: of the matches, in order; (None,) when they are joined.
        level_values: the distance per level; their mean is the value.
        level_grids: (H_l, W_l) per level.
    """

    pictures: tuple[int, ...]
    picture_distances: Floats
    here: Floats
    matches: tuple[Match, ...]
    levels: tuple[int | None, ...]
    level_values: Floats
    level_grids: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class MahalanobisMemory(Memory):
    """A Gaussian per level.

    Attributes:
        channels: C per level.
        rhos: the weight of shrinkage per level.
        distances: (N, L) of the learnt pictures themselves.
        held_out: (K, L), distances of the held-out pictures.
        planes: the learnt pictures in the two main directions of each level, in units of its standard deviation there.
        held_points: the held-out pictures there, (K, 2) per level.
    """

    channels: tuple[int, ...]
    rhos: tuple[float, ...]
    distances: Floats
    held_out: Floats
    planes: tuple[Plane, ...]
    held_points: tuple[Floats, ...]


@dataclass(frozen=True)
class MahalanobisPath(Path):
    """Distances of one picture.

    Attributes:
        distances: (L,), their sum is the score.
        here: (L, 2), the picture in each level's plane.
        terms: (L, 3), what each squared distance consists of: the two main directions, the others in which normal
            pictures vary, and those in which they do not.
    """

    distances: Floats
    here: Floats
    terms: Floats


@dataclass(frozen=True)
class PadimMemory(Memory):
    """A Gaussian per position.

    Attributes:
        spread: (H, W), how much normal pictures vary at each position: the root of the covariance's trace.
        drawn: how many channels were drawn from each level.
        available: how many each level has.
    """

    spread: NDArray[np.float32]
    drawn: tuple[int, ...]
    available: tuple[int, ...]


@dataclass(frozen=True)
class PadimPath(Path):
    """One position's Gaussian and the patch in it.

    Attributes:
        plane: the normal pictures at this position, in its two main directions; the mean is the origin.
        deviations: (2,), standard deviations of the Gaussian along these directions, epsilon included.
        here: (2,), the patch.
        delta: the length of the patch's difference from the mean.
        terms: (3,), what the squared distance consists of: the two main directions, the others in which normal pictures
            vary, and those in which they do not.
        along: (2,), the two main directions' own terms.
        directions: how many directions each of `terms` counts.
        level_shares: what each level adds to the distance.
        typical: the normal picture nearest to the mean.
        matches: the normal pictures that look most like the patch.
        normal_distances: (N,), the normal pictures' own distances from the mean.
    """

    plane: Plane
    deviations: Floats
    here: Floats
    delta: float
    terms: Floats
    along: Floats
    directions: tuple[int, int, int]
    level_shares: Floats
    typical: Match
    matches: tuple[Match, ...]
    normal_distances: Floats


@dataclass(frozen=True)
class PatchcoreMemory(Memory):
    """A bank of patches.

    Attributes:
        patches: how many there were.
        kept: how many the bank keeps.
        plane: the first kept patches in the order of picking, in the bank's two main directions.
        others: (n, 2), a sample of all patches there.
        picks: the first patches that were picked, in order; the distance is that to the picks before.
    """

    patches: int
    kept: int
    plane: Plane
    others: Floats
    picks: tuple[Match, ...]


@dataclass(frozen=True)
class Covering:
    """How well the first picks of a bank cover all patches.

    Attributes:
        radii: (k, farthest, mean) with k picks: distance of the farthest patch, and of all on average, to its nearest
            pick.
        measured: on how many patches, evenly chosen where all would take too long.
    """

    radii: tuple[tuple[int, float, float], ...]
    measured: int


@dataclass(frozen=True)
class PatchcorePath(Path):
    """The nearest bank patches.

    Attributes:
        squared: whether the values are squared distances.
        averaged: over how many neighbours a value is averaged.
        matches: bank patches, nearest first; plain distances.
        ranks: of the matches in the order of picking.
        around: (n, 2), bank patches by their distance from the patch, and by their main direction.
        around_near: (m, 2), the matches there.
        level_squares: what each level adds to the squared distance to the nearest; empty where levels are mixed.
        weight: the factor of the picture's score (1 without re-weighting).
    """

    squared: bool
    averaged: int
    matches: tuple[Match, ...]
    ranks: tuple[int, ...]
    around: Floats
    around_near: Floats
    level_squares: Floats
    weight: float


@dataclass(frozen=True)
class CfaMemory(Memory):
    """Centres, and how training moved the patches.

    Attributes:
        centres: how many.
        dimensions: of the trained space.
        inputs: numbers that the layer is given per patch, two coordinates included.
        plane: the centres in their two main directions.
        losses: the mean loss of each epoch.
        radius: of the spheres, after training.
        before, after: distances of held-out normal patches to their nearest centre, on common edges.
    """

    centres: int
    dimensions: int
    inputs: int
    plane: Plane
    losses: Floats
    radius: float
    before: Normals | None
    after: Normals | None


@dataclass(frozen=True)
class CfaPath(Path):
    """The nearest centres, before and after training.

    Attributes:
        matches: centres, nearest first; a box is the place that a centre is the mean of.
        weights: (K,), softmin.
        before: (K,), distances to the nearest centres before training.
        before_value: of the patch before training.
        before_colours: (H, W, 3), the layer's output before training.
        around: (M, 2), centres by their distance from the patch, and by their main direction.
        around_near: (K, 2), the matches there.
    """

    matches: tuple[Match, ...]
    weights: Floats
    before: Floats
    before_value: float
    before_colours: NDArray[np.uint8]
    around: Floats
    around_near: Floats
