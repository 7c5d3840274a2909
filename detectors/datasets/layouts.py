"""Where a file belongs by its place in a folder tree, by what `words` says of the folders' names.

The rule, for folders, ZIPs and uploads alike: folders that wrap everything are taken off; the deepest folder with a
word for a role (train, test, masks) gives the role; below it the deepest word for good or bad decides, else the deepest
folder that is no camera, date or number is the kind of a defect; without any word a picture is a good one to learn.
What the folders around a folder say of it stands in `_read`: "Non-cracked" beside "Cracked", and conditions (lights,
backgrounds) that good pictures have folders of as well.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from detectors.datasets import contradictions, words
from detectors.datasets.file_names import said_by_files, tell_apart, templates
from detectors.datasets.places import (
    BESIDE,
    BY_MASK,
    DEFAULT,
    GEOMETRY,
    GIVEN,
    MADE,
    NOT_AMONG,
    NOT_SAID,
    SPARE,
    UNLISTED,
    VALIDATION,
    Place,
    Purpose,
    Role,
    by_folder,
    by_its_folder,
    by_table,
    contradicted,
    is_kind,
    number_learnt,
    taken_as_kind,
    unknown_number,
)
from detectors.datasets.words import Meaning, meaning
from detectors.errors import Sentence
from detectors.images.looks import Look

Looks = Callable[[int], Look | None]

_TABLES = (".csv", ".tsv")
_EVERY = 5  # without a test folder every fifth good picture is kept for testing
_ENOUGH_TO_SPLIT = 10
_MASKED_SHARE = 0.5  # where no folder says anything and so many pictures have masks, these say what is defective


@dataclass(frozen=True)
class Override:
    """What a person said of a folder or file: its path, and one of `roles.ROLES`."""

    path: str
    role: str


def place_all(
    names: Sequence[str],
    table: Mapping[str, Place] | None = None,
    given: Purpose = "",
    overrides: Mapping[str, Override] | None = None,
    looks: Looks = lambda i: None,
) -> tuple[list[Place], bool]:
    """Return each file's place, and whether some good pictures were set aside for testing.

    Args:
        names: paths inside the set.
        table: places that a split file gives; stronger than the folders.
        given: what the files were uploaded as, if not as a whole set.
        overrides: what a person said of some of the names; stronger than everything.
        looks: what a file looks like by its index, for names that may be a mask's; None where it is no picture.

    Where there is no test folder but there are defects, every fifth good picture is tested instead of learnt, so that
    false alarms can be counted.
    """
    table, overrides = table or {}, overrides or {}
    folders = _unwrapped([name.split("/")[:-1] for name in names])
    geometry = any(_coloured(folder) for path in folders for folder in path)
    rgb = {(*path[:i], words.stem(n)) for n, path in zip(names, folders, strict=True)
           for i, folder in enumerate(path) if _coloured(folder)}  # fmt: skip
    coloured = {(name.rpartition("/")[0], words.bare_stem(words.stem(name))) for name in names}
    classes = sorted({folder for path in folders for folder in path if not meaning(folder).role})
    roles = {(*path[:i], meaning(folder).role) for path in folders for i, folder in enumerate(path)}
    tested = {(*above,) for *above, role in roles if role == "test" and (*above, "train") in roles}
    places = []
    for i, (name, path, said) in enumerate(zip(names, folders, _read(folders), strict=True)):
        measured = words.measured_beside(words.stem(name))
        if (override := overrides.get(name)) is not None:
            places.append(_overridden(override, path, said, name, classes))
        elif name in table:
            places.append(table[name])
        elif any(each.made for each in said):
            places.append(Place("ignored", None, words.stem(name), why=MADE))
        elif (
            (geometry and any(each.geometry for each in said))
            or (name.rpartition("/")[0], measured) in coloured
            or any(
                words.beside_colours(folder) and (*path[:depth], words.stem(name)) in rgb
                for depth, folder in enumerate(path)
            )
        ):
            places.append(Place("ignored", None, words.stem(name), why=GEOMETRY))
        else:
            place = _place(path, _seen(path, said, i, looks), words.stem(name), given, classes)
            if (
                (is_kind(place) or any(map(words.shows_examples, path)))
                and not given
                and _beside_test(path, said, tested)
            ):
                place = Place("outside", None, place.stem, why=BESIDE)
            places.append(place)
    places = _without_beside(places, folders, given)
    places = _masks_by_name(places, names, folders, looks, overrides)
    if given:
        return places, False
    places = _mask_folders(places, names, looks)
    places = _unlisted(places)
    places = _zero_or_one(places)
    places = templates(places, names)
    places = said_by_files(places, names)
    places = _decided_by_masks(places, folders, table)
    places = _tested_validation(places, names)
    return _set_aside(places, names, folders, any(place.why and place.why.key == "role.split" for place in places))


def products(names: Iterable[str]) -> tuple[str, ...]:
    """Return the folders that each hold a data set of their own; empty for a single data set.

    Beside a folder that holds a whole one, every other folder of pictures is a set too, however it is arranged, unless
    its name says what it is for. Folders that each hold good pictures alone, or a table, are sets as well.
    """
    names = list(names)
    tops: dict[str, set[str]] = {}
    stems: dict[str, list[str]] = {}
    pictured: set[str] = set()
    tabled: set[str] = set()
    for name, path in zip(names, _unwrapped([name.split("/")[:-1] for name in names]), strict=True):
        if path:
            tops.setdefault(path[0], set()).update(path[1:2])
            if name.lower().endswith(words.PICTURE_ENDINGS):
                pictured.add(path[0])
                if len(path) == 1:
                    stems.setdefault(path[0], []).append(words.stem(name))
            elif len(path) == 1 and name.lower().endswith(_TABLES):
                tabled.add(path[0])
    said = {top: meaning(top) for top in tops}
    whole = {
        top for top, below in tops.items()
        if (top in pictured or not pictured) and not said[top].role and not said[top].quality
        and not _is_view(top) and (_whole(below) or (said[top].silent and tell_apart(stems.get(top, ()))))
    }  # fmt: skip
    alone = all(said[top].silent and not _is_view(top) for top in pictured - whole)
    if alone and (whole or pictured <= tabled or all(_only_good(tops[top]) for top in pictured)):
        whole |= pictured
    return tuple(sorted(whole)) if len(whole) > 1 else ()


def within(names: Sequence[str], product: str) -> list[str]:
    """Return the names that lie in a folder called `product`."""
    return [name for name in names if product in name.split("/")[:-1]]


def kind_of(folder: str) -> str:
    """Return the kind that a folder's name means: "good" for all its spellings."""
    return "good" if meaning(folder).quality == "good" else folder


