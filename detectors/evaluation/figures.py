"""How well scores separate good from defective pictures, each figure with a 95 % interval or the reason why not.

AUROC: DeLong et al. 1988. Average precision and F1-max: stratified bootstrap. Both on the logit scale. Rates: Wilson.
Labels are 1 (defective), 0 (good) or NaN (nobody said: left out); a higher score is more anomalous. Figures over pixels
live in `pixel_metrics` and are named here too; curves are in `curves`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
from numpy.typing import ArrayLike

from detectors.errors import Sentence
from detectors.evaluation.intervals import STILL, Floats, Z, logit_interval, resampling_weights
from detectors.result import Figure

DRAWS = 2000
FEW_GOOD = 10  # below so many good test pictures, held-out normals may count as good in the AUROC


def image_auroc(labels: ArrayLike, scores: ArrayLike) -> Figure:
    """Return P(defective above good) + half the ties, with DeLong's interval on the logit scale.

    Where DeLong's variance does not exist the interval falls back. At 1 (and 0) it is exact: k pictures of the smaller
    class all lie on the right side with probability at most AUROC ** k, so the lower end is 0.05 ** (1 / k). With one
    picture in a class, or all scores equal, it is Hanley and McNeil's (1982).
    """
    defective, good = _by_class(labels, scores)
    if (reason := _cannot(defective, good)) is not None:
        return Figure(None, reason=reason)
    return _placements(defective, good).figure()


def auroc_with_normals(labels: ArrayLike, scores: ArrayLike, held_out: ArrayLike) -> Figure | None:
    """Return the AUROC with the held-out normal pictures counted as good ones too; None where it is not called for.

    They were neither learnt from nor chosen, and AUROC does not depend on the threshold that they set, so where the
    test set has fewer than `FEW_GOOD` good pictures they make the figure surer.
    """
    truth, normals = np.asarray(labels, dtype=np.float64), np.asarray(held_out, dtype=np.float64)
    good = int((truth == 0).sum())
    if good >= FEW_GOOD or not len(normals) or not (truth == 1).any():
        return None
    figure = image_auroc(
        np.concatenate([truth, np.zeros(len(normals))]), np.concatenate([np.asarray(scores, dtype=np.float64), normals])
    )
    note = Sentence(
        "metrics.with_normals",
        "{held} held-out normal [picture counts|pictures count] as good here, beside {good} good test "
        "[picture|pictures].",
        held=len(normals),
        good=good,
    )
    return replace(figure, reason=note)


def average_precision(labels: ArrayLike, scores: ArrayLike, draws: int = DRAWS, seed: int = 0) -> Figure:
    """Return sum over thresholds of (R_k - R_{k-1}) P_k, scikit-learn's definition; it depends on the prevalence."""
    defective, good = _by_class(labels, scores)
    note = Sentence(
        "metrics.prevalence",
        "{defective} of {all} pictures [defective:is|are] defective: guessing would reach {guess:.2f}.",
        defective=len(defective),
        all=len(defective) + len(good),
        guess=len(defective) / max(len(defective) + len(good), 1),
    )
    return _bootstrapped(defective, good, _average_precision, note, draws, seed)


def f1_max(labels: ArrayLike, scores: ArrayLike, draws: int = DRAWS, seed: int = 0) -> Figure:
    """Return the largest F1 over all thresholds: optimistic, because the threshold is chosen on the test pictures."""
    note = Sentence("metrics.optimistic", "The threshold is chosen on the test pictures, so the figure is optimistic.")
    return _bootstrapped(*_by_class(labels, scores), _f1_max, note, draws, seed)


def image_figures(labels: ArrayLike, scores: ArrayLike, seed: int = 0) -> dict[str, Figure]:
    """Return the three figures over pictures by the names that `Column.figures` uses."""
    return {
        "image_auroc": image_auroc(labels, scores),
        "average_precision": average_precision(labels, scores, seed=seed),
        "f1_max": f1_max(labels, scores, seed=seed),
    }


def paired_auroc_difference(labels: ArrayLike, a: ArrayLike, b: ArrayLike) -> Figure:
    """Return AUROC(a) - AUROC(b) on the same pictures, with an interval that uses how alike the two are.

    The correlation of the two AUROCs is DeLong's; the interval is put together from the two logit intervals (MOVER,
    Zou and Donner 2008). The plain `d ± 1.96 sd` holds only 82 to 99 % where 8 defective pictures meet AUROCs near 1
    and has width 0 where both are 1; this one held 92 to 99 % in the same simulation (tests/test_metrics.py).
    """
    one, other = _by_class(labels, a), _by_class(labels, b)
    if (reason := _cannot(*one) or _cannot(*other)) is not None:
        return Figure(None, reason=reason)
    first, second = _placements(*one), _placements(*other)
    return difference(first.figure(), second.figure(), first.correlation(second))


