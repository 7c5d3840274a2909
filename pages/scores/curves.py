"""ROC, precision-recall and PRO of a result as charts; PRO is measured in the workers.

A point of the first two sets its method's threshold. It is then chosen on the test pictures, which every page says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from detectors.errors import Refusal, Sentence
from detectors.evaluation import (
    Curve,
    OperatingPoints,
    operating_points,
    precision_recall_curve,
    pro_curve,
    roc_curve,
)
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.plots.curves import PRO_LIMIT, operating_point, painted_point
from detectors.queries import pixels
from detectors.result import Column, Result
from pages.frame import backend, charts, once, session
from pages.frame.charts import COLOURS
from pages.frame.state import change, current
from pages.frame.words import language, lines, say, text

_MANY = 60  # thresholds of one method, beyond which their marks are small
KINDS = {"roc": "ROC", "pr": "PR", "pro": "PRO"}


@dataclass(frozen=True)
class Family:
    """The same curve of several methods: those that there are, by column key, and why the last of the others is not.

    Attributes:
        kind: "roc", "pr" or "pro".
        curves: with at least two points each.
        waiting: whether some are still being measured.
        reason: in the session's language.
    """

    kind: str
    curves: dict[str, Curve]
    waiting: bool
    reason: str


def family(kind: str, result: Result) -> Family:
    """Return one kind of curve of all columns."""
    found = _pro(result) if kind == "pro" else {key: own[kind] for key, own in _drawn(result).items()}
    curves = {key: curve for key, curve in found.items() if isinstance(curve, Curve) and len(curve.x)}
    absent = [curve for key, curve in found.items() if key not in curves]
    said = [c if isinstance(c, Sentence) else c.reason for c in absent if c is not None]
    reasons = [say(sentence) for sentence in said if sentence is not None]
    return Family(kind, curves, any(curve is None for curve in absent), reasons[-1] if reasons else "")


def waiting(result: Result) -> bool:
    """Say whether pixels are still being measured."""
    return any(curve is None for curve in _pro(result).values())


def has_pro(column: Column, result: Result) -> bool:
    return column.maps is not None and once.of(result, "masked", lambda: _masked(result))


def _masked(result: Result) -> bool:
    return any(p.mask is not None and p.mask.any() and p.local for p in result.test)


def note(found: Family, focus: str, title: str) -> str:
    """Say which line is which, below the chart."""
    if not found.curves:
        return ""
    banded = focus in found.curves and len(found.curves[focus].band_x)
    key = "note_absent" if focus not in found.curves else "note" if banded else "note_plain"
    said = [text(f"scores.curves.{key}", focus=title)]
    if found.kind != "pro":
        said.append(text("scores.curves.click"))
    if found.waiting:
        said.append(text("scores.curves.waiting"))
    return " ".join(said)


def chart(found: Family, result: Result, focus: str, titles: dict[str, str]) -> charts.Chart:
    """Return a family as a chart: the focus in teal with its band, the others in grey."""
    end = _end(found.kind)
    across, up = lines(f"scores.curves.axes.{found.kind}")
    made = charts.figure(390, across, up, x=charts.percent(end), y=charts.percent())
    if found.kind == "roc":
        guess = {"color": COLOURS.control, "width": 1, "dash": "dot"}
        made.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=guess, hoverinfo="skip", name="")
    for column in sorted((c for c in result.columns if c.key in found.curves), key=lambda c: c.key == focus):
        _draw(made, found.kind, found.curves[column.key], column, column.key == focus, titles[column.key], result)
    return made


def marks(found: Family, result: Result, focus: str, titles: dict[str, str], choice: ThresholdChoice) -> charts.Chart:
    """Return what lies on top of such a chart: where each method's threshold stands."""
    end, made = _end(found.kind), charts.figure(0)
    for column in result.columns:
        if column.key in found.curves:
            point = (
                painted_point(found.curves[column.key], column)
                if found.kind == "pro"
                else operating_point(
                    "roc" if found.kind == "roc" else "precision_recall", result, column, choice.value_of(column)
                )
            )
            if point is not None and point[0] <= end:
                _mark(made, point, column.key == focus, titles[column.key], found.kind, end)
    return made


def _end(kind: str) -> float:
    """Return where the axis of rates ends."""
    return PRO_LIMIT if kind == "pro" else 1.0


def chosen(points: list[dict[str, Any]], result: Result) -> tuple[str, float] | None:
    """Return the column and the raw threshold of a point that was clicked; None for what sets none."""
    for point in points:
        said = point.get("customdata")
        if isinstance(said, list | tuple) and len(said) == 2 and said[0] in {c.key for c in result.columns}:
            found = _points(result)[said[0]]
            if isinstance(found, OperatingPoints) and said[1] in range(len(found.thresholds)):
                return said[0], float(found.thresholds[int(said[1])])
    return None


