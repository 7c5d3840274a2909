"""Each method step by step on one real patch: features, memory, the patch's own numbers, map, score.

`memory` says what a fitted detector keeps, `path` how it scored one place of one test picture. Both run in a worker;
this file and `values` need no torch, so pages can name them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from detectors.queries.lessons.steps.values import Covering, Memory, Path

if TYPE_CHECKING:
    from detectors.comparison.comparison import Pictures, Stores
    from detectors.methods.base import Detector


def memory(detector: Detector, stores: Stores, pictures: Pictures) -> Memory:
    """Return what a fitted detector keeps, and how it scores places of held-out normal pictures."""
    return _own(detector).memory(detector, stores)


def path(detector: Detector, stores: Stores, pictures: Pictures, picture: int, y: int, x: int) -> Path:
    """Return every number on the way from test picture `picture` to its score, for the patch at pixel (y, x)."""
    return _own(detector).path(detector, stores, picture, y, x)


def covering(detector: Detector, stores: Stores, pictures: Pictures) -> Covering:
    """Return how well the first picks of PatchCore's bank cover all patches, by their number."""
    return _own(detector).covering(detector, stores)


def _own(detector: Detector) -> Any:
    return import_module(f"{__name__}.{detector.name}")