def specific(name: str) -> tuple[str, ...]:
    """Return the folders of a path that tell it from others, in lower case: no role, no "images"."""
    said = [folder for folder in name.split("/")[:-1] if not meaning(folder).role and not meaning(folder).carrier]
    return tuple("good" if meaning(folder).quality == "good" else folder.casefold() for folder in said)


def tells_apart(name: str, but: str | None = None) -> frozenset[str]:
    """Return the folders above a mask that its picture's path must have too; `but` is one that names the picture."""
    return frozenset(folder for folder in specific(name) if but is None or folder != but.casefold())


def split_of(name: str) -> Literal["train", "test", ""]:
    """Return what the folders above a file say: "train" or "test", whichever is deeper."""
    roles = [meaning(folder).role for folder in name.split("/")[:-1]]
    found = [role for role in roles if role in ("train", "validation", "test")]
    return ("test" if found[-1] == "test" else "train") if found else ""


def only_of_training(name: str, place: Place) -> bool:
    """Whether a picture is learnt only because its folder is one of training, which does not say that it is good."""
    by_folder = place.role == "train" and place.why is not None and place.why.key == "role.folder"
    return by_folder and not any(meaning(folder).quality == "good" for folder in name.split("/")[:-1])


def with_spare(places: Sequence[Place], names: Sequence[str]) -> tuple[list[Place], bool]:
    """Set every fifth good picture aside where only defects would be tested; return the places, and whether any was."""
    spare = spared([(place.role, place.kind) for place in places], names)
    result = list(places)
    for i in spare:
        result[i] = Place("test", "good", places[i].stem, part=places[i].part, why=SPARE)
    return result, bool(spare)


