"""Odd One Out: one-class image anomaly detectors, fitted on the same pictures and compared.

Nothing heavy is imported here: a name is loaded from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "CFA": "methods.cfa",
    "Comparison": "comparison.comparison",
    "FeatureStore": "features.store",
    "MahalanobisAD": "methods.mahalanobis",
    "Padim": "methods.padim",
    "PatchCore": "methods.patchcore",
    "Pipeline": "comparison.pipeline",
    "Preprocessing": "images",
    "Spade": "methods.spade",
    "load_backbone": "features.backbone",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"detectors.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
