"""AUPIMO: how much of each defect is found where hardly a pixel of a good picture raises a false alarm.

Each defective picture has its own curve: the share of its mask at or above a threshold (recall), over the share of
pixels of *good* pictures at or above it (false-positive rate; the pictures are equally large, so it is the mean of
their rates as well). The area is taken over the logarithm of that rate, from 1e-5 to 1e-4, and divided by log(10).
False alarms within defective pictures do not count: a map that paints such a picture all over has found its defect.
J. Bertoldo et al.: AUPIMO: Redefining Visual Anomaly Detection Benchmarks with High Speed and Low Tolerance, BMVC 2024.

As in `pixel`, no threshold is walked: a defective pixel with k of n good pixels above it adds the part of the axis to
the right of k / n. The authors step through 300 000 thresholds instead and join their points by lines; the two agree to
within those steps. Where good and defective pixels tie the recall rises in proportion to the rate, as in AUROC, so a
map that is the same everywhere gets what guessing gets, 4e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import Sentence
from detectors.evaluation.intervals import Floats, percentiles, resampling_weights
from detectors.evaluation.pixel_scores import PixelScores, one_defective, with_interval
from detectors.result import Figure, ResultPicture

BOUNDS = (1e-5, 1e-4)  # of the false-positive rate on good pictures
DRAWS = 500
BINS = 1000


def aupimo_of(
    scores: PixelScores | Sentence, bounds: tuple[float, float] = BOUNDS, draws: int = DRAWS, seed: int = 0
) -> Figure:
    """Return the mean over defective pictures, with the value of each picture in `Figure.each`.

    Absent where the good pictures have fewer than 1 / bounds[0] pixels: one pixel is then more than the lower bound.
    The interval resamples pictures, good and defective ones.
    """
    if isinstance(scores, Sentence):
        return Figure(None, reason=scores)
    values = each_aupimo(scores, bounds)
    if isinstance(values, Sentence):
        return Figure(None, reason=values)
    shown: list[float | None] = [None] * scores.given
    for row, value in zip(scores.rows, values, strict=True):
        shown[row] = None if np.isnan(value) else float(value)
    figure = with_interval(
        scores,
        float(np.nanmean(values)),
        lambda: float(drawn_means(scores, bounds, draws, seed)[1:].std()),
        _method(draws),
    )
    return replace(figure, each=tuple(shown))


def each_aupimo(scores: PixelScores, bounds: tuple[float, float] = BOUNDS) -> Floats | Sentence:
    """Return (P,) the AUPIMO of each picture of `scores`, in [0, 1], NaN for good ones; or why there is none."""
    low, high = bounds
    good, n = _good(scores)
    needed = ceil(1 / low - 1e-6)
    if n < needed:
        return Sentence(
            "metrics.few_good_pixels",
            "The good test pictures have {found:,} pixels; a false-positive rate of 1 in {needed:,} takes {needed:,}.",
            found=n,
            needed=needed,
        )
    highest = _highest(good, ceil(high * n) + 1)
    return np.array([_area(highest, defect, n, bounds) if len(defect) else np.nan for _, defect, _ in scores.pictures])


def paired_aupimo_difference(one: PixelScores, other: PixelScores, draws: int = DRAWS, seed: int = 0) -> Figure:
    """Return mean AUPIMO(one) - AUPIMO(other) of two methods on the same pictures, which are drawn together."""
    a, b = each_aupimo(one), each_aupimo(other)
    if isinstance(a, Sentence):
        return Figure(None, reason=a)
    if isinstance(b, Sentence):
        return Figure(None, reason=b)
    value = float(np.nanmean(a - b))
    if one.defective < 2:
        return Figure(value, reason=one_defective())
    values = drawn_means(one, BOUNDS, draws, seed) - drawn_means(other, BOUNDS, draws, seed)
    low, high = percentiles(values[1:] + (value - values[0]), value)
    return Figure(value, low, high, method=f"paired {_method(draws)}")


def drawn_means(scores: PixelScores, bounds: tuple[float, float], draws: int, seed: int) -> Floats:
    """Return (1 + draws,) mean AUPIMOs; the first is that of the pictures themselves, up to the binning.

    Counts are kept at and above up to `BINS` thresholds, which lie among the highest pixels of every good picture, so
    that any draw of pictures reaches the upper bound.
    """
    good, n = _good(scores)
    ranks = _log_spaced(ceil(bounds[1] * n) + 1)
    tops = np.sort(np.concatenate([p[-np.minimum(ranks, len(p))] for p in good]))[::-1]
    at = np.unique(tops[np.append(_log_spaced(len(tops)) - 1, len(tops) - 1)])[::-1]  # (B,) highest first
    defective = [p[1] for p in scores.pictures if len(p[1])]
    alarms = np.stack([_above_and_at(p, at) for p in good])  # (good, 2 B)
    recall = np.stack([_above_and_at(p, at) / len(p) for p in defective])  # (defective, 2 B)
    is_good = np.array([not len(p[1]) for p in scores.pictures])
    weights = np.vstack([np.ones(len(is_good)), resampling_weights(scores.stratum, draws, seed)])
    sizes = np.array([len(p) for p in good])
    x = weights[:, is_good] @ alarms / (weights[:, is_good] @ sizes)[:, None]  # (1 + draws, 2 B)
    y = weights[:, ~is_good] @ recall / weights[:, ~is_good].sum(axis=1, keepdims=True)
    rise, run = np.diff(y, axis=1), np.diff(x, axis=1)
    width, slope = _parts(x[:, :-1], run, bounds)
    return (y[:, :-1] * width + rise * slope).sum(axis=1) / log(bounds[1] / bounds[0])


def alarm_level(pictures: Sequence[ResultPicture], maps: NDArray[Any], rate: float) -> float:
    """Return the value of raw maps above which less than a share `rate` of the pixels of good test pictures lies.

    What AUPIMO up to that rate counts as found lies above it, but for ties. Where no picture is good it is the lowest
    value of all.
    """
    values = maps[[p.defective is False for p in pictures]].reshape(-1)
    if not len(values):
        return float(maps.min())
    place = len(values) - max(ceil(rate * len(values)), 1)
    return float(np.partition(values, place)[place])


def _area(highest: NDArray[Any], defect: NDArray[Any], n: int, bounds: tuple[float, float]) -> float:
    """Return the AUPIMO of one picture's defective pixels against the highest of `n` good ones."""
    above = (len(highest) - np.searchsorted(highest, defect, "right")) / n  # share of good pixels > s
    tied = (len(highest) - np.searchsorted(highest, defect, "left")) / n - above
    _, slope = _parts(above, tied, bounds)
    past = np.log(bounds[1] / np.clip(above + tied, *bounds))  # the axis to the right of the step
    return float((slope + past).mean() / log(bounds[1] / bounds[0]))