def contradicts(name: str, defective: bool | None) -> bool:
    """Whether the deepest word for good or bad above a file says otherwise."""
    said = [meaning(folder).quality for folder in name.split("/")[:-1]]
    last = next((each for each in reversed(said) if each), "")
    return (last == "good" and defective is True) or (last == "bad" and defective is False)


def _unwrapped(paths: Sequence[Sequence[str]]) -> list[list[str]]:
    """Take off the folders that wrap everything, as long as what lies below still says what it is."""
    depth = 0
    shortest = min((len(path) for path in paths), default=0)
    while depth < shortest and len({path[depth] for path in paths}) == 1:
        top, below = meaning(paths[0][depth]), [meaning(f) for path in paths for f in path[depth + 1 :]]
        alone = any(len(path) == depth + 1 for path in paths)
        if not (words.names_both(paths[0][depth]) or _wraps(top, below, alone)):
            break
        depth += 1
    return [list(path[depth:]) for path in paths]


def _wraps(top: Meaning, below: Sequence[Meaning], alone: bool) -> bool:
    """Whether a folder is the name of a set, by what those below it say; `alone`: some files lie in it itself."""
    if top.role in ("mask", "weak mask"):
        return True  # a set of masks alone is none, so this is the name of a product
    if top.carrier and not top.role:
        return True
    if top.role == "test":
        return any(each.role in ("train", "validation") for each in below)
    if top.role:
        return any(each.role in ("train", "test") or each.quality for each in below)
    if top.quality == "bad":  # where kinds or good ones lie below, it is the name of the set
        kinds = not alone and any(each.silent and not each.view for each in below)
        return kinds or any(each.role == "train" or each.quality == "good" for each in below)
    if top.quality:
        return any(each.role == "train" or (each.quality == "bad" and not alone) for each in below)
    return True


def _read(folders: Sequence[Sequence[str]]) -> list[list[Meaning]]:
    """Return what each folder of each path says, by its own name and by those of the folders beside and above it."""
    beside: dict[tuple[str, ...], set[str]] = {}
    for path in {tuple(path) for path in folders}:
        for depth, folder in enumerate(path):
            beside.setdefault(path[:depth], set()).add(folder)
    conditions = {
        folder
        for path in {tuple(path) for path in folders}
        for depth, folder in enumerate(path)
        if meaning(folder).silent and any(meaning(above).quality == "good" for above in path[:depth])
    }

    both = contradictions.on_both_sides(folders, beside)

    def said(path: Sequence[str], depth: int) -> Meaning:
        folder = path[depth]
        own = meaning(folder)
        if folder in both:
            return Meaning(view=True)
        if contradictions.contradicted(path, depth, beside[tuple(path[:depth])]):
            return replace(own, quality="unlabelled", against=True)
        if not own.role and (found := words.masks_of(folder, sorted(beside[tuple(path[:depth])]))) is not None:
            return replace(own, role=found[1])
        if not own.silent:
            return own
        if _good_among(folder, beside[tuple(path[:depth])]):
            return replace(own, quality="good")
        below_a_kind = any(
            each.quality == "bad" or (each.silent and not each.view) for each in map(meaning, path[:depth])
        )
        return replace(own, view=True) if folder in conditions and below_a_kind else own

    known: dict[tuple[str, ...], list[Meaning]] = {}
    for path in map(tuple, folders):
        if path not in known:
            known[path] = [said(path, depth) for depth in range(len(path))]
    return [known[tuple(path)] for path in folders]


def _good_among(folder: str, beside: Collection[str]) -> bool:
    """Whether a folder's pictures lack what one beside it is called after, and no other folder there is good."""
    return any(words.denies(folder, other) for other in beside if other != folder) and not any(
        meaning(other).quality == "good" for other in beside
    )


def _whole(below: Collection[str]) -> bool:
    """Whether folders make a data set: one to train, VisA's `Data`, or one of good beside others of defects."""
    said = [meaning(folder) for folder in below]
    if any(each.role == "train" for each in said) or any(folder.casefold() == "data" for folder in below):
        return True
    if any(_good_among(folder, below) for folder in below):
        return True
    good = any(each.quality == "good" and not each.role for each in said)
    return good and any(each.quality == "bad" or (each.silent and not each.view) for each in said if not each.role)


