"""Tables of labels beside pictures: which are good and which defective, in CSV, TSV and lists; and labels not read.

The column that names pictures is the one whose cells do, with or without folders and endings. The verdict stands in a
column called like one (`words.VERDICT_COLUMNS`), in the only other column, or in a column of 0 and 1 for each kind. A
list of names alone is of what its own name says ("defective.txt"). Run lengths ("EncodedPixels") are masks.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from detectors.datasets import words
from detectors.datasets.labels import one_hot
from detectors.datasets.labels.polygons import Outlines
from detectors.datasets.layouts import split_of
from detectors.datasets.places import Place
from detectors.datasets.words import meaning
from detectors.errors import PictureRefused, Sentence
from detectors.images.limits import LIMITS, Limits

_EMPTY = frozenset({"", "nan", "null", "n/a", "-"})
_YES, _NO = frozenset({"1", "1.0"}) | words.YES, frozenset({"0", "0.0"}) | words.NO
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
_OF_CLASS = re.compile(r"(.+\.\w{3,4})_(\d+)")  # Severstal's "0002cc93b.jpg_1"
_MEASURES = frozenset({"area", "size", "count", "number", "score", "severity", "share", "probability"})
_OPEN = ""  # the verdict of a cell whose words leave it open
_SHOWN = 5
_MOST = 0.9  # of the pictures that a list names whose own name says nothing: it is a list of all
_BOXES = 5  # numbers in a row of a YOLO file, or more
_FILE = re.compile(r".+\.(?:png|jpe?g|bmp|tiff?|webp|gif)", re.IGNORECASE)
_QUOTED = re.compile(r"[\">]([^\"<>]+\.(?:png|jpe?g|bmp|tiff?|webp|gif))[\"<]", re.IGNORECASE)
_OWN_XML, _OWN_JSON = re.compile("<object"), re.compile(r'"(?:labels?|objects|bbox)"')  # of the picture of its name
_SENT = re.compile(r"[0-9a-f]{8}-(.+)")  # as Label Studio calls what was sent to it
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MANY_XML = re.compile(r"<(?:object|box|polygon|polyline|mask|tag)\b")  # of the pictures that it names
_MANY_JSON = re.compile(
    r'"(?:labels?|objects|bbox(?:es)?|class(?:es)?|category(?:_id)?|annotations?|defect\w*|anomal\w*)"'
)


@dataclass(frozen=True)
class Runs:
    """The defects of one picture as (start, length) down its columns, from 1, as in Severstal's `train.csv`."""

    picture: str
    kind: str
    pairs: tuple[tuple[int, int], ...]

    def mask(self, size: tuple[int, int], limits: Limits = LIMITS) -> bytes:
        """Return the mask as PNG for a picture of (H, W); `PictureRefused` where the runs do not fit it."""
        counts: list[int] = []
        at = 0
        for start, length in sorted(self.pairs):
            if start - 1 < at or length < 1 or start - 1 + length > size[0] * size[1]:
                raise PictureRefused(
                    "table.runs",
                    "The run lengths do not fit its picture of {width} x {height} pixels.",
                    width=size[1],
                    height=size[0],
                )
            counts += [start - 1 - at, length]
            at = start - 1 + length
        return Outlines(self.picture, size, (self.kind,), (), (tuple(counts),)).mask(limits)


@dataclass(frozen=True)
class Table:
    """A document that names pictures: their places as it gives them, and masks; no places where it was not understood.

    Attributes:
        names: the pictures that it speaks of.
        ones: "good" or "defective", what 1 was taken for where only 0 and 1 say it, in a column that asks for neither.
        unsure: the column whose 0 and 1 may mean either, so that it is not used.
        others: how many rows name no picture of the set.
        several: names in it that several pictures have.
        kinds: columns of 0 and 1 that are read as kinds of defects.
        notes: what to say of columns that disagree, and of words that say neither good nor defective.
        against: pictures that one row calls good and another defective.
    """

    name: str
    names: frozenset[str]
    places: Mapping[str, Place]
    runs: tuple[Runs, ...] = ()
    ones: Literal["good", "defective", ""] = ""
    unsure: str = ""
    others: int = 0
    against: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    notes: tuple[Sentence, ...] = ()