def _draw(
    made: charts.Chart, kind: str, curve: Curve, column: Column, focused: bool, title: str, result: Result
) -> None:
    colour = COLOURS.accent if focused else COLOURS.soft
    if focused and len(curve.band_x):
        made.add_scatter(
            x=[*curve.band_x, *curve.band_x[::-1]], y=[*curve.high, *curve.low[::-1]], mode="lines", fill="toself",
            line={"width": 0}, fillcolor=colour, opacity=0.16, hoverinfo="skip", name=f"{title} 95 %",
        )  # fmt: skip
    line = {"color": colour, "width": 2.4 if focused else 1.2}
    points = _points(result)[column.key]
    if kind == "pro" or isinstance(points, Sentence):
        said = _readings(kind, title, curve.x, curve.y)
        made.add_scatter(
            x=curve.x, y=curve.y, mode="lines", line=line, name=title, text=said,
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
        return
    made.add_scatter(x=curve.x, y=curve.y, mode="lines", line=line, hoverinfo="skip", name=title)
    x, y = (points.false_alarms, points.found) if kind == "roc" else (points.found, points.precision)

    def readings() -> list[str]:
        at = [text("scores.curves.at", value=f"{value:.4g}") for value in points.thresholds]
        return [f"{reading}<br>{value}" for reading, value in zip(_readings(kind, title, x, y), at, strict=True)]

    made.add_scatter(
        x=x, y=y, mode="markers", name=f"{title}, {text('scores.curves.thresholds')}",
        text=once.of(result, ("readings", kind, column.key, title, language()), readings),
        customdata=[[column.key, n] for n in range(len(x))], hovertemplate="%{text}<extra></extra>",
        marker={"color": colour, "size": 4 if len(x) > _MANY or not focused else 7},
    )  # fmt: skip


def _readings(kind: str, title: str, x: Any, y: Any) -> list[str]:
    places = zip(np.nan_to_num(x), np.nan_to_num(y), strict=True)
    method = charts.escaped(title)
    return [
        text(f"scores.curves.reading.{kind}", method=method, x=f"{100 * a:.0f}", y=f"{100 * b:.0f}") for a, b in places
    ]


def _mark(made: charts.Chart, point: tuple[float, float], focused: bool, title: str, kind: str, end: float) -> None:
    """Mark where the threshold stands: a ring with its word for the focus, a small cross for the others."""
    word = text("scores.curves.painted" if kind == "pro" else "scores.curves.threshold")
    marker = {"symbol": "circle", "size": 13, "color": COLOURS.ground, "line": {"color": COLOURS.accent, "width": 2.5}}
    cross = {"symbol": "x-thin", "size": 8, "color": COLOURS.ink, "line": {"color": COLOURS.ink, "width": 1.5}}
    made.add_scatter(
        x=[point[0]], y=[point[1]], mode="markers", marker=marker if focused else cross, cliponaxis=False,
        hovertemplate=f"{charts.escaped(title)}: {word}<extra></extra>", name=f"{word} {title}",
    )  # fmt: skip
    if focused:
        left = point[0] > 0.7 * end
        made.add_annotation(
            x=point[0], y=point[1], text=word, showarrow=False, xshift=-10 if left else 10, yshift=-14,
            xanchor="right" if left else "left", font={"size": charts.SMALL, "color": COLOURS.ink},
            bgcolor=COLOURS.ground, borderpad=1,
        )  # fmt: skip


def _pro(result: Result) -> dict[str, Curve | Sentence | None]:
    return {c.key: _pro_of(c, result) for c in result.columns}


def _pro_of(column: Column, result: Result) -> Curve | Sentence | None:
    if not has_pro(column, result):
        return once.of(result, ("no PRO", column.key), lambda: pro_curve(result.test, column.maps))
    found = backend.current().later(pixels.pro, columns=(column.key,)).now
    return found.sentence if isinstance(found, Refusal) else found


def _drawn(result: Result) -> dict[str, dict[str, Curve]]:
    return once.of(result, "curves", lambda: {c.key: _both(result, c) for c in result.columns})


def _both(result: Result, column: Column) -> dict[str, Curve]:
    labels, scores = result.labels, column.scores
    return {"roc": roc_curve(labels, scores), "pr": precision_recall_curve(labels, scores)}


def _points(result: Result) -> dict[str, OperatingPoints | Sentence]:
    return once.of(result, "points", lambda: {c.key: operating_points(result.labels, c.scores) for c in result.columns})


def card(result: Result, focus: str, titles: dict[str, str], choice: ThresholdChoice, heading: str) -> None:
    """Show the curve that was asked for; a click on one of its points sets that method's threshold."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"## {heading}", width="content")
        kind = st.segmented_control(
            text("scores.curves.title"), tuple(KINDS), key="scores_curve", default="roc", format_func=KINDS.get,
            label_visibility="collapsed", required=True, persist_state="session",
        )  # fmt: skip
    found = family(kind, result)
    if not found.curves:
        st.caption(text("scores.curves.waiting") if found.waiting else found.reason)
        return
    said = note(found, focus, titles[focus])
    across, up = lines(f"scores.curves.axes.{kind}")

    def point(points: list[dict[str, Any]]) -> None:
        if (hit := chosen(points, result)) is not None:
            key, at = hit
            kept = tuple(t for t in current().thresholds if t[0] != key)
            change(thresholds=(*kept, (key, at, "test")))
            session.MOVED.set(True)

    made = partial(chart, found, result, focus, titles)
    # A digest does not know of masks, which may be painted by hand.
    asked = ("curves", result.digest, kind, tuple(found.curves), focus, titles)
    shown = made().ready() if kind == "pro" else charts.kept(made, *asked)
    shown = shown.beneath(marks(found, result, focus, titles, choice))
    charts.show(
        shown, f"scores_{kind}", f"{KINDS[kind]}: {up}; {across}. {said}",
        None if kind == "pro" else point,
    )  # fmt: skip
    st.caption(said)
