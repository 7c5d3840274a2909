"""From listed files to a data set: each is placed, decoded on its own, paired with its mask, and reported."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, TypeVar

from detectors.datasets import checks, layouts, polygons, roles, splits, tables, words
from detectors.datasets.archives import File, Listing
from detectors.datasets.layouts import Place, Purpose
from detectors.datasets.levels import said_of_levels
from detectors.datasets.pairing import pair_masks
from detectors.datasets.polygons import Outlines
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

_DOCUMENTS = (
    ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".log", ".html", ".pdf", ".py", ".ipynb",
)  # fmt: skip
_SHEETS = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".db", ".sqlite", ".docx")  # tables, in forms not read
_SHOWN = 3
_LONG = re.compile(rb"[\x80-\xff]{3}")  # more than accents
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
    files, documents = _without_documents(listing.files)
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
    outlined = _Outlines(names, tuple(places), limits)
    notes += tuple(_unread([*unread, *tables.unreadable_masks(names, places)], names, places))
    notes += tuple(_may_speak([*documents.sheets, *documents.silent], places))
    notes += tuple(_otherwise(table))
    listed = Counter(source for _, source in documents.outlines)
    marked = any(outlines.marked for outlines, _ in documents.outlines)
    moved = False
    for outlines, source in documents.outlines:
        found = outlined.owners(outlines, source)
        if len(found) != 1:
            documents.entries.append(_no_picture(source, outlines, [names[i] for i in found]))
            continue
        (owner,) = found
        if listed[source] > 1:  # one document of many pictures says which of them have defects
            if not outlines.marked:
                if marked and places[owner].kind is None:
                    places[owner] = replace(places[owner], kind="good", why=_listed(source))
                continue
            if not given and layouts.only_of_training(names[owner], places[owner]):
                kind = outlines.kinds[0] if outlines.kinds else "defective"
                places[owner] = replace(places[owner], role="test", kind=kind, why=_outlined(source))
                moved = True
        drawn = outlined.drawn(outlines, source, owner)
        files.append(drawn[0])
        places.append(drawn[1])
    if moved:
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
            taken.append(FileUse(file.name, "", why=place.why))
        elif i in samples:
            why = layouts.BY_MASK if layouts.unsaid(place) and samples[i].defective else place.why
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
    return replace(data, report=replace(report, notes=notes + found))


@dataclass
class _Documents:
    """What was read beside the pictures: split files, outlines of defects, and what to tell of each document."""

    entries: list[Entry]
    texts: list[tuple[str, str]]
    outlines: list[tuple[Outlines, str]]
    sheets: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)  # called as if they spoke of defects, but not understood

    def split(
        self, names: Sequence[str]
    ) -> tuple[dict[str, Place], tuple[Sentence, ...], list[tuple[tables.Runs, str]], list[tables.Table]]:
        """Return the places that tables give, what to say of them, masks as runs, and tables that were not read."""
        found = [split for name, text in self.texts if (split := splits.read_split(name, text, names)) is not None]
        places, notes = splits.chosen(found)
        pictures = tables.Pictures(names)
        splitting = {split.name for split in found}
        texts = [(name, text) for name, text in self.texts if name not in splitting]
        named = [tables.read_table(name, text, pictures) for name, text in texts]
        self.silent = [
            name for (name, text), table in zip(texts, named, strict=True)
            if table is None and text.strip()
            and (words.speaks_of_labels(words.stem(name)) or pictures.called(words.stem(name), name))
            and "submission" not in name.casefold()
        ]  # fmt: skip
        read = [table for table in named if table is not None and table.places]
        unread = [table for table in named if table is not None and not table.places]
        runs: list[tuple[tables.Runs, str]] = []
        for table in read if not places else ():
            places |= {name: place for name, place in table.places.items() if not _defective(places.get(name))}
            runs += [(each, table.name) for each in table.runs]
            notes += tuple(_said_of_table(table))
            self._tell(table.name, Sentence("file.table", "It says which of {count} pictures are good and which "
                                            "defective.", count=len(table.names)))  # fmt: skip
        if found:
            return places, notes, runs, []
        for table in unread:
            notes += tuple(_said_of_table(table))
            self._tell(table.name, Sentence("file.unread", "It speaks of pictures in a way that is not read."))
        return places, notes, runs, unread

    def _tell(self, name: str, why: Sentence) -> None:
        self.entries = [
            Entry(name, "ignored", why, "", (why,), why) if entry.name == name else entry for entry in self.entries
        ]


def _said_of_table(table: tables.Table) -> Iterator[Sentence]:
    """Yield what to say of a table of labels: what 1 means in it, rows against others and rows without a picture."""
    file = table.name.rpartition("/")[2]
    if table.ones == "defective":
        yield Sentence("dataset.table_ones", "In {file}, 1 is taken for defective and 0 for good.", file=file)
    elif table.ones == "good":
        yield Sentence("dataset.table_ones_good", "In {file}, 1 is taken for good and 0 for defective.", file=file)
    if table.unsure:
        yield Sentence(
            "dataset.table_unsure",
            "In {file}, nothing says whether 1 means good or defective in the column {column}, so it is not used. Call "
            "the column is_good or is_defect.",
            file=file, column=table.unsure,
        )  # fmt: skip
    if table.against:
        yield Sentence(
            "dataset.table_against",
            "Rows of {file} contradict each other (pictures: {count}, {example} among them): such a picture counts as "
            "defective.",
            file=file, count=len(table.against), example=table.against[0],
        )  # fmt: skip
    if table.several:
        yield Sentence(
            "dataset.table_several",
            "Rows of {file} whose name several pictures have, so that nothing says which is meant: {count} ({example} "
            "among them). Write the folder before the name.",
            file=file, count=len(table.several), example=table.several[0],
        )  # fmt: skip
    if table.others:
        yield Sentence("dataset.table_others", "Rows of {file} that name no picture of the set: {count}.",
                       file=file, count=table.others)  # fmt: skip


def _without_documents(files: Sequence[File]) -> tuple[list[File], _Documents]:
    """Set aside read-me files and the like, unless they are pictures after all; read those that speak of pictures."""
    kept: list[File] = []
    documents = _Documents([], [], [])
    for file in files:
        suffix = "." + file.name.rpartition(".")[2].lower()
        if suffix in _SHEETS:
            documents.sheets.append(file.name)
            why = Sentence("file.sheet", "A table in a form that is not read. Save it as CSV.")
            documents.entries.append(Entry(file.name, "ignored", why, "", (why,), why))
            continue
        if suffix not in _DOCUMENTS:
            kept.append(file)
            continue
        why = Sentence("file.document", "A document, not a picture: passed over.")
        try:
            content = file.read()
        except Refusal as refusal:
            documents.entries.append(Entry(file.name, "ignored", refusal.sentence, "", (refusal.sentence,)))
            continue
        if is_picture(content):
            kept.append(file)
            continue
        if suffix in (".csv", ".tsv", ".txt", ".xml", ".yaml", ".yml", ".jsonl"):
            documents.texts.append((file.name, _text(content)))
        elif suffix == ".json" and content.lstrip()[:1] in (b"{", b"["):
            text = content.decode("utf-8", "replace")
            if outlines := polygons.read_outlines(file.name, text):
                documents.outlines += [(each, file.name) for each in outlines]
                if len(outlines) == 1:
                    continue  # told as its picture's mask
                why = Sentence("file.outlines", "It holds the outlines of {count} pictures.", count=len(outlines))
            else:
                documents.texts.append((file.name, text))
        documents.entries.append(Entry(file.name, "ignored", why, "", (why,)))
    return kept, documents


def _text(content: bytes) -> str:
    """Return a document's text: UTF-8, or as Excel writes Korean or Western languages, whose accents stand apart."""
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        korean, western = content.decode("cp949", "replace"), content.decode("cp1252", "replace")
        is_korean = all("가" <= sign <= "힣" for sign in korean if not sign.isascii())
        accents = all(sign.isalpha() for sign in western if not sign.isascii())
        return western if accents and not is_korean and not _LONG.search(content) else korean


