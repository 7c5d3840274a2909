"""What a method is given: features of pictures, and whom to tell of progress. Importing this does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


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
        image_size: (H, W) of the pictures, in pixels; maps of anomalies come in it.
        boxes: (B, 4) where each picture lies in it (top, left, bottom, right), or None where all fill it. Cells beyond
            repeat the outermost ones; `pooled` leaves them out.
    """

    maps: tuple[Tensor, ...]
    pooled: tuple[Tensor, ...]
    image_size: tuple[int, int]
    boxes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pooled[0])

    def __getitem__(self, index: slice) -> Features:
        boxes = None if self.boxes is None else self.boxes[index]
        return Features(
            tuple(m[index] for m in self.maps), tuple(p[index] for p in self.pooled), self.image_size, boxes
        )

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.pooled[0].device

    @property
    def shape(self) -> FeatureShape:
        """The batch's sizes."""
        maps = tuple((m.shape[1], m.shape[2], m.shape[3]) for m in self.maps)
        return FeatureShape(self.pooled[0].shape[0], maps, tuple(p.shape[1] for p in self.pooled), self.image_size)

    def to(self, device: torch.device | str) -> Features:
        """Return the same features on another device."""
        return Features(
            tuple(m.to(device) for m in self.maps),
            tuple(p.to(device) for p in self.pooled),
            self.image_size,
            None if self.boxes is None else self.boxes.to(device),
        )

    def inside(self, grid: Sequence[int]) -> Tensor | None:
        """Return which cells of a grid (H, W) have their centre in the picture, (B, H, W); None where all have."""
        return None if self.boxes is None else inside(self.boxes, self.image_size, grid)


def inside(boxes: Tensor, image_size: Sequence[int], grid: Sequence[int]) -> Tensor:
    """Return which cells of a grid (H, W) have their centre within boxes (B, 4) in pixels, (B, H, W)."""
    import torch

    found = []
    for axis in (0, 1):
        centres = (torch.arange(grid[axis], device=boxes.device) + 0.5) * (image_size[axis] / grid[axis])
        found.append((boxes[:, axis, None] <= centres) & (centres < boxes[:, axis + 2, None]))  # (B, n)
    return found[0][:, :, None] & found[1][:, None, :]


def boxes_of(source: FeatureSource) -> Tensor | None:
    """Return where each of a source's pictures lies in the frame, (N, 4); None where all fill it."""
    boxes: Tensor | None = getattr(source, "boxes", None)
    return boxes


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
