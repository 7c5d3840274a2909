"""Lesson PaDiM: one Gaussian per position, and how far a patch lies in it."""

from __future__ import annotations

import numpy as np

from detectors.plots import colours
from pages.frame import charts
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
    draw_overlay,
    draw_threshold,
    enlarged_cells,
    features_station,
    framed,
    heading,
    learnt_name,
    levels_of,
    map_station,
    number,
    patch_station,
    row,
    score_station,
    this_patch,
)
from pages.learn.method_values import SHARED
from pages.learn.path import Station
from pages.learn.plane import Line, Marks, Plane

PARTS = ("main", "varying", "still")


def _stations(scene: Scene) -> list[Station]:
    caption = text("learn.padim.memory", n=count(scene.path.grid.size))
    image = parts.uri(enlarged_cells(_spread(scene), scene.size), 320)
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), caption, caption, image, cells=True, aims=True),
        patch_station(scene, text("learn.padim.patch", distance=number(scene.path.value))),
        map_station(scene),
        score_station(scene),
    ]


def _spread(scene: Scene) -> np.ndarray:  # type: ignore[type-arg]
    spread = scene.memory.spread
    return colours.colour(spread / max(float(spread.max()), 1e-12) * colours.TOP, "mako")


def _draw_spread(scene: Scene) -> None:
    heading(text("learn.padim.spread"))
    box = scene.path.box
    mean = np.mean([p.pixels for p in scene.result.learnt], axis=0).round().astype(np.uint8)
    parts.tiles(
        [
            parts.cell(framed(mean, box, text("learn.padim.mean")), note=text("learn.padim.mean")),
            parts.cell(
                framed(enlarged_cells(_spread(scene), scene.size), box, text("learn.padim.spread"), pixelated=True),
                note=text("learn.padim.spread_note"),
            ),
        ],
        2,
    )


def _draw_position(scene: Scene) -> None:
    """The normal pictures at this position, without the patch."""
    heading(text("learn.padim.gaussian"))
    graphs.show(_gaussian(scene, with_patch=False).chart(280), "position", text("learn.padim.gaussian_alt"))
    parts.caption(_plane_note(scene))


def _draw_gaussian(scene: Scene) -> None:
    heading(text("learn.padim.gaussian"))
    graphs.show(_gaussian(scene, with_patch=True).chart(), "gaussian", text("learn.padim.gaussian_alt"))
    parts.caption(_plane_note(scene))


def _plane_note(scene: Scene) -> str:
    plane = scene.path.plane
    return text("learn.padim.plane_note", d=plane.dimensions, share=f"{100 * plane.share:.0f}")


def _gaussian(scene: Scene, with_patch: bool) -> Plane:
    way = scene.path
    wide, tall = way.deviations
    marks = [Marks(way.plane.points, "soft", 6), Marks(np.zeros(2), "ink", 7, [text("learn.padim.centre")])]
    ellipses = [(times * wide, times * tall, f"{times} σ") for times in (2, 1)]
    if not with_patch:
        return Plane(marks, ellipses=ellipses)
    here = text("learn.method.this_patch")
    marks.append(Marks(way.here, "this", 15, [here]))
    return Plane(marks, [Line((0, 0), way.here, strong=True)], ellipses, [(way.here, here)])


def _draw_terms(scene: Scene) -> None:
    way = scene.path
    cells = [
        this_patch(scene),
        _normal(scene, way.typical, text("learn.padim.typical")),
        *(_normal(scene, match, text("learn.padim.closest")) for match in way.matches[:2]),
    ]  # fmt: skip
    row(cells, 4, text("learn.padim.compared"))
    heading(text("learn.padim.terms"))
    graphs.show(_bars(scene), "terms", text("learn.padim.terms_alt"))
    draw_normals(scene)


def _normal(scene: Scene, match: object, note: str) -> str:
    picture, box, distance = match.picture, match.box, match.distance  # type: ignore[attr-defined]
    called = learnt_name(scene, picture)
    return parts.cell(crop(scene.result.learnt[picture].pixels, box, called), note=note, right=number(distance))


def _bars(scene: Scene) -> charts.Chart:
    """What the squared distance consists of, by directions."""
    way = scene.path
    total = float(way.terms.sum())
    largest = int(way.terms.argmax())
    rows = [
        Bar(
            text(f"learn.padim.parts.{key}", n=n), number(float(term), total),
            [Part(float(term), "accent" if i == largest else "soft")],
        )
        for i, (key, n, term) in enumerate(zip(PARTS, way.directions, way.terms, strict=True))
    ]  # fmt: skip
    return graphs.bars(rows, end=total)


def _terms(scene: Scene) -> str:
    way = scene.path
    square = float(way.terms.sum())
    return " + ".join(number(float(t), square) for t in way.terms) + f" = **{number(square)}**"


def _where(scene: Scene) -> str | None:
    """Which group of directions the distance comes from."""
    way = scene.path
    total = float(way.terms.sum())
    if total <= 0:
        return None
    largest = int(way.terms.argmax())
    share = f"{100 * float(way.terms[largest]) / total:.0f}"
    return text(f"learn.padim.where.{PARTS[largest]}", share=share, n=way.directions[largest])


def _level(scene: Scene) -> str | None:
    shares = scene.path.level_shares
    if len(shares) < 2 or scene.path.value <= 0:
        return None
    largest = int(shares.argmax())
    share = f"{100 * float(shares[largest]) / scene.path.value:.0f}"
    return text("learn.padim.level", level=levels_of(scene)[largest], share=share)


def _drawn(scene: Scene) -> str:
    return text("learn.padim.drawn", drawn=count(sum(scene.memory.drawn)), of=count(sum(scene.memory.available)))


def _few(scene: Scene) -> str | None:
    numbers, n = sum(scene.path.numbers), scene.memory.learnt
    return text("learn.padim.few", n=n, d=numbers, r=n - 1) if n <= numbers else None


VALUES = values(
    "padim",
    SHARED
    | {
        "drawn": _drawn,
        "epsilon": lambda scene: f"{scene.column.settings['epsilon']:g}",
        "delta": lambda scene: f"**{number(scene.path.delta)}**",
        "terms": _terms,
        "where": _where,
        "level": _level,
        "few": _few,
    },
)
STEPS = {
    "features": draw_features,
    "numbers": draw_numbers,
    "spread": _draw_spread,
    "position": _draw_position,
    "gaussian": _draw_gaussian,
    "terms": _draw_terms,
    "steps": draw_map,
    "threshold": draw_threshold,
    "overlay": draw_overlay,
}
FIGURES = figures("padim", _stations, STEPS, VALUES)
