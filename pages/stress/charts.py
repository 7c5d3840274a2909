"""One chart per condition: false alarms, finds, AUROC or scores of all methods against its strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from detectors.result import Figure, Result
from detectors.stress import CONDITIONS, Curve, Point, apart
from detectors.stress.sentences import amount, bare, in_files
from pages.frame import charts, session
from pages.frame.charts import COLOURS
from pages.frame.words import say, text
from pages.stress import point

MEASURES = ("alarms", "found", "auroc", "median")
_HEIGHT = 250
_BESIDE = 3


def cards(curves: Mapping[str, Sequence[Curve]], titles: dict[str, str], focus: str, result: Result) -> None:
    """Show the charts beside each other, all of one measure, and the pictures of a point that was clicked."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"### {text('stress.charts')}", width="content")
        measure = st.segmented_control(
            text("stress.measure"), MEASURES, default="alarms", required=True, key="stress_measure",
            format_func=lambda name: text(f"stress.measures.{name}"), label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
    names = list(curves)
    for start in range(0, len(names), _BESIDE):
        for name, place in zip(names[start : start + _BESIDE], st.columns(_BESIDE, gap="small"), strict=False):
            with place, st.container(border=True, key=f"stress_card_{name}"):
                charts.show(
                    chart(name, curves[name], titles, focus, measure), f"stress_{name}_{measure}",
                    text("stress.alt", measure=text(f"stress.measures.{measure}"),
                         condition=text(f"stress.conditions.{name}")),
                    partial(_chosen, name),
                )  # fmt: skip
    pixels = in_files(names, result.test)
    st.caption(text(f"stress.notes.{measure}", focus=titles[focus]) + (f" {say(pixels)}" if pixels else ""))
    point.show(curves, titles, result)


def chart(name: str, curves: Sequence[Curve], titles: dict[str, str], focus: str, measure: str) -> charts.Chart:
    """Return the chart of a condition: the focus in teal with its interval, the others in grey."""
    strengths = CONDITIONS[name].strengths
    y = {"rangemode": "tozero"} if measure == "median" else charts.percent()
    unit = text(f"stress.axes.{CONDITIONS[name].unit}")
    marked = apart(strengths)
    ticks = {"tickvals": marked, "ticktext": [bare(name, s) for s in marked], "tickangle": 0}
    made = charts.figure(_HEIGHT, unit, "", x=ticks, y=y)
    made.update_layout(margin={"t": 44})
    charts.heading(made, text(f"stress.conditions.{name}"))
    for curve in sorted(curves, key=lambda curve: curve.key == focus):
        focused = curve.key == focus
        colour = COLOURS.accent if focused else COLOURS.soft
        places = [point.strength for point in curve.points]
        figures = [_figure(point, measure) for point in curve.points]
        if focused and all(f.low is not None and f.high is not None for f in figures):
            made.add_scatter(
                x=[*places, *places[::-1]], y=[*(f.high for f in figures), *(f.low for f in figures[::-1])],
                mode="lines", fill="toself", line={"width": 0}, fillcolor=colour, opacity=0.16, hoverinfo="skip",
                name=f"{titles[curve.key]} 95 %",
            )  # fmt: skip
        made.add_scatter(
            x=places, y=[f.value for f in figures], mode="lines+markers", name=titles[curve.key],
            line={"color": colour, "width": 2.4 if focused else 1.2},
            marker={"color": colour, "size": [9 if point.broken else 5 for point in curve.points],
                    "symbol": ["x" if point.broken else "circle" for point in curve.points]},
            text=[_reading(titles[curve.key], name, point, figure, measure)
                  for point, figure in zip(curve.points, figures, strict=True)],
            hovertemplate="%{text}<extra></extra>", customdata=[[curve.key, strength] for strength in places],
        )  # fmt: skip
        if focused and measure == "alarms" and curve.promise is not None:
            made.add_hline(curve.promise, line={"color": COLOURS.ink, "width": 1, "dash": "dot"})
        if focused and measure == "median":
            made.add_hline(1, line={"color": COLOURS.accent, "width": 1, "dash": "dot"})
    return made


def _figure(point: Point, measure: str) -> Figure:
    if measure == "median":
        return Figure(point.median)
    return {"alarms": point.false_alarms, "found": point.found, "auroc": point.auroc}[measure]


def _reading(title: str, name: str, point: Point, figure: Figure, measure: str) -> str:
    if figure.value is None:
        value = "–"
    elif measure == "median":
        value = text("stress.times", value=f"{figure.value:.2f}")
    elif measure == "auroc":
        value = f"{figure.value:.2f}"
    else:
        value = f"{100 * figure.value:.0f} %"
    interval = ""
    if figure.low is not None and figure.high is not None:
        digits = "{:.2f}" if measure == "auroc" else "{:.0f}"
        times = 1 if measure == "auroc" else 100
        interval = f" [{digits.format(times * figure.low)}, {digits.format(times * figure.high)}]"
    return f"{charts.escaped(title)}, {say(amount(name, point.strength))}: {value}{interval}"


def _chosen(name: str, points: list[dict[str, Any]]) -> None:
    """Show the pictures of the point that was clicked, and the strip of its condition."""
    said = next((point["customdata"] for point in points if point.get("customdata")), None)
    if said is not None:
        session.POINT.set((name, str(said[0]), float(said[1])))
        session.LOOKED.set(name)
        session.set_widget("stress_looked", name)
