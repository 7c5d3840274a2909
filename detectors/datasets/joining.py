"""Several uploads as one data set: decoded, paired with masks and checked together, each ZIP or file read alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from detectors.datasets.files.archives import File, Listing, list_zip
from detectors.datasets.files.contents import sha256
from detectors.datasets.files.folders import list_folder
from detectors.datasets.gathering import Arrangement, assemble, sort_out
from detectors.datasets.loading import Upload, hashed, listed, sort_uploads, unused
from detectors.datasets.places import Place, Purpose
from detectors.datasets.roles import nowhere
from detectors.datasets.samples import Dataset, Entry
from detectors.datasets.understanding import FileUse, Understanding, understand
from detectors.datasets.words import meaning
from detectors.errors import DatasetRefused, Refusal, Sentence
from detectors.images import Picture, White, decode, label
from detectors.images.limits import LIMITS, Limits

_USES: dict[str, Literal["train", "test", "mask", "ignored", ""]] = {
    "train": "train", "test": "test", "mask": "mask", "ignored": "ignored",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What came in one upload.

    Attributes:
        normal, test, masks: (name, content) of loose files whose purpose was said.
        placed: (name, content) of loose files whose folders say what they are for, as in a ZIP.
        archive: (name, content) of a ZIP.
        product: one of several data sets in the ZIP, or among the placed files.
        archive_role: "train" or "test" for a ZIP that was given as normal or test pictures.
        folder: a folder on this machine, instead of files.
    """

    normal: Sequence[Upload] = field(default=(), repr=False)
    test: Sequence[Upload] = field(default=(), repr=False)
    masks: Sequence[Upload] = field(default=(), repr=False)
    placed: Sequence[Upload] = field(default=(), repr=False)
    archive: Upload | None = field(default=None, repr=False)
    product: str | None = None
    archive_role: Purpose = ""
    folder: str | None = None


def join(
    parts: Sequence[Part],
    name: str = "uploads",
    limits: Limits = LIMITS,
    progress: Callable[[float], None] = lambda done: None,
    roles: Mapping[str, str] | None = None,
    white: White | None = None,
) -> Dataset:
    """Make one data set of all parts, in their order; `progress` is called with the share of pictures decoded.

    `roles` and `white` are as in `load_folder`; a role of a folder that no part has any more is told.
    A ZIP that cannot be used is an entry of the report, and the others go on; so are pictures beyond
    `limits.session_pictures`. A set of a single ZIP has the ZIP's name and recipe.
    """
    found: list[Arrangement] = []
    recipes: list[dict[str, Any]] = []
    taken: set[str] = set()
    missing = set(roles or {})
    for number, part in enumerate(parts):
        sets, recipe = _sort_part(part, limits, roles, several=len(parts) > 1)
        for each in sets:
            missing &= set(each.unused) if each.files else missing
        found += [_numbered(each, number, taken) for each in sets]
        recipes += [recipe] if recipe else []
    files = tuple(file for each in found for file in each.files)
    places = tuple(place for each in found for place in each.places)
    files, places, refused = _within_limit(files, places, limits.session_pictures)
    entries = tuple(entry for each in found for entry in each.entries) + refused
    notes = tuple(note for each in found for note in each.notes)
    notes += tuple(nowhere([path], [file.name for file in files]).sentence for path in sorted(missing))
    recipe, name = _recipe(recipes, name)
    recipe |= {"roles": dict(roles)} if roles else {}
    return assemble(files, places, name, recipe, limits, entries, notes, progress, white)


def glimpses(part: Part, limits: Limits = LIMITS) -> Iterator[tuple[str, list[Picture], Understanding]]:
    """Yield each of several sets in one part: its name, up to four of its pictures, and what its files are for.

    Only these four are decoded. A part that holds one set alone, or cannot be listed, yields nothing.
    """
    listing = _listing(part, limits)
    try:
        sort_out(listing, None, part.archive_role, None, limits)
        return
    except DatasetRefused as refusal:
        names = refusal.sentence.values.get("products", ())
    for name in names:
        found = sort_out(listing, name, part.archive_role, None, limits)
        uses = [
            FileUse(file.name, _USES.get(place.role, ""), place.defective, place.kind, place.why)
            for file, place in zip(found.files, found.places, strict=True)
        ]
        yield name, list(_shown(found, limits)), understand(uses)


def _listing(part: Part, limits: Limits) -> Listing:
    if part.folder is not None:
        return list_folder(Path(part.folder), limits)
    if part.archive is not None:
        return list_zip(part.archive[1], limits)
    return listed(part.placed, set(), limits)[0]


def _shown(found: Arrangement, limits: Limits) -> Iterator[Picture]:
    """Yield two normal pictures and two to test, defective ones first, as far as they can be decoded."""
    normal = [i for i, place in enumerate(found.places) if place.role == "train"]
    test = [i for i, place in enumerate(found.places) if place.role == "test"]
    test.sort(key=lambda i: found.places[i].defective is not True)
    for i in [*normal[:2], *test[: 4 - len(normal[:2])]]:
        with suppress(Refusal):
            yield decode(found.files[i].read(), found.files[i].name, limits, measuring=True)


