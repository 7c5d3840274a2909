"""Lesson MahalanobisAD: a whole picture as one list of numbers per level, and a Gaussian around the good ones."""

from __future__ import annotations

import numpy as np

from pages.frame import charts
from pages.frame.charts import COLOURS
from pages.frame.panes import name
from pages.frame.words import text
from pages.learn import graphs, lesson, parts
from pages.learn.graphs import Bar, Part
from pages.learn.method import Scene, figures, values
from pages.learn.method_figures import (
    draw_features,
    draw_numbers,
    draw_threshold,
    features_station,
    heading,
    number,
    patch_station,
    score_station,
)
from pages.learn.method_values import SHARED
from pages.learn.path import Station
from pages.learn.plane import Line, Marks, Plane, scatter

PARTS = ("main", "varying", "still")


def _stations(scene: Scene) -> list[Station]:
    way, memory = scene.path, scene.memory
    said = text("learn.mahalanobis.memory", n=len(memory.channels), learnt=memory.learnt)
    levels = text("learn.mahalanobis.levels_caption", n=len(memory.channels))
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), said, said, _gaussian(scene, _loudest(scene), False, 5)),
        patch_station(scene, text("learn.mahalanobis.picture", numbers=" + ".join(map(str, way.numbers)))),
        Station(text("learn.method.steps.levels"), levels, levels, _levels(scene)),
        score_station(scene),
    ]


def _loudest(scene: Scene) -> int:
    """Return the level whose distance is farthest above what held-out normals have."""
    usual = (
        np.median(scene.memory.held_out, axis=0) if len(scene.memory.held_out) else np.ones(len(scene.path.distances))
    )
    return int(np.argmax(scene.path.distances / np.maximum(usual, 1e-12)))


def _gaussian(scene: Scene, level: int, with_picture: bool, size: float = 7) -> Plane:
    """Return the normal pictures in one level's two main directions, in standard deviations."""
    memory, here = scene.memory, scene.path.here[level]
    marks = [Marks(memory.planes[level].points, "soft", size)]
    ellipses = [(float(times), float(times), f"{times} σ") for times in (2, 1)]
    if not with_picture:
        return Plane(marks, ellipses=ellipses)
    held, this = memory.held_points[level], text("learn.spade.this_picture")
    names = [name(scene.result.held_out[i]) for i in range(len(held))]
    marks += [Marks(held, "hollow", 8, names), Marks(here, "this", 15, [this])]
    return Plane(marks, [Line((0, 0), here, strong=True)], ellipses, [(here, this)])


def _draw_memory(scene: Scene) -> None:
    level = _loudest(scene)
    heading(text("learn.mahalanobis.gaussian", level=level + 1))
    said = text("learn.mahalanobis.gaussian_alt", level=level + 1)
    graphs.show(_gaussian(scene, level, False).chart(), "level_gaussian", said)
    parts.caption(_note(scene, level))


def _draw_shrinkage(scene: Scene) -> None:
    memory = scene.memory
    heading(text("learn.mahalanobis.shrinkage"))
    measured, roundness = text("learn.mahalanobis.measured"), text("learn.mahalanobis.round")
    rows = [
        Bar(
            text("learn.mahalanobis.level_shape", level=i + 1, n=channels, learnt=memory.learnt), f"ρ = {rho:.3f}",
            [Part(1 - rho, "soft", measured), Part(rho, "accent", roundness)],
        )
        for i, (rho, channels) in enumerate(zip(memory.rhos, memory.channels, strict=True))
    ]  # fmt: skip
    graphs.show(graphs.bars(rows, end=1.0, key=True), "shrinkage", text("learn.mahalanobis.shrinkage_alt"))
    parts.caption(text("learn.mahalanobis.shrinkage_note"))


def _draw_picture(scene: Scene) -> None:
    level = _loudest(scene)
    heading(text("learn.mahalanobis.gaussian", level=level + 1))
    said = text("learn.mahalanobis.gaussian_alt", level=level + 1)
    graphs.show(_gaussian(scene, level, True).chart(), "level_picture", said)
    parts.caption(_note(scene, level) + " " + text("learn.mahalanobis.hollow"))


