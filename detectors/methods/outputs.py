"""What a method gives: predictions, evidence, and what a fit will cost. Importing this does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Box = tuple[float, float, float, float]  # (top, left, bottom, right), in pixels of the picture
Role = Literal["nearest", "centre", "typical", "closest", "average"]


@dataclass(frozen=True)
class Prediction:
    """How anomalous each picture is; higher is more anomalous, always.

    Attributes:
        scores: (B,), one number per picture, on the method's own scale.
        maps: (B, H, W) at the size of the pictures, or None for a method that has no map.
        levels: (B, L), what the levels add to a score, in the order of `Evidence.contributions` by level; None where a
            score is no such sum.
    """

    scores: Tensor
    maps: Tensor | None = None
    levels: Tensor | None = None


@dataclass(frozen=True)
class Neighbor:
    """What a place was compared with.

    Attributes:
        picture: index into the pictures that were fitted, or None where no single picture owns it (a CFA centre).
        box: (top, left, bottom, right), the area of the patch's grid cell, in pixels of the input.
        distance: in the method's own unit.
        level: index of the feature level, or None when levels were joined.
        role: "nearest" patch; "centre" of a bank of averages; at the place's own position the "typical" picture, the
            "closest" one, and the "average" of all.
    """

    picture: int | None
    box: Box
    distance: float
    level: int | None = None
    role: Role = "nearest"


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
        box: the grid cell's area in pixels of the input; None for a method that judges whole pictures.
        unit: what `value` and the distances are, in a few words ("squared distance", "Mahalanobis distance").
        neighbors: what the place was compared with, nearest first.
        contributions: what makes up `value`, largest first.
        squared: whether `value` and the distances are squares.
    """

    value: float
    box: Box | None
    unit: str
    neighbors: tuple[Neighbor, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    squared: bool = False


@dataclass(frozen=True)
class Trace:
    """What remains of one learnt picture in what was learnt.

    Attributes:
        share: of what was learnt, as `Detector.trace` counts it, in [0, 1].
        usual: the share that each picture would have if all had the same.
        grid: (H, W) the share at each place of the method's grid; None for a method that judges whole pictures.
    """

    share: float
    usual: float
    grid: Tensor | None = None


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