def _only_good(below: Collection[str]) -> bool:
    said = [meaning(folder) for folder in below]
    return bool(said) and all(each.quality == "good" and not each.role for each in said)


def _is_view(folder: str) -> bool:
    """Whether a folder is one camera or day among several, not a product."""
    return words.is_date(folder) or (meaning(folder).view and not words.words(folder)[0].isdigit())


def _seen(path: Sequence[str], said: Sequence[Meaning], index: int, looks: Looks) -> list[Meaning]:
    """Let a folder called `labels` or `crack_label` count as one of masks only for files that look like masks."""
    if not any(each.role == "weak mask" for each in said):
        return list(said)
    look = looks(index)
    if look is None or look.few:
        return [replace(each, role="mask") if each.role == "weak mask" else each for each in said]
    return [
        replace(each, role="", carrier=meaning(folder).role == "weak mask") if each.role == "weak mask" else each
        for folder, each in zip(path, said, strict=True)
    ]


def _place(
    path: Sequence[str], said: Sequence[Meaning], stem: str, given: Purpose, classes: Sequence[str] = ()
) -> Place:
    masks = next((i for i, each in enumerate(said) if each.role == "mask"), None)
    if masks is not None or given == "mask":
        return _mask_place(path, said, stem, masks, classes)
    at = next((i for i in reversed(range(len(said))) if said[i].role), None)
    role = said[at].role if at is not None else ""
    quality, kind, why = _verdict(path, said, at)
    if given == "train" and role != "test":
        return Place("train", "good", stem, why=GIVEN)
    if given == "test":
        return Place("test", kind, stem, why=why or GIVEN)
    if role == "test" or quality == "unlabelled":
        return Place("test", kind, stem, why=why or NOT_SAID, silent=quality == "")
    if role in ("train", "validation"):
        if kind in (None, "good"):
            return Place("train", "good", stem, why=why or by_folder(path[at]))  # type: ignore[index]
        return Place("outside" if role == "train" else "test", kind, stem, why=why)
    if quality == "good" or kind is None:
        return Place("train", "good", stem, why=why or DEFAULT)
    return Place("test", kind, stem, why=why)


def _mask_place(
    path: Sequence[str], said: Sequence[Meaning], stem: str, at: int | None, classes: Sequence[str]
) -> Place:
    """Place a mask: its kind stands below the folder of masks, in that folder's name ("crack_label"), or above it."""
    at = -1 if at is None else at
    below = [path[i] for i in range(at + 1, len(path)) if not said[i].role and not said[i].carrier]
    above = [path[i] for i in range(max(at, 0)) if not said[i].role and not said[i].carrier]
    inner = below[1] if len(below) > 1 and words.meaning(below[-1]).view and not meaning(below[0]).view else None
    own = words.masks_of(path[at], classes) if at >= 0 else None
    named = [folder for folder in below if folder != inner] or ([own[0]] if own is not None else above)
    views = {folder for folder, each in zip(path, said, strict=True) if each.view}
    kinds = [folder for folder in named if folder not in views] or named
    good = any(each.quality == "good" for folder, each in zip(path, said, strict=True) if kinds and folder == kinds[-1])
    kind = ("good" if good else kind_of(kinds[-1])) if kinds else None
    return Place("mask", kind, stem, inner, why=by_folder(path[at]) if at >= 0 else GIVEN)


