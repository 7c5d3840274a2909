"""A data set at a glance: small pictures, labels and everything a person should know before a run."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from detectors import datasets
from detectors.comparison.comparison import drawn, nothing_to_learn, trivially
from detectors.datasets import Dataset, Histogram, Report, Sample, builtin
from detectors.datasets.sources import DemoSource
from detectors.errors import Sentence
from detectors.images import Preprocessing, White
from detectors.result import Figure

_CARD_KINDS = 3
_LARGE = 1_024
_BORDER = (255, 0, 200)  # of a mask: no product has this colour


@dataclass(frozen=True)
class Thumbnail:
    """One picture, small.

    Attributes:
        name: what the user calls it; a label, never a path.
        sha256: of the decoded pixels.
        defective, kind, severity, synthetic: as in `Sample`.
        masked: whether a mask marks the defect.
        webp: the picture, at most 128 pixels a side.
        original_size: (H, W) of the file.
        base: as in `Sample`.
    """

    name: str
    sha256: str
    defective: bool | None
    kind: str | None
    severity: float | None
    synthetic: bool
    masked: bool
    webp: bytes
    original_size: tuple[int, int]
    base: str = ""


@dataclass(frozen=True)
class Overview:
    """What the page about pictures shows.

    Attributes:
        name: the data set's.
        normal, test: in the data set's order.
        report: what happened to every file.
        refused: why nothing can be learnt from it; None where something can.
        warnings: what to know of the set as a whole: too few pictures, copies, mixed sizes and the like.
        file_bytes: of all accepted files.
        white: black and white of pictures with more than 8 bits.
        levels: the values of such pictures; None for a set of 8 bits.
    """

    name: str
    normal: tuple[Thumbnail, ...]
    test: tuple[Thumbnail, ...]
    report: Report
    refused: Sentence | None
    warnings: tuple[Sentence, ...]
    file_bytes: int
    white: White
    levels: Histogram | None


def overview(data: Dataset) -> Overview:
    """Make the small pictures and collect the warnings."""
    found = datasets.problems(data)
    return Overview(
        name=data.name,
        normal=tuple(map(thumbnail, data.train)),
        test=tuple(map(thumbnail, data.test)),
        report=data.report,
        refused=nothing_to_learn(data),
        warnings=(*(note for note in data.report.notes if note not in found), *found),
        file_bytes=sum(s.picture.file_bytes for s in (*data.train, *data.test)),
        white=data.white,
        levels=datasets.histogram(data),
    )


def trivial(data: Dataset, preprocessing: Preprocessing, held_out: float, seed: int) -> dict[str, Figure]:
    """Return the AUROC of each trivial statistic, as a run of these pictures with these choices will say it."""
    return trivially(data, preprocessing, drawn(data, held_out, seed).test)


@dataclass(frozen=True)
class Card:
    """A built-in product in four small pictures: a normal one and three defects.

    Attributes:
        webp: the pictures, 96 pixels a side.
        kinds: all its defects.
        count: pictures in the whole set.
    """

    product: str
    webp: tuple[bytes, ...]
    kinds: tuple[str, ...]
    count: int


def card(product: str) -> Card:
    """Draw the four pictures, or read them from the cache folder."""
    recipe, whole = builtin.PRODUCTS[product], DemoSource(product)
    shown = [kind for kind in recipe.kinds if kind not in recipe.whole][:_CARD_KINDS]
    drawn = builtin.build(product, 1, 0, 1, (1.0,), shown, seed=1, workers=1)
    count = whole.normal + whole.good + whole.per * len(recipe.kinds) * len(whole.severities)
    return Card(product, tuple(webp(pixels, 96) for pixels in drawn.pictures), tuple(recipe.kinds), count)


def thumbnail(sample: Sample) -> Thumbnail:
    """Make one picture small."""
    return Thumbnail(
        name=sample.picture.name,
        sha256=sample.picture.sha256,
        defective=sample.defective,
        kind=sample.kind,
        severity=sample.severity,
        synthetic=sample.synthetic,
        masked=sample.mask is not None,
        webp=webp(sample.picture.pixels, 128),
        original_size=sample.picture.original_size,
        base=sample.base,
    )


@dataclass(frozen=True)
class Large:
    """One picture as large as it is kept, at most 1,024 pixels a side.

    Attributes:
        webp: the picture.
        marked: the same with its mask's border drawn in; None without a mask.
        share: of the pixels that the mask marks.
        mask: a black and white PNG of the mask; None without one.
    """

    webp: bytes
    marked: bytes | None
    share: float
    mask: bytes | None = None


def large(data: Dataset, sha256: str) -> Large | None:
    """Return a picture of the set, and its mask; None where it is not in it."""
    found = next((s for s in (*data.train, *data.test) if s.picture.sha256 == sha256), None)
    if found is None:
        return None
    pixels, mask = found.picture.pixels, found.mask
    whole = webp(pixels, _LARGE, quality=90)
    if mask is None or not mask.any():
        return Large(whole, None, 0.0)
    width = max(2, max(mask.shape) // 200)
    border = ndimage.binary_dilation(mask, iterations=width) & ~mask
    marked = pixels.copy()
    marked[border] = _BORDER
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return Large(whole, webp(marked, _LARGE, quality=90), float(mask.mean()), buffer.getvalue())


def webp(pixels: NDArray[np.uint8], side: int, quality: int = 82) -> bytes:
    """Encode (H, W, 3) pixels with the longer side at most `side`; no metadata."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()
