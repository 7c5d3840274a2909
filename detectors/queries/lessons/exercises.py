"""The exercises: which built-in pictures each is about, and what the methods make of them.

What an explanation may say is decided here, from intervals: a method is better than another when the interval of their
paired difference leaves 0 out, it falls between two sets when the interval of the difference does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.datasets.sources import DemoSource
from detectors.features.weights import BUNDLED, DEFAULT
from detectors.result import Figure

if TYPE_CHECKING:
    from detectors.datasets import Dataset

POOLED, LOCAL = ("spade", "mahalanobis"), ("padim", "patchcore", "cfa")
FIVE = (*POOLED, *LOCAL)
WITHOUT_TRAINING = FIVE[:4]
GOOD = 40  # good test pictures of each set: with 24 few differences stand out from chance


@dataclass(frozen=True)
class Exercise:
    """A question that a run answers.

    Attributes:
        sets: the pictures; two where the question is what changes from one to the other.
        methods: who is asked, and what can be predicted.
        kind, severity: of the defect that is shown with the question.
        seconds: what measuring takes on two cores, roughly.
        none: whether "none of them" can be predicted.
        backbone: what the pictures' features come from; the default one, unless nobody stands out on it.
    """

    sets: tuple[DemoSource, ...]
    methods: tuple[str, ...]
    kind: str
    severity: float = 1.0
    seconds: int = 15
    none: bool = False
    backbone: str = DEFAULT

    @property
    def product(self) -> str:
        """The product that is asked about."""
        return self.sets[0].product


def _set(product: str, kind: str, severities: tuple[float, ...] = (1.0, 0.5), per: int = 8) -> DemoSource:
    return DemoSource(product, good=GOOD, per=per, severities=severities, kinds=(kind,))


def _links(rotate: bool) -> DemoSource:
    return DemoSource("link", good=GOOD, per=2, severities=(1.0, 0.5), rotate=rotate)


EXERCISES: dict[str, Exercise] = {
    "missing": Exercise((_set("circuit", "missing_part"),), FIVE, "missing_part", 0.5),
    "rotated": Exercise(
        (_links(rotate=False), _links(rotate=True)),
        WITHOUT_TRAINING,
        "chip",
        seconds=30,
    ),
    "count": Exercise((_set("capsules", "count"),), FIVE, "count"),
    "grain": Exercise((_set("leather", "grain"),), FIVE, "grain"),
    # On trained features every method finds three missing threads and none stands out on one or two; on waves some do.
    "thread": Exercise((_set("textile", "broken_thread", (0.5, 0.0)),), FIVE, "broken_thread", 0.5, backbone=BUNDLED),
    "halves": Exercise((_set("capsules", "half_only"),), FIVE, "half_only"),
    "crack": Exercise((_set("capsules", "crack", (1.0,), 16),), FIVE, "crack", none=True),
}


@dataclass(frozen=True)
class ExerciseScores:
    """What the methods said about one set.

    Attributes:
        labels: (M,) 1 for defective, 0 for good.
        scores: per method (M,).
        aurocs: per method.
        learnt: normal pictures that were learnt from.
    """

    labels: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]
    aurocs: dict[str, Figure]
    learnt: int

    @property
    def defective(self) -> int:
        """How many test pictures are defective."""
        return int(self.labels.sum())

    @property
    def good(self) -> int:
        """How many test pictures are good."""
        return len(self.labels) - self.defective

    def better(self, one: str, other: str) -> bool:
        """Whether a method ranks the defects better than another, beyond chance."""
        figure = evaluation.paired_auroc_difference(self.labels, self.scores[one], self.scores[other])
        return figure.low is not None and figure.low > 0

    def all_better(self, ones: tuple[str, ...], others: tuple[str, ...]) -> bool:
        """Whether each of some methods is better than each of others."""
        return all(self.better(one, other) for one in ones for other in others)

    def alike(self, one: str, other: str) -> bool:
        """Whether two methods cannot be told apart."""
        return not self.better(one, other) and not self.better(other, one)

    def backwards(self) -> tuple[str, ...]:
        """Return the methods that rank defects below good pictures, beyond chance."""
        return tuple(m for m, figure in self.aurocs.items() if figure.high is not None and figure.high < 0.5)

    def ranked(self) -> tuple[str, ...]:
        """Return the methods, the one with the highest AUROC first."""
        return tuple(sorted(self.aurocs, key=lambda method: -(self.aurocs[method].value or 0.0)))

    def leaders(self) -> tuple[str, ...]:
        """Return the first method and those that cannot be told from it."""
        first = self.ranked()[0]
        return tuple(method for method in self.ranked() if method == first or not self.better(first, method))


def measure(data: Dataset, methods: tuple[str, ...], backbone: str = DEFAULT) -> ExerciseScores:
    """Fit methods on the features of a backbone that needs no download, and measure them."""
    from detectors.comparison.comparison import Comparison

    result = Comparison(methods=methods, backbones=(backbone,)).run(data)
    return ExerciseScores(
        result.labels,
        {column.method: column.scores for column in result.columns},
        {column.method: column.figures["image_auroc"] for column in result.columns},
        len(result.learnt),
    )


def fall(before: ExerciseScores, after: ExerciseScores, method: str) -> Figure:
    """Return by how much a method's AUROC changes from one set to another, with its interval (unpaired)."""
    return evaluation.difference(after.aurocs[method], before.aurocs[method])


