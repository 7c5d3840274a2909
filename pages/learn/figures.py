"""Lesson, what figures hide: pixel AUROC beside what is found where hardly a good pixel raises a false alarm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors.evaluation.aupimo import BOUNDS, alarm_level
from detectors.result import Column, Result
from pages.frame import panes
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import say, text
from pages.learn.lesson import listed
from pages.learn.parts import Intervals, Row, beside, caption, cell, figure_of, interval, picture, tiles

NAMES = ("pixel_auroc", "aupro", "aupro_05", "aupimo")
HIGH, LOW = 0.95, 0.5  # pixel AUROC from here and AUPIMO up to here: the one hides the other
FULL = 2.0  # on the common scale: painted in full colour


def found(choices: Choices, status: Status, result: Result) -> None:
    """Paint what lies above the strict threshold in the pictures of the lowest, the middle and the highest AUPIMO."""
    column = _column(choices, result)
    each = np.array([]) if column is None else _each(column)
    if column is None or column.maps is None or not np.isfinite(each).any():
        return
    level = alarm_level(result.test, column.maps, BOUNDS[1])
    order = np.argsort(each, kind="stable")[: int(np.isfinite(each).sum())]
    made = []
    for i in dict.fromkeys(int(order[place]) for place in (0, len(order) // 2, -1)):
        shown, mask = result.test[i], result.test[i].mask
        if mask is None:
            continue
        above = column.maps[i] > level
        alt = text("learn.figures.alt", name=panes.name(shown))
        painted = picture(shown.pixels, alt, scaled=np.where(above, FULL, 0.0), colour=choices.colour, mask=mask)
        share = text(
            "learn.figures.share", share=f"{100 * above[mask].mean():.0f}", rest=f"{100 * above[~mask].mean():.0f}"
        )
        made.append(cell(painted, panes.name(shown), share, f"AUPIMO {each[i]:.2f}"))
    tiles(made, 3)
    caption(text("learn.figures.found_note", method=text(f"methods.{column.method}")))


def figures(choices: Choices, status: Status, result: Result) -> None:
    """Show four figures of the method in focus, and AUPIMO of all methods."""
    column = _column(choices, result)
    if column is None:
        return
    rows = [Row(text(f"scores.figures.{name}"), figure_of(column, name), focus=name == "aupimo") for name in NAMES]
    others = [
        Row(text(f"methods.{c.method}"), figure_of(c, "aupimo"), focus=c is column)
        for c in result.columns
        if c.backbone == column.backbone and c.maps is not None
    ]
    beside(
        "figures",
        Intervals(text(f"methods.{column.method}"), rows),
        Intervals(text("scores.figures.aupimo"), others),
    )


FIGURES: dict[str, Callable[..., None]] = {"found": found, "figures": figures}


def afford(choices: Choices, status: Status, result: Result) -> str | None:
    """Say how many pixels of one picture a share of 1 % is, and one of 1 in 10,000."""
    if not result.test:
        return None
    pixels = result.test[0].pixels[..., 0].size
    return text(
        "learn.figures.afford", pixels=f"{pixels:,}", percent=f"{pixels / 100:,.0f}", few=f"{pixels * BOUNDS[1]:.0f}"
    )


def nothing(choices: Choices, status: Status, result: Result) -> str | None:
    """Count the defects of which nothing at all is found, where there are some."""
    column = _column(choices, result)
    if column is None:
        return None
    each = _each(column)
    none, of = int((each == 0).sum()), int(np.isfinite(each).sum())
    return text("learn.figures.nothing", n=none, of=of, method=text(f"methods.{column.method}")) if none else None


def flattered(choices: Choices, status: Status, result: Result) -> str | None:
    """Name the methods whose pixel AUROC is high while AUPIMO is low."""
    names = [
        text("learn.figures.one", method=text(f"methods.{column.method}"), auroc=f"{auroc:.2f}", aupimo=f"{aupimo:.2f}")
        for column in result.columns
        if column.backbone == result.columns[0].backbone
        and (auroc := figure_of(column, "pixel_auroc").value) is not None
        and (aupimo := figure_of(column, "aupimo").value) is not None
        and auroc >= HIGH
        and aupimo <= LOW
    ]
    return text("learn.figures.flattered", listed=listed(names)) if names else None


def plain(choices: Choices, status: Status, result: Result) -> str | None:
    """Say both figures of the method in focus."""
    column = _column(choices, result)
    if column is None or figure_of(column, "aupimo").value is None:
        return None
    said = {name: interval(figure_of(column, name)) for name in ("pixel_auroc", "aupimo")}
    return text("learn.figures.plain", method=text(f"methods.{column.method}"), **said)


def absent(choices: Choices, status: Status, result: Result) -> str | None:
    """Say why there is no AUPIMO, where there is none."""
    column = _column(choices, result)
    reason = None if column is None else figure_of(column, "aupimo").reason
    if column is None or reason is None or figure_of(column, "aupimo").value is not None:
        return None
    return text("learn.figures.absent", reason=say(reason))


VALUES: dict[str, Callable[..., str | None]] = {
    "afford": afford,
    "nothing": nothing,
    "flattered": flattered,
    "plain": plain,
    "absent": absent,
}


def _column(choices: Choices, result: Result) -> Column | None:
    """Return the column in focus where it has a map, else the first that has one."""
    able = [c for c in result.columns if c.maps is not None]
    return next((c for c in able if c.method == choices.focus), able[0] if able else None)


def _each(column: Column) -> np.ndarray:
    """(M,) AUPIMO of each test picture, NaN where it has none."""
    return np.array([np.nan if v is None else v for v in figure_of(column, "aupimo").each])
