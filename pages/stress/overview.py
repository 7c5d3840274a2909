"""All methods in one chart by the number of normal pictures: AUROC or finds, and how steady thresholds are."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

import streamlit as st

from detectors.evaluation import thresholds
from detectors.result import Result
from detectors.stress import Study
from detectors.stress.draws import Step
from pages.frame import charts
from pages.frame.charts import COLOURS
from pages.frame.state import change
from pages.frame.words import text
from pages.stress.studies import reading

_HEIGHT = 330
_APART = 0.075  # of the axis, between names at the lines' ends
_NAMES = 108  # pixels for names at the lines' ends


def show(found: Sequence[Study], titles: dict[str, str], focus: str, result: Result) -> None:
    """Show what a figure and the thresholds do as pictures are added, all methods beside each other."""
    studies = [study for study in found if study.points]
    if not studies:
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"### {text('stress.together')}", width="content")
        measure = st.segmented_control(
            text("stress.measure"), ("auroc", "found"), default="auroc", required=True, key="stress_together_measure",
            format_func=lambda name: text(f"stress.measures.{name}"), label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
    for name, place in zip((measure, "threshold"), st.columns(2, gap="small"), strict=True):
        with place, st.container(border=True, key=f"stress_together_card_{name}"):
            charts.show(
                chart(studies, name, titles, focus), f"stress_together_{name}",
                text("stress.alt_together", measure=text(f"stress.measures.{name}")), _focus,
            )  # fmt: skip
    st.caption(
        " ".join((text("stress.together_note", focus=titles[focus]), steadiness(studies, titles), least(result)))
    )


def chart(found: Sequence[Study], measure: str, titles: dict[str, str], focus: str) -> charts.Chart:
    """Return the chart of a figure over the number of pictures, doubled from tick to tick; a band holds all draws."""
    steps = found[0].steps
    places = {step: log2(step) for step in steps}
    low, high = _range(found, measure)
    first, last = places[steps[0]], places[steps[-1]]
    x = {
        "tickvals": list(places.values()), "ticktext": [str(step) for step in steps], "tickangle": 0,
        "range": [first - 0.15, last], "showgrid": False,
    }  # fmt: skip
    y: dict[str, Any] = charts.percent() if measure == "found" else {"range": [low, high]}
    if measure == "threshold":
        y |= {"tickformat": ".2~f", "ticksuffix": " ×"}
    made = charts.figure(_HEIGHT, text("stress.across.pictures"), "", x=x, y=y)
    made.update_layout(margin={"t": 44, "r": _NAMES})
    charts.heading(made, text(f"stress.together_heads.{measure}"))
    ends = {}
    for study in sorted(found, key=lambda study: study.key == focus):
        colour = COLOURS.accent if study.key == focus else COLOURS.soft
        spreads = [(places[point.at], point, getattr(point, measure)) for point in study.points]
        band = [(at, s.low, s.high) for at, _, s in spreads if s.low is not None]
        made.add_scatter(
            x=[*(at for at, _, _ in band), *(at for at, _, _ in reversed(band))],
            y=[*(top for _, _, top in band), *(bottom for _, bottom, _ in reversed(band))],
            mode="lines", fill="toself", line={"width": 0}, fillcolor=colour, name=f"{titles[study.key]} range",
            opacity=0.2 if study.key == focus else 0.1, hoverinfo="skip",
        )  # fmt: skip
        made.add_scatter(
            x=[at for at, _, _ in spreads], y=[s.figure.value for _, _, s in spreads], mode="lines+markers",
            name=titles[study.key], customdata=[study.key] * len(spreads),
            line={"color": colour, "width": 2.4 if study.key == focus else 1.4}, marker={"color": colour, "size": 6},
            text=[_reading(titles[study.key], study, point, measure) for _, point, _ in spreads],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
        if (end := spreads[-1][2].figure.value) is not None:
            ends[study.key] = end
    for key, place in _apart(ends, low, high).items():
        colour = COLOURS.accent if key == focus else COLOURS.muted
        charts.write(made, last, place, charts.escaped(titles[key]), colour, xanchor="left", xshift=8)
    return made


def steadiness(found: Sequence[Study], titles: dict[str, str]) -> str:
    """Return how far thresholds differ between draws with all pictures; "" where all are one draw."""
    wide = {
        study.key: 50 * (spread.high - spread.low)
        for study in found
        if (spread := study.points[-1].threshold).low is not None and spread.high is not None
        and study.points[-1].draws > 1 and study.points[-1].at == study.steps[-1]
    }  # fmt: skip
    if len(wide) < 2:
        return ""
    least, most = min(wide, key=lambda key: wide[key]), max(wide, key=lambda key: wide[key])
    return text(
        "stress.steadiest", n=found[0].steps[-1], least=titles[least], most=titles[most],
        little=f"{wide[least]:.0f}", much=f"{wide[most]:.0f}",
    )  # fmt: skip


def least(result: Result) -> str:
    """Return which rates of false alarms can be promised at all, by a held-out share and by pictures left out."""
    held, normals = len(result.held_out), len(result.held_out) + len(result.learnt)
    (_, few), (_, many) = (thresholds.nearest_rate(count, 0.0) or (1, count + 1) for count in (held, normals))
    return text("stress.least_rate", n=normals, held=held, few=few, many=many)


def _reading(title: str, study: Study, point: Step, measure: str) -> str:
    return reading(title, study, point, measure, getattr(point, measure), "shares" if measure == "found" else measure)


def _range(found: Sequence[Study], measure: str) -> tuple[float, float]:
    """Return where an axis begins and ends: as narrow as all bands, shares as a whole."""
    if measure == "found":
        return 0.0, 1.0
    spreads = [getattr(point, measure) for study in found for point in study.points]
    known = [end for spread in spreads for end in (spread.low, spread.high) if end is not None] or [0.0, 1.0]
    low, high = (min(known), max(known)) if measure == "auroc" else (0.0, max(known))
    room = 0.04 * ((high - low) or 1.0)
    return low - (room if measure == "auroc" else 0.0), high + room


def _apart(ends: dict[str, float], low: float, high: float) -> dict[str, float]:
    """Return where names stand: at their lines' ends, moved so that none lies on another."""
    room, placed = _APART * (high - low), {}
    for key in sorted(ends, key=lambda key: ends[key]):
        placed[key] = max(ends[key], *(place + room for place in placed.values()), low)
    over = max(placed.values(), default=high) - high
    for key in reversed(list(placed)):
        placed[key] -= max(over, 0.0)
        below = [place for other, place in placed.items() if list(placed).index(other) < list(placed).index(key)]
        over = max(below, default=low) - (placed[key] - room)
    return placed


def _focus(points: list[dict[str, Any]]) -> None:
    """Bring the method whose point was clicked to the front, here and on the other pages."""
    if points and (key := points[0].get("customdata")):
        change(focus=str(key[0] if isinstance(key, list) else key).split("/")[0])