class Pictures:
    """Finds the pictures that a table means: by the end of their paths, with or without an ending."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.ends: dict[str, list[str]] = defaultdict(list)
        self.numbers: dict[int, list[str]] = defaultdict(list)
        for name in names:
            if words.stem(name).isdecimal():
                self.numbers[int(words.stem(name))].append(name)
            parts = name.casefold().split("/")
            for start in range(len(parts)):
                end = "/".join(parts[start:])
                for key in {end, end.rpartition(".")[0] or end}:
                    self.ends[key].append(name)

    def called(self, cell: str, table: str) -> str | None:
        """Return the one picture that a cell names; None for none, or several that nothing tells apart."""
        found = self.all_called(cell, table)
        return found[0] if len(found) == 1 else None

    def all_called(self, cell: str, table: str) -> list[str]:
        """Return the pictures that a cell may name, none, one, or several that nothing tells apart."""
        parts = [part for part in cell.strip().replace("\\", "/").casefold().split("/") if part not in ("", ".")]
        found = next((f for i in range(len(parts)) if (f := self.ends.get("/".join(parts[i:])))), [])
        if not found and _FILE.fullmatch(cell.strip()):  # the pictures were saved in another format since
            bare = [*parts[:-1], words.stem(parts[-1])]
            found = next((f for i in range(len(bare)) if (f := self.ends.get("/".join(bare[i:])))), [])
        if not found and parts and (sent := _SENT.fullmatch(parts[-1])):
            found = self.ends.get(sent[1], [])
        folder = table.rpartition("/")[0]
        preferences: tuple[Callable[[str], bool], ...] = (
            lambda name: not words.in_masks(name),
            lambda name: not words.named_like_a_mask(name.rpartition("/")[2]),
            lambda name: name.startswith(f"{folder}/") if folder else True,
            lambda name: split_of(name) == meaning(words.stem(table)).role,
        )
        for prefers in preferences:
            found = [name for name in found if prefers(name)] or found
        return found

    def numbered(self, cells: Sequence[str]) -> list[str | None]:
        """Return the pictures whose names are these numbers (7 for "007.png"); only None where one has none."""
        numbers = [int(cell) if cell.isdecimal() and len(cell) < 12 else -1 for cell in cells]
        found = [self.numbers[number][0] if len(self.numbers.get(number, ())) == 1 else None for number in numbers]
        return [None] * len(cells) if None in found else list(found)


def read_table(name: str, text: str, pictures: Pictures) -> Table | None:
    """Read a document beside pictures; None for one that names no picture of the set."""
    if "submission" in name.casefold():  # what a competition wants to be sent back
        return None
    if name.casefold().endswith((".json", ".jsonl", ".yaml", ".yml")):
        plain = _plain(name, text)
        table = read_rows(name, plain, pictures, text) if plain else None
        if table is not None and table.names and (table.places or table.unsure):
            return table
    if name.casefold().endswith((".xml", ".json", ".jsonl")):
        return _of_another_program(name, text, pictures)
    if name.casefold().endswith((".yaml", ".yml")):
        return _naming(name, text, pictures)
    rows = _rows(name, text)
    return read_rows(name, rows, pictures, text) if rows else None


def read_rows(name: str, rows: list[list[str]], pictures: Pictures, text: str = "") -> Table | None:
    """Read the rows of a document as a table; None where they name no picture of the set."""
    if (boxes := _boxes(name, rows, pictures)) is not None:
        return boxes
    rows, kinds = _classes_apart(rows)
    width = max(map(len, rows))
    while len(rows) > 1 and width > 1 and sum(map(bool, rows[0])) < 2:  # titles above the table
        rows, kinds = rows[1:], kinds[1:]
    rows = [row + [""] * (width - len(row)) for row in rows]
    named = [[pictures.called(row[column], name) if row[column] else None for row in rows] for column in range(width)]
    header = [] if any(column[0] for column in named) else [words.words(cell) for cell in rows[0]]
    for i, said in enumerate(header):
        if {*said} & words.FILE_COLUMNS and not any(named[i]):
            named[i][1:] = pictures.numbered([row[i] for row in rows[1:]])
    several = tuple(
        row[i] for i, said in enumerate(header) if {*said} & words.FILE_COLUMNS
        for row, found in zip(rows[1:], named[i][1:], strict=True) if not found and row[i]
        and len(pictures.all_called(row[i], name)) > 1
    )  # fmt: skip
    if several and not any(any(column) for column in named):
        return Table(name, frozenset(), {}, several=several)
    by_header = [i for i, said in enumerate(header) if set(said) & words.FILE_COLUMNS and any(named[i])]
    likely = [
        i for i in range(width) if any(found and "." in row[i] for found, row in zip(named[i], rows, strict=True))
    ]
    most = max(by_header or likely or range(width), key=lambda i: sum(found is not None for found in named[i]))
    spoken = frozenset(found for found in named[most] if found)
    spelt = any(found and not row[most].isdecimal() for found, row in zip(named[most], rows, strict=True))
    sure = bool(by_header or likely) or (spelt and len(spoken) >= _MOST * (len(rows) - bool(header)))
    sure = sure or (
        bool(meaning(words.stem(name)).quality) and len(spoken) > 1 and all(named[most])
    )  # "007" in bad.txt
    if not spoken or not sure or (name.casefold().endswith(".txt") and width > 3):
        return _naming(name, text, pictures)
    if all(i == most or all(_FILE.fullmatch(row[i]) for row in rows) for i in range(width)):
        return _list(name, header, named[most], pictures)
    start = 1 if header else 0
    files, body, kinds = named[most][start:], rows[start:], kinds[start:]
    for column, said in enumerate(header):
        if {"encoded", "pixels"} <= set(said) or "rle" in said:
            return _runs(name, files, [row[column] for row in body], _class_column(header, body, kinds), spoken)
    marks = one_hot.read(rows, header, most) if header else None
    column, verdicts, differing = _verdicts(header, body, most)
    notes = _of_columns(name, [rows[0][i] for i in differing], rows[0][column]) if differing else ()
    if marks is not None:
        verdicts, notes = list(marks.verdicts), ()
    if verdicts is None:
        return Table(name, spoken, {})
    ones: Literal["good", "defective", ""] = ""
    if marks is None and {row[column] for row in body} <= {"0", "1"} and not (header and _leaning(header[column])):
        said = header[column] if header else ()
        if {*said} & words.OPEN_COLUMNS:
            return Table(name, spoken, {}, unsure=rows[0][column])
        ones = "good" if {*said} & words.GOOD_COLUMNS else "defective"
        if header and ones == "defective" and not {*said} & words.VERDICT_COLUMNS:  # "crack"
            verdicts = [rows[0][column] if verdict == "defective" else verdict for verdict in verdicts]
    found: dict[str, set[bool]] = defaultdict(set)
    for file, verdict in zip(files, verdicts, strict=True):
        if file is not None and verdict:
            found[file].add(verdict == "good")
    return Table(
        name, spoken, _places(name, files, verdicts, header, body, pictures), ones=ones,
        others=sum(
            file is None and row[most].strip() not in {"", *several} for file, row in zip(files, body, strict=True)
        ),
        several=several,
        against=tuple(
            sorted(
                file for file, said in found.items()
                if len(said) > 1 or (marks is not None and any(files[i] == file for i in marks.against))
            )
        ),
        kinds=marks.kinds if marks is not None else (),
        notes=(*notes, *(_of_cells(name, [row[column] for row in body], files, verdicts) if marks is None else ())),
    )  # fmt: skip


def _places(
    name: str,
    files: Sequence[str | None],
    verdicts: Sequence[str | None],
    header: Sequence[Sequence[str]],
    body: Sequence[Sequence[str]],
    pictures: Pictures,
) -> dict[str, Place]:
    places: dict[str, Place] = {}
    why = _said_by(name)
    split = next((i for i, said in enumerate(header) if set(said) & words.SPLIT_COLUMNS), None)
    mask = next((i for i, said in enumerate(header) if set(said) & {"mask", "masks"}), None)
    for file, verdict, row in zip(files, verdicts, body, strict=True):
        if file is None:
            continue
        said = meaning(row[split]).role if split is not None else split_of(file) or meaning(words.stem(name)).role
        if not verdict:
            if said == "test" or (verdict == _OPEN and (file not in places or places[file].kind == "good")):
                places[file] = Place("test", None, words.stem(file), why=why)
            continue
        if file not in places or places[file].kind == "good" or verdict != "good":  # defective in one row is defective
            role = "train" if verdict == "good" and said != "test" else "test"
            places[file] = Place(role, verdict, words.stem(file), why=why)  # type: ignore[arg-type]
        if mask is not None and row[mask] and (drawn := pictures.called(row[mask], name)) not in (None, file):
            places[drawn] = Place("mask", verdict, words.stem(drawn), why=why, picture=file)  # type: ignore[index,arg-type]
    return places


def _verdicts(
    header: Sequence[Sequence[str]], body: Sequence[Sequence[str]], file: int
) -> tuple[int, list[str | None] | None, tuple[int, ...]]:
    """Return a column, and "good", a kind, `_OPEN` or None for each of its rows; None where no column says it.

    Last come the columns that say otherwise. Rows in which columns differ are open, unless one of them is the last
    word ("final").
    """
    columns = [i for i in range(len(body[0]) if body else 0) if i != file]
    called = [i for i in columns if header and set(header[i]) & words.VERDICT_COLUMNS]
    called += [
        i for i in columns if header and i not in called and (_leaning(header[i]) or _is_good(header[i], body, i))
    ]
    called = [i for i in called if not set(header[i]) & _MEASURES]
    read = {}
    for column in called or (columns if len(columns) == 1 else []):
        found = _values([row[column] for row in body], header[column] if header else ())
        if found is not None:
            read[column] = found
    if not read:
        return 0, None, ()
    final = [column for column in read if header and {*header[column]} & words.FINAL]
    column = final[0] if len(final) == 1 else next(iter(read))
    verdicts = list(read.pop(column))
    others = {
        i: values for i, values in read.items()
        if (len({*values}) > 1 or len(final) == 1)
        and ({row[i] for row in body} - {"0", "1"} or _leaning(header[i]))
    }  # fmt: skip
    differing = set()
    for row, verdict in enumerate(verdicts):
        against = [
            i for i, values in others.items() if verdict and values[row] and _good(values[row]) != _good(verdict)
        ]
        differing |= {*against}
        if against and len(final) != 1:
            verdicts[row] = _OPEN
    return column, verdicts, (column, *sorted(differing)) if differing else ()


def _good(verdict: str | None) -> bool:
    return verdict == "good"


def _of_columns(name: str, columns: Sequence[str], decides: str) -> tuple[Sentence, ...]:
    """Say that columns of a table disagree."""
    file, shown = name.rpartition("/")[2], ", ".join(columns)
    if {*words.words(decides)} & words.FINAL:
        return (
            Sentence(
                "dataset.columns_decided",
                "The columns {names} of {file} disagree about some pictures: {column} counts.",
                file=file, names=shown, column=decides,
            ),
        )  # fmt: skip
    return (
        Sentence(
            "dataset.columns_against",
            "The columns {names} of {file} disagree about some pictures: those are tested without a label. Take out "
            "the column that does not count.",
            file=file, names=shown,
        ),
    )  # fmt: skip


def _of_cells(
    name: str, cells: Sequence[str], files: Sequence[str | None], verdicts: Sequence[str | None]
) -> Iterable[Sentence]:
    """Yield what to say of cells that call a picture neither good nor defective, where others call some good."""
    open_ = [(cell, file) for cell, file, verdict in zip(cells, files, verdicts, strict=True) if file and not verdict]
    said = sorted({cell.strip() for cell, _ in open_ if meaning(_bare(cell)).quality != "good"})
    if said and "good" in verdicts:
        yield Sentence(
            "dataset.cells_open",
            "Words in {file} that say neither good nor defective: {words} (pictures: {count}). Such pictures are "
            "tested without a label, unless a folder says what they are.",
            file=name.rpartition("/")[2], words=", ".join(f'"{cell}"' for cell in said[:_SHOWN]),
            count=len({file for _, file in open_}),
        )  # fmt: skip


def _leaning(said: Sequence[str]) -> str:
    """Say whether a column asks for good ("is_good") or for bad ("is_defect"); "" for neither or both."""
    good, bad = bool({*said} & {"isgood", "isok"}), bool({*said} & words.BAD_COLUMNS)
    if not (good or bad):  # "not_defective" and "crack_free" ask for good
        quality = meaning(" ".join(said)).quality
        good, bad = quality == "good", quality == "bad"
    return "" if good == bad else "good" if good else "bad"


def _is_good(said: Sequence[str], body: Sequence[Sequence[str]], column: int) -> bool:
    """Whether 1 is good in a column of 0 and 1 ("quality", "valid")."""
    return bool({*said} & words.GOOD_COLUMNS) and {row[column] for row in body} <= {"0", "1"}


def _values(cells: Sequence[str], header: Sequence[str]) -> list[str | None] | None:
    leaning = _leaning(header)
    said = [_bare(cell) for cell in cells]
    if not leaning and {*header} & words.GOOD_COLUMNS and {*said} <= {"0", "1"}:
        leaning = "good"
    if {*header} & words.GOOD and {*header} & words.BAD:  # "pass/fail" with P and F
        initials = {word[0]: word for word in header if word in words.GOOD | words.BAD}
        if len(initials) == 2 and {*said} - _EMPTY <= {*initials}:
            said = [initials.get(value, value) for value in said]
    distinct = {value for value in said if value not in _EMPTY and any(map(str.isalnum, value))}
    quality = {value: meaning(value).quality for value in distinct}
    binary = distinct <= _YES | _NO | {value for value in distinct if quality[value]}
    numbers = all(_NUMBER.fullmatch(value) for value in distinct)
    if numbers and not binary and not all(value.isdecimal() for value in distinct):
        return None
    if not distinct or (distinct <= words.YES | words.NO and not leaning):
        return None
    if not binary and not leaning and (numbers or "good" not in quality.values()):
        return None  # numbers of classes, or names of products
    yes, no = ("good", "defective") if leaning == "good" else ("defective", "good")

    def verdict(cell: str, value: str) -> str | None:
        if value in _EMPTY:
            return None
        if value not in distinct or quality[value] == "unlabelled":
            return _OPEN
        if value in _YES | _NO:
            return yes if value in _YES else no
        if quality[value] == "good":
            return "good"
        unnamed = numbers and (leaning == "good" or (leaning and not {*header} & words.CLASS_COLUMNS))
        return "defective" if unnamed or (quality[value] and len(cell.strip()) == 1) else cell.strip()

    return [verdict(cell, value) for cell, value in zip(cells, said, strict=True)]


def _bare(cell: str) -> str:
    """Return a cell in lower case; a word without accents."""
    value = cell.strip().casefold()
    return "".join(words.words(value)) if value.isalpha() else value


def _list(name: str, header: Sequence[Sequence[str]], files: Sequence[str | None], pictures: Pictures) -> Table | None:
    """Return a list of names alone as what its own name says; not read where that says nothing of some pictures."""
    spoken = frozenset(file for file in files if file)
    said = meaning(words.stem(name))
    quality = said.quality or next((q for cell in header if (q := meaning(" ".join(cell)).quality)), "")
    if not quality:
        every = [file for file in pictures.names if not words.in_masks(file)]
        return None if said.role or len(spoken) >= _MOST * len(every) else Table(name, spoken, {})
    kind = {"good": "good", "bad": "defective"}.get(quality)
    places = {}
    for file in spoken:
        tested = kind != "good" or "test" in (said.role, split_of(file))
        places[file] = Place("test" if tested else "train", kind, words.stem(file), why=_said_by(name))
    return Table(name, spoken, places, others=sum(not file for file in files[1 if header else 0 :]))


def _runs(
    name: str, files: Sequence[str | None], cells: Sequence[str], kinds: Sequence[str], spoken: frozenset[str]
) -> Table:
    pairs: dict[str, list[tuple[int, int]]] = {}
    called: dict[str, str] = {}
    for file, cell, kind in zip(files, cells, kinds, strict=True):
        if file is None:
            continue
        numbers = [] if cell.strip().casefold() in _EMPTY | {"-1"} else cell.split()
        if len(numbers) % 2 or not all(number.isdecimal() and len(number) < 12 for number in numbers):
            return Table(name, spoken, {})
        pairs.setdefault(file, []).extend(zip(map(int, numbers[::2]), map(int, numbers[1::2]), strict=True))
        if numbers:
            called.setdefault(file, f"class {kind}" if kind else "defective")
    places = {}
    for file in pairs:
        role = "test" if file in called or split_of(file) == "test" else "train"
        places[file] = Place(role, called.get(file, "good"), words.stem(file), why=_said_by(name))  # type: ignore[arg-type]
    return Table(name, spoken, places, tuple(Runs(file, kind, tuple(pairs[file])) for file, kind in called.items()))


def _class_column(
    header: Sequence[Sequence[str]], body: Sequence[Sequence[str]], kinds: Sequence[str]
) -> Sequence[str]:
    column = next((i for i, said in enumerate(header) if said[:1] == ("class",)), None)
    return kinds if column is None else [row[column].strip() for row in body]


def _classes_apart(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """Take the number of a class off the names of pictures ("0002cc93b.jpg_1")."""
    found = [_OF_CLASS.fullmatch(row[0].strip()) for row in rows]
    if not any(found):
        return rows, [""] * len(rows)
    bare = [[match[1], *row[1:]] if match else row for match, row in zip(found, rows, strict=True)]
    return bare, [match[2] if match else "" for match in found]


def _boxes(name: str, rows: Sequence[Sequence[str]], pictures: Pictures) -> Table | None:
    """Return a YOLO file of one picture's boxes, which is not read; None for any other."""
    boxes = all(len(row) >= _BOXES and all(_NUMBER.fullmatch(cell) for cell in row[1:]) for row in rows)
    if not (name.casefold().endswith(".txt") and boxes):
        return None
    stems = (*words.picture_stems(f"{words.stem(name)}.png"), f"{words.stem(name)}_test")  # DeepPCB's "00041000.txt"
    found = next(filter(None, (pictures.called(stem, name) for stem in stems)), None)
    return Table(name, frozenset({found}), {}) if found else None


