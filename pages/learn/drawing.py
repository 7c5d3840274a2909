"""Small drawings in the theme's colours: points, lines and words that the browser turns into SVG.

Streamlit's HTML takes no SVG, and its charts are too heavy for a few hundred points beside a paragraph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pages.frame.component import Component

DRAWING = Component(
    "drawing",
    "pages/learn/drawing.html",
    ("pages/learn/marks.css",),
    ("pages/learn/draw.js", "pages/learn/drawing.js"),
)


@dataclass
class Drawing:
    """Marks in a box of width x height, drawn in order; `label` says what they show to who cannot see them."""

    width: float
    height: float
    label: str
    marks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def data(self) -> dict[str, Any]:
        return {"width": self.width, "height": self.height, "label": self.label, "marks": self.marks}

    def dots(self, points: NDArray[Any] | Sequence[Sequence[float]], kind: str, r: float = 2.0) -> None:
        self._add("dots", kind, points=np.round(np.asarray(points, float).reshape(-1, 2), 1).tolist(), r=r)

    def circle(self, x: float, y: float, kind: str, r: float = 4.0, said: str = "") -> None:
        self._add("circle", kind, cx=x, cy=y, r=r, said=said)

    def diamond(self, x: float, y: float, kind: str = "accent", r: float = 7.0, said: str = "") -> None:
        self._add("path", kind, d=f"M{x:.1f} {y - r:.1f}l{r} {r}l{-r} {r}l{-r} {-r}Z", said=said)

    def line(self, a: Sequence[float], b: Sequence[float], kind: str, said: str = "") -> None:
        self._add("line", kind, x1=a[0], y1=a[1], x2=b[0], y2=b[1], said=said)

    def curve(self, points: Iterable[Sequence[float]], kind: str) -> None:
        self._add("path", kind, d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))

    def rect(self, x: float, y: float, width: float, height: float, kind: str, said: str = "", rx: float = 0) -> None:
        self._add("rect", kind, x=x, y=y, width=max(0.0, width), height=max(0.0, height), rx=rx, said=said)

    def ellipse(self, x: float, y: float, rx: float, ry: float, kind: str = "ellipse") -> None:
        self._add("ellipse", kind, cx=x, cy=y, rx=rx, ry=ry)

    def text(self, x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> None:
        self.marks.append(
            {"kind": "text", "class": kind, "x": round(x, 1), "y": round(y, 1), "said": said, "text-anchor": anchor}
        )

    def show(self, key: str) -> None:
        """Put the drawing on the page."""
        DRAWING(key=key, data=self.data)

    def _add(self, kind: str, look: str, **values: Any) -> None:
        rounded = {k: round(float(v), 2) if isinstance(v, float | np.floating) else v for k, v in values.items()}
        self.marks.append({"kind": kind, "class": look} | {k: v for k, v in rounded.items() if v != ""})


@dataclass(frozen=True)
class View:
    """Brings data coordinates into a drawing's box: x to the right, y upwards, both on the same scale when `square`."""

    low: tuple[float, float]
    scale: tuple[float, float]
    corner: tuple[float, float]  # lower left, in the drawing

    @classmethod
    def of(
        cls, points: NDArray[Any], box: tuple[float, float, float, float], square: bool = True, margin: float = 0.06
    ) -> View:
        """Fit (n, 2) points into box = (left, top, right, bottom)."""
        left, top, right, bottom = box
        low, high = points.min(0), points.max(0)
        span = np.where(high > low, high - low, 1.0) * (1 + 2 * margin)
        scale = np.array([right - left, bottom - top]) / span
        if square:
            scale = np.full(2, scale.min())
        middle = (low + high) / 2
        size = np.array([right - left, bottom - top]) / scale
        start = middle - size / 2
        return cls((float(start[0]), float(start[1])), (float(scale[0]), float(scale[1])), (left, bottom))

    def __call__(self, points: Any) -> NDArray[np.float64]:
        flat = np.asarray(points, float)
        moved = (flat - self.low) * self.scale
        return np.stack([self.corner[0] + moved[..., 0], self.corner[1] - moved[..., 1]], axis=-1)
