"""Which weights there are, where they come from, whether a file holds them; imports no torch, so anyone can ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from detectors.errors import Sentence, SettingRefused, WeightsRefused
from detectors.features import closer, hub, own
from detectors.features.packages import PACKAGED, location, not_installed

BUNDLED = "scattering"
DEFAULT = "efficientnet_lite0"  # trained on photographs, and its weights come with a package: nothing to download
RANDOM = "backbones.random"  # the key of the sentence about weights that were never trained
HEADER_LIMIT = 1_000_000  # bytes of a .safetensors header; a wide_resnet50_2 needs about 35,000
FLOATS = ("F16", "BF16", "F32", "F64")
COUNTERS = "num_batches_tracked"  # batch normalisation counts its batches; nothing depends on it after training

Header = dict[str, tuple[str, tuple[int, ...]]]  # tensor's name -> (dtype, shape)


@dataclass(frozen=True)
class ListedBackbone:
    """A backbone that is listed by name: its place on the hub, the bytes of its weights there, its own licence."""

    name: str
    hub: str | None
    bytes: int
    licence: str | None = None


_DINOV3 = "DINOv3 License"

BACKBONES = (
    *(ListedBackbone(name, None, 0) for name in (DEFAULT, BUNDLED, *(name for name in PACKAGED if name != DEFAULT))),
    # The papers' weights: torchvision's first ones, and AutoAugment's. Newer training can do far better or worse.
    ListedBackbone("wide_resnet50_2.tv_in1k", "timm/wide_resnet50_2.tv_in1k", 275_806_280),
    ListedBackbone("resnet18.tv_in1k", "timm/resnet18.tv_in1k", 46_796_608),
    ListedBackbone("resnet50.tv_in1k", "timm/resnet50.tv_in1k", 102_441_032),
    ListedBackbone("tf_efficientnet_b4.aa_in1k", "timm/tf_efficientnet_b4.aa_in1k", 77_868_032),
    ListedBackbone("tf_efficientnet_b5.aa_in1k", "timm/tf_efficientnet_b5.aa_in1k", 122_251_008),
    # What timm means by the plain name.
    ListedBackbone("wide_resnet50_2", "timm/wide_resnet50_2.racm_in1k", 275_806_280),
    ListedBackbone("resnet18", "timm/resnet18.a1_in1k", 46_796_608),
    ListedBackbone("resnet50", "timm/resnet50.a1_in1k", 102_441_032),
    ListedBackbone("tf_efficientnet_b4", "timm/tf_efficientnet_b4.ns_jft_in1k", 77_868_032),
    ListedBackbone("tf_efficientnet_b5", "timm/tf_efficientnet_b5.ns_jft_in1k", 122_251_008),
    ListedBackbone("mobilenetv3_large_100", "timm/mobilenetv3_large_100.ra_in1k", 22_030_096),
    ListedBackbone("convnext_tiny", "timm/convnext_tiny.in12k_ft_in1k", 114_356_512),
    ListedBackbone("vit_small_patch14_dinov2", "timm/vit_small_patch14_dinov2.lvd142m", 88_224_768),
    ListedBackbone("vit_small_patch14_reg4_dinov2", "timm/vit_small_patch14_reg4_dinov2.lvd142m", 88_229_376),
    ListedBackbone("vit_small_patch16_dinov3", "timm/vit_small_patch16_dinov3.lvd1689m", 86_347_776, _DINOV3),
    ListedBackbone("convnext_tiny.dinov3_lvd1689m", "timm/convnext_tiny.dinov3_lvd1689m", 111_280_512, _DINOV3),
)


@dataclass(frozen=True)
class WeightsState:
    """What would happen if a backbone were loaded now.

    Attributes:
        name: the backbone's.
        state: "bundled", "package" (installed), "own" (a file of one's own), "here" (in the hub's cache), "download" or
            "missing".
        bytes: to download; None where only the hub knows.
        reason: why they are missing; also where no such backbone is known.
        licence: of weights that come under terms of their own.
    """

    name: str
    state: str
    bytes: int | None = None
    reason: Sentence | None = None
    licence: str | None = None


def weights_state(name: str, reachable: bool | None = None) -> WeightsState:
    """Say where a backbone's weights are; `reachable` is what `hub_reachable()` said, asked here if needed."""
    called, tiles = closer.split(name)
    if tiles > 1:
        return replace(weights_state(called, reachable), name=name)
    if name == BUNDLED:
        return WeightsState(name, "bundled")
    if name in PACKAGED:
        if location(PACKAGED[name]) is not None:
            return WeightsState(name, "package")
        return WeightsState(name, "missing", reason=not_installed(name).sentence)
    if own.is_own(name):
        try:
            own.find(name)
        except WeightsRefused as refused:
            return WeightsState(name, "missing", reason=refused.sentence)
        return WeightsState(name, "own")
    known = listed(name)
    if known is None:
        from detectors.features.timm_models import check_known, repository  # takes seconds: only for what is not listed

        try:
            check_known(name)
        except SettingRefused as refused:
            return WeightsState(name, "missing", reason=refused.sentence)
        known = ListedBackbone(name, repository(name), 0)
    if known.hub and hub.cached(known.hub):
        return WeightsState(name, "here", licence=known.licence)
    if hub.offline():
        return WeightsState(name, "missing", reason=hub.forbidden(name).sentence, licence=known.licence)
    if not (hub.hub_reachable() if reachable is None else reachable):
        return WeightsState(name, "missing", reason=hub.no_network(name).sentence, licence=known.licence)
    return WeightsState(name, "download", known.bytes or None, licence=known.licence)