def _verdict(
    path: Sequence[str], said: Sequence[Meaning], at: int | None
) -> tuple[Literal["good", "bad", "unlabelled", ""], str | None, Sentence | None]:
    """Return good, bad or unlabelled, the kind, and what decided, for a picture whose role stands at `at`."""
    start = 0 if at is None else at
    decides = next((i for i in reversed(range(start, len(path))) if said[i].quality), None)
    if decides is None and at is not None:  # `good/test` and `NG/test`
        decides = next((i for i in reversed(range(at)) if said[i].quality), None)
    quality = said[decides].quality if decides is not None else ""
    if decides is not None and quality == "good":
        return "good", "good", by_folder(path[decides])
    if decides is not None and quality == "unlabelled":
        tell = contradicted if said[decides].against else by_folder
        return "unlabelled", None, tell(path[decides])
    below = [i for i in range(0 if at is None else at + 1, len(path)) if said[i].silent]
    kinds = [i for i in below if not said[i].view]
    while len(kinds) > 1 and words.is_condition(path[kinds[-1]]) and kinds[-2] > (-1 if decides is None else decides):
        kinds.pop()
    if decides is not None:
        kind = path[kinds[-1]] if kinds and kinds[-1] > decides else path[decides]
        return "bad", "defective" if meaning(kind).role else kind, by_folder(path[decides])
    if not kinds:  # classes that are numbers, but no cameras
        kinds = [i for i in below if path[i].isdigit()]
    if kinds:
        return "bad", path[kinds[-1]], taken_as_kind(path[kinds[-1]])
    return "", None, None


def _overridden(
    override: Override, path: Sequence[str], said: Sequence[Meaning], name: str, classes: Sequence[str]
) -> Place:
    """Place a file as a person said of its folder; whether one that is just "good" is learnt its folders still say."""
    why = Sentence("role.chosen", "You said so of {folder}.", folder=override.path or "/")
    stem, tested = words.stem(name), split_of("/".join([*path, ""])) == "test"
    match override.role:
        case "ignore":
            return Place("ignored", None, stem, why=why)
        case "masks":
            at = next((i for i, each in enumerate(said) if each.role in ("mask", "weak mask")), None)
            return replace(_mask_place(path, said, stem, at, classes), why=why)
        case "unlabelled":
            return Place("test", None, stem, why=why)
        case "good":
            return Place("test" if tested else "train", "good", stem, why=why)
        case "train/good":
            return Place("train", "good", stem, why=why)
        case "test/good":
            return Place("test", "good", stem, why=why)
    if "/" in override.role:
        return Place("test", override.role.partition("/")[2], stem, why=why)
    silent = [f for f, each in zip(path, said, strict=True) if each.silent and not each.view]
    generic = [f for f, each in zip(path, said, strict=True) if each.quality == "bad"]
    kinds = silent or generic or [override.path.rpartition("/")[2]]
    kind = kinds[-1] if kinds[-1] and meaning(kinds[-1]).quality != "good" and not meaning(kinds[-1]).role else None
    return Place("test", kind or "defective", stem, why=why)


def _without_beside(places: Sequence[Place], folders: Sequence[Sequence[str]], given: Purpose) -> list[Place]:
    """Leave out pictures of which no folder says anything, beside folders of good and train pictures."""
    found = [[meaning(folder) for folder in path] for path in folders]
    if given or not any(each.role in ("train", "validation") or each.quality == "good" for m in found for each in m):
        return list(places)
    return [Place("outside", None, place.stem, why=BESIDE) if place.why == DEFAULT else place for place in places]


def _masks_by_name(
    places: Sequence[Place],
    names: Sequence[str],
    folders: Sequence[Sequence[str]],
    looks: Looks,
    overrides: Mapping[str, Override],
) -> list[Place]:
    """Find the masks among pictures: a name made of a picture's name, or its name with another ending, and the looks.

    Such a file is a mask if it has few values and its picture has more; a file of few values alone is a picture.
    """
    result = list(places)
    beside: dict[tuple[str, str], list[int]] = {}
    anywhere: dict[str, list[int]] = {}
    pictures = [i for i, place in enumerate(places) if place.role not in ("mask", "ignored")]
    for i in pictures:
        folder, _, file = names[i].rpartition("/")
        for key in {file.casefold(), places[i].stem.casefold()}:
            beside.setdefault((folder, key), []).append(i)
            anywhere.setdefault(key, []).append(i)
    plain = {names[i].rpartition("/")[0] for i in pictures if not words.named_like_a_mask(names[i].rpartition("/")[2])}
    for i in pictures:
        folder, _, file = names[i].rpartition("/")
        if names[i] in overrides:
            continue
        own, *bare = words.picture_stems(file)
        near = [j for stem in bare for j in beside.get((folder, stem), ()) if j != i]
        twins = [j for j in beside.get((folder, own), ()) if j != i and places[j].stem.casefold() == own]
        far = [j for stem in bare for j in anywhere.get(stem, ()) if j != i]
        orphan = bool(bare) and folder in plain
        if not (near or twins or far or orphan) or (look := looks(i)) is None or not look.few:
            continue
        if near or far or orphan:
            partner = next(iter(near or far), None)
        else:
            partner = next((j for j in twins if (other := looks(j)) is not None and look.masks(other)), None)
            if partner is None:
                continue
        why = Sentence(
            "role.mask_of",
            "It has few values and a name made of {picture}: its mask.",
            picture=names[partner].rpartition("/")[2] if partner is not None else bare[0],
        )
        kind = None if places[i].why == DEFAULT else places[i].kind
        result[i] = Place("mask", kind, places[i].stem, part=places[i].part, why=why)
    return result


