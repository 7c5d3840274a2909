"""Lesson MahalanobisAD: a whole picture as one list of numbers per level, and a Gaussian around the good ones."""

from __future__ import annotations

import numpy as np

from pages.frame.panes import name
from pages.frame.words import text
from pages.learn import lesson, parts
from pages.learn.drawing import Drawing, View
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

PARTS = ("main", "varying", "still")


def _stations(scene: Scene) -> list[Station]:
    way, memory = scene.path, scene.memory
    said = text("learn.mahalanobis.memory", n=len(memory.channels), learnt=memory.learnt)
    levels = text("learn.mahalanobis.levels_caption", n=len(memory.channels))
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), said, said, _gaussian(scene, _loudest(scene), 224, 224, False)),
        patch_station(scene, text("learn.mahalanobis.picture", numbers=" + ".join(map(str, way.numbers)))),
        Station(text("learn.method.steps.levels"), levels, levels, _lanes(scene, 224, 224)),
        score_station(scene),
    ]


def _loudest(scene: Scene) -> int:
    """Return the level whose distance is farthest above what held-out normals have."""
    usual = (
        np.median(scene.memory.held_out, axis=0) if len(scene.memory.held_out) else np.ones(len(scene.path.distances))
    )
    return int(np.argmax(scene.path.distances / np.maximum(usual, 1e-12)))


def _gaussian(scene: Scene, level: int, width: float, height: float, with_picture: bool) -> Drawing:
    """The normal pictures in one level's two main directions, in standard deviations."""
    memory = scene.memory
    drawing = Drawing(width, height, text("learn.mahalanobis.gaussian_alt", level=level + 1))
    drawing.rect(0, 0, width, height, "ground", rx=4)
    here = scene.path.here[level]
    held = memory.held_points[level]
    points = [memory.planes[level].points, np.array([[-2.4, -2.4], [2.4, 2.4]])]
    points += [held] if len(held) else []
    points += [here[None]] if with_picture else []
    view = View.of(np.vstack(points), (12, 12, width - 12, height - 12))
    x, y = view(np.zeros(2))
    for times in (2, 1):
        drawing.ellipse(x, y, times * view.scale[0], times * view.scale[1])
        if width > 300:
            drawing.text(x, y - times * view.scale[1] + 14, f"{times} σ", "muted", "middle")
    drawing.dots(view(memory.planes[level].points), "soft", 2.4 if width < 300 else 3.4)
    if with_picture:
        for i, point in enumerate(held):
            drawing.circle(*view(point), "hollow", 3.8, name(scene.result.held_out[i]))
        px, py = view(here)
        drawing.line((x, y), (px, py), "strong")
        drawing.diamond(px, py)
        below = (py > y and py < height - 26) or py < 40
        drawing.text(px, py + 22 if below else py - 12, text("learn.spade.this_picture"), "bold", "middle")
    return drawing


def _draw_memory(scene: Scene) -> None:
    level = _loudest(scene)
    heading(text("learn.mahalanobis.gaussian", level=level + 1))
    _gaussian(scene, level, 440, 340, False).show("level_gaussian")
    parts.caption(_note(scene, level))


def _draw_shrinkage(scene: Scene) -> None:
    memory = scene.memory
    heading(text("learn.mahalanobis.shrinkage"))
    drawing = Drawing(340, 54.0 * len(memory.rhos), text("learn.mahalanobis.shrinkage_alt"))
    for i, (rho, channels) in enumerate(zip(memory.rhos, memory.channels, strict=True)):
        y = 4 + 54.0 * i
        drawing.text(
            0, y + 10, text("learn.mahalanobis.level_shape", level=i + 1, n=channels, learnt=memory.learnt), "muted"
        )
        drawing.text(340, y + 10, f"ρ = {rho:.3f}", "bold", "end")
        drawing.rect(0, y + 17, 340, 12, "soft", text("learn.mahalanobis.measured"), rx=2)
        drawing.rect(340 * (1 - rho), y + 17, 340 * rho, 12, "accent", text("learn.mahalanobis.round"), rx=2)
    drawing.show("shrinkage")
    parts.caption(text("learn.mahalanobis.shrinkage_note"))


def _draw_picture(scene: Scene) -> None:
    level = _loudest(scene)
    heading(text("learn.mahalanobis.gaussian", level=level + 1))
    _gaussian(scene, level, 440, 340, True).show("level_picture")
    parts.caption(_note(scene, level) + " " + text("learn.mahalanobis.hollow"))


def _note(scene: Scene, level: int) -> str:
    plane = scene.memory.planes[level]
    return text("learn.mahalanobis.plane_note", d=plane.dimensions, share=f"{100 * plane.share:.0f}")