def listed(name: str) -> ListedBackbone | None:
    """Return what is known of a listed backbone, None of any other."""
    return next((backbone for backbone in BACKBONES if backbone.name == name), None)


def under_licence(backbone: str, licence: str) -> Sentence:
    """Return what must be said of weights that come under terms of their own."""
    return Sentence(
        "backbones.licence",
        "The weights of {backbone} come under the {licence}: read it before using them in a product.",
        backbone=backbone,
        licence=licence,
    )


def random_weights(backbone: str, origin: str) -> Sentence:
    """Return what must be said wherever a backbone was never trained."""
    return Sentence(
        RANDOM,
        "{backbone} has random weights ({origin}): for tests and lessons, not for judging parts.",
        backbone=backbone,
        origin=origin,
    )


def weights_states() -> tuple[WeightsState, ...]:
    """Say it of every listed backbone; takes 3 seconds at most, without a network."""
    reachable = not hub.offline() and hub.hub_reachable()
    return tuple(weights_state(b.name, reachable) for b in BACKBONES)


def read_header(path: Path) -> Header:
    """Return what a .safetensors file says it holds, having read nothing but its header.

    Raises:
        WeightsRefused: not such a file, header too long, or shorter than its header says.
    """
    if not path.is_file():
        raise WeightsRefused(
            "weights.no_file", "There is no file {file}. Check the name and the folder.", file=path.name
        )
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin = file.read(1)
        if size < 10 or begin != b"{":
            raise WeightsRefused(
                "weights.not_safetensors",
                "{file} is not a .safetensors file; other formats can run code and are never opened. "
                "Save the weights with safetensors.torch.save_file.",
                file=path.name,
            )
        if length > HEADER_LIMIT:
            raise WeightsRefused(
                "weights.header_too_long",
                "{file} has a header of {found:,} bytes; at most {limit:,} are accepted. "
                "Choose a file that holds the weights of one timm model.",
                file=path.name,
                found=length,
                limit=HEADER_LIMIT,
            )
        text = begin + file.read(length - 1)
    entries = _entries(path, text)
    ends = max((end for _, _, end in entries.values()), default=0)
    if size != 8 + length + ends:
        raise WeightsRefused(
            "weights.cut_off",
            "{file} has {found:,} bytes where its header speaks of {expected:,}. Copy or download it again.",
            file=path.name,
            found=size,
            expected=8 + length + ends,
        )
    return {name: (dtype, shape) for name, (dtype, shape, _) in entries.items()}


def check_header(
    path: Path, header: Header, backbone: str, expected: Mapping[str, tuple[int, ...]], classifier: tuple[str, ...]
) -> None:
    """Check that a file holds exactly a backbone's tensors, with their shapes and a floating type.

    Two things may be there or not, since features do not depend on them: the classifier (the names that start with
    one of `classifier` and a dot) and the batch counters.

    Raises:
        WeightsRefused: with the first name that does not fit.
    """
    found = {n for n in header if not n.startswith(tuple(f"{c}." for c in classifier)) and not n.endswith(COUNTERS)}
    needed = {n for n in expected if not n.endswith(COUNTERS)}
    if lacking := sorted(needed - found):
        raise WeightsRefused(
            "weights.lacking",
            "{file} lacks {count} of the {total} tensors of {backbone}, {key} among them. "
            "Choose the file that was saved from this timm model.",
            file=path.name,
            count=len(lacking),
            total=len(needed),
            backbone=backbone,
            key=_shortened(lacking[0]),
        )
    if unknown := sorted(found - needed):
        raise WeightsRefused(
            "weights.strange",
            "{file} holds {count} [tensor|tensors] that {backbone} does not have, {key} among them. "
            "Choose the file that was saved from this timm model.",
            file=path.name,
            count=len(unknown),
            backbone=backbone,
            key=_shortened(unknown[0]),
        )
    for name in sorted(needed):
        dtype, shape = header[name]
        if shape != tuple(expected[name]):
            raise WeightsRefused(
                "weights.shape",
                "{file}: {key} has the shape {found}; {backbone} needs {needed}. "
                "Choose the file that was saved from this timm model.",
                file=path.name,
                key=name,
                backbone=backbone,
                found=" x ".join(map(str, shape)) or "of a single number",
                needed=" x ".join(map(str, expected[name])) or "a single number",
            )
        if dtype not in FLOATS:
            raise WeightsRefused(
                "weights.dtype",
                "{file}: {key} is of type {found}; weights are F16, BF16, F32 or F64. Save them as one of these.",
                file=path.name,
                key=name,
                found=dtype,
            )


def _entries(path: Path, text: bytes) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Return (dtype, shape, end of its bytes) by name."""
    try:
        header: dict[str, Any] = json.loads(text)
        header.pop("__metadata__", None)
        return {
            str(name): (str(e["dtype"]), tuple(int(s) for s in e["shape"]), int(e["data_offsets"][1]))
            for name, e in header.items()
        }
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise WeightsRefused(
            "weights.broken_header",
            "The header of {file} cannot be read. Copy or download it again.",
            file=path.name,
        ) from error


def _shortened(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."
