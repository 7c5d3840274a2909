"""Intervals: the logit scale that all figures between 0 and 1 share, and how pictures are resampled."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc  # scipy.stats says the same, and takes a third of a second to import

Floats = NDArray[np.float64]
Z = 1.959963984540054  # two-sided 95 %
STILL = 1e-9  # the deviation of draws below which resampling does not vary: rounding alone


def logit_interval(value: float, sd: float) -> tuple[float, float]:
    """Return the 95 % interval of a figure in (0, 1) that is symmetric on the logit scale.

    With DeLong's sd, or with that of bootstrap draws: for average precision and F1-max of 24 to 80 pictures it held
    86 to 98 times in 100 where the percentiles of the same draws held 69 to 91 (both figures only grow when pictures
    are repeated, so that the draws lie too high).
    """
    centre, half = log(value / (1 - value)), Z * sd / (value * (1 - value))
    return _expit(centre - half), _expit(centre + half)


def chance_of_at_least(count: int, of: int, share: float) -> float:
    """Return how likely `count` or more of `of` are where each has the chance `share`: the binomial's upper tail.

    >>> round(chance_of_at_least(3, 4, 0.5), 4)
    0.3125
    """
    return float(bdtrc(count - 1, of, share))


def strata(defective: ArrayLike, kinds: Sequence[str | None] | None = None) -> NDArray[np.int64]:
    """Return (n,) stratum numbers: good pictures, then each kind of defect; kinds of one picture are put together."""
    sides = np.asarray(defective, dtype=bool)
    names = [
        f"{int(side)} {kind if side else ''}" for side, kind in zip(sides, kinds or [None] * len(sides), strict=True)
    ]
    alone = {name for name in names if names.count(name) == 1 and name.startswith("1")}
    names = ["1 alone" if name in alone else name for name in names]
    if names.count("1 alone") == 1 and (others := sorted({n for n in names if n.startswith("1")} - {"1 alone"})):
        nearest = min(others, key=names.count)
        names = [nearest if name == "1 alone" else name for name in names]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def resampling_weights(stratum: NDArray[Any], draws: int, seed: int) -> Floats:
    """Return (draws, n) bootstrap weights within strata: n_h - 1 pictures are drawn and weigh n_h / (n_h - 1).

    Drawing one picture less (Rao and Wu 1988) keeps the variance right where a stratum has two or three pictures; the
    ordinary draw of n_h would halve it for two. A stratum of one picture stays as it is.
    """
    random = np.random.default_rng(seed)
    weights = np.ones((draws, len(stratum)))
    for number in np.unique(stratum):
        members = np.flatnonzero(stratum == number)
        size = len(members)
        if size > 1:
            weights[:, members] = random.multinomial(size - 1, np.full(size, 1 / size), draws) * (size / (size - 1))
    return weights


def percentiles(values: Floats, around: float) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % points of bootstrap values, widened where needed to hold the measured value."""
    low, high = np.quantile(values, [0.025, 0.975])
    return min(float(low), around), max(float(high), around)


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
