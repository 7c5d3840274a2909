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
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from detectors.errors import SettingRefused, WeightsRefused
from detectors.features import hub
from detectors.features.weights import check_header, read_header
from detectors.methods.base import Progress

FINEST = 4  # pixels: a stem at stride 2 sees hardly more than an edge and would be four fifths of all memory
LEVELS_OF_EQUAL_STRIDE = 4  # of a vision transformer's many blocks: those at 1/4, 1/2, 3/4 and the end
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

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        info = _feature_info(model)
        chosen = [i for i, level in enumerate(info) if level["reduction"] >= FINEST]
        if len(chosen) > LEVELS_OF_EQUAL_STRIDE and len({info[i]["reduction"] for i in chosen}) == 1:
            n = LEVELS_OF_EQUAL_STRIDE
            chosen = [chosen[len(chosen) * (k + 1) // n - 1] for k in range(n)]
        self.model = model
        self.strides = tuple(int(info[i]["reduction"]) for i in chosen)
        settings: Any = model.pretrained_cfg
        self.native_size = int(settings["input_size"][-1])
        self.normalisation: tuple[tuple[float, ...], tuple[float, ...]]
        self.normalisation = (settings["mean"], settings["std"])
        self._chosen = chosen
        self._staged = isinstance(model, EfficientNet)
        if self._staged:
            self._chosen = [info[i]["stage"] for i in chosen]
            blocks = len(model.blocks)  # type: ignore[arg-type]
            self.stages = ("stem", *(f"stage {i + 1}" for i in range(blocks)), "head")
        else:
            self.stages = tuple(str(info[i]["module"]) for i in chosen)

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return (maps, pooled)."""
        if self._staged:
            head, outputs = self.model.forward_intermediates(x, extra_blocks=True)  # type: ignore[operator]
            maps = tuple(outputs[i] for i in self._chosen)
            return maps, tuple(m.mean((2, 3)) for m in (*outputs, head))
        maps = tuple(
            self.model.forward_intermediates(  # type: ignore[operator]
                x, indices=self._chosen, norm=False, output_fmt="NCHW", intermediates_only=True
            )
        )
        return maps, tuple(m.mean((2, 3)) for m in maps)


def build(name: str, weights: str | Path, seed: int, progress: Progress) -> tuple[nn.Module, str, str]:
    """Return (model without classifier, source of the weights, their origin)."""
    if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", name) or not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), 3)
        raise SettingRefused(
            "timm_models.unknown",
            "timm has no model called {name}. Choose scattering, a listed backbone, or a timm name such as {near}.",
            name=name[:60],
            near=", ".join(near or ["resnet18"]),
        )
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


def _created(name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        for settings in ANY_SIZE:
            torch.manual_seed(seed)
            try:
                return timm.create_model(name, pretrained=False, num_classes=0, **settings)
            except TypeError:
                if not settings:
                    raise
            except RuntimeError as error:  # timm's word for a tag it does not know
                raise SettingRefused(
                    "timm_models.tag",
                    "timm knows {model}, but no weights called {tag} of it. Leave out what follows the dot.",
                    model=name.split(".")[0],
                    tag=name.split(".")[-1],
                ) from error
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
