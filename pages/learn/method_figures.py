"""What all five method lessons draw alike: features as colours, the map being made, the threshold, crops and charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from detectors.plots import colours
from detectors.result import ResultPicture
from pages.frame.panes import name
from pages.frame.words import text
from pages.learn import parts
from pages.learn.drawing import Drawing
from pages.learn.method import Scene
from pages.learn.path import Station

CROP = 64  # pixels around a patch
Box = tuple[float, float, float, float]


def number(value: float, like: float | None = None) -> str:
    """Write a number with about three digits; `like` lends its decimals, so that terms and their sum look alike."""
    size = abs(like if like is not None else value)
    decimals = 0 if size >= 10_000 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def count(value: int) -> str:
    return f"{value:,}"


def enlarged_cells(cells: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Repeat the cells of (H, W, 3) to about the size of the picture, so that their borders stay sharp."""
    down, right = max(1, size[0] // cells.shape[0]), max(1, size[1] // cells.shape[1])
    return np.kron(cells, np.ones((down, right, 1), np.uint8))


def painted(scene: Scene, raw: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (H, W, 3) colours of raw map values; the calibrated scale, or the map's own range where there is none."""
    if scene.column.scale is not None:
        return colours.colour(scene.column.scale(raw), scene.choices.colour)
    low, high = float(raw.min()), float(raw.max())
    return colours.colour((raw - low) / max(high - low, 1e-12) * colours.TOP, scene.choices.colour)


def overlaid(scene: Scene) -> NDArray[np.uint8]:
    """Return the picture under its map."""
    if scene.column.scale is None:
        return painted(scene, scene.path.map)
    return colours.overlay(scene.picture.pixels, scene.column.scale(scene.path.map), scene.choices.colour)


def framed(pixels: NDArray[np.uint8], box: Box | None, alt: str, side: int = 320, pixelated: bool = False) -> str:
    """Return an image as HTML, with a frame around box = (top, left, bottom, right) in its pixels."""
    frame = ""
    if box is not None:
        height, width = pixels.shape[:2]
        top, left, bottom, right = (100 * edge / side for edge, side in zip(box, (height, width) * 2, strict=True))
        frame = (
            f'<i class="odd-frame" style="top:{(top + bottom) / 2:.2f}%;left:{(left + right) / 2:.2f}%;'
            f'height:{bottom - top:.2f}%;width:{right - left:.2f}%"></i>'
        )
    kind = ' class="odd-cells"' if pixelated else ""
    return f'<div class="odd-picture"><img{kind} src="{parts.uri(pixels, side)}" alt="{escape(alt)}">{frame}</div>'


def crop(pixels: NDArray[np.uint8], box: Box, alt: str) -> str:
    """Return the surroundings of a patch as HTML, the patch framed."""
    height, width = pixels.shape[:2]
    side = min(max(CROP, int(3 * (box[2] - box[0]))), height, width)
    top = int(np.clip((box[0] + box[2]) / 2 - side / 2, 0, height - side))
    left = int(np.clip((box[1] + box[3]) / 2 - side / 2, 0, width - side))
    cut = np.kron(pixels[top : top + side, left : left + side], np.ones((2, 2, 1), np.uint8))
    moved = tuple(2 * (edge - start) for edge, start in zip(box, (top, left, top, left), strict=True))
    return framed(cut, moved, alt, side=2 * CROP)  # type: ignore[arg-type]


def this_patch(scene: Scene, box: Box | None = None) -> str:
    """Return the crop of the patch in question with its words."""
    words = text("learn.method.this_patch")
    return parts.cell(crop(scene.picture.pixels, box or scene.path.box, words), note=words)


def learnt_name(scene: Scene, picture: int) -> str:
    """Return what a learnt picture is called."""
    return name(scene.result.learnt[picture])


def row(cells: Iterable[str], columns: int, title: str = "") -> None:
    """Show small cells in a row."""
    if title:
        st.html(f'<h3 class="odd-small-heading">{escape(title)}</h3>')
    st.html(f'<div class="odd-crops" style="--columns:{columns}">{"".join(cells)}</div>')


def heading(title: str) -> None:
    st.html(f'<h3 class="odd-small-heading">{escape(title)}</h3>')


# The five pictures that are alike


def features_station(scene: Scene) -> Station:
    height, width = scene.path.colours.shape[:2]
    caption = text("learn.method.features", h=height, w=width, n=count(sum(scene.path.numbers)))
    image = parts.uri(enlarged_cells(scene.path.colours, scene.size), 320)
    return Station(text("learn.method.steps.features"), caption, caption, image, cells=True, aims=_local(scene))


def patch_station(scene: Scene, caption: str) -> Station:
    alt = f"{name(scene.picture)}. {caption}"
    image = parts.uri(scene.picture.pixels, 320)
    title = text("learn.method.steps.patch" if _local(scene) else "learn.method.steps.picture")
    return Station(title, caption, alt, image, aims=_local(scene))


def map_station(scene: Scene) -> Station:
    caption = text("learn.method.map", n=count(scene.path.grid.size))
    image = parts.uri(enlarged_cells(painted(scene, scene.path.grid), scene.size), 320)
    return Station(text("learn.method.steps.map"), caption, caption, image, cells=True, aims=True)


def score_station(scene: Scene) -> Station:
    caption = verdict(scene)
    shown = overlaid(scene) if _local(scene) else scene.picture.pixels
    image = parts.uri(shown, 320)
    return Station(text("learn.method.steps.score"), caption, caption, image, aims=_local(scene))


def verdict(scene: Scene) -> str:
    """Say what the score means in a few words."""
    verdicts = scene.verdicts
    if verdicts.threshold is None:
        return text("learn.method.score_plain", score=number(scene.path.score))
    word = text(f"verdicts.{verdicts.words[scene.i]}")
    return text("learn.method.score", ratio=f"{verdicts.ratios[scene.i]:.2f}", verdict=word)


# Figures that are alike


def draw_features(scene: Scene) -> None:
    """The picture beside its features as colours."""
    box = scene.path.box if _local(scene) else None
    heading(text("learn.method.colours"))
    size = scene.size
    tiles = [
        parts.cell(framed(scene.picture.pixels, box, name(scene.picture)), note=name(scene.picture)),
        parts.cell(
            framed(enlarged_cells(scene.path.colours, size), box, text("learn.method.colours"), pixelated=True),
            note=text("learn.method.cells", h=scene.path.colours.shape[0], w=scene.path.colours.shape[1]),
        ),
    ]
    parts.tiles(tiles, 2)


def draw_numbers(scene: Scene) -> None:
    """How many numbers of the list come from which level."""
    levels = levels_of(scene)
    width, gap = 340.0, 3.0
    total = sum(scene.path.numbers)
    drawing = Drawing(width, 92, text("learn.method.numbers_alt", n=total))
    x = 0.0
    for level, own in zip(levels, scene.path.numbers, strict=True):
        wide = 10.0 + (width - gap * (len(levels) - 1) - 10.0 * len(levels)) * own / total
        said = text("learn.method.level_numbers", level=level, n=own)
        drawing.rect(x, 26, wide, 22, "accent" if level == levels[-1] else "soft", said, rx=2)
        drawing.text(x + 1, 18, text("learn.method.level", level=level) if wide > 40 else str(level), "muted")
        drawing.text(x + 1, 66, count(own))
        x += wide + gap
    heading(text("learn.method.numbers", n=count(total)))
    drawing.show("numbers")


def draw_map(scene: Scene, first: Sequence[str] | None = None) -> None:
    """Grid (or the cells in `first`), enlarged, smoothed."""
    way = scene.path
    size = scene.size
    y, x = middle(way.box)
    steps = [
        *([] if first else [("grid", enlarged_cells(painted(scene, way.grid), size), way.value)]),
        ("enlarged", painted(scene, way.enlarged), float(way.enlarged[y, x])),
        ("smoothed", painted(scene, way.map), float(way.map[y, x])),
    ]
    cells = [*(first or ())] + [
        parts.cell(
            framed(pixels, way.box, text(f"learn.method.{key}"), pixelated=key == "grid"),
            title=text(f"learn.method.{key}"), note=text("learn.method.here", value=number(value, way.value)),
        )
        for key, pixels, value in steps
    ]  # fmt: skip
    parts.tiles(cells, len(cells))


def draw_normals(scene: Scene) -> None:
    """Where the patch lies among all places of held-out normal pictures."""
    normals = scene.memory.normals
    if normals is None:
        st.caption(text("grid.no_threshold"))
        return
    heading(text("learn.method.against", n=count(normals.total)))
    histogram(normals, scene.path.value, "normals")


def histogram(normals: Any, value: float, key: str, label: str = "") -> None:
    """Draw a histogram of normal values with the 99 % mark, and where `value` lies."""
    width, base, top = 340.0, 104.0, 24.0
    low = min(0.0, float(normals.edges[0]), value)
    high = max(float(normals.edges[-1]), value) * 1.04 or 1.0

    def at(v: float) -> float:
        return (v - low) / (high - low) * width

    said = label or text("learn.method.histogram", value=number(value), q99=number(normals.q99))
    drawing = Drawing(width, 132, said)
    tallest = max(1, int(normals.counts.max()))
    for left, right, n in zip(normals.edges[:-1], normals.edges[1:], normals.counts, strict=True):
        tall = (base - top - 14) * n / tallest
        drawing.rect(at(left), base - tall, max(1.0, at(right) - at(left) - 0.8), tall, "soft")
    drawing.line((0, base), (width, base), "axis")
    drawing.line((at(normals.q99), top + 16), (at(normals.q99), base), "dotted")
    drawing.text(at(normals.q99), base + 16, "99 %", "muted", "middle")
    drawing.line((at(value), top), (at(value), base), "strong")
    anchor = "end" if at(value) > width * 0.7 else "start" if at(value) < width * 0.2 else "middle"
    drawing.text(at(value), top - 8, text("learn.method.here", value=number(value)), "teal", anchor)
    drawing.show(key)


def around(scene: Scene, label: str, distance: str, nearest: str, usual: float | None = None) -> Drawing:
    """Draw what a patch was compared with, everything at its true distance from it.

    Args:
        label: for who cannot see the drawing.
        distance: the nearest one's, written.
        nearest: what the nearest one is called.
        usual: the distance within which 99 % of normal patches have their nearest one.
    """
    points, near = scene.path.around, scene.path.around_near
    width, height, base, left = 440.0, 330.0, 296.0, 30.0
    drawing = Drawing(width, height, label)
    drawing.rect(0, 0, width, base, "ground", rx=4)
    low, high = float(points[:, 1].min()), float(points[:, 1].max())
    farthest = float(points[:, 0].max())

    def across(value: float) -> float:
        return left + value / farthest * (width - left - 14)

    def at(point: NDArray[Any]) -> tuple[float, float]:
        return across(float(point[0])), base - 16 - (float(point[1]) - low) / ((high - low) or 1.0) * (base - 56)

    drawing.dots([at(point) for point in points], "ink", 1.8)
    first = at(near[0])
    here = (left, first[1])
    for point in near[1:3]:
        drawing.line(here, at(point), "thin")
        drawing.circle(*at(point), "hollow", 4)
    drawing.line(here, first, "strong")
    drawing.circle(*first, "ring", 5, nearest)
    drawing.diamond(*here)
    drawing.text(here[0] - 12, here[1] + 24, text("learn.method.this_patch"), "bold")
    drawing.text((here[0] + first[0]) / 2, here[1] - 10, distance, "teal", "middle")
    if usual is not None:
        drawing.line((across(usual), 8), (across(usual), base), "dotted")
        drawing.text(across(usual) + 5, 20, text("learn.method.usual"), "muted")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        drawing.text(across(share * farthest), base + 16, number(share * farthest, farthest), "muted", anchor)
    drawing.text(width, base + 32, text("learn.method.distance"), "muted", "end")
    return drawing


def draw_threshold(scene: Scene) -> None:
    """The picture's score among the held-out and the test pictures', with the threshold."""
    column, verdicts, test = scene.column, scene.verdicts, scene.result.test
    lanes: list[tuple[str, list[tuple[float, str, str]]]] = [
        ("held", [(float(s), "hollow", "") for s in column.held_out]),
        ("good", [(float(s), "soft", name(p)) for s, p in zip(column.scores, test, strict=True) if not p.defective]),
        ("defective", [(float(s), "ink", name(p)) for s, p in zip(column.scores, test, strict=True) if p.defective]),
    ]
    lanes = [(key, marks) for key, marks in lanes if marks]
    every = [value for _, marks in lanes for value, _, _ in marks]
    low, high = min(every), max(every)
    pad = (high - low) * 0.05 or 1.0
    width, left, tall = 440.0, 92.0, 34.0

    def at(v: float) -> float:
        return left + (v - low + pad) / (high - low + 2 * pad) * (width - left)

    drawing = Drawing(width, tall * len(lanes) + 44, f"{name(scene.picture)}: {verdict(scene)}")
    bottom = tall * len(lanes) + 22
    if verdicts.threshold is not None:
        drawing.line(
            (at(verdicts.threshold), 16), (at(verdicts.threshold), bottom), "strong", text("learn.method.threshold")
        )
        drawing.text(at(verdicts.threshold), 10, text("learn.method.threshold"), "teal", "middle")
    for i, (key, marks) in enumerate(lanes):
        y = 22 + tall * (i + 0.5)
        drawing.line((left, y), (width, y), "hair")
        drawing.text(0, y + 4, text(f"learn.method.lanes.{key}"), "muted")
        for value, kind, said in marks:
            if key == "defective":
                drawing.diamond(at(value), y, kind, 4.6, said)
            else:
                drawing.circle(at(value), y, kind, 3.8, said)
    here = next((i for i, (key, _) in enumerate(lanes) if key == _lane(scene.picture)), 0)
    y = 22 + tall * (here + 0.5)
    drawing.diamond(at(scene.path.score), y, "accent", 7.5, name(scene.picture))
    right = at(scene.path.score) > width * 0.75
    drawing.text(
        at(scene.path.score) + (-12 if right else 12),
        y - 8,
        number(scene.path.score),
        "teal",
        "end" if right else "start",
    )
    drawing.line((left, bottom), (width, bottom), "axis")
    for v in (low, high):
        drawing.text(at(v), bottom + 16, number(v), "muted", "middle")
    heading(text("learn.method.scores"))
    drawing.show("threshold")
    parts.caption(text("learn.method.lanes_note"))


def draw_overlay(scene: Scene) -> None:
    """The map over the picture, with a frame where the score comes from."""
    way, half = scene.path, 5.0
    if scene.method == "patchcore":
        (y, x), value = way.highest, float(way.grid.max())
    else:
        y, x = (int(v) for v in np.unravel_index(int(way.map.argmax()), way.map.shape))
        value = float(way.map.max())
    note = text("learn.method.peak", value=number(value))
    image = framed(overlaid(scene), (max(0.0, y - half), max(0.0, x - half), y + half, x + half), note, side=448)
    st.html(f'<div class="odd-big">{parts.cell(image, note=note)}</div>')


def middle(box: Box) -> tuple[int, int]:
    """Return the pixel in the middle of a box."""
    return int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)


def levels_of(scene: Scene) -> Sequence[int]:
    """Return the levels' numbers as people count, from 1."""
    levels = scene.column.settings.get("levels")
    found = range(len(scene.path.numbers)) if levels is None or len(levels) != len(scene.path.numbers) else levels
    return [level + 1 for level in found]


def _local(scene: Scene) -> bool:
    return scene.path.map is not None


def _lane(picture: ResultPicture) -> str:
    return "defective" if picture.defective else "good"
