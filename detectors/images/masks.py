"""Bytes of a mask file -> which pixels are defective; sizes change by the nearest pixel only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from detectors.errors import PictureRefused, Sentence
from detectors.images.decoding import OpenFile, load_jpeg, opened
from detectors.images.limits import LIMITS, Limits
from detectors.images.srgb import kept_size, upright


@dataclass(frozen=True)
class Frame:
    """What a mask must fit: its picture's upright size, the size it is kept at, both (H, W), and its orientation."""

    upright: tuple[int, int]
    kept: tuple[int, int]
    orientation: int = 1


def read_mask(
    data: bytes, frame: Frame | None = None, limits: Limits = LIMITS
) -> tuple[NDArray[np.bool_], tuple[Sentence, ...]]:
    """Decode a mask; True is defective. With a `frame` it is brought to the picture's kept size, or refused.

    A mask of two values marks where the higher one is. Small numbers are labels: anything above 0 counts. Other grey
    levels count from half the range. Of a transparent mask only what is visible counts. A mask that carries no
    orientation is turned as its picture was, unless its size shows that it was drawn on the upright picture.
    """
    with opened(data, limits) as found:
        image, notes = found.image, found.notes
        turn = found.orientation
        height, width = found.upright
        if frame is not None and turn == 1 and frame.orientation > 1:
            drawn_upright = _same_shape((height, width), frame.upright)
            sideways = frame.orientation >= 5
            if not sideways or not drawn_upright or height == width:
                turn = frame.orientation
                height, width = (width, height) if sideways else (height, width)
                notes.append(Sentence("mask.turned", "Turned upright together with its picture."))
        if frame is None:
            size = kept_size((width, height), limits.kept_side)
        else:
            _check_shape((height, width), frame.upright)
            size = frame.kept[1], frame.kept[0]
            if (height, width) != frame.upright:
                notes.append(
                    Sentence(
                        "mask.other_size",
                        "The mask has {width} x {height} pixels, its picture {picture_width} x {picture_height}: it "
                        "was enlarged or reduced to fit.",
                        width=width,
                        height=height,
                        picture_width=frame.upright[1],
                        picture_height=frame.upright[0],
                    )
                )
        if found.scans is not None:
            load_jpeg(image, data, found.scans, None)
        image.load()
        already_turned = found.kind == "TIFF" and found.orientation > 1
        if turn >= 5 and not already_turned:
            size = size[1], size[0]
        image = image if image.size == size else image.resize(size, Image.Resampling.NEAREST)
        defective = Image.fromarray(_defective(image, found).astype(np.uint8))
        if not already_turned:
            defective = upright(defective, turn)
        return np.asarray(defective).astype(bool), tuple(notes)


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two (H, W) are in one proportion, to within 1 % or one pixel of rounding."""
    down, across = size[0] / other[0], size[1] / other[1]
    return (
        abs(down - across) <= 0.01 * max(down, across)
        or abs(size[0] - other[0] * across) <= 1
        or abs(size[1] - other[1] * down) <= 1
    )


def _check_shape(size: tuple[int, int], picture: tuple[int, int]) -> None:
    if not _same_shape(size, picture):
        raise PictureRefused(
            "mask.other_shape",
            "The mask has {width} x {height} pixels, its picture {picture_width} x {picture_height}: they do not lie "
            "on each other. Give the mask in the size of its picture.",
            width=size[1],
            height=size[0],
            picture_width=picture[1],
            picture_height=picture[0],
        )


def _defective(image: Image.Image, found: OpenFile) -> NDArray[np.bool_]:
    values = np.asarray(_brightest(image))  # (H, W)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise PictureRefused(
            "mask.not_finite",
            "The mask holds values that are no numbers (NaN or infinity). Save it as black and white PNG.",
        )
    levels = np.unique(values)
    if len(levels) == 1:
        return values > 0
    if len(levels) == 2:
        return values > levels[0]
    top = float(levels[-1])
    full = 1.0 if values.dtype.kind == "f" and top <= 1 else 255.0 if values.dtype == np.uint8 else 65_535.0
    if top < full / 2 and found.kind != "JPEG":
        found.notes.append(
            Sentence(
                "mask.labels",
                "The mask is not black and white: its {levels} values were read as labels, and everything above 0 "
                "counts as defective.",
                levels=len(levels),
            )
        )
        return values > 0
    found.notes.append(
        Sentence(
            "mask.grey",
            "The mask is not black and white: it has {levels} grey levels, and the brighter half of the range counts "
            "as defective.",
            levels=len(levels),
        )
    )
    return values >= full / 2


def _brightest(image: Image.Image) -> Image.Image:
    """Return one channel: the brightest of the colours, black where transparent."""
    if image.mode in ("L", "F") or image.mode.startswith("I"):
        return image
    if image.mode == "1":
        return image.convert("L")
    alpha = None
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    red, green, blue = image.convert("RGB").split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    if alpha is None or alpha.getextrema() == (255, 255):
        return brightest
    visible = alpha.point([0] * 128 + [255] * 128)
    painted = ImageChops.darker(brightest, visible)
    return painted if painted.getextrema() != (0, 0) else visible  # black paint on nothing
