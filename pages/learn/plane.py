"""Points in two directions: as a chart, and as the small picture of a lesson's station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.frame import charts
from pages.frame.charts import COLOURS

HEIGHT = 330
SIDE = 224.0  # of the small picture
# How marks look: fill, outline, shape, opacity. The small picture has the same names in path.css.
LOOKS: dict[str, tuple[str, str, str, float]] = {
    "faint": (COLOURS.soft, COLOURS.soft, "circle", 0.4),
    "soft": (COLOURS.soft, COLOURS.soft, "circle", 1.0),
    "ink": (COLOURS.ink, COLOURS.ink, "circle", 1.0),
    "defective": (COLOURS.ink, COLOURS.ink, "diamond", 1.0),
    "hollow": (COLOURS.ground, COLOURS.soft, "circle", 1.0),
    "ring": (COLOURS.ground, COLOURS.accent, "circle", 1.0),
    "this": (COLOURS.accent, COLOURS.accent, "diamond", 1.0),
}


@dataclass(frozen=True)
class Marks:
    """Points (n, 2) of one look, `size` pixels wide; `names` are said when one is pointed at."""

    points: NDArray[Any]
    look: str
    size: float = 6.0
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Line:
    """A straight line from one point to another; `strong` in the accent."""

    start: Sequence[float]
    end: Sequence[float]
    strong: bool = False


@dataclass(frozen=True)
class Plane:
    """Marks over lines over ellipses.

    Attributes:
        marks, lines: drawn in order.
        ellipses: (half width, half height, what it is called) around (0, 0), the largest first.
        words: (point, what is written below or above it).
        square: whether both directions have one scale.
    """

    marks: Sequence[Marks]
    lines: Sequence[Line] = ()
    ellipses: Sequence[tuple[float, float, str]] = ()
    words: Sequence[tuple[Sequence[float], str]] = ()
    square: bool = True

    def limits(self, margin: float = 0.06) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and the highest corner (2,) of what is drawn, with a margin."""
        corners = [np.array([[x, y], [-x, -y]]) * 1.2 for x, y, _ in self.ellipses]
        points = np.vstack([*(np.asarray(m.points, float).reshape(-1, 2) for m in self.marks), *corners])
        low, high = points.min(0), points.max(0)
        span = np.where(high > low, high - low, 1.0) * margin
        return low - span, high + span

    def chart(self, height: int = HEIGHT) -> charts.Chart:
        """Return it as a chart without ticks: directions have no unit that means anything."""
        low, high = self.limits()
        frame = {
            "showgrid": False,
            "showticklabels": False,
            "showline": True,
            "linecolor": COLOURS.line,
            "mirror": True,
        }
        x, y = (frame | {"range": [float(a), float(b)]} for a, b in zip(low, high, strict=True))
        made = charts.figure(height, x=x, y=y | ({"scaleanchor": "x"} if self.square else {}))
        for wide, tall, said in self.ellipses:
            made.add_shape(
                type="circle", x0=-wide, x1=wide, y0=-tall, y1=tall, layer="below", fillcolor=COLOURS.tint, opacity=0.5,
                line={"color": COLOURS.control, "width": 1},
            )  # fmt: skip
            charts.write(made, 0, tall, said, COLOURS.muted, yanchor="top")
        for line in self.lines:
            made.add_scatter(
                x=[line.start[0], line.end[0]], y=[line.start[1], line.end[1]], mode="lines", hoverinfo="skip",
                line={"color": COLOURS.accent if line.strong else COLOURS.soft, "width": 2.2 if line.strong else 1.2},
            )  # fmt: skip
        for marks in self.marks:
            scatter(made, marks)
        middle = (low + high) / 2
        for point, said in self.words:
            above = point[1] < middle[1]
            place = {"yanchor": "bottom", "yshift": 10} if above else {"yanchor": "top", "yshift": -10}
            charts.write(made, point[0], point[1], f"<b>{charts.escaped(said)}</b>", COLOURS.ink, **place)
        return made

    def svg(self) -> str:
        """Return it as a small picture, SIDE x SIDE, in classes that path.css colours."""
        low, high = self.limits()
        scale = SIDE / (high - low)
        scale = np.full(2, scale.min()) if self.square else scale
        start = (low + high) / 2 - SIDE / scale / 2

        def at(point: Sequence[float]) -> tuple[float, float]:
            x, y = (np.asarray(point, float) - start) * scale
            return round(float(x), 1), round(SIDE - float(y), 1)

        x, y = at((0.0, 0.0))
        shapes = [
            f'<ellipse class="ellipse" cx="{x}" cy="{y}" rx="{wide * scale[0]:.1f}" ry="{tall * scale[1]:.1f}"/>'
            for wide, tall, _ in self.ellipses
        ]
        for line in self.lines:
            (x1, y1), (x2, y2) = at(line.start), at(line.end)
            kind = "strong" if line.strong else "thin"
            shapes.append(f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
        for marks in self.marks:
            for point in np.asarray(marks.points, float).reshape(-1, 2):
                x, y = at(point)
                r = marks.size / 2
                if LOOKS[marks.look][2] == "diamond":
                    shapes.append(f'<path class="{marks.look}" d="M{x} {y - r}l{r} {r}l{-r} {r}l{-r} {-r}Z"/>')
                else:
                    shapes.append(f'<circle class="{marks.look}" cx="{x}" cy="{y}" r="{r}"/>')
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}">{"".join(shapes)}</svg>'


def scatter(made: charts.Chart, marks: Marks) -> None:
    """Add marks to a chart."""
    fill, edge, shape, opacity = LOOKS[marks.look]
    points = np.asarray(marks.points, float).reshape(-1, 2)
    named = {"text": [charts.escaped(name) for name in marks.names], "hovertemplate": "%{text}<extra></extra>"}
    made.add_scatter(
        x=points[:, 0], y=points[:, 1], mode="markers", cliponaxis=False, opacity=opacity, name=marks.look,
        marker={"color": fill, "symbol": shape, "size": marks.size, "line": {"color": edge, "width": 1.4}},
        **(named if len(marks.names) else {"hoverinfo": "skip"}),
    )  # fmt: skip
