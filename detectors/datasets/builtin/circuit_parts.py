"""The parts of the circuit board, each drawn into colour, height and metal at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from detectors.datasets.builtin.circuit_layout import CHIPS, SOLDER, Colour, Layers, corners, on_canvas, pads
from detectors.datasets.builtin.planes import TURN, Point

CHIP_BODY = {"resistor": ((34, 34, 38), 92), "capacitor": ((158, 120, 84), 112), "led": ((214, 206, 170), 104)}
BODY_HALF = {"ic": (65, 44), "small_ic": (34, 30), "transistor": (17, 12)}
MARK_HALF = {"ic": (67, 66), "small_ic": (36, 49), "can": (47, 44), "crystal": (52, 21), "transistor": (20, 25)}
CAN_METAL, CRYSTAL_METAL, END_CAP_METAL = 120, 190, 235  # dull, brushed, tinned
RESISTOR_CODES = ("103", "472", "101", "220")


@dataclass
class Part:
    """One part as it stands on the board: position and angle with their jitter, tone, and what is printed on it."""

    kind: str
    x: float
    y: float
    angle: float
    tone: int  # added to every colour
    lot: int
    code: str  # a resistor's value
    bent_lead: int | None = None
    bend: float = 0.0  # FINE pixels along the row

    def outline(self, margin: float = 2) -> list[Point]:
        """Return the area that the part and its pads take, in canvas pixels."""
        half_width, half_height = MARK_HALF.get(self.kind, (20, 10))
        right, bottom = half_width + margin, half_height + margin
        return self.on_canvas(corners(-right, -bottom, right, bottom))

    def on_canvas(self, points: list[Point]) -> list[Point]:
        """Return points given round the part's middle, in canvas pixels."""
        return on_canvas(points, self.x, self.y, self.angle)

    def draw(self, layers: Layers) -> None:
        """Draw the part."""
        if self.kind in CHIPS:
            self._draw_chip(layers)
        elif self.kind == "can":
            self._draw_can(layers)
        elif self.kind == "crystal":
            self._draw_crystal(layers)
        else:
            self._draw_leaded(layers)

    def _fill(self, layers: Layers, points: list[Point], colour: Colour, height: int, metal: int) -> None:
        red, green, blue = (min(max(v + self.tone, 0), 255) for v in colour)
        layers.polygon(self.on_canvas(points), (red, green, blue), height, metal)

    def _print(self, layers: Layers, words: str, size: int, grey: int, right: float = 0, down: float = 0) -> None:
        (middle,) = self.on_canvas([(right, down)])
        layers.text(words, middle, self.angle, size, (grey, grey, grey - 2))

    def _draw_chip(self, layers: Layers) -> None:
        colour, height = CHIP_BODY[self.kind]
        for side in (-1, 1):
            self._fill(layers, corners(side * 13 - 6, -7.5, side * 13 + 6, 7.5), (190, 190, 190), 66, SOLDER)
        self._fill(layers, corners(-15, -8.5, 15, 8.5), (198, 198, 196), height - 4, END_CAP_METAL)
        self._fill(layers, corners(-9.5, -8.8, 9.5, 8.8), colour, height, 0)
        if self.kind == "resistor":
            self._print(layers, self.code, 15, 222)
        if self.kind == "led":
            layers.disc(self.on_canvas([(0, 0)])[0], 10, (244, 214, 96), 112)

    def _draw_leaded(self, layers: Layers) -> None:
        for i, (left, top, right, bottom) in enumerate(pads(self.kind)):
            middle, x = (top + bottom) / 2, (left + right) / 2
            side = math.copysign(1, middle)
            root, tip = side * (abs(middle) - 14), middle + side * 6
            bend = self.bend if i == self.bent_lead else 0.0
            lead = [(x - 3.6, root), (x + 3.6, root), (x + 3.6 + bend * 0.35, middle), (x + 3.6 + bend, tip)]
            lead += [(x - 3.6 + bend, tip), (x - 3.6 + bend * 0.35, middle)]
            self._fill(layers, lead, (206, 206, 204), 72, SOLDER)
        half_width, half_height = BODY_HALF[self.kind]
        height = 108 if self.kind == "transistor" else 128
        self._fill(layers, corners(-half_width, -half_height, half_width, half_height), (40, 40, 43), height, 0)
        upper = corners(3 - half_width, 3 - half_height, half_width - 3, half_height - 3)
        self._fill(layers, upper, (46, 46, 49), height + (6 if self.kind == "transistor" else 8), 0)
        if self.kind == "transistor":
            self._print(layers, "1A", 17, 180)
            return
        if self.kind == "ic":
            self._print(layers, "ADX 4018", 29, 172, down=-7)
            self._print(layers, str(2300 + self.lot), 21, 160, down=13)
        else:
            self._print(layers, "LM393", 20, 170)
        pin_one = self.on_canvas([(11 - half_width, half_height - 11)])[0]
        layers.disc(pin_one, 8, (26, 26, 28), 128)

    def _draw_can(self, layers: Layers) -> None:
        base: list[Point] = [(-42, -42), (30, -42), (42, -30), (42, 30), (30, 42), (-42, 42)]
        self._fill(layers, base, (32, 32, 35), 84, 0)
        middle = self.on_canvas([(0, 0)])[0]
        layers.disc(middle, 80, (176, 178, 182), 176, CAN_METAL)
        layers.disc(middle, 66, height=186)
        x, y = middle
        degrees = math.degrees(self.angle)
        for pen, fill in ((layers.pens[0], (28, 28, 32)), (layers.pens[2], 0)):  # the band that marks the minus pole
            pen.chord([x - 80, y - 80, x + 80, y + 80], degrees + 126, degrees + 234, fill=fill)
        self._print(layers, "100", 21, 54, right=10, down=-7)
        self._print(layers, "16V", 21, 54, right=10, down=8)

    def _draw_crystal(self, layers: Layers) -> None:
        for pad in pads(self.kind):
            self._fill(layers, corners(*pad), (200, 200, 198), 60, SOLDER)
        around = np.linspace(0, TURN, 40)
        for half_length, height in ((46, 120), (43, 132)):
            end, radius = half_length - 18, 18 * half_length / 46
            outline = [(math.copysign(end, math.cos(t)) + 18 * math.cos(t), radius * math.sin(t)) for t in around]
            self._fill(layers, outline, (204, 204, 200), height, CRYSTAL_METAL)
        self._print(layers, "16.000", 22, 94)
