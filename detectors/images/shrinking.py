"""Bringing picture files to the kept side as they arrive, by the routine that decodes all others."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress

import numpy as np
from PIL import Image

from detectors.errors import Refusal
from detectors.images.decoding import count_pages, has_more_frames, in_numbers, opened, srgb_of
from detectors.images.depth import White
from detectors.images.formats import picture_format
from detectors.images.limits import LIMITS, Limits
from detectors.images.looks import few_values, look
from detectors.images.shrunk import Original, Shrunk


def larger_than_kept(data: bytes, limits: Limits = LIMITS) -> bool:
    """Whether the header speaks of a picture that is larger than is kept; False for what is no picture."""
    kind = picture_format(data)
    if kind is None:
        return False
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return max(image.size) > limits.kept_side
    except Exception:  # a TIFF that Pillow does not know, or what decoding will refuse with its reason
        return kind == "TIFF"


def shrink(data: bytes, limits: Limits = LIMITS) -> Shrunk | None:
    """Return a picture file as it is kept; None for one that stays as it is.

    What stays: pictures that are no larger, or would take no less room; what may be a mask; what is refused; and the
    few whose colours cannot be averaged before they are decoded (16 bits with transparency).
    """
    if isinstance(data, Shrunk) or not larger_than_kept(data, limits):
        return None
    with suppress(Refusal):
        made = _kept_form(data, limits)
        return made if made is not None and len(made) < len(data) else None
    return None


def _kept_form(data: bytes, limits: Limits) -> Shrunk | None:
    """Return a file as it is kept; None for what may be a mask, and for colours that cannot be averaged as stored."""
    if picture_format(data) == "JPEG" and ((seen := look(data, limits)) is None or seen.few):
        return None  # looked at in less detail than it is kept
    with opened(data, limits) as found:
        if found.kind != "JPEG" and few_values(found.image, lossy=False):
            return None
        frames, pages = has_more_frames(found.image), count_pages(found.image)
        profile = found.image.info.get("icc_profile") or b""
        if (numbers := in_numbers(found, data, limits.kept_side)) is not None:
            if "transparency" in found.image.info:
                return None
            pixels, notes = numbers, found.notes
        elif ";16" in found.stored and found.image.mode in ("RGB", "RGBA"):
            return None
        else:
            pixels, notes, profile = np.asarray(srgb_of(found, data, White(), limits)[0]), found.notes, b""
        digest, deep = hashlib.sha256(data).hexdigest(), numbers is not None
        said = tuple((note.key, note.english, note.values) for note in notes)
        size = found.upright
        was = Original(found.kind, size, found.orientation, len(data), digest, deep, frames, profile.hex(), said, pages)
        return Shrunk.of(pixels, was)
