"""Where the marks of the report's charts go: numbers for SVG, no colours and no words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation.curves import Curve
from detectors.evaluation.intervals import Floats
from detectors.evaluation.thresholds import verdict
from detectors.result import ResultPicture

TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0)
MANY = 150  # marks; beyond, bars


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis in multiples of the threshold, `width` units wide.

    Attributes:
        ticks: (position, multiple) of the labelled lines.
        open_end: whether scores lie beyond the last tick; they are drawn at the end.
    """

    low: float
    high: float
    width: float
    ticks: tuple[tuple[float, float], ...]
    open_end: bool

    @classmethod
    def over(cls, multiples: list[Floats], width: float) -> Axis:
        """Cover all scores, within the ticks there are."""
        values = np.concatenate([np.ones(1), *multiples])
        positive = values[values > 0]
        low = max((t for t in TICKS if t <= positive.min()), default=TICKS[0])
        high = min((t for t in TICKS if t >= max(values.max(), 1.5)), default=TICKS[-1])
        axis = cls(low, high, width, (), bool(values.max() > high))
        ticks = tuple((float(axis(np.array([t]))[0]), t) for t in TICKS if low <= t <= high)
        return cls(low, high, width, ticks, axis.open_end)

    def __call__(self, multiples: Floats) -> Floats:
        """Return positions; what lies outside is put at the nearer end."""
        inside = np.clip(np.maximum(multiples, self.low), self.low, self.high)
        return self.width * np.log(inside / self.low) / np.log(self.high / self.low)


@dataclass(frozen=True)
class Mark:
    """One picture in a lane: `sort` is "held_out", "good", "false_alarm", "found", "miss", "odd" or "normal"."""

    x: float
    y: float
    sort: str
    name: str
    multiple: float


@dataclass(frozen=True)
class Bar:
    """Several pictures in a lane: their count is `height` of the fullest bin."""

    x: float
    width: float
    y: float
    height: float
    sort: str
    count: int


def lanes(
    axis: Axis, held_out: Floats, multiples: Floats, pictures: tuple[ResultPicture, ...], height: float, radius: float
) -> tuple[list[Mark], list[Bar]]:
    """Place held-out normals on top, good pictures in the middle, defective ones below; marks give way to each other.

    Unlabelled pictures share the middle lane. Above `MANY` pictures marks become bars.
    """
    centres = {0: height * 0.17, 1: height * 0.5, 2: height * 0.83}
    rows: dict[int, list[tuple[float, str, str, float]]] = {0: [], 1: [], 2: []}
    for value, x in zip(held_out, axis(held_out), strict=True):
        rows[0].append((float(x), "held_out", "", float(value)))
    for picture, value, x in zip(pictures, multiples, axis(multiples), strict=True):
        said = verdict(picture.defective, bool(value > 1))
        lane = 2 if picture.defective else 1
        rows[lane].append((float(x), "good" if said == "passed" else said, picture.name, float(value)))
    if sum(map(len, rows.values())) > MANY:
        return [], [bar for lane, row in rows.items() for bar in _bars(axis, row, centres[lane], height * 0.28)]
    marks = []
    for lane, row in rows.items():
        row.sort()
        levels = _give_way([r[0] for r in row], 2 * radius, most=2)
        marks += [
            Mark(x, centres[lane] + level * 1.15 * radius, sort, name, value)
            for (x, sort, name, value), level in zip(row, levels, strict=True)
        ]
    return marks, []


def line(curve: Curve, size: float, right: float = 1.0) -> str:
    """Return the points of a curve for an SVG polyline in a `size` x `size` square, x from 0 to `right`."""
    return _points(curve.x / right, curve.y, size)


def band(curve: Curve, size: float, right: float = 1.0) -> str:
    """Return the points of a curve's band for an SVG polygon; empty where there is none."""
    x = np.concatenate([curve.band_x, curve.band_x[::-1]]) / right
    return _points(x, np.concatenate([curve.high, curve.low[::-1]]), size)


def threshold_point(curve: Curve, threshold: float, size: float) -> tuple[float, float] | None:
    """Return where a ROC curve stands at a threshold: the last corner whose score lies above it."""
    above = np.flatnonzero(curve.at > threshold)
    if not len(above):
        return None
    return float(curve.x[above[-1]] * size), float((1 - curve.y[above[-1]]) * size)


def _points(x: Floats, y: Floats, size: float) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x * size, (1 - y) * size, strict=True))


def _give_way(places: list[float], width: float, most: int) -> list[int]:
    """Return for ascending places how many steps up or down each moves so that neighbours overlap least."""
    order = [0] + [sign * step for step in range(1, most + 1) for sign in (-1, 1)]
    last = dict.fromkeys(order, -np.inf)
    levels = []
    for place in places:
        free = [level for level in order if place - last[level] >= width and _clear(last, level, place, width)]
        level = free[0] if free else min(order, key=lambda n: last[n])
        last[level] = place
        levels.append(level)
    return levels


def _clear(last: dict[int, float], level: int, place: float, width: float) -> bool:
    """Whether the marks one step above and below leave room (steps are a bit more than half a mark)."""
    return all(place - last.get(other, -np.inf) >= 0.8 * width for other in (level - 1, level + 1))


def _bars(axis: Axis, row: list[tuple[float, str, str, float]], centre: float, height: float) -> list[Bar]:
    edges = np.linspace(0, axis.width, 49)
    counts: dict[str, NDArray[np.int64]] = {}
    for sort in dict.fromkeys(r[1] for r in row):
        counts[sort] = np.histogram([r[0] for r in row if r[1] == sort], edges)[0]
    fullest = max((int(c.max()) for c in counts.values()), default=1)
    return [
        Bar(float(edges[i]), float(edges[i + 1] - edges[i]) - 1, centre + height / 2 - tall, tall, sort, int(count))
        for sort, found in counts.items()
        for i, count in enumerate(found)
        if count and (tall := max(height * float(count) / fullest, 1.0))
    ]
