"""Masks and their pictures: each mask belongs to its own picture or to none, and says what nobody else said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.datasets import layouts, words
from detectors.datasets.files.archives import File
from detectors.datasets.places import Place
from detectors.datasets.samples import Sample
from detectors.errors import PictureRefused, Refusal, Sentence
from detectors.images.formats import no_picture
from detectors.images.limits import Limits
from detectors.images.masks import read_mask
from detectors.images.shrunk import is_picture

_Masks = list[tuple[int, NDArray[np.bool_], tuple[Sentence, ...]]]  # for each picture of a mask


@dataclass
class Pairing:
    """What masks changed.

    Attributes:
        samples: by index; without pictures that a mask took out of what is learnt.
        notes: what to say of a mask, by its index.
        refused: why a mask or a picture is not used, by its index.
        said: what to say of the set.
    """

    samples: dict[int, Sample]
    notes: dict[int, tuple[Sentence, ...]] = field(default_factory=dict)
    refused: dict[int, Sentence] = field(default_factory=dict)
    said: tuple[Sentence, ...] = ()

    def refuse(self, masks: Iterable[int], why: Sentence) -> None:
        """Use none of these masks."""
        for i in masks:
            del self.notes[i]
            self.refused[i] = why


def pair_masks(
    files: Sequence[File],
    places: Sequence[Place],
    samples: Mapping[int, Sample],
    limits: Limits,
    each: Callable[[Callable[[int], _Masks], Sequence[int]], Iterable[_Masks | Refusal]],
) -> Pairing:
    """Give each mask to the picture of its name, or to all pictures of one part that it is for (under other lights).

    Several masks of one picture are joined. `each` runs in threads.
    """
    names = [file.name for file in files]
    owners = _Owners(names, places)
    masks = [i for i, place in enumerate(places) if place.role == "mask"]
    found = {i: owners.of(i) for i in masks}

    def read(i: int) -> _Masks:
        data = files[i].read()
        if not is_picture(data):
            raise no_picture(data)
        held = _checked(found[i], places, samples, names)
        return [(owner, *read_mask(data, samples[owner].picture.frame, limits)) for owner in held]

    paired = Pairing(dict(samples))
    of_picture: dict[int, list[tuple[int, NDArray[np.bool_]]]] = defaultdict(list)
    for i, outcome in zip(masks, each(read, masks), strict=True):
        if isinstance(outcome, Refusal):
            paired.refused[i] = outcome.sentence
            continue
        paired.notes[i] = outcome[0][2]
        for owner, mask, _ in outcome:
            of_picture[owner].append((i, mask))
    for owner, own in sorted(of_picture.items()):
        _label(owner, own, places, names, paired)
    _good_without_masks(names, places, paired)
    return paired


class _Owners:
    """Finds the pictures that a mask may belong to."""

    def __init__(self, names: Sequence[str], places: Sequence[Place]) -> None:
        self.names, self.places = names, places
        self.pictures = [i for i, place in enumerate(places) if place.role in ("train", "test")]
        self.by_stem: dict[str, list[int]] = defaultdict(list)
        self.by_name: dict[str, list[int]] = defaultdict(list)
        for i in self.pictures:
            file = names[i].rpartition("/")[2].casefold()
            stem = places[i].stem.casefold()
            for key in {stem, file, words.bare_stem(stem)}:
                self.by_stem[key].append(i)
            above = names[i].rpartition("/")[0].rpartition("/")[2].casefold()
            if above and words.meaning(above).view:
                self.by_stem[f"{above}/"].append(i)
            self.by_name[names[i]].append(i)
        self.apart = {i: layouts.tells_apart(names[i]) | _kind(places[i]) for i in self.pictures}
        self.known = frozenset().union(*self.apart.values()) if self.apart else frozenset()

    def of(self, mask: int) -> list[int]:
        """Return the pictures whose mask this may be: none, its own, or several that nothing tells apart."""
        place, name = self.places[mask], self.names[mask]
        if place.picture is not None:
            return self._of_its_part(mask, self.by_name.get(place.picture, []))
        if place.within is not None:
            apart = layouts.tells_apart(name, place.within) & self.known
            if found := self._fitting(mask, place.within.casefold(), apart):
                return found
        apart = (layouts.tells_apart(name) | _kind(place)) & self.known
        for stem in words.picture_stems(name.rpartition("/")[2]):
            if found := self._fitting(mask, stem, apart):
                return found
        for stem in words.picture_stems(name.rpartition("/")[2]):  # a folder of the part's pictures, one for each light
            if found := self._fitting(mask, f"{stem}/", apart):
                return found
        return []

    def _fitting(self, mask: int, stem: str, apart: frozenset[str]) -> list[int]:
        name, split = self.names[mask], layouts.split_of(self.names[mask])
        kind = self.places[mask].kind
        gone = kind not in (None, "good") and not _kind(self.places[mask]) <= self.known  # no picture of its kind
        found = [
            i
            for i in self.by_stem.get(stem, ())
            if apart <= self.apart[i]
            and (not split or layouts.split_of(self.names[i]) in ("", split))
            and not (gone and self.places[i].kind == "good")
        ]
        folder = name.rpartition("/")[0]
        preferences: tuple[Callable[[int], bool], ...] = (
            lambda i: self.places[i].part == self.places[mask].part,
            lambda i: self.names[i].rpartition("/")[0] in (folder, folder.rpartition("/")[0]),
            lambda i: self.names[i].rpartition("/")[0].rpartition("/")[0] == folder.rpartition("/")[0],
            lambda i: self.places[i].role == "test",
        )
        for prefers in preferences:
            found = [i for i in found if prefers(i)] or found
        defective = [i for i in found if self.places[i].defective]
        return defective if len(defective) == 1 else found  # an empty mask takes nothing from it

    def _of_its_part(self, mask: int, found: list[int]) -> list[int]:
        return [i for i in found if self.places[i].part == self.places[mask].part] or found


def _kind(place: Place) -> frozenset[str]:
    return frozenset({place.kind.casefold()}) if place.kind else frozenset()


def _checked(
    owners: Sequence[int], places: Sequence[Place], samples: Mapping[int, Sample], names: Sequence[str]
) -> list[int]:
    """Return the pictures of a mask: one, or those of one part; `PictureRefused` for none, or several parts."""
    if not owners:
        raise PictureRefused(
            "mask.no_picture",
            "No test picture has the name of this mask. Name it like its picture, with or without `_mask`.",
        )
    if len(owners) > 1 and not _one_part(owners, places, names):
        raise PictureRefused(
            "mask.two_pictures",
            "{count} pictures have the name of this mask ({first}, {second}). Put it into a folder named like "
            "their kind.",
            count=len(owners),
            first=names[owners[0]],
            second=names[owners[1]],
        )
    if not (held := [owner for owner in owners if owner in samples]):
        raise PictureRefused(
            "mask.picture_refused",
            "Its picture {picture} was refused, so the mask is not needed.",
            picture=names[owners[0]],
        )
    return held


def _one_part(owners: Sequence[int], places: Sequence[Place], names: Sequence[str]) -> bool:
    """Whether pictures are of one part under several lights: in one folder, under names that differ by the light."""
    folders = {names[i].rpartition("/")[0] for i in owners}
    stems = {places[i].stem.casefold() for i in owners}
    return len(folders) == 1 and len(stems) == len(owners)


def _label(
    owner: int,
    own: Sequence[tuple[int, NDArray[np.bool_]]],
    places: Sequence[Place],
    names: Sequence[str],
    paired: Pairing,
) -> None:
    """Join the masks of one picture, and let them say what it is where nobody did."""
    sample, place = paired.samples[owner], places[owner]
    marked = [(i, mask) for i, mask in own if mask.any()]
    told = place.why is not None and place.why.key == "role.chosen"
    if told and (sample.defective is None or (marked and place.role == "train")):
        paired.refuse(
            (i for i, _ in own),
            Sentence(
                "mask.against_a_person",
                "You said what its folder of pictures is, and the mask says otherwise: the mask is not used.",
            ),
        )
        return
    if not marked:
        for i, _ in own:
            if sample.defective:
                paired.notes[i] += (
                    Sentence(
                        "mask.empty",
                        "The mask marks nothing although its picture is defective: it was left out. Mark the defect.",
                    ),
                )
        if sample.defective is None:
            paired.samples[owner] = replace(sample, defective=False, kind="good")
        return
    if place.role == "train" and (place.why is None or place.why.key != "role.default"):
        del paired.samples[owner]
        paired.refused[owner] = Sentence(
            "dataset.marked_in_train",
            "Its mask {mask} marks a defect, and only good pictures are learnt: it was left out. Move it to the test "
            "pictures.",
            mask=names[marked[0][0]],
        )
        return
    if sample.defective is False and place.role == "test":
        paired.refuse(
            (i for i, _ in marked),
            Sentence(
                "mask.on_good",
                "The mask marks a defect in a picture that is called good. Move the picture, or empty the mask.",
            ),
        )
        return
    joined = np.logical_or.reduce([mask for _, mask in marked])
    if not sample.defective:
        kinds = [places[i].kind for i, _ in marked if places[i].picture is not None and places[i].kind]
        sample = replace(sample, defective=True, kind=kinds[0] if kinds else "defective")
        for i, _ in marked:
            paired.notes[i] += (
                Sentence(
                    "mask.says_defective",
                    "Nobody labelled its picture; as the mask marks something, it counts as defective.",
                ),
            )
    paired.samples[owner] = replace(sample, mask=joined)


def _good_without_masks(names: Sequence[str], places: Sequence[Place], paired: Pairing) -> None:
    """Call pictures good that have no mask where the defective ones of their folder have one (DAGM)."""
    folders: dict[str, list[int]] = defaultdict(list)
    for i in paired.samples:
        if places[i].silent:
            folders[names[i].rpartition("/")[0]].append(i)
    for folder, members in sorted(folders.items()):
        open_ = [i for i in members if paired.samples[i].defective is None]
        marked = sum(paired.samples[i].mask is not None for i in members)
        if not (open_ and marked):
            continue
        for i in open_:
            paired.samples[i] = replace(paired.samples[i], defective=False, kind="good")
        paired.said += (
            Sentence(
                "dataset.good_without_mask",
                "{count} [picture|pictures] in {folder} [has|have] no mask while {marked} [other has|others have] one: "
                "[count:it counts|they count] as good.",
                count=len(open_),
                folder=folder or "/",
                marked=marked,
            ),
        )