def _note(scene: Scene, level: int) -> str:
    plane = scene.memory.planes[level]
    return text("learn.mahalanobis.plane_note", d=plane.dimensions, share=f"{100 * plane.share:.0f}")


def _draw_terms(scene: Scene) -> None:
    """What each level's squared distance consists of."""
    way = scene.path
    heading(text("learn.mahalanobis.terms"))
    rows = []
    for i, terms in enumerate(way.terms):
        total = float(terms.sum())
        shares = [float(part) / total if total else 0.0 for part in terms]
        written = f"√{number(total)} = {number(float(way.distances[i]))}"
        pieces = [
            Part(share, paint, text(f"learn.mahalanobis.parts.{key}"), number(float(part)))
            for share, paint, part, key in zip(shares, ("ink", "soft", "accent"), terms, PARTS, strict=True)
        ]
        rows.append(Bar(text("learn.method.level", level=i + 1), written, pieces))
    graphs.show(graphs.bars(rows, end=1.0, key=True), "level_terms", text("learn.mahalanobis.terms_alt"))


def _shares(scene: Scene) -> list[tuple[np.ndarray, float, float, float]]:  # type: ignore[type-arg]
    """Return for each level where held-out pictures and this one lie between the lowest and the highest of them."""
    found = []
    for i, distance in enumerate(scene.path.distances):
        held = scene.memory.held_out[:, i] if len(scene.memory.held_out) else np.empty(0)
        low, high = min([float(distance), *held]), max([float(distance), *held])
        span = (high - low) or 1.0
        found.append(((held - low) / span, (float(distance) - low) / span, low, high))
    return found


def _levels(scene: Scene) -> Plane:
    """Return one lane per level: held-out normal pictures and this one."""
    lanes = _shares(scene)
    held = np.array([(share, -i) for i, (own, _, _, _) in enumerate(lanes) for share in own]).reshape(-1, 2)
    this = np.array([(share, -i) for i, (_, share, _, _) in enumerate(lanes)])
    hairs = [Line((0, -i), (1, -i)) for i in range(len(lanes))]
    return Plane([Marks(held, "hollow", 6), Marks(this, "this", 12)], hairs, square=False)


def _draw_lanes(scene: Scene) -> None:
    heading(text("learn.mahalanobis.lanes"))
    lanes = _shares(scene)
    ticks = {
        "tickvals": list(range(len(lanes))),
        "ticktext": [text("learn.method.level", level=i + 1) for i in range(len(lanes))],
    }
    made = charts.figure(
        72 * len(lanes) + 20, x={"range": [-0.06, 1.06], "showgrid": False, "showticklabels": False},
        y=ticks | {"range": [len(lanes) - 0.4, -0.6]},
    )  # fmt: skip
    for i, (held, this, low, high) in enumerate(lanes):
        distances = [number(low + float(share) * (high - low)) for share in held]
        scatter(made, Marks(np.stack([held, np.full(len(held), i)], 1), "hollow", 8, distances))
        distance = number(float(scene.path.distances[i]))
        scatter(made, Marks(np.array([(this, i)]), "this", 15, [distance]))
        anchor = {"xanchor": "right" if this > 0.85 else "left" if this < 0.15 else "center"}
        charts.write(made, this, i, f"<b>{distance}</b>", COLOURS.accent, yanchor="bottom", yshift=9, **anchor)
        for share, value, side in ((0.0, low, "left"), (1.0, high, "right")):
            charts.write(made, share, i, number(value), COLOURS.muted, yanchor="top", yshift=-9, xanchor=side)
    graphs.show(made, "level_lanes", text("learn.mahalanobis.lanes_alt"))
    parts.caption(text("learn.mahalanobis.lanes_note"))


