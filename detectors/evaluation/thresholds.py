"""Thresholds and scales from held-out normal pictures only: never from the test set, never per picture.

With k held-out normals a new normal picture is equally likely to take any of the k + 1 ranks. So the j-th largest
held-out score is exceeded with probability j / (k + 1), at most that with ties, and k pictures support exactly these
false-alarm rates: "1 in 13", "2 in 13", ... A picture is flagged when its score lies strictly above the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.errors import SettingRefused
from detectors.evaluation import wilson
from detectors.result import Column, Figure, MapScale, Result

ORIGINS = ("rate", "value", "test")
USUAL_RATE = 0.05  # false alarms allowed where nobody chose


@dataclass(frozen=True)
class Threshold:
    """One column's threshold, and what it was set by.

    Attributes:
        value: raw score, in the method's own unit; a picture is flagged when its score lies strictly above.
        origin: "rate" of false alarms on held-out normals; "value" given by a person; "test" when it was chosen on the
            curve of the test pictures, so that rates counted on these pictures flatter it.
        allowed, of: "`allowed` in `of` normal pictures may raise a false alarm"; None unless set by a rate.
    """

    value: float
    origin: str = "rate"
    allowed: int | None = None
    of: int | None = None


@dataclass(frozen=True)
class ThresholdChoice:
    """How the thresholds of a result are chosen: by one rate of false alarms for all columns, or by value for some.

    Attributes:
        allowed: false alarms allowed, j of k + 1 for k held-out normals; None for the rate nearest to 5 %.
        values: (column key, raw score, "value" or "test") of columns whose threshold was set apart.
    """

    allowed: int | None = None
    values: tuple[tuple[str, float, str], ...] = ()

    @classmethod
    def at_rate(cls, k: int, rate: float) -> ThresholdChoice:
        """Return the choice of the largest rate that is at most `rate` and that k held-out normals support."""
        return cls(max(_steps(k, rate), 1))

    def step(self, k: int) -> tuple[int, int] | None:
        """Return the chosen rate as (j, k + 1), at most all of the k held-out normals; None when k is 0."""
        return nearest_rate(k) if self.allowed is None or not k else (min(max(self.allowed, 1), k), k + 1)

    def of(self, column: Column) -> Threshold | None:
        """Return a column's threshold; None where nothing was held out and no value was given."""
        for key, value, origin in self.values:
            if key == column.key:
                return Threshold(value, origin)
        return at_step(column.held_out, self.step(len(column.held_out)))

    def value_of(self, column: Column) -> float | None:
        """Return a column's threshold as a raw score; None where there is none."""
        found = self.of(column)
        return None if found is None else found.value

    def values_of(self, result: Result) -> dict[str, float]:
        """Return the thresholds of all columns that have one, by the columns' keys."""
        return {c.key: at for c in result.columns if (at := self.value_of(c)) is not None}


USUAL = ThresholdChoice()


def at_step(held_out: ArrayLike, step: tuple[int, int] | None) -> Threshold | None:
    """Return the threshold at a supported rate (j, k + 1); None for none."""
    return None if step is None else Threshold(ranked(held_out, step[0]), "rate", *step)


def usual(held_out: ArrayLike) -> Threshold | None:
    """Return the threshold at the rate nearest to 5 %; None where nothing was held out."""
    return at_step(held_out, nearest_rate(len(np.asarray(held_out))))


def check_share(share: float) -> None:
    """Raise `SettingRefused` for a share of normal pictures that cannot be held out."""
    if not 0 <= share < 1:
        raise SettingRefused(
            "thresholds.share", "The held-out share is {share}; it must be at least 0 and below 1.", share=share
        )


