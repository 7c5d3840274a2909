"""Curves and histograms to look at: ROC, precision-recall and PRO with 95 % bands, in few points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.errors import Sentence
from detectors.evaluation.intervals import Floats, Z
from detectors.evaluation.pixel import DRAWS, Draws
from detectors.evaluation.pixel_scores import scores_of
from detectors.result import ResultPicture

POINTS = 200


@dataclass(frozen=True)
class Curve:
    """A curve in [0, 1] x [0, 1], ready to draw with straight lines, or the reason why there is none.

    Attributes:
        x, y: the corners of the curve.
        at: the score at or above which a picture (or pixel) counts at each corner; infinity at the start.
        band_x, low, high: a pointwise 95 % band; empty where there is none.
        method: how the band was made.
        reason: why the curve, or its band, is absent.
    """

    x: Floats
    y: Floats
    at: Floats
    band_x: Floats
    low: Floats
    high: Floats
    method: str | None = None
    reason: Sentence | None = None

    @classmethod
    def absent(cls, reason: Sentence) -> Curve:
        """Return a curve without points."""
        empty: Floats = np.empty(0)
        return cls(empty, empty, empty, empty, empty, empty, reason=reason)


@dataclass(frozen=True)
class OperatingPoints:
    """What thresholds do to labelled pictures, from the one that flags none to the one that flags all.

    Attributes:
        thresholds: raw scores, (N,), falling; between neighbouring scores, so that no labelled one is at any.
        false_alarms, found: shares of the good and of the defective pictures that lie strictly above, (N,).
        precision: share of defective pictures among those, (N,); NaN where there are none.
    """

    thresholds: Floats
    false_alarms: Floats
    found: Floats
    precision: Floats


def operating_points(labels: ArrayLike, scores: ArrayLike, most: int = POINTS) -> OperatingPoints | Sentence:
    """Return the thresholds that tell test pictures apart, at most `most`; or why there are none."""
    counted = _counted(labels, scores)
    if isinstance(counted, Sentence):
        return counted
    found, false, at, defective, good = counted
    lower = np.append(at[2:], at[-1] - 0.01 * (at[1] - at[-1]))  # of each score the next lower one
    between = (at[1:] + lower) / 2
    below = np.append(at[1], np.where(between < at[1:], between, np.nextafter(at[1:], -np.inf)))
    precision = found / np.where(found + false > 0, found + false, np.nan)
    keep = np.unique(np.linspace(0, len(at) - 1, min(most, len(at))).round().astype(int))
    return OperatingPoints(below[keep], (false / good)[keep], (found / defective)[keep], precision[keep])


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> Curve:
    """Return false-alarm rate against rate found: every step, from (0, 0) to (1, 1).

    The band is the envelope of Wilson's intervals of both rates at each threshold; it does not vanish at AUROC 1.
    """
    counted = _counted(labels, scores)
    if isinstance(counted, Sentence):
        return Curve.absent(counted)
    found, false, at, defective, good = counted
    x, y = false / good, found / defective
    grid = np.linspace(0, 1, 101)
    x_low, x_high = _wilson(false, good)
    y_low, y_high = _wilson(found, defective)
    low = _highest_left_of(grid, x_high, y_low)  # worst case: more false alarms, fewer found
    high = _highest_left_of(grid, x_low, y_high)
    low[-1] = high[-1] = 1.0  # flagging everything finds everything
    keep = _corners(x, y)
    return Curve(x[keep], y[keep], at[keep], grid, low, high, "Wilson at each threshold")


def precision_recall_curve(labels: ArrayLike, scores: ArrayLike) -> Curve:
    """Return recall against precision as steps, so that the area under it is the average precision.

    The band is Wilson's interval of the precision at each threshold.
    """
    counted = _counted(labels, scores)
    if isinstance(counted, Sentence):
        return Curve.absent(counted)
    found, false, at = (v[1:] for v in counted[:3])
    recall, precision = found / counted[3], found / (found + false)
    low, high = _wilson(found, found + false)
    grown = np.flatnonzero(np.diff(recall, prepend=0.0) > 0)  # thresholds that add a defective picture
    x = np.repeat(np.append(0.0, recall[grown]), 2)[1:-1]  # each step: from the last recall to its own
    y, score = np.repeat(precision[grown], 2), np.repeat(at[grown], 2)
    keep = _corners(x, y)
    grid = np.linspace(0, 1, 101)
    step = grown[np.searchsorted(recall[grown], grid - 1e-12)]
    return Curve(x[keep], y[keep], score[keep], grid, low[step], high[step], "Wilson at each threshold")


def pro_curve(
    pictures: Sequence[ResultPicture],
    maps: NDArray[Any] | None,
    limit: float = 0.3,
    points: int = POINTS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Curve:
    """Return the share of normal pixels flagged against the per-region overlap, up to `limit`.

    At most about `points` points of the exact curve are kept; the band resamples pictures.
    """
    scores = scores_of(pictures, maps)
    if isinstance(scores, Sentence):
        return Curve.absent(scores)
    few = scores.defective < 2
    drawn = Draws.of(scores, 0 if few else draws, seed)
    x, y, at = (np.insert(v, 0, first) for v, first in ((drawn.false[0], 0), (drawn.overlap[0], 0), (drawn.at, np.inf)))
    inside = x < limit
    x, y, at = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y)), np.append(at[inside], np.nan)
    keep = _corners(x, y, points)
    if few:
        empty, reason = np.empty(0), Sentence("curves.no_band", "One defective picture with a mask gives no band.")
        return Curve(x[keep], y[keep], at[keep], empty, empty, empty, reason=reason)
    grid = np.linspace(0, limit, 61)
    rows = [_at(grid, f, o) for f, o in zip(drawn.false[1:], drawn.overlap[1:], strict=True)]
    low, high = np.quantile(rows, [0.025, 0.975], axis=0)
    measured = _at(grid, drawn.false[0], drawn.overlap[0])
    low, high = np.minimum(low, measured), np.maximum(high, measured)
    return Curve(x[keep], y[keep], at[keep], grid, low, high, f"bootstrap over pictures, {draws} draws")


def histogram(
    groups: Mapping[str, ArrayLike], least: int = 1, most: int = 40
) -> tuple[Floats, dict[str, NDArray[np.int64]]]:
    """Count groups of scores in shared bins; returns the edges (B + 1,) and each group's counts (B,).

    The width follows Freedman and Diaconis over all groups together, within `least` and `most` bins.
    """
    values = {name: np.asarray(group, dtype=np.float64).ravel() for name, group in groups.items()}
    together = np.concatenate([*values.values(), np.empty(0)])
    together = together[np.isfinite(together)]
    if not len(together):
        return np.array([0.0, 1.0]), {name: np.zeros(1, dtype=np.int64) for name in values}
    edges = np.histogram_bin_edges(together, "fd") if len(together) > 1 else np.histogram_bin_edges(together, 1)
    if not least <= len(edges) - 1 <= most:
        edges = np.linspace(edges[0], edges[-1], min(max(len(edges) - 1, least), most) + 1)
    return edges, {name: np.histogram(group[np.isfinite(group)], edges)[0] for name, group in values.items()}


def _counted(labels: ArrayLike, scores: ArrayLike) -> Sentence | tuple[Floats, Floats, Floats, int, int]:
    """Count found defects and false alarms at or above each distinct score, highest first, after a (0, 0)."""
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    truth, values = truth[~np.isnan(truth)], values[~np.isnan(truth)]
    defective, good = int((truth == 1).sum()), int((truth == 0).sum())
    if not defective or not good:
        return Sentence("curves.one_class", "A curve needs at least one good and one defective picture.")
    at, place = np.unique(values, return_inverse=True)
    found = np.cumsum(np.bincount(place, truth, len(at))[::-1])
    false = np.cumsum(np.bincount(place, 1 - truth, len(at))[::-1])
    return np.append(0.0, found), np.append(0.0, false), np.append(np.inf, at[::-1]), defective, good


def _wilson(count: Floats, of: ArrayLike) -> tuple[Floats, Floats]:
    of = np.asarray(of, dtype=np.float64)
    rate, shrink = count / of, 1 + Z * Z / of
    half = Z * np.sqrt(rate * (1 - rate) / of + (Z / of) ** 2 / 4)
    centre = rate + Z * Z / of / 2
    return np.maximum((centre - half) / shrink, 0.0), np.minimum((centre + half) / shrink, 1.0)


def _highest_left_of(grid: Floats, x: Floats, y: Floats) -> Floats:
    """Return the largest y whose x is at most each grid value; both ascend along the curve. 0 where there is none."""
    place = np.searchsorted(x, grid + 1e-12, "right")
    return np.append(0.0, np.maximum.accumulate(y))[place]


def _corners(x: Floats, y: Floats, points: float = np.inf) -> NDArray[np.int64]:
    """Keep both ends and every point where a line through its neighbours would bend; thin beyond `points`."""
    dx, dy = np.diff(x), np.diff(y)
    bends = np.abs(dx[1:] * dy[:-1] - dx[:-1] * dy[1:]) > 1e-12
    turning = (dx[1:] == 0) != (dx[:-1] == 0)
    keep = np.concatenate([[0], 1 + np.flatnonzero(bends | turning), [len(x) - 1]])
    if len(keep) > points:
        length = np.append(0.0, np.cumsum(np.abs(np.diff(x[keep])) / x[-1] + np.abs(np.diff(y[keep]))))
        keep = keep[np.unique(np.searchsorted(length, np.linspace(0, length[-1], int(points))))]
    return keep


def _at(grid: Floats, x: Floats, y: Floats) -> Floats:
    """Read a curve from (0, 0) at the grid's x; where it is vertical, at its upper end."""
    x, y = np.append(0.0, x), np.append(0.0, y)
    last = np.append(np.diff(x) > 0, True)
    return np.interp(grid, x[last], y[last])
