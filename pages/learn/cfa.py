"""Lesson CFA: a small trained layer, fixed centres, and a distance that asks how clear the nearest centre is."""

from __future__ import annotations

import numpy as np

from pages.frame.words import text
from pages.learn import parts
from pages.learn.drawing import Drawing, View
from pages.learn.method import Scene, figures, values
from pages.learn.method_figures import (
    around,
    count,
    crop,
    draw_map,
    draw_normals,
    draw_overlay,
    draw_threshold,
    enlarged_cells,
    features_station,
    framed,
    heading,
    map_station,
    number,
    patch_station,
    row,
    score_station,
    this_patch,
)
from pages.learn.method_values import SHARED
from pages.learn.path import Station


def _stations(scene: Scene) -> list[Station]:
    caption = text("learn.cfa.memory", n=count(scene.memory.centres))
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), caption, caption, _centres(scene, 224, 224)),
        patch_station(scene, text("learn.cfa.patch", distance=number(scene.path.matches[0].distance))),
        map_station(scene),
        score_station(scene),
    ]  # fmt: skip


def _centres(scene: Scene, width: float, height: float) -> Drawing:
    points = scene.memory.plane.points
    drawing = Drawing(width, height, text("learn.cfa.space_alt"))
    drawing.rect(0, 0, width, height, "ground", rx=4)
    view = View.of(points, (14, 14, width - 14, height - 14), square=False)
    drawing.dots(view(points)[:1500], "ink", 1.3 if width < 300 else 2.1)
    return drawing


def _draw_colours(scene: Scene) -> None:
    heading(text("learn.cfa.layer"))
    box, size = scene.path.box, scene.size
    before, after = (enlarged_cells(c, size) for c in (scene.path.before_colours, scene.path.colours))
    parts.tiles(
        [
            parts.cell(framed(scene.picture.pixels, box, text("grid.picture")), note=text("grid.picture")),
            parts.cell(framed(before, box, text("learn.cfa.before"), pixelated=True), note=text("learn.cfa.before")),
            parts.cell(framed(after, box, text("learn.cfa.after"), pixelated=True), note=text("learn.cfa.after")),
        ],
        3,
    )


def _draw_layer(scene: Scene) -> None:
    memory = scene.memory
    heading(text("learn.cfa.numbers"))
    drawing = Drawing(340, 118, text("learn.cfa.numbers_alt", inputs=memory.inputs, d=memory.dimensions))
    rows = (("in", memory.inputs, "soft"), ("out", memory.dimensions, "accent"))
    for i, (key, n, kind) in enumerate(rows):
        y = 4 + 54 * i
        drawing.text(0, y + 10, text(f"learn.cfa.numbers_{key}"), "muted")
        drawing.text(340, y + 10, count(n), "bold", "end")
        drawing.rect(0, y + 17, 340 * n / max(memory.inputs, memory.dimensions), 20, kind, rx=2)
    drawing.show("layer")


def _draw_training(scene: Scene) -> None:
    memory = scene.memory
    if len(memory.losses):
        heading(text("learn.cfa.losses"))
        _losses(memory.losses).show("losses")
    if memory.before is not None:
        heading(text("learn.cfa.moved"))
        _moved(memory).show("moved")


def _losses(losses: np.ndarray) -> Drawing:  # type: ignore[type-arg]
    width, left, base, top = 440.0, 52.0, 128.0, 14.0
    drawing = Drawing(width, 158, text("learn.cfa.losses_alt", first=number(losses[0]), last=number(losses[-1])))
    tallest = float(losses.max())

    def at(i: float, loss: float) -> tuple[float, float]:
        return left + 14 + i / max(1, len(losses) - 1) * (width - left - 60), base - loss / tallest * (base - top)

    for share in (0.5, 1.0):
        y = at(0, share * tallest)[1]
        drawing.line((left, y), (width, y), "hair")
        drawing.text(left - 6, y + 4, number(share * tallest), "muted", "end")
    drawing.line((left, base), (width, base), "axis")
    drawing.curve([at(i, float(v)) for i, v in enumerate(losses)], "strong")
    for i, v in enumerate(losses):
        drawing.circle(*at(i, float(v)), "accent", 3, number(float(v)))
        if len(losses) <= 10 or i % 5 == 4:
            drawing.text(at(i, 0)[0], base + 16, str(i + 1), "muted", "middle")
    drawing.text(width, base + 16, text("learn.cfa.epoch"), "muted", "end")
    drawing.text(at(len(losses) - 1, 0)[0] + 8, at(0, float(losses[-1]))[1] + 4, number(float(losses[-1])), "teal")
    return drawing


