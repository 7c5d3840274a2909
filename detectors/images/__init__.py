"""From a person's bytes to the square of pixels that a backbone sees: safely, and saying what was changed."""

from detectors.images.depth import White
from detectors.images.limits import LIMITS, Limits
from detectors.images.picture import Picture, decode, decode_mask, label, of_pixels
from detectors.images.preprocessing import Preprocessing

__all__ = ["LIMITS", "Limits", "Picture", "Preprocessing", "White", "decode", "decode_mask", "label", "of_pixels"]
