"""The contract between backbones and methods: features in, prediction out. Importing this does not import torch."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import detectors.methods as registry
from detectors.errors import NotFitted, Sentence, SettingRefused
from detectors.methods.inputs import Features, FeatureShape, FeatureSource, Progress, silent
from detectors.methods.outputs import Box, Contribution, Estimate, Evidence, Neighbor, Prediction, Role, Trace

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "Box", "Contribution", "Detector", "Estimate", "Evidence", "FeatureShape", "FeatureSource", "Features", "Neighbor",
    "Prediction", "Progress", "Role", "Trace", "silent",
]  # fmt: skip


@dataclass
class Detector(ABC):
    """A one-class anomaly detector: settings in the constructor, learning in `fit`, learnt names end in an underscore.

    Subclasses are dataclasses whose fields are the settings. What `fit` learns is assigned to attributes that end
    in "_": tensors, tuples of tensors, numbers, strings or tuples of numbers; exactly these are saved.

    A method is complete with `fit`, `predict`, `explain` and `estimate`; the rest may be left as it is.
    """

    name: ClassVar[str]  # the card's key: "padim"
    # "quick" and "paper": settings that differ from the defaults; "paper resnet18" where a backbone asks for others.
    presets: ClassVar[dict[str, dict[str, Any]]] = {"quick": {}, "paper": {}}

    def __post_init__(self) -> None:
        """Refuse what is outside the ranges on the method's card; a method without a card is not checked."""
        card = registry.METHODS.get(getattr(self, "name", ""))
        for name, value in self.settings.items():
            if isinstance(value, list):
                value = tuple(value)
                setattr(self, name, value)
            if card and name in card.settings and not card.settings[name].range.accepts(value):
                raise SettingRefused(
                    "methods.out_of_range",
                    "{method}'s {name} cannot be {value}. It accepts {accepted}.",
                    method=card.title,
                    name=name,
                    value=repr(value),
                    accepted=str(card.settings[name].range),
                )

    @classmethod
    def preset(cls, name: str, backbone: str = "") -> dict[str, Any]:
        """Return a preset's settings for a backbone, whichever its weights ("resnet18.tv_in1k", "resnet18@own")."""
        return cls.presets.get(f"{name} {re.split('[.@-]', backbone)[0]}", cls.presets[name])

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

    def scores(self, features: Features) -> Tensor:
        """Return the scores of `predict`, (B,), without the work that only its maps need."""
        return self.predict(features).scores

    def left_out(self, features: FeatureSource) -> Tensor | None:
        """Return (N,) scores of pictures as a fit on the others alone would score each; None where that takes N fits.

        Nothing that was learnt is used or changed.
        """
        return None

    def trace(self, features: FeatureSource, picture: int) -> Trace | None:
        """Return what remains of a fitted picture in what was learnt; None where a method does not say.

        Args:
            features: of the pictures that were fitted.
            picture: index among them.
        """
        return None

    def distances(self, features: Features) -> Tensor | None:
        """Return the map before enlarging and smoothing, (B, H, W) as `explain` gives it; None without a map."""
        return self.predict(features).maps

    def nearest_normals(
        self, features: Features, normals: FeatureSource, y: int, x: int, k: int = 1
    ) -> tuple[Neighbor, ...]:
        """Return what to show beside pixel (y, x), for a method whose evidence holds no patch of its own.

        Args:
            features: of the one picture in question.
            normals: the pictures that were fitted.
            y: row of the pixel.
            x: column of the pixel.
            k: how many normal pictures are wanted.
        """
        return ()

    @property
    def depth(self) -> int | None:
        """How many of a backbone's levels it reads, from the finest on; None for all, and the pooled stages."""
        return None

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

    def check_levels(self, asked: Iterable[int | None], count: int) -> None:
        """Raise `SettingRefused` for a level that a backbone of `count` levels does not have; None is no level."""
        for level in asked:
            if level is not None and not 0 <= level < count:
                raise SettingRefused(
                    "methods.no_such_level",
                    "{method} asks for level {level}, but the backbone has levels 0 to {last}. Choose among these.",
                    method=self.title,
                    level=level,
                    last=count - 1,
                )

    def grid_of(self, shape: FeatureShape, levels: tuple[int, ...], grid: int | None = None) -> tuple[int, int]:
        """Return (H, W) of the level `grid`, or of the finest of `levels` where it is None; all of them must exist."""
        self.check_levels((*levels, grid), len(shape.maps))
        chosen = levels if grid is None else (grid,)
        return max((shape.maps[level][1:] for level in chosen), key=prod)

    @staticmethod
    def deepest(levels: Iterable[int | None]) -> int:
        """Return the `depth` of a method that reads these levels and no pooled stage; None is no level."""
        return 1 + max(level for level in levels if level is not None)

    def check_pictures(self, count: int) -> None:
        """Raise `SettingRefused` for fewer than two pictures, which do not vary."""
        if count < 2:
            raise SettingRefused(
                "methods.one_picture",
                "{method} measures how normal pictures vary, and it was given {count} to learn from, not "
                "counting any held out to set the threshold. Give it at least 2.",
                method=self.title,
                count=count,
            )

    def check_same(self, found: Any, fitted: Any) -> None:
        """Raise `SettingRefused` when the sizes of features are not those of the fit."""
        if found != fitted:
            raise SettingRefused(
                "methods.other_features",
                "These features have the sizes {found}, and {method} was fitted on {fitted}. "
                "Use the backbone and the picture size of the fit.",
                method=self.title,
                found=found,
                fitted=fitted,
            )

    @property
    def title(self) -> str:
        """The method's name as in print."""
        card = registry.METHODS.get(self.name)
        return card.title if card else type(self).__name__

    def to(self, device: torch.device | str) -> Self:
        """Move everything learnt to a device, in place."""
        self.state = {name: _moved(value, device) for name, value in self.state.items()}
        return self


def _tensors(value: Any) -> Iterator[Tensor]:
    from torch import Tensor

    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _tensors(item)


def _moved(value: Any, device: torch.device | str) -> Any:
    from torch import Tensor

    if isinstance(value, Tensor):
        return value.to(device)
    return tuple(_moved(item, device) for item in value) if isinstance(value, tuple) else value
