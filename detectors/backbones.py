"""Pictures in, features out: the bundled scattering network or any timm model that yields feature maps."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from detectors.base import Features, FeatureShape, Progress, silent
from detectors.device import best_device
from detectors.errors import Sentence, SettingRefused
from detectors.scattering import Scattering
from detectors.weights import BACKBONES, BUNDLED, WeightsRecord

__all__ = ["BACKBONES", "Backbone", "load_backbone"]


class Backbone:
    """A frozen network in evaluation mode that turns pictures into `Features`.

    Attributes:
        name: timm's name, or "scattering".
        weights: which weights it has.
        strides: of the levels, shallow to deep.
        standardise: whether channels want to be standardised by the normal pictures before methods see them.
        passes: how many pictures have gone through.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        weights: WeightsRecord,
        strides: tuple[int, ...],
        mean: tuple[float, ...] = (0.0, 0.0, 0.0),
        deviation: tuple[float, ...] = (1.0, 1.0, 1.0),
        standardise: bool = False,
        device: torch.device | None = None,
        notes: tuple[Sentence, ...] = (),
    ) -> None:
        self.name = name
        self.weights = weights
        self.strides = strides
        self.standardise = standardise
        self.notes = notes
        self.passes = 0
        self.device = device or best_device()
        self._network = network.eval().requires_grad_(False).to(self.device)
        self._mean = torch.tensor(mean, device=self.device)[:, None, None]
        self._deviation = torch.tensor(deviation, device=self.device)[:, None, None]
        self._shapes: dict[tuple[int, int], FeatureShape] = {}

    def __call__(self, pictures: Tensor) -> Features:
        """Turn (B, 3, H, W) in [0, 1] into features on `device`; a gradient flows back if the pictures ask for one."""
        with torch.set_grad_enabled(pictures.requires_grad):
            x = (pictures.to(self.device, torch.float32) - self._mean) / self._deviation
            maps, pooled = self._network(x)
        self.passes += len(pictures)
        size = (pictures.shape[-2], pictures.shape[-1])
        return Features(tuple(m.contiguous() for m in maps), tuple(pooled), size)

    def to(self, device: torch.device | str) -> Backbone:
        """Move to another device, in place."""
        self.device = torch.device(device)
        self._network.to(self.device)
        self._mean, self._deviation = self._mean.to(self.device), self._deviation.to(self.device)
        return self

    def shape(self, size: int | tuple[int, int]) -> FeatureShape:
        """Return the channels and grids that pictures of this size get, for one picture."""
        height, width = (size, size) if isinstance(size, int) else size
        if (height, width) not in self._shapes:
            self._shapes[height, width] = self(torch.zeros(1, 3, height, width)).shape
            self.passes -= 1  # a blank picture is not one of the user's
        return self._shapes[height, width]


def load_backbone(
    name: str = BUNDLED,
    weights: str | Path | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: Progress = silent,
) -> Backbone:
    """Load a backbone by name."""
    device = best_device() if device is None else torch.device(device)
    if name == BUNDLED:
        network = Scattering()
        record = WeightsRecord("bundled", "part of the program", fingerprint(network))
        return Backbone(name, network, record, Scattering.strides, standardise=True, device=device)
    raise SettingRefused("backbones.unknown", "There is no backbone called {name}.", name=name)


def fingerprint(network: nn.Module) -> str:
    """Return the sha256 over all parameters and buffers of floating type, with their names and shapes."""
    total = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        if value.is_floating_point():
            total.update(f"{key}{tuple(value.shape)}{value.dtype}".encode())
            total.update(value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
