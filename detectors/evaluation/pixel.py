"""How well maps find the pixels of defects: pixel AUROC, pixel average precision and AUPRO, exact with ties.

One idea carries all of them: sort the normal pixels once; then every defective pixel knows which share of the normal
pixels lies above it. The area under a curve is the sum over defective pixels of their weight times the part of the
false-positive axis to the right of them, so nothing is walked threshold by threshold and nothing drifts.
Intervals resample pictures, never pixels: counts per picture are kept at up to `2 * BINS` thresholds, and one draw is
a weighted sum of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import Sentence
from detectors.evaluation.aupimo import aupimo_of
from detectors.evaluation.intervals import Floats, percentiles, resampling_weights
from detectors.evaluation.pixel_scores import Mask, PixelScores, one_defective, pixel_scores, scores_of, with_interval
from detectors.result import Figure, ResultPicture

DRAWS = 500
BINS = 1000
# Where the axis of false-positive rates ends. 0.3 is usual for AUPRO, and far more than an inspection can afford.
LIMITS = {"pixel_auroc": 1.0, "pixel_average_precision": 1.0, "aupro": 0.3, "aupro_05": 0.05}
_OVERLAP = ("aupro", "aupro_05")


def pixel_auroc(
    masks: Sequence[Mask | None], maps: NDArray[Any] | None, draws: int = DRAWS, seed: int = 0, **which: Any
) -> Figure:
    """Return the AUROC over all pixels of all pictures, good pictures included; `which` goes to `pixel_scores`."""
    return _figure(pixel_scores(masks, maps, **which), "pixel_auroc", 1.0, draws, seed)


def pixel_average_precision(
    masks: Sequence[Mask | None], maps: NDArray[Any] | None, draws: int = DRAWS, seed: int = 0, **which: Any
) -> Figure:
    """Return the average precision over all pixels (scikit-learn's definition)."""
    return _figure(pixel_scores(masks, maps, **which), "pixel_average_precision", 1.0, draws, seed)


def aupro(
    masks: Sequence[Mask | None],
    maps: NDArray[Any] | None,
    limit: float = 0.3,
    draws: int = DRAWS,
    seed: int = 0,
    **which: Any,
) -> Figure:
    """Return the area under the per-region overlap curve up to a false-positive rate of `limit`, divided by it.

    The overlap is averaged over the regions of the whole test set; the curve is interpolated at exactly `limit`.
    """
    return _figure(pixel_scores(masks, maps, top=limit, **which), "aupro", limit, draws, seed)


def pixel_figures(
    pictures: Sequence[ResultPicture], maps: NDArray[Any] | None, draws: int = DRAWS, seed: int = 0
) -> dict[str, Figure]:
    """Return all figures over pixels by the names that `Column.figures` uses, sorting once."""
    scores = scores_of(pictures, maps)
    drawn = None if isinstance(scores, Sentence) or scores.defective < 2 else Draws.of(scores, draws, seed)
    found = {name: _figure(scores, name, LIMITS[name], draws, seed, drawn) for name in LIMITS}
    return found | {"aupimo": aupimo_of(scores, draws=draws, seed=seed)}


def paired_pixel_difference(
    pictures: Sequence[ResultPicture],
    a: NDArray[Any] | None,
    b: NDArray[Any] | None,
    name: str = "aupro",
    draws: int = DRAWS,
    seed: int = 0,
) -> Figure:
    """Return figure(a) - figure(b) of two methods' maps; in each draw both are seen on the same pictures."""
    one, other = scores_of(pictures, a), scores_of(pictures, b)
    if isinstance(one, Sentence):
        return Figure(None, reason=one)
    if isinstance(other, Sentence):
        return Figure(None, reason=other)
    limit = LIMITS[name]
    value = exact(one, name, limit) - exact(other, name, limit)
    if one.defective < 2:
        return Figure(value, reason=one_defective())
    values = Draws.of(one, draws, seed).values(name, limit) - Draws.of(other, draws, seed).values(name, limit)
    low, high = percentiles(values[1:] + (value - values[0]), value)
    return Figure(value, low, high, method="paired " + _method(draws))


def exact(scores: PixelScores, name: str, limit: float) -> float:
    """Return one of the figures of `LIMITS` for all pictures, exact in float64 with ties."""
    if name == "pixel_average_precision":
        return _precision_area(scores)
    weight = scores.weight if name in _OVERLAP else np.full(len(scores.defect), 1 / len(scores.defect))
    return _area(scores, weight, limit)


@dataclass(frozen=True)
class Draws:
    """Counts at or above a few thresholds (highest first) of the real pictures (row 0) and of every bootstrap draw.

    Attributes:
        false: (1 + draws, B) share of the normal pixels.
        overlap: (1 + draws, B) PRO.
        found: (1 + draws, B) number of defective pixels, and `alarms` of normal ones.
        at: (B,) the thresholds.
    """

    false: Floats
    overlap: Floats
    found: Floats
    alarms: Floats
    at: Floats

    @classmethod
    def of(cls, scores: PixelScores, draws: int, seed: int) -> Draws:
        """Weigh the pictures' counts; thresholds lie evenly among the normal pixels and among the regions' weights."""
        ranks = np.linspace(0, len(scores.normal) - 1, BINS).round().astype(np.int64)
        mass = np.cumsum(scores.weight)
        places = np.searchsorted(mass, np.linspace(0, mass[-1], BINS, endpoint=False))
        at = np.unique(np.concatenate([scores.normal[ranks], scores.defect[places], scores.defect[:1]]))[::-1]
        lowest = min(scores.defect[0], *(p[0][0] for p in scores.pictures if len(p[0])))
        at = np.append(at, lowest) if lowest < at[-1] else at  # the last step holds every pixel
        normal = np.stack([_at_or_above(normal, at) for normal, _, _ in scores.pictures])  # (P, B)
        found = np.stack([_at_or_above(defect, at) for _, defect, _ in scores.pictures])  # (P, B)
        overlap = np.stack([_weight_at_or_above(d, w, at) for _, d, w in scores.pictures])  # (P, B)
        weights = np.vstack([np.ones(len(scores.pictures)), resampling_weights(scores.stratum, draws, seed)])
        alarms, hits, pro = weights @ normal, weights @ found, weights @ overlap  # (1 + draws, B)
        return cls(alarms / np.maximum(alarms[:, -1:], 1e-300), pro / pro[:, -1:], hits, alarms, at.astype(np.float64))

    def values(self, name: str, limit: float) -> Floats:
        """Return (1 + draws,) values of a figure; the first is that of the pictures themselves, up to the binning."""
        if name == "pixel_average_precision":
            precision = self.found / np.maximum(self.found + self.alarms, 1e-300)
            return (np.diff(self.found, axis=1, prepend=0.0) * precision).sum(axis=1) / self.found[:, -1]
        height = self.overlap if name in _OVERLAP else self.found / self.found[:, -1:]
        x, y = (np.pad(v, ((0, 0), (1, 0))) for v in (self.false, height))  # from (0, 0)
        run = np.diff(x, axis=1)
        inside = np.clip(limit - x[:, :-1], 0.0, run)  # the part of each step left of the limit
        rise = np.diff(y, axis=1) * np.divide(inside, run, out=np.ones_like(run), where=run > 0)
        return (inside * (y[:, :-1] + rise / 2)).sum(axis=1) / limit


def _figure(
    scores: PixelScores | Sentence, name: str, limit: float, draws: int, seed: int, drawn: Draws | None = None
) -> Figure:
    if isinstance(scores, Sentence):
        return Figure(None, reason=scores)
    return with_interval(
        scores,
        exact(scores, name, limit),
        lambda: float((drawn or Draws.of(scores, draws, seed)).values(name, limit)[1:].std()),
        _method(draws),
    )


def _area(scores: PixelScores, weight: Floats, limit: float) -> float:
    count, n = len(scores.normal), scores.normals
    above = (count - np.searchsorted(scores.normal, scores.defect, "right")) / n  # share of normals > s
    reached = (count - np.searchsorted(scores.normal, scores.defect, "left")) / n  # share of normals >= s
    tied = reached - above
    whole = limit - reached + tied / 2  # a tie rises on a slope
    cut = np.divide((limit - above) ** 2, 2 * tied, out=np.zeros_like(tied), where=tied > 0)
    part = np.where(reached <= limit, whole, np.where(above < limit, cut, 0.0))
    return float(weight @ part / limit)


def _precision_area(scores: PixelScores) -> float:
    first = np.flatnonzero(np.append(True, np.diff(scores.defect) != 0))  # start of each run of equal scores
    found = len(scores.defect) - first
    false = len(scores.normal) - np.searchsorted(scores.normal, scores.defect[first], "left")
    steps = np.diff(np.append(first, len(scores.defect)))
    return float((steps * (found / (found + false))).sum() / len(scores.defect))


def _at_or_above(ascending: NDArray[Any], at: NDArray[Any]) -> Floats:
    return (len(ascending) - np.searchsorted(ascending, at, "left")).astype(np.float64)


def _weight_at_or_above(ascending: NDArray[Any], weight: Floats, at: NDArray[Any]) -> Floats:
    total = np.append(np.cumsum(weight[::-1])[::-1], 0.0)  # (d + 1,) weight from each place upwards
    return total[np.searchsorted(ascending, at, "left")]


def _method(draws: int) -> str:
    return f"bootstrap over pictures, {draws} draws, scores in {2 * BINS} steps"