def _draw_terms(scene: Scene) -> None:
    """What each level's squared distance consists of."""
    way = scene.path
    heading(text("learn.mahalanobis.terms"))
    drawing = Drawing(340, 62.0 * len(way.terms) + 6, text("learn.mahalanobis.terms_alt"))
    for i, terms in enumerate(way.terms):
        y, total = 4 + 62.0 * i, float(terms.sum())
        drawing.text(0, y + 10, text("learn.method.level", level=i + 1), "bold")
        drawing.text(340, y + 10, f"√{number(total)} = {number(float(way.distances[i]))}", "", "end")
        x = 0.0
        for kind, part, key in zip(("ink", "soft", "accent"), terms, PARTS, strict=True):
            wide = 340 * float(part) / total if total else 0.0
            drawing.rect(
                x,
                y + 18,
                max(0.0, wide - 1),
                16,
                kind,
                text(f"learn.mahalanobis.parts.{key}") + f": {number(float(part))}",
                rx=2,
            )
            x += wide
    drawing.show("level_terms")
    _key()


def _key() -> None:
    drawing = Drawing(340, 58, "")
    for i, (kind, key) in enumerate(zip(("ink", "soft", "accent"), PARTS, strict=True)):
        drawing.rect(0, 3 + 19 * i, 10, 10, kind, rx=2)
        drawing.text(17, 12 + 19 * i, text(f"learn.mahalanobis.parts.{key}"), "muted")
    drawing.show("level_key")


def _lanes(scene: Scene, width: float, height: float) -> Drawing:
    """One lane per level: held-out normal pictures and this one."""
    memory, way = scene.memory, scene.path
    drawing = Drawing(width, height, text("learn.mahalanobis.lanes_alt"))
    if width < 300:
        drawing.rect(0, 0, width, height, "ground", rx=4)
    rows, pad, label = len(way.distances), 16.0, 70.0 if width > 300 else 30.0
    for i, distance in enumerate(way.distances):
        held = memory.held_out[:, i]
        y = height * (i + 0.5) / rows
        high = max(float(distance), float(held.max()) if len(held) else 0.0)
        low = min(float(distance), float(held.min()) if len(held) else 0.0)
        span = (high - low) or 1.0

        def at(v: float, low: float = low, span: float = span) -> float:
            return label + pad + (v - low) / span * (width - label - 2 * pad)

        drawing.line((label, y), (width, y), "hair")
        drawing.text(4, y + 4, text("learn.method.level", level=i + 1) if width > 300 else str(i + 1), "muted")
        for value in held:
            drawing.circle(at(float(value)), y, "hollow", 3.8 if width > 300 else 3)
        drawing.diamond(at(float(distance)), y, "accent", 7.5 if width > 300 else 6)
        if width > 300:
            drawing.text(
                at(float(distance)),
                y - 12,
                number(float(distance)),
                "teal",
                "end" if at(float(distance)) > width - 50 else "middle",
            )
            for value in (low, high):
                drawing.text(at(value), y + 22, number(value), "muted", "middle" if value == low else "end")
    return drawing


def _draw_lanes(scene: Scene) -> None:
    heading(text("learn.mahalanobis.lanes"))
    _lanes(scene, 440, 74.0 * len(scene.path.distances)).show("level_lanes")
    parts.caption(text("learn.mahalanobis.lanes_note"))


def _draw_times(scene: Scene) -> None:
    """Each level's distance as a multiple of the usual one."""
    way, memory = scene.path, scene.memory
    if not len(memory.held_out):
        return
    heading(text("learn.mahalanobis.times"))
    usual = np.median(memory.held_out, axis=0)
    times = way.distances / np.maximum(usual, 1e-12)
    drawing = Drawing(340, 34.0 * len(times), text("learn.mahalanobis.times"))
    longest = max(float(times.max()), 1.0)
    for i, value in enumerate(times):
        y = 34.0 * i
        strong = way.distances[i] > memory.held_out[:, i].max()
        drawing.text(0, y + 17, text("learn.method.level", level=i + 1), "muted")
        drawing.rect(70, y + 7, 200 * float(value) / longest, 12, "accent" if strong else "soft", rx=2)
        drawing.line((70 + 200 / longest, y + 2), (70 + 200 / longest, y + 24), "dotted")
        drawing.text(340, y + 17, f"{value:.2f} ×", "bold", "end")
    drawing.show("times")
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
    drawing = Drawing(340, 70, text("learn.mahalanobis.sum"))
    x, kinds = 0.0, ("soft", "ink", "accent")
    for i, distance in enumerate(way.distances):
        wide = 340 * float(distance) / way.score if way.score else 0.0
        said = f"{text('learn.method.level', level=i + 1)}: {number(float(distance))}"
        drawing.rect(x, 22, max(1.0, wide - 1.5), 20, kinds[i % 3], said, rx=2)
        if wide > 44:
            drawing.text(x + 1, 14, text("learn.method.level", level=i + 1), "muted")
            drawing.text(x + 1, 60, number(float(distance)))
        x += wide
    drawing.show("level_sum")


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
