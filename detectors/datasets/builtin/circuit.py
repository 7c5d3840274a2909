"""A populated circuit board: always the same layout, every part placed anew with a little jitter."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw
from scipy import ndimage

from detectors.datasets.builtin import fields
from detectors.datasets.builtin.camera import Camera
from detectors.datasets.builtin.circuit_layout import (
    BARE,
    CANVAS,
    CHIPS,
    MARGIN,
    SITES,
    SOLDER,
    bare_board,
    corners,
    pads,
)
from detectors.datasets.builtin.circuit_parts import RESISTOR_CODES, Part
from detectors.datasets.builtin.light import Lamp, gloss, shifted
from detectors.datasets.builtin.planes import (
    FINE,
    TURN,
    Plane,
    Point,
    X,
    Y,
    between,
    choose,
    coin,
    coverage,
    empty,
    enlarge,
    f32,
    halve,
    linear,
    rim,
    slopes,
)
from detectors.datasets.builtin.shapes import blob, wander

SLOPE_GAIN = 0.10
WEAVE_PITCH = 9  # glass cloth under the solder mask, FINE pixels
FLUX_ABSORBS = np.array([0.10, 0.42, 1.05], np.float32)  # red, green, blue: amber
FLUX_SHEEN = linear(230, 180, 110)
COPPER, SCRAPED = (190, 128, 84), (88, 150, 104)
ICS = [0, 5]  # indices into SITES
EXCHANGES = ((9, 10), (14, 16), (15, 17), (19, 20))  # a resistor and a capacitor that are neighbours


class Board:
    """A populated board on the canvas; a flaw moves parts or draws on the layers, and marks its mask."""

    def __init__(self, part: np.random.Generator) -> None:
        self.parts: dict[int, Part] = {}
        for i, site in enumerate(SITES):
            right, down, turn = part.normal(0, 0.7), part.normal(0, 0.7), part.normal(0, 0.013)
            tone, lot = int(part.normal(0, 5)), int(part.integers(100))
            angle = site.turns * math.pi / 2 + turn
            code = RESISTOR_CODES[i % len(RESISTOR_CODES)]
            self.parts[i] = Part(site.kind, site.x + right, site.y + down, angle, tone, lot, code)
        self.layers = bare_board().copy()
        self.mask = Image.new("L", (CANVAS, CANVAS), 0)
        self.mark = ImageDraw.Draw(self.mask)
        turn, (self.shift_x, self.shift_y) = part.normal(0, 0.0075), part.normal(0, 2.2, 2)
        self.step_x, self.step_y = 2 * math.cos(turn), 2 * math.sin(turn)

    def draw_parts(self) -> None:
        """Draw all parts that are there."""
        for part in self.parts.values():
            part.draw(self.layers)

    def seen(self, layer: Image.Image, smooth: bool = False, margin: int = 0) -> Image.Image:
        """Return a layer as the camera sees it: the board shifted and turned, FINE + 2 * margin pixels."""
        a, b = self.step_x, self.step_y
        x, y = FINE / 2 + margin + self.shift_x, FINE / 2 + margin + self.shift_y
        matrix = (a, -b, CANVAS / 2 - a * x + b * y, b, a, CANVAS / 2 - b * x - a * y)
        side = FINE + 2 * margin
        resampling = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        return layer.transform((side, side), Image.Transform.AFFINE, matrix, resampling)


def draw(
    part: np.random.Generator,
    flaw: np.random.Generator,
    kind: str | None,
    severity: float,
    camera: Camera,
    rotate: bool,
) -> tuple[Plane, Plane]:
    """Return linear light (SIZE, SIZE, 3) and the mask."""
    del rotate  # the board lies in a fixture
    board = Board(part)
    if kind in TO_PARTS:
        TO_PARTS[kind](board, flaw, severity)
    board.draw_parts()
    if kind in TO_LAYERS:
        TO_LAYERS[kind](board, flaw, severity)
    lamp_x, lamp_y = -0.45 + camera.light_x, -0.62 + camera.light_y
    light = _lit(board, part, camera, Lamp(lamp_x, lamp_y, 1.0), (lamp_x, lamp_y))
    if kind == "flux":
        return light, _flux(flaw, severity, light, Lamp(lamp_x, lamp_y, 1.0))
    return light, coverage(board.seen(board.mask)) if kind else empty()


def _lit(board: Board, part: np.random.Generator, camera: Camera, lamp: Lamp, lamp_xy: Point) -> Plane:
    """Return the light from the board, (SIZE, SIZE, 3)."""
    layers = board.layers
    colour = np.asarray(board.seen(layers.colour, smooth=True)).astype(np.float32)
    colour *= f32(1 / 255)
    colour *= colour  # close enough to linear light, and quick
    height = np.asarray(board.seen(layers.height, margin=2), np.float32)
    height = _pair_mean(_pair_mean(height, 2), 1)[:FINE, :FINE]  # a mean of 4 x 4: edges are bevels, not steps
    metal = _pair_mean(np.asarray(board.seen(layers.metal, margin=2), np.float32), 1)[1 : FINE + 1, 1 : FINE + 1]
    metal = metal * f32(1 / 255)

    slope_x, slope_y = slopes(height * f32(SLOPE_GAIN))
    dullness = fields.power(part, 1.2, 0.02)
    ripple = fields.tiled(dullness)
    waves = metal * f32(0.06)  # solder is never flat
    slope_x += ripple * waves
    slope_y += fields.tiled(np.roll(dullness, 37, axis=0)) * waves
    diffuse, halfway = lamp.shade(slope_x, slope_y)
    shadow = _shadow(halve(halve(height)), lamp_xy)
    sky = np.clip(f32(0.45) - slope_y * f32(1.3) - slope_x, 0, 1.6)
    glare_x = np.exp(-(((X[0] - f32(150 + 300 * camera.light_x)) / 300) ** 2))
    glare_y = np.exp(-(((Y[:, :1] - f32(120 + 300 * camera.light_y)) / 260) ** 2))
    weave = np.cos(X[0] * f32(TURN / WEAVE_PITCH)) * np.cos(Y[:, :1] * f32(TURN / WEAVE_PITCH))
    reflected = gloss(halfway, 36) * (metal * f32(0.8) + f32(0.05)) * (1 - f32(0.7) * shadow)
    reflected += metal * sky * f32(0.30)
    reflected += glare_x * f32(0.022) * glare_y
    scattered = diffuse * f32(1.12) * (1 - f32(0.62) * shadow) + f32(0.16)
    scattered *= (1 - metal * f32(0.62)) * (1 + ripple * f32(0.02) + weave * f32(0.012))
    scattered += reflected * metal  # metal tints what it reflects
    colour *= scattered[..., None]
    light = halve(colour)
    light += halve(reflected * (1 - metal) * f32(0.9))[..., None]
    return light


def _pair_mean(plane: Plane, apart: int) -> Plane:
    """Return the mean over 2 x 2 pixels that lie `apart`; smaller by that much."""
    rows = plane[apart:] + plane[:-apart]
    total = rows[:, apart:] + rows[:, :-apart]
    total *= f32(0.25)
    return total


def _shadow(height: Plane, lamp_xy: Point) -> Plane:
    """Return the cast shadow (0 to 1) at FINE: the height map, at quarter size, marched towards the lamp."""
    x, y = lamp_xy
    shadow = np.zeros_like(height)
    for distance in (1, 2, 3, 5, 7):
        towards = shifted(height, -x * distance * 0.9, -y * distance * 0.9)
        towards -= height
        np.maximum(shadow, (towards - f32(9.5 * distance)) * f32(1 / 14), out=shadow)
    return enlarge(ndimage.gaussian_filter(np.minimum(shadow, 1), 0.8), FINE)


def _missing_part(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Leave a part out: its bare pads show."""
    small, medium, large = ("resistor", "capacitor"), ("transistor", "resistor", "led"), ("can", "crystal", "small_ic")
    kinds = large if severity > 0.66 else medium if severity > 0.33 else small
    missing = choose(flaw, [i for i, site in enumerate(SITES) if site.kind in kinds])
    board.mark.polygon(board.parts.pop(missing).outline(), fill=255)


