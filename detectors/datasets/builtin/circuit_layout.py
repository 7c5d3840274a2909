"""The circuit board's layout: which part sits where, and the bare board, drawn once.

The canvas has two pixels per FINE pixel and a margin all round, so that a board may lie shifted and turned.
Positions are FINE pixels of the board; `on_canvas` is the only place that knows the canvas.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from detectors.datasets.builtin.planes import FINE, Point

MARGIN = 32  # FINE pixels on every side
CANVAS = 2 * (FINE + 2 * MARGIN)
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom

MASK_GREEN, CLEARANCE, TRACE, INK = (22, 84, 52), (13, 62, 40), (34, 112, 72), (222, 226, 220)
GOLD, TIN, HOLE = (200, 166, 90), (186, 186, 184), (12, 12, 12)
SOLDER, PLATED = 255, 150  # how metallic, 0 to 255
BOARD_HEIGHT, COPPER_HEIGHT, PAD_HEIGHT = 40, 44, 50  # parts are higher than BARE
BARE = 60
GRID = 8  # routing grid, FINE pixels
DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))


class Site(NamedTuple):
    """Where a part belongs: its kind, the middle, and quarter turns."""

    kind: str
    x: float
    y: float
    turns: int


SITES: tuple[Site, ...] = (
    Site("ic", 176, 168, 0),
    Site("can", 398, 112, 0),
    Site("can", 398, 226, 0),
    Site("crystal", 186, 338, 0),
    Site("transistor", 318, 330, 0),
    Site("small_ic", 384, 392, 1),
    *(Site("resistor", x, 58, 1) for x in (80, 112, 144, 176)),
    *(Site("capacitor", x, 58, 1) for x in (224, 256, 288)),
    *(Site("resistor", 306, y, 0) for y in (140, 172, 236)),
    *(Site("capacitor", 306, y, 0) for y in (204, 268)),
    *(Site("capacitor", 84, y, 0) for y in (322, 356)),
    *(Site("resistor", 84, y, 0) for y in (390, 424)),
    Site("led", 160, 424, 0),
    Site("resistor", 214, 424, 0),
    Site("capacitor", 262, 424, 1),
)
CHIPS = ("resistor", "capacitor", "led")  # two-terminal parts of one size
SILK_HALF = {"ic": (68, 66), "small_ic": (36, 50), "can": (48, 44), "crystal": (54, 22), "transistor": (20, 26)}
LETTER = {"ic": "U", "small_ic": "U", "can": "C", "crystal": "Y", "transistor": "Q"}
LETTER |= {"resistor": "R", "capacitor": "C", "led": "D"}
HEADER = tuple(range(60, 460, 28)), 478  # pin positions along x; y


def pads(kind: str) -> list[Box]:
    """Return the solder pads of a part round its middle."""
    if kind == "ic":
        return [(i * 16.5 - 63, side * 54 - 11, i * 16.5 - 53, side * 54 + 11) for i in range(8) for side in (-1, 1)]
    if kind == "small_ic":
        return [(i * 18 - 32, side * 38 - 10, i * 18 - 22, side * 38 + 10) for i in range(4) for side in (-1, 1)]
    if kind == "can":
        return [(-46, -9, -26, 9), (26, -9, 46, 9)]
    if kind == "crystal":
        return [(-50, -10, -34, 10), (34, -10, 50, 10)]
    if kind == "transistor":
        return [(-16, 12, -6, 24), (6, 12, 16, 24), (-6, -24, 6, -12)]
    return [(-19, -9, -8, 9), (8, -9, 19, 9)]


def corners(left: float, top: float, right: float, bottom: float) -> list[Point]:
    """Return a box as a polygon."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def on_canvas(points: Iterable[Point], x: float = 0, y: float = 0, angle: float = 0) -> list[Point]:
    """Return points given round a part's middle on the canvas, the part standing at (x, y), turned by `angle`."""
    c, s = math.cos(angle), math.sin(angle)
    x, y = x + MARGIN, y + MARGIN
    return [(2 * (x + px * c - py * s), 2 * (y + px * s + py * c)) for px, py in points]


