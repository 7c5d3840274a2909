"""How a data set was understood, in a sentence and folder by folder, so that a person can correct it before a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from detectors.errors import Sentence

_KINDS = 8
_PICTURE_BY_PICTURE = {
    "role.table",
    "role.named",
    "role.by_mask",
    "role.outlines",
    "role.listed",
    "role.own_file",
    "role.no_document",
}

FolderRole = Literal["good", "defective", "unlabelled", "masks", "ignore", ""]


@dataclass(frozen=True)
class Folder:
    """One folder and what its files were taken for.

    Attributes:
        path: as the report shows it; a key for the `roles` of every loading function; "" for what lies in no folder.
        role: "good", "defective", "unlabelled", "masks", "ignore", or "" where nothing says what to do with it.
        use: "train" (learnt), "test", or "".
        kind: the defect's name, or None.
        pictures, masks: how many of each lie in it.
        chosen: whether a person said so.
        why: what decided.
    """

    path: str
    role: FolderRole
    use: Literal["train", "test", ""]
    kind: str | None
    pictures: int
    masks: int
    chosen: bool
    why: Sentence | None


@dataclass(frozen=True)
class Understanding:
    """How a data set was understood; `str()` is one sentence.

    Attributes:
        parts: the sentence's pieces, each to be translated by itself and joined by "; ".
        folders: sorted by path.
    """

    parts: tuple[Sentence, ...]
    folders: tuple[Folder, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.parts)) + "."


@dataclass(frozen=True)
class FileUse:
    """What one file was taken for: its path, its use in the set, and what decided."""

    path: str
    use: Literal["train", "test", "mask", "ignored", ""]
    defective: bool | None = None
    kind: str | None = None
    why: Sentence | None = None


def understand(taken: Sequence[FileUse], unread: str = "") -> Understanding:
    """Count what the files of a set were taken for; `unread` names documents whose labels were not read."""
    learnt = sum(each.use == "train" for each in taken)
    tests = [each for each in taken if each.use == "test"]
    good = sum(each.defective is False for each in tests)
    kinds = Counter(each.kind or "defective" for each in tests if each.defective)
    unlabelled = sum(each.defective is None for each in tests)
    masks = sum(each.use == "mask" for each in taken)
    parts = [_normal(learnt, good)]
    if len(kinds) > 1:
        parts.append(
            Sentence(
                "understanding.defective",
                "{count} defective of {kinds} kinds: {names}",
                count=kinds.total(),
                kinds=len(kinds),
                names=", ".join(sorted(kinds)[:_KINDS]) + (", …" if len(kinds) > _KINDS else ""),
            )
        )
    elif kinds:
        (kind,) = kinds
        parts.append(
            Sentence("understanding.one_kind", "{count} defective ({name})", count=kinds.total(), name=kind)
            if kind != "defective"
            else Sentence("understanding.some_defective", "{count} defective", count=kinds.total())
        )
    else:
        parts.append(Sentence("understanding.no_defective", "none defective"))
    if unlabelled:
        parts.append(Sentence("understanding.unlabelled", "{count} to test without a label", count=unlabelled))
    parts.append(
        Sentence("understanding.masks", "{count} [mask|masks]", count=masks)
        if masks
        else Sentence("understanding.no_masks", "no masks")
    )
    if unused := sum(each.use == "" for each in taken):
        parts.append(Sentence("understanding.unused", "{count} not used", count=unused))
    if unread:
        parts.append(Sentence("understanding.unread", "labels in {names} are not read", names=unread))
    return Understanding(tuple(parts), tuple(_folders(taken)))


def _normal(learnt: int, good: int) -> Sentence:
    if good and not learnt:
        return Sentence("understanding.normal_tested", "{count} normal, none of them to learn from", count=good)
    if good and learnt:
        return Sentence(
            "understanding.normal_both",
            "{count} normal ({learnt} to learn from, {tested} to test)",
            count=learnt + good,
            learnt=learnt,
            tested=good,
        )
    return Sentence("understanding.normal", "{count} normal", count=learnt + good)


def _folders(taken: Sequence[FileUse]) -> Iterable[Folder]:
    by_path: dict[str, list[FileUse]] = {}
    for each in taken:
        by_path.setdefault(each.path.rpartition("/")[0], []).append(each)
    for path, files in sorted(by_path.items()):
        pictures = [each for each in files if each.use in ("train", "test")]
        masks = [each for each in files if each.use == "mask"]
        most = Counter((_role(each), each.use) for each in pictures or files).most_common(1)[0][0]
        role, use = most
        first = next(each for each in pictures or files if (_role(each), each.use) == most)
        chosen = first.why is not None and first.why.key == "role.chosen"
        shown: Literal["train", "test", ""] = use if use in ("train", "test") else ""  # type: ignore[assignment]
        why = _each(pictures) or first.why
        yield Folder(path, role, shown, first.kind, len(pictures), len(masks), chosen, why)


def _each(pictures: Sequence[FileUse]) -> Sentence | None:
    """Say how many pictures of a folder are what, where not the folder but a table, names or masks decided it."""
    reasons = [each.why for each in pictures if each.why is not None and each.why.key in _PICTURE_BY_PICTURE]
    if not reasons or len({(each.use, each.defective) for each in pictures}) == 1:
        return None
    counts = {
        "learnt": sum(each.use == "train" for each in pictures),
        "good": sum(each.use == "test" and each.defective is False for each in pictures),
        "defective": sum(each.use == "test" and each.defective is True for each in pictures),
        "open": sum(each.use == "test" and each.defective is None for each in pictures),
    }
    files = {reason.values["file"] for reason in reasons if "file" in reason.values}
    if len(files) == 1:
        return Sentence(
            "role.each_of_file",
            "{file} decides picture by picture. Learnt: {learnt}; tested: {good} good, {defective} defective, {open} "
            "without a label.",
            file=files.pop(), **counts,
        )  # fmt: skip
    return Sentence(
        "role.each",
        "Decided picture by picture, by names, masks or files beside them. Learnt: {learnt}; tested: {good} good, "
        "{defective} defective, {open} without a label.",
        **counts,
    )


def _role(taken: FileUse) -> FolderRole:
    match taken.use:
        case "mask":
            return "masks"
        case "ignored":
            return "ignore"
        case "":
            return ""
    return "unlabelled" if taken.defective is None else "defective" if taken.defective else "good"
