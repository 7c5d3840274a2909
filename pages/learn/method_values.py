"""The numbers and findings that the prose of all five method lessons fills in."""

from __future__ import annotations

from pages.frame.panes import name
from pages.frame.words import amount, plain, text
from pages.learn.lesson import listed
from pages.learn.method import Scene, Value
from pages.learn.method_figures import count, levels_of, middle, number


def _grid(scene: Scene) -> str:
    height, width = scene.path.grid_size
    return f"{width} × {height}"


def _levels(scene: Scene) -> str:
    return listed([text("learn.method.level", level=level) for level in levels_of(scene)])


def _sum_of_numbers(scene: Scene) -> str | None:
    if len(scene.path.numbers) < 2:
        return None
    return " + ".join(map(count, scene.path.numbers)) + f" = **{count(sum(scene.path.numbers))}**"


def _anomalous(scene: Scene) -> str | None:
    if not scene.anomalous:
        return None
    q99 = scene.memory.normals.q99
    times = scene.path.value / q99
    written = f"{times:.2f}" if times < 1.5 else f"{times:.1f}"
    return text("learn.method.anomalous", value=number(scene.path.value), times=written)


def _ordinary(scene: Scene) -> str | None:
    normals = scene.memory.normals
    if normals is None or scene.anomalous:
        return None
    below = normals.counts[normals.edges[1:] <= scene.path.value].sum() / normals.total
    return text("learn.method.ordinary", value=number(scene.path.value), share=f"{100 * below:.0f}")


def _q99(scene: Scene) -> str | None:
    normals = scene.memory.normals
    return None if normals is None else number(normals.q99, scene.path.value)


def _change(scene: Scene) -> str | None:
    """What enlarging and smoothing do to the value in the middle of the frame."""
    if scene.path.map is None:
        return None
    y, x = middle(scene.path.box)
    after, value = float(scene.path.map[y, x]), scene.path.value
    key = "lower" if after < 0.98 * value else "higher" if after > 1.02 * value else "same"
    return text(f"learn.method.smoothing.{key}", before=number(value), after=number(after, value))


def _verdict(scene: Scene) -> str | None:
    verdicts = scene.verdicts
    if verdicts.threshold is None:
        return None
    values = {
        "score": number(scene.path.score), "threshold": number(verdicts.threshold, scene.path.score),
        "ratio": f"{verdicts.ratios[scene.i]:.2f}", "n": verdicts.of, "below": int(verdicts.above[scene.i]),
    }  # fmt: skip
    return text(f"learn.method.verdict.{verdicts.words[scene.i]}", **values)


SHARED: dict[str, Value] = {
    "picture": lambda scene: f"**{plain(name(scene.picture))}**",
    "grid": _grid,
    "places": lambda scene: count(scene.path.grid.size),
    "levels": _levels,
    "numbers": lambda scene: count(sum(scene.path.numbers)),
    "sum_of_numbers": _sum_of_numbers,
    "learnt": lambda scene: count(scene.memory.learnt),
    "bytes": lambda scene: amount(scene.memory.nbytes),
    "sigma": lambda scene: f"{scene.column.settings['sigma']:g}",
    "value": lambda scene: f"**{number(scene.path.value)}**",
    "score": lambda scene: f"**{number(scene.path.score)}**",
    "q99": _q99,
    "anomalous": _anomalous,
    "ordinary": _ordinary,
    "change": _change,
    "verdict": _verdict,
}