def difference(a: Figure, b: Figure, correlation: float = 0.0) -> Figure:
    """Return a - b with an interval put together from the two intervals and their correlation (MOVER)."""
    if a.value is None or b.value is None or a.low is None or b.low is None or a.high is None or b.high is None:
        return Figure(None, reason=a.reason if a.low is None else b.reason)
    d = a.value - b.value
    low = d - _distance(a.value - a.low, b.high - b.value, correlation)
    high = d + _distance(a.high - a.value, b.value - b.low, correlation)
    return Figure(d, max(low, -1.0), min(high, 1.0), method="paired DeLong (MOVER)")


def tell_apart(figure: Figure, within: float = 0.05) -> Sentence:
    """Say in words what the interval of a difference allows; `within` is the most that still counts as equal."""
    if figure.value is None or figure.low is None or figure.high is None:
        return figure.reason or Sentence("metrics.too_few", "too few pictures to tell")
    if figure.low > 0:
        return Sentence("metrics.better", "better: the interval leaves 0 out")
    if figure.high < 0:
        return Sentence("metrics.worse", "worse: the interval leaves 0 out")
    widest = max(-figure.low, figure.high)
    if widest > within:
        return Sentence("metrics.too_few", "too few pictures to tell")
    points = max(ceil(100 * widest - 1e-9), 1)
    if points == 1:
        return Sentence("metrics.equal_one", "equal to within 1 point")
    return Sentence("metrics.equal", "equal to within {points} points", points=points)


def wilson(count: int, of: int) -> Figure:
    """Return a rate with Wilson's score interval: it stays in [0, 1] and never has width 0."""
    if of == 0:
        return Figure(None, reason=Sentence("metrics.nothing_counted", "There is no such picture to count."))
    rate, shrink = count / of, 1 + Z * Z / of
    centre = (rate + Z * Z / (2 * of)) / shrink
    half = Z / shrink * sqrt(rate * (1 - rate) / of + Z * Z / (4 * of * of))
    return Figure(rate, 0.0 if count == 0 else centre - half, 1.0 if count == of else centre + half, method="Wilson")


@dataclass(frozen=True)
class _Placements:
    """DeLong's structural components: of each defective picture among the good ones, and the other way round."""

    value: float
    defective: Floats  # (n+,) share of good pictures below each defective one
    good: Floats  # (n-,) share of defective pictures above each good one

    def covariance(self, other: _Placements) -> float:
        """Return DeLong's covariance of two AUROCs on the same pictures; NaN where a class has one picture."""
        total = 0.0
        for mine, theirs in ((self.defective, other.defective), (self.good, other.good)):
            if len(mine) < 2:
                return float("nan")
            total += float((mine - mine.mean()) @ (theirs - theirs.mean())) / (len(mine) - 1) / len(mine)
        return total

    def correlation(self, other: _Placements) -> float:
        """Return the correlation of two AUROCs; 0 where a variance is 0 or does not exist."""
        scale = self.covariance(self) * other.covariance(other)
        return min(max(self.covariance(other) / sqrt(scale), -1.0), 1.0) if scale > 0 else 0.0

    def figure(self) -> Figure:
        """Return the AUROC with the interval that fits the case."""
        value, smaller = self.value, min(len(self.defective), len(self.good))
        if value in (0.0, 1.0):
            end = 0.05 ** (1 / smaller)
            if value == 0.0:
                return Figure(0.0, 0.0, 1 - end, _reversed(smaller, 1 - end), "exact")
            return Figure(1.0, end, 1.0, _separated(smaller, end), "exact")
        variance, method = self.covariance(self), "DeLong, logit scale"
        if not variance > 0:
            variance, method = self._hanley_mcneil(), "Hanley-McNeil, logit scale"
        low, high = logit_interval(value, sqrt(variance))
        return Figure(value, low, high, method=method)

    def _hanley_mcneil(self) -> float:
        a, n, m = self.value, len(self.defective), len(self.good)
        q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
        return (a * (1 - a) + (n - 1) * (q1 - a * a) + (m - 1) * (q2 - a * a)) / (n * m)


