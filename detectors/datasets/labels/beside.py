"""Labels beside each picture, in a text or JSON file called like it, read as the rows of one table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detectors.datasets import words
from detectors.datasets.labels.boxes import owners
from detectors.datasets.labels.tables import Pictures, Table, read_rows
from detectors.errors import Sentence

_LONGEST = 40  # letters of a label
_SAYS = words.VERDICT_COLUMNS | words.GOOD_COLUMNS | words.BAD_COLUMNS | words.OPEN_COLUMNS


@dataclass(frozen=True)
class Beside:
    """What the files of one folder and ending say together, and which they are."""

    table: Table
    files: tuple[str, ...]


def read_beside(texts: Sequence[tuple[str, str]], names: Sequence[str], pictures: Pictures) -> list[Beside]:
    """Read the labels of the pictures that have a file of their own; those of one folder and ending as one table."""
    owner = owners(names)
    groups: dict[str, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for name, text in texts:
        if owner(name) is not None and (said := _label(name, text)):
            folder, _, file = name.rpartition("/")
            groups[f"{folder}/*.{file.rpartition('.')[2]}".lstrip("/")].append((name, said))
    found = []
    for label, group in sorted(groups.items()):
        keys = list(dict.fromkeys(key for _, said in group for key in said))
        rows = [["file", *keys], *([owner(name) or "", *(said.get(key, "") for key in keys)] for name, said in group)]
        table = read_rows(label, rows, pictures)
        if table is not None and (table.places or table.unsure):
            documents = {words.stem(name): name for name, _ in group}
            places = {
                picture: replace(place, why=_own(documents.get(words.stem(picture), label)))
                for picture, place in table.places.items()
            }
            found.append(Beside(replace(table, places=places), tuple(name for name, _ in group)))
    return found


def _own(document: str) -> Sentence:
    return Sentence("role.own_file", "Its own file {document} says so.", document=document.rpartition("/")[2])


def _label(name: str, text: str) -> dict[str, str]:
    """Return what a short text, or a flat JSON with a key such as "label", says; empty for any other."""
    if name.casefold().endswith(".txt"):
        lines = text.strip().splitlines()
        return {"label": lines[0].strip()} if len(lines) == 1 and len(lines[0].strip()) <= _LONGEST else {}
    if not name.casefold().endswith(".json"):
        return {}
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(read, Mapping):
        return {}
    said = {str(key): str(value) for key, value in read.items() if isinstance(value, str | int | float)}
    return {key: value for key, value in said.items() if {*words.words(key)} & _SAYS}
