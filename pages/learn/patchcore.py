"""Lesson PatchCore: a bank of patches, thinned by farthest picks, and the nearest of them."""

from __future__ import annotations

import streamlit as st

from detectors.queries.lessons import steps
from detectors.queries.lessons.steps.values import Covering
from pages.frame import charts, session
from pages.frame.charts import COLOURS
from pages.frame.words import text
from pages.learn import graphs, lesson, parts
from pages.learn.method import Scene, figures, values
from pages.learn.method_figures import (
    around,
    count,
    crop,
    draw_features,
    draw_map,
    draw_normals,
    draw_numbers,
    draw_overlay,
    draw_threshold,
    features_station,
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
from pages.learn.plane import Marks, Plane

SHOWN_PICKS = 10


def _stations(scene: Scene) -> list[Station]:
    memory, way = scene.memory, scene.path
    return [
        features_station(scene),
        Station(
            text("learn.method.steps.memory"),
            text("learn.patchcore.memory", n=count(memory.patches), kept=count(memory.kept)),
            text("learn.patchcore.space_alt"),
            _bank(scene, None),
        ),
        patch_station(scene, text("learn.patchcore.patch", distance=number(way.matches[0].distance))),
        map_station(scene),
        score_station(scene),
    ]


def _bank(scene: Scene, picks: int | None) -> Plane:
    """Return all patches in grey and kept ones in black: for the small picture some of all, else the first `picks`."""
    others, kept = scene.memory.others, scene.memory.plane.points
    if picks is None:
        return Plane([Marks(others[::3], "faint", 2.2), Marks(kept[::4], "ink", 2.4)], square=False)
    latest = Marks(kept[min(picks, len(kept)) - 1], "ring", 10, [text("learn.patchcore.latest")])
    return Plane([Marks(others, "faint", 3.6), Marks(kept[:picks], "ink", 4.4), latest], square=False)


def _draw_bank(scene: Scene) -> None:
    memory = scene.memory
    options = [2**i for i in range(11) if 2**i < len(memory.plane.points)] + [len(memory.plane.points)]
    heading(text("learn.patchcore.space"))
    picks = session.widget("learn_picks", options[min(4, len(options) - 1)])
    picks = picks if picks in options else options[-1]
    session.set_widget("learn_picks", picks)
    with lesson.controls("picks"):
        st.select_slider(text("learn.patchcore.picks"), options, key="learn_picks", format_func=count)
    graphs.show(_bank(scene, picks).chart(), "bank", text("learn.patchcore.space_alt"))
    share = f"{100 * memory.plane.share:.0f}"
    parts.caption(text("learn.patchcore.space_note", d=count(memory.plane.dimensions), share=share))


def _draw_picks(scene: Scene) -> None:
    cells = []
    for k, pick in enumerate(scene.memory.picks[:SHOWN_PICKS], 1):
        called = learnt_name(scene, pick.picture)
        away = number(pick.distance) if k > 1 else ""
        image = crop(
            scene.result.learnt[pick.picture].pixels, pick.box, text("learn.patchcore.pick_alt", k=k, name=called)
        )
        cells.append(parts.cell(image, title=str(k), note=away))
    row(cells, 5, text("learn.patchcore.first"))
    parts.caption(text("learn.patchcore.first_note"))
    found: Covering | None = lesson.ask(scene.result, steps.covering, scene.column.key)
    if found is not None:
        heading(text("learn.patchcore.radii"))
        graphs.show(_radii(found), "radii", text("learn.patchcore.radii_alt"))


def _radii(found: Covering) -> charts.Chart:
    """Return how far a patch is from its nearest kept one, by the number kept: at most, and on average in grey."""
    kept, farthest, mean = (list(values) for values in zip(*found.radii, strict=True))
    said = [text("learn.patchcore.radius", k=count(k), r=number(r)) for k, r, _ in found.radii]
    made = graphs.line(kept, farthest, text("learn.patchcore.picks"), said, logarithmic=True)
    made.traces[0]["name"] = text("learn.patchcore.farthest")
    made.add_scatter(
        x=kept, y=mean, mode="lines", line={"color": COLOURS.soft, "width": 1.4}, name=text("learn.patchcore.average"),
        hovertemplate="%{y:.4g}<extra></extra>",
    )  # fmt: skip
    made.update_layout(showlegend=True, legend={"x": 1, "xanchor": "right", "y": 1, "font": {"size": charts.SMALL}})
    return made


def _draw_space(scene: Scene) -> None:
    """Every kept patch at its true distance from this one: the gap before the first is the patch's score."""
    nearest = scene.path.matches[0]
    heading(text("learn.patchcore.around"))
    label = text("learn.patchcore.around_alt", distance=number(nearest.distance))
    around(scene, label, number(nearest.distance), learnt_name(scene, nearest.picture), _usual(scene))
    parts.caption(text("learn.patchcore.around_note", d=count(scene.memory.plane.dimensions)))


def _usual(scene: Scene) -> float | None:
    """Return the plain distance within which 99 % of held-out normal patches have their nearest kept patch."""
    normals = scene.memory.normals
    if normals is None or scene.path.averaged > 1:
        return None
    return float(normals.q99**0.5) if scene.path.squared else float(normals.q99)


def _draw_crops(scene: Scene) -> None:
    way = scene.path
    cells = [this_patch(scene)]
    for match in way.matches[:3]:
        called = learnt_name(scene, match.picture)
        image = crop(scene.result.learnt[match.picture].pixels, match.box, called)
        cells.append(parts.cell(image, note=called, right=number(match.distance)))
    row(cells, 4, text("learn.method.compared"))
    draw_normals(scene)


def _terms(scene: Scene) -> str | None:
    way = scene.path
    if not len(way.level_squares):
        return None
    square = way.matches[0].distance ** 2
    written = zip(way.level_squares, levels_of(scene), strict=True)
    terms = " + ".join(
        f"{number(float(part), square)} ({text('learn.method.level', level=level)})" for part, level in written
    )
    return f"{terms} = **{number(square)}**"


def _covering(scene: Scene) -> str | None:
    found = lesson.ask(scene.result, steps.covering, scene.column.key)
    if found is None or len(found.radii) < 3:
        return None
    at = {k: farthest for k, farthest, _ in found.radii}
    some = max(k for k in at if k <= 64)
    last = found.radii[-1]
    first = found.radii[0][1]
    return text(
        "learn.patchcore.covering", first=number(first), some=some, middle=number(at[some], first),
        kept=count(last[0]), last=number(last[1], first),
    )  # fmt: skip


VALUES = values(
    "patchcore",
    SHARED
    | {
        "patches": lambda scene: count(scene.memory.patches),
        "kept": lambda scene: count(scene.memory.kept),
        "all_kept": lambda scene: "" if scene.memory.kept == scene.memory.patches else None,
        "thinned": lambda scene: "" if scene.memory.kept < scene.memory.patches else None,
        "distance": lambda scene: f"**{number(scene.path.matches[0].distance)}**",
        "terms": _terms,
        "covering": _covering,
        "squared": lambda scene: "" if scene.path.squared and scene.path.averaged == 1 else None,
        "projected": lambda scene: (
            text("learn.patchcore.projected", n=scene.column.settings["projection"])
            if (scene.column.settings["projection"] or 10**9) < scene.memory.plane.dimensions
            and scene.memory.kept < scene.memory.patches
            else None
        ),
        "alone": lambda scene: None if scene.column.settings["top"] else "",
        "averaged": lambda scene: f"**{scene.column.settings['top']:.1%}**" if scene.column.settings["top"] else None,
        "weighted": lambda scene: f"**{scene.path.weight:.3f}**" if scene.column.settings["reweight"] else None,
    },
)
STEPS = {
    "features": draw_features,
    "numbers": draw_numbers,
    "bank": _draw_bank,
    "picks": _draw_picks,
    "space": _draw_space,
    "crops": _draw_crops,
    "steps": draw_map,
    "threshold": draw_threshold,
    "overlay": draw_overlay,
}
FIGURES = figures("patchcore", _stations, STEPS, VALUES)
