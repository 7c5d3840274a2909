"""Odd One Out: one-class image anomaly detectors, fitted on the same pictures and compared.

Nothing heavy is imported here: a name is loaded from its module when it is first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar

__version__ = "0.2.0"

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
    "export_onnx": "export",
    "load_backbone": "features.backbone",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"detectors.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _OldPlaces(MetaPathFinder, Loader):
    """Finds what scripts of version 0.1 import where it is now; the app writes such scripts ("Show as Python")."""

    places: ClassVar = {"detectors.sources": "detectors.datasets.sources"}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in self.places else None

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(vars(import_module(self.places[module.__name__])) | {"__name__": module.__name__})


sys.meta_path.append(_OldPlaces())