@dataclass
class Layers:
    """What is known of the board at every canvas pixel: colour, height, and how metallic it is."""

    colour: Image.Image  # RGB
    height: Image.Image  # L
    metal: Image.Image  # L

    def __post_init__(self) -> None:
        self.pens = tuple(ImageDraw.Draw(image) for image in (self.colour, self.height, self.metal))

    def copy(self) -> Layers:
        """Return layers that can be drawn on without changing these."""
        return Layers(self.colour.copy(), self.height.copy(), self.metal.copy())

    def polygon(
        self, points: list[Point], colour: Colour | None = None, height: int | None = None, metal: int | None = None
    ) -> None:
        """Fill a polygon (canvas pixels) in the layers for which a value is given."""
        for pen, fill in zip(self.pens, (colour, height, metal), strict=True):
            if fill is not None:
                pen.polygon(points, fill=fill)

    def disc(
        self,
        middle: Point,
        radius: float,
        colour: Colour | None = None,
        height: int | None = None,
        metal: int | None = None,
    ) -> None:
        """Fill a circle (canvas pixels) in the layers for which a value is given."""
        x, y = middle
        for pen, fill in zip(self.pens, (colour, height, metal), strict=True):
            if fill is not None:
                pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)

    def text(self, words: str, middle: Point, angle: float, size: int, colour: Colour) -> None:
        """Print words centred on a canvas point, to the nearest quarter turn."""
        print_ = _words(words, size, round(angle / (math.pi / 2)) % 4)
        x, y = middle
        self.colour.paste(colour, (round(x) - print_.width // 2, round(y) - print_.height // 2), print_)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(4096)
def _words(words: str, size: int, quarter_turns: int) -> Image.Image:
    image = Image.new("L", (int(size * 0.62 * len(words)) + 8, 2 * (size // 2 + 4)))
    middle = (image.width / 2, image.height / 2)
    ImageDraw.Draw(image).text(middle, words, fill=255, font=_font(size), anchor="mm")
    return image.rotate(-90 * quarter_turns, expand=True)


@cache
def bare_board() -> Layers:
    """Return the board without parts. Every circuit picture starts from a copy."""
    layers = Layers(
        Image.new("RGB", (CANVAS, CANVAS), MASK_GREEN),
        Image.new("L", (CANVAS, CANVAS), BOARD_HEIGHT),
        Image.new("L", (CANVAS, CANVAS), 0),
    )
    solder_pads = [_turned(box, site) for site in SITES for box in pads(site.kind)]
    pins = [(x - 9.0, HEADER[1] - 9.0, x + 9.0, HEADER[1] + 9.0) for x in HEADER[0]]
    _traces(layers, solder_pads + pins)
    for left, top, right, bottom in solder_pads:
        (x0, y0), (x1, y1) = on_canvas([(left, top), (right, bottom)])
        colour, height, metal = layers.pens
        colour.rounded_rectangle([x0, y0, x1, y1], 5, fill=TIN)
        metal.rounded_rectangle([x0, y0, x1, y1], 5, fill=SOLDER)
        height.rounded_rectangle([x0 + 2, y0 + 2, x1 - 2, y1 - 2], 5, fill=PAD_HEIGHT)
    for x in HEADER[0]:
        (middle,) = on_canvas([(x, HEADER[1])])
        layers.disc(middle, 19, (204, 168, 88), 46, PLATED)
        layers.disc(middle, 10, (14, 14, 12), 16, 0)
    for middle in on_canvas([(40, 40), (472, 40)]):  # mounting holes
        layers.disc(middle, 44, GOLD, None, PLATED)
        layers.disc(middle, 27, HOLE, 0, 0)
    _silk_screen(layers)
    return layers


def _turned(box: Box, site: Site) -> Box:
    """Return a pad's box on the board, the part being turned by quarters."""
    left, top, right, bottom = box
    for _ in range(site.turns % 4):
        left, top, right, bottom = -bottom, left, -top, right
    return site.x + left, site.y + top, site.x + right, site.y + bottom


def _traces(layers: Layers, terminals: list[Box]) -> None:
    """Draw a trace from every terminal that has room for one, a via at its end, dark clearance under both."""
    routes = _routes(terminals)
    vias = [route[-1] for route in routes]
    colour, height, _ = layers.pens
    for route in routes:
        colour.line(route, fill=CLEARANCE, width=17, joint="curve")
        height.line(route, fill=34, width=17, joint="curve")
    for via in vias:
        layers.disc(via, 17, CLEARANCE)
    for left, top, right, bottom in terminals:
        (x0, y0), (x1, y1) = on_canvas([(left, top), (right, bottom)])
        colour.rectangle([x0 - 8, y0 - 8, x1 + 8, y1 + 8], fill=CLEARANCE)
    for route in routes:
        colour.line(route, fill=TRACE, width=9, joint="curve")
        height.line(route, fill=COPPER_HEIGHT, width=9, joint="curve")
    for via in vias:
        layers.disc(via, 11, (196, 160, 84), 46, PLATED)
        layers.disc(via, 5, (10, 12, 10), 20, 0)


def _routes(terminals: list[Box]) -> list[list[Point]]:
    """Return traces in canvas pixels: random walks in 45-degree turns that keep clear of each other and of pads."""
    rng = np.random.default_rng(77)  # any number; this board looks well routed
    side = CANVAS // 2 // GRID
    owner = np.zeros((side, side), np.int16)  # 0: free, else one more than the terminal's index
    boxes = np.array(terminals) + MARGIN
    for i, (left, top, right, bottom) in enumerate(boxes):
        owner[int(top // GRID) : int(bottom // GRID) + 1, int(left // GRID) : int(right // GRID) + 1] = i + 1
    routes = []
    for i in rng.permutation(len(boxes)):
        left, top, right, bottom = boxes[i]
        start = int((left + right) / 2 / GRID), int((top + bottom) / 2 / GRID)
        longest = max((_walk(rng, owner, start, int(i) + 1) for _ in range(14)), key=len)
        if len(longest) > 4:
            for column, row in longest:
                owner[row, column] = i + 1
            routes.append([(2.0 * (column * GRID + 4), 2.0 * (row * GRID + 4)) for column, row in longest])
    return routes


def _walk(rng: np.random.Generator, owner: np.ndarray, start: tuple[int, int], own: int) -> list[tuple[int, int]]:
    (x, y), heading = start, 2 * int(rng.integers(4))
    path, side = [start], len(owner)
    for step in range(int(rng.integers(6, 26))):
        if step > 2 and rng.random() < 0.22:
            heading = (heading + int(rng.choice([-1, 1]))) % 8
        right, down = DIRECTIONS[heading]
        next_x, next_y = x + right, y + down
        if not (1 <= next_x < side - 1 and 1 <= next_y < side - 1) or owner[next_y, next_x] not in (0, own):
            break
        diagonal = heading % 2 == 1
        if diagonal and owner[next_y, x] not in (0, own) and owner[y, next_x] not in (0, own):
            break  # it would cross another trace between two grid points
        x, y = next_x, next_y
        path.append((x, y))
    return path


def _silk_screen(layers: Layers) -> None:
    """Print outlines, reference names, the board's name and the header's."""
    pen = layers.pens[0]
    for number, site in enumerate(SITES, start=1):
        half_width, half_height = SILK_HALF.get(site.kind, (22, 12))
        box = corners(-half_width, -half_height, half_width, half_height)
        outline = on_canvas(box, site.x, site.y, site.turns * math.pi / 2)
        pen.line([*outline, outline[0]], fill=INK, width=3)
        left, top, right = min(x for x, _ in outline), min(y for _, y in outline), max(x for x, _ in outline)
        name = f"{LETTER[site.kind]}{number}"
        if site.kind in CHIPS and site.turns == 0:
            pen.text((right + 5, top + 2), name, fill=INK, font=_font(19))
        elif site.kind in CHIPS:
            pen.text((left - 1, top - 25), name, fill=INK, font=_font(19))
        else:
            pen.text((left + 2, top - 25), name, fill=INK, font=_font(21))
    board_name, header_name = on_canvas([(400, 446), (60, 446)])
    pen.text(board_name, "CTRL-7 B", fill=INK, font=_font(26))
    pen.text(header_name, "J1", fill=INK, font=_font(24))
