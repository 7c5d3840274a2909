"""Where a backbone's weights come from and which they were; imports no torch, so that the interface can ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

BUNDLED = "scattering"
HUB_PATIENCE = 3.0  # seconds until "no network" is said; the hub's own clients retry for three quarters of a minute
ANSWER_PATIENCE = 10.0  # seconds for a hub that was reached to answer
HEADER_LIMIT = 1_000_000  # bytes of a .safetensors header; the largest timm model needs about 200,000
FLOATS = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}  # the accepted dtypes and their bytes
COUNTERS = {"I64": 8}  # batch normalisation counts its batches; features do not depend on it

T = TypeVar("T")


@dataclass(frozen=True)
class Named:
    """A backbone that the interface lists: its place on the hub and the size of its file there."""

    name: str
    hub: str | None
    bytes: int
    millions: float  # of parameters


BACKBONES = (
    Named(BUNDLED, None, 0, 0.0),
    Named("wide_resnet50_2", "timm/wide_resnet50_2.racm_in1k", 0, 68.9),
    Named("resnet18", "timm/resnet18.a1_in1k", 0, 11.7),
    Named("resnet50", "timm/resnet50.a1_in1k", 0, 25.6),
    Named("tf_efficientnet_b4", "timm/tf_efficientnet_b4.ns_jft_in1k", 0, 19.3),
    Named("tf_efficientnet_b5", "timm/tf_efficientnet_b5.ns_jft_in1k", 0, 30.4),
    Named("mobilenetv3_large_100", "timm/mobilenetv3_large_100.ra_in1k", 0, 5.5),
    Named("convnext_tiny", "timm/convnext_tiny.in12k_ft_in1k", 0, 28.6),
    Named("vit_small_patch14_dinov2", "timm/vit_small_patch14_dinov2.lvd142m", 0, 22.1),
)


@dataclass(frozen=True)
class WeightsRecord:
    """Which weights made a result.

    Attributes:
        source: "bundled", "hub", "file" or "random".
        origin: the hub's name for them with the revision, the file's name, or the seed.
        sha256: over all parameters and running averages, by name.
    """

    source: str
    origin: str
    sha256: str

    @property
    def random(self) -> bool:
        """Whether nobody ever trained them."""
        return self.source == "random"