def _shifted_part(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Move and turn a part; where it is due is marked, and where it stands."""
    larger = ("transistor",) if severity < 0.6 else ("can", "crystal", "transistor", "small_ic")
    moved = board.parts[choose(flaw, [i for i, site in enumerate(SITES) if site.kind in (*CHIPS, *larger)])]
    board.mark.polygon(moved.outline(), fill=255)
    distance = between(severity, 3.2, 13) * (1 if moved.kind in CHIPS else 1.5)
    direction = flaw.uniform(0, TURN)
    moved.x += distance * math.cos(direction)
    moved.y += distance * math.sin(direction)
    moved.angle += coin(flaw) * between(severity, 0.10, 0.6)
    board.mark.polygon(moved.outline(), fill=255)


def _swapped(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Put right parts in wrong places: an IC turned by 180 degrees, two parts exchanged, a can turned."""
    if 0.33 < severity <= 0.66:
        first, second = (board.parts[i] for i in EXCHANGES[int(flaw.integers(len(EXCHANGES)))])
        first.kind, second.kind = second.kind, first.kind
        for part in (first, second):
            board.mark.polygon(part.outline(), fill=255)
        return
    turned = board.parts[choose(flaw, ICS if severity <= 0.33 else [1, 2])]
    turned.angle += math.pi
    board.mark.polygon(turned.outline(margin=0), fill=255)


def _bent_lead(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Bend one lead of an IC along its row."""
    part = board.parts[choose(flaw, ICS)]
    leads = pads(part.kind)
    part.bent_lead = int(flaw.integers(len(leads)))
    part.bend = coin(flaw) * between(severity, 4.5, 13)
    left, top, right, bottom = leads[part.bent_lead]
    swept = corners(min(left, left + part.bend), top - 3, max(right, right + part.bend), bottom + 3)
    board.mark.polygon(part.on_canvas(swept), fill=255)


def _solder_bridge(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Join two neighbouring leads of an IC with solder."""
    part, side = board.parts[choose(flaw, ICS)], coin(flaw)
    row = [pad for pad in pads(part.kind) if pad[1] * side > 0]
    first = int(flaw.integers(len(row) - 1))
    left, right = ((pad[0] + pad[2]) / 2 for pad in row[first : first + 2])
    y = (row[first][1] + row[first][3]) / 2 + flaw.uniform(-4, 4)
    half = between(severity, 1.7, 9)
    third, two_thirds = left + (right - left) * 0.33, left + (right - left) * 0.67
    upper = [(left, y - half - 1), (third, y - half * 0.75), (two_thirds, y - half * 0.7), (right, y - half - 1)]
    lower = [(right, y + half + 1), (two_thirds, y + half * 0.7), (third, y + half * 0.8), (left, y + half + 1)]
    drop = part.on_canvas(upper + lower)
    board.layers.polygon(drop, (196, 196, 194), 76, SOLDER)
    board.mark.polygon(drop, fill=255)


def _scratch(board: Board, flaw: np.random.Generator, severity: float) -> None:
    """Scratch the bare board, to the copper unless mild; parts protect what they cover."""
    width, length = max(2, round(between(severity, 3, 9))), between(severity, 50, 210)
    height = np.asarray(board.layers.height)
    best_share, best = -1.0, np.zeros((2, 2))
    for _ in range(40):  # a scratch that falls under a part cannot be seen: draw again
        line = 2 * (wander(flaw, flaw.uniform(130, 440, 2), length, 0.05) + MARGIN)
        column, row = line.astype(int).clip(0, CANVAS - 1).T
        share = float((height[row, column] < BARE).mean())
        if share > best_share:
            best_share, best = share, line
        if share > 0.75:
            break
    left, top, right, bottom = (int(v) for v in (*(best.min(axis=0) - width), *(best.max(axis=0) + width)))
    scratch = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(scratch).line([tuple(point) for point in best - (left, top)], fill=255, width=width, joint="curve")
    open_board = board.layers.height.crop((left, top, right, bottom)).point([255] * BARE + [0] * (256 - BARE))
    scratch = ImageChops.multiply(scratch, open_board)
    deep = severity > 0.3
    board.layers.colour.paste(COPPER if deep else SCRAPED, (left, top), scratch)
    if deep:
        board.layers.metal.paste(120, (left, top), scratch)
    board.layers.height.paste(30, (left, top), scratch)
    board.mask.paste(scratch, (left, top))


def _flux(flaw: np.random.Generator, severity: float, light: Plane, lamp: Lamp) -> Plane:
    """Leave an amber film on `light` near a part; return its mask."""
    radius, strength = between(severity, 11, 42), between(severity, 0.16, 0.75)
    site = SITES[int(flaw.integers(len(SITES)))]
    film = blob(flaw, flaw.normal((site.x, site.y), 14), radius, 0.4, radius * 0.25)
    _, halfway = lamp.shade(*slopes(np.sqrt(film) * f32(5)))
    glint = gloss(halfway, 40) * film * f32(0.10) + rim(film) * f32(0.02)
    thickness = halve(film)[..., None] * f32(strength)
    light *= 1 - thickness * FLUX_ABSORBS
    light += thickness * f32(0.035) * FLUX_SHEEN
    light += halve(glint)[..., None] * f32(strength)
    return (film > 0.3).astype(np.float32)


Flaw = Callable[[Board, np.random.Generator, float], None]
TO_PARTS: dict[str | None, Flaw] = {
    "missing_part": _missing_part,
    "shifted_part": _shifted_part,
    "bent_lead": _bent_lead,
    "swapped": _swapped,
}
TO_LAYERS: dict[str | None, Flaw] = {"solder_bridge": _solder_bridge, "scratch": _scratch}
KINDS = ("missing_part", "shifted_part", "solder_bridge", "scratch", "flux", "bent_lead", "swapped")
LOGICAL = ("swapped",)
