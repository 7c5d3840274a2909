"""What a data set is: samples, and a report on what happened to every file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.corrections import Corrected
from detectors.datasets.understanding import Understanding
from detectors.errors import Sentence
from detectors.images import Picture, White

State = Literal["accepted", "converted", "refused", "ignored"]


@dataclass(frozen=True)
class Sample:
    """A picture and what is known about it.

    Attributes:
        picture: the decoded picture.
        defective: True, False, or None when nobody said.
        kind: the defect's name, "good", or None.
        mask: (H, W) bool at the picture's kept size; empty for a good picture of a set that has masks; None if unknown.
        severity: 0 to 1 where the data set knows it.
        synthetic: whether the defect was pasted in by this program.
        base: sha256 of the untouched picture that a synthetic defect was pasted into; "" otherwise.
    """

    picture: Picture
    defective: bool | None
    kind: str | None
    mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    severity: float | None = None
    synthetic: bool = False
    base: str = ""


@dataclass(frozen=True)
class Entry:
    """What happened to one file.

    Attributes:
        name: a label, as the user knows the file.
        state: "accepted", "converted" (told how), "refused" (told why) or "ignored" (no picture by nature).
        sentence: the first thing to say about it, None when there is nothing.
        role: "train", "test", "mask" or "" where it was used for nothing.
        notes: everything to say about it, `sentence` first.
        because: what decided its role; None where nothing had to.
    """

    name: str
    state: State
    sentence: Sentence | None = None
    role: str = ""
    notes: tuple[Sentence, ...] = ()
    because: Sentence | None = None


@dataclass(frozen=True)
class Report:
    """What happened to every file, in order, what to know of the set as a whole, and how it was understood."""

    entries: tuple[Entry, ...] = ()
    notes: tuple[Sentence, ...] = ()
    understanding: Understanding | None = None

    def count(self, state: State) -> int:
        """Return how many files are in this state."""
        return sum(entry.state == state for entry in self.entries)


@dataclass(frozen=True)
class Dataset:
    """Normal pictures to learn from, and pictures to test.

    Attributes:
        name: a label.
        train: normal pictures, in order of their names.
        test: good, defective and unlabelled ones, in order of their names.
        report: on every file.
        recipe: how to get it again, as JSON allows.
        corrected: what was said of pictures after their scores were seen; a comparison lets it follow after its draw.
    """

    name: str
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    report: Report = Report()
    recipe: dict[str, Any] = field(default_factory=dict)
    corrected: Corrected = ()

    @property
    def white(self) -> White:
        """Which values of pictures with more than 8 bits were taken for black and white; others are decoded alike."""
        recipe = self.recipe.get("base", self.recipe)
        return White(
            recipe.get("white", White.whole),
            recipe.get("white_real"),
            recipe.get("black", 0.0),
            recipe.get("black_real", 0.0),
        )


def with_empty_masks(test: Sequence[Sample]) -> list[Sample]:
    """Give good pictures an empty mask where defective ones have masks: that nothing is marked is known there."""
    if not any(sample.mask is not None for sample in test):
        return list(test)
    return [
        replace(sample, mask=np.broadcast_to(np.False_, sample.picture.frame.kept))
        if sample.defective is False and sample.mask is None
        else sample
        for sample in test
    ]
