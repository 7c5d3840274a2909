"""What other normal pictures do to a method: the same test pictures scored after fits on several draws of normals.

A draw is one choice of normal pictures; every step (how many dirty ones, how many in all) is fitted in each draw.
Figures carry the interval of the median draw, which says what so few test pictures can tell, and the range of the
draws, which says how much it matters which pictures they were. A verdict joins the draws' chances by an order
statistic (Rueger 1978): n / k times the k-th smallest holds however alike the draws are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.evaluation import thresholds
from detectors.evaluation.intervals import chance_of_at_least
from detectors.evaluation.thresholds import Threshold
from detectors.result import Figure
from detectors.stress.curves import CHANCE, hardly, more

About = Literal["dirt", "pictures"]
Way = Literal["learnt", "both", "held_out", "left_out"]
Word = Literal["loses", "keeps", "blind", "helps", "flat", "few"]
EQUAL = 0.02  # of AUROC, that the median draw may gain where a curve counts as flat
SURE = 0.1  # where its interval must end
KEPT = 0.5  # of what is found without dirt: where the interval of what is found with it must begin


@dataclass(frozen=True)
class Draw:
    """One fit in one draw.

    Attributes:
        scores: (M,) raw, of all test pictures; NaN for those that slipped among the normal ones in this draw.
        calibrating: (K,) raw scores of the normal pictures that set the threshold.
        dropped: how many dirty and how many clean normal pictures were left out as outlying.
    """

    scores: NDArray[np.float64]
    calibrating: NDArray[np.float64]
    dropped: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Remains:
    """What remains of one picture that slipped in in what a method learnt; see `methods.outputs.Trace`.

    Attributes:
        picture: index of the test picture.
        share: of what was learnt.
        usual: the share of each picture if all had the same.
        grid: (H, W) the share at each place; None for a method that judges whole pictures.
    """

    picture: int
    share: float
    usual: float
    grid: NDArray[np.float32] | None


@dataclass(frozen=True)
class Spread:
    """A figure over draws.

    Attributes:
        figure: the median draw's, with its interval.
        low, high: the least and the largest of all draws; None where there is no figure.
    """

    figure: Figure
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, figures: Sequence[Figure]) -> Spread:
        """Join the draws' figures; of an even number of draws the lower middle one stands for the median."""
        known = sorted((f for f in figures if f.value is not None), key=lambda f: f.value or 0.0)
        if not known:
            return cls(figures[0] if figures else Figure(None))
        return cls(known[(len(known) - 1) // 2], known[0].value, known[-1].value)


@dataclass(frozen=True)
class Step:
    """All draws at one step.

    Attributes:
        at: how many dirty pictures, or how many normal pictures in all.
        draws: how many there were.
        false_alarms, found: shares above each draw's own threshold.
        auroc: of the scores.
        threshold: as a multiple of the median threshold of the study's reference step.
        promise: (j, k + 1), the rate of false alarms that most thresholds promise; None without calibrating pictures.
        alarms, lost: whether alarms exceed the promise, and whether fewer defects are found than at step 0, by more
            than chance; of numbers neither.
        dropped: dirty and clean normal pictures left out, in the median over draws.
    """

    at: int
    draws: int
    false_alarms: Spread
    found: Spread
    auroc: Spread
    threshold: Spread
    promise: tuple[int, int] | None
    alarms: bool
    lost: bool
    dropped: tuple[float, float]

    @property
    def broken(self) -> bool:
        """Whether dirt did harm here."""
        return self.alarms or self.lost


@dataclass(frozen=True)
class Judgement:
    """What a study says in a word.

    Attributes:
        word: of dirt, "loses" (from `at` on), "keeps" (at the last step the interval of what is found lies above half
            of what is found without dirt), "few" (too few pictures for either) or "blind" (hardly anything is found
            without dirt). Of numbers, "helps" (the last doubling raised AUROC by more than chance), "flat" (from `at`
            on all pictures add less than 0.02 of AUROC, with an interval that holds 0 and ends below 0.1) or "few" (too
            few test pictures to tell).
        at: the step; None where there is none.
        gain: of AUROC, from `at` or the step at most half as large as the last, to the last; of dirt None.
        alarms, finds: what dirt broke: false alarms above the promise, finds below those without it.
    """

    word: Word
    at: int | None = None
    gain: Figure | None = None
    alarms: bool = False
    finds: bool = False


@dataclass(frozen=True)
class Study:
    """One method fitted on several draws of normal pictures.

    Attributes:
        key: the column's.
        about: "dirt" among the normals, or the number of "pictures".
        way: of dirt, whether it slips into the "learnt" alone or into "both", the calibrating too; of numbers, whether
            thresholds come from "held_out" pictures or from pictures "left_out" of fits in turn.
        steps: ascending; of dirt 0 is the first.
        draws: by step; none at a step for which the method needs more pictures.
        labels: (M,) 1 defective, 0 good, NaN where nobody said.
        normals: how many normal pictures there are, learnt and calibrating.
        rate: of false alarms, that thresholds are set for as nearly as their pictures allow.
        cleaned: whether outlying normal pictures were left out.
        exact: whether left-out scores are of each picture alone, not of a fifth of them at once.
        slipped: by draw, the test pictures that slip in, in this order.
        remains: of the dirt of the first draw at the last step, as far as it was learnt from.
    """

    key: str
    about: About
    way: Way
    steps: tuple[int, ...]
    draws: tuple[tuple[Draw, ...], ...]
    labels: NDArray[np.float64]
    normals: int
    rate: float
    cleaned: bool = False
    exact: bool = False
    slipped: tuple[tuple[int, ...], ...] = ()
    remains: tuple[Remains, ...] = ()

    @cached_property
    def points(self) -> tuple[Step, ...]:
        """All steps at which the method could be fitted."""
        return tuple(self._step(t) for t in range(len(self.steps)) if self.draws[t])

    @cached_property
    def judgement(self) -> Judgement:
        """What the study says; see `Judgement`."""
        return self._dirt() if self.about == "dirt" else self._number()

    def gain(self, since: int) -> Figure:
        """Return AUROC of the last step less that of another, on the same pictures: the median draw's."""
        last, other = self.draws[-1], self.draws[self.steps.index(since)]
        pairs = [(last[d % len(last)], other[d]) for d in range(len(other))] if last else []
        found = [evaluation.paired_auroc_difference(self.labels, a.scores, b.scores) for a, b in pairs]
        return Spread.of(found).figure

    def threshold(self, draw: Draw) -> Threshold | None:
        """Return a draw's threshold."""
        return thresholds.at_step(draw.calibrating, thresholds.nearest_rate(len(draw.calibrating), self.rate))

    def _dirt(self) -> Judgement:
        usual = self.points[0].found.figure if self.points else Figure(None)
        if not self.points or usual.value is None:
            return Judgement("few")
        alarms = self.points[0].false_alarms.figure.value
        if usual.value <= hardly(alarms, self._promised(0)):
            return Judgement("blind")
        first: Step | None = None
        for point in self.points[1:]:
            first = (first or point) if point.broken else None
        if first is None:
            last = self.points[-1]
            low = last.found.figure.low
            return Judgement("few" if low is None or low < KEPT * usual.value else "keeps", last.at)
        return Judgement("loses", first.at, alarms=first.alarms, finds=first.lost)

    def _number(self) -> Judgement:
        there = [step for step, draws in zip(self.steps, self.draws, strict=True) if draws]
        if len(there) < 2 or there[-1] != self.steps[-1]:
            return Judgement("few")
        half = max((step for step in there if step <= there[-1] / 2), default=there[0])
        gain = self.gain(half)
        if gain.low is not None and gain.low > 0:
            return Judgement("helps", half, gain)
        flat, added = None, gain
        for step in reversed(there[:-1]):
            left = self.gain(step)
            if left.value is None or left.low is None or left.high is None:
                break
            if left.value >= EQUAL or left.low > 0 or left.high >= SURE:
                break
            flat, added = step, left
        return Judgement("few", None, gain) if flat is None else Judgement("flat", flat, added)

    def _step(self, t: int) -> Step:
        draws = self.draws[t]
        counted = []
        for draw in draws:
            at = self.threshold(draw)
            seen = np.isfinite(draw.scores)
            if at is not None:
                counted.append(thresholds.confusion(self.labels[seen], draw.scores[seen], at.value))
        return Step(
            at=self.steps[t],
            draws=len(draws),
            false_alarms=Spread.of([each.false_alarm_rate for each in counted]),
            found=Spread.of([each.found_rate for each in counted]),
            auroc=Spread.of([self._auroc(draw) for draw in draws]),
            threshold=Spread.of([Figure(ratio) for ratio in self._ratios(draws)]),
            promise=thresholds.nearest_rate(int(np.median([len(draw.calibrating) for draw in draws])), self.rate),
            alarms=self._beyond(t, self._alarms),
            lost=self._beyond(t, self._lost),
            dropped=(
                float(np.median([draw.dropped[0] for draw in draws])),
                float(np.median([draw.dropped[1] for draw in draws])),
            ),
        )

    def _auroc(self, draw: Draw) -> Figure:
        seen = np.isfinite(draw.scores)
        return evaluation.image_auroc(self.labels[seen], draw.scores[seen])

    def _ratios(self, draws: Sequence[Draw]) -> list[float]:
        reference = self.draws[0 if self.about == "dirt" else -1]
        usual = [at.value for draw in reference if (at := self.threshold(draw)) is not None]
        middle = float(np.median(usual)) if usual else 0.0
        return [at.value / middle for draw in draws if middle > 0 and (at := self.threshold(draw)) is not None]

    def _promised(self, t: int) -> float | None:
        step = self.points[t].promise
        return None if step is None else step[0] / step[1]

    def _beyond(self, t: int, of: Callable[[Draw, Draw], float | None]) -> bool:
        """Whether something is more than chance over all draws of a step with dirt, where all steps are looked at."""
        if self.about != "dirt" or t == 0:
            return False
        pairs = zip(self.draws[0], self.draws[t], strict=True)
        found = sorted(chance for before, now in pairs if (chance := of(before, now)) is not None)
        middle = (len(found) + 1) // 2
        return bool(found) and len(found) / middle * found[middle - 1] < CHANCE / (len(self.steps) - 1)

    def _lost(self, before: Draw, now: Draw) -> float | None:
        """Return the one-sided chance of so many fewer finds on the same defective pictures."""
        first, second = self.threshold(before), self.threshold(now)
        rest = (self.labels == 1) & np.isfinite(now.scores) & np.isfinite(before.scores)
        if first is None or second is None or not rest.any():
            return None
        return more(before.scores[rest] > first.value, now.scores[rest] > second.value)

    def _alarms(self, before: Draw, now: Draw) -> float | None:
        """Return the chance of so many false alarms where the threshold's promise is kept."""
        at = self.threshold(now)
        good = now.scores[(self.labels == 0) & np.isfinite(now.scores)]
        if at is None or at.allowed is None or not at.of or not len(good):
            return None
        return chance_of_at_least(int((good > at.value).sum()), len(good), at.allowed / at.of)
