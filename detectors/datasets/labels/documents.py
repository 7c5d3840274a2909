"""Documents beside pictures: which speak of pictures, what they say of them, and what is told of each document."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from detectors.datasets import layouts, words
from detectors.datasets.files.archives import File
from detectors.datasets.labels import polygons, splits, tables
from detectors.datasets.labels.beside import read_beside
from detectors.datasets.labels.boxes import read_boxes
from detectors.datasets.labels.polygons import Outlines
from detectors.datasets.labels.workbooks import Sheet, read_sheets, read_workbook
from detectors.datasets.places import NOT_ALIKE, OWN_NAME_UNCLEAR, Place, not_among, unsaid
from detectors.datasets.samples import Entry
from detectors.errors import Refusal, Sentence
from detectors.images.shrunk import is_picture

_DOCUMENTS = (*words.LABEL_ENDINGS, ".md", ".log", ".html", ".pdf", ".py", ".ipynb")
_SHEETS = (".xls", ".ods", ".parquet", ".feather", ".db", ".sqlite", ".docx")  # tables, in forms not read
_SHOWN = 3
_LONG = re.compile(rb"[\x80-\xff]{3}")  # more than accents


@dataclass
class Documents:
    """What was read beside the pictures: split files, outlines of defects, and what to tell of each document."""

    entries: list[Entry]
    texts: list[tuple[str, str]]
    outlines: list[tuple[Outlines, str]]
    books: list[tuple[str, list[Sheet]]] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)  # files of boxes, and the picture of each
    silent: list[str] = field(default_factory=list)  # called as if they spoke of defects, but not understood

    def split(
        self, names: Sequence[str]
    ) -> tuple[dict[str, Place], tuple[Sentence, ...], list[tuple[tables.Runs, str]], list[tables.Table]]:
        """Return the places that tables give, what to say of them, masks as runs, and tables that were not read."""
        found = [split for name, text in self.texts if (split := splits.read_split(name, text, names)) is not None]
        places, notes = splits.chosen(found)
        pictures = tables.Pictures(names)
        splitting = {split.name for split in found}
        boxed = read_boxes([text for text in self.texts if text[0] not in splitting], names)
        self.outlines += boxed.outlines
        self.damaged = dict(boxed.damaged)
        self._tell(boxed.damaged, Sentence("file.damaged", "Its boxes cannot be read, so its picture is not learnt."))
        self._tell(boxed.classes, Sentence("file.classes", "It names the classes of boxes."))
        drawn = {name for _, name in boxed.outlines}
        self.entries = [entry for entry in self.entries if entry.name not in drawn]  # told as their pictures' masks
        used = splitting | drawn | {*boxed.classes, *boxed.damaged}
        texts = [(name, text) for name, text in self.texts if name not in used]
        single = read_beside(texts, names, pictures)
        own = {name for each in single for name in each.files}
        texts = [(name, text) for name, text in texts if name not in own]
        named = [tables.read_table(name, text, pictures) for name, text in texts]
        self.silent = [
            name for (name, text), table in zip(texts, named, strict=True)
            if table is None and text.strip()
            and (words.speaks_of_labels(words.stem(name)) or pictures.called(words.stem(name), name))
            and "submission" not in name.casefold()
        ]  # fmt: skip
        named += [each.table for each in single]
        for name, sheets in self.books:
            table, said = read_sheets(name, sheets, pictures)
            notes += said
            named.append(table)
            if table is None and words.speaks_of_labels(words.stem(name)):
                self.silent.append(name)
        read = [table for table in named if table is not None and table.places]
        unread = [table for table in named if table is not None and not table.places]
        runs: list[tuple[tables.Runs, str]] = []
        if not places:
            notes += tuple(_against_each_other(read))
        for table in read if not places else ():
            places |= {name: place for name, place in table.places.items() if not _defective(places.get(name))}
            runs += [(each, table.name) for each in table.runs]
            notes += tuple(_said_of_table(table))
            self._tell([table.name], Sentence("file.table", "It says what {count} [picture is|pictures are], good or "
                                              "defective.", count=len(table.names)))  # fmt: skip
        for each in single:
            self._tell(each.files, _ITS_PICTURE if each.table.places else _UNREAD)
        if found:
            return places, notes, runs, []
        for table in unread:
            notes += tuple(_said_of_table(table))
            self._tell([table.name], _UNREAD)
        return places, notes, runs, unread

    def _tell(self, documents: Collection[str], why: Sentence) -> None:
        self.entries = [
            Entry(entry.name, "ignored", why, "", (why,), why) if entry.name in documents else entry
            for entry in self.entries
        ]


_SHEET = Sentence("file.sheet", "A table in a form that is not read. Save it as CSV.")
_UNREAD = Sentence("file.unread", "It speaks of pictures in a way that is not read.")
_ITS_PICTURE = Sentence("file.label", "It says whether the picture that is called like it is good or defective.")


def _said_of_table(table: tables.Table) -> Iterator[Sentence]:
    """Yield what to say of a table of labels: what 1 means in it, rows against others and rows without a picture."""
    yield from table.notes
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
    if table.kinds:
        yield Sentence(
            "dataset.table_kinds",
            "In {file}, {n} [column is|columns are] read as [a kind|kinds] of defects ({names}): 1 means that a "
            "picture has it.",
            file=file, n=len(table.kinds), names=", ".join(table.kinds),
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


def _against_each_other(read: Sequence[tables.Table]) -> Iterator[Sentence]:
    """Yield what to say of tables that contradict each other."""
    said: dict[str, set[bool]] = defaultdict(set)
    for table in read:
        for picture, place in table.places.items():
            if place.role != "mask" and place.defective is not None:
                said[picture].add(place.defective)
    against = sorted(picture for picture, each in said.items() if len(each) > 1)
    if against:
        files = [table.name.rpartition("/")[2] for table in read if {*against} & table.places.keys()]
        yield Sentence(
            "dataset.tables_against",
            "{files} contradict each other (pictures: {count}, {example} among them): such a picture counts as "
            "defective.",
            files=", ".join(files[:_SHOWN]), count=len(against), example=against[0],
        )  # fmt: skip


def documents_apart(files: Sequence[File]) -> tuple[list[File], Documents]:
    """Set aside read-me files and the like, unless they are pictures after all; read those that speak of pictures."""
    kept: list[File] = []
    documents = Documents([], [], [])
    for file in files:
        suffix = "." + file.name.rpartition(".")[2].lower()
        if suffix in _SHEETS:
            documents.sheets.append(file.name)
            documents.entries.append(Entry(file.name, "ignored", _SHEET, "", (_SHEET,), _SHEET))
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
        if suffix in words.BOOK_ENDINGS:
            sheets = read_workbook(content)
            documents.books += [(file.name, sheets)] if sheets is not None else []
            documents.sheets += [file.name] if sheets is None else []
            why = _SHEET if sheets is None else why
        elif suffix in words.LABEL_ENDINGS and suffix != ".json":
            documents.texts.append((file.name, _text(content)))
        elif suffix == ".json" and content.lstrip()[:1] in (b"{", b"["):
            text = content.decode("utf-8", "replace")
            if outlines := polygons.read_outlines(file.name, text):
                documents.outlines += [(each, file.name) for each in outlines]
                if len(outlines) == 1:
                    continue  # told as its picture's mask
                why = Sentence(
                    "file.outlines", "It holds the outlines of {count} [picture|pictures].", count=len(outlines)
                )
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


def unread_labels(unread: Sequence[tables.Table], names: Sequence[str], places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of labels that were not read of pictures that are learnt, or tested without a label."""
    open_ = {n for n, place in zip(names, places, strict=True) if place.role == "train" or place.defective is None}
    unread = [table for table in unread if table.names & open_]
    if unread:
        yield Sentence(
            "dataset.labels_unread",
            "Labels of {count} [picture|pictures] in {names} are not read, so defective ones may be learnt as normal. "
            "Say which folders or files are defective, or put a table beside them with the columns file and label.",
            names=tables.unread(unread),
            count=len(frozenset[str]().union(*(table.names for table in unread))),
        )


