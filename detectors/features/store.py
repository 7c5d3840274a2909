"""FeatureStore: pictures go through the backbone once, and every method reads the result as often as it likes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.errors import Sentence, SettingRefused, TooLarge, WeightsRefused
from detectors.features.at_rest import AtRest, Rows, at_rest
from detectors.features.backbone import Backbone
from detectors.features.device import describe, halving
from detectors.features.standardisation import Standardisation
from detectors.methods.base import Features, FeatureShape, Progress, silent

DTYPES = {"float32": torch.float32, "float16": torch.float16}
HALF_LIMIT = torch.finfo(torch.float16).max  # 65,504
BATCH_BYTES = 64 * 2**20  # of a yielded batch in float32: large enough for quick products, small beside a method's work
LARGEST_BATCH = 64
CPU_BATCH = 4  # pictures through the backbone at once: with 8 scattering's waves leave the cache and cost a third more
ACCELERATOR_BATCH = 32

Pixels = NDArray[Any] | Tensor


class FeatureStore:
    """Features of N pictures, read in batches, always the same and in order; what `fit` takes.

    Attributes:
        device: where batches are handed out: the backbone's.
        dtype: "float32" or "float16", as kept; batches are always float32.
        where: "device", "memory" or "disk".
        passes: how many pictures went through the backbone for this store; its views repeat the number.
        seconds: that the backbone pass took.
        rounding: largest change made by keeping float16, relative to the largest value of the same level or stage.
        notes: what a person should know of the pass.
    """

    def __init__(self, kept: AtRest, shape: FeatureShape, device: torch.device) -> None:
        self._kept = kept
        self._shape = shape
        self._rows = np.arange(shape.pictures)
        self._by: Standardisation | None = None
        self._boxes: Tensor | None = None  # (N, 4) of all rows that are kept
        self.device = device
        self.dtype = "float32"
        self.where = kept.where
        self.passes = 0
        self.seconds = 0.0
        self.rounding = 0.0
        self.notes: tuple[Sentence, ...] = ()

    @classmethod
    def extract(
        cls,
        images: Pixels | Iterable[Pixels],
        backbone: Backbone,
        batch_size: int | None = None,
        dtype: str = "float32",
        where: str = "auto",
        progress: Progress = silent,
        count: int | None = None,
        boxes: NDArray[np.int64] | None = None,
    ) -> FeatureStore:
        """Send pictures through the backbone and keep what it says.

        Args:
            images: (N, H, W, 3) uint8 or (N, 3, H, W) float in [0, 1], or batches of either; `backbone.tiles` times as
                high and wide as the frame.
            backbone: what to send them through.
            batch_size: pictures at once, by default 4 on a CPU, 32 on an accelerator; halved whenever memory runs out.
            dtype: "float32", or "float16" for half the space (see `rounding`).
            where: "device", "memory", "disk" (a temporary file), or "auto": the first of these that has room; "shared"
                on a CPU is a temporary file that other processes of this machine open.
            progress: called after each batch; when it raises, nothing is left behind.
            count: N, for batches that come from a generator; without it they are listed first.
            boxes: (N, 4), where each picture lies in the frame; None where all fill it.
        """
        _check_choice(dtype, where)
        if batch_size is None:
            batch_size = CPU_BATCH if backbone.device.type == "cpu" else ACCELERATOR_BATCH
        if isinstance(images, np.ndarray | Tensor):
            whole, count = images, len(images)
            images = (whole[i : i + batch_size] for i in range(0, count, batch_size))
        elif count is None:
            images = list(images)
            count = sum(len(batch) for batch in images)
        if not count:
            raise SettingRefused("features.no_pictures", "There are no pictures to look at. Add at least one.")
        places = None if boxes is None else torch.from_numpy(boxes)
        running = _Pass(backbone, count, batch_size, dtype, where, places)
        try:
            for batch in images:
                running.take(_as_float(batch))
                progress(running.done / count, "backbone", pictures=running.done)
            return running.finish()
        except BaseException:
            running.drop()
            raise

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> FeatureShape:
        """The sizes of everything that iterating yields."""
        return FeatureShape(len(self), self._shape.maps, self._shape.pooled, self._shape.image_size)

    def __iter__(self) -> Iterator[Features]:
        for start in range(0, len(self), self.batch_size):
            yield self[start : start + self.batch_size]

    def __getitem__(self, index: slice) -> Features:
        if self._kept.closed:
            raise ValueError("This feature store was closed: extract the features again.")
        rows = _as_rows(self._rows[index])
        levels = len(self._shape.maps)
        parts = [
            self._kept.read(part, rows).to(self.device, torch.float32)
            for part in range(levels + len(self._shape.pooled))
        ]
        boxes = None if self._boxes is None else self._boxes[torch.from_numpy(self._rows[index])].to(self.device)
        features = Features(tuple(parts[:levels]), tuple(parts[levels:]), self._shape.image_size, boxes)
        return features if self._by is None else self._by(features)

    @property
    def places(self) -> NDArray[np.int64]:
        """(N,) where each picture of this view lies in the pass through the backbone."""
        return self._rows

    @property
    def boxes(self) -> Tensor | None:
        """Where each picture lies in the frame, (N, 4); None where all fill it."""
        return None if self._boxes is None else self._boxes[torch.from_numpy(self._rows)].to(self.device)

    def subset(self, indices: Iterable[int]) -> FeatureStore:
        """Return a view of some pictures, in the order given; nothing is copied."""
        view = self._view()
        view._rows = self._rows[np.asarray(list(indices), dtype=np.int64)]
        return view

    def joined(self, *others: FeatureStore) -> FeatureStore:
        """Return a view of this one's pictures and then those of other views of the same pass; nothing is copied."""
        if any(other._kept is not self._kept for other in others):
            raise ValueError("Only views of one pass through a backbone can be joined.")
        view = self._view()
        view._rows = np.concatenate([self._rows, *(other._rows for other in others)])
        return view

    def standardised(self, by: Standardisation) -> FeatureStore:
        """Return a view whose batches are standardised as they are read; replaces an earlier standardisation."""
        view = self._view()
        view._by = by.to(self.device)
        return view

    def on(self, device: torch.device | str) -> FeatureStore:
        """Return a view whose batches are handed out on another device."""
        view = self._view()
        view.device = torch.device(device)
        view._by = None if self._by is None else self._by.to(device)
        return view

    def as_extracted(self) -> FeatureStore:
        """Return a view without any standardisation."""
        view = self._view()
        view._by = None
        return view

    @property
    def nbytes(self) -> int:
        """The bytes at rest of this view's pictures."""
        return len(self) * _numbers(self._shape) * DTYPES[self.dtype].itemsize

    def close(self) -> None:
        """Free the space now, for this store and its views; it is also freed when the last of them is gone."""
        self._kept.close()

    @property
    def batch_size(self) -> int:
        """How many pictures a batch holds when the store is read from end to end."""
        return int(np.clip(BATCH_BYTES // (4 * _numbers(self._shape)), 1, LARGEST_BATCH))

    def _view(self) -> FeatureStore:
        view = object.__new__(FeatureStore)
        vars(view).update(vars(self))
        return view


class _Pass:
    """The pictures' way through the backbone while it lasts."""

    def __init__(
        self, backbone: Backbone, count: int, batch_size: int, dtype: str, where: str, boxes: Tensor | None = None
    ) -> None:
        self.done = 0
        self._boxes = boxes
        self._backbone = backbone
        self._count = count
        self._batch_size = batch_size
        self._dtype = dtype
        self._where = where
        self._kept: AtRest | None = None
        self._shape: FeatureShape | None = None
        self._peaks = torch.zeros(0)  # the largest value of each level and stage
        self._errors = torch.zeros(0)  # and the largest change by rounding
        self._notes: list[Sentence] = []
        self._started = time.perf_counter()
        self._passes_before = backbone.passes

    def take(self, pictures: Tensor) -> None:
        """Send one batch through; when one picture alone does not fit on an accelerator, go on on the CPU."""
        begin = self.done
        try:
            self._run(pictures)
        except TooLarge:
            device = self._backbone.device
            if device.type == "cpu":
                raise
            self._notes.append(
                Sentence(
                    "features.moved_to_cpu",
                    "The memory of {device} did not suffice for one picture, so the backbone went on on the CPU.",
                    device=describe(device),
                )
            )
            self._backbone.to("cpu")
            self._run(pictures[self.done - begin :])

    def _run(self, pictures: Tensor) -> None:
        begin = self.done

        def run(start: int, stop: int) -> None:
            part = pictures[start:stop]
            boxes = () if self._boxes is None else (self._boxes[begin + start : begin + stop],)
            self._keep(self._backbone(part, *boxes))

        self._batch_size = halving(len(pictures), self._batch_size, self._backbone.device, run)

    def _keep(self, features: Features) -> None:
        parts = [*features.maps, *features.pooled]
        self._check(features, parts)
        if self._kept is None:
            shapes = [(self._count, *part.shape[1:]) for part in parts]
            self._kept = at_rest(shapes, DTYPES[self._dtype], features.device, self._where)
        if self._dtype == "float16":
            halves = [part.half() for part in parts]
            errors = torch.stack([(half.float() - part).abs().amax() for half, part in zip(halves, parts, strict=True)])
            self._errors = torch.maximum(self._errors, errors.cpu())
            parts = halves
        self._kept.write(self.done, parts)
        self.done += len(features)

    def _check(self, features: Features, parts: list[Tensor]) -> None:
        peaks = torch.stack([torch.maximum(-low, high) for low, high in (part.aminmax() for part in parts)]).cpu()
        if not bool(peaks.isfinite().all()):
            raise WeightsRefused(
                "features.not_finite",
                "{backbone} gave numbers that are not finite. "
                "Its weights do not suit these pictures: choose others, and full precision.",
                backbone=self._backbone.name,
            )
        if self._dtype == "float16" and float(peaks.max()) > HALF_LIMIT:
            raise SettingRefused(
                "features.overflow",
                "{backbone} gave a feature of {peak:.0f}; float16 ends at 65504. Keep the features as float32.",
                backbone=self._backbone.name,
                peak=float(peaks.max()),
            )
        if self._shape is None:
            self._shape = features.shape
            self._peaks, self._errors = torch.zeros_like(peaks), torch.zeros_like(peaks)
        if features.image_size != self._shape.image_size:
            raise SettingRefused(
                "features.sizes",
                "The pictures have different sizes, {first} and {second} pixels. Bring them to one size first.",
                first="{} x {}".format(*self._shape.image_size),
                second="{} x {}".format(*features.image_size),
            )
        self._peaks = torch.maximum(self._peaks, peaks)

    def finish(self) -> FeatureStore:
        """Return the store."""
        assert self._kept is not None
        assert self._shape is not None
        self._kept.finish()
        shape = FeatureShape(self.done, self._shape.maps, self._shape.pooled, self._shape.image_size)
        store = FeatureStore(self._kept, shape, self._backbone.device)
        store._boxes = self._boxes
        store.dtype = self._dtype
        store.passes = self._backbone.passes - self._passes_before
        store.seconds = time.perf_counter() - self._started
        store.rounding = float((self._errors / self._peaks.clamp(min=1e-30)).max())
        store.notes = (*self._backbone.notes, *self._notes)
        return store

    def drop(self) -> None:
        """Forget everything, the temporary file included."""
        if self._kept is not None:
            self._kept.close()


def _as_float(batch: Pixels) -> Tensor:
    """Return (B, 3, S, S) float32 in [0, 1]."""
    pictures = torch.as_tensor(batch)
    if pictures.dtype == torch.uint8:
        return pictures.permute(0, 3, 1, 2).float().div_(255)  # (B, S, S, 3) -> (B, 3, S, S)
    return pictures.float()


def _as_rows(rows: NDArray[np.int64]) -> Rows:
    """Return a slice where the rows follow each other, so that memory need not be copied."""
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return slice(int(rows[0]), int(rows[0]) + len(rows))
    return rows


def _numbers(shape: FeatureShape) -> int:
    return sum(c * h * w for c, h, w in shape.maps) + sum(shape.pooled)


def _check_choice(dtype: str, where: str) -> None:
    if dtype not in DTYPES:
        raise SettingRefused(
            "features.dtype", "Features are kept as float32 or float16, not {dtype}.", dtype=str(dtype)
        )
    if where not in ("auto", "device", "memory", "disk", "shared"):
        raise SettingRefused(
            "features.where", "Features are kept at auto, device, memory or disk, not {where}.", where=str(where)
        )
