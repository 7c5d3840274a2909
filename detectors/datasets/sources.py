"""Where pictures come from, small enough to send to a worker: a demo, uploaded files, or either of them edited.

A source is a value with a key that changes whenever its pictures do; `load` makes or decodes them, in a worker.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, Literal

from detectors import datasets
from detectors.datasets import Dataset, Part, Sample, synthetic
from detectors.datasets.corrections import Corrected
from detectors.datasets.files import keeping
from detectors.datasets.files.contents import Content, Resting, Segmented, carried, remove, room, sha256
from detectors.datasets.places import Purpose
from detectors.datasets.samples import with_empty_masks
from detectors.errors import Refusal
from detectors.images import White
from detectors.images.masks import read_mask

Files = tuple[tuple[str, Content], ...]


@dataclass(frozen=True)
class DemoSource:
    """A product of the built-in demo set; the fields are those of `datasets.demo`."""

    product: str = datasets.FIRST_PRODUCT
    normal: int = 64
    good: int = 24
    per: int = 1
    severities: tuple[float, ...] = (1.0, 0.5, 0.0)
    kinds: tuple[str, ...] | None = None
    seed: int = 0
    rotate: bool = True

    @property
    def key(self) -> str:
        """The recipe, written down."""
        return f"demo {json.dumps(asdict(self), sort_keys=True)}"

    def load(self, progress: Callable[[float], None] = lambda done: None) -> Dataset:
        """Draw the pictures, or read them from the cache folder; `progress` is called with the share done."""
        return datasets.demo(**asdict(self), progress=progress)


@dataclass(frozen=True)
class UploadSource:
    """Uploaded files.

    Attributes:
        normal, test, masks: (name, content) of loose files whose purpose was said.
        archive: (name, content) of one ZIP; its pictures come first.
        product: one of several data sets in the ZIP.
        archive_role: "train" or "test" for a ZIP of normal or of test pictures; "" when its folders say.
        placed: (name, content) of loose files whose folders say what they are for.
        folder: a folder on the machine that loads it, instead of files; read there when it is loaded.
        stamp: of the folder's files, from `folders.stamp`: other files make another source.
        more: later uploads, each without any of its own.
        roles: (folder, role) that a person said, as in `datasets.load_folder`; those of the first upload hold for all.
        white: black and white of pictures with more than 8 bits, as a person chose them; the first upload's holds.
    """

    normal: Files = field(default=(), repr=False)
    test: Files = field(default=(), repr=False)
    masks: Files = field(default=(), repr=False)
    archive: tuple[str, Content] | None = field(default=None, repr=False)
    product: str | None = None
    archive_role: Purpose = ""
    placed: Files = field(default=(), repr=False)
    more: tuple[UploadSource, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    white: White | None = None
    folder: str | None = None
    stamp: str = ""

    @cached_property
    def key(self) -> str:
        """A hash of all names and bytes, and what a person said of folders."""
        said = json.dumps(sorted(self.roles)) if self.roles else ""
        said += json.dumps(asdict(self.white)) if self.white else ""
        digests = "".join(part._digest for part in self.parts)
        return f"upload {hashlib.sha256((digests + said).encode()).hexdigest()}"

    @cached_property
    def parts(self) -> tuple[UploadSource, ...]:
        """The uploads one by one, the first one first."""
        return (replace(self, more=()), *self.more) if self.more else (self,)

    @property
    def bytes(self) -> int:
        """What all files occupy now; a folder's stay where they are."""
        return sum(room(content) for part in self.parts for _, content in part._files)

    @property
    def _on_disk(self) -> list[Resting | Segmented]:
        contents = [content for part in self.parts for _, content in part._files]
        return [content for content in contents if not isinstance(content, bytes)]

    def remove(self) -> None:
        """Remove the files that lie on this machine's disk, whoever still holds them; a folder's stay."""
        for content in self._on_disk:
            for path in content.paths:
                remove(path)

    def keep(self, progress: Callable[[float], None] = lambda done: None) -> None:
        """Bring the files that lie on this machine's disk to the kept side; `progress` is called with the share done.

        Nothing else changes: not the key, and not what `load` returns.
        """
        lying = self._on_disk
        for i, content in enumerate(lying):
            keeping.keep(content, progress=lambda done, i=i: progress((i + done) / len(lying)))  # type: ignore[misc]

    def added(self, later: UploadSource) -> UploadSource:
        """Return this with a later upload; what is there already is not added again."""
        there = {part._digest for part in self.parts}
        return replace(self, more=(*self.more, *(part for part in later.parts if part._digest not in there)))

    def without(self, part: UploadSource) -> UploadSource | None:
        """Return this without one of its uploads; None where none is left."""
        left = [each for each in self.parts if each._digest != part._digest]
        return reduce(UploadSource.added, left) if left else None

    @property
    def one_part(self) -> Part:
        """The first upload alone, as `datasets.join` takes it."""
        return Part(
            self.normal, self.test, self.masks, self.placed, self.archive, self.product, self.archive_role, self.folder
        )

    def carried(self) -> UploadSource:
        """Return this with all bytes in memory, for a worker that does not see this machine's disk."""
        parts = [replace(part, more=(), **part._in_memory()) for part in self.parts]
        return replace(parts[0], more=tuple(parts[1:]))

    def with_roles(self, roles: Mapping[str, str]) -> UploadSource:
        """Return this with what a person said of folders, as in `datasets.load_folder`."""
        return replace(self, roles=tuple(sorted(roles.items())))

    def with_white(self, white: White | None) -> UploadSource:
        """Return this with black and white of deep pictures as a person chose them; None lets the set decide again."""
        return replace(self, white=white)

    def load(self, progress: Callable[[float], None] = lambda done: None) -> Dataset:
        """Decode everything, each file by itself; `progress` is called with the share done."""
        parts = [part.one_part for part in self.parts]
        return datasets.join(parts, progress=progress, roles=dict(self.roles), white=self.white)

    @property
    def _files(self) -> Files:
        packed = (self.archive,) if self.archive else ()
        return (*self.normal, *self.test, *self.masks, *self.placed, *packed)

    def _in_memory(self) -> dict[str, Any]:
        held = {name: getattr(self, name) for name in ("normal", "test", "masks", "placed")}
        read = {name: tuple((called, carried(content)) for called, content in files) for name, files in held.items()}
        return read | {"archive": self.archive and (self.archive[0], carried(self.archive[1]))}

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps([self.product, self.archive_role]).encode())
        if self.folder is not None:
            digest.update(json.dumps([self.folder, self.stamp]).encode())
        groups = (("normal", self.normal), ("test", self.test), ("mask", self.masks), ("placed", self.placed))
        for role, files in (*groups, ("archive", (self.archive,) if self.archive else ())):
            for name, content in files:
                digest.update(f"{role} {len(name)} {name} {len(content)} ".encode(errors="surrogatepass"))
                digest.update(sha256(content).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class EditedSource:
    """Another source with pictures left out, labels set by hand, or synthetic defects added.

    Attributes:
        base: what is edited.
        removed: what is left out: a sha256 wherever it stands, or one picture as `identities` names it.
        labels: (sha256, defective, or the defect's kind) set by hand. A normal picture that is called defective becomes
            a test picture.
        defects: how many synthetic defects to add to the test pictures; 0 for none.
        seed: of the synthetic defects.
        moved: (sha256, "train" to learn it as a good one, or "test") of pictures that were moved by hand.
        masks: (sha256, PNG file in base64) of masks that were drawn by hand, white where the defect is; they replace
            others, and an empty one says that nothing is marked.
        corrected: (sha256, what was said) of pictures whose scores had been seen; see `corrections` for what follows.
    """

    base: DemoSource | UploadSource
    removed: frozenset[str] = frozenset()
    labels: tuple[tuple[str, bool | str], ...] = ()
    defects: int = 0
    seed: int = 0
    moved: tuple[tuple[str, Literal["train", "test"]], ...] = ()
    masks: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    corrected: Corrected = ()

    @property
    def key(self) -> str:
        """The base's key and the edits, written down."""
        edits = [sorted(self.removed), sorted(self.labels), self.defects, self.seed]
        edits += [sorted(self.moved)] if self.moved or self.masks else []
        edits += [sorted(self.masks)] if self.masks else []
        edits += ["corrected", sorted(self.corrected)] if self.corrected else []
        return f"edited {json.dumps(edits)} of {self.base.key}"

    @property
    def untouched(self) -> bool:
        """Whether nothing is edited."""
        return not (self.removed or self.labels or self.defects or self.moved or self.masks or self.corrected)

    def load(self) -> Dataset:
        """Load the base and edit it."""
        return self.edit(self.base.load())

    def edit(self, data: Dataset) -> Dataset:
        """Return the edited data set; a mask goes when its picture is called good by hand.

        Synthetic defects are pasted into copies of good test pictures, each into another one as far as there are
        enough. Where there are fewer than defects, up to a quarter of the normal pictures is tested instead of learnt,
        so that no method has learnt what lies around a defect; with fewer than four, the copies are of learnt ones.
        """
        said, moved_to = dict(self.labels), dict(self.moved)
        kept_train, kept_test = self._kept(data)
        train: list[Sample] = []
        added: list[Sample] = []
        for sample in kept_train:
            sha = sample.picture.sha256
            if said.get(sha):
                added.append(_labelled(sample, said))
            else:
                (added if moved_to.get(sha) == "test" else train).append(sample)
        test = []
        for sample in kept_test:
            if moved_to.get(sample.picture.sha256) == "train":
                train.append(replace(sample, defective=False, kind="good", mask=None))
            else:
                test.append(_labelled(sample, said))
        test += added
        if self.masks:
            drawn = dict(self.masks)
            test = with_empty_masks([_marked(sample, drawn.get(sample.picture.sha256)) for sample in test])
        if self.defects and train:
            good = [sample for sample in test if sample.defective is False]
            count = min(self.defects - len(good), len(train) // 4)
            if count > 0:
                moved = {(2 * i + 1) * len(train) // (2 * count) for i in range(count)}  # evenly over the set
                good += [replace(train[i], defective=False, kind="good") for i in sorted(moved)]
                test += good[-count:]
                train = [sample for i, sample in enumerate(train) if i not in moved]
            test += synthetic.with_defects(good or train, seed=self.seed, count=self.defects)
        recipe = {
            "base": data.recipe,
            "removed": sorted(self.removed),
            "labels": sorted(map(list, self.labels)),
            "moved": sorted(map(list, self.moved)),
            "masks": sorted(map(list, self.masks)),
            "synthetic_defects": self.defects,
            "synthetic_seed": self.seed,
        }
        recipe |= {"corrected": sorted(map(list, self.corrected))} if self.corrected else {}
        edited = replace(data, train=tuple(train), test=tuple(test), recipe=recipe, corrected=self.corrected)
        before = datasets.problems(data)
        notes = tuple(note for note in data.report.notes if note not in before) + datasets.problems(edited)
        return replace(edited, report=replace(data.report, notes=notes))

    def _kept(self, data: Dataset) -> tuple[list[Sample], list[Sample]]:
        train, test = ([sample.picture.sha256 for sample in samples] for samples in (data.train, data.test))
        gone = left_out(self.removed, train, test)

        def kept(role: str, hashes: list[str], samples: tuple[Sample, ...]) -> list[Sample]:
            return [s for name, s in zip(identities(role, hashes), samples, strict=True) if name not in gone]

        return kept("train", train, data.train), kept("test", test, data.test)


Source = DemoSource | UploadSource | EditedSource


def identities(role: str, hashes: Iterable[str]) -> list[str]:
    """Name each picture of a set, copies apart.

    >>> identities("train", ["aa", "bb", "aa"])
    ['train:aa', 'train:bb', 'train:aa#1']
    """
    seen: Counter[str] = Counter()
    names = []
    for sha in hashes:
        names.append(f"{role}:{sha}#{seen[sha]}" if seen[sha] else f"{role}:{sha}")
        seen[sha] += 1
    return names


def left_out(removed: frozenset[str], train: Sequence[str], test: Sequence[str]) -> frozenset[str]:
    """Return the names, as `identities` gives them, of the pictures that `removed` means in a set of such sha256.

    A sha256 alone means all copies. A name whose picture has changed its role since, as a set that grows is split
    anew, means it there.
    """
    there = {*identities("train", train), *identities("test", test)}
    found = {name for name in there if name in removed or _sha256(name) in removed}
    for name in removed - there:
        role, _, rest = name.partition(":")
        other = f"{'test' if role == 'train' else 'train'}:{rest}"
        if rest and other in there:
            found.add(other)
    return frozenset(found)


def _sha256(name: str) -> str:
    return name.partition(":")[2].partition("#")[0]


def _marked(sample: Sample, drawn: str | None) -> Sample:
    """Return a defective picture with the mask that was drawn; one that cannot be read, or marks nothing, is none."""
    if drawn is None or not sample.defective:
        return sample
    try:
        mask = read_mask(base64.b64decode(drawn, validate=True), sample.picture.frame)[0]
    except (Refusal, binascii.Error):
        return sample
    return replace(sample, mask=mask if mask.any() else None)


def _labelled(sample: Sample, said: Mapping[str, bool | str]) -> Sample:
    """Return a picture with the label that was set by hand: good, defective, or the kind of its defect."""
    label = said.get(sample.picture.sha256)
    if label is None or label == sample.kind or (isinstance(label, bool) and label == sample.defective):
        return sample
    mask = sample.mask if label and sample.mask is not None and sample.mask.any() else None
    kind = label if isinstance(label, str) else "defective" if label else "good"
    return replace(sample, defective=bool(label), kind=kind, mask=mask)
