"""Five live pictures on the way from a picture to its score, of which one is in focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pages.frame import session
from pages.frame.component import Component
from pages.frame.words import language, text
from pages.learn.plane import Plane

PATH = Component(
    "path",
    "pages/learn/path.html",
    ("pages/learn/path.css",),
    ("pages/learn/path.js",),
)


@dataclass(frozen=True)
class Station:
    """One of the five pictures.

    Attributes:
        image: a data URI, or points in a plane.
        cells: whether the image is made of a grid's cells, drawn with sharp borders.
        aims: whether a click in it moves the patch.
    """

    title: str
    caption: str
    alt: str
    image: str | Plane
    cells: bool = False
    aims: bool = False


def path(
    stations: Sequence[Station],
    active: int,
    shape: float,
    frame: tuple[float, float, float, float] | None,
    on_step: Callable[[int], None],
    on_place: Callable[[float, float], None],
    key: str = "path",
) -> None:
    """Show the stations.

    Args:
        stations: five of them.
        active: which one is in focus.
        shape: of the pictures, width over height.
        frame: (top, left, height, width) of the patch, as shares of the picture.
        on_step: called with the station that was chosen.
        on_place: called with (y, x) as shares of the picture.
        key: of the component.
    """
    steps = []
    for station in stations:
        step: dict[str, Any] = {
            "title": station.title, "caption": station.caption, "alt": station.alt,
            "cells": station.cells, "aims": station.aims,
        }  # fmt: skip
        drawn = isinstance(station.image, Plane)
        steps.append(step | ({"drawing": station.image.svg()} if drawn else {"image": station.image}))
    data = {
        "steps": steps, "active": active, "shape": shape, "frame": frame, "language": language(),
        "label": text("learn.method.path"), "hint": text("learn.method.hint"),
    }  # fmt: skip

    def stepped() -> None:
        chosen = session.widget(key).get("step")
        if chosen is not None:
            on_step(int(chosen))

    def placed() -> None:
        place = session.widget(key).get("place")
        if place is not None:
            on_place(float(place["y"]), float(place["x"]))

    PATH(key=key, data=data, on_step_change=stepped, on_place_change=placed)
