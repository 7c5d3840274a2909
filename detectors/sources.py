"""Where pictures come from, small enough to send to a worker: a demo, uploaded files, or either of them edited.

A source is a value with a key that changes whenever its pictures do; `load` makes or decodes them, in a worker.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from detectors import datasets, synthetic
from detectors.datasets import Dataset

Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class DemoSource:
    """A product of the built-in demo set; the fields are those of `datasets.demo`."""

    product: str = "circuit"
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

    def load(self) -> Dataset:
        """Draw the pictures, or read them from the cache folder."""
        return datasets.demo(**asdict(self))


@dataclass(frozen=True)
class UploadSource:
    """Uploaded files.

    Attributes:
        normal, test, masks: (name, bytes) of loose files.
        archive: (name, bytes) of one ZIP; its pictures come first.
    """

    normal: Files = field(default=(), repr=False)
    test: Files = field(default=(), repr=False)
    masks: Files = field(default=(), repr=False)
    archive: tuple[str, bytes] | None = field(default=None, repr=False)

    @cached_property
    def key(self) -> str:
        """A hash of all names and bytes."""
        digest = hashlib.sha256()
        groups = (("normal", self.normal), ("test", self.test), ("mask", self.masks))
        for role, files in (*groups, ("archive", (self.archive,) if self.archive else ())):
            for name, content in files:
                digest.update(f"{role} {len(name)} {name} {len(content)} ".encode(errors="surrogatepass"))
                digest.update(content)
        return f"upload {digest.hexdigest()}"

    def load(self) -> Dataset:
        """Decode everything, each file judged alone."""
        loose = datasets.from_uploads(list(self.normal), list(self.test), masks=list(self.masks))
        if self.archive is None:
            return loose
        name, content = self.archive
        packed = datasets.load_zip(content, name)
        return replace(
            packed,
            train=packed.train + loose.train,
            test=packed.test + loose.test,
            report=replace(packed.report, entries=packed.report.entries + loose.report.entries),
        )


@dataclass(frozen=True)
class EditedSource:
    """Another source with pictures left out, labels set by hand, or synthetic defects added.

    Attributes:
        base: what is edited.
        removed: sha256 of pictures that are left out.
        labels: (sha256, defective) of test pictures labelled by hand.
        defects: how many synthetic defects to add to the test pictures; 0 for none.
        seed: of the synthetic defects.
    """

    base: DemoSource | UploadSource
    removed: frozenset[str] = frozenset()
    labels: tuple[tuple[str, bool], ...] = ()
    defects: int = 0
    seed: int = 0

    @property
    def key(self) -> str:
        """The base's key and the edits, written down."""
        edits = [sorted(self.removed), sorted(self.labels), self.defects, self.seed]
        return f"edited {json.dumps(edits)} of {self.base.key}"

    def load(self) -> Dataset:
        """Load the base and edit it."""
        return self.edit(self.base.load())

    def edit(self, data: Dataset) -> Dataset:
        """Return the edited data set; a mask goes when its picture is called good by hand."""
        labels = dict(self.labels)
        train = tuple(s for s in data.train if s.picture.sha256 not in self.removed)
        test = []
        for sample in data.test:
            if sample.picture.sha256 in self.removed:
                continue
            said = labels.get(sample.picture.sha256)
            if said is not None and said != sample.defective:
                kind = "defective" if said else "good"
                sample = replace(sample, defective=said, kind=kind, mask=sample.mask if said else None)
            test.append(sample)
        if self.defects and train:
            test.extend(synthetic.with_defects(train, seed=self.seed, count=self.defects))
        recipe = {
            "base": data.recipe,
            "removed": sorted(self.removed),
            "labels": sorted(map(list, self.labels)),
            "synthetic_defects": self.defects,
            "synthetic_seed": self.seed,
        }
        return replace(data, train=train, test=tuple(test), recipe=recipe)


Source = DemoSource | UploadSource | EditedSource
