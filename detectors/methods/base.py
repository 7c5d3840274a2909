"""The contract between backbones and methods: features in, prediction out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor

from detectors.errors import NotFitted, Sentence


class Progress(Protocol):
    """Called as work goes on. May raise `Cancelled`, which ends the work and leaves nothing half done."""

    def __call__(self, done: float, stage: str = "", **numbers: float) -> None:
        """Report the share `done` in [0, 1], the stage's name, and figures worth showing (a loss, a count)."""


def silent(done: float, stage: str = "", **numbers: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class FeatureShape:
    """What a store holds, without holding it: enough to estimate time and memory."""

    pictures: int
    maps: tuple[tuple[int, int, int], ...]  # (C, H, W) per level, shallow to deep
    pooled: tuple[int, ...]  # C per stage
    image_size: tuple[int, int]  # (H, W) in pixels


@dataclass(frozen=True)
class Features:
    """What a backbone says about a batch of B pictures, float32.

    Attributes:
        maps: one (B, C_l, H_l, W_l) per level, shallow to deep.
        pooled: one (B, C_s) per stage: the stage's map averaged over all positions.
        image_size: (H, W) of the pictures the backbone saw, in pixels.
    """

    maps: tuple[Tensor, ...]
    pooled: tuple[Tensor, ...]
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.pooled[0])

    def __getitem__(self, index: slice) -> Features:
        return Features(tuple(m[index] for m in self.maps), tuple(p[index] for p in self.pooled), self.image_size)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.pooled[0].device

    @property
    def shape(self) -> FeatureShape:
        """The batch's sizes."""
        maps = tuple((m.shape[1], m.shape[2], m.shape[3]) for m in self.maps)
        return FeatureShape(len(self), maps, tuple(p.shape[1] for p in self.pooled), self.image_size)

    def to(self, device: torch.device | str) -> Features:
        """Return the same features on another device."""
        return Features(
            tuple(m.to(device) for m in self.maps), tuple(p.to(device) for p in self.pooled), self.image_size
        )


class FeatureSource(Protocol):
    """What `fit` needs: batches of features that can be gone through again and again. `FeatureStore` is one."""

    @property
    def shape(self) -> FeatureShape:
        """The sizes of everything that iterating yields."""

    @property
    def device(self) -> torch.device:
        """The device that the yielded batches are on."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __iter__(self) -> Iterator[Features]:
        """Yield the pictures in order, in batches of bounded size, always the same."""


@dataclass(frozen=True)
class Prediction:
    """How anomalous each picture is; higher is more anomalous, always.

    Attributes:
        scores: (B,), one number per picture, on the method's own scale.
        maps: (B, H, W) at the size of the pictures, or None for a method that has no map.
    """

    scores: Tensor
    maps: Tensor | None


@dataclass(frozen=True)
class Neighbor:
    """A normal patch (or centre) that a place was compared with.

    Attributes:
        picture: index into the pictures that were fitted, or None where no single picture owns it (a CFA centre).
        box: (top, left, bottom, right), the area of the patch's grid cell, in pixels of the input.
        distance: in the method's own unit.
        level: index of the feature level, or None when levels were joined.
    """

    picture: int | None
    box: tuple[float, float, float, float]
    distance: float
    level: int | None = None


@dataclass(frozen=True)
class Contribution:
    """A part of a score: a level's or a channel's share, in the unit that `Evidence.unit` names."""

    level: int
    channel: int | None
    value: float


@dataclass(frozen=True)
class Evidence:
    """Why one place (or, for a method without a map, one picture) scored as it did.

    Attributes:
        value: the score of the place on the method's grid, before enlarging and smoothing.
        box: (top, left, bottom, right), the grid cell's area in pixels of the input.
        unit: what `value` and the distances are, in a few words ("squared distance", "Mahalanobis distance").
        neighbors: what the place was compared with, nearest first.
        contributions: what makes up `value`, largest first.
        attribution: (H, W) input-gradient picture, for methods that have no map; not part of the method.
    """

    value: float
    box: tuple[float, float, float, float]
    unit: str
    neighbors: tuple[Neighbor, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    attribution: Tensor | None = None


@dataclass(frozen=True)
class Estimate:
    """What a fit is expected to cost, said before it starts.

    Attributes:
        seconds: of fitting, on the given device, without the backbone pass.
        peak_bytes: the most memory that `fit` holds at once beyond the features.
        model_bytes: what the fitted model occupies.
    """

    seconds: float
    peak_bytes: int
    model_bytes: int


@dataclass
class Detector(ABC):
    """A one-class anomaly detector: settings in the constructor, learning in `fit`, learnt names end in an underscore.

    Subclasses are dataclasses whose fields are the settings. What `fit` learns is assigned to attributes that end
    in "_": tensors, tuples of tensors, numbers, strings or tuples of numbers; exactly these are saved.
    """

    name: ClassVar[str]  # the registry's key: "padim"
    presets: ClassVar[dict[str, dict[str, Any]]]  # "quick" and "paper": settings that differ from the defaults

    @abstractmethod
    def fit(self, features: FeatureSource, progress: Progress = silent) -> Self:
        """Learn what normal looks like; a second call forgets the first, a cancelled one leaves nothing fitted."""

    @abstractmethod
    def predict(self, features: Features) -> Prediction:
        """Score a batch. Changes no state; a picture's result does not depend on the others in the batch."""

    @abstractmethod
    def explain(self, features: Features, y: int, x: int) -> Evidence:
        """Say why pixel (y, x) of the one picture in `features` scored as it did."""

    @abstractmethod
    def estimate(self, shape: FeatureShape) -> Estimate:
        """Return what fitting on features of this shape costs on the CPU; the model's bytes exactly where possible."""

    @property
    def notes(self) -> tuple[Sentence, ...]:
        """What a person should know of this fit: settings that were clipped, fallbacks taken."""
        return ()

    @property
    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def state(self) -> dict[str, Any]:
        """Everything that `fit` learnt, by name; empty before."""
        return {name: value for name, value in vars(self).items() if name.endswith("_")}

    @state.setter
    def state(self, learnt: dict[str, Any]) -> None:
        self.forget()
        vars(self).update(learnt)

    @property
    def fitted(self) -> bool:
        """Whether `fit` has succeeded."""
        return bool(self.state)

    @property
    def nbytes(self) -> int:
        """The bytes of all learnt tensors."""
        self.check_fitted()
        return sum(t.nbytes for value in self.state.values() for t in _tensors(value))

    def forget(self) -> None:
        """Drop everything learnt."""
        for name in self.state:
            delattr(self, name)

    def check_fitted(self) -> None:
        """Raise `NotFitted` unless `fit` has succeeded."""
        if not self.fitted:
            raise NotFitted(f"{type(self).__name__} has not been fitted: call fit(features) first.")

    def to(self, device: torch.device | str) -> Self:
        """Move everything learnt to a device, in place."""
        self.state = {name: _moved(value, device) for name, value in self.state.items()}
        return self


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _tensors(item)


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    return tuple(_moved(item, device) for item in value) if isinstance(value, tuple) else value
