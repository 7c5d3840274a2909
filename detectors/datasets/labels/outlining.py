"""Outlines and boxes of defects, given to the pictures that they are of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.datasets import words
from detectors.datasets.files.archives import File
from detectors.datasets.labels.polygons import Outlines
from detectors.datasets.layouts import only_of_training
from detectors.datasets.places import Place, Purpose, by_table, is_chosen, is_damaged, unsaid
from detectors.datasets.samples import Entry
from detectors.errors import Sentence
from detectors.images.limits import Limits
from detectors.images.looks import look

_SHOWN = 3


@dataclass
class Outlined:
    """What outlines made of the files of a set.

    Attributes:
        files, places: of the pictures, then of the masks that were drawn.
        entries: what to tell of documents.
        notes: what to say of the set.
        moved: whether pictures to train turned out to be defective.
    """

    files: list[File]
    places: list[Place]
    entries: list[Entry]
    notes: tuple[Sentence, ...] = ()
    moved: bool = False


def place_outlines(
    found: Sequence[tuple[Outlines, str]],
    files: Sequence[File],
    places: Sequence[Place],
    given: Purpose,
    limits: Limits,
    damaged: Mapping[str, str],
) -> Outlined:
    """Draw outlines as masks, and let documents that speak of every picture say which are good and defective.

    The pictures of `damaged` documents are not learnt.
    """
    result = Outlined(list(files), list(places), [])
    if not given:
        _without_damaged(result, damaged)
    finder = _Owners([file.name for file in files], places, limits)
    listed = Counter(source for _, source in found)
    marked = any(outlines.marked for outlines, _ in found)
    spoken: dict[int, bool] = {}
    boxed = set()
    for outlines, source in found:
        owners = finder.of(outlines, source)
        if len(owners) != 1:
            result.entries.append(_no_picture(source, outlines, [files[i].name for i in owners]))
            continue
        (owner,) = owners
        decides = outlines.decides or listed[source] > 1  # one document of many pictures says which have defects
        if outlines.decides:
            spoken[owner] = outlines.marked
        if decides and not outlines.marked:
            if (marked or outlines.decides) and (result.places[owner].kind is None or unsaid(result.places[owner])):
                result.places[owner] = replace(result.places[owner], kind="good", why=_listed(source))
            if outlines.decides:
                result.entries.append(Entry(source, "ignored", _NOTHING, "", (_NOTHING,), _NOTHING))
            continue
        place = places[owner]
        open_ = place.kind is None or unsaid(place) or only_of_training(files[owner].name, place)
        if decides and not given and open_ and place.role in ("train", "test"):
            kind = outlines.kinds[0] if outlines.kinds else "defective"
            result.places[owner] = replace(result.places[owner], role="test", kind=kind, why=_outlined(source))
            result.moved |= places[owner].role == "train"
        boxed |= {owner} if outlines.boxed else set()
        file, drawn = finder.drawn(outlines, source, files[owner])
        result.files.append(file)
        result.places.append(drawn)
    if boxed:
        result.notes += (_boxes(len(boxed)),)
    if not given:
        _without_a_document(result, spoken)
    return result


def _without_damaged(result: Outlined, damaged: Mapping[str, str]) -> None:
    """Test pictures without a label whose documents cannot be read, unless a table or a person says what they are."""
    index = {file.name: i for i, file in enumerate(result.files)}
    left = []
    for document, picture in sorted(damaged.items()):
        place = result.places[index[picture]]
        if (place.role == "train" or place.kind is None) and not by_table(place) and not is_chosen(place):
            result.places[index[picture]] = replace(place, role="test", kind=None, why=_damaged(document))
            result.moved |= place.role == "train"
            left.append(document)
    if left:
        result.notes += (
            Sentence(
                "dataset.boxes_damaged",
                "Files of boxes that cannot be read: {count} ({examples}). Their pictures are tested without a label.",
                count=len(left), examples=", ".join(left[:_SHOWN]),
            ),
        )  # fmt: skip


def _without_a_document(result: Outlined, spoken: Mapping[int, bool]) -> None:
    """Call pictures good that have no document of boxes where others of their folder have one."""
    names = [file.name for file in result.files]
    folders = {names[i].rpartition("/")[0] for i in spoken}
    for folder in sorted(folders):
        beside = [
            i
            for i, place in enumerate(result.places)
            if names[i].rpartition("/")[0] == folder and i not in spoken and place.role in ("train", "test")
            and (place.kind is None or unsaid(place) or only_of_training(names[i], place)) and not is_damaged(place)
        ]  # fmt: skip
        for i in beside:
            result.places[i] = replace(result.places[i], kind="good", why=_NO_DOCUMENT)
        if beside:
            result.notes += (
                Sentence(
                    "dataset.good_without_boxes",
                    "Pictures in {folder} that count as good since no file of boxes is called like them: {count}.",
                    folder=folder or _TOP, count=len(beside),
                ),
            )  # fmt: skip


class _Owners:
    """Finds the pictures that outlines are of."""

    def __init__(self, names: Sequence[str], places: Sequence[Place], limits: Limits) -> None:
        self.names, self.places, self.limits = names, places, limits
        self.by_file: dict[str, list[int]] = defaultdict(list)
        self.by_stem: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, place in enumerate(places):
            if place.role in ("train", "test", "outside"):
                folder, _, file = names[i].rpartition("/")
                self.by_file[file.casefold()].append(i)
                self.by_stem[folder, place.stem.casefold()].append(i)

    def of(self, outlines: Outlines, source: str) -> list[int]:
        """Return the picture that outlines name, as an index; none, or several that nothing tells apart."""
        folder = source.rpartition("/")[0]
        file, wanted = outlines.picture.rpartition("/")[2], f"/{outlines.picture}".casefold()
        called = self.by_file[file.casefold()]
        ending = [i for i in called if f"/{self.names[i]}".casefold().endswith(wanted)]
        beside = [i for i in ending if self.names[i].rpartition("/")[0] == folder]
        exactly = [i for i in ending if self.names[i] == outlines.picture]
        below = [i for i in ending if self.names[i].startswith(f"{folder}/")]
        defective = [i for i in below or ending if self.places[i].defective and outlines.marked]
        of_its_name = self.by_stem[folder, words.stem(source).casefold()]
        return next(
            (found for found in (exactly, beside, ending, called, of_its_name, defective) if len(found) == 1), called
        )

    def drawn(self, outlines: Outlines, source: str, picture: File) -> tuple[File, Place]:
        """Return outlines as a file of a mask, placed at their picture."""
        kind = outlines.kinds[0] if outlines.kinds else None
        name = source if words.stem(source) == words.stem(outlines.picture) else f"{source}: {outlines.picture}"

        def mask() -> bytes:
            seen = look(picture.read(), self.limits) if not all(outlines.size) else None
            return outlines.mask(self.limits, seen.size if seen is not None else (0, 0))

        return File(name, mask), Place(
            "mask", kind, words.stem(picture.name), why=_outlined(source), picture=picture.name
        )


_NOTHING = Sentence("role.no_box", "It holds no box: its picture counts as good.")
_TOP = Sentence("dataset.top_folder", "the top folder")
_NO_DOCUMENT = Sentence("role.no_document", "Others of its folder have a file of boxes, and none is called like it.")


def _damaged(document: str) -> Sentence:
    return Sentence(
        "role.damaged",
        "The boxes in {file} cannot be read, so nothing says whether it is good.",
        file=document.rpartition("/")[2],
    )


def _boxes(count: int) -> Sentence:
    return Sentence(
        "dataset.boxes",
        "Defects are marked by boxes, not by outlines (pictures: {count}): all that lies in a box counts as defective, "
        "so figures of pixels are lower than against outlines.",
        count=count,
    )


def _outlined(source: str) -> Sentence:
    return Sentence("role.outlines", "{file} outlines its defects.", file=source.rpartition("/")[2])


def _listed(source: str) -> Sentence:
    return Sentence("role.listed", "{file} lists it without a defect.", file=source.rpartition("/")[2])


def _no_picture(source: str, outlines: Outlines, called: Sequence[str]) -> Entry:
    why = Sentence(
        "mask.no_outlined_picture", "Its outlines are for {picture}, which is not here.", picture=outlines.picture
    )
    if called:
        why = Sentence(
            "mask.two_outlined_pictures",
            "Its outlines are for {picture}, and {count} pictures are called so ({first}, {second}).",
            picture=outlines.picture, count=len(called), first=called[0], second=called[1],
        )  # fmt: skip
    return Entry(source, "refused", why, "mask", (why,))
