"""What to know of a data set before believing a figure: too few pictures, copies, flat ones, odd ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from detectors.datasets.samples import Dataset, Sample
from detectors.errors import Sentence
from detectors.images import Picture

_EXAMPLES = 3
_KINDS = 12
_OUTLYING = 3.5  # Iglewicz and Hoaglin 1993: a modified z-score above this is an outlier
_ENOUGH = 5


def problems(data: Dataset) -> tuple[Sentence, ...]:
    """Return everything to know of the set as a whole, copies included; empty for a set without problems."""
    return (*_training(data.train, data.test), *_testing(data.test), *_pictures(data), *duplicates(data))


def duplicates(data: Dataset) -> tuple[Sentence, ...]:
    """Return what to say about pictures with the same pixels, within and across normal and test pictures."""
    learnt, tested = _names(data.train), _names([sample for sample in data.test if sample.defective is not None])
    found = [*copies_across(data.train, data.test)]
    if copies := [names for names in learnt.values() if len(names) > 1]:
        found.append(
            Sentence(
                "dataset.copies_in_train",
                "{count} normal [picture is a copy of another|pictures are copies of others] ({examples}): [it "
                "adds|they add] nothing, and [makes|make] thresholds look surer than they are. Take [it|them] out.",
                count=sum(len(names) - 1 for names in copies),
                examples=_pairs(copies),
            )
        )
    if copies := [names for names in tested.values() if len(names) > 1]:
        found.append(
            Sentence(
                "dataset.copies_in_test",
                "{count} test [picture is a copy of another|pictures are copies of others] ({examples}): [it "
                "counts|they count] twice. Take [it|them] out.",
                count=sum(len(names) - 1 for names in copies),
                examples=_pairs(copies),
            )
        )
    return tuple(found)


def copies_across(train: Sequence[Sample], test: Sequence[Sample]) -> tuple[Sentence, ...]:
    """Return what to say, above every figure, where test pictures have the pixels of normal ones."""
    learnt, tested = _names(train), _names(test)
    shared = [sha for sha in tested if sha in learnt]
    if not shared:
        return ()
    return (
        Sentence(
            "dataset.copies_across",
            "{count} test [picture is|pictures are] also among the normal pictures ({examples}): [it makes|they make] "
            "every method look better than it is. Take [it|them] out of one of the two.",
            count=sum(len(tested[sha]) for sha in shared),
            examples="; ".join(f"{tested[sha][0]} = {learnt[sha][0]}" for sha in shared[:_EXAMPLES]),
        ),
    )


def disputed(samples: Mapping[int, Sample], learnt: Collection[int]) -> tuple[set[int], tuple[Sentence, ...]]:
    """Return which samples have the pixels of others that are labelled the other way, and what to say of them."""
    called: dict[str, dict[bool, list[int]]] = {}
    for i, sample in sorted(samples.items()):
        defective = False if i in learnt else sample.defective
        if defective is not None:
            called.setdefault(sample.picture.sha256, {}).setdefault(defective, []).append(i)
    both = [each for each in called.values() if len(each) == 2]
    if not both:
        return set(), ()
    return {i for each in both for found in each.values() for i in found}, (
        Sentence(
            "dataset.disputed",
            "{count} [picture lies|pictures lie] both among good and among defective ones ({examples}): nothing says "
            "which is right, so [it is|they are] neither learnt nor counted in any figure. Take [it|them] out of one "
            "of the two.",
            count=len(both),
            examples="; ".join(
                f"{samples[each[True][0]].picture.name} = {samples[each[False][0]].picture.name}"
                for each in both[:_EXAMPLES]
            ),
        ),
    )  # fmt: skip


def likely_outliers(distances: ArrayLike) -> tuple[int, ...]:
    """Return the normal pictures that hardly look like the others, furthest first, as indices.

    Args:
        distances: (N,) one positive number per normal picture: how far it is from the other normal ones, in any unit.

    A picture is pointed out when the logarithm of its distance lies 3.5 robust deviations (1.4826 times the median
    absolute deviation) above the median. Fewer than five pictures, or equal ones, have no outliers.
    """
    logs = np.log(np.maximum(np.asarray(distances, np.float64), np.finfo(np.float64).tiny))  # (N,)
    if len(logs) < _ENOUGH:
        return ()
    above = logs - np.median(logs)
    spread = 1.4826 * np.median(np.abs(above))
    if spread == 0:
        return ()
    return tuple(int(i) for i in np.argsort(-above, kind="stable") if above[i] > _OUTLYING * spread)


def _training(train: Sequence[Sample], test: Sequence[Sample]) -> list[Sentence]:
    kinds = sorted({sample.kind for sample in test if sample.defective and sample.kind})
    if not train and len(kinds) > 1:
        return [
            Sentence(
                "dataset.no_normal_of",
                "There is no normal picture to learn from: every kind that was found is taken for a defect ({kinds}). "
                "Say which of them is good, put a table beside them with the columns file and label, or give pictures "
                "of good parts as normal.",
                kinds=", ".join(kinds[:_KINDS]) + (", …" if len(kinds) > _KINDS else ""),
            )
        ]
    if not train:
        return [
            Sentence(
                "dataset.no_normal",
                "There is no normal picture to learn from. Put pictures of good parts into `train/good`, or upload "
                "them as normal.",
            )
        ]
    if len(train) == 1:
        return [
            Sentence(
                "dataset.one_normal",
                "There is only one normal picture. MahalanobisAD and PaDiM need at least 2 to see how normal pictures "
                "vary, and no method can set a threshold without another to check it on. Add more, best 20 or more.",
            )
        ]
    if len({sample.picture.sha256 for sample in train}) == 1:
        return [
            Sentence(
                "dataset.all_identical",
                "All {count} normal pictures are the same picture: there is no variation to learn. Add different ones.",
                count=len(train),
            )
        ]
    return []


def _testing(test: Sequence[Sample]) -> list[Sentence]:
    if not test:
        return [
            Sentence(
                "dataset.no_test",
                "There is no picture to test. Put good and defective ones into `test/good` and `test/<defect>`, or "
                "upload them as test pictures.",
            )
        ]
    found = []
    labels = Counter(sample.defective for sample in test)
    if labels[None]:
        found.append(
            Sentence(
                "dataset.unlabelled",
                "{count} of {total} test pictures [count:is|are] not labelled good or defective: [count:it gets|they "
                "get] maps and scores, but [count:counts|count] in no figure.",
                count=labels[None],
                total=len(test),
            )
        )
    if labels[True] and not labels[False]:
        found.append(
            Sentence(
                "dataset.no_good_test",
                "No test picture is good: false alarms cannot be counted, so there is no AUROC. Put some into "
                "`test/good`.",
            )
        )
    if labels[False] and not labels[True] and not labels[None]:
        found.append(
            Sentence(
                "dataset.no_defect",
                "No test picture is defective: nothing can be detected, so there is no AUROC. Add defective ones, or "
                "let synthetic defects be pasted.",
            )
        )
    if labels[True] and not any(sample.mask is not None for sample in test):
        found.append(
            Sentence(
                "dataset.no_masks",
                "There are no masks: whether the maps point at the right place cannot be measured. Put them into "
                "`ground_truth/<defect>`.",
            )
        )
    unmarked = [sample.picture.name for sample in test if sample.defective and sample.mask is None]
    if unmarked and len(unmarked) < labels[True]:
        found.append(
            Sentence(
                "dataset.some_masks_missing",
                "{count} of {total} defective pictures [count:has|have] no mask ({examples}): [count:it is|they are] "
                "left out where maps are measured.",
                count=len(unmarked),
                total=labels[True],
                examples=", ".join(unmarked[:_EXAMPLES]),
            )
        )
    return found


def _pictures(data: Dataset) -> list[Sentence]:
    found = []
    pictures = [sample.picture for sample in (*data.train, *data.test)]
    if flat := [picture.name for picture in pictures if _is_flat(picture)]:
        found.append(
            Sentence(
                "dataset.flat",
                "Pictures of one colour all over: {count} ({examples}). Check that they are what you meant.",
                count=len(flat),
                examples=", ".join(flat[:_EXAMPLES]),
            )
        )
    if paged := [
        p.name for p in pictures if any(n.key in ("picture.first_page", "picture.first_frame") for n in p.notes)
    ]:
        found.append(
            Sentence(
                "dataset.pages",
                "{count} [file holds several pictures|files hold several pictures each] ({examples}): only the first "
                "page [|of each ]is read. Save the others as files of their own.",
                count=len(paged),
                examples=", ".join(paged[:_EXAMPLES]),
            )
        )
    if cut := [p.name for p in pictures if any(note.key == "picture.channels_left_out" for note in p.notes)]:
        found.append(
            Sentence(
                "dataset.channels",
                "{count} [file has|files have] more channels than are used ({examples}): what only the others show is "
                "not seen.",
                count=len(cut),
                examples=", ".join(cut[:_EXAMPLES]),
            )
        )
    missing = {p.name: n.values["count"] for p in pictures for n in p.notes if n.key == "picture.missing"}
    if missing:
        found.append(
            Sentence(
                "dataset.missing_values",
                "{count} [picture has|pictures have] missing values, NaN or infinity ({examples}): they were filled "
                "from the others of their picture.",
                count=len(missing),
                examples=", ".join(f"{name}: {count}" for name, count in list(missing.items())[:_EXAMPLES]),
            )
        )
    sizes = Counter(picture.original_size for picture in pictures)
    if len(sizes) > 1:
        small, large = min(sizes, key=_area), max(sizes, key=_area)
        found.append(
            Sentence(
                "dataset.mixed_sizes",
                "The pictures have {count} different sizes, from {small} to {large} pixels: all are brought to one, so "
                "the same part may appear larger in one than in another.",
                count=len(sizes),
                small=f"{small[1]} x {small[0]}",
                large=f"{large[1]} x {large[0]}",
            )
        )
    return found


def _is_flat(picture: Picture) -> bool:
    pixels = picture.pixels
    return bool((pixels[::16, ::16] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all())


def _area(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return size[0] * size[1], size


def _names(samples: Sequence[Sample]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for sample in samples:
        names.setdefault(sample.picture.sha256, []).append(sample.picture.name)
    return names


def _pairs(copies: Sequence[Sequence[str]]) -> str:
    return "; ".join(f"{names[1]} = {names[0]}" for names in copies[:_EXAMPLES])
