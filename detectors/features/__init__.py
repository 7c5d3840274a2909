"""Features at rest: one backbone pass over the pictures, read by every method as often as it likes."""

from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore

__all__ = ["FeatureStore", "Standardisation"]
