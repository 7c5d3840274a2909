"""From listed files to a data set: each is placed, decoded on its own, paired with its mask, and reported."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.datasets import checks, layouts
from detectors.datasets.archives import File, Listing
from detectors.datasets.layouts import Place
from detectors.datasets.samples import Dataset, Entry, Report, Sample
from detectors.errors import DatasetRefused, PictureRefused, Refusal, Sentence
from detectors.images import Picture, decode
from detectors.images.depth import TYPE_RANGE, White
from detectors.images.formats import picture_format
from detectors.images.limits import Limits
from detectors.images.masks import read_mask

_DOCUMENTS = (".txt", ".md", ".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".log", ".html", ".pdf", ".py", ".ipynb")
_THREADS = min(4, os.cpu_count() or 1)  # Pillow lets go of the interpreter while it decodes
_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True)
class Arrangement:
    """Files that lie somewhere in a data set, their places, what was turned down before, and what to say."""

    files: tuple[File, ...]
    places: tuple[Place, ...]
    entries: tuple[Entry, ...] = ()
    notes: tuple[Sentence, ...] = ()


def gather(listing: Listing, name: str, recipe: dict[str, Any], product: str | None, limits: Limits) -> Dataset:
    """Make a data set of a folder's or ZIP's files by where they lie."""
    found = sort_out(listing, product)
    if product is not None:
        name, recipe = f"{name}/{product}", recipe | {"product": product}
    return assemble(found.files, found.places, name, recipe, limits, found.entries, found.notes)


def sort_out(listing: Listing, product: str | None = None, role: str = "") -> Arrangement:
    """Give each file of a folder or ZIP its place.

    Args:
        listing: the files.
        product: one of several data sets that lie side by side.
        role: "train" or "test" for pictures that were given as such; "" when the folders alone say.

    Raises:
        DatasetRefused: for several data sets without `product`; its sentence's values name them as `products`.
    """
    files, documents, table = _without_documents(listing.files)
    names = [file.name for file in files]
    several = layouts.products(names)
    if product is not None:
        chosen = set(layouts.within(names, product))
        files = [file for file in files if file.name in chosen]
    elif several:
        raise DatasetRefused(
            "dataset.several",
            "{count} data sets lie side by side here: {names}. Choose one of them.",
            count=len(several),
            names=", ".join(several[:10]),
            products=several,
        )
    names = [file.name for file in files]
    if role:
        places, set_aside = layouts.upload_places(names, role), False
    else:
        places, set_aside = layouts.place_all(names, {key: table[key] for key in names if key in table})
    entries = [Entry(label, "refused", why, "", (why,)) for label, why in listing.refused]
    entries += [Entry(label, "ignored", why, "", (why,)) for label, why in listing.ignored + tuple(documents)]
    notes = []
    if set_aside:
        count = sum(place.role == "test" and place.kind == "good" for place in places)
        notes.append(
            Sentence(
                "dataset.set_aside",
                "There is no test folder: {count} of the good pictures, every fifth, are tested instead of learnt.",
                count=count,
            )
        )
    return Arrangement(tuple(files), tuple(places), tuple(entries), tuple(notes))


def assemble(
    files: Sequence[File],
    places: Sequence[Place],
    name: str,
    recipe: dict[str, Any],
    limits: Limits,
    entries: tuple[Entry, ...] = (),
    notes: tuple[Sentence, ...] = (),
    progress: Callable[[float], None] = lambda done: None,
) -> Dataset:
    """Decode files whose places are known.

    `entries` are of files that were already turned down; `progress` is called with the share of pictures decoded.
    """
    told: dict[int, Entry] = {}
    pictures, white = _decoded(files, places, limits, told, progress)
    samples = {i: Sample(picture, places[i].defective, places[i].kind) for i, picture in pictures.items()}
    _pair_masks(files, places, samples, limits, told)
    if white.whole != TYPE_RANGE:
        notes += (
            Sentence(
                "dataset.twelve_bits",
                "No normal picture of 16 bits exceeds 4,095: all are read as 12 bits stored in 16, so 4,095 is white.",
            ),
        )
    ordered = tuple(told[i] for i in sorted(told))
    train = tuple(sample for i, sample in sorted(samples.items()) if places[i].role == "train")
    test = tuple(sample for i, sample in sorted(samples.items()) if places[i].role == "test")
    recipe = recipe | {"white": white.whole, "white_real": white.real}
    data = Dataset(name, train, _with_empty_masks(test), Report(ordered + entries), recipe)
    return replace(data, report=replace(data.report, notes=notes + checks.problems(data)))


def _without_documents(
    files: Iterable[File],
) -> tuple[list[File], list[tuple[str, Sentence]], dict[str, Place]]:
    """Set aside read-me files and the like, unless they are pictures after all, and read VisA's split file."""
    kept: list[File] = []
    documents: list[tuple[str, Sentence]] = []
    splits: list[str] = []
    for file in files:
        suffix = "." + file.name.rpartition(".")[2].lower()
        if suffix not in _DOCUMENTS:
            kept.append(file)
            continue
        try:
            content = file.read()
        except Refusal as refusal:
            documents.append((file.name, refusal.sentence))
            continue
        if picture_format(content) is not None:
            kept.append(file)
            continue
        if suffix == ".csv" and content[:6] == b"object":
            splits.append(content.decode("utf-8", "replace"))
        documents.append((file.name, Sentence("file.document", "A document, not a picture: passed over.")))
    names = [file.name for file in kept]
    table: dict[str, Place] = {}
    for text in splits[:1]:
        table = layouts.read_split(text, names)
    return kept, documents, table


