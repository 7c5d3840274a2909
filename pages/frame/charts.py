"""Charts with axes: plotly figures that look alike on every page, with buttons that enlarge and download them.

A page's chart is `figure(...)`, its traces, `show(...)`. Colours are the theme's: the browser puts them in place of
the names in `COLOURS`, so a switch to dark needs no answer of the server. Axes are given their ranges by the data; a
moved threshold moves its line and nothing else. plotly is imported by the first chart, not by the first page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor
from typing import Any

import streamlit as st

from detectors.plots.palette import Palette
from detectors.result import Figure
from pages.frame import session
from pages.frame.drawing import Chart, Ready
from pages.frame.once import Once
from pages.frame.words import language, table

# Streamlit replaces these by `chartCategoricalColors` of .streamlit/config.toml, in this order.
COLOURS = Palette(
    accent="#000001", soft="#000002", ink="#000003", muted="#000004", line="#000005", control="#000006",
    tint="#000007", ground="#000008", miss="#000009", false_alarm="#000010",
)  # fmt: skip
SMALL, USUAL = 12, 13  # pixels
ROW = 34  # pixels between the lines of an interval chart
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)  # between the ticks of rates
MOST_TICKS = 5
_KEPT = Once(400)  # charts: 5 to 200 kB each
_LONG = 20  # letters of a label, beyond which it has two lines


@dataclass(frozen=True)
class Row:
    """One line of an interval chart; `focus` is written in teal, `best` in bold."""

    label: str
    figure: Figure
    focus: bool = False
    best: bool = False


def figure(
    height: int, across: str = "", up: str = "", *, x: dict[str, Any] | None = None, y: dict[str, Any] | None = None
) -> Chart:
    """Return an empty chart of `height` pixels with titles along its axes; `x` and `y` add to plotly's axes."""
    axis = {
        "showline": False, "zeroline": False, "gridcolor": COLOURS.line, "ticks": "", "automargin": True,
        "tickfont": {"size": SMALL, "color": COLOURS.muted},
    }  # fmt: skip
    titles = [{"text": said, "font": {"size": SMALL, "color": COLOURS.muted}, "standoff": 8} for said in (across, up)]
    return Chart(
        {
            "height": height, "margin": {"l": 8, "r": 12, "t": 12, "b": 8}, "showlegend": False,
            "font": {"size": USUAL, "color": COLOURS.ink}, "hovermode": "closest", "dragmode": "zoom",
            "minreducedheight": 2, "minreducedwidth": 2,  # a chart of one line leaves its titles their room as well
            "paper_bgcolor": COLOURS.ground, "plot_bgcolor": COLOURS.ground,
            "hoverlabel": {
                "bgcolor": COLOURS.ground, "bordercolor": COLOURS.control, "align": "left",
                "font": {"size": USUAL, "color": COLOURS.ink},
            },
            "xaxis": axis | {"title": titles[0]} | (x or {}), "yaxis": axis | {"title": titles[1]} | (y or {}),
        }
    )  # fmt: skip


def write(chart: Chart, x: float, y: float, said: str, colour: str, **place: Any) -> None:
    """Write small words at a place of a chart; `place` is plotly's: anchors, shifts, references."""
    chart.add_annotation(x=x, y=y, text=said, showarrow=False, font={"size": SMALL, "color": colour}, **place)


def heading(chart: Chart, title: str) -> None:
    """Write a title above a chart, where its margin leaves 40 pixels."""
    chart.add_annotation(
        x=0, y=1, xref="paper", yref="paper", text=f"<b>{escaped(title)}</b>", showarrow=False, xanchor="left",
        yanchor="bottom", yshift=18, font={"size": USUAL + 1, "color": COLOURS.ink},
    )  # fmt: skip


def percent(end: float = 1.0) -> dict[str, Any]:
    """Return an axis of shares in per cent, from 0 to `end`: in quarters, or in tenths where it is shorter."""
    step = 0.25 if end > 0.5 else 0.1
    ticks = [i * step for i in range(round(end / step) + 1)]
    room = 0.015 * end
    return {
        "range": [-room, end + room], "tickvals": ticks, "ticktext": [f"{100 * t:.0f}" for t in ticks],
        "constrain": "domain",
    }  # fmt: skip


def threshold_line(chart: Chart, at: float, word: str, low: float, high: float) -> None:
    """Draw a threshold upright across a chart whose axis goes from `low` to `high`; at its end where it lies beyond."""
    inside = min(max(at, low), high)
    beyond = "" if inside == at else " →" if at > high else " ←"
    share = (inside - low) / ((high - low) or 1.0)
    chart.add_vline(inside, line={"color": COLOURS.accent, "width": 2})
    chart.add_annotation(
        x=inside, y=1, yref="paper", text=f"{word}{beyond}", showarrow=False, yanchor="bottom",
        xanchor="right" if share > 0.75 else "left" if share < 0.25 else "center",
        font={"size": SMALL, "color": COLOURS.accent},
    )  # fmt: skip


def kept(make: Callable[[], Chart], *depends: object) -> Ready:
    """Return a chart that is made once for all sessions.

    Args:
        make: makes it.
        depends: everything that it depends on but the language, said by `repr`; a result by its digest.
    """
    return _KEPT.get(f"{language()} {depends!r}", lambda: Ready(make()))


