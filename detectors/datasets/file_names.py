"""What files' own names say of them where no folder does: "NG_001", "crack_07", "part_temp" beside "part_test"."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from detectors.datasets import words
from detectors.datasets.places import (
    DEFAULT,
    NAMED,
    NOT_ALIKE,
    NOT_SAID,
    OWN_NAME_UNCLEAR,
    TEMPLATE,
    TESTED,
    Place,
    Role,
    is_kind,
)
from detectors.datasets.words import Quality, meaning

_SEVERAL = 2  # names for good: one "golden" among many numbers says nothing of the others


def said_by_files(places: Sequence[Place], names: Sequence[str]) -> list[Place]:
    """Let files' own names say what they are where no folder says it and some names do ("NG_001")."""
    result = list(places)
    for why in (DEFAULT, NOT_SAID):
        silent = [i for i, place in enumerate(places) if place.why == why]
        said = _said([places[i].stem for i in silent])
        qualities = [quality for quality, _ in said]
        if len({*qualities} - {""} if why == NOT_SAID else {*qualities}) < 2:
            continue
        alike = qualities.count("good") >= _SEVERAL and why == DEFAULT
        for i, (quality, kind) in zip(silent, said, strict=True):
            if quality != "good" or why == NOT_SAID:
                result[i] = _named(places[i], quality, kind, "test", alike)
    for members in _products(places, names):
        for i, (quality, kind) in zip(members, _said([places[i].stem for i in members]), strict=True):
            result[i] = _named(places[i], quality, kind, "train", alike=True)
    return result


def tell_apart(stems: Sequence[str]) -> bool:
    """Whether files' own names call some of them good and others defective."""
    return {"good", "bad"} <= {quality for quality, _ in _said(stems)}


def templates(places: Sequence[Place], names: Sequence[str]) -> list[Place]:
    """Test what lies beside a template of its own, where no folder says good or bad (DeepPCB: `_temp` and `_test`)."""
    result = list(places)
    pairs: dict[tuple[str, str], dict[str, int]] = {}
    for i, place in enumerate(places):
        unsaid = place.why == DEFAULT or is_kind(place)
        if unsaid and (found := words.of_a_pair(place.stem)) is not None:
            pairs.setdefault((names[i].rpartition("/")[0], found[0]), {})[found[1]] = i
    for pair in pairs.values():
        if len(pair) == 2:
            template, tested = pair["template"], pair["tested"]
            result[template] = replace(places[template], role="train", kind="good", why=TEMPLATE)
            result[tested] = replace(places[tested], role="test", kind=None, why=TESTED)
    return result


def _said(stems: Sequence[str]) -> list[tuple[Quality | Literal[""], str]]:
    """Return what each of several names says, and the kind; a trouble that all are called after is the product."""
    counts = Counter(word for stem in stems for word in {*words.words(stem)})
    common = {word for word, count in counts.items() if count == len(stems)}
    troubles = [words.trouble_in(stem, common) for stem in stems]
    return [
        (words.said_by_file(stem) or ("bad" if trouble else ""), trouble or "defective")
        for stem, trouble in zip(stems, troubles, strict=True)
    ]


def _named(place: Place, quality: str, kind: str, good: Role, alike: bool) -> Place:
    """Place a file by what its name says; `alike`: good ones say so, and other words leave it open."""
    if quality == "good":
        return replace(place, role=good, kind="good", why=NAMED, silent=False)
    if quality == "bad":
        return replace(place, role="test", kind=kind, why=NAMED, silent=False)
    if quality == "unlabelled":
        why = NAMED if words.put_off(place.stem) else OWN_NAME_UNCLEAR
        return replace(place, role="test", kind=None, why=why, silent=False)
    worded = alike and not all(word.isdigit() for word in words.words(place.stem))
    return replace(place, role="test", kind=None, why=NOT_ALIKE) if worded else place


def _products(places: Sequence[Place], names: Sequence[str]) -> Iterable[list[int]]:
    """Yield the pictures of folders that were taken for kinds of defects and hold good and defective ones by name."""
    folders: dict[str, list[int]] = defaultdict(list)
    for i, place in enumerate(places):
        folder = names[i].rpartition("/")[0]
        if is_kind(place) and not any(meaning(each).role for each in folder.split("/")):
            folders[folder].append(i)
    return (members for members in folders.values() if tell_apart([places[i].stem for i in members]))