def _moved(memory: object) -> Drawing:
    """Held-out normal patches' distances to their nearest centre, before (grey) and after training (teal)."""
    before, after = memory.before, memory.after  # type: ignore[attr-defined]
    width, base, top = 440.0, 112.0, 20.0
    drawing = Drawing(width, 150, text("learn.cfa.moved_alt"))
    high, tallest = float(before.edges[-1]), max(int(before.counts.max()), int(after.counts.max()), 1)

    def at(v: float) -> float:
        return v / high * width

    for normals, kind in ((before, "faint"), (after, "accent")):
        for left, right, n in zip(normals.edges[:-1], normals.edges[1:], normals.counts, strict=True):
            tall = (base - top) * n / tallest
            drawing.rect(at(left), base - tall, max(1.0, at(right) - at(left) - 1), tall, kind)
    drawing.line((0, base), (width, base), "axis")
    peaks = [(float(n.edges[int(n.counts.argmax())]), kind) for n, kind in ((after, "teal"), (before, "muted"))]
    left, right = sorted(peaks), ("end", "start")
    for (place, kind), anchor in zip(left, right, strict=True):
        key = "after" if kind == "teal" else "before"
        drawing.text(at(place) + (-6 if anchor == "end" else 10), 12, text(f"learn.cfa.{key}"), kind, anchor)
    for v in np.linspace(0, high, 5):
        drawing.text(
            at(float(v)), base + 16, f"{v:.1f}", "muted", "middle" if 0 < v < high else "start" if v == 0 else "end"
        )
    drawing.text(width, base + 32, text("learn.cfa.to_centre"), "muted", "end")
    return drawing


def _draw_space(scene: Scene) -> None:
    heading(text("learn.cfa.around"))
    distance = number(scene.path.matches[0].distance)
    around(scene, text("learn.cfa.around_alt", distance=distance), distance, text("learn.cfa.centre")).show("around")
    parts.caption(text("learn.cfa.around_note", d=count(scene.memory.plane.dimensions)))


def _draw_centres(scene: Scene) -> None:
    heading(text("learn.cfa.space"))
    _centres(scene, 440, 330).show("centres_only")
    plane = scene.memory.plane
    parts.caption(text("learn.cfa.centres_note", d=plane.dimensions, share=f"{100 * plane.share:.0f}"))


def _draw_crops(scene: Scene) -> None:
    way = scene.path
    mean = np.mean([p.pixels for p in scene.result.learnt], axis=0).round().astype(np.uint8)
    cells = [this_patch(scene)]
    for match in way.matches[:3]:
        image = crop(mean, match.box, text("learn.cfa.centre_alt"))
        cells.append(parts.cell(image, note=text("learn.cfa.centre"), right=number(match.distance)))
    row(cells, 4, text("learn.method.compared"))
    parts.caption(text("learn.cfa.centre_note"))
    draw_normals(scene)


def _weights(scene: Scene) -> str:
    return " : ".join(f"{w:.3f}" for w in scene.path.weights)


def _product(scene: Scene) -> str:
    way = scene.path
    return f"{way.matches[0].distance:.3f} × {way.weights[0]:.4f} = **{number(way.value)}**"


def _trained(scene: Scene) -> str | None:
    losses = scene.memory.losses
    if len(losses) < 2:
        return None
    key = "fell" if losses[-1] < losses[0] else "rose"
    return text(f"learn.cfa.{key}", n=len(losses), first=number(losses[0]), last=number(losses[-1]))


def _nearer(scene: Scene) -> str | None:
    """What training did to held-out normal patches on the whole."""
    before, after = scene.memory.before, scene.memory.after
    if before is None or after is None or not len(scene.memory.losses):
        return None
    old, new = _median(before), _median(after)
    return text("learn.cfa.nearer" if new < old else "learn.cfa.farther", before=number(old), after=number(new))


def _median(normals: object) -> float:
    counts, edges = normals.counts, normals.edges  # type: ignore[attr-defined]
    i = int(np.searchsorted(counts.cumsum(), counts.sum() / 2))
    return float((edges[i] + edges[min(i + 1, len(edges) - 1)]) / 2)


def _repelled(scene: Scene) -> str | None:
    """Whether the pushing half of the loss can have acted: it is zero while r² stays below the margin."""
    square, alpha = scene.memory.radius**2, scene.column.settings["alpha"]
    if not len(scene.memory.losses) or not scene.column.settings["negatives"]:
        return None
    return text(
        f"learn.cfa.{'pulled_only' if square <= alpha else 'pushed'}",
        r=f"{scene.memory.radius:.3f}",
        square=f"{square:.4f}",
        alpha=f"{alpha:g}",
    )


def _clear(scene: Scene) -> str | None:
    """How clear the choice of the nearest centre is."""
    weights = scene.path.weights
    if len(weights) < 2:
        return None
    return text(
        "learn.cfa.unclear" if weights[0] < 1.25 / len(weights) else "learn.cfa.clear",
        k=len(weights),
        w=f"{weights[0]:.2f}",
        equal=f"{1 / len(weights):.2f}",
    )


VALUES = values(
    "cfa",
    SHARED
    | {
        "centres": lambda scene: count(scene.memory.centres),
        "inputs": lambda scene: count(scene.memory.inputs),
        "dimensions": lambda scene: count(scene.memory.dimensions),
        "k": lambda scene: str(len(scene.path.weights)),
        "equal": lambda scene: f"{1 / len(scene.path.weights):.2f}",
        "distances": lambda scene: ", ".join(f"{m.distance:.3f}" for m in scene.path.matches),
        "weights": _weights,
        "product": _product,
        "trained": _trained,
        "nearer": _nearer,
        "repelled": _repelled,
        "clear": _clear,
    },
)
STEPS = {
    "centres_only": _draw_centres,
    "features": _draw_colours,
    "numbers": _draw_layer,
    "training": _draw_training,
    "centres": _draw_space,
    "crops": _draw_crops,
    "steps": draw_map,
    "threshold": draw_threshold,
    "overlay": draw_overlay,
}
FIGURES = figures("cfa", _stations, STEPS, VALUES)
