"""Picture files that somebody names: one by one, by a pattern, a folder of them or a ZIP, each by a name of its own."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detectors.datasets.files.archives import list_zip
from detectors.datasets.files.contents import Resting
from detectors.datasets.files.folders import list_folder, reader
from detectors.datasets.layouts import place_all
from detectors.datasets.words import PICTURE_ENDINGS
from detectors.errors import PictureRefused, Refusal, Sentence
from detectors.images import label
from detectors.images.limits import LIMITS, Limits

NO_MASK = Sentence("picture.mask", "It is a mask and is not scored.")


@dataclass(frozen=True)
class PictureFile:
    """A file to be scored: a name that no other file of the list has, and how to read it (raises a `Refusal`)."""

    name: str
    read: Callable[[], bytes] = field(repr=False)


def find_pictures(paths: Sequence[str | Path], limits: Limits = LIMITS) -> list[PictureFile]:
    """List what paths name, in their order; what is inside a folder or ZIP, and what a pattern finds, by name.

    A file that several of them name is listed once. A mask, which a folder or ZIP of a whole set holds, says that it is
    one when it is read. So do a ZIP inside another or a folder, a path that names nothing, and a ZIP or folder that
    cannot be listed. Files are called by their own name, or by as many folders above it as tell all of them apart.
    """
    named: dict[Path, Path] = {}  # by where it is
    for path in map(Path, paths):
        matches = sorted(glob.glob(str(path), recursive=True)) if glob.has_magic(str(path)) else []  # noqa: PTH207
        for each in [path] if path.exists() or not matches else map(Path, matches):
            named.setdefault(each.resolve(), each)
    found: list[tuple[str, Callable[[], bytes]]] = []
    for path in named.values():
        found += _inside(path, limits) if path.exists() else [(path.as_posix(), _missing(path))]
    names = _apart([name for name, _ in found])
    return [PictureFile(name, read) for name, (_, read) in zip(names, found, strict=True)]


def _inside(path: Path, limits: Limits) -> list[tuple[str, Callable[[], bytes]]]:
    try:
        if path.is_dir():
            listing = list_folder(path, limits)
        elif path.suffix.lower() == ".zip":
            listing = list_zip(Resting(path, path.stat().st_size, ""), limits)
        else:
            return [(path.as_posix(), reader(path, limits))]
    except Refusal as refusal:
        return [(path.as_posix(), _refusing(refusal.sentence))]
    top = path.resolve().name
    files = [file for file in listing.files if file.name.lower().endswith((*PICTURE_ENDINGS, ".zip"))]
    places, _ = place_all([file.name for file in files])
    found = [
        (f"{top}/{file.name}", _refusing(NO_MASK) if place.role == "mask" else file.read)
        for file, place in zip(files, places, strict=True)
    ]
    return found + [(f"{top}/{name}", _refusing(why)) for name, why in listing.refused]


def _refusing(why: Sentence) -> Callable[[], bytes]:
    def read() -> bytes:
        raise PictureRefused(why.key, why.english, **why.values)

    return read


def _missing(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        if glob.has_magic(str(path)):
            raise PictureRefused("picture.no_match", "No file matches this pattern.")
        raise PictureRefused("picture.nowhere", "There is no such file or folder.")

    return read


def _apart(paths: Sequence[str]) -> list[str]:
    """Return the shortest ends of paths that differ; equal paths get a number."""
    depth, most = 1, max((path.count("/") + 1 for path in paths), default=1)
    while depth < most and len({_end(path, depth) for path in paths}) < len(set(paths)):
        depth += 1
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        name = label(_end(path, depth))
        seen[name] += 1
        names.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return names


def _end(path: str, depth: int) -> str:
    return "/".join(path.split("/")[-depth:])
