"""Lesson SPADE: the most similar normal pictures, then the most similar patches in them."""

from __future__ import annotations

import numpy as np

from pages.frame.words import text
from pages.learn import graphs, parts
from pages.learn.graphs import Bar, Part
from pages.learn.method import Scene, figures, values
from pages.learn.method_figures import (
    count,
    crop,
    draw_features,
    draw_map,
    draw_normals,
    draw_numbers,
    draw_threshold,
    enlarged_cells,
    features_station,
    framed,
    heading,
    learnt_name,
    map_station,
    middle,
    number,
    painted,
    patch_station,
    row,
    score_station,
    this_patch,
)
from pages.learn.method_values import SHARED
from pages.learn.path import Station
from pages.learn.plane import Line, Marks, Plane

LOUD = 1.6  # on the map's scale: painted in full colour
SIDE = 7  # pictures along the side of the gallery's mosaic


def _stations(scene: Scene) -> list[Station]:
    way = scene.path
    memory = text("learn.spade.memory", n=scene.memory.learnt)
    patch = text("learn.spade.patch", k=len(way.pictures))
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), memory, memory, parts.uri(_mosaic(scene), 320)),
        patch_station(scene, patch),
        map_station(scene),
        score_station(scene),
    ]


def _mosaic(scene: Scene) -> np.ndarray:  # type: ignore[type-arg]
    """Return up to 49 learnt pictures in rows, the K neighbours first and bright, the others paler."""
    neighbours = scene.path.pictures
    order = [*neighbours, *(i for i in range(scene.memory.learnt) if i not in neighbours)][: SIDE * SIDE]
    small = [
        scene.result.learnt[i].pixels[:: max(1, scene.size[0] // 56), :: max(1, scene.size[1] // 56)] for i in order
    ]
    blank = np.full_like(small[0], 128)
    tiles = []
    for n in range(SIDE * SIDE):
        tile = small[n] if n < len(small) else blank
        tiles.append(tile if n < len(neighbours) else (tile * 0.45 + 128 * 0.55).astype(np.uint8))
    rows = [np.concatenate(tiles[i : i + SIDE], axis=1) for i in range(0, len(tiles), SIDE)]
    return np.concatenate(rows, axis=0)


def _draw_gallery(scene: Scene) -> None:
    heading(text("learn.spade.gallery"))
    memory, way = scene.memory, scene.path
    near, points = list(way.pictures), memory.plane.points
    others = [i for i in range(len(points)) if i not in near]
    plane = Plane(
        marks=(
            Marks(points[others], "soft", 7, [learnt_name(scene, i) for i in others]),
            Marks(points[near], "ink", 10, [learnt_name(scene, i) for i in near]),
            Marks(way.here, "this", 15, [text("learn.spade.this_picture")]),
        ),
        lines=[Line(way.here, points[i]) for i in near],
        words=[(way.here, text("learn.spade.this_picture"))],
    )
    graphs.show(plane.chart(), "gallery", text("learn.spade.gallery_alt"))
    parts.caption(
        text("learn.spade.gallery_note", d=count(memory.plane.dimensions), share=f"{100 * memory.plane.share:.0f}")
    )


def _neighbours(scene: Scene, shown: int = 5, boxes: bool = False) -> list[str]:
    cells = []
    for i, distance in list(zip(scene.path.pictures, scene.path.picture_distances, strict=True))[:shown]:
        own = [m for m in scene.path.matches if m.picture == i] if boxes else []
        box = own[0].box if own else None
        image = framed(scene.result.learnt[i].pixels, box, learnt_name(scene, i), side=160)
        cells.append(parts.cell(image, note=learnt_name(scene, i), right=number(float(distance))))
    return cells


def _draw_neighbours(scene: Scene) -> None:
    row(_neighbours(scene), 3, text("learn.spade.neighbours"))
    parts.caption(text("learn.spade.neighbours_note"))


def _draw_search(scene: Scene) -> None:
    """The patch on the left, and where its nearest relatives lie in the K pictures."""
    heading(text("learn.spade.search"))
    cells = [
        parts.cell(
            framed(scene.picture.pixels, scene.path.box, text("learn.method.this_patch"), side=160),
            note=text("learn.method.this_patch"),
        )
    ]
    parts.tiles([*cells, *_neighbours(scene, boxes=True)], 3)
    parts.caption(text("learn.spade.search_note"))


def _draw_matches(scene: Scene) -> None:
    way = scene.path
    for level in way.levels:
        found = [m for m in way.matches if m.level == level][:3]
        title = text("learn.method.level", level=level + 1) if level is not None else text("learn.spade.joined")
        cells = [this_patch(scene, _cell(scene, found[0].box))]
        for match in found:
            called = learnt_name(scene, match.picture)
            image = crop(scene.result.learnt[match.picture].pixels, match.box, called)
            cells.append(parts.cell(image, note=called, right=number(match.distance)))
        row(cells, 4, title)
    draw_normals(scene)


def _cell(scene: Scene, like: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return the cell of this picture that holds the place, on the grid that a match's box comes from."""
    high, wide = like[2] - like[0], like[3] - like[1]
    y, x = middle(scene.path.box)
    top, left = y // high * high, x // wide * wide
    return top, left, top + high, left + wide


def _draw_levels(scene: Scene) -> None:
    """Each level's grid of distances; their mean, enlarged and smoothed, is the map."""
    way, cells = scene.path, []
    for level, grid, value in zip(way.levels, way.level_grids, way.level_values, strict=True):
        name = text("learn.method.level", level=level + 1) if level is not None else text("learn.spade.joined")
        image = framed(enlarged_cells(painted(scene, grid), scene.size), way.box, name, pixelated=True)
        cells.append(parts.cell(image, title=name, note=text("learn.method.here", value=number(float(value)))))
    draw_map(scene, cells)


def _draw_distances(scene: Scene) -> None:
    """The K distances whose mean is the score."""
    distances = scene.path.picture_distances[:12]
    heading(text("learn.spade.distances"))
    rows = [
        Bar(learnt_name(scene, i), number(float(distance)), [Part(float(distance), "soft")])
        for i, distance in zip(scene.path.pictures, distances, strict=False)
    ]
    graphs.show(graphs.bars(rows), "distances", text("learn.spade.distances_alt"))


def _mean(scene: Scene) -> str:
    values = [number(float(v), scene.path.value) for v in scene.path.level_values]
    if len(values) == 1:
        return f"**{values[0]}**"
    return f"({' + '.join(values)}) / {len(values)} = **{number(scene.path.value)}**"


def _score_sum(scene: Scene) -> str:
    found = [number(float(d), scene.path.score) for d in scene.path.picture_distances]
    shown = " + ".join(found) if len(found) <= 6 else f"{found[0]} + {found[1]} + … + {found[-1]}"
    return f"({shown}) / {len(found)} = **{number(scene.path.score)}**"


def _contradiction(scene: Scene) -> str | None:
    """A map that shows something while the picture passes, or the other way round."""
    if (
        scene.column.scale is None
        or scene.verdicts.threshold is None
        or scene.column.settings["image_score"] != "pooled"
    ):
        return None
    loud = float(scene.column.scale(scene.path.map).max()) >= LOUD
    alarm = bool(scene.verdicts.alarms[scene.i])
    if loud == alarm:
        return None
    return text("learn.spade.map_only" if loud else "learn.spade.score_only")


def _same(scene: Scene) -> str | None:
    """How far, in places of the finest searched grid, the nearest patch lies from the same place."""
    best = min(scene.path.matches, key=lambda m: m.distance)
    here, there = middle(scene.path.box), middle(best.box)
    pixels = float(np.hypot(here[0] - there[0], here[1] - there[1]))
    return text(
        "learn.spade.apart" if pixels > best.box[2] - best.box[0] else "learn.spade.same_place", n=round(pixels)
    )


VALUES = values(
    "spade",
    SHARED
    | {
        "k": lambda scene: str(len(scene.path.pictures)),
        "pooled": lambda scene: count(scene.memory.pooled),
        "mean": _mean,
        "score_sum": _score_sum,
        "pooled_score": lambda scene: "" if scene.column.settings["image_score"] == "pooled" else None,
        "averaged": lambda scene: "" if len(scene.path.levels) > 1 else None,
        "same": _same,
        "contradiction": _contradiction,
    },
)
STEPS = {
    "features": draw_features,
    "numbers": draw_numbers,
    "gallery": _draw_gallery,
    "neighbours": _draw_neighbours,
    "search": _draw_search,
    "matches": _draw_matches,
    "levels": _draw_levels,
    "threshold": draw_threshold,
    "distances": _draw_distances,
}
FIGURES = figures("spade", _stations, STEPS, VALUES)
