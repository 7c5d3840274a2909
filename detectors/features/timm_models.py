"""timm models as feature extractors: built, given their weights, asked which levels and stages they have."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.layers.lambda_layer import LambdaLayer
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

from detectors.errors import SettingRefused, WeightsRefused
from detectors.features import hub
from detectors.features.packages import PACKAGED
from detectors.features.weights import check_header, read_header
from detectors.methods.base import Progress

FINEST = 4  # pixels: a stem at stride 2 sees hardly more than an edge and would be four fifths of all memory
LEVELS_OF_EQUAL_STRIDE = 4  # of a vision transformer's many blocks: those at 1/4, 1/2, 3/4 and the end
FLAT = (LambdaLayer,)  # layers that refuse the memory format in which others are fast
ANY_SIZE: tuple[dict[str, Any], ...] = (  # how timm's transformers are told to take pictures of any size
    {"dynamic_img_size": True},  # ViT: position embeddings are resampled
    {"strict_img_size": False},  # Swin: windows are padded
    {},
)


class TimmFeatures(nn.Module):
    """(B, 3, H, W), normalised -> maps of every level of stride >= 4, (B, C, H, W) each, and means per stage.

    Stages are the levels; on EfficientNets, for MahalanobisAD, nine: the stem after its activation, the last block of
    each of seven stages, the head convolution after its activation.
    """

    standardise = False  # learnt channels are taken as they are, as all five papers do
    sized = True  # a graph is written for pictures of one size

    def __init__(self, model: nn.Module, depth: int | None = None) -> None:
        super().__init__()
        info = _feature_info(model)
        chosen = [i for i, level in enumerate(info) if level["reduction"] >= FINEST]
        if len(chosen) > LEVELS_OF_EQUAL_STRIDE and len({info[i]["reduction"] for i in chosen}) == 1:
            n = LEVELS_OF_EQUAL_STRIDE
            chosen = [chosen[len(chosen) * (k + 1) // n - 1] for k in range(n)]
        # A plain vision transformer's blocks share one grid, of its patches; the final norm belongs to each of them.
        strides = [int(info[i]["reduction"]) for i in chosen]
        self._plain = len(strides) > 1 == len(set(strides)) and hasattr(model, "patch_embed")
        self.patch = strides[0] if self._plain else 1
        self._deepest = depth is None or depth >= len(chosen)
        chosen = chosen[:depth]
        self.model = model
        self.channels_last = not any(isinstance(m, FLAT) for m in model.modules())
        self.strides = tuple(strides[:depth])
        settings: Any = model.pretrained_cfg
        self.native_size = int(settings["input_size"][-1])
        self.normalisation: tuple[tuple[float, ...], tuple[float, ...]]
        self.normalisation = (settings["mean"], settings["std"])
        self._chosen = chosen
        self._staged = isinstance(model, EfficientNet)
        if self._staged:
            self._chosen = [info[i]["stage"] for i in chosen]
            blocks = len(model.blocks) if self._deepest else self._chosen[-1]  # type: ignore[arg-type]
            self.stages = ("stem", *(f"stage {i + 1}" for i in range(blocks)), *(["head"] if self._deepest else []))
        else:
            self.stages = tuple(str(info[i]["module"]) for i in chosen)

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return (maps, pooled)."""
        if self._staged:
            upto = None if self._deepest else list(range(len(self.stages)))
            head, outputs = self.model.forward_intermediates(x, upto, stop_early=True, extra_blocks=True)  # type: ignore[operator]
            maps = tuple(outputs[i] for i in self._chosen)
            return maps, tuple(m.mean((2, 3)) for m in (*outputs, *([head] if self._deepest else [])))
        x = self._snapped(x)
        maps = tuple(
            self.model.forward_intermediates(  # type: ignore[operator]
                x, self._chosen, norm=self._plain, stop_early=True, output_fmt="NCHW", intermediates_only=True
            )
        )
        return maps, tuple(m.mean((2, 3)) for m in maps)

    def snapped(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size nearest to (H, W) that holds whole patches."""
        return tuple(max(1, round(n / self.patch)) * self.patch for n in size)  # type: ignore[return-value]

    def _snapped(self, x: Tensor) -> Tensor:
        size = (x.shape[-2], x.shape[-1])
        if self.snapped(size) == size:
            return x
        return functional.interpolate(x, self.snapped(size), mode="bilinear", antialias=True)


def build(name: str, weights: str | Path, seed: int, progress: Progress) -> tuple[nn.Module, str, str]:
    """Return (model without classifier, source of the weights, their origin)."""
    check_known(name)
    model = _created(name, seed)
    if not hasattr(model, "forward_intermediates") or not _feature_info(model):
        raise SettingRefused(
            "timm_models.no_features", "{name} gives no feature maps. Choose another backbone.", name=name
        )
    if weights == "random":
        return model, "random", f"seed {seed}"
    if weights == "hub":
        repository = model.pretrained_cfg.get("hf_hub_id")  # type: ignore[union-attr, operator]
        if not repository:
            raise WeightsRefused(
                "timm_models.never_published",
                "timm names no weights for {name}. Choose another backbone, or give a local .safetensors file.",
                name=name,
            )
        path = hub.fetch(str(repository), name, progress)
        _load(model, path, name)
        return model, "hub", f"{repository}@{path.parent.name}"
    path = Path(weights)
    _load(model, path, name)
    return model, "file", path.name


def check_known(name: str) -> None:
    """Raise `SettingRefused` for a name that timm does not know, or a tag that it does not know of that model."""
    if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", name) or not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], [*PACKAGED, *timm.list_models()], 3)
        raise SettingRefused(
            "timm_models.unknown",
            "timm has no model called {name}. Choose scattering, a listed backbone, or a timm name such as {near}.",
            name=name[:60],
            near=", ".join(near or ["resnet18"]),
        )
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # timm's word for a tag it does not know
        model, _, tag = name.partition(".")
        raise SettingRefused(
            "timm_models.tag",
            "timm knows {model}, but no weights called {tag} of it. Leave out what follows the dot.",
            model=model,
            tag=tag,
        ) from error


def repository(name: str) -> str | None:
    """Return where timm says the weights of a known name are on the hub, None where it names no place."""
    settings: Any = timm.get_pretrained_cfg(name)
    return settings.hf_hub_id if settings else None


def _created(name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        for settings in ANY_SIZE:
            torch.manual_seed(seed)
            try:
                return timm.create_model(name, pretrained=False, num_classes=0, **settings)
            except TypeError:
                if not settings:
                    raise
    raise AssertionError("the last settings either return or raise")


def _load(model: nn.Module, path: Path, name: str) -> None:
    """Load a file after its header has been found to fit."""
    header = read_header(path)
    classifier = model.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr, operator]
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    check_header(path, header, name, expected, names)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise WeightsRefused(
            "timm_models.broken", "{file} cannot be read. Copy or download it again.", file=path.name
        ) from error
    for key, value in sorted(state.items()):
        if key in expected and not bool(value.isfinite().all()):
            raise WeightsRefused(
                "timm_models.not_finite",
                "{file}: {key} holds numbers that are not finite. Choose weights whose training went well.",
                file=path.name,
                key=key,
            )
    model.load_state_dict({key: state.get(key, value) for key, value in model.state_dict().items()})


def _feature_info(model: nn.Module) -> list[dict[str, Any]]:
    info: Any = getattr(model, "feature_info", [])
    return info if isinstance(info, list) else list(info.get_dicts())
