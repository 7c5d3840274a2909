"""Outlines of defects in JSON, as LabelMe and COCO write them, drawn as masks."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from detectors.datasets.words import meaning
from detectors.errors import PictureRefused
from detectors.images.limits import LIMITS, Limits

_MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Outlines:
    """The outlines of one picture's defects.

    Attributes:
        picture: the picture's file name, as the document gives it.
        size: (H, W) of the picture; (0, 0) where the document does not give it.
        kinds: what the defects are called.
        polygons: (x, y) of each outline's corners, in pixels; for `shares`, of the picture's sides.
        runs: COCO's uncompressed run lengths, down the columns, empty first.
        boxed: whether any is a box, not an outline.
        decides: whether the document says of its picture that it is good where it outlines nothing.
    """

    picture: str
    size: tuple[int, int]
    kinds: tuple[str, ...]
    polygons: tuple[tuple[tuple[float, float], ...], ...]
    runs: tuple[tuple[int, ...], ...] = ()
    boxed: bool = False
    shares: bool = False
    decides: bool = False

    @property
    def marked(self) -> bool:
        """Whether anything is outlined."""
        return bool(self.polygons or self.runs)

    def mask(self, limits: Limits = LIMITS, seen: tuple[int, int] = (0, 0)) -> bytes:
        """Return the mask as PNG; `PictureRefused` for sizes or numbers that no picture has.

        `seen` is the size of the picture itself, for a document that does not give it.
        """
        height, width = self.size if all(self.size) else seen
        if not (0 < height <= limits.side and 0 < width <= limits.side) or height * width > limits.megapixels * 1e6:
            raise PictureRefused(
                "polygons.size",
                "The outlines are for a picture of {width} x {height} pixels, which is none that is accepted.",
                width=width,
                height=height,
            )
        image = Image.new("L", (width, height))
        draw = ImageDraw.Draw(image)
        scale = (width, height) if self.shares else (1, 1)
        for polygon in self.polygons:
            draw.polygon([(x * scale[0], y * scale[1]) for x, y in polygon], fill=255, outline=255)
        drawn = np.array(image)
        for runs in self.runs:
            values = np.arange(len(runs)) % 2
            flat = np.repeat(values, runs)[: height * width].astype(bool)
            flat = np.pad(flat, (0, height * width - len(flat)))
            drawn[flat.reshape(width, height).T] = 255
        written = io.BytesIO()
        Image.fromarray(drawn).save(written, "PNG", compress_level=1)
        return written.getvalue()


def read_outlines(name: str, text: str) -> list[Outlines]:
    """Return the outlines in a JSON document, one for each picture; none for any other document."""
    try:
        read: Any = json.loads(text)
        if not isinstance(read, dict):
            return []
        if isinstance(read.get("shapes"), list):
            return [_labelme(name, read)]
        if isinstance(read.get("images"), list) and isinstance(read.get("annotations"), list):
            return _coco(read)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return []
    return []


def _labelme(name: str, read: Mapping[str, Any]) -> Outlines:
    stem = name.rpartition("/")[2].rpartition(".")[0]
    picture = str(read.get("imagePath") or stem).replace("\\", "/").rpartition("/")[2]
    polygons, kinds, boxed = [], [], False
    for shape in read["shapes"]:
        points = _points(shape["points"])
        if says_good(kind := str(shape.get("label", ""))):
            continue
        match shape.get("shape_type") or "polygon":
            case "rectangle":
                points, boxed = box(*points[0], *points[1]), True
            case "circle":
                points = _circle(points[0], points[1])
            case "point" | "line" | "linestrip":
                continue
        if len(points) >= 3:
            polygons.append(points)
            kinds.append(kind)
    size = int(read["imageHeight"]), int(read["imageWidth"])
    return Outlines(picture, size, distinct(kinds), tuple(polygons), boxed=boxed)


def _coco(read: Mapping[str, Any]) -> list[Outlines]:
    kinds = {each["id"]: str(each.get("name", "")) for each in read.get("categories") or ()}
    by_image: dict[Any, list[Any]] = {}
    for each in read["annotations"]:
        by_image.setdefault(each["image_id"], []).append(each)
    found = []
    for image in read["images"]:
        polygons: list[tuple[tuple[float, float], ...]] = []
        runs, names, boxed = [], [], False
        for each in by_image.get(image["id"], ()):
            if says_good(kind := kinds.get(each.get("category_id"), "")):
                continue
            names.append(kind)
            shape = each.get("segmentation")
            if isinstance(shape, dict):
                counts = shape["counts"]
                runs.append(tuple(_counts(counts) if isinstance(counts, str) else (int(n) for n in counts)))
            elif shape:
                polygons += [_points(list(zip(flat[::2], flat[1::2], strict=True))) for flat in shape]
            elif each.get("bbox"):
                x, y, width, height = map(float, each["bbox"])
                polygons.append(box(x, y, x + width, y + height))
                boxed = True
        if any(n < 0 for run in runs for n in run):
            raise ValueError("a run of less than nothing")
        picture = str(image["file_name"]).replace("\\", "/")
        size = int(image["height"]), int(image["width"])
        corners = tuple(polygon for polygon in polygons if len(polygon) >= 3)
        found.append(Outlines(picture, size, distinct(names), corners, tuple(runs), boxed))
    return found


def says_good(kind: str) -> bool:
    """Whether what is outlined is called good, so that it is no defect."""
    return meaning(kind).quality == "good"


def box(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    """Return the corners of a box between two of them."""
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def _points(points: Sequence[Sequence[Any]]) -> tuple[tuple[float, float], ...]:
    if len(points) > _MOST_POINTS:
        raise ValueError("too many corners")
    found = tuple((float(point[0]), float(point[1])) for point in points)
    if not np.isfinite(np.array(found)).all() or (found and np.abs(np.array(found)).max() > 1e6):
        raise ValueError("a corner outside any picture")
    return found


def _circle(middle: tuple[float, float], edge: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    radius = float(np.hypot(edge[0] - middle[0], edge[1] - middle[1]))
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return tuple((middle[0] + radius * float(np.cos(a)), middle[1] + radius * float(np.sin(a))) for a in angles)


def _counts(text: str) -> list[int]:
    """Read COCO's compressed run lengths: five bits a character, each from the third on added to the last but one."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            code = ord(text[at]) - 48
            value |= (code & 31) << shift
            more = bool(code & 32)
            at, shift = at + 1, shift + 5
            if not more and code & 16:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of kinds, each once, in their order."""
    return tuple(dict.fromkeys(name for name in names if name))
