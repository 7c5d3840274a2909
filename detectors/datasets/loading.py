"""Data sets from folders, ZIPs, uploads and the built-in demo set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from detectors.datasets.files.archives import File, Listing, clean_path, list_zip, shortened, system_file, too_deep
from detectors.datasets.files.contents import Content, Resting, sha256, whole
from detectors.datasets.files.folders import list_folder, stamp
from detectors.datasets.gathering import Arrangement, assemble, gather, sort_out
from detectors.datasets.layouts import kind_of, products
from detectors.datasets.places import Purpose
from detectors.datasets.roles import nowhere
from detectors.datasets.samples import Dataset, Entry, Report, Sample
from detectors.errors import Sentence
from detectors.images import White, label, of_pixels
from detectors.images.limits import LIMITS, Limits

# The built-in product that is shown first: on it the five methods differ and defects are found, see
# `python -m tests.benchmarks.drawn_or_photographed`.
FIRST_PRODUCT = "link"
Upload = tuple[str, Content]
EVERYTHING = 10_000_000  # files below a folder of many sets, which are listed and not read
_NUMBERED = re.compile(r" \((\d{1,9})\)(?=\.[^.]*$|$)")


def load_folder(
    path: str | Path,
    product: str | None = None,
    limits: Limits = LIMITS,
    roles: Mapping[str, str] | None = None,
    white: White | None = None,
) -> Dataset:
    """Load a folder in any of the usual layouts, or of plain pictures; or a ZIP file of one.

    Links that lead out of the folder are refused.

    Args:
        path: the folder or ZIP.
        product: one of several data sets that lie side by side.
        limits: on what is read.
        roles: what folders (or files) are that would be misunderstood: their path inside the set to one of `ROLES`,
            such as "train/good", "defective/scratch", "masks" or "ignore". The deepest one decides.
        white: black and white of pictures with more than 8 bits; from the normal pictures' range by default.

    Raises:
        DatasetRefused: for what cannot be listed, or several data sets without `product`.
        SettingRefused: for a role that there is not, or of a folder that is not there.
    """
    path = Path(path)
    recipe = {"source": "folder", "path": str(path.resolve())}  # whole, so that a script repeats it from anywhere
    if path.is_file():
        listing = list_zip(Resting(path, path.stat().st_size, ""), limits)
        return gather(listing, label(path.stem), recipe, product, limits, roles, white)
    return gather(list_folder(path, limits), label(path.resolve().name), recipe, product, limits, roles, white)


def sets_below(root: str | Path, limits: Limits = LIMITS) -> tuple[str, ...]:
    """Return the names of the data sets that lie side by side in a folder or ZIP, sorted; its own where it is one set.

    Raises:
        DatasetRefused: for what cannot be listed.
    """
    root = Path(root)
    packed = root.is_file()
    listing = list_zip(Resting(root, root.stat().st_size, ""), limits) if packed else list_folder(root, limits)
    return products([file.name for file in listing.files]) or (root.resolve().name,)


def load_set(root: str | Path, name: str, limits: Limits = LIMITS) -> Dataset:
    """Load one of the sets that `sets_below` names."""
    place = _place_of_set(Path(root), name)
    return load_folder(place, None if place != Path(root) or name == place.resolve().name else name, limits)


def stamp_of_set(root: str | Path, name: str) -> str:
    """Return a hash of the names, sizes and times of a set's files, or of all files where it has no own folder."""
    place = _place_of_set(Path(root), name)
    if place.is_file():
        about = place.stat()
        return hashlib.sha256(f"{about.st_size} {about.st_mtime_ns}".encode()).hexdigest()
    return stamp(place, EVERYTHING)


def _place_of_set(root: Path, name: str) -> Path:
    return root / name if (root / name).is_dir() else root


def load_zip(
    data: Content,
    name: str,
    product: str | None = None,
    limits: Limits = LIMITS,
    roles: Mapping[str, str] | None = None,
    white: White | None = None,
) -> Dataset:
    """Load a ZIP of such a folder, with the same arguments and errors."""
    recipe = {"source": "zip", "name": label(name), "sha256": sha256(data)}
    title = label(name).rpartition(".")[0] or label(name)
    return gather(list_zip(data, limits), title, recipe, product, limits, roles, white)


