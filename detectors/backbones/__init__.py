"""Backbones: the bundled scattering network, or any timm model that yields feature maps."""

from detectors.backbones.backbone import Backbone, load_backbone
from detectors.backbones.scattering import Scattering

__all__ = ["Backbone", "Scattering", "load_backbone"]
