"""What a browser painted or received, as arrays: canvases, images, pieces of the screen, and how far apart two are."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

_PLAIN, _PLACES = 40, 40  # levels by which two images differ plainly, and in how many places they must


def canvas(locator: Any) -> Array:
    """Return what a canvas holds, (H, W, 4)."""
    width, height, data = locator.evaluate(
        """async (canvas) => {
            const { width, height } = canvas;
            const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
            const reader = new FileReader();
            const read = new Promise((resolve) => (reader.onload = () => resolve(reader.result)));
            reader.readAsDataURL(new Blob([pixels]));
            return [width, height, (await read).split(",")[1]];
        }"""
    )
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def image(locator: Any) -> Array:
    """Return the image that an <img> or an SVG <image> received, (H, W, 3) or (H, W, 4)."""
    address = locator.evaluate("e => e.getAttribute('src') ?? e.getAttribute('href')")
    return decoded(address)


def decoded(address: str) -> Array:
    """Return the image that a data address holds."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2]))))


def screen(locator: Any, side: int) -> Array:
    """Return what the screen shows of an element, (side, side, 3)."""
    shot = Image.open(io.BytesIO(locator.screenshot(animations="disabled"))).convert("RGB")
    return np.asarray(shot.resize((side, side), Image.Resampling.BOX))


def small(pixels: Array, side: int) -> Array:
    """Return (H, W, 3) pixels at another size."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), Image.Resampling.BOX))


def apart(one: Array, other: Array) -> float:
    """Return the mean absolute difference of two images of 0 to 255."""
    assert one.shape == other.shape, (one.shape, other.shape)
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).mean())


def is_nearest(found: Array, candidates: list[Array], wanted: int, within: float) -> None:
    """Assert that an image is one of several: within a tolerance of it, and of no other that differs from it."""
    away = [apart(found, candidate) for candidate in candidates]
    assert away[wanted] <= within, f"{away[wanted]:.1f} away from its own, {min(away):.1f} from {int(np.argmin(away))}"
    for other, candidate in enumerate(candidates):
        if other != wanted and apart(candidate, candidates[wanted]) > 0:
            assert away[other] > within, f"number {other} would pass as well: {away[other]:.1f}"


def is_painted(found: Array, candidates: list[Array], wanted: int, within: float) -> None:
    """Assert that an image is one of several that differ in few places: there it is nearer to its own than to any."""
    assert apart(found, candidates[wanted]) <= within
    compared = 0
    for other, candidate in enumerate(candidates):
        away = np.abs(candidate.astype(np.float64) - candidates[wanted]).max(axis=2)
        where = away > _PLAIN
        if other == wanted or where.sum() < _PLACES:
            continue
        own, others = (apart(found[where], each[where]) for each in (candidates[wanted], candidate))
        assert own < others / 2, f"number {other} would pass as well: {own:.1f} and {others:.1f} away"
        compared += 1
    assert compared >= len(candidates) / 2, f"only {compared} of {len(candidates)} maps differ enough to tell"


def chart(page: Any, key: str) -> Any:
    """Return a plotly chart that has been painted, by its key; one that it replaces has gone by then.

    What held the replaced chart may hold its successor, and has the successor's name before the successor is in it.
    """
    holder = f".st-key-chart_{key}"
    path = f"{holder} .st-key-{key} .js-plotly-plot"
    alone = f"document.querySelectorAll('{holder} .js-plotly-plot').length === 1"
    painted = f"{alone} && document.querySelector('{path} .main-svg .trace')"
    page.wait_for_function(painted, timeout=60_000)
    found = page.locator(path)
    found.scroll_into_view_if_needed()
    return found


def traces(found: Any) -> dict[str, dict[str, Any]]:
    """Return the points that the browser received, by the names of a chart's traces."""
    return found.evaluate(
        """chart => Object.fromEntries(chart._fullData.map((t, n) => [t.name ?? String(n), {
            x: [...(t.x ?? [])], y: [...(t.y ?? [])], base: [...(t.base ?? [])], width: [...(t.width ?? [])],
            custom: t.customdata ?? [], said: t.hovertext ?? t.text ?? [], number: n,
        }]))"""
    )


def place(found: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a value lies on the screen."""
    return tuple(
        found.evaluate(
            """(chart, [x, y]) => {
                const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
                return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
            }""",
            [x, y],
        )
    )


def hovered(page: Any, found: Any) -> str:
    """Return what a chart says of the place that is pointed at, line by line."""
    said = found.locator(".hoverlayer .hovertext text.nums")
    said.first.wait_for(timeout=10_000)
    lines = said.first.locator("tspan.line").all_text_contents()
    return "\n".join(lines or said.first.all_text_contents())