def _draw_times(scene: Scene) -> None:
    """Each level's distance as a multiple of the usual one."""
    way, memory = scene.path, scene.memory
    if not len(memory.held_out):
        return
    heading(text("learn.mahalanobis.times"))
    usual = np.median(memory.held_out, axis=0)
    times = way.distances / np.maximum(usual, 1e-12)
    strong = way.distances > memory.held_out.max(axis=0)
    rows = [
        Bar(
            text("learn.method.level", level=i + 1),
            f"{value:.2f} ×",
            [Part(float(value), "accent" if loud else "soft")],
        )
        for i, (value, loud) in enumerate(zip(times, strong, strict=True))
    ]
    made = graphs.bars(rows, end=max(float(times.max()), 1.0), mark=1.0)
    graphs.show(made, "times", text("learn.mahalanobis.times"))
    parts.caption(text("learn.mahalanobis.times_note"))


def _sum(scene: Scene) -> str:
    score = scene.path.score
    return " + ".join(number(float(d), score) for d in scene.path.distances) + f" = **{number(score)}**"


def _carries(scene: Scene) -> str | None:
    """Which levels exceed all held-out pictures, and by how much."""
    held, way = scene.memory.held_out, scene.path
    if not len(held):
        return None
    above = [i for i, d in enumerate(way.distances) if d > held[:, i].max()]
    if not above:
        return text("learn.mahalanobis.none_above", n=len(held))
    levels = lesson.listed([text("learn.method.level", level=i + 1) for i in above])
    return text("learn.mahalanobis.above", levels=levels, n=len(held))


def _where(scene: Scene) -> str | None:
    """Where the loudest level's distance comes from."""
    level = _loudest(scene)
    terms = scene.path.terms[level]
    total = float(terms.sum())
    if total <= 0:
        return None
    largest = int(terms.argmax())
    return text(
        f"learn.mahalanobis.where.{PARTS[largest]}", level=level + 1, share=f"{100 * float(terms[largest]) / total:.0f}"
    )


def _few(scene: Scene) -> str | None:
    memory = scene.memory
    more = [i for i, c in enumerate(memory.channels) if c >= memory.learnt]
    if not more:
        return None
    levels = lesson.listed([text("learn.method.level", level=i + 1) for i in more])
    return text("learn.mahalanobis.few", levels=levels, learnt=memory.learnt, r=memory.learnt - 1)


def _own_nearer(scene: Scene) -> str | None:
    """How much nearer the learnt pictures lie than held-out ones, where they do."""
    memory = scene.memory
    if not len(memory.held_out):
        return None
    own, held = float(np.median(memory.distances.sum(1))), float(np.median(memory.held_out.sum(1)))
    if own >= held:
        return None
    return text("learn.mahalanobis.own_nearer", own=number(own, held), held=number(held))


def _draw_sum(scene: Scene) -> None:
    """The levels' distances, end to end."""
    way = scene.path
    heading(text("learn.mahalanobis.sum"))
    pieces = []
    for i, distance in enumerate(way.distances):
        level = text("learn.method.level", level=i + 1)
        paint = ("soft", "ink", "accent")[i % 3]
        pieces.append(Part(float(distance), paint, level, f"{level}: {number(float(distance))}"))
    graphs.show(graphs.bars([Bar("", number(way.score), pieces)]), "level_sum", text("learn.mahalanobis.sum"))


VALUES = values(
    "mahalanobis",
    SHARED
    | {
        "vectors": lambda scene: lesson.listed([str(n) for n in scene.path.numbers]),
        "rhos": lambda scene: ", ".join(f"{rho:.3f}" for rho in scene.memory.rhos),
        "sum": _sum,
        "carries": _carries,
        "where": _where,
        "few": _few,
        "own_nearer": _own_nearer,
    },
)
STEPS = {
    "features": draw_features,
    "numbers": draw_numbers,
    "memory": _draw_memory,
    "shrinkage": _draw_shrinkage,
    "picture": _draw_picture,
    "terms": _draw_terms,
    "lanes": _draw_lanes,
    "times": _draw_times,
    "threshold": draw_threshold,
    "sum": _draw_sum,
}
FIGURES = figures("mahalanobis", _stations, STEPS, VALUES)
