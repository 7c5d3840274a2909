"""What a network that was trained on ImageNet calls a picture: its classifier, and the names of the 1000 classes."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from detectors.features import packages

if TYPE_CHECKING:
    from torch import Tensor


@cache
def class_names() -> tuple[str, ...]:
    """Return the first name of each class, by its index.

    timm's own list (`timm.data.ImageNetInfo`), read from its files: importing timm takes seconds.
    """
    spec = find_spec("timm")
    assert spec is not None  # the project requires it
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data" / "_info"
    lines = (folder / "imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    named = dict(line.split("\t", 1) for line in lines)
    return tuple(named[synset].split(",")[0] for synset in (folder / "imagenet_synsets.txt").read_text().split())


def classifier(backbone: str) -> tuple[Tensor, Tensor]:
    """Return the weight (1000, C) and the bias (1000,) that make a packaged backbone's answer of its last pooled stage.

    Raises:
        WeightsRefused: the package is not installed, or its file is not the known one.
    """
    weight, bias = list(packages.read(backbone).values())[-2:]  # what follows the last convolution in the file
    return weight, bias