def _decoded(
    files: Sequence[File],
    places: Sequence[Place],
    limits: Limits,
    told: dict[int, Entry],
    progress: Callable[[float], None],
) -> tuple[dict[int, Picture], White]:
    """Decode all pictures; those of more than 8 bits again, once the normal ones have decided what is white."""
    wanted = [i for i, place in enumerate(places) if place.role in ("train", "test")]
    pictures: dict[int, Picture] = {}

    def decode_all(indices: Sequence[int], white: White) -> None:
        def one(i: int) -> Picture:
            return decode(files[i].read(), files[i].name, limits, white)

        for done, (i, outcome) in enumerate(zip(indices, _each(one, indices), strict=True), 1):
            progress(done / len(indices))
            if isinstance(outcome, Refusal):
                pictures.pop(i, None)
                told[i] = Entry(files[i].name, "refused", outcome.sentence, places[i].role, (outcome.sentence,))
            else:
                pictures[i] = outcome
                told[i] = _told(files[i].name, places[i].role, outcome.notes)

    decode_all(wanted, White())
    white = White.of(picture.depth for i, picture in pictures.items() if places[i].role == "train")
    deep = [i for i, picture in pictures.items() if picture.depth is not None]
    if white != White():
        decode_all(deep, white)
    for i, place in enumerate(places):
        if place.role == "outside":
            told[i] = _refused(files[i].name, _outside(place))
    return pictures, white


def _outside(place: Place) -> Sentence:
    if place.kind is not None:
        return Sentence(
            "dataset.defect_in_train",
            "It lies among the training pictures in a folder called {kind}; only good ones are learnt. Move it to "
            "`test/{kind}`.",
            kind=place.kind,
        )
    return Sentence(
        "dataset.outside",
        "It lies beside the folders of good and test pictures, so nothing says what it is for. Move it into one of "
        "them.",
    )


