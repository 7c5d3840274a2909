"""Lesson 4, playground: patches as points in the plane, and what each method makes of them, computed in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from detectors.result import Result
from pages.frame import session
from pages.frame.component import PAINT, Component
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import language, table, text

KEY = "playground"
SIDE, STEPS = 2.0, 36 * 36 - 1  # as in toy_state.js: the plane goes from -2 to 2 both ways, in so many steps
METHODS = ("spade", "mahalanobis", "padim", "patchcore", "cfa")

PLAYGROUND = Component(
    "playground",
    "pages/learn/playground.html",
    ("pages/frame/component.css", "pages/learn/playground.css"),
    (
        "assets/components/stored.js",
        "assets/components/maps.js",
        "assets/components/parts.js",
        "pages/learn/mersenne.js",
        "pages/learn/toy_methods.js",
        "pages/learn/toy_state.js",
        "pages/learn/toy_pane.js",
        "pages/learn/playground.js",
    ),
)


def toy(choices: Choices, status: Status, result: Result | None) -> None:
    """Show the plane and the five panes; what a person places and sets goes into the address."""

    def changed() -> None:
        placed = session.widget(KEY).get("toy")
        if isinstance(placed, str):
            change(toy=placed if placed != presets()[FIRST] else "")

    words = table(language())["learn"]["playground"]
    titles = {method: text(f"methods.{method}") for method in METHODS}
    data = {
        "toy": choices.toy, "language": language(), "paint": PAINT, "palette": PAINT["palettes"][choices.colour],
        "presets": [{"toy": made, "name": text(f"learn.playground.sets.{name}")} for name, made in presets().items()],
        "words": words["toy"] | {"titles": titles | {"plane": words["plane"]}},
    }  # fmt: skip
    PLAYGROUND(key=KEY, data=data, on_toy_change=changed)


FIGURES: dict[str, Callable[..., None]] = {"toy": toy}
VALUES: dict[str, Callable[..., str | None]] = {}
EARLY = frozenset(FIGURES)  # it brings its own patches

FIRST = "places"


@cache
def presets() -> dict[str, str]:
    """Return sets of patches to start from, by name, as the browser writes them."""
    rng = np.random.default_rng(7)

    def cloud(x: float, y: float, wide: float, high: float, n: int = 12) -> ArrayLike:
        return rng.normal((x, y), (wide, high), (n, 2))

    bow = np.linspace(0.1, 0.9, 12) * np.pi
    places = [cloud(-0.95, 0.75, 0.42, 0.12), cloud(0.95, 0.6, 0.13, 0.4), cloud(0.1, -0.95, 0.2, 0.2)]
    clusters = np.vstack([cloud(-0.9, -0.3, 0.2, 0.25, 8), cloud(0.95, 0.5, 0.16, 0.16, 5)])
    along = np.linspace(-1.3, 1.3, 14)
    line = np.stack([along, 0.6 * along], 1) + rng.normal(0, 0.07, (14, 2))
    ring = np.linspace(0, 2 * np.pi, 15, endpoint=False)
    round_ = 1.1 * np.stack([np.cos(ring), np.sin(ring)], 1) + rng.normal(0, 0.05, (15, 2))
    far = [np.vstack([cloud(-0.75, -0.2, 0.26, 0.16, 15), [[1.3, 1.35]]]), cloud(0.75, -0.9, 0.16, 0.22, 16)]
    arc = [
        np.stack([-1.2 * np.cos(bow), 1.25 * np.sin(bow) - 0.6], 1) + rng.normal(0, 0.06, (12, 2)),
        cloud(0.05, -0.75, 0.2, 0.14),
    ]
    return {
        FIRST: written(places, probe=(0.95, -0.35)),
        "clusters": written([clusters], probe=(0.1, 0.1)),
        "line": written([line], probe=(0.6, -0.6), dials="3.50.a.20.0.3.0"),
        "ring": written([round_], probe=(0.0, 0.0), dials="3.50.a.20.0.3.0"),
        "far": written(far, probe=(0.3, 0.6)),
        "arc": written(arc, probe=(0.0, -0.1)),
    }


def written(positions: Sequence[ArrayLike], probe: Sequence[float] = (0.0, 0.0), dials: str = "3.25.a.20.0.3.0") -> str:
    """Return patches as toy_state.js writes them.

    Args:
        positions: (N, 2) each, the patches of picture 0, 1, ... at this position.
        probe: where the probe is.
        dials: K, ratio, shrinkage, epsilon, radius, seed and position, as they are written.
    """
    placed = [
        np.base_repr(picture, 36).lower() + str(position) + _digits(point)
        for position, points in enumerate(positions)
        for picture, point in enumerate(np.asarray(points, dtype=np.float64))
    ]
    return f"{''.join(placed)}.{dials}.{_digits(probe)}"


def _digits(point: ArrayLike) -> str:
    steps = np.rint((np.clip(np.asarray(point), -SIDE, SIDE) + SIDE) / (2 * SIDE) * STEPS).astype(int)
    return "".join(np.base_repr(int(step), 36).lower().zfill(2) for step in steps)
