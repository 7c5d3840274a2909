"""What a person says of pictures after seeing their scores, and what becomes of learning, calibration and test.

A picture that is looked at because of its score is no random draw any more, so whatever is decided about it then takes
it out of every figure and off every threshold: it leaves the test, it never calibrates, and only its use as a good
example remains ("learn"). The draw of the normal pictures into learnt and held out was made before anybody looked. It
stays as it was for all others, so that what changes after a correction changes by the correction alone. A label that
was given before any score of its picture was there to see is a label like those of the folders, and its picture counts.
To name the kind of a known defect or to draw its mask decides nothing about the picture; it counts as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

LEARN, NORMAL, DEFECTIVE, UNUSED = "learn", "normal", "defective", "unused"
SAID = (LEARN, NORMAL, DEFECTIVE, UNUSED)

Corrected = tuple[tuple[str, str], ...]  # (sha256, one of SAID; a defect's kind may follow: "defective: scratch")


@dataclass(frozen=True)
class Roles:
    """Which pictures do what, as places in a set's normal (`train`) and test pictures.

    Attributes:
        learnt: ("train" or "test", place) of what is learnt from, added ones last.
        held_out: places among the normal pictures, ascending.
        test: places among the test pictures, ascending.
        aside: ("train" or "test", place) of corrected pictures that are neither learnt nor counted.
    """

    learnt: tuple[tuple[str, int], ...]
    held_out: tuple[int, ...]
    test: tuple[int, ...]
    aside: tuple[tuple[str, int], ...] = ()


def roles(
    train: Sequence[str],
    test: Sequence[tuple[str, str]],
    learnt: Iterable[int],
    held_out: Iterable[int],
    corrected: Corrected = (),
) -> Roles:
    """Return what each picture does once corrections hold.

    What is called normal and was among the normal pictures already stays where the draw put it.

    Args:
        train: sha256 of the normal pictures as they were drawn from.
        test: (sha256, sha256 of what a synthetic defect was pasted into or "") of the test pictures.
        learnt: places of the draw among the normal pictures.
        held_out: the others of them.
        corrected: what was said after scores were seen.

    >>> roles(["a", "b"], [("c", ""), ("d", ""), ("e", "c")], [0], [1], (("c", "learn"),))
    Roles(learnt=(('train', 0), ('test', 0)), held_out=(1,), test=(1,), aside=())
    """
    said = dict(corrected)
    away = {sha for sha, word in corrected if verdict(word) != LEARN}
    known, taken = set(train), set[str]()
    added, aside = [], [("train", i) for i, sha in enumerate(train) if sha in away]
    for i, (sha, _) in enumerate(test):
        if sha in away:
            aside.append(("test", i))
        elif sha in said and sha not in known | taken:
            added.append(("test", i))
            taken.add(sha)
    return Roles(
        (*(("train", int(i)) for i in learnt if train[i] not in away), *added),
        tuple(int(i) for i in held_out if train[i] not in away),
        tuple(i for i, (sha, base) in enumerate(test) if sha not in said and base not in said),
        tuple(aside),
    )


def verdict(said: str) -> str:
    """Return what was said without the kind.

    >>> verdict("defective: bent pin"), verdict("learn")
    ('defective', 'learn')
    """
    return said.partition(": ")[0]


def kind(said: str) -> str:
    """Return the kind of the defect that was named, "" for none."""
    return said.partition(": ")[2]


def counted(corrected: Iterable[Sequence[str]]) -> Mapping[str, int]:
    """Return how many pictures were corrected, by what was said."""
    words = [verdict(word) for _, word in corrected]
    return {word: words.count(word) for word in SAID}
