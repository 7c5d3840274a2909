"""Compare before there is a result: the grid's empty panes, in the shape that the pictures will have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from detectors.queries.overview import Overview
from pages.frame import backend, data, panes, shapes, style
from pages.frame.component import Pictures
from pages.frame.progress import work
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.verdicts import ORDERS
from pages.frame.words import text

_ROWS = 3


def show(choices: Choices, status: Status, group: str, grid: Callable[..., Any]) -> None:
    """Show what is under way, and a few rows that wait for it."""
    style.head("compare", text("compare.begun" if status.state == "running" else "compare.before"))
    keys = choices.columns
    work(choices, status)
    rows = panes.waiting(keys, status, _ROWS, group)
    orders = named(ORDERS[:-1])
    grid(panes.blank_heads(keys, choices, group), rows, Pictures(), shape=_expected(choices), orders=orders)
    style.foot("compare")


def named(orders: Iterable[str]) -> list[tuple[str, str]]:
    """Return orders with what they are called."""
    return [(name, text(f"grid.order.{name}")) for name in orders]


def _expected(choices: Choices) -> float:
    """Return the shape of panes before there is a result, from own pictures as soon as they are known.

    The built-in pictures are square, and looking at them all would hold up the first of them.
    """
    asked = choices.data == "own" and choices.crop == "none"
    seen = backend.current().overview(data.source(choices)) if asked else None
    if not isinstance(seen, Overview):
        return 1.0
    return shapes.common(
        width / height for each in (*seen.normal, *seen.test) for height, width in [each.original_size]
    )