def from_uploads(
    normal: Sequence[Upload],
    test: Sequence[Upload],
    masks: Sequence[Upload] = (),
    labels: Mapping[str, bool | str | None] | None = None,
    name: str = "uploads",
    limits: Limits = LIMITS,
    roles: Mapping[str, str] | None = None,
    white: White | None = None,
) -> Dataset:
    """Make a data set of loose files.

    Args:
        normal: (name, bytes) of pictures to learn from.
        test: of pictures to test; a folder in the name ("crack/003.png") is the kind, "good" included.
        masks: paired with the pictures by name. Masks among the others are found by their name and looks.
        labels: what a test picture is, by its name: True (defective), False (good), the kind, or None. Stronger than
            the folder.
        name: of the set.
        limits: on each file.
        roles: as in `load_folder`, for folders in the names.
        white: as in `load_folder`.
    """
    found = sort_uploads(normal, test, masks, labels, roles, limits)
    if found.unused:
        raise nowhere(found.unused, [file.name for file in found.files])
    recipe = {"source": "uploads", "files": hashed(found)} | ({"roles": dict(roles)} if roles else {})
    return assemble(found.files, found.places, label(name), recipe, limits, found.entries, found.notes, white=white)


def sort_uploads(
    normal: Sequence[Upload],
    test: Sequence[Upload],
    masks: Sequence[Upload],
    labels: Mapping[str, bool | str | None] | None = None,
    roles: Mapping[str, str] | None = None,
    limits: Limits = LIMITS,
) -> Arrangement:
    """Give loose files their places; names that occur twice get a number."""
    said = {clean_path(key): value for key, value in (labels or {}).items()}
    taken: set[str] = set()
    found = []
    unused_roles = [set(roles or {})]
    groups: tuple[tuple[Sequence[Upload], Purpose], ...] = ((normal, "train"), (test, "test"), (masks, "mask"))
    for uploads, given in groups:
        listing, shown = listed(uploads, taken if given != "mask" else set(), limits)
        group = sort_out(listing, given=given, said=roles, limits=limits, choose=False)
        unused_roles.append(set(group.unused))
        places = [
            replace(place, kind=_kind(said[shown[file.name]]))
            if place.role == "test" and shown.get(file.name) in said
            else place
            for file, place in zip(group.files, group.places, strict=True)
        ]
        found.append(replace(group, places=tuple(places)))
    missing = _unknown_labels(said, [clean_path(upload[0]) for upload in test])
    return Arrangement(
        tuple(file for group in found for file in group.files),
        tuple(place for group in found for place in group.places),
        (*(entry for group in found for entry in group.entries), *missing),
        tuple(note for group in found for note in group.notes),
        tuple(sorted(set.intersection(*unused_roles))),
    )


def listed(uploads: Sequence[Upload], taken: set[str], limits: Limits = LIMITS) -> tuple[Listing, dict[str, str]]:
    """List loose files, sorted by name, and what each was called; names that are in `taken` get a number."""
    files: list[File] = []
    refused: list[tuple[str, Sentence]] = []
    ignored: list[tuple[str, Sentence]] = []
    called: dict[str, str] = {}
    for name, content in sorted(uploads, key=lambda upload: _order(upload[0])):
        if (no := too_deep(name, limits)) is not None:
            refused.append((shortened(name), no))
            continue
        shown = clean_path(name)
        if (why := system_file(shown)) is not None:
            ignored.append((shown, why))
            continue
        unique = unused(shown, taken)
        called[unique] = shown
        files.append(File(unique, lambda content=content: whole(content)))  # type: ignore[misc]
    return Listing(tuple(files), tuple(refused), tuple(ignored)), called


def hashed(found: Arrangement) -> list[list[str]]:
    """Return [role, name, sha256] of every file, for a recipe."""
    return [[place.role, file.name, sha256(file.read())] for file, place in zip(found.files, found.places, strict=True)]


def demo(
    product: str = FIRST_PRODUCT,
    normal: int = 64,
    good: int = 24,
    per: int = 1,
    severities: Sequence[float] = (1.0, 0.5, 0.0),
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    rotate: bool = True,
    progress: Callable[[float], None] = lambda done: None,
) -> Dataset:
    """Draw a product of the built-in demo set, or read it from the cache: masks and severities are exact."""
    from detectors.datasets import builtin

    drawn = builtin.build(
        product, normal, good, per, severities, kinds, seed, rotate, progress=lambda done, stage="", **_: progress(done)
    )
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


def _order(name: str) -> tuple[str, int]:
    """Return what uploads are sorted by: "000 (2).png", as a second "000.png" is called, comes after the first."""
    numbered = _NUMBERED.search(name)
    return (name, 0) if numbered is None else (name[: numbered.start()] + name[numbered.end() :], int(numbered[1]))


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