def _parts(x: Floats, run: Floats, bounds: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return what lies between the bounds of steps from `x` to `x + run`: the integrals of 1 and of a rise from 0 to 1.

    The rise is even in x while the integral is over log x; a step of no width has neither.
    """
    left, right = np.clip(x, *bounds), np.clip(x + run, *bounds)
    width = np.log(right / left)
    slope = np.divide(right - left - x * width, run, out=np.zeros_like(width), where=run > 0)
    return width, slope


def _good(scores: PixelScores) -> tuple[list[NDArray[Any]], int]:
    good = [normal for normal, defect, _ in scores.pictures if not len(defect)]
    return good, sum(len(p) for p in good)


def _highest(good: list[NDArray[Any]], count: int) -> NDArray[Any]:
    """Return the `count` highest pixels of all good pictures and what ties with the last of them, ascending."""
    tops = np.concatenate([p[-count:] for p in good])
    cut = np.partition(tops, len(tops) - count)[len(tops) - count] if len(tops) > count else tops.min()
    return np.sort(np.concatenate([p[np.searchsorted(p, cut) :] for p in good]))


def _log_spaced(count: int) -> NDArray[np.int64]:
    """Return up to `BINS` different whole numbers from 1 to `count`, close together where they are small."""
    return np.unique(np.geomspace(1, count, BINS).round().astype(np.int64))


def _above_and_at(ascending: NDArray[Any], at: NDArray[Any]) -> Floats:
    """Return (2 B,) how many values lie above each of (B,) thresholds and how many at or above it, in turn."""
    places = [np.searchsorted(ascending, at, side) for side in ("right", "left")]
    return (len(ascending) - np.stack(places, axis=1)).reshape(-1).astype(np.float64)


def _method(draws: int) -> str:
    return f"bootstrap over pictures, {draws} draws, scores in {2 * BINS} steps"