def hold_out(n: int, share: float = 0.25, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split n normal pictures at random into (learnt, held out), both ascending.

    At least one picture is learnt from; at least one is held out when there are two and `share` is above 0.
    """
    check_share(share)
    count = min(max(round(n * share), 1), n - 1) if share > 0 and n > 1 else 0
    shuffled = np.random.default_rng(seed).permutation(n)
    return np.sort(shuffled[count:]), np.sort(shuffled[:count])


def rates(k: int) -> tuple[tuple[int, int], ...]:
    """Return the false-alarm rates that k held-out normals support, as (j, k + 1): "j in k + 1".

    >>> rates(3)
    ((1, 4), (2, 4), (3, 4))
    """
    return tuple((j, k + 1) for j in range(1, k + 1))


@cache
def nearest_rate(k: int, wanted: float = USUAL_RATE) -> tuple[int, int] | None:
    """Return the supported rate that lies nearest to `wanted`, of two equally near the smaller; None when k is 0.

    >>> nearest_rate(12, 0.2), nearest_rate(70), nearest_rate(12), nearest_rate(0)
    ((3, 13), (4, 71), (1, 13), None)
    """
    return min(rates(k), key=lambda step: (round(abs(step[0] / step[1] - wanted), 12), step[0]), default=None)


def threshold(held_out: ArrayLike, rate: float) -> float:
    """Return the threshold that at most `rate` of new normal pictures exceed: the j-th largest of the held-out scores.

    j is the largest number with j / (k + 1) <= rate.

    Raises:
        SettingRefused: when the rate is no share, or k held-out pictures cannot support so small a one.
    """
    if not 0 < rate <= 1:
        raise SettingRefused(
            "thresholds.no_share", "{asked:.3g} is no share of good pictures: take one above 0, up to 1.", asked=rate
        )
    k = len(np.asarray(held_out))
    steps = min(_steps(k, rate), k)
    if steps < 1:
        raise SettingRefused(
            "thresholds.too_few",
            "{held} normal [picture is|pictures are] held out; the smallest false-alarm rate [it|they] can set is 1 in "
            "{of}, and {asked:.3g} was asked for. Hold out more pictures or allow more false alarms.",
            held=k,
            of=k + 1,
            asked=rate,
        )
    return ranked(held_out, steps)


def ranked(held_out: ArrayLike, j: int) -> float:
    """Return the j-th largest of the held-out scores, 1 <= j <= k."""
    return float(np.sort(np.asarray(held_out, dtype=np.float64))[-j])


def normals_below(held_out: ArrayLike, scores: ArrayLike) -> NDArray[np.int64]:
    """Return for each score how many held-out normals lie strictly below it ("above 12 of 12 normals")."""
    return np.searchsorted(np.sort(np.asarray(held_out, dtype=np.float64)), np.asarray(scores), "left")


def multiples(scores: ArrayLike, threshold: float, held_out: ArrayLike) -> NDArray[np.float64]:
    """Return scores as multiples of the threshold, the one scale on which methods may stand side by side.

    The ratio score / threshold where the threshold is positive, as all five methods' are. Otherwise a shift, with 0 at
    the median of the held-out normals and 1 at the threshold, so that above 1 still means flagged.
    """
    values = np.asarray(scores, dtype=np.float64)
    if threshold > 0:
        return values / threshold
    normals = np.asarray(held_out, dtype=np.float64)
    median = float(np.median(normals)) if len(normals) else threshold
    return 1 + (values - threshold) / (threshold - median if threshold > median else 1.0)


def map_scale(held_out_maps: NDArray[Any], inside: Sequence[tuple[slice, slice]] | None = None) -> MapScale:
    """Return a method's common scale for maps: the median and the 99 % point of the held-out normal pixels.

    Args:
        held_out_maps: (K, H, W).
        inside: the rows and columns of each map that lie in the picture; all of them by default.
    """
    values = np.asarray(held_out_maps, dtype=np.float64)
    if inside is not None:
        values = np.concatenate([one[within].ravel() for one, within in zip(values, inside, strict=True)])
    median, q99 = (float(q) for q in np.quantile(values, [0.5, 0.99]))
    least = float(np.finfo(np.float32).eps) * max(abs(median), 1e-6)  # maps without any spread
    return MapScale(median, max(q99, median + least))


@dataclass(frozen=True)
class Confusion:
    """What a threshold does to labelled pictures.

    Attributes:
        found, missed: defective pictures above the threshold, and not.
        false_alarms, passed: good pictures above the threshold, and not.
        found_rate: found among the defective, with Wilson's interval.
        false_alarm_rate: false alarms among the good, with Wilson's interval.
    """

    found: int
    missed: int
    false_alarms: int
    passed: int
    found_rate: Figure
    false_alarm_rate: Figure


def confusion(labels: ArrayLike, scores: ArrayLike, threshold: float) -> Confusion:
    """Count verdicts; pictures that nobody labelled (NaN) are left out."""
    truth, flagged = np.asarray(labels, dtype=np.float64), np.asarray(scores) > threshold
    defective, good = int((truth == 1).sum()), int((truth == 0).sum())
    found, false_alarms = int(flagged[truth == 1].sum()), int(flagged[truth == 0].sum())
    return Confusion(
        found=found,
        missed=defective - found,
        false_alarms=false_alarms,
        passed=good - false_alarms,
        found_rate=wilson(found, defective),
        false_alarm_rate=wilson(false_alarms, good),
    )


def exceeds_promise(rate: Figure, threshold: Threshold) -> bool:
    """Say whether a measured false-alarm rate is above the one that the threshold promised by more than chance."""
    if threshold.allowed is None or not threshold.of or rate.low is None:
        return False
    return rate.low > threshold.allowed / threshold.of


def verdict(defective: bool | None, flagged: bool) -> str:
    """Name a picture's verdict: "found", "miss", "false_alarm", "passed"; "odd" or "normal" where nobody said.

    >>> verdict(True, False), verdict(False, True), verdict(None, True)
    ('miss', 'false_alarm', 'odd')
    """
    if defective is None:
        return "odd" if flagged else "normal"
    if defective:
        return "found" if flagged else "miss"
    return "false_alarm" if flagged else "passed"


def _steps(k: int, rate: float) -> int:
    return int(np.floor(rate * (k + 1) + 1e-9))
