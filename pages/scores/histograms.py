"""Histograms of scores, one a method, whose bars are made of pictures: defective upwards, normal downwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from detectors.evaluation.thresholds import ThresholdChoice, verdict
from detectors.plots.distributions import MANY
from detectors.plots.stacks import Cell, stacks
from detectors.result import Column, Result
from pages.frame import charts, once, panes, session
from pages.frame.charts import COLOURS
from pages.frame.pinned import is_pinned
from pages.frame.words import language, text
from pages.scores import lanes

HEIGHT = 250
_NAMED = 8  # pictures in a bar's hover


@dataclass(frozen=True)
class Bar:
    """Pictures of one group in one bin, by rising score: their cells, from left to right and outwards."""

    group: str
    bin: int
    cells: tuple[Cell, ...]

    @property
    def pictures(self) -> list[int]:
        """The test pictures in it; none in a bar of held-out ones."""
        return [cell.index for cell in self.cells if cell.group != "held_out"]


def bars(result: Result, column: Column) -> tuple[Any, list[Bar]]:
    """Return the edges of the bins (B + 1,) and the bars."""
    return once.of(result, ("bars", column.key), lambda: _bars(result, column))


def _bars(result: Result, column: Column) -> tuple[Any, list[Bar]]:
    edges, cells = stacks(result, column)
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.group, cell.bin), []).append(cell)
    return edges, [Bar(group, place, tuple(own)) for (group, place), own in found.items()]


def chart(result: Result, column: Column, title: str, at: float | None) -> charts.Chart:
    """Return a method's histogram, a line at its threshold; every picture is a piece of its own where they are few."""
    edges, found = bars(result, column)
    few = sum(len(bar.cells) for bar in found) <= MANY
    low, high = float(edges[0]), float(edges[-1])
    room = 0.02 * (high - low)
    highest = max([1, *(cell.base + 1 for bar in found for cell in bar.cells)])
    lowest = min([-1, *(cell.base for bar in found for cell in bar.cells)])
    step = max(1, round((highest - lowest) / 5))
    ticks = [n for n in range(lowest, highest + 1) if n % step == 0]
    pad = 0.06 * (highest - lowest)
    made = charts.figure(
        HEIGHT, text("scores.histograms.score"), text("scores.histograms.pictures"),
        x={"range": [low - room, high + room], "showgrid": False, "nticks": 6},
        y={"range": [lowest - pad, highest + pad], "tickvals": ticks, "ticktext": [str(abs(n)) for n in ticks]},
    )  # fmt: skip
    made.update_layout(barmode="overlay", margin={"t": 42}, bargap=0)
    charts.heading(made, title)
    said = once.of(result, ("hovers", column.key, few, language()), lambda: _hovers(found, result, edges, few))
    pieces: dict[tuple[str, str], list[tuple[Bar, int, list[Cell]]]] = {}
    for number, bar in enumerate(found):
        for cells in [[cell] for cell in bar.cells] if few else _sides(bar, at):
            flagged = at is not None and cells[0].score > at
            pieces.setdefault((bar.group, _sort(bar.group, flagged, at)), []).append((bar, number, cells))
    for (group, sort), own in pieces.items():
        face, edge = _paint(group, sort)
        made.add_bar(
            x=[float(edges[bar.bin] + edges[bar.bin + 1]) / 2 for bar, _, _ in own],
            width=[float(edges[bar.bin + 1] - edges[bar.bin]) for bar, _, _ in own],
            y=[len(cells) for _, _, cells in own], base=[min(cell.base for cell in cells) for _, _, cells in own],
            marker={"color": face, "line": {"color": edge, "width": 1.2}}, name=text(f"scores.lanes.keys.{sort}"),
            customdata=[[column.key, number, cells[0].index if few else -1] for _, number, cells in own],
            hovertext=[said[number, cells[0].index if few else None] for _, number, cells in own],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    made.add_hline(0, line={"color": COLOURS.control, "width": 1})
    if at is not None:
        charts.threshold_line(made, at, f"{text('scores.curves.threshold')} {at:.4g}", low, high)
    return made


def chosen(points: list[dict[str, Any]], result: Result) -> tuple[str, list[int]] | None:
    """Return the column and the test pictures of a piece that was clicked; None for one without any."""
    for point in points:
        said = point.get("customdata")
        if not isinstance(said, list | tuple) or len(said) != 3:
            continue
        column = next((c for c in result.columns if c.key == said[0]), None)
        found = bars(result, column)[1] if column is not None else []
        if column is None or said[1] not in range(len(found)):
            continue
        pictures = found[int(said[1])].pictures
        pictures = [i for i in pictures if said[2] in (i, -1)]
        if pictures:
            return column.key, pictures[::-1]
    return None


def alt(result: Result, column: Column, title: str, at: float | None) -> str:
    """Say what a histogram shows: how many pictures of each group lie above the threshold."""
    _, found = bars(result, column)
    said = []
    for group in dict.fromkeys(bar.group for bar in found):
        scores = [cell.score for bar in found if bar.group == group for cell in bar.cells]
        above = len(scores) if at is None else sum(score > at for score in scores)
        name = text(f"scores.lanes.keys.{_sort(group, group == 'defective', at)}")
        said.append(text("scores.histograms.alt_group", group=name, n=len(scores), above=above))
    return text("scores.histograms.alt", method=title, said=", ".join(said))


def _sides(bar: Bar, at: float | None) -> list[list[Cell]]:
    """Part a bar at the threshold."""
    sides: dict[bool, list[Cell]] = {}
    for cell in bar.cells:
        sides.setdefault(at is not None and cell.score > at, []).append(cell)
    return list(sides.values())


def _sort(group: str, flagged: bool, at: float | None) -> str:
    """Return the verdict on a piece, as the lanes call it; held-out pictures have none."""
    if group == "held_out":
        return "held"
    flagged = group == "defective" if at is None else flagged
    return verdict({"defective": True, "good": False, "unknown": None}[group], flagged)


def _paint(group: str, sort: str) -> tuple[str, str]:
    """Return face and edge; only errors are loud."""
    return {
        "held": (COLOURS.ground, COLOURS.soft),
        "passed": (COLOURS.soft, COLOURS.ground),
        "false_alarm": (COLOURS.false_alarm, COLOURS.ground),
        "normal": (COLOURS.tint, COLOURS.muted),
        "odd": (COLOURS.ink, COLOURS.muted),
        "found": (COLOURS.ink, COLOURS.ground),
        "miss": (COLOURS.ground, COLOURS.miss),
    }[sort]


def _hovers(found: list[Bar], result: Result, edges: Any, few: bool) -> dict[tuple[int, int | None], str]:
    """Return what is said of each piece, by the number of its bar and, where each is a picture, the picture's."""
    pieces = ((n, bar, cell) for n, bar in enumerate(found) for cell in (bar.cells if few else [None]))
    return {(n, cell and cell.index): _hover(bar, cell, result, edges) for n, bar, cell in pieces}


def _hover(bar: Bar, pointed: Cell | None, result: Result, edges: Any) -> str:
    """Name the pictures of a bar with their scores, the one that is pointed at first and in bold."""
    cells = sorted(bar.cells, key=lambda cell: (cell != pointed, -cell.score))
    said = []
    for cell in cells[:_NAMED]:
        name = (
            text("scores.lanes.held_name", n=cell.index + 1)
            if cell.group == "held_out"
            else charts.escaped(panes.name(result.test[cell.index]))
        )
        line = f"{name}: {cell.score:.4g}"
        said.append(f"<b>{line}</b>" if cell == pointed else line)
    if len(cells) > _NAMED:
        said.append(text("scores.shared.more", n=len(cells) - _NAMED))
    head = text("scores.histograms.bar", n=len(cells), low=f"{edges[bar.bin]:.4g}", high=f"{edges[bar.bin + 1]:.4g}")
    return "<br>".join([*said, head])


def show(result: Result, titles: dict[str, str], choice: ThresholdChoice) -> tuple[int, str] | None:
    """Show a histogram per method; return the picture and the method that were opened just now.

    A piece of one picture opens it; of several, they are listed below the charts.
    """

    def piece(points: list[dict[str, Any]]) -> None:
        session.BAR.pop()
        if (hit := chosen(points, result)) is not None:
            session.BAR.set(hit)

    with st.container(key="histograms", horizontal=True):
        for column in result.columns:
            at = choice.value_of(column)
            title, key = titles[column.key], f"scores_{column.method}_{column.backbone}"
            key += "_pinned" * is_pinned(column.key)
            made = partial(chart, result, column, title, at)
            shown = charts.kept(made, "histogram", result.digest, column.key, title, at)
            asked = ("alt", column.key, title, at, language())
            said = once.of(result, asked, partial(alt, result, column, title, at))
            charts.show(shown, key, said, piece)
    key, pictures = session.BAR.get() or ("", [])
    if len(pictures) == 1:
        session.BAR.pop()
        return pictures[0], key
    if not pictures or key not in titles:
        return None
    return lanes.listed(result, key, titles[key], pictures, lambda: session.BAR.set(None))
