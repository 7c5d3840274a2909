"""The large picture with linked maps, film strip and evidence in the browser: what it is sent, what it sends back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from detectors.queries.explain import ROLES
from detectors.result import Result, ResultPicture
from pages.frame import panes, session, shapes
from pages.frame.component import PAINT, Component, Pictures, encoded, send
from pages.frame.once import Once
from pages.frame.words import language, table, text
from pages.inspect import exhibits
from pages.inspect.exhibits import Exhibit

VIEWER = Component(
    "viewer",
    "pages/inspect/inspect.html",
    ("pages/frame/component.css", "pages/inspect/parts.css", "pages/inspect/inspect.css"),
    (
        "assets/components/stored.js",
        "assets/components/maps.js",
        "assets/components/parts.js",
        *(f"pages/inspect/{name}.js" for name in ("lens", "rows", "strip", "inspect")),
    ),
)
_STRIP = 6
_THUMBNAIL = 64
_THUMBNAILS = Once(2000)


def viewer(
    data: dict[str, Any],
    pictures: Pictures,
    *,
    on_place: Callable[[int, int], None],
    on_picture: Callable[[str], None],
    on_mode: Callable[[str], None],
    on_gradient: Callable[[], None],
    key: str = "viewer",
) -> None:
    """Show a picture and the evidence for a place in it.

    Args:
        data: rows, place, picture and words: see `pages/inspect.py`.
        pictures: what the keys in `data` stand for.
        on_place: called with row and column; the other callbacks with a picture's key, a mode, nothing.
    """
    send(pictures, key)
    VIEWER(
        key=key,
        data=data | {"paint": PAINT, "language": language(), "words": words()},
        on_place_change=lambda: on_place(
            int(session.widget(key)["place"]["y"]), int(session.widget(key)["place"]["x"])
        ),
        on_picture_change=lambda: on_picture(str(session.widget(key)["picture"]["key"])),
        on_mode_change=lambda: on_mode("paint"),
        on_gradient_change=on_gradient,
    )


def words() -> dict[str, Any]:
    """Return the labels of the viewer's tools."""
    tongue = table(language())["inspect"]
    return {**tongue["viewer"], **tongue["mode"], "modes_label": tongue["mode"]["modes"], "alike": tongue["alike"]}


def film(exhibit: Exhibit, result: Result) -> dict[str, Any]:
    """Return the film strip around a picture, the ones before and after, and the kinds of pictures to choose from."""
    pictures = exhibits.listed(result, exhibit.role)
    start = min(max(0, exhibit.index - _STRIP // 2 + 1), max(0, len(pictures) - _STRIP))
    shown = range(start, min(start + _STRIP, len(pictures)))

    def entry(index: int) -> dict[str, Any] | None:
        if not 0 <= index < len(pictures):
            return None
        return {"key": f"{exhibit.role} {index}", "title": panes.name(pictures[index])}

    thumbnails = [{**(entry(i) or {}), "uri": thumbnail(pictures[i]), "chosen": i == exhibit.index} for i in shown]
    roles = [
        {"key": f"{role} 0", "title": text(f"inspect.roles.{role}", n=n), "chosen": role == exhibit.role}
        for role in ROLES
        if (n := len(exhibits.listed(result, role)))
    ]
    return {"strip": thumbnails, "before": entry(exhibit.index - 1), "after": entry(exhibit.index + 1), "roles": roles}


def thumbnail(picture: ResultPicture, side: int = _THUMBNAIL) -> str:
    """Return a picture of its own shape, with as many pixels as a square of `side`, as an address that holds it."""
    width, height = shapes.pixels(picture.aspect, side)

    def made() -> str:
        pixels = Image.fromarray(shapes.seen(picture, picture.pixels))
        return encoded(pixels.resize((width, height), Image.Resampling.BOX), "WEBP", quality=80)

    return _THUMBNAILS.get((picture.sha256, picture.box, width, height), made)
