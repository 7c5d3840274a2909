"""A gallery of small pictures in the browser: groups with marks, choosing many at once, what to do with the chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from detectors.queries.overview import Thumbnail
from pages.frame import session, shapes
from pages.frame.component import Component, address
from pages.frame.words import text

GALLERY = Component(
    "gallery",
    "pages/images/gallery.html",
    ("pages/frame/component.css", "pages/images/gallery.css"),
    ("pages/images/gallery.js",),
)
THUMBS = Component("thumbs", js=("pages/images/thumbs.js",))
_PARCEL = 60  # pictures in one message: about 200 kB


@dataclass(frozen=True)
class Tile:
    """One picture of a gallery.

    Attributes:
        id: what an action names it by.
        picture: small, with its name.
        alt: what is read aloud.
        odd: why it has an amber frame; "" for most.
    """

    id: str
    picture: Thumbnail
    alt: str
    odd: str = ""


@dataclass(frozen=True)
class Action:
    """What can be done with chosen pictures.

    Attributes:
        key, label: of its button.
        asks: what a word typed beside the button says, "" for a button alone.
        known: words that are offered there.
        letter: of the keyboard that does it with the chosen pictures, or with the one that has the focus.
    """

    key: str
    label: str
    asks: str = ""
    known: tuple[str, ...] = ()
    letter: str = ""


@dataclass(frozen=True)
class Group:
    """Pictures of one sort under a heading.

    Attributes:
        mark: "circle" good, "held", "diamond" defective, "unknown".
        chip: a word beside the count, such as "synthetic".
    """

    key: str
    title: str
    mark: str
    tiles: tuple[Tile, ...]
    chip: str = ""


def gallery(
    groups: Iterable[Group],
    actions: Iterable[Action],
    on_act: Callable[[str, list[str], str], None],
    key: str,
    reveal: dict[str, Any] | None = None,
) -> None:
    """Show groups of pictures that `send` has put into the browser's store.

    Args:
        groups: in order; groups of few pictures stand side by side.
        actions: what can be done with chosen pictures.
        on_act: called with an action's key, the ids of the pictures that were chosen, and what was typed.
        key: of the component.
        reveal: {"id", "at"} of a picture to scroll to, once for each `at`.
    """
    groups = [group for group in groups if group.tiles]
    tiles = [tile for group in groups for tile in group.tiles]
    known = {tile.id for tile in tiles}

    def acted() -> None:
        said = session.widget(key)["acted"] or {}
        chosen = [name for name in said.get("ids", ()) if name in known]
        if chosen:
            on_act(str(said.get("action")), chosen, str(said.get("word") or ""))

    data = {
        "groups": [
            {
                "key": g.key, "title": g.title, "mark": g.mark, "chip": g.chip, "items": [tile.id for tile in g.tiles],
            }
            for g in groups
        ],
        "items": {
            tile.id: {"thumb": _thumb(tile.picture), "name": tile.picture.name, "alt": tile.alt, "odd": tile.odd}
            for tile in tiles
        },
        "actions": [asdict(action) for action in actions],
        "shape": shapes.common(width / height for tile in tiles for height, width in [tile.picture.original_size]),
        "words": {name: text(f"images.gallery.{name}") for name in ("chosen", "none", "all")},
        "reveal": reveal,
    }  # fmt: skip
    GALLERY(key=key, data=data, on_acted_change=acted)


def send(pictures: Iterable[Thumbnail], key: str) -> None:
    """Put small pictures into the browser's store; parcels that it has are not sent again."""
    uris = {_thumb(picture): address(picture.webp) for picture in pictures}
    names = list(uris)
    with st.container(key=f"{key}_store"):
        for start in range(0, len(names), _PARCEL):
            parcel = {name: uris[name] for name in names[start : start + _PARCEL]}
            THUMBS(key=f"{key}_parcel_{start}", data=json.dumps(parcel).encode(), height=1)


def _thumb(picture: Thumbnail) -> str:
    return picture.sha256[:20]
