"""Data sets from folders, ZIPs, uploads and the built-in demo set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from detectors.datasets.archives import File, clean_path, list_zip, system_file
from detectors.datasets.folders import list_folder
from detectors.datasets.gathering import Arrangement, assemble, gather
from detectors.datasets.layouts import Place, kind_of, upload_places
from detectors.datasets.samples import Dataset, Entry, Report, Sample
from detectors.errors import Sentence
from detectors.images import label, of_pixels
from detectors.images.limits import LIMITS, Limits

Upload = tuple[str, bytes]


def load_folder(path: str | Path, product: str | None = None, limits: Limits = LIMITS) -> Dataset:
    """Load a folder in MVTec, VisA or BTAD layout, or of plain pictures; or a ZIP file of one.

    Links that lead out of the folder are refused. `product` picks one where the folder holds several data sets.
    """
    path = Path(path)
    if path.is_file():
        return load_zip(path.read_bytes(), path.name, product, limits)
    recipe = {"source": "folder", "path": str(path)}
    return gather(list_folder(path, limits), label(path.resolve().name), recipe, product, limits)


def load_zip(data: bytes, name: str, product: str | None = None, limits: Limits = LIMITS) -> Dataset:
    """Load a ZIP of such a folder; `DatasetRefused` for one that cannot be listed."""
    recipe = {"source": "zip", "name": label(name), "sha256": hashlib.sha256(data).hexdigest()}
    return gather(list_zip(data, limits), label(name).rpartition(".")[0] or label(name), recipe, product, limits)


def from_uploads(
    normal: Sequence[Upload],
    test: Sequence[Upload],
    masks: Sequence[Upload] = (),
    labels: Mapping[str, bool | str | None] | None = None,
    name: str = "uploads",
    limits: Limits = LIMITS,
) -> Dataset:
    """Make a data set of loose files.

    Args:
        normal: (name, bytes) of pictures to learn from.
        test: of pictures to test; a folder in the name ("crack/003.png") is the kind, "good" included.
        masks: paired with the test pictures by name.
        labels: what a test picture is, by its name: True (defective), False (good), the kind, or None. Stronger than
            the folder.
        name: of the set.
        limits: on each file.
    """
    found = sort_uploads(normal, test, masks, labels)
    recipe = {"source": "uploads", "files": hashed(found)}
    return assemble(found.files, found.places, label(name), recipe, limits, found.entries)


def sort_uploads(
    normal: Sequence[Upload],
    test: Sequence[Upload],
    masks: Sequence[Upload],
    labels: Mapping[str, bool | str | None] | None = None,
) -> Arrangement:
    """Give loose files their places; names that occur twice get a number."""
    files: list[File] = []
    places: list[Place] = []
    entries: list[Entry] = []
    said = {clean_path(key): value for key, value in (labels or {}).items()}
    taken: set[str] = set()
    for uploads, role in ((normal, "train"), (test, "test"), (masks, "mask")):
        names = [clean_path(upload[0]) for upload in uploads]
        for shown, place, (_, content) in zip(names, upload_places(names, role), uploads, strict=True):
            if (why := system_file(shown)) is not None:
                entries.append(Entry(shown, "ignored", why, "", (why,)))
                continue
            if place.role == "test" and shown in said:
                place = Place("test", _kind(said[shown]), place.stem)
            unique = unused(shown, taken) if place.role != "mask" else shown
            files.append(File(unique, lambda content=content: content))  # type: ignore[misc]
            places.append(place)
    entries += _unknown_labels(said, [clean_path(upload[0]) for upload in test])
    return Arrangement(tuple(files), tuple(places), tuple(entries))


def hashed(found: Arrangement) -> list[list[str]]:
    """Return [role, name, sha256] of every file, for a recipe."""
    return [
        [place.role, file.name, hashlib.sha256(file.read()).hexdigest()]
        for file, place in zip(found.files, found.places, strict=True)
    ]


def demo(
    product: str = "circuit",
    normal: int = 64,
    good: int = 24,
    per: int = 1,
    severities: Sequence[float] = (1.0, 0.5, 0.0),
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    rotate: bool = True,
) -> Dataset:
    """Draw a product of the built-in demo set, or read it from the cache: masks and severities are exact."""
    from detectors.datasets import builtin

    drawn = builtin.build(product, normal, good, per, severities, kinds, seed, rotate)
    train: list[Sample] = []
    test: list[Sample] = []
    entries = []
    for pixels, mask, shot in zip(drawn.pictures, drawn.masks, drawn.shots, strict=True):
        picture = of_pixels(pixels, shot.name)
        sample = Sample(picture, shot.kind is not None, shot.kind or "good", mask.astype(bool), shot.severity)
        (train if shot.train else test).append(sample)
        entries.append(Entry(picture.name, "accepted", role="train" if shot.train else "test"))
    recipe = {
        "source": "demo",
        "version": builtin.RECIPE_VERSION,
        "product": product,
        "normal": normal,
        "good": good,
        "per": per,
        "severities": list(severities),
        "kinds": None if kinds is None else list(kinds),
        "seed": seed,
        "rotate": rotate,
    }
    return Dataset(product, tuple(train), tuple(test), Report(tuple(entries)), recipe)


def _kind(said: bool | str | None) -> str | None:
    if said is None or isinstance(said, str):
        return kind_of(said) if said else None
    return "defective" if said else "good"


def unused(name: str, taken: set[str]) -> str:
    """Add a number to a name that another upload has too: "000.png", "000 (2).png"."""
    stem, dot, suffix = name.rpartition(".")
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{stem} ({number}){dot}{suffix}" if dot else f"{name} ({number})"
    taken.add(unique)
    return unique


def _unknown_labels(said: Iterable[str], names: Iterable[str]) -> list[Entry]:
    known = set(names)
    why = Sentence(
        "dataset.label_without_picture", "There is a label for this name but no test picture. Upload it too."
    )
    return [Entry(name, "refused", why, "", (why,)) for name in said if name not in known]