def _of_another_program(name: str, text: str, pictures: Pictures) -> Table | None:
    """Return a document in which another program keeps labels of pictures, which is not read; None for any other."""
    own, several = (_OWN_XML, _MANY_XML) if name.casefold().endswith(".xml") else (_OWN_JSON, _MANY_JSON)
    file = re.search(r"<filename>\s*([^<]+?)\s*</filename>", text)
    found = {pictures.called(file[1] if file else words.stem(name), name)} if own.search(text) else set()
    if several.search(text) or any(meaning(value).quality for value in set(_STRING.findall(text)) if len(value) < 40):
        found |= {pictures.called(cell, name) for cell in set(_QUOTED.findall(text))}
    if own.search(text) and not found - {None}:
        found = {pictures.called(words.stem(name), name)}
    spoken = frozenset(each for each in found if each is not None)
    return Table(name, spoken, {}) if spoken else None


def _naming(name: str, text: str, pictures: Pictures) -> Table | None:
    """Return a text as one that is not read where most of its lines name pictures and say something else."""
    lines = [line.split() for line in re.sub("[,;:'\"]", " ", text).splitlines() if line.strip()]
    found = [{pictures.called(cell, name) for cell in line if _FILE.fullmatch(cell)} - {None} for line in lines]
    says = sum(bool(each) and not all(map(_FILE.fullmatch, line)) for each, line in zip(found, lines, strict=True))
    spoken = frozenset(one for each in found for one in each if one is not None)
    return Table(name, spoken, {}) if says * 2 > len(lines) else None