def _sort_part(
    part: Part, limits: Limits, roles: Mapping[str, str] | None, several: bool
) -> tuple[list[Arrangement], dict[str, Any]]:
    """Sort out all of a part, which may be one of several, and say what repeats it."""
    recipe: dict[str, Any] = {}
    if part.folder is not None:
        path = Path(part.folder)
        found = _or_refused(
            label(path.name), lambda: sort_out(list_folder(path, limits), part.product, "", roles, limits)
        )
        recipe = {"path": str(path.resolve())} | ({"product": part.product} if part.product else {})
        return [found], recipe if found.files else {}
    packed = folder = Arrangement((), ())
    if part.archive is not None:
        name, content = label(part.archive[0]), part.archive[1]

        def sorted_out() -> Arrangement:
            listing, given = list_zip(content, limits), part.archive_role
            if several and not given:
                listing, given = _by_its_name(listing, name)
            return sort_out(listing, part.product, given, roles, limits)

        packed = _or_refused(name, sorted_out)
        if packed.files:
            said = {"product": part.product, "role": part.archive_role}
            said = {key: value for key, value in said.items() if value}
            recipe["archive"] = {"name": name, "sha256": sha256(content), **said}
    if part.placed:
        listing, _ = listed(part.placed, set(), limits)
        top = listing.files[0].name.partition("/")[0] if listing.files else ""
        folder = _or_refused(top, lambda: sort_out(listing, None if part.archive else part.product, "", roles, limits))
    loose = sort_uploads(part.normal, part.test, part.masks, None, roles, limits)
    if files := [["placed", *rest] for _, *rest in hashed(folder)] + hashed(loose):
        recipe["files"] = files
        recipe |= {"product": part.product} if part.product and folder.files else {}
    return [packed, folder, loose], recipe


def _by_its_name(listing: Listing, name: str) -> tuple[Listing, Purpose]:
    """Let the name of one of several ZIPs say what a folder's would, where no folder inside says anything."""
    stem = name.rpartition(".")[0] or name
    said = meaning(stem)
    inside = {folder for file in listing.files for folder in file.name.split("/")[:-1]}
    if not (said.role or said.quality) or any(each.role or each.quality for each in map(meaning, inside)):
        return listing, ""
    if said.role == "mask":
        return listing, "mask"
    return replace(listing, files=tuple(replace(file, name=f"{stem}/{file.name}") for file in listing.files)), ""


def _or_refused(name: str, work: Callable[[], Arrangement]) -> Arrangement:
    """Refuse a ZIP or folder that cannot be used as if it were one file."""
    try:
        return work()
    except DatasetRefused as refusal:
        return Arrangement((), (), (Entry(name, "refused", refusal.sentence, "", (refusal.sentence,)),))


def _recipe(recipes: list[dict[str, Any]], name: str) -> tuple[dict[str, Any], str]:
    """Return what repeats all parts, shorter where there is only one, and the name of the whole."""
    if len(recipes) == 1:
        (only,) = recipes
        if "path" in only:
            folder = label(Path(only["path"]).name)
            return {"source": "folder", **only}, f"{folder}/{only['product']}" if "product" in only else folder
        archive, files = only.get("archive"), only.get("files", [])
        if archive and not files and "role" not in archive:
            stem = archive["name"].rpartition(".")[0] or archive["name"]
            return {"source": "zip", **archive}, f"{stem}/{archive['product']}" if "product" in archive else stem
        if not archive and all(role != "placed" for role, *_ in files):
            return {"source": "uploads", "files": files}, label(name)
        tops = {path.partition("/")[0] for role, path, *_ in files if role == "placed" and "/" in path}
        if not archive and len(tops) == 1 and all(role == "placed" and "/" in path for role, path, *_ in files):
            return {"source": "parts", "parts": recipes}, label(tops.pop())
    if not recipes:
        return {"source": "uploads", "files": []}, label(name)
    return {"source": "parts", "parts": recipes}, label(name)


def _numbered(found: Arrangement, part: int, taken: set[str]) -> Arrangement:
    """Say which part the files came with, and give names that an earlier part has too a number."""
    files = [
        file if place.role == "mask" else replace(file, name=unused(file.name, taken))
        for file, place in zip(found.files, found.places, strict=True)
    ]
    called = {old.name: new.name for old, new in zip(found.files, files, strict=True)}
    places = [
        replace(place, part=part, picture=called.get(place.picture) if place.picture else None)
        for place in found.places
    ]
    return replace(found, files=tuple(files), places=tuple(places))


def _within_limit(
    files: tuple[File, ...], places: tuple[Place, ...], most: int
) -> tuple[tuple[File, ...], tuple[Place, ...], tuple[Entry, ...]]:
    """Turn down pictures beyond the first `most`."""
    pictures = [i for i, place in enumerate(places) if place.role in ("train", "test")]
    beyond = set(pictures[most:])
    why = Sentence(
        "dataset.too_many",
        "There are {found} pictures; {limit} are accepted in one session, and this one comes after them. Remove others "
        "first.",
        found=len(pictures),
        limit=most,
    )
    kept = [i for i in range(len(files)) if i not in beyond]
    refused = tuple(Entry(files[i].name, "refused", why, places[i].role, (why,)) for i in sorted(beyond))
    return tuple(files[i] for i in kept), tuple(places[i] for i in kept), refused