def _mask_folders(places: Sequence[Place], names: Sequence[str], looks: Looks) -> list[Place]:
    """Find folders of masks whose names are no words for that, beside the folder of their pictures ("crack_bw").

    Every file has few values, and the name and size of a picture with more that lies in the folder above or beside.
    """
    result = list(places)
    folders: dict[str, list[int]] = {}
    for i, place in enumerate(places):
        if place.role not in ("mask", "ignored"):
            folders.setdefault(names[i].rpartition("/")[0], []).append(i)
    for folder, members in folders.items():
        above = folder.rpartition("/")[0]
        if not folder or not all(_by_its_folder(places[i]) for i in members):
            continue
        beside = [other for other in folders if other != folder and above in (other, other.rpartition("/")[0])]
        stems = {other: {places[i].stem.casefold(): i for i in folders[other]} for other in beside}
        mine = [places[i].stem.casefold() for i in members]
        chances = [other for other in beside if all(stem in stems[other] for stem in mine)]
        chances.sort(  # of several, the one called alike, then one of defective pictures
            key=lambda other: (
                -len(set(words.words(_last(other))) & set(words.words(_last(folder)))),
                not all(places[i].defective for i in folders[other]),
            )
        )
        for other in chances:
            partners = [stems[other][stem] for stem in mine]
            if all(_is_mask_of(looks, i, partner) for i, partner in zip(members, partners, strict=True)):
                for i, partner in zip(members, partners, strict=True):
                    why = Sentence(
                        "role.mask_of",
                        "It has few values and a name made of {picture}: its mask.",
                        picture=names[partner],
                    )
                    result[i] = Place("mask", places[partner].kind, places[i].stem, why=why, picture=names[partner])
                break
    return result


def _unlisted(places: Sequence[Place]) -> list[Place]:
    """Say of what a table of labels does not name, and no folder says anything of, what follows from what it names.

    Where it names good ones it is tested without a label; where it names defective ones alone it is good.
    """
    named = {
        place.kind == "good" for place in places if by_table(place) and place.role in ("train", "test") and place.kind
    }
    if not named:
        return list(places)
    return [
        place
        if place.why != DEFAULT
        else Place("test", None, place.stem, part=place.part, why=UNLISTED)
        if True in named
        else replace(place, why=NOT_AMONG)
        for place in places
    ]


def _zero_or_one(places: Sequence[Place]) -> list[Place]:
    """Decide folders called 0 and 1: the one number among the training pictures is good, else nothing says which is.

    Where good pictures to test have a folder of their own all numbers are kinds of defects, and so are those above 1.
    """
    numbered = {i: int(place.kind or 0) for i, place in enumerate(places) if is_kind(place) and _digits(place.kind)}
    chosen = any(place.kind == "good" and _digits(_chosen(place)) for place in places)
    tested_good = any(place.role == "test" and place.kind == "good" for place in places)
    if not {0, 1} & {*numbered.values()} or chosen or tested_good:
        return list(places)
    learnt = {number for i, number in numbered.items() if places[i].role == "outside"}
    result = list(places)
    for i, number in numbered.items():
        place, folder = places[i], str(places[i].kind)
        if learnt == {number}:
            role: Role = "train" if place.role == "outside" else "test"
            result[i] = replace(place, role=role, kind="good", why=number_learnt(folder))
        elif len(learnt) != 1 and (number == 0 or max(numbered.values()) == 1):
            result[i] = replace(place, role="test", kind=None, why=unknown_number(folder))
    return result