def unreadable_masks(names: Sequence[str], places: Sequence[Place]) -> Iterable[Table]:
    """Yield masks in files that are no pictures (".mat", ".npy"), each with the picture of its name."""
    masks = [n for n, place in zip(names, places, strict=True) if place.role == "mask" and not _FILE.fullmatch(n)]
    if masks:
        pictures = Pictures([n for n, place in zip(names, places, strict=True) if place.role in ("train", "test")])
        for mask in masks:
            stems = words.picture_stems(f"{words.stem(mask)}.png")
            if found := next(filter(None, (pictures.called(stem, mask) for stem in stems)), None):
                yield Table(mask, frozenset({found}), {})


def unread(tables: Iterable[Table]) -> str:
    """Name documents that were not read, those of one folder and ending together ("labels/*.txt")."""
    groups: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        folder, _, file = table.name.rpartition("/")
        groups[f"{folder.rpartition('/')[2]}/*.{file.rpartition('.')[2]}".lstrip("/")].append(file)
    return ", ".join(sorted(files[0] if len(files) == 1 else group for group, files in groups.items()))


def _said_by(name: str) -> Sentence:
    return Sentence("role.table", "The table {file} says so.", file=name.rpartition("/")[2])


def _plain(name: str, text: str) -> list[list[str]]:
    """Return the rows of a plain list of labels in JSON or YAML (a label for each name, or the same few keys for each).

    Empty for any other document.
    """
    try:
        if name.casefold().endswith((".yaml", ".yml")):
            pairs = [line.partition(": ") for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
            flat = all(sign and value.strip() and key == key.lstrip() for key, sign, value in pairs)
            return [[key.strip("'\" "), value.strip("'\" ")] for key, _, value in pairs] if flat else []
        lines = name.casefold().endswith(".jsonl")
        read: Any = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except (ValueError, RecursionError):
        return []
    if isinstance(read, dict) and len(read) == 1 and isinstance(inner := next(iter(read.values())), dict | list):
        read = inner if not all(isinstance(each, str) for each in inner) or isinstance(inner, dict) else read
    if isinstance(read, dict) and all(isinstance(each, list) for each in read.values()):
        return [[str(one), key] for key, each in read.items() for one in each if isinstance(one, str)]
    if isinstance(read, dict):
        return [[key, str(each)] for key, each in read.items()] if _scalars(read.values()) else []
    if not (isinstance(read, list) and read and all(isinstance(each, dict) and each for each in read)):
        return []
    keys = list(read[0])
    if any(list(each) != keys or not _scalars(each.values()) for each in read):
        return []
    return [keys, *([str(each[key]) for key in keys] for each in read)]


def _scalars(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str | int | float) for value in values)


def _rows(name: str, text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    sign = max(",;\t|", key=lines[0].count)
    if sign not in lines[0]:
        if not name.casefold().endswith(".txt"):
            rows = [re.split(r"\t|\s{2,}", line.strip()) for line in lines]  # columns held apart by spaces
            apart = all(_FILE.fullmatch(row[0]) for row in rows[1:]) and len(rows) > 1
            return rows if apart else [[line.strip()] for line in lines]
        return [line.split() for line in lines]
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=sign)]
    except csv.Error:
        return []