def _defective(place: Place | None) -> bool:
    return place is not None and bool(place.defective)


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


def _unread(unread: Sequence[tables.Table], names: Sequence[str], places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of labels that were not read of pictures that are learnt, or tested without a label."""
    open_ = {n for n, place in zip(names, places, strict=True) if place.role == "train" or place.defective is None}
    unread = [table for table in unread if table.names & open_]
    if unread:
        yield Sentence(
            "dataset.labels_unread",
            "What {names} say of {count} pictures is not read, so defective ones may be learnt as normal. Say which "
            "folders or files are defective, or put a table beside them with the columns file and label.",
            names=tables.unread(unread),
            count=len(frozenset[str]().union(*(table.names for table in unread))),
        )


def _may_speak(documents: Sequence[str], places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of documents that may hold labels, where no folder says what learnt pictures are."""
    learnt = sum(place.role == "train" and layouts.unsaid(place) for place in places)
    if documents and learnt:
        names = [name.rpartition("/")[2] for name in documents]
        yield Sentence(
            "dataset.labels_perhaps",
            "{names} may say which pictures are defective and cannot be read; {count} pictures of which no folder says "
            "anything are learnt as normal. Put a table beside them, as CSV with the columns file and label.",
            names=", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else ""),
            count=learnt,
        )


def _otherwise(table: Mapping[str, Place]) -> Iterator[Sentence]:
    """Yield what to say where a table and the folders contradict each other."""
    found = [
        (name, place)
        for name, place in sorted(table.items())
        if place.why is not None and place.why.key == "role.table" and place.role != "mask"
        and layouts.contradicts(name, place.defective)
    ]  # fmt: skip
    if found:
        (name, place) = found[0]
        assert place.why is not None
        yield Sentence(
            "dataset.table_otherwise",
            "{file} says otherwise than the folders of {count} pictures ({example}: {kind}): the table counts.",
            file=place.why.values["file"], count=len(found), example=name, kind=place.kind,
        )  # fmt: skip


class _Outlines:
    """Finds the pictures that outlines are of."""

    def __init__(self, names: Sequence[str], places: Sequence[Place], limits: Limits) -> None:
        self.names, self.places, self.limits = names, places, limits
        self.by_file: dict[str, list[int]] = defaultdict(list)
        self.by_stem: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, place in enumerate(places):
            if place.role in ("train", "test", "outside"):
                folder, _, file = names[i].rpartition("/")
                self.by_file[file.casefold()].append(i)
                self.by_stem[folder, place.stem.casefold()].append(i)

    def owners(self, outlines: Outlines, source: str) -> list[int]:
        """Return the picture that outlines name, as an index; none, or several that nothing tells apart."""
        folder = source.rpartition("/")[0]
        file, wanted = outlines.picture.rpartition("/")[2], f"/{outlines.picture}".casefold()
        called = self.by_file[file.casefold()]
        ending = [i for i in called if f"/{self.names[i]}".casefold().endswith(wanted)]
        beside = [i for i in ending if self.names[i].rpartition("/")[0] == folder]
        below = [i for i in ending if self.names[i].startswith(f"{folder}/")]
        defective = [i for i in below or ending if self.places[i].defective and outlines.marked]
        of_its_name = self.by_stem[folder, words.stem(source).casefold()]
        return next((found for found in (beside, ending, called, of_its_name, defective) if len(found) == 1), called)

    def drawn(self, outlines: Outlines, source: str, owner: int) -> tuple[File, Place]:
        """Return outlines as a file of a mask, placed at their picture."""
        kind = outlines.kinds[0] if outlines.kinds else None
        stem = words.stem(outlines.picture.rpartition("/")[2])
        name = source if words.stem(source) == stem else f"{source}: {outlines.picture}"
        place = Place("mask", kind, self.places[owner].stem, why=_outlined(source), picture=self.names[owner])
        return File(name, lambda: outlines.mask(self.limits)), place


def _outlined(source: str) -> Sentence:
    return Sentence("role.outlines", "{file} outlines its defects.", file=source.rpartition("/")[2])


def _listed(source: str) -> Sentence:
    return Sentence("role.listed", "{file} lists it without a defect.", file=source.rpartition("/")[2])


def _no_picture(source: str, outlines: Outlines, called: Sequence[str]) -> Entry:
    why = Sentence(
        "mask.no_outlined_picture", "Its outlines are for {picture}, which is not here.", picture=outlines.picture
    )
    if called:
        why = Sentence(
            "mask.two_outlined_pictures",
            "Its outlines are for {picture}, and {count} pictures are called so ({first}, {second}).",
            picture=outlines.picture, count=len(called), first=called[0], second=called[1],
        )  # fmt: skip
    return Entry(source, "refused", why, "mask", (why,))


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
        "There is no test folder: {count} of the good pictures, every fifth, are tested instead of learnt.",
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