def show(
    chart: Chart | Ready, key: str, alt: str, chosen: Callable[[list[dict[str, Any]]], None] | None = None
) -> None:
    """Show a chart with its tools; `chosen` receives the points that a click chose, before the page is drawn again.

    Args:
        chart: made by `figure`.
        key: of the widget, the name of the downloaded files, and "chart_<key>" of what holds them.
        alt: what it shows, for who cannot see it.
        chosen: receives plotly's points, as the browser tells them; an empty list when the choice is taken back.
    """
    sent = Ready(chart) if isinstance(chart, Chart) else chart
    with st.container(key=f"chart_{key}", gap=None):
        st.plotly_chart(
            sent.figure(chosen is not None), key=key, alt=alt, height=sent.height, selection_mode="points",
            on_select="ignore" if chosen is None else lambda: chosen(_points(key)),
            config={"displayModeBar": True, "toImageButtonOptions": {"filename": key, "scale": 2}},
        )  # fmt: skip
        st.html(_tools(language()))


@cache
def _tools(tongue: str) -> str:
    """Return the buttons below a chart: enlarge, download as PNG or SVG; `presses.js` says what they do."""
    words = table(tongue)["charts"]
    buttons = "".join(
        f'<button type="button" data-press="{name}" title="{said}" aria-label="{said}">{label}</button>'
        for name in ("enlarge", "png", "svg")
        for label, said in [words[name]]
    )
    return f'<div class="odd-chart-tools" role="group" lang="{tongue}" aria-label="{words["tools"]}">{buttons}</div>'


def _points(key: str) -> list[dict[str, Any]]:
    chosen = session.widget(key)
    return [dict(point) for point in chosen["selection"]["points"]] if chosen else []


def forest(
    rows: Sequence[Row],
    written: Sequence[str],
    *,
    across: str = "",
    zero: float | None = None,
    ends: tuple[str, str] | None = None,
    unit: float = 1.0,
    numbers: bool = False,
) -> Chart:
    """Return figures with their intervals, one line each: a point on a pale bar.

    Args:
        rows: what is drawn.
        written: the number of each row in words.
        across: the title of the axis.
        zero: where a line marks no difference; the axis is then symmetrical around it.
        ends: what lies to the left and to the right of `zero`, written above the lines.
        unit: what the axis is written in: 0.01 for points.
        numbers: whether the numbers stand on the right; else they appear when a line is pointed at.
    """
    low, high, step = axis([row.figure for row in rows]) if zero is None else _around(rows, zero)
    room = 0.02 * (high - low)
    ticks = [step * i for i in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    x = {"range": [low - room, high + room], "tickvals": ticks, "ticktext": [f"{t / unit:.4g}" for t in ticks]}
    places = list(range(len(rows)))
    labels = [_label(row) for row in rows]
    y = {
        "range": [len(rows) - 0.4, -0.6], "tickvals": places, "ticktext": labels, "showgrid": False,
        "tickfont": {"size": USUAL, "color": COLOURS.ink},
    }  # fmt: skip
    chart = figure(ROW * len(rows) + (56 if across else 38), across, x=x, y=y)
    if zero is not None:
        chart.add_vline(zero, line={"color": COLOURS.control, "width": 1})
    for x, anchor, said in zip((0, 1), ("left", "right"), ends or (), strict=False):
        write(chart, x, 1, said, COLOURS.muted, xref="paper", yref="paper", xanchor=anchor, yanchor="bottom")
    if ends is not None:
        chart.update_layout(margin={"t": 26}, height=chart.height + 14)
    if numbers:
        chart.update_layout(margin={"r": 124})
        for place, row in zip(places, rows, strict=True):
            said = f"<b>{written[place]}</b>" if row.best else written[place]
            chart.add_annotation(
                x=1, xref="paper", y=place, text=said, showarrow=False, xanchor="left", xshift=8,
                font={"size": SMALL, "color": COLOURS.ink},
            )  # fmt: skip
    for place, row in zip(places, rows, strict=True):
        colour = COLOURS.accent if row.focus else COLOURS.soft
        f = row.figure
        hover = f"{escaped(row.label)}: {written[place]}<extra></extra>"
        if f.low is not None and f.high is not None:
            chart.add_scatter(
                x=[f.low, f.high], y=[place, place], mode="lines", line={"color": colour, "width": 5}, opacity=0.45,
                hovertemplate=hover,
            )  # fmt: skip
        if f.value is not None:
            ink = COLOURS.accent if row.focus else COLOURS.ink
            chart.add_scatter(
                x=[f.value], y=[place], mode="markers", marker={"color": ink, "size": 10}, hovertemplate=hover
            )
    return chart


def escaped(written: str) -> str:
    """Return a name as plotly, which reads tags, shows it unchanged."""
    return written.replace("&", "&amp;").replace("<", "&lt;")


def _label(row: Row) -> str:
    said = escaped(row.label)
    said = said.replace(" · ", "<br>", 1) if len(said) > _LONG else said
    said = f"<b>{said}</b>" if row.best else said
    return f'<span style="color:{COLOURS.accent}">{said}</span>' if row.focus else said


def _around(rows: Sequence[Row], zero: float) -> tuple[float, float, float]:
    ends = [abs(v - zero) for r in rows for v in (r.figure.low, r.figure.high, r.figure.value) if v is not None]
    widest = max([0.05, *ends])
    step = next((s for s in STEPS if widest / s <= 2.5), 0.5)
    return zero - widest, zero + widest, step


def axis(figures: Sequence[Figure]) -> tuple[float, float, float]:
    """Return (low, high, step) of an axis that holds all figures with their intervals."""
    known = [v for f in figures for v in (f.value, f.low, f.high) if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    for step in STEPS:
        first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
        last = max(last, first + 1)
        if last - first < MOST_TICKS:
            break
    return first * step, last * step, step
