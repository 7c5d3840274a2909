"""What lessons draw with axes or lengths: bars, histograms, lanes of scores, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.frame import charts
from pages.frame.charts import COLOURS
from pages.learn.plane import Marks, scatter

PAINTS = {"soft": COLOURS.soft, "ink": COLOURS.ink, "accent": COLOURS.accent}
_BAR = 46  # pixels from one bar to the next, with its words above
_LANE = 38
_WIDE = 30  # letters of a label in one line
_ROOM = 0.2  # of the axis, that a piece needs to have words in it


@dataclass(frozen=True)
class Part:
    """A piece of a bar: how long, how painted, what it is called, and what is written in it."""

    length: float
    paint: str
    name: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Bar:
    """Pieces end to end; `label` stands above them on the left, `number` on the right."""

    label: str
    number: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Lane:
    """Scores on a common axis: what they are called, their look, and a name for each where there are names."""

    label: str
    values: Sequence[float]
    look: str
    names: Sequence[str] = ()


def show(chart: charts.Chart, key: str, alt: str) -> None:
    """Show a lesson's chart."""
    charts.show(chart, f"learn_{key}", alt)


def bars(rows: Sequence[Bar], end: float | None = None, mark: float | None = None, key: bool = False) -> charts.Chart:
    """Return bars below each other.

    Args:
        rows: from above.
        end: of the axis; the longest bar's by default.
        mark: where a dotted line stands.
        key: whether the pieces' names are listed below.
    """
    end = end or max((sum(part.length for part in row.parts) for row in rows), default=1.0) or 1.0
    hidden = {"showgrid": False, "showticklabels": False}
    labels = [[charts.escaped(line) for line in wrap(row.label, _WIDE)] for row in rows]
    tall = _BAR + 15 * (max((len(lines) for lines in labels), default=1) - 1)
    made = charts.figure(
        tall * len(rows) + (34 if key else 12),
        x=hidden | {"range": [0, end]}, y=hidden | {"range": [len(rows) - 0.6, -0.75]},
    )  # fmt: skip
    made.update_layout(barmode="stack", margin={"l": 0, "r": 0, "t": 4, "b": 4}, showlegend=key)
    made.update_layout(legend={"orientation": "h", "y": 0, "yanchor": "top", "x": 0, "traceorder": "normal"})
    for place in range(max((len(row.parts) for row in rows), default=0)):
        outline = {"color": COLOURS.ground, "width": 1}
        held = [(n, row, row.parts[place]) for n, row in enumerate(rows) if place < len(row.parts)]
        made.add_bar(
            x=[part.length for _, _, part in held], y=[n for n, _, _ in held], orientation="h", width=20 / tall,
            name=held[0][2].name, textposition="inside", textangle=0, constraintext="none",
            text=[part.inside if part.length > _ROOM * end else "" for _, _, part in held],
            insidetextanchor="middle", textfont={"size": charts.SMALL},
            marker={"color": [PAINTS[part.paint] for _, _, part in held], "line": outline},
            hovertext=[charts.escaped(part.name or row.label) for _, row, part in held],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    for n, (row, lines) in enumerate(zip(rows, labels, strict=True)):
        words = {"yanchor": "bottom", "yshift": 9, "align": "left"}
        charts.write(made, 0, n, "<br>".join(lines), COLOURS.muted, xref="paper", xanchor="left", **words)
        charts.write(made, 1, n, f"<b>{row.number}</b>", COLOURS.ink, xref="paper", xanchor="right", **words)
    if mark is not None:
        made.add_vline(mark, line={"color": COLOURS.ink, "width": 1.2, "dash": "dot"})
    return made


def histogram(
    edges: NDArray[Any], counts: NDArray[Any], at: float, word: str, q99: float, across: str, up: str
) -> charts.Chart:
    """Return a histogram of normal values with a line at their 99 % mark, and one where `at` lies."""
    low, high = min(0.0, float(edges[0]), at), max(float(edges[-1]), at) * 1.04 or 1.0
    made = charts.figure(190, across, up, x={"range": [low, high], "showgrid": False}, y={"nticks": 4})
    made.update_layout(margin={"t": 24})
    _counted(made, edges, counts, COLOURS.soft, "", 1.0)
    made.add_vline(q99, line={"color": COLOURS.ink, "width": 1.2, "dash": "dot"})
    charts.write(made, q99, 1, "99 %", COLOURS.muted, yref="paper", yanchor="top", xanchor="left", xshift=4)
    charts.threshold_line(made, at, word, low, high)
    return made


def two_histograms(first: Any, second: Any, names: tuple[str, str], across: str, up: str) -> charts.Chart:
    """Return two histograms over each other, grey and teal; each has `edges` and `counts`."""
    end = max(float(first.edges[-1]), float(second.edges[-1]))
    made = charts.figure(210, across, up, x={"range": [0, end], "showgrid": False}, y={"nticks": 4})
    made.update_layout(showlegend=True, legend={"x": 1, "xanchor": "right", "y": 1, "font": {"size": charts.SMALL}})
    for held, paint, name, opacity in ((first, "soft", names[0], 0.5), (second, "accent", names[1], 0.85)):
        _counted(made, held.edges, held.counts, PAINTS[paint], name, opacity)
    return made


def lanes(rows: Sequence[Lane], this: tuple[float, int | None, str], at: tuple[float, str] | None) -> charts.Chart:
    """Return lanes of scores.

    Args:
        rows: from above.
        this: a score, the lane that it belongs to (None: a line across all), and its word.
        at: the threshold and its word.
    """
    score, lane, word = this
    every = [v for row in rows for v in row.values if np.isfinite(v)] + [score] + ([at[0]] if at else [])
    room = 0.06 * (max(every) - min(every)) or 1.0
    low, high = min(every) - room, max(every) + room
    y = {
        "range": [len(rows) - 0.4, -0.6], "tickvals": list(range(len(rows))), "ticktext": [row.label for row in rows],
        "tickfont": {"size": charts.SMALL, "color": COLOURS.muted},
    }  # fmt: skip
    made = charts.figure(_LANE * len(rows) + 64, x={"range": [low, high], "showgrid": False, "nticks": 6}, y=y)
    made.update_layout(margin={"t": 24, "b": 8 if lane is not None else 26})
    for n, row in enumerate(rows):
        names = row.names or [f"{v:.4g}" for v in row.values]
        scatter(made, Marks(np.array([(v, n) for v in row.values]).reshape(-1, 2), row.look, 8, names))
    if at is not None:
        charts.threshold_line(made, at[0], at[1], low, high)
    anchor = "right" if score > low + 0.75 * (high - low) else "left"
    if lane is None:
        made.add_vline(score, line={"color": COLOURS.ink, "width": 1.5, "dash": "dot"})
        words = {"yref": "paper", "yanchor": "bottom", "xanchor": anchor, "xshift": -4 if anchor == "right" else 4}
        charts.write(made, score, 0, f"<b>{word}</b>", COLOURS.ink, **words)
    else:
        scatter(made, Marks(np.array([(score, lane)]), "this", 15, [word]))
        words = {"yanchor": "bottom", "yshift": 8}
        charts.write(made, score, lane, f"<b>{word}</b>", COLOURS.accent, **words)
    return made


def line(
    x: Sequence[float], y: Sequence[float], across: str, said: Sequence[str], logarithmic: bool = False
) -> charts.Chart:
    """Return a line with its points in the accent, from 0 upwards; `said` of each point when it is pointed at."""
    top = 1.06 * float(max(y))
    if logarithmic:
        low, high = np.log10(min(x)), np.log10(max(x))
        ticks = [10**n for n in range(6) if 10**n <= max(x)]
        axis = {"type": "log", "range": [low - 0.04 * (high - low or 1.0), high + 0.04 * (high - low or 1.0)]}
        axis |= {"tickvals": ticks, "ticktext": [f"{t:,}" for t in ticks]}
    else:
        room = 0.04 * (max(x) - min(x) or 1.0)
        axis = {"range": [min(x) - room, max(x) + room], "nticks": 8}
    made = charts.figure(200, across, x=axis | {"showgrid": False}, y={"range": [0, top], "nticks": 4})
    made.add_scatter(
        x=list(x), y=list(y), mode="lines+markers", line={"color": COLOURS.accent, "width": 2.2}, marker={"size": 6},
        text=list(said), hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    return made


def _counted(
    made: charts.Chart, edges: NDArray[Any], counts: NDArray[Any], colour: str, name: str, opacity: float
) -> None:
    edges = np.asarray(edges, float)
    said = [f"{a:.4g} – {b:.4g}: {n}" for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]
    made.update_layout(barmode="overlay")
    made.add_bar(
        x=(edges[:-1] + edges[1:]) / 2, width=np.diff(edges) * 0.94, y=counts, name=name, opacity=opacity,
        marker={"color": colour, "line": {"width": 0}}, hovertext=said, hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