def _chosen(place: Place) -> str:
    """Return the folder of which a person said what it is; "" for any other place."""
    return _last(place.why.values["folder"]) if place.why is not None and place.why.key == "role.chosen" else ""


def _digits(kind: str | None) -> bool:
    return kind is not None and kind.isascii() and kind.isdigit()


def _beside_test(path: Sequence[str], said: Sequence[Meaning], tested: Collection[tuple[str, ...]]) -> bool:
    """Whether no folder of a path has a role and one lies beside those of train and test: it is no kind of defect."""
    return not any(each.role for each in said) and any(tuple(path[:depth]) in tested for depth in range(len(path)))


def _by_its_folder(place: Place) -> bool:
    """Whether a folder's name alone made a picture a defective one."""
    return place.defective is True and place.why is not None and place.why.key in ("role.kind", "role.folder")


def _coloured(folder: str) -> bool:
    """Whether a folder holds colour pictures beside others of what else was measured."""
    return meaning(folder).carrier and "rgb" in words.words(folder)


def _last(folder: str) -> str:
    return folder.rpartition("/")[2]


def _is_mask_of(looks: Looks, mask: int, picture: int) -> bool:
    look = looks(mask)
    other = looks(picture) if look is not None and look.few else None
    return look is not None and other is not None and look.masks(other)


def _decided_by_masks(
    places: Sequence[Place], folders: Sequence[Sequence[str]], table: Mapping[str, Place]
) -> list[Place]:
    """Let masks say what is good where no folder does and most pictures have one (KolektorSDD)."""
    said = any(
        each.role in ("train", "validation", "test") or each.quality for path in folders for each in map(meaning, path)
    )
    chosen = any(place.why is not None and place.why.key == "role.chosen" for place in places)
    pictures = {i for i, place in enumerate(places) if place.role in ("train", "test")}
    masks = sum(place.role == "mask" for place in places)
    if said or chosen or table or masks < _MASKED_SHARE * len(pictures) or not masks:
        return list(places)
    return [
        replace(
            place,
            role="test",
            kind=None,
            by_mask=True,
            why=BY_MASK,
            folder=None if place.kind == "good" else place.kind,
        )
        if i in pictures
        else place
        for i, place in enumerate(places)
    ]


def _tested_validation(places: Sequence[Place], names: Sequence[str]) -> list[Place]:
    """Test the good pictures of a validation folder that holds defects, where no folder is one of tests."""
    roles = [[each for folder in name.split("/")[:-1] if (each := meaning(folder).role)] for name in names]
    validation = [each[-1:] == ["validation"] for each in roles]
    defects = any(place.defective and place.role == "test" and of for place, of in zip(places, validation, strict=True))
    learnt = any(place.role == "train" and not of for place, of in zip(places, validation, strict=True))
    if not (defects and learnt) or any("test" in each for each in roles):
        return list(places)
    return [
        replace(place, role="test", why=VALIDATION) if of and place.role == "train" and by_its_folder(place) else place
        for place, of in zip(places, validation, strict=True)
    ]


def _set_aside(
    places: list[Place], names: Sequence[str], folders: Sequence[Sequence[str]], table: bool
) -> tuple[list[Place], bool]:
    roles = {each.role for path in folders for each in map(meaning, path) if each.quality != "unlabelled"}
    labelled = any(map(by_table, places))
    explicit = table or "test" in roles or ("train" in roles and not labelled)
    return (places, False) if explicit else with_spare(places, names)


def spared(roles: Sequence[tuple[str, str | None]], names: Sequence[str]) -> list[int]:
    """Return every fifth good picture to learn by name, where only defects would be tested; else nothing."""
    learnt = [i for i, (role, _) in enumerate(roles) if role == "train"]
    tested = [kind for role, kind in roles if role == "test"]
    if not tested or "good" in tested or len(learnt) < _ENOUGH_TO_SPLIT:
        return []
    return sorted(learnt, key=lambda i: names[i])[_EVERY - 1 :: _EVERY]
