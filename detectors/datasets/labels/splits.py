"""Files that say which picture is learnt, tested and defective: VisA's CSV and Real-IAD's JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.datasets import words
from detectors.datasets.places import Place
from detectors.errors import Sentence

_PREFERRED = ("1cls.csv", "1cls", "split.csv")


@dataclass(frozen=True)
class Split:
    """One split file: where it lies, and the place of each picture and mask that it names and that is there."""

    name: str
    places: Mapping[str, Place]


def read_split(name: str, text: str, names: Sequence[str]) -> Split | None:
    """Read a split file for the files that are there; None for a document that is none."""
    ends = _by_end(names)
    found: dict[str, Place] = {}
    why = Sentence("role.split", "{file} says so.", file=name.rpartition("/")[2])
    rows = _visa(text) if name.casefold().endswith(".csv") and text[:6] == "object" else _real_iad(text)
    for image, mask, split, good, kind in rows:
        picture = _named(ends, image)
        if picture is None:
            continue
        role = "train" if split == "train" and good else "outside" if split == "train" else "test"
        if split == "train" and not good and name.casefold().endswith(".csv"):
            role = "test"  # VisA's few-shot splits
        found[picture] = Place(role, "good" if good else kind, words.stem(picture), why=why)  # type: ignore[arg-type]
        if mask and (mask_file := _named(ends, mask)) is not None:
            found[mask_file] = Place("mask", "good" if good else kind, words.stem(mask_file), why=why)
    return Split(name, found) if found else None


def chosen(splits: Sequence[Split]) -> tuple[dict[str, Place], tuple[Sentence, ...]]:
    """Return the places of one split file of several, by its name and never by its order, and what to say."""
    if not splits:
        return {}, ()
    csvs = [split for split in splits if split.name.casefold().endswith(".csv")]
    if not csvs:  # Real-IAD has one for each product
        merged: dict[str, Place] = {}
        for split in sorted(splits, key=lambda split: split.name):
            merged |= split.places
        return merged, ()
    ordered = sorted(csvs, key=lambda split: (_rank(split.name), split.name))
    if len(ordered) == 1:
        return dict(ordered[0].places), ()
    said = Sentence(
        "dataset.split_chosen",
        "There are {count} split files: {file} says what is learnt and tested, the others ({others}) were passed over.",
        count=len(ordered),
        file=ordered[0].name.rpartition("/")[2],
        others=", ".join(split.name.rpartition("/")[2] for split in ordered[1:]),
    )
    return dict(ordered[0].places), (said,)


def _rank(name: str) -> int:
    file = name.rpartition("/")[2].casefold()
    return next((i for i, wanted in enumerate(_PREFERRED) if wanted in file), len(_PREFERRED))


def _by_end(names: Sequence[str]) -> dict[str, str]:
    """Index files by how their paths end: a split file does not know what they were put into."""
    ends: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for start in range(len(parts)):
            ends.setdefault("/".join(parts[start:]).casefold(), name)
    return ends


def _named(ends: Mapping[str, str], path: str) -> str | None:
    """Return the file whose path is, or ends with, `path`, or what of `path` lies below a folder left out."""
    parts = [part for part in path.replace("\\", "/").casefold().split("/") if part not in ("", ".")]
    return next((ends["/".join(parts[i:])] for i in range(max(1, len(parts) - 2)) if "/".join(parts[i:]) in ends), None)


def _visa(text: str) -> Iterator[tuple[str, str, str, bool, str]]:
    """Yield (image, mask, split, good, kind) of object, split, label, image, mask."""
    try:
        for row in csv.DictReader(io.StringIO(text)):
            image, split = (row.get("image") or "").strip(), (row.get("split") or "").strip().casefold()
            if image and split in ("train", "test"):
                good = words.meaning((row.get("label") or "").strip()).quality == "good"
                yield image, (row.get("mask") or "").strip(), split, good, "anomaly"
    except csv.Error:
        return


def _real_iad(text: str) -> Iterator[tuple[str, str, str, bool, str]]:
    """Yield the same of {"meta", "train": [...], "test": [{anomaly_class, image_path, mask_path}]}."""
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(read, dict):
        return
    for split in ("train", "test"):
        rows = read.get(split)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and isinstance(image := row.get("image_path"), str):
                kind, mask = str(row.get("anomaly_class", "")), row.get("mask_path")
                good = words.meaning(kind).quality == "good"
                yield image, mask if isinstance(mask, str) else "", split, good, kind or "defective"
