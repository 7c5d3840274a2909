"""Lesson CFA: a small trained layer, fixed centres, and a distance that asks how clear the nearest centre is."""

from __future__ import annotations

import numpy as np

from pages.frame.words import text
from pages.learn import graphs, parts
from pages.learn.graphs import Bar, Part
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
from pages.learn.plane import Marks, Plane


def _stations(scene: Scene) -> list[Station]:
    caption = text("learn.cfa.memory", n=count(scene.memory.centres))
    return [
        features_station(scene),
        Station(text("learn.method.steps.memory"), caption, caption, _centres(scene, 2.6)),
        patch_station(scene, text("learn.cfa.patch", distance=number(scene.path.matches[0].distance))),
        map_station(scene),
        score_station(scene),
    ]  # fmt: skip


def _centres(scene: Scene, size: float) -> Plane:
    return Plane([Marks(scene.memory.plane.points[:1500], "ink", size)], square=False)


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
    rows = [
        Bar(text(f"learn.cfa.numbers_{key}"), count(n), [Part(n, paint)])
        for key, n, paint in (("in", memory.inputs, "soft"), ("out", memory.dimensions, "accent"))
    ]
    said = text("learn.cfa.numbers_alt", inputs=memory.inputs, d=memory.dimensions)
    graphs.show(graphs.bars(rows), "layer", said)


def _draw_training(scene: Scene) -> None:
    memory = scene.memory
    losses = memory.losses
    if len(losses):
        heading(text("learn.cfa.losses"))
        said = text("learn.cfa.losses_alt", first=number(losses[0]), last=number(losses[-1]))
        epochs = range(1, len(losses) + 1)
        made = graphs.line(epochs, losses, text("learn.cfa.epoch"), [number(float(v)) for v in losses])
        graphs.show(made, "losses", said)
    if memory.before is not None:
        heading(text("learn.cfa.moved"))
        names = (text("learn.cfa.before"), text("learn.cfa.after"))
        made = graphs.two_histograms(
            memory.before, memory.after, names, text("learn.cfa.to_centre"), text("learn.method.patches")
        )
        graphs.show(made, "moved", text("learn.cfa.moved_alt"))


def _draw_space(scene: Scene) -> None:
    heading(text("learn.cfa.around"))
    distance = number(scene.path.matches[0].distance)
    around(scene, text("learn.cfa.around_alt", distance=distance), distance, text("learn.cfa.centre"))
    parts.caption(text("learn.cfa.around_note", d=count(scene.memory.plane.dimensions)))


def _draw_centres(scene: Scene) -> None:
    heading(text("learn.cfa.space"))
    graphs.show(_centres(scene, 5).chart(), "centres_only", text("learn.cfa.space_alt"))
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
