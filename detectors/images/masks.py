"""Bytes of a mask file -> which pixels are defective; sizes change by the nearest pixel only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from detectors.errors import PictureRefused, Sentence
from detectors.images.decoding import OpenFile, load_jpeg, opened
from detectors.images.limits import LIMITS, Limits
from detectors.images.srgb import kept_size, upright

_COLOURED = 48  # a difference between red, green and blue that no grey mask has, JPEG or not
_FEW_COLOURS = 64
_WHOLE_BORDER = 0.98  # of a mask that is white all round, and so drawn the other way round


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
    levels count from half the range. In a palette index 0 is the background, or the index of the border where that has
    no 0; in a mask of colours it is the border's colour. A mask that is white all round is read the other way round.
    Whatever marks more than half is told. Of a transparent mask only what is visible counts. A mask that carries no
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
        already_turned = found.turned and found.orientation > 1
        if turn >= 5 and not already_turned:
            size = size[1], size[0]
        image = image if image.size == size else image.resize(size, Image.Resampling.NEAREST)
        marked = _defective(image, found)
        if marked.mean() > 0.5:
            notes.append(
                Sentence(
                    "mask.mostly",
                    "The mask marks {share:.0%} of its picture as defective. Check that it is not drawn the other way "
                    "round.",
                    share=float(marked.mean()),
                )
            )
        defective = Image.fromarray(marked.astype(np.uint8))
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
    """Say which pixels are marked: by palette index, by colour against the border, or by brightness."""
    if image.mode == "P" and "transparency" not in image.info:
        indices = np.asarray(image)  # (H, W)
        return indices != (0 if _is_grey(image) else _background(indices))
    if image.mode in ("RGB", "YCbCr", "CMYK", "LAB", "HSV") and "transparency" not in image.info:
        colours = np.asarray(image.convert("RGB"))  # (H, W, 3)
        if int(np.ptp(colours, axis=-1).max()) > _COLOURED:
            return _off_the_background(colours, found)
    values = np.asarray(_brightest(image))  # (H, W)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise PictureRefused(
            "mask.not_finite",
            "The mask holds values that are no numbers (NaN or infinity). Save it as black and white PNG.",
        )
    marked = _bright(values, found)
    edge = _border(marked)
    if marked.mean() > 0.5 and edge.mean() >= _WHOLE_BORDER and not marked.all():
        found.notes.append(
            Sentence(
                "mask.inverted",
                "The mask is white up to its border: it was read the other way round, black is the defect.",
            )
        )
        return ~marked
    return marked


def _bright(values: NDArray[Any], found: OpenFile) -> NDArray[np.bool_]:
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


def _off_the_background(colours: NDArray[np.uint8], found: OpenFile) -> NDArray[np.bool_]:
    """Mark what differs from the colour that the border has most often, in a mask that is not grey."""
    packed = (colours.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)).astype(np.int64)  # (H, W)
    common = int(_background(packed))
    background = np.array([common >> 16, common >> 8 & 255, common & 255])
    found.notes.append(
        Sentence(
            "mask.coloured",
            "The mask is in colours: the colour of its border is the background, and everything else is defective.",
        )
    )
    if len(np.unique(packed)) <= _FEW_COLOURS:
        return packed != common
    distance = np.abs(colours.astype(np.int16) - background).max(axis=-1)  # (H, W); soft edges, or JPEG
    return distance >= max(1, int(distance.max()) // 2)


def _background(values: NDArray[Any]) -> Any:
    """Return the value that the border of a mask has most often; 0 where the border has any of it."""
    found, counts = np.unique(_border(values), return_counts=True)
    if values.dtype == np.uint8 and 0 in found:
        return 0
    return found[counts.argmax()]


def _border(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _is_grey(image: Image.Image) -> bool:
    """Whether a palette is the ordinary one of greys, so that its index is the brightness."""
    palette = np.array(image.getpalette() or [0], np.uint8)
    grey = np.repeat(np.arange(len(palette) // 3, dtype=np.uint8), 3)
    return len(palette) >= 6 and bool((palette[: len(grey)] == grey).all())


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
    lowest, highest = int(np.asarray(alpha).min()), int(np.asarray(alpha).max())
    half = max(1, (highest + 1) // 2)  # a brush of half the strength paints as well as a strong one
    visible = alpha.point([0] * half + [255] * (256 - half))
    if lowest >= half:
        return brightest
    painted = ImageChops.darker(brightest, visible)
    return painted if painted.getextrema() != (0, 0) else visible  # black paint on nothing