def falls(before: ExerciseScores, after: ExerciseScores, method: str) -> bool:
    """Whether a method does worse on the second set, beyond chance."""
    figure = fall(before, after, method)
    return figure.high is not None and figure.high < 0


def falls_further(before: ExerciseScores, after: ExerciseScores, one: str, other: str) -> bool:
    """Whether a method falls further than another, beyond chance."""
    gap = evaluation.difference(fall(before, after, one), fall(before, after, other))
    return gap.high is not None and gap.high < 0


def falls_most(before: ExerciseScores, after: ExerciseScores, method: str) -> bool:
    """Whether a method falls further than every other one, beyond chance."""
    return all(falls_further(before, after, method, other) for other in before.aurocs if other != method)


def losers(before: ExerciseScores, after: ExerciseScores) -> tuple[str, ...]:
    """Return the method that falls furthest and those whose fall cannot be told from it."""
    ranked = sorted(before.aurocs, key=lambda m: fall(before, after, m).value or 0.0)
    return tuple(m for m in ranked if m == ranked[0] or not falls_further(before, after, ranked[0], m))


# What an explanation may say: by claim, whether the numbers of its exercise bear it out.
CLAIMS: dict[str, Callable[[ExerciseScores], bool]] = {
    "missing_padim": lambda m: m.all_better(("padim",), POOLED),
    "missing_patchcore": lambda m: m.all_better(("patchcore",), POOLED),
    "missing_tied": lambda m: m.alike("padim", "patchcore"),
    "count_pooled": lambda m: m.all_better(POOLED, LOCAL),
    "count_backwards": lambda m: "padim" in m.backwards(),
    "grain_pooled": lambda m: m.all_better(("mahalanobis",), ("padim", "cfa")),
    "grain_patchcore": lambda m: m.alike("mahalanobis", "patchcore"),
    "thread_local": lambda m: m.all_better(("patchcore", "cfa"), POOLED),
    "thread_position": lambda m: m.all_better(("patchcore", "cfa"), ("padim",)),
    "halves_position": lambda m: m.all_better(("patchcore",), ("padim",)),
    "halves_whole": lambda m: m.all_better(("mahalanobis",), ("padim",)),
    "crack_bank": lambda m: m.all_better(("patchcore",), (*POOLED, "padim", "cfa")),
}
CHANGES: dict[str, Callable[[ExerciseScores, ExerciseScores], bool]] = {
    "rotated_padim": lambda held, free: falls(held, free, "padim"),
    "rotated_most": lambda held, free: falls_most(held, free, "padim"),
    "rotated_not_most": lambda held, free: not falls_most(held, free, "padim"),
}


def holds(claim: str, measured: tuple[ExerciseScores, ...]) -> bool:
    """Whether the numbers of a claim's exercise bear it out."""
    return CHANGES[claim](*measured) if claim in CHANGES else CLAIMS[claim](*measured)
