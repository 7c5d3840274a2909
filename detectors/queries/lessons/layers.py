"""Why several layers: one method fitted to each level alone and to several together, and what each set is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.result import Figure, ResultPicture

if TYPE_CHECKING:
    from detectors.comparison.comparison import Comparison, Pictures, Stores
    from detectors.datasets import Dataset
    from detectors.methods.base import Detector

METHODS = ("padim", "patchcore")
BANK = 1000  # patches that PatchCore keeps here, so that switching a level answers within a second or two
DRAWS = 300


@dataclass(frozen=True)
class Grid:
    """One level of a backbone: how many places it has, how far apart they lie, how many numbers describe one."""

    height: int
    width: int
    stride: int
    channels: int


@dataclass(frozen=True)
class LevelsWorth:
    """What a set of levels is worth.

    Attributes:
        levels: indices, 0 is the finest.
        image, overlap: image AUROC and AUPRO.
        maps: (R, S, S) float16 on the common scale, of the pictures that were asked for; None where nothing was held
            out that could set the scale.
        overlaps: (R,) intersection over union of the coloured area and the true outline; NaN without either.
        peaks: (R,) the highest value of each map; NaN without a scale.
        decides, draws: image AUROC and AUPRO less those of the deepest level alone, on the same pictures; None for that
            level itself.
    """

    levels: tuple[int, ...]
    image: Figure
    overlap: Figure
    maps: NDArray[np.float16] | None
    overlaps: NDArray[np.float64]
    peaks: NDArray[np.float64]
    decides: Figure | None = None
    draws: Figure | None = None


@dataclass(frozen=True)
class Network:
    """What the levels of another backbone are worth.

    Attributes:
        sets: of each level alone, from the finest on, then of all together; the last two have maps of one picture.
        shown: that picture.
    """

    sets: list[LevelsWorth]
    shown: ResultPicture


def grids(detector: Detector, stores: Stores, pictures: Pictures) -> tuple[Grid, ...]:
    """Return the levels of the run's backbone."""
    shape = stores.learnt.shape
    return tuple(Grid(h, w, round(shape.image_size[0] / h), c) for c, h, w in shape.maps)


def evaluate(
    detector: Detector, stores: Stores, pictures: Pictures, method: str, levels: tuple[int, ...], shown: tuple[int, ...]
) -> LevelsWorth:
    """Fit `method` to a set of levels on the run's features; a set of several is held against the deepest level."""
    column = _column(stores, pictures, method, levels)
    maps, overlaps, peaks = None, np.full(len(shown), np.nan), np.full(len(shown), np.nan)
    if column.scale is not None:
        maps = column.scale(column.maps[list(shown)]).astype(np.float16)
        masks = [pictures.test[i].mask for i in shown]
        overlaps = np.array([_overlap(m, mask) for m, mask in zip(maps, masks, strict=True)])
        peaks = maps.max(axis=(1, 2)).astype(np.float64)
    decides = draws = None
    last = (len(stores.learnt.shape.maps) - 1,)
    if len(levels) > 1:
        alone = _column(stores, pictures, method, last)
        decides = evaluation.paired_auroc_difference(pictures.labels, column.scores, alone.scores)
        draws = evaluation.paired_pixel_difference(pictures.test, column.maps, alone.maps, draws=DRAWS)
    return LevelsWorth(
        levels,
        column.figures["image_auroc"],
        column.figures["aupro"],
        maps,
        overlaps,
        peaks,
        decides,
        draws,
    )


def with_weights(
    data: Dataset, comparison: Comparison, backbone: str, weights: str, method: str, shown: int
) -> Network:
    """Evaluate each level of another backbone alone and all together, with weights for `load_backbone`.

    Raises:
        WeightsRefused: when trained weights are not to be had.
    """
    from detectors.comparison.comparison import extract
    from detectors.features.backbone import load_backbone

    pictures = comparison.prepare(data)
    stores = extract(pictures, load_backbone(backbone, weights, comparison.seed, comparison.device))
    levels = range(len(stores.learnt.shape.maps))
    sets = [*((level,) for level in levels), tuple(levels)]
    detector: Any = None
    return Network(
        [evaluate(detector, stores, pictures, method, own, (shown,) if own in sets[-2:] else ()) for own in sets],
        pictures.test[shown],
    )


def _column(stores: Stores, pictures: Pictures, method: str, levels: tuple[int, ...]) -> Any:
    from detectors.comparison.comparison import fit_and_score
    from detectors.methods import build

    settings: dict[str, Any] = {"levels": levels}
    if method == "patchcore":
        # Several levels meet on the second finest grid, as in PatchCore's paper; one level keeps its own.
        settings |= {"limit": BANK, "grid": 1 if 0 in levels and len(levels) > 1 else None}
    column, _ = fit_and_score(build(method, backbone=stores.backbone, **settings), stores, pictures)
    return column


def _overlap(scaled: NDArray[Any], mask: NDArray[np.bool_] | None) -> float:
    if mask is None or not mask.any() or mask.all():
        return float("nan")
    coloured = scaled >= 1
    return float((coloured & mask).sum() / (coloured | mask).sum())
