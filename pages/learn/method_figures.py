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
from pages.frame import charts
from pages.frame.charts import COLOURS
from pages.frame.panes import name
from pages.frame.words import text
from pages.learn import graphs, parts
from pages.learn.graphs import Bar, Lane, Part
from pages.learn.method import Scene
from pages.learn.path import Station
from pages.learn.plane import Marks, scatter

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
    image = f'<img{kind} src="{parts.uri(pixels, side)}" alt="{escape(alt)}">'
    return f'<div class="odd-picture" style="--shape: {parts.shape(pixels)}">{image}{frame}</div>'


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
    total = sum(scene.path.numbers)
    pieces = [
        Part(own, "accent" if level == levels[-1] else "soft", text("learn.method.level_numbers", level=level, n=own),
             f"{text('learn.method.level', level=level)}: {count(own)}")
        for level, own in zip(levels, scene.path.numbers, strict=True)
    ]  # fmt: skip
    heading(text("learn.method.numbers", n=count(total)))
    graphs.show(graphs.bars([Bar("", "", pieces)]), "numbers", text("learn.method.numbers_alt", n=total))


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
    said = label or text("learn.method.histogram", value=number(value), q99=number(normals.q99))
    here = text("learn.method.here", value=number(value))
    made = graphs.histogram(
        normals.edges, normals.counts, value, here, float(normals.q99), text("learn.method.value"),
        text("learn.method.patches"),
    )  # fmt: skip
    graphs.show(made, key, said)


def around(scene: Scene, label: str, distance: str, nearest: str, usual: float | None = None) -> None:
    """Draw what a patch was compared with, everything at its true distance from it.

    Args:
        scene: of the lesson.
        label: for who cannot see the chart.
        distance: the nearest one's, written.
        nearest: what the nearest one is called.
        usual: the distance within which 99 % of normal patches have their nearest one.
    """
    points, near = scene.path.around, scene.path.around_near
    low, high = float(points[:, 1].min()), float(points[:, 1].max())
    farthest, room = float(points[:, 0].max()), 0.1 * ((high - low) or 1.0)
    made = charts.figure(
        320, text("learn.method.distance"), x={"range": [-0.05 * farthest, 1.03 * farthest], "showgrid": False},
        y={"range": [low - room, high + 2 * room], "showgrid": False, "showticklabels": False},
    )  # fmt: skip
    here, first = (0.0, float(near[0][1])), near[0]
    for point, strong in ((near[1:3], False), (near[:1], True)):
        for end in point:
            look = {"color": COLOURS.accent if strong else COLOURS.soft, "width": 2.2 if strong else 1.2}
            made.add_scatter(x=[0, end[0]], y=[here[1], end[1]], mode="lines", line=look, hoverinfo="skip")
    scatter(made, Marks(points, "ink", 4, [number(float(d), farthest) for d in points[:, 0]]))
    scatter(made, Marks(near[1:3], "hollow", 8))
    scatter(made, Marks(near[:1], "ring", 10, [f"{nearest}: {distance}"]))
    scatter(made, Marks(np.array([here]), "this", 14, [text("learn.method.this_patch")]))
    charts.write(
        made, 0, here[1], f"<b>{text('learn.method.this_patch')}</b>", COLOURS.ink, xanchor="left", yanchor="top",
        yshift=-10,
    )  # fmt: skip
    charts.write(made, float(first[0]) / 2, here[1], f"<b>{distance}</b>", COLOURS.accent, yanchor="bottom", yshift=4)
    if usual is not None:
        made.add_vline(usual, line={"color": COLOURS.ink, "width": 1.2, "dash": "dot"})
        charts.write(
            made, usual, 1, text("learn.method.usual"), COLOURS.muted, yref="paper", yanchor="top", xanchor="left",
            xshift=5,
        )  # fmt: skip
    graphs.show(made, "around", label)


def draw_threshold(scene: Scene) -> None:
    """The picture's score among the held-out and the test pictures', with the threshold."""
    column, verdicts, test = scene.column, scene.verdicts, scene.result.test

    def lane(key: str, defective: bool, look: str) -> Lane:
        own = [(float(s), name(p)) for s, p in zip(column.scores, test, strict=True) if bool(p.defective) is defective]
        return _lane_of(key, own, look)

    held = [(float(s), text("scores.lanes.held_name", n=i + 1)) for i, s in enumerate(column.held_out)]
    rows = [_lane_of("held", held, "hollow"), lane("good", False, "soft"), lane("defective", True, "defective")]
    rows = [row for row in rows if row.values]
    own = text(f"learn.method.lanes.{_lane(scene.picture)}")
    this = (scene.path.score, next((i for i, row in enumerate(rows) if row.label == own), 0), number(scene.path.score))
    at = None if verdicts.threshold is None else (verdicts.threshold, text("learn.method.threshold"))
    heading(text("learn.method.scores"))
    graphs.show(graphs.lanes(rows, this, at), "threshold", f"{name(scene.picture)}: {verdict(scene)}")
    parts.caption(text("learn.method.lanes_note"))


def _lane_of(key: str, own: list[tuple[float, str]], look: str) -> Lane:
    said = [f"{called}: {number(score)}" for score, called in own]
    return Lane(text(f"learn.method.lanes.{key}"), [score for score, _ in own], look, said)


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
