"""Boxes around defects, one document for each picture: YOLO's texts and Pascal VOC's XML.

A picture with a box is defective of the kind that the box is called, unless that is a word for good; one whose document
holds no box is good. Names of YOLO's numbers stand in `data.yaml`, `classes.txt`, `obj.names` or the like.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import commonpath
from xml.etree import ElementTree

from detectors.datasets import words
from detectors.datasets.labels.polygons import Outlines, box, distinct, says_good
from detectors.datasets.layouts import split_of
from detectors.datasets.words import meaning

_LINE = re.compile(r"\d{1,4}(?:[ \t]+(?:0?\.\d+|[01](?:\.0*)?|\d(?:\.\d+)?e-\d+))+", re.IGNORECASE)
_LIKE_A_BOX = re.compile(r"[ \t]*\d{1,4}(?:[ \t]+[-+]?[\w.]+){4,}[ \t]*$")  # though its numbers are none
_BOX, _CORNERS = 4, 6  # numbers behind the class: of a box, and of an outline at least
_CLASSES = frozenset({"classes.txt", "labels.txt", "predefined_classes.txt", "obj.names", "_darknet.labels"})
_LISTED = re.compile(r"^names:[ \t]*\[(.*?)\]", re.MULTILINE | re.DOTALL)
_BELOW = re.compile(r"^names:[ \t]*(?:#.*)?\n((?:[ \t]*(?:-|\d+:)[^\n]*(?:\n|\Z))+)", re.MULTILINE)


@dataclass(frozen=True)
class Boxes:
    """What documents of boxes say.

    Attributes:
        outlines: each with its document.
        classes: the documents that name classes.
        damaged: documents of boxes that cannot be read, and the picture of each.
    """

    outlines: tuple[tuple[Outlines, str], ...]
    classes: tuple[str, ...]
    damaged: Mapping[str, str]


def read_boxes(texts: Sequence[tuple[str, str]], names: Sequence[str]) -> Boxes:
    """Find the documents of boxes among texts beside pictures, each with the picture of its name."""
    owner = owners(names)
    classes = {name: called for name, text in texts if (called := _classes(name, text))}
    outlines: list[tuple[Outlines, str]] = []
    empty: list[tuple[Outlines, str]] = []
    used: set[str] = set()
    damaged: dict[str, str] = {}
    for name, text in texts:
        suffix = name.rpartition(".")[2].casefold()
        if suffix not in ("txt", "xml") or (picture := owner(name)) is None:
            continue
        if suffix == "txt" and not text.strip():
            empty.append((Outlines(picture, (0, 0), (), (), decides=True), name))
            continue
        near = max(classes, key=lambda each: len(commonpath([each, name])), default="")
        found = _voc(picture, text) if suffix == "xml" else _yolo(picture, text, classes.get(near, {}))
        if found is not None:
            outlines.append((found, name))
            used |= {near} if suffix == "txt" and near else set()
        elif "<annotation" in text if suffix == "xml" else any(map(_LIKE_A_BOX.match, text.splitlines())):
            damaged[name] = picture
    if any(name.casefold().endswith(".txt") for name in (*(name for _, name in outlines), *damaged)):
        outlines += empty
    return Boxes(tuple(outlines), tuple(sorted(used)), damaged)


def owners(names: Sequence[str]) -> Callable[[str], str | None]:
    """Return what finds the picture of a document: beside it, or where `labels` stands for `images`."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_stem[words.stem(name).casefold()].append(name)

    def of(document: str) -> str | None:
        found = by_stem.get(words.stem(document).casefold(), [])
        preferences: tuple[Callable[[str], bool], ...] = (
            lambda name: _folder(name) == _folder(document),
            lambda name: _telling(name) == _telling(document),
            lambda name: split_of(name) == split_of(document),
        )
        for prefers in preferences:
            found = [name for name in found if prefers(name)] or found
        return found[0] if len(found) == 1 else None

    return of


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _telling(name: str) -> list[str]:
    """Return the folders above a file but for those that only say "images" or "labels"."""
    said = [(folder, meaning(folder)) for folder in name.split("/")[:-1]]
    return [folder for folder, each in said if not each.carrier and each.role not in ("mask", "weak mask")]


def _yolo(picture: str, text: str, classes: Mapping[int, str]) -> Outlines | None:
    """Read lines of a class and a box (its middle, width and height) or corners, in shares of the picture's sides."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not all(map(_LINE.fullmatch, lines)):
        return None
    kinds, polygons, boxed = [], [], False
    for line in lines:
        number, *at = line.split()
        if len(at) != _BOX and (len(at) < _CORNERS or len(at) % 2):
            return None
        if says_good(kind := classes.get(int(number), f"class {number}")):
            continue
        values = [float(value) for value in at]
        if len(at) == _BOX:
            x, y, width, height = values
            polygons.append(box(x - width / 2, y - height / 2, x + width / 2, y + height / 2))
            boxed = True
        else:
            polygons.append(tuple(zip(values[::2], values[1::2], strict=True)))
        kinds.append(kind)
    return Outlines(picture, (0, 0), distinct(kinds), tuple(polygons), boxed=boxed, shares=True, decides=True)


def _voc(picture: str, text: str) -> Outlines | None:
    try:
        read = ElementTree.fromstring(text.lstrip("\ufeff"))
        if read.tag != "annotation" or (read.find("object") is None and read.find("size") is None):
            return None
        kinds, polygons = [], []
        for each in read.iter("object"):
            kind = (each.findtext("name") or "").strip()
            x0, y0, x1, y1 = (float(each.findtext(f"bndbox/{side}") or "") for side in ("xmin", "ymin", "xmax", "ymax"))
            if not says_good(kind):
                kinds.append(kind)
                polygons.append(box(x0, y0, x1, y1))
        size = int(read.findtext("size/height") or 0), int(read.findtext("size/width") or 0)
    except (ElementTree.ParseError, ValueError):
        return None
    if any(not abs(value) <= 1e6 for corners in polygons for point in corners for value in point):
        return None
    return Outlines(picture, size, distinct(kinds), tuple(polygons), boxed=bool(polygons), decides=True)


def _classes(name: str, text: str) -> dict[int, str]:
    """Return what YOLO's numbers are called, from a document that says it; empty for any other."""
    file = name.rpartition("/")[2].casefold()
    if file in _CLASSES or file.endswith(".names"):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    if not file.endswith((".yaml", ".yml")):
        return {}
    if listed := _LISTED.search(text):
        return dict(enumerate(cell.strip(" \t\n'\"") for cell in listed[1].split(",") if cell.strip()))
    lines = [line.strip() for line in below[1].splitlines()] if (below := _BELOW.search(text)) else []
    numbered = [line.partition(":") if line[0].isdigit() else (i, "", line[1:]) for i, line in enumerate(lines)]
    return {int(number): kind.partition(" #")[0].strip(" \t'\"") for number, _, kind in numbered}
