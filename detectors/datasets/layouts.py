"""Where a file belongs by its place in a folder tree: MVTec, VisA, BTAD and plain folders of pictures."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["train", "test", "mask", "outside"]

GOOD = frozenset({"good", "ok", "normal", "normals", "goods", "pass", "정상", "양품"})
_TRAIN = frozenset({"train", "training", "학습"})
_VALIDATION = frozenset({"val", "valid", "validation"})
_TEST = frozenset({"test", "testing", "tests", "test_public", "시험", "테스트"})
_MASKS = frozenset({"ground_truth", "groundtruth", "ground truth", "ground-truth", "gt", "mask", "masks", "마스크"})
_CARRIERS = frozenset({"data", "images", "image", "imgs", "img", "pictures"})  # folders that say nothing
_ROLES = GOOD | _TRAIN | _VALIDATION | _TEST | _MASKS | _CARRIERS
_MASK_SUFFIX = re.compile(r"[_\-. ](mask|gt|ground_?truth|label|seg)$", re.IGNORECASE)
_EVERY = 5  # without a test folder every fifth good picture is kept for testing
_ENOUGH_TO_SPLIT = 10


@dataclass(frozen=True)
class Place:
    """What a file is for.

    Attributes:
        role: "train" (learnt as normal), "test", "mask", or "outside": nothing is known to do with it.
        kind: "good", the defect's name, or None where the folders do not say.
        stem: the file's name without its extension.
        within: for a mask: the folder it lies in below its kind (MVTec LOCO has one for each picture).
        part: which of several uploads it came with; a mask prefers pictures of its own upload.
    """

    role: Role
    kind: str | None
    stem: str
    within: str | None = None
    part: int = 0

    @property
    def defective(self) -> bool | None:
        """False for good, True for a defect, None where nobody said."""
        return None if self.kind is None else self.kind != "good"


def place_all(names: Sequence[str], table: Mapping[str, Place] | None = None) -> tuple[list[Place], bool]:
    """Return each file's place, and whether some good pictures were set aside for testing.

    `table` overrides the folders (VisA's split file). Where there is no test folder but there are defects, every fifth
    good picture is tested instead of learnt, so that false alarms can be counted.
    """
    table = table or {}
    inner = dict(zip(names, _unwrapped(names), strict=True))
    places = [table.get(name) or _place(inner[name]) for name in names]
    places = [_mask_by_name(place, names[i], places, names) for i, place in enumerate(places)]
    dirs = [set(_lower_dirs(inner[name])) for name in names]
    if any(d & (_TRAIN | GOOD) for d in dirs):  # a picture beside such folders is in none of them
        places = [
            Place("outside", None, place.stem) if not d and place.role == "train" else place
            for place, d in zip(places, dirs, strict=True)
        ]
    learnt = [i for i, place in enumerate(places) if place.role == "train"]
    tested = [place for place in places if place.role == "test"]
    explicit = any(d & (_TRAIN | _TEST) for d in dirs) or bool(table)
    if explicit or not tested or any(p.kind == "good" for p in tested) or len(learnt) < _ENOUGH_TO_SPLIT:
        return places, False
    for i in sorted(learnt, key=lambda i: names[i])[_EVERY - 1 :: _EVERY]:
        places[i] = Place("test", "good", places[i].stem)
    return places, True


def products(names: Iterable[str]) -> tuple[str, ...]:
    """Return the folders that each hold a whole data set of their own; empty for a single data set."""
    unwrapped = [name.split("/") for name in _unwrapped(list(names))]
    tops: dict[str, set[str]] = {}
    for parts in unwrapped:
        if len(parts) > 2 and parts[0].lower() not in _ROLES:
            tops.setdefault(parts[0], set()).add(parts[1].lower())
    whole = tuple(sorted(top for top, below in tops.items() if below & (_TRAIN | {"data"})))
    return whole if len(whole) > 1 else ()


def within(names: Sequence[str], product: str) -> list[str]:
    """Return the names that lie in a folder called `product`."""
    return [name for name in names if product in name.split("/")[:-1]]


def read_split(text: str, names: Sequence[str]) -> dict[str, Place]:
    """Read VisA's split file (object, split, label, image, mask) for the files that are there."""
    ends = {"/".join(name.split("/")[-5:]): name for name in names}
    table: dict[str, Place] = {}
    for row in csv.DictReader(io.StringIO(text)):
        name = ends.get((row.get("image") or "").strip())
        split = (row.get("split") or "").strip().lower()
        if name is None or split not in ("train", "test"):
            continue
        good = (row.get("label") or "").strip().lower() in GOOD
        role: Role = "train" if split == "train" and good else "test"
        table[name] = Place(role, "good" if good else "anomaly", _stem(name))
    return table


def mask_stems(place: Place) -> tuple[str, ...]:
    """Return the stems that a mask's picture may have, the likeliest first, in lower case."""
    stems = (place.within,) if place.within is not None else (place.stem, _bare(place.stem))
    return tuple(stem.lower() for stem in stems)


def kind_of(folder: str) -> str:
    """Return the kind that a folder's name means: "good" for all its spellings."""
    return "good" if folder.lower() in GOOD else folder


def upload_places(names: Sequence[str], role: str) -> list[Place]:
    """Return the places of files that were uploaded as "train", "test" or "mask".

    A whole folder may have been dropped: what lies in its folders of tests or masks goes there whatever the role. The
    folder of a test picture is its kind; without one nobody said what it is.
    """
    places = []
    for name in _unwrapped(names):
        place, dirs = _place(name), set(_lower_dirs(name))
        if role == "mask" or dirs & _MASKS:
            kind = place.kind if dirs - _CARRIERS else None
            places.append(place if place.role == "mask" else Place("mask", kind, place.stem))
        elif role == "train":
            places.append(place if dirs & _TEST else Place("train", "good", place.stem))
        else:
            places.append(Place("test", place.kind if dirs - _CARRIERS else None, place.stem))
    return places


def _place(name: str) -> Place:
    *folders, file = name.split("/")
    stem, lower = _stem(file), [folder.lower() for folder in folders]
    said = [(folder, low) for folder, low in zip(folders, lower, strict=True) if low not in _CARRIERS]
    for words, role in ((_MASKS, "mask"), (_TEST, "test"), (_TRAIN, "train"), (_VALIDATION, "validation")):
        at = next((i for i, (_, low) in enumerate(said) if low in words), None)
        if at is None:
            continue
        below = [folder for folder, low in said[at + 1 :] if low not in _TEST | _TRAIN | _MASKS]
        above = [folder for folder, low in said[:at] if low not in _TEST | _TRAIN]
        kind = kind_of(below[0]) if below else None
        if role == "mask":
            kind = kind or (kind_of(above[-1]) if above else None)
            return Place("mask", kind, stem, below[1] if len(below) > 1 else None)
        if role == "test":
            return Place("test", kind or ("good" if above and above[-1].lower() in GOOD else None), stem)
        if kind in (None, "good"):
            return Place("train", "good", stem)
        return Place("outside" if role == "train" else "test", kind, stem)
    if said:
        kind = kind_of(said[0][0])
        return Place("train" if kind == "good" else "test", kind, stem)
    return Place("train", "good", stem)


def _mask_by_name(place: Place, name: str, places: Sequence[Place], names: Sequence[str]) -> Place:
    """Take "003_mask.png" beside "003.png" in a folder of test pictures for its mask."""
    bare = _bare(place.stem)
    if place.role != "test" or bare == place.stem:
        return place
    folder = name.rpartition("/")[0]
    beside = any(
        other.stem == bare and names[i].rpartition("/")[0] == folder
        for i, other in enumerate(places)
        if other.role == "test"
    )
    return Place("mask", place.kind, place.stem) if beside else place


def _unwrapped(names: Sequence[str]) -> list[str]:
    """Take off the folders that wrap everything, as long as they say nothing about what is inside."""
    split = [name.split("/") for name in names]
    while (
        split
        and all(len(parts) > 1 for parts in split)
        and len({parts[0] for parts in split}) == 1
        and split[0][0].lower() not in _ROLES
    ):
        split = [parts[1:] for parts in split]
    return ["/".join(parts) for parts in split]


def _lower_dirs(name: str) -> list[str]:
    return [part.lower() for part in name.split("/")[:-1]]


def _stem(file: str) -> str:
    name = file.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _bare(stem: str) -> str:
    return _MASK_SUFFIX.sub("", stem)
