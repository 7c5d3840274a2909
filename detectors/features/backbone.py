"""Pictures in, features out: the bundled scattering network, or any timm model that yields feature maps."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from detectors.errors import Sentence, SettingRefused
from detectors.features.device import best_device, named, ran_out_of_memory
from detectors.features.scattering import Scattering
from detectors.features.weights import BUNDLED, random_weights
from detectors.methods.base import Features, FeatureShape, Progress, silent
from detectors.result import WeightsRecord

if TYPE_CHECKING:
    from detectors.features.timm_models import TimmFeatures


class Backbone:
    """A frozen network in evaluation mode that turns pictures into `Features`.

    Attributes:
        name: timm's name, or "scattering".
        weights: which weights it has.
        strides: of the levels, shallow to deep.
        stages: names of the pooled stages.
        standardise: whether its channels should be standardised by the normal pictures before a method sees them.
        precision: "float32" (TensorFloat-32 off), or "float16 mixed", which changes maps by about 1e-3.
        passes: how many pictures have gone through.
        notes: what a person should know of it.
    """

    def __init__(
        self,
        name: str,
        network: Scattering | TimmFeatures,
        weights: WeightsRecord,
        device: torch.device,
        mixed_precision: bool = False,
        notes: tuple[Sentence, ...] = (),
    ) -> None:
        self.name = name
        self.weights = weights
        self.strides = network.strides
        self.stages = network.stages
        self.standardise = network.standardise
        self.precision = "float16 mixed" if mixed_precision else "float32"
        self.passes = 0
        self.notes = notes
        self._network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._mean, self._deviation = (torch.tensor(values)[:, None, None] for values in network.normalisation)
        self._shapes: dict[tuple[int, int], FeatureShape] = {}
        self.to(device)

    def __call__(self, pictures: Tensor) -> Features:
        """Turn (B, 3, H, W) in [0, 1] into features on `device`; a gradient flows back if the pictures ask for one."""
        size = (pictures.shape[-2], pictures.shape[-1])
        with torch.set_grad_enabled(pictures.requires_grad), self._arithmetic():
            x = (pictures.to(self.device, torch.float32) - self._mean) / self._deviation
            try:
                maps, pooled = self._network(x.contiguous(memory_format=torch.channels_last))
            except (AssertionError, RuntimeError, ValueError) as error:
                if isinstance(error, SettingRefused) or size in self._shapes or ran_out_of_memory(error):
                    raise
                raise SettingRefused(
                    "backbones.size",
                    "{backbone} cannot take pictures of {height} x {width} pixels. "
                    "Choose the size it was made for, {native} pixels, or another backbone.",
                    backbone=self.name,
                    height=size[0],
                    width=size[1],
                    native=self._network.native_size,
                ) from error
        self.passes += len(pictures)
        features = Features(tuple(m.float().contiguous() for m in maps), tuple(p.float() for p in pooled), size)
        self._shapes.setdefault(size, features[:1].shape)
        return features

    def shape(self, size: int | tuple[int, int]) -> FeatureShape:
        """Return the channels and grids that one picture of this size gets; costs one blank picture the first time."""
        height, width = (size, size) if isinstance(size, int) else size
        if (height, width) not in self._shapes:
            self(torch.zeros(1, 3, height, width))
            self.passes -= 1  # not one of the user's
        return self._shapes[height, width]

    def to(self, device: torch.device | str) -> Backbone:
        """Move to another device, in place."""
        self.device = torch.device(device)
        self._network.to(self.device)
        self._mean, self._deviation = self._mean.to(self.device), self._deviation.to(self.device)
        return self

    @contextlib.contextmanager
    def _arithmetic(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.device.type == "cuda":
                now = torch.backends.cudnn
                stack.enter_context(now.flags(now.enabled, now.benchmark, deterministic=False, allow_tf32=False))
            if self.precision != "float32" and self.device.type != "cpu":
                stack.enter_context(torch.autocast(self.device.type, torch.float16))
            yield


def load_backbone(
    name: str = BUNDLED,
    weights: str | Path | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    mixed_precision: bool = False,
    progress: Progress = silent,
) -> Backbone:
    """Return a backbone, ready for pictures.

    Args:
        name: "scattering", one of `BACKBONES`, or any timm model's name ("resnet34", "resnet34.a1_in1k").
        weights: None or "hub": the hub's (scattering: the bundled constants); a path to a local .safetensors file;
            or "random", which is never chosen unasked and always recorded.
        seed: of random weights.
        device: by default the best there is.
        mixed_precision: half precision on an accelerator: faster, maps change by about 1e-3; ignored on a CPU.
        progress: told of a download.

    Raises:
        SettingRefused: no such backbone, or one without feature maps.
        WeightsRefused: weights that are absent, unreachable, or do not fit.
    """
    device = best_device() if device is None else named(str(device))
    if name == BUNDLED:
        return _bundled(weights, device)
    from detectors.features.timm_models import TimmFeatures, build

    model, source, origin = build(name, "hub" if weights is None else weights, seed, progress)
    record = WeightsRecord(source, origin, fingerprint(model))
    mixed_precision = mixed_precision and device.type != "cpu"
    notes: list[Sentence] = []
    if record.random:
        notes.append(random_weights(name, origin))
    if mixed_precision:
        notes.append(
            Sentence(
                "backbones.mixed_precision",
                "{backbone} computed in half precision; its maps differ from full precision by about a thousandth.",
                backbone=name,
            )
        )
    return Backbone(name, TimmFeatures(model), record, device, mixed_precision, tuple(notes))


def _bundled(weights: str | Path | None, device: torch.device) -> Backbone:
    if weights not in (None, "bundled"):
        raise SettingRefused("backbones.no_weights", "The scattering backbone has no weights to load. Leave them out.")
    network = Scattering()
    return Backbone(BUNDLED, network, WeightsRecord("bundled", "constants", fingerprint(network)), device)


def fingerprint(network: nn.Module) -> str:
    """Return the sha256 over all floating parameters and buffers, with their names and shapes."""
    total = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        if value.is_floating_point():
            total.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
            total.update(value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