def _pair_masks(
    files: Sequence[File],
    places: Sequence[Place],
    samples: dict[int, Sample],
    limits: Limits,
    told: dict[int, Entry],
) -> None:
    """Give each mask to the picture of its name; several masks of one picture are joined."""
    by_key: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    by_stem: dict[str, list[int]] = defaultdict(list)
    for i, place in enumerate(places):
        if place.role == "test":
            by_key[(place.kind or "").lower() or None, place.stem.lower()].append(i)
            by_stem[place.stem.lower()].append(i)
    masks = [i for i, place in enumerate(places) if place.role == "mask"]
    owners = {i: _of_its_part(places, i, _owner(places[i], by_key, by_stem)) for i in masks}

    def one(i: int) -> tuple[NDArray[np.bool_], tuple[Sentence, ...]]:
        owner = _one_owner(owners[i], samples, [file.name for file in files])
        return read_mask(files[i].read(), samples[owner].picture.frame, limits)

    for i, outcome in zip(masks, _each(one, masks), strict=True):
        if isinstance(outcome, Refusal):
            told[i] = _refused(files[i].name, outcome.sentence, "mask")
            continue
        mask, notes = outcome
        owner = owners[i][0]
        try:
            samples[owner], more = _masked(samples[owner], mask)
        except PictureRefused as refusal:
            told[i] = _refused(files[i].name, refusal.sentence, "mask")
            continue
        told[i] = _told(files[i].name, "mask", notes + more)


def _owner(mask: Place, by_key: dict[tuple[str | None, str], list[int]], by_stem: dict[str, list[int]]) -> list[int]:
    for stem in layouts.mask_stems(mask):
        if found := by_key.get((mask.kind.lower() if mask.kind else None, stem)):
            return found
    return next((found for stem in layouts.mask_stems(mask) if (found := by_stem.get(stem))), [])


def _of_its_part(places: Sequence[Place], mask: int, owners: list[int]) -> list[int]:
    """Keep the pictures that came with the mask, where there are any."""
    return [i for i in owners if places[i].part == places[mask].part] or owners


def _one_owner(owners: list[int], samples: dict[int, Sample], names: Sequence[str]) -> int:
    if not owners:
        raise PictureRefused(
            "mask.no_picture",
            "No test picture has the name of this mask. Name it like its picture, with or without `_mask`.",
        )
    if len(owners) > 1:
        raise PictureRefused(
            "mask.two_pictures",
            "{count} test pictures have the name of this mask ({first}, {second}). Put it into a folder named like "
            "their kind.",
            count=len(owners),
            first=names[owners[0]],
            second=names[owners[1]],
        )
    if owners[0] not in samples:
        raise PictureRefused(
            "mask.picture_refused",
            "Its picture {picture} was refused, so the mask is not needed.",
            picture=names[owners[0]],
        )
    return owners[0]


def _masked(sample: Sample, mask: NDArray[np.bool_]) -> tuple[Sample, tuple[Sentence, ...]]:
    """Return the sample with one more mask, and what to say about it."""
    if not mask.any():
        if sample.defective:
            return sample, (
                Sentence(
                    "mask.empty",
                    "The mask marks nothing although its picture is defective: it was left out. Mark the defect.",
                ),
            )
        return sample, ()
    if sample.defective is False:
        raise PictureRefused(
            "mask.on_good",
            "The mask marks a defect in a picture that is called good. Move the picture, or empty the mask.",
        )
    joined = mask if sample.mask is None else sample.mask | mask
    if sample.defective is None:
        said = Sentence(
            "mask.says_defective", "Nobody labelled its picture; as the mask marks something, it counts as defective."
        )
        return replace(sample, mask=joined, defective=True, kind="defective"), (said,)
    return replace(sample, mask=joined), ()


def _with_empty_masks(test: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Give good pictures an empty mask where defective ones have masks: that nothing is marked is known there."""
    if not any(sample.mask is not None for sample in test):
        return test
    return tuple(
        replace(sample, mask=np.broadcast_to(np.False_, sample.picture.pixels.shape[:2]))
        if sample.defective is False and sample.mask is None
        else sample
        for sample in test
    )


def _each(work: Callable[[_Item], _Outcome], items: Sequence[_Item]) -> Iterator[_Outcome | Refusal]:
    """Run `work` on every item in a few threads; a refusal takes the place of its outcome."""

    def decoded(item: _Item) -> _Outcome | Refusal:
        try:
            return work(item)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(_THREADS) as threads:
        yield from threads.map(decoded, items)


def _told(name: str, role: str, notes: tuple[Sentence, ...]) -> Entry:
    return Entry(name, "converted" if notes else "accepted", notes[0] if notes else None, role, notes)


def _refused(name: str, why: Sentence, role: str = "") -> Entry:
    return Entry(name, "refused", why, role, (why,))