def _placements(defective: Floats, good: Floats) -> _Placements:
    n, m = len(defective), len(good)
    ranks = _mid_ranks(np.concatenate([defective, good]))
    of_defective = (ranks[:n] - _mid_ranks(defective)) / m  # (n+,)
    of_good = 1 - (ranks[n:] - _mid_ranks(good)) / n  # (n-,)
    value = (ranks[:n].sum() - n * (n + 1) / 2) / (n * m)
    return _Placements(float(value), of_defective, of_good)


def _mid_ranks(values: Floats) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]  # 1 for the smallest; equals share their mean


def _distance(mine: float, theirs: float, correlation: float) -> float:
    return sqrt(max(mine * mine + theirs * theirs - 2 * correlation * mine * theirs, 0.0))


def _by_class(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.shape != values.shape or truth.ndim != 1:
        raise ValueError(f"One label per score is needed; got {truth.shape} labels for {values.shape} scores.")
    return values[truth == 1], values[truth == 0]


def _cannot(defective: Floats, good: Floats) -> Sentence | None:
    if not len(defective) and not len(good):
        return Sentence("metrics.no_labels", "No picture is labelled good or defective.")
    if not len(defective):
        return Sentence("metrics.no_defective", "No test picture is defective: at least one is needed.")
    if not len(good):
        return Sentence("metrics.no_good", "No test picture is good: at least one is needed.")
    if not (np.isfinite(defective).all() and np.isfinite(good).all()):
        return Sentence("metrics.not_finite", "A score is not a finite number.")
    return None


def _still() -> Sentence:
    return Sentence("metrics.still", "Drawing the pictures again does not change the figure, so it has no interval.")


def _separated(count: int, low: float) -> Sentence:
    return Sentence(
        "metrics.separated",
        "Every defective picture scores above every good one; the smaller class has {count}, so the true AUROC may"
        " still be as low as {low:.2f} (0.05 to the power of 1/{count}).",
        count=count,
        low=low,
    )


def _reversed(count: int, high: float) -> Sentence:
    return Sentence(
        "metrics.reversed",
        "Every defective picture scores below every good one; the smaller class has {count}, so the true AUROC may"
        " still be as high as {high:.2f} (1 - 0.05 to the power of 1/{count}).",
        count=count,
        high=high,
    )


def _bootstrapped(
    defective: Floats, good: Floats, measure: Callable[[Floats, Floats], Floats], note: Sentence, draws: int, seed: int
) -> Figure:
    if (reason := _cannot(defective, good)) is not None:
        return Figure(None, reason=reason)
    truth = np.repeat([1.0, 0.0], [len(defective), len(good)])
    counts = _Counts(truth, np.concatenate([defective, good]))
    value = float(measure(*counts(np.ones((1, len(truth)))))[0])
    if min(len(defective), len(good)) < 2:
        few = Sentence("metrics.one_of_a_class", "One picture in a class gives no interval: at least two are needed.")
        return Figure(value, reason=few)
    if defective.min() > good.max():
        perfect = Sentence(
            "metrics.no_spread",
            "No picture is out of order, so resampling says nothing: see the interval of the AUROC.",
        )
        return Figure(value, reason=perfect)
    sd = float(measure(*counts(resampling_weights(truth, draws, seed))).std())
    if sd <= STILL or not 0 < value < 1:
        return Figure(value, reason=_still())
    low, high = logit_interval(value, sd)
    return Figure(value, low, high, note, f"stratified bootstrap, {draws} draws, logit scale")


class _Counts:
    """Weighted counts of defective and good pictures at or above each distinct score, highest first."""

    def __init__(self, truth: Floats, scores: Floats) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.truth = truth[self.order]
        self.last = np.flatnonzero(np.append(np.diff(scores[self.order]) != 0, True))  # end of each run of equals

    def __call__(self, weights: Floats) -> tuple[Floats, Floats]:
        ranked = weights[:, self.order]  # (draws, n)
        return (
            np.cumsum(ranked * self.truth, axis=1)[:, self.last],
            np.cumsum(ranked * (1 - self.truth), axis=1)[:, self.last],
        )


def _average_precision(found: Floats, false: Floats) -> Floats:
    precision = found / np.maximum(found + false, 1e-300)
    return (np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1) / found[:, -1]


def _f1_max(found: Floats, false: Floats) -> Floats:
    return (2 * found / (found + false + found[:, -1:])).max(axis=1)