def may_speak(documents: Sequence[str], places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of documents that may hold labels, where no folder says what learnt pictures are."""
    learnt = sum(place.role == "train" and unsaid(place) for place in places)
    if documents and learnt:
        names = [name.rpartition("/")[2] for name in documents]
        yield Sentence(
            "dataset.labels_perhaps",
            "{names} may say which pictures are defective and cannot be read; {count} [picture|pictures] of which no "
            "folder says anything [is|are] learnt as normal. Put a table beside them, as CSV with the columns file "
            "and label.",
            names=", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else ""),
            count=learnt,
        )


def of_others(places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of pictures that are good, or of which nothing is known, since names or numbers say no more."""
    if count := sum(map(not_among, places)):
        yield Sentence(
            "dataset.not_among",
            "Only defective pictures are named; those that are not count as good: {count}.",
            count=count,
        )
    numbers = [
        place.why.values["folder"] for place in places if place.why is not None and place.why.key == "role.number"
    ]
    if numbers:
        yield Sentence(
            "dataset.numbers",
            "Folders that are called {names} may hold good or defective pictures, so they are tested without a label "
            "(pictures: {count}). Say which folder is good and which is defective.",
            names=", ".join(sorted({*numbers})), count=len(numbers),
        )  # fmt: skip


def unclear(names: Sequence[str], places: Sequence[Place]) -> Iterator[Sentence]:
    """Yield what to say of folders and names that contradict themselves or each other, or do not say what others do."""
    against = [
        place.why.values["folder"] for place in places
        if place.why is not None and place.why.key == "role.contradicted"
    ]  # fmt: skip
    if against:
        yield Sentence(
            "dataset.contradicted",
            "What the folders {names} say is contradicted, by themselves or by the folders around them, so their "
            "pictures are tested without a label ({count}). Say which hold good and which defective ones.",
            names=", ".join(sorted({*against})), count=len(against),
        )  # fmt: skip
    doubted = (OWN_NAME_UNCLEAR, NOT_ALIKE)
    if found := [name for name, place in zip(names, places, strict=True) if place.why in doubted]:
        yield Sentence(
            "dataset.names_unclear",
            "Names of other pictures say that they are good; those of {count} say nothing, or something against it "
            "({example} among them): they are tested without a label. Say which are good and which defective.",
            count=len(found), example=found[0],
        )  # fmt: skip


def otherwise(table: Mapping[str, Place]) -> Iterator[Sentence]:
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
            "{file} says otherwise than the folders of {count} [picture|pictures] ({example}: {kind}): the table "
            "counts.",
            file=place.why.values["file"], count=len(found), example=name, kind=place.kind,
        )  # fmt: skip
