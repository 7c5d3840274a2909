"""The component that opens a camera, shows what all methods say of its frames, and sends these by the channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detectors.features.weights import DEFAULT
from detectors.live import alarm, selection
from pages.frame import backend
from pages.frame.component import PAINT, Component
from pages.frame.state import Choices
from pages.frame.words import called, language, table
from pages.live import channel

CAMERA = Component(
    "camera",
    "pages/live/camera.html",
    ("pages/frame/component.css", "pages/live/camera.css"),
    (
        "assets/components/stored.js",
        "assets/components/maps.js",
        "assets/components/parts.js",
        *(f"pages/live/{name}.js" for name in ("sources", "channel", "strip", "methods", "camera")),
    ),
)
_LEAST_SIDE = 224  # of a frame as it is sent


def at_hand(choices: Choices) -> Choices:
    """Return the choices with one backbone: the first one whose weights need not be fetched, else the usual one."""
    states = backend.current().weights(choices.backbones, choices.random_weights)
    fetched = ("download", "missing")
    ready = [name for name, state in states.items() if state is not None and state.state not in fetched]
    return replace(choices, backbones=(ready[0] if ready else DEFAULT,))


def show(visitor: str, choices: Choices) -> Any:
    """Show it and return what was asked for on it: `remember` or `inspect`, a frame with its name."""
    backbone = choices.backbones[0]
    return CAMERA(
        key="camera",
        data={
            "visitor": visitor,
            "path": channel.PATH,
            "side": max(choices.size, _LEAST_SIDE),
            "methods": [
                {"key": method, "title": called(f"{method}/{backbone}"), "focus": method == choices.focus}
                for method in choices.methods
            ],
            "enough": selection.ENOUGH,
            "fewest": selection.FEWEST,
            "most": selection.MOST,
            "needed": alarm.NEEDED,
            "of": alarm.OF,
            "paint": PAINT,
            "colour": choices.colour,
            "present": choices.present,
            "language": language(),
            "words": table(language())["live"]["camera"],
        },
        on_remember_change=lambda: None,
        on_inspect_change=lambda: None,
    )
