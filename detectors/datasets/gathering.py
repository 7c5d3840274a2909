"""From listed files to a data set: each is placed, decoded on its own, paired with its mask, and reported."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeVar

from detectors.datasets import checks, layouts, roles, words
from detectors.datasets.files.archives import File, Listing
from detectors.datasets.labels import tables
from detectors.datasets.labels.documents import documents_apart, may_speak, of_others, otherwise, unclear, unread_labels
from detectors.datasets.labels.outlining import place_outlines
from detectors.datasets.levels import said_of_levels
from detectors.datasets.pairing import pair_masks
from detectors.datasets.places import BY_MASK, Place, Purpose, unsaid
from detectors.datasets.samples import Dataset, Entry, Report, Sample, with_empty_masks
from detectors.datasets.understanding import FileUse, understand
from detectors.errors import DatasetRefused, Refusal, Sentence
from detectors.images import Picture, decode
from detectors.images.at_rest import Rest
from detectors.images.depth import White
from detectors.images.formats import no_picture
from detectors.images.limits import LIMITS, MB, Limits
from detectors.images.looks import Look, look
from detectors.images.shrunk import is_picture

_SHOWN = 3
_THREADS = min(4, os.cpu_count() or 1)  # Pillow lets go of the interpreter while it decodes
_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


@dataclass(frozen=True)
class Arrangement:
    """Files that lie somewhere in a data set, their places, what was turned down before, and what to say.

    `unused` are the folders that a person gave a role and that are not among the files.
    """

    files: tuple[File, ...]
    places: tuple[Place, ...]
    entries: tuple[Entry, ...] = ()
    notes: tuple[Sentence, ...] = ()
    unused: tuple[str, ...] = ()


def gather(
    listing: Listing,
    name: str,
    recipe: dict[str, Any],
    product: str | None,
    limits: Limits,
    said: Mapping[str, str] | None = None,
    white: White | None = None,
) -> Dataset:
    """Make a data set of a folder's or ZIP's files by where they lie; `said` and `white` are what a person chose.

    Raises:
        SettingRefused: for a role of a folder that is not there.
    """
    found = sort_out(listing, product, said=said, limits=limits)
    if found.unused:
        raise roles.nowhere(found.unused, [file.name for file in found.files])
    if product is not None:
        name, recipe = f"{name}/{product}", recipe | {"product": product}
    if said:
        recipe = recipe | {"roles": dict(said)}
    return assemble(found.files, found.places, name, recipe, limits, found.entries, found.notes, white=white)


def sort_out(
    listing: Listing,
    product: str | None = None,
    given: Purpose = "",
    said: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
    choose: bool = True,
) -> Arrangement:
    """Give each file of a folder, a ZIP or an upload its place.

    Args:
        listing: the files.
        product: one of several data sets that lie side by side.
        given: "train", "test" or "mask" for files that were given as such; "" when the folders alone say.
        said: the roles that a person gave folders.
        limits: on what is looked at.
        choose: whether several data sets must be chosen from.

    Raises:
        DatasetRefused: for several data sets without `product`; its sentence's values name them as `products`. For a
            product that is not there.
    """
    roles.check_roles(said or {})
    files, documents = documents_apart(listing.files)
    names = [file.name for file in files]
    several = layouts.products(names) if choose else ()
    if product is not None:
        chosen = set(layouts.within(names, product))
        files = [file for file in files if file.name in chosen]
        if not files:
            raise _no_product(product, layouts.products(names))
    elif several:
        raise DatasetRefused(
            "dataset.several",
            "{count} data sets lie side by side here: {names}. Choose one of them.",
            count=len(several),
            names=", ".join(several[:10]),
            products=several,
        )
    names = [file.name for file in files]
    table, notes, runs, unread = documents.split(names)
    if given == "test":
        table = {name: replace(place, role="test") if place.role == "train" else place for name, place in table.items()}
    overrides, unused = roles.resolve(names, said or {})
    seen: dict[int, Look | None] = {}

    def looked(i: int) -> Look | None:
        if i not in seen:
            seen[i] = _or_none(lambda: look(files[i].read(), limits))
        return seen[i]

    places, set_aside = layouts.place_all(names, table, given, overrides, looked)
    outlined = place_outlines(documents.outlines, files, places, given, limits, documents.damaged)
    settled = outlined.places[: len(names)]
    notes += tuple(unread_labels([*unread, *tables.unreadable_masks(names, settled)], names, settled))
    notes += tuple(may_speak([*documents.sheets, *documents.silent], settled))
    notes += (*of_others(settled), *unclear(names, settled), *otherwise(table), *outlined.notes)
    files, places = outlined.files, outlined.places
    if outlined.moved:
        places, spared = layouts.with_spare(places, [file.name for file in files])
        set_aside = set_aside or spared
    by_name = {file.name: file for file in files}
    for each, table_name in runs:
        files.append(_of_runs(each, by_name[each.picture], table_name, limits))
        places.append(
            Place("mask", each.kind, words.stem(each.picture), why=table[each.picture].why, picture=each.picture)
        )
    entries = [Entry(label, "refused", why, "", (why,)) for label, why in listing.refused]
    entries += [Entry(label, "ignored", why, "", (why,)) for label, why in listing.ignored]
    entries += outlined.entries
    if set_aside:
        notes += (_set_aside(sum(place.role == "test" and place.kind == "good" for place in places)),)
    return Arrangement(tuple(files), tuple(places), (*entries, *documents.entries), notes, unused)


def assemble(
    files: Sequence[File],
    places: Sequence[Place],
    name: str,
    recipe: dict[str, Any],
    limits: Limits,
    entries: tuple[Entry, ...] = (),
    notes: tuple[Sentence, ...] = (),
    progress: Callable[[float], None] = lambda done: None,
    white: White | None = None,
) -> Dataset:
    """Decode files whose places are known.

    `entries` are of files that were already turned down; `progress` is called with the share of pictures decoded;
    `white` is black and white of deep pictures as a person chose them.
    """
    refused: dict[int, Sentence] = {}
    pictures, decided = _decoded(files, places, limits, refused, progress, white)
    samples = {i: Sample(picture, places[i].defective, places[i].kind) for i, picture in pictures.items()}
    paired = pair_masks(files, places, samples, limits, _each)
    refused |= paired.refused
    notes += paired.said
    notes += tuple(_empty_masks(files, paired.notes))
    samples, learnt, spared = _settled(files, places, paired.samples)
    if spared:
        notes += (_set_aside(spared),)
    disputed, said = checks.disputed(samples, learnt)
    notes += said
    learnt -= disputed
    samples |= {i: replace(samples[i], defective=None, kind=None, mask=None) for i in disputed}
    told: list[Entry] = []
    taken: list[FileUse] = []
    for i, (file, place) in enumerate(zip(files, places, strict=True)):
        role = "train" if i in learnt else "test" if i in samples else place.role
        if place.role == "outside":
            refused[i] = _outside(file, place)
        if place.role == "ignored":
            told.append(_ignored(file.name, place))
            taken.append(FileUse(file.name, "ignored", why=place.why))
        elif i in refused:
            shown = "" if place.role == "outside" else place.role
            told.append(Entry(file.name, "refused", refused[i], shown, (refused[i],), place.why))
            taken.append(FileUse(file.name, "", why=refused[i]))
        elif i in samples:
            why = _DISPUTED if i in disputed else BY_MASK if unsaid(place) and samples[i].defective else place.why
            told.append(_told(file.name, role, samples[i].picture.notes, why))
            taken.append(FileUse(file.name, role, samples[i].defective, samples[i].kind, why))  # type: ignore[arg-type]
        else:
            told.append(_told(file.name, "mask", paired.notes[i], place.why))
            taken.append(FileUse(file.name, "mask", why=place.why))
    train = tuple(sample for i, sample in sorted(samples.items()) if i in learnt)
    test = tuple(sample for i, sample in sorted(samples.items()) if i not in learnt)
    notes += tuple(
        said_of_levels([s.picture for s in train], [s.picture for s in test], decided, chosen=white is not None)
    )
    recipe = recipe | {
        "white": decided.whole,
        "white_real": decided.real,
        "black": decided.black,
        "black_real": decided.real_black,
    }
    if white is not None:
        recipe["levels_chosen"] = True
    unread = ", ".join(note.values["names"] for note in notes if note.key == "dataset.labels_unread")
    report = Report((*told, *entries), (), understand(taken, unread))
    data = Dataset(name, train, tuple(with_empty_masks(test)), report, recipe)
    found = checks.problems(data)
    if any(note.key == "dataset.empty_masks" for note in notes):
        found = tuple(note for note in found if note.key != "dataset.no_masks")  # there are, but empty
    return replace(data, report=replace(report, notes=tuple(dict.fromkeys(notes + found))))


_DISPUTED = Sentence("role.disputed", "The same picture lies both among good and among defective ones.")


def _empty_masks(files: Sequence[File], notes: Mapping[int, Sequence[Sentence]]) -> Iterator[Sentence]:
    """Yield what to say of masks of defective pictures that mark nothing."""
    empty = [files[i].name for i, said in sorted(notes.items()) if any(each.key == "mask.empty" for each in said)]
    if empty:
        yield Sentence(
            "dataset.empty_masks",
            "Masks of defective pictures that mark nothing: {count} ({examples}). They were left out; mark them.",
            count=len(empty), examples=", ".join(empty[:_SHOWN]),
        )  # fmt: skip


def _of_runs(runs: tables.Runs, picture: File, table: str, limits: Limits) -> File:
    """Return run lengths as a file of a mask."""

    def read() -> bytes:
        seen = look(picture.read(), limits)
        return runs.mask(seen.size if seen is not None else (0, 0), limits)

    return File(f"{table}: {runs.picture.rpartition('/')[2]}", read)


class _Resting:
    """Lays pictures on the disk as soon as they are decoded, from the one on for which memory has no room."""

    def __init__(self, limits: Limits) -> None:
        self.room = limits.memory_mb * MB
        self.rest: Rest | None = None
        self.lock = Lock()

    def laid(self, picture: Picture) -> Picture:
        with self.lock:
            self.room -= picture.pixels.nbytes
            if self.room >= 0:
                return picture
            self.rest = self.rest or Rest()
        return self.rest.lay(picture)


def _decoded(
    files: Sequence[File],
    places: Sequence[Place],
    limits: Limits,
    refused: dict[int, Sentence],
    progress: Callable[[float], None],
    chosen: White | None,
) -> tuple[dict[int, Picture], White]:
    """Decode all pictures; those of more than 8 bits again, once the normal ones have decided black and white."""
    wanted = [i for i, place in enumerate(places) if place.role in ("train", "test")]
    pictures: dict[int, Picture] = {}
    resting = _Resting(limits)

    def decode_all(indices: Sequence[int], white: White, measuring: bool = False) -> None:
        def one(i: int) -> Picture:
            return resting.laid(decode(files[i].read(), files[i].name, limits, white, measuring))

        for done, (i, outcome) in enumerate(zip(indices, _each(one, indices), strict=True), 1):
            progress(done / len(indices))
            if isinstance(outcome, Refusal):
                pictures.pop(i, None)
                refused[i] = outcome.sentence
            else:
                pictures[i] = outcome

    decode_all(wanted, White(), measuring=True)
    normal = {i for i in pictures if places[i].role == "train" or places[i].by_mask}
    white = chosen or White.of(
        [pictures[i].depth for i in pictures if i in normal], [pictures[i].depth for i in pictures if i not in normal]
    )
    deep = [i for i, picture in pictures.items() if picture.depth is not None]
    if deep and (white != White() or any(picture.depth and picture.depth.low < 0 for picture in pictures.values())):
        decode_all(deep, white)
    return pictures, white


def _settled(
    files: Sequence[File], places: Sequence[Place], samples: Mapping[int, Sample]
) -> tuple[dict[int, Sample], set[int], int]:
    """Return the samples, which are learnt, and how many good ones were set aside, now that masks have spoken.

    Where masks alone say what is defective, pictures with an empty one are good, and a folder whose pictures are all
    marked is the kind of their defect. A marked picture of which nobody said anything is tested.
    """
    result = dict(samples)
    open_ = [i for i in result if places[i].by_mask]
    mixed = Counter(places[i].folder for i in open_ if not result[i].defective)
    for i in open_:
        if result[i].defective is None:
            result[i] = replace(result[i], defective=False, kind="good")
        elif result[i].defective and result[i].kind == "defective" and not mixed[places[i].folder]:
            result[i] = replace(result[i], kind=places[i].folder or "defective")
    learnt = {i for i in result if (places[i].role == "train" or places[i].by_mask) and not result[i].defective}
    if not open_ and all(i in learnt for i in result if places[i].role == "train"):
        return result, learnt, 0
    order = sorted(result)
    spare = layouts.spared(
        [("train" if i in learnt else "test", result[i].kind) for i in order], [files[i].name for i in order]
    )
    return result, learnt - {order[at] for at in spare}, len(spare)


def _each(work: Callable[[_Item], _Outcome], items: Sequence[_Item]) -> Iterator[_Outcome | Refusal]:
    """Run `work` on every item in a few threads; a refusal takes the place of its outcome."""

    def decoded(item: _Item) -> _Outcome | Refusal:
        try:
            return work(item)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(_THREADS) as threads:
        yield from threads.map(decoded, items)


def _or_none(work: Callable[[], _Outcome | None]) -> _Outcome | None:
    try:
        return work()
    except Refusal:
        return None


def _no_product(product: str, there: Sequence[str]) -> DatasetRefused:
    if there:
        return DatasetRefused(
            "dataset.no_product",
            "There is no data set {product!r} here; there are {names}.",
            product=product,
            names=", ".join(there[:20]),
        )
    return DatasetRefused(
        "dataset.one_product", "There is no data set {product!r} here: all pictures are one set.", product=product
    )


def _set_aside(count: int) -> Sentence:
    return Sentence(
        "dataset.set_aside",
        "There is no test folder: {count} of the good pictures, every fifth, [is|are] tested instead of learnt.",
        count=count,
    )


def _outside(file: File, place: Place) -> Sentence:
    try:
        data = file.read()
    except Refusal as refusal:
        return refusal.sentence
    if not is_picture(data):
        return no_picture(data).sentence
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


def _ignored(name: str, place: Place) -> Entry:
    assert place.why is not None
    return Entry(name, "ignored", place.why, "", (place.why,), place.why)


def _told(name: str, role: str, notes: tuple[Sentence, ...], why: Sentence | None) -> Entry:
    return Entry(name, "converted" if notes else "accepted", notes[0] if notes else None, role, notes, why)
