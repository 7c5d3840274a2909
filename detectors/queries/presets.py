"""What each preset sets, which only the methods' classes know; importing those takes a worker."""

from __future__ import annotations

from typing import Any

from detectors.errors import SettingRefused
from detectors.methods import METHODS, PRESETS, detector_class

Values = dict[str, dict[str, dict[str, dict[str, Any]]]]


def values(backbones: tuple[str, ...]) -> Values:
    """Return all settings by method, preset and backbone; a method whose class cannot be imported is left out."""
    found: Values = {}
    for method, card in METHODS.items():
        defaults = {name: setting.default for name, setting in card.settings.items()}
        try:
            kind = detector_class(method)
        except SettingRefused:
            continue
        found[method] = {
            preset: {backbone: defaults | kind.preset(preset, backbone) for backbone in backbones} for preset in PRESETS
        }
    return found
