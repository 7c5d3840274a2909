"""The linked grid in the browser: what it is sent, and what it sends back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pages.frame import session
from pages.frame.component import PAINT, Component, Pictures, send

GRID = Component(
    "grid",
    "pages/compare/grid.html",
    ("pages/frame/component.css", "pages/compare/grid.css"),
    (
        "assets/components/stored.js",
        "assets/components/maps.js",
        "assets/components/parts.js",
        *(f"pages/compare/{name}.js" for name in ("pane", "row", "tools", "grid")),
    ),
)


@dataclass(frozen=True)
class Pick:
    """A place that was chosen: the picture's id, the column's key (None: the picture itself), and the pixel."""

    picture: str
    column: str | None
    y: int
    x: int


def linked_grid(
    heads: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    pictures: Pictures,
    *,
    shape: float,
    words: dict[str, Any],
    colour: str,
    order: str,
    orders: Iterable[tuple[str, str]],
    language: str,
    on_focus: Callable[[str], None],
    on_colour: Callable[[str], None],
    on_order: Callable[[str], None],
    on_said: Callable[[int, str], None],
    stale: bool = False,
    key: str = "grid",
) -> Pick | None:
    """Show rows of panes; return the place that was chosen just now. `panes` makes heads and rows out of a result.

    Args:
        heads: one per column: {title, short, key or None, focus, lines: [{label, value, interval, counts, reason}]}.
        rows: {id, picture, title, note, size, fit, cells}, each cell {state, alt, ...}: see `panes`. `size` is (height,
            width) in pixels, the unit of a chosen place; `fit` the shares of a pane that the picture takes.
        shape: of all panes, width over height.
        words: labels of the tools, in the session's language.
        on_focus, on_colour, on_order: called with the method, colour map or order that was chosen.
        on_said: called with a test picture's number and what was said of it, one of the actions in `words`.
        stale: dims rows that answer other choices than the present ones.
    """
    send(pictures, key)
    data = {
        "heads": heads, "rows": rows, "shape": shape, "words": words, "paint": PAINT, "colour": colour,
        "order": order, "orders": list(orders), "language": language, "stale": stale,
    }  # fmt: skip
    heard = GRID(
        key=key,
        data=data,
        on_picked_change=_nothing,
        on_said_change=_nothing,
        on_focused_change=lambda: on_focus(session.widget(key)["focused"]["column"]),
        on_colour_change=lambda: on_colour(session.widget(key)["colour"]),
        on_order_change=lambda: on_order(session.widget(key)["order"]),
    )
    if heard.said:
        on_said(int(heard.said["row"].split()[0]), str(heard.said["action"]))
    picked = heard.picked
    return Pick(picked["row"], picked["column"], int(picked["y"]), int(picked["x"])) if picked else None


def _nothing() -> None:
    """Streamlit reports a component's values only where a callback is named."""
