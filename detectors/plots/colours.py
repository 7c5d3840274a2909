"""From a calibrated map to a picture: colour tables, the overlay that leaves normal places alone, contours, outlines.

Maps come on the common scale of `MapScale`: 0 is typical, 1 holds 99 % of normal pixels. They are painted from 0 to 3,
and nothing normal is coloured: opacity rises from 0 at 0.85 to full at 1.6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

Pixels = NDArray[np.uint8]
TOP = 3.0  # painted from 0 to this
CLEAR, SOLID = 0.85, 1.6  # the ramp of opacity
CONTOURS = ((1.0, 1.5), (2.0, 2.2), (2.97, 2.8))  # lines in the browser, each in the colour of a value; 8 bits end at 3


def _table(stops: str) -> Pixels:
    colours = np.array([list(bytes.fromhex(stop)) for stop in stops.split()], dtype=np.float64)
    places = np.linspace(0, 1, len(colours))
    wanted = np.linspace(0, 1, 256)
    return np.stack([np.interp(wanted, places, c).round() for c in colours.T], axis=1).astype(np.uint8)  # (256, 3)


# Inferno by van der Walt and Smith (CC0) at every fifth step; Mako at eight stops.
INFERNO = _table(
    "000004 02020c 050417 0a0722 10092d 160b39 1e0c45 260c51 2f0a5b 380962 400a67 490b6a 510e6c 59106e 61136e 69166e"
    " 71196e 781c6d 801f6c 88226a 902568 982766 a02a63 a82e5f b0315b b73557 bf3952 c63d4d cc4248 d34743 d94d3d df5337"
    " e45a31 e9612b ed6925 f1711f f47918 f78212 f98b0b fa9407 fb9d07 fca60c fcb014 fbba1f fac42a f8cd37 f6d746 f4e156"
    " f2ea69 f2f27d f5f992 fcffa4"
)
MAKO = _table("0B0405 2E1E3C 413D7B 37659E 348FA7 40B7AD 8AD9B1 DEF5E5")
COLOUR_MAPS = {"inferno": INFERNO, "mako": MAKO}


def colour(scaled: NDArray[Any], colour_map: str = "inferno") -> Pixels:
    """Return (..., 3) colours of a calibrated map painted from 0 to 3."""
    steps = np.clip(np.asarray(scaled, dtype=np.float32) * (255 / TOP), 0, 255).round().astype(np.uint8)
    return COLOUR_MAPS[colour_map][steps]


def alpha(scaled: NDArray[Any], opacity: float = 1.0) -> NDArray[np.float32]:
    """Return the opacity of each pixel: 0 below 0.85, `opacity` above 1.6, straight in between."""
    values = np.asarray(scaled, dtype=np.float32)
    return np.clip((values - CLEAR) / (SOLID - CLEAR), 0, 1) * np.float32(opacity)


def layer(scaled: NDArray[Any], colour_map: str = "inferno", opacity: float = 1.0) -> Pixels:
    """Return (H, W, 4) colours with the opacity in the last channel, to be laid over the picture by a browser."""
    return np.dstack([colour(scaled, colour_map), (alpha(scaled, opacity) * 255).round().astype(np.uint8)])


def palette(colour_map: str = "inferno") -> Pixels:
    """Return (256, 4) the colour and opacity of each of the 256 steps from 0 to 3, for a browser that paints maps."""
    return layer(np.linspace(0, TOP, 256)[None], colour_map)[0]


def overlay(
    pixels: Pixels, scaled: NDArray[Any], colour_map: str = "inferno", opacity: float = 1.0, everywhere: bool = False
) -> Pixels:
    """Lay a calibrated map over its picture.

    Args:
        pixels: (H, W, 3), the picture.
        scaled: (H, W), the map on the common scale.
        colour_map: "inferno" or "mako".
        opacity: of places far above normal, in [0, 1].
        everywhere: paint normal places too (a heatmap).
    """
    share = np.full(pixels.shape[:2], np.float32(opacity)) if everywhere else alpha(scaled, opacity)
    mixed = pixels + share[..., None] * (colour(scaled, colour_map).astype(np.float32) - pixels)  # (H, W, 3)
    return mixed.round().astype(np.uint8)


def contour(
    pixels: Pixels, scaled: NDArray[Any], colour_map: str = "inferno", levels: tuple[float, ...] = (1.0, 2.0, 3.0)
) -> Pixels:
    """Draw lines on the picture where a calibrated map crosses the levels, each in the colour of its level."""
    drawn = pixels.copy()
    for level in levels:
        drawn = _line(drawn, np.asarray(scaled) >= level, colour(np.array(level), colour_map))
    return drawn


def outline(pixels: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Draw the true outline of a defect: a white line between dark ones, legible on any map."""
    return _line(pixels.copy(), mask, np.array([255, 255, 255], dtype=np.uint8))


def edges(mask: NDArray[np.bool_]) -> str:
    """Return the outline of a mask as an SVG path along the pixels' borders, sharp at any size.

    >>> edges(np.array([[True, True], [False, False]]))
    'M0 0H2V1H0Z'
    """
    padded = np.pad(mask, 1).astype(np.int8)
    across, down = np.diff(padded, axis=0)[:, 1:-1], np.diff(padded, axis=1)[1:-1]  # borders between pixels
    follows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for y, x in np.argwhere(across):  # the inside lies to the right of each step
        ends = ((x, y), (x + 1, y)) if across[y, x] > 0 else ((x + 1, y), (x, y))
        follows.setdefault(ends[0], []).append(ends[1])
    for y, x in np.argwhere(down):
        ends = ((x, y + 1), (x, y)) if down[y, x] > 0 else ((x, y), (x, y + 1))
        follows.setdefault(ends[0], []).append(ends[1])
    path = []
    while follows:
        start = place = next(iter(follows))
        path.append(f"M{start[0]} {start[1]}")
        heading = ""
        while place in follows:
            ways = follows[place]
            step = ways.pop()
            if not ways:
                del follows[place]
            turned = f"H{step[0]}" if step[1] == place[1] else f"V{step[1]}"
            if heading and turned[0] == heading:
                path[-1] = turned
            else:
                path.append(turned)
            heading, place = turned[0], step
        path[-1] = "Z"
    return "".join(path)


def _line(pixels: Pixels, inside: NDArray[np.bool_], paint: Pixels) -> Pixels:
    border = inside & ~binary_erosion(inside, border_value=1)
    halo = binary_dilation(border, np.ones((3, 3), bool)) & ~border
    pixels[halo] = pixels[halo] // 2
    pixels[border] = paint
    return pixels
