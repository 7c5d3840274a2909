"""What a condition did to a method: alarms, finds and scores at each strength, and the strength at which it breaks.

Many strengths are looked at, so each alone must be surer: over m strengths the chance of calling a sound method broken
anywhere stays below 5 % (Bonferroni: 1 - 0.05 / m for each). And a break must last: from its strength on every stronger
one in that direction must be broken too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.evaluation import thresholds
from detectors.evaluation.intervals import chance_of_at_least
from detectors.evaluation.thresholds import Threshold
from detectors.result import Figure

Word = Literal["breaks", "stands", "few", "blind"]
CHANCE = 0.05  # of calling a sound method broken, over all strengths of a condition
_HARDLY = 0.1  # share of defects below which a method is blind


@dataclass(frozen=True)
class Point:
    """One method at one strength.

    Attributes:
        strength: in the condition's unit.
        false_alarms, found: shares of the good and of the defective test pictures above the threshold.
        auroc: of the scores.
        median: of all scores, as a multiple of the threshold.
        broken: whether alarms exceed the promise, or finds fell, by more than chance.
    """

    strength: float
    false_alarms: Figure
    found: Figure
    auroc: Figure
    median: float
    broken: bool


@dataclass(frozen=True)
class Verdict:
    """What a curve says in a word.

    Attributes:
        word: "breaks", "stands" (the interval of alarms stays below twice the promise), "few" (too few pictures to
            tell) or "blind" (hardly anything is found even without the condition, so nothing can break).
        at: the strengths at which it breaks, the first in each direction; empty otherwise.
        alarms, finds: what broke: false alarms above the promise, finds below those without the condition.
    """

    word: Word
    at: tuple[float, ...] = ()
    alarms: bool = False
    finds: bool = False


@dataclass(frozen=True)
class Curve:
    """One method under one condition.

    Attributes:
        key: the column's.
        strengths: (T,) ascending, 0 among them.
        scores: (T, M) raw, of all test pictures at each strength.
        control: (M,) raw, of pictures moved there and back; None for conditions that move nothing.
        control_at: at which strength.
        labels: (M,) 1 defective, 0 good, NaN where nobody said.
        threshold: the column's; fixed, whatever the condition.
        held_out: (K,) raw scores of the held-out normals.
    """

    key: str
    strengths: tuple[float, ...]
    scores: NDArray[np.float64]
    control: NDArray[np.float64] | None
    labels: NDArray[np.float64]
    threshold: Threshold
    held_out: NDArray[np.float64]
    control_at: float = 0.0

    @property
    def promise(self) -> float | None:
        """The rate of false alarms that the threshold promised; None where it was not set by a rate."""
        allowed, of = self.threshold.allowed, self.threshold.of
        return allowed / of if allowed is not None and of else None

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All strengths in order."""
        return tuple(self._point(t) for t in range(len(self.strengths)))

    @cached_property
    def verdict(self) -> Verdict:
        """What the curve says; see `Verdict`."""
        usual = self.points[self._zero]
        if self._blind(usual):
            return Verdict("blind")
        firsts = [first for rows in self._directions() if (first := self._first(rows)) is not None]
        if firsts:
            return Verdict(
                "breaks",
                tuple(self.strengths[t] for t in firsts),
                any(self._alarms(t) for t in firsts),
                any(self._lost(t) for t in firsts),
            )
        rates = [point.false_alarms for point in self.points]
        promise = self._promised()
        sure = promise is not None and all(rate.high is not None and rate.high < 2 * promise for rate in rates)
        return Verdict("stands" if sure else "few")

    @property
    def control_broken(self) -> bool:
        """Whether moving there and back, which only resamples and mirrors, raises more alarms than chance allows."""
        if self.control is None:
            return False
        good = self.labels == 0
        return self._exceeds(int((self.control[good] > self.threshold.value).sum()), int(good.sum()), 1)

    @property
    def _zero(self) -> int:
        return self.strengths.index(0)

    def _directions(self) -> tuple[range, ...]:
        return range(self._zero - 1, -1, -1), range(self._zero + 1, len(self.strengths))

    def _point(self, t: int) -> Point:
        scores = self.scores[t]
        counted = thresholds.confusion(self.labels, scores, self.threshold.value)
        ratios = thresholds.multiples(scores, self.threshold.value, self.held_out)
        return Point(
            strength=self.strengths[t],
            false_alarms=counted.false_alarm_rate,
            found=counted.found_rate,
            auroc=evaluation.image_auroc(self.labels, scores),
            median=float(np.median(ratios)) if len(ratios) else 1.0,
            broken=t != self._zero and (self._alarms(t) or self._lost(t)),
        )

    def _blind(self, usual: Point) -> bool:
        """Whether no more than a handful of defects is found, or no more than good pictures raise alarms."""
        share, alarms = usual.found.value, usual.false_alarms.value
        if share is None or usual.found.low is None:
            return False
        return share <= hardly(alarms, self.promise)

    def _first(self, rows: range) -> int | None:
        """Return the weakest strength from which on all in this direction are broken."""
        first = None
        for t in rows:
            if not (self._alarms(t) or self._lost(t)):
                first = None
            elif first is None:
                first = t
        return first

    def _alarms(self, t: int) -> bool:
        good = self.labels == 0
        flagged = self.scores[t][good] > self.threshold.value
        looked = len(self.strengths) - 1
        if self.promise is not None:
            return self._exceeds(int(flagged.sum()), len(flagged), looked)
        before = self.scores[self._zero][good] > self.threshold.value
        return more(flagged, before) < CHANCE / looked

    def _lost(self, t: int) -> bool:
        """Whether fewer defects are found than without the condition, on the same pictures, by more than chance."""
        defective = self.labels == 1
        now = self.scores[t][defective] > self.threshold.value
        before = self.scores[self._zero][defective] > self.threshold.value
        return more(before, now) < CHANCE / (len(self.strengths) - 1)

    def _exceeds(self, count: int, of: int, looked: int) -> bool:
        """Whether so many alarms are more than the promise allows, where so many strengths are looked at."""
        if self.promise is None or not of:
            return False
        return chance_of_at_least(count, of, self.promise) < CHANCE / looked

    def _promised(self) -> float | None:
        """Return the promised rate, or the one measured without the condition."""
        return self.points[self._zero].false_alarms.value if self.promise is None else self.promise


