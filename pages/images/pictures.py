"""The pictures of a data set as the page about them shows them: split as the engine will, edits applied at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from detectors.datasets.corrections import DEFECTIVE, UNUSED, roles, verdict
from detectors.datasets.corrections import kind as kind_said
from detectors.datasets.sources import EditedSource, identities, left_out
from detectors.evaluation import thresholds
from detectors.queries.overview import Overview, Thumbnail
from pages.frame.words import kind, text
from pages.images.gallery import Group, Tile

Named = tuple[str, Thumbnail]


@dataclass(frozen=True)
class Album:
    """Pictures with the names that edits call them by.

    Attributes:
        learnt, held_out: normal pictures, split as a run with the same seed splits them.
        test: with labels set by hand and synthetic defects.
        removed: what was left out and can be brought back.
        aside: what was corrected after its scores were seen, and is neither learnt nor counted.
    """

    learnt: tuple[Named, ...]
    held_out: tuple[Named, ...]
    test: tuple[Named, ...]
    removed: tuple[Named, ...]
    aside: tuple[Named, ...] = ()

    @property
    def normal(self) -> tuple[Named, ...]:
        """Learnt and held out."""
        return self.learnt + self.held_out


def edited(plain: Overview, edit: EditedSource, made: Overview | None, seed: int) -> Album:
    """Apply edits to pictures.

    Args:
        plain: the pictures as they came.
        edit: what was changed.
        made: the edited pictures as a worker made them, needed only for synthetic defects; None while it is at work.
        seed: of the split into learnt and held out.
    """
    train = list(zip(identities("train", (p.sha256 for p in plain.normal)), plain.normal, strict=True))
    test = list(zip(identities("test", (p.sha256 for p in plain.test)), plain.test, strict=True))
    away = left_out(edit.removed, [p.sha256 for p in plain.normal], [p.sha256 for p in plain.test])
    gone = [(name, p) for name, p in (*train, *test) if name in away]
    train, test = ([item for item in items if item[0] not in away] for items in (train, test))
    if edit.defects and made is not None:
        names: dict[str, list[str]] = defaultdict(list)
        for name, picture in (*train, *test):
            names[picture.sha256].append(name)
        normal = _renamed(made.normal, names)
        tested = _renamed(made.test, names)
    else:
        said, moved, drawn = dict(edit.labels), dict(edit.moved), {sha for sha, _ in edit.masks}
        normal = [(n, p) for n, p in train if not said.get(p.sha256) and moved.get(p.sha256) != "test"]
        normal += [(n, _labelled(p, False)) for n, p in test if moved.get(p.sha256) == "train"]
        tested = [(n, _labelled(p, said.get(p.sha256))) for n, p in test if moved.get(p.sha256) != "train"]
        tested += [
            (n, _labelled(p, said.get(p.sha256) or None))
            for n, p in train
            if said.get(p.sha256) or moved.get(p.sha256) == "test"
        ]
        tested = [(n, replace(p, masked=p.masked or (p.sha256 in drawn and bool(p.defective)))) for n, p in tested]
    learnt, held_out = thresholds.hold_out(len(normal), seed=seed)
    used = roles(
        [p.sha256 for _, p in normal], [(p.sha256, p.base) for _, p in tested], learnt.tolist(), held_out.tolist(),
        edit.corrected,
    )  # fmt: skip
    after, by_role = dict(edit.corrected), {"train": normal, "test": tested}
    taught = [normal[i] if role == "train" else _as_good(tested[i]) for role, i in used.learnt]
    aside = [by_role[role][i] for role, i in used.aside]
    gone += [(n, p) for n, p in aside if after[p.sha256] == UNUSED]
    return Album(
        tuple(taught),
        tuple(normal[i] for i in used.held_out),
        tuple(tested[i] for i in used.test),
        tuple(gone),
        tuple((n, _said(p, after[p.sha256])) for n, p in aside if after[p.sha256] != UNUSED),
    )


def normal_groups(shown: Album, odd: Iterable[str]) -> list[Group]:
    """Return the normal pictures in two groups; those whose sha256 is in `odd` get a frame."""
    unusual = set(odd)
    why = text("images.odd_short")
    groups = []
    for key, mark, items in (("learnt", "circle", shown.learnt), ("held", "held", shown.held_out)):
        title = text(f"images.{key}")
        tiles = tuple(Tile(name, p, f"{p.name}, {title}", why if p.sha256 in unusual else "") for name, p in items)
        groups.append(Group(key, title, mark, tiles))
    return groups


def test_groups(shown: Album) -> list[Group]:
    """Return the test pictures by kind: unlabelled ones first, then defects, then good ones."""
    by_kind: dict[tuple[int, str, bool], list[Tile]] = defaultdict(list)
    for name, p in shown.test:
        rank = {None: 0, True: 1, False: 2}[p.defective]
        title = kind(p.kind or None, p.synthetic)
        by_kind[rank, title, p.synthetic].append(Tile(name, p, f"{p.name}, {title}"))
    marks = ("unknown", "diamond", "circle")
    return [
        Group(f"{rank} {title} {made}", title, marks[rank], tuple(tiles), text("images.synthetic") if made else "")
        for (rank, title, made), tiles in sorted(by_kind.items(), key=lambda item: (item[0][0], item[0][2], item[0][1]))
    ]


def aside_group(shown: Album) -> list[Group]:
    """Return the pictures that were corrected after their scores were seen and are not learnt."""
    title = text("images.aside")
    said = [kind(p.kind or None) for _, p in shown.aside]
    tiles = tuple(Tile(n, p, f"{p.name}, {word}, {title}") for (n, p), word in zip(shown.aside, said, strict=True))
    return [Group("aside", title, "unknown", tiles)]


def removed_group(shown: Album) -> list[Group]:
    """Return the pictures that were left out."""
    tiles = tuple(Tile(name, p, f"{p.name}, {text('images.removed_short')}") for name, p in shown.removed)
    return [Group("removed", text("images.removed_title"), "unknown", tiles)]


def copies(shown: Album, where: str) -> frozenset[str]:
    """Return the names of pictures to leave out so that none stands twice: "across" both sets, in "train" or in "test".

    Of pictures in both sets the normal ones go.
    """
    if where == "across":
        tested = {p.sha256 for _, p in shown.test}
        return frozenset(name for name, p in shown.normal if p.sha256 in tested)
    before: set[str] = set()
    extra = set()
    for name, p in shown.normal if where == "train" else shown.test:
        if p.sha256 in before:
            extra.add(name)
        before.add(p.sha256)
    return frozenset(extra)


def _renamed(pictures: Sequence[Thumbnail], names: dict[str, list[str]]) -> list[Named]:
    """Give pictures the names they had before they were edited; synthetic ones get their own."""
    fresh = identities("made", (p.sha256 for p in pictures))
    return [(names[p.sha256].pop(0) if names[p.sha256] else new, p) for new, p in zip(fresh, pictures, strict=True)]


def _as_good(named: Named) -> Named:
    return named[0], _labelled(named[1], False)


def _said(picture: Thumbnail, said: str) -> Thumbnail:
    if verdict(said) == DEFECTIVE:
        return replace(picture, defective=True, kind=kind_said(said) or "defective")
    return replace(picture, defective=False, kind="good")


def _labelled(picture: Thumbnail, label: bool | str | None) -> Thumbnail:
    if label is None or label == picture.kind or (isinstance(label, bool) and label == picture.defective):
        return picture
    kind = label if isinstance(label, str) else "defective" if label else "good"
    return replace(picture, defective=bool(label), kind=kind)