def hardly(alarms: float | None, promise: float | None) -> float:
    """Return the share of defects up to which a method finds hardly anything: a tenth, or what good pictures raise."""
    return max(_HARDLY, alarms or 0.0, promise or 0.0)


def more(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the one-sided chance (exact McNemar) of so many more in the first than in the second of the same pictures.

    >>> round(more(np.array([True] * 6 + [False]), np.zeros(7, bool)), 4)
    0.0156
    """
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    return chance_of_at_least(gained, gained + lost, 0.5) if gained + lost else 1.0


@dataclass(frozen=True)
class Help:
    """What a remedy does against a condition.

    Attributes:
        better: keys of columns that break later or no more.
        worse: keys of columns that break earlier, or only now; or that are blind now.
        dearer: keys of columns whose AUROC without the condition fell by more than chance, over all columns.
    """

    better: tuple[str, ...]
    worse: tuple[str, ...]
    dearer: tuple[str, ...]


def compared(usual: Sequence[Curve], helped: Sequence[Curve]) -> Help:
    """Compare curves after a remedy with those without, column by column."""
    after = {curve.key: curve for curve in helped}
    pairs = [(curve, after[curve.key]) for curve in usual if curve.key in after]
    sides = [(before.key, _endurance(then) - _endurance(before)) for before, then in pairs]
    return Help(
        tuple(key for key, gained in sides if gained > 0),
        tuple(key for key, gained in sides if gained < 0),
        tuple(before.key for before, then in pairs if _dearer(before, then, len(pairs))),
    )


def auroc(curve: Curve) -> Figure:
    """Return AUROC without the condition."""
    return curve.points[curve.strengths.index(0)].auroc


def _endurance(curve: Curve) -> float:
    """Return how many strengths a method stands until its first break: all, where it breaks nowhere; blind, -1."""
    if curve.verdict.word == "blind":
        return -1
    return min((_steps(curve, at) for at in curve.verdict.at), default=len(curve.strengths))


def _steps(curve: Curve, at: float) -> int:
    return abs(curve.strengths.index(at) - curve.strengths.index(0))


def _dearer(before: Curve, then: Curve, looked: int) -> bool:
    """Whether AUROC without the condition fell, on the same pictures, where so many columns are looked at."""
    usual, now = (curve.scores[curve.strengths.index(0)] for curve in (before, then))
    lost = evaluation.paired_auroc_difference(before.labels, usual, now)
    if lost.value is None or lost.low is None:
        return False
    wider = NormalDist().inv_cdf(1 - CHANCE / 2 / looked) / NormalDist().inv_cdf(1 - CHANCE / 2)
    return lost.value > wider * (lost.value - lost.low)


def ranked(curves: Mapping[str, Sequence[Curve]]) -> tuple[tuple[str, str, Verdict], ...]:
    """Return (condition, column key, verdict) of all curves, what breaks first on top, what is blind at the end.

    How early a break comes is measured in steps of the condition's own strengths.
    """
    order = {"breaks": 0, "few": 1, "stands": 2, "blind": 3}
    rows = []
    for name, found in curves.items():
        for curve in found:
            said = curve.verdict
            steps = min((_steps(curve, at) for at in said.at), default=0)
            rows.append(((order[said.word], steps), (name, curve.key, said)))
    return tuple(row for _, row in sorted(rows, key=lambda pair: pair[0]))
