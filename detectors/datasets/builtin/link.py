"""A forged connecting link on a rubber mat: two turned bosses with bores, an oil hole, an arm with a cast pocket.

The outline is a signed distance in the link's own frame: large boss at (0, 0), small boss at (length, 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detectors.datasets.builtin import fields
from detectors.datasets.builtin.camera import Camera
from detectors.datasets.builtin.light import Lamp, cast, gloss
from detectors.datasets.builtin.planes import (
    FINE,
    SIZE,
    TURN,
    Plane,
    Point,
    Window,
    X,
    Y,
    between,
    coin,
    empty,
    enlarge,
    even_window,
    f32,
    halve,
    halve_window,
    linear,
    rim,
    slopes,
    soft_step,
)
from detectors.datasets.builtin.shapes import Line, blob, stroke, tapered, turned, wander

SCALE = 1.2  # FINE pixels per unit of the numbers below
LENGTH = 212.0  # between the bores
BIG, SMALL = 76.0, 47.0  # boss radii
BIG_BORE, SMALL_BORE = 41.0, 21.0
ARM, ARM_END = 54.0, 34.0
OIL_HOLE, OIL_HOLE_AT = 7.5, 58.0  # radius; distance from the big bore's axis
CENTRE = 92.0  # the link turns about this point of its axis
BLEND = 16.0  # bosses flow into the arm over this width
CHAMFER, BOSS_HEIGHT, POCKET_DEPTH = 5.0, 5.0, 11.0
MIDDLE = 0.55  # share of the length up to which a place belongs to the big boss
HELD_ANGLE = 0.6
SLOPE_GAIN = 0.60
GROOVE_SLOPE = 0.05  # turning marks
GROOVES, GROOVE_STEPS = 300, 8  # grooves along the radius; table steps per groove
MAT, STEEL, RUST = linear(84, 90, 98), np.array([0.95, 0.97, 1.0], np.float32), linear(132, 68, 34)
SHADOW_STEPS = ((2, 0.28), (4.5, 0.26), (7, 0.24), (10, 0.22))  # (distance in quarter pixels, weight)


class Link:
    """One link in its bounding window. All planes cover the window; flaws change distances, height or finish."""

    def __init__(self, part: np.random.Generator, rotate: bool, length: float) -> None:
        free, held = part.uniform(0, TURN), HELD_ANGLE + part.normal(0, 0.02)  # both drawn: the rest is the same part
        angle = free if rotate else held
        self.middle_x, self.middle_y = (255.5 + v for v in part.normal(0, 5, 2))
        self.length, self.angle = length, angle
        self.centre = CENTRE + (length - LENGTH) / 2
        cosine, sine = math.cos(angle), math.sin(angle)
        self.cosine, self.sine = f32(cosine), f32(sine)
        (x0, y0), (x1, y1) = self.seen([(0, 0), (length, 0)])
        big, small = (BIG + 4) * SCALE, (SMALL + 4) * SCALE
        self.window: Window = even_window(
            min(x0 - big, x1 - small), min(y0 - big, y1 - small), max(x0 + big, x1 + small), max(y0 + big, y1 + small)
        )
        dx, dy = X[self.window] - f32(self.middle_x), Y[self.window] - f32(self.middle_y)
        self.x = dx * f32(cosine / SCALE) + dy * f32(sine / SCALE) + f32(self.centre)
        self.y = dy * f32(cosine / SCALE) - dx * f32(sine / SCALE)
        self.from_big = np.hypot(self.x, self.y) + f32(1e-3)
        self.from_small = np.hypot(self.x - f32(length), self.y) + f32(1e-3)
        self.outline = _blended(self.from_big - f32(BIG), tapered(self.x, self.y, ARM, ARM_END, length))
        self.outline = _blended(self.from_small - f32(SMALL), self.outline)
        self.oil_hole = OIL_HOLE
        self.burr: Plane | None = None
        self.mask = np.zeros_like(self.x)

    def seen(self, points: list[Point]) -> Line:
        """Return points of the link's frame in FINE pixels."""
        own = (np.asarray(points, float) - (self.centre, 0)) * SCALE
        return turned(own, self.middle_x, self.middle_y, self.angle)

    def distance_inside(self) -> Plane:
        """Return the distance to the nearest edge, positive on the metal."""
        oil = np.hypot(self.x, self.y - f32(OIL_HOLE_AT)) - f32(self.oil_hole)
        bores = np.minimum(self.from_big - f32(BIG_BORE), self.from_small - f32(SMALL_BORE))
        return np.minimum(np.minimum(-self.outline, bores), oil)

    def close_outline(self) -> None:
        """Fix the distance to the nearest edge and the height that follows from it."""
        self.inside = self.distance_inside()
        if self.burr is not None:
            self.inside = np.maximum(self.inside, self.burr * 5 - f32(1.5))
        self.boss = np.maximum(soft_step(66 - self.from_big, -2, 2), soft_step(39 - self.from_small, -2, 2))
        self.pocket = soft_step(-tapered(self.x - f32(92), self.y, 23, 15, self.length - 165), -3, 3)
        self.height = np.clip(self.inside, 0, CHAMFER) * f32(0.95)
        self.height += self.boss * f32(BOSS_HEIGHT) - self.pocket * f32(POCKET_DEPTH)
        self.turned_face = self.boss * soft_step(self.inside, 3, 7)
        self.bare: Plane | None = None  # fresh metal that catches the light: scratch or burr
        self.rust: Plane | None = None
        self.rust_tone: Plane | None = None
        if self.burr is not None:
            self.bare = self.burr * f32(0.20)

    def depth_at(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the distance to the nearest edge at FINE points, -9 outside the window."""
        rows, columns = self.window
        column, row = points[:, 0].astype(int) - columns.start, points[:, 1].astype(int) - rows.start
        height, width = self.inside.shape
        within = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        return np.where(within, self.inside[row.clip(0, height - 1), column.clip(0, width - 1)], f32(-9))

    def place_on(self, flaw: np.random.Generator, margin: float = 5) -> NDArray[np.float64]:
        """Return a random place at least `margin` from every edge."""
        places = flaw.uniform(60, 450, (80, 2))
        good = np.flatnonzero(self.depth_at(places) > margin)
        return places[good[0]] if len(good) else self.seen([(60, 0)])[0]


def _blended(first: Plane, second: Plane) -> Plane:
    """Return the union of two signed distances, the inner corner rounded over BLEND."""
    share = np.clip(f32(0.5) + (first - second) * f32(0.5 / BLEND), 0, 1)
    return first + (second - first) * share - f32(BLEND) * share * (1 - share)


def draw(
    part: np.random.Generator,
    flaw: np.random.Generator,
    kind: str | None,
    severity: float,
    camera: Camera,
    rotate: bool,
) -> tuple[Plane, Plane]:
    """Return linear light (SIZE, SIZE, 3) and the mask."""
    length = LENGTH
    if kind == "wrong_length":
        length *= 1 + coin(flaw) * between(severity, 0.05, 0.17)
    link = Link(part, rotate, length)
    sound = None
    if kind in IN_THE_OUTLINE:
        sound = _at_size(link, link.distance_inside())
        IN_THE_OUTLINE[kind](link, flaw, severity)
    link.close_outline()
    if kind in ON_THE_SURFACE:
        ON_THE_SURFACE[kind](link, flaw, severity)
    lamp = Lamp(-0.5 + camera.light_x, -0.6 + camera.light_y, 0.8)
    metal, diffuse = _metal(link, part, lamp, camera)
    solid = _solid(link.inside)
    coverage = _at_size(link, link.inside)
    shadow = _shadow(coverage) if sound is None else _shadow_near_flaw(coverage, sound)
    light = (_mat(part, lamp) * (1 - f32(0.74) * shadow) * (1 - coverage))[..., None] * MAT
    window, coarse_window = link.window, halve_window(link.window)
    steel = metal * solid if link.rust is None else metal * solid * (1 - link.rust)
    light[coarse_window] += halve(steel)[..., None] * STEEL
    if link.rust is not None and link.rust_tone is not None:
        tone = (1 + f32(0.35) * link.rust_tone) * (f32(0.35) + f32(1.1) * diffuse)
        light[coarse_window] += halve(solid * link.rust * np.maximum(tone, 0))[..., None] * RUST
    mask = empty()
    mask[window] = solid if kind == "wrong_length" else link.mask
    return light, mask


def _solid(inside: Plane) -> Plane:
    return soft_step(inside, -0.8, 0.8)


def _at_size(link: Link, inside: Plane) -> Plane:
    """Return the coverage of the metal on the whole picture, at SIZE."""
    coverage = empty(SIZE)
    coverage[halve_window(link.window)] = halve(_solid(inside))
    return coverage


def _metal(link: Link, part: np.random.Generator, lamp: Lamp, camera: Camera) -> tuple[Plane, Plane]:
    """Return the light from the metal, and its diffuse part: bosses turned, arm shot-blasted, pocket as cast."""
    fine = fields.profile(part, GROOVES, GROOVE_STEPS, softness=0.7) * f32(1.2)
    broad = fields.profile(part, GROOVES, GROOVE_STEPS, softness=5) * f32(2)
    grooves = fine + broad
    at_big = link.x < f32(link.length * MIDDLE)
    radius = np.where(at_big, link.from_big, link.from_small + 110)  # the small boss has grooves of its own
    groove_number = (radius * f32(1.35 * GROOVE_STEPS)).astype(np.int32)
    groove = np.take(grooves, groove_number, mode="clip") * link.turned_face
    distance = np.where(at_big, link.from_big, link.from_small)
    out_x = np.where(at_big, link.x, link.x - f32(link.length)) / distance
    out_y = link.y / distance
    out_x, out_y = out_x * link.cosine - out_y * link.sine, out_x * link.sine + out_y * link.cosine  # as seen

    castings = fields.tiled(fields.band(part, 0.10, 0.5))[link.window]
    blasting = fields.tiled(fields.band(part, 0.22, 0.6))[link.window]
    rough = (1 - link.boss) * (1 + link.pocket * f32(0.8))
    slope_x, slope_y = slopes(link.height + (castings * f32(0.55) + blasting * f32(0.12)) * rough)
    slope_x = slope_x * f32(SLOPE_GAIN) + out_x * groove * f32(GROOVE_SLOPE)
    slope_y = slope_y * f32(SLOPE_GAIN) + out_y * groove * f32(GROOVE_SLOPE)
    diffuse, halfway = lamp.shade(slope_x, slope_y)
    shine = gloss(halfway, 26)
    # a turned face shines where its grooves lie across the light: two fans that stay towards the lamp
    across = (out_x * f32(-0.6 + camera.light_y) - out_y * f32(-0.5 + camera.light_x)) * f32(0.55)
    fan = np.exp(-((across * f32(1 / 0.10)) ** 2)) * f32(0.5) + np.exp(-((across * f32(1 / 0.26)) ** 2)) * f32(0.34)
    sky = np.clip(f32(0.55) - slope_y * f32(0.9) - slope_x * f32(0.75), 0, 1.5)
    light = (f32(0.10) + f32(0.30) * sky) * (1 + groove * f32(0.08))
    light += fan * (link.turned_face + groove * f32(0.16)) * f32(0.50)
    light += (diffuse * f32(0.12) + shine * f32(0.22)) * (1 - link.turned_face)
    if link.bare is not None:
        light += link.bare * (f32(0.3) + shine)
    light *= 1 + fields.drift(part, 2.0, 0.006)[link.window] * f32(0.035)
    light *= 1 - link.pocket * f32(0.20)
    light *= soft_step(link.inside, -4, 5) ** f32(0.35)  # edges are darker
    return light, diffuse


def _mat(part: np.random.Generator, lamp: Lamp) -> Plane:
    """Return the light from the rubber mat, no link on it, at SIZE."""
    diffuse, _ = lamp.shade(*slopes(fields.band(part, 0.28, 0.5) * f32(0.6)))
    return (diffuse + f32(0.12)) * (1 + fields.power(part, 1.6, 0.012) * f32(0.04))


def _shadow(coverage: Plane) -> Plane:
    return cast(halve(coverage), SHADOW_STEPS, (0.62, 0.75), SIZE)


def _shadow_near_flaw(coverage: Plane, sound: Plane) -> Plane:
    """Return the shadow of the flawed link where the flaw is, and of the sound one elsewhere.

    The shadow of a small piece falls well beside it: outside the mask, where nothing may change.
    """
    near = np.minimum(ndimage.gaussian_filter(np.abs(coverage - sound), 1.5) * 3, 1)
    shadow = _shadow(sound)
    return shadow + near * (_shadow(coverage) - shadow)


def _chip(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Bite a piece from an edge."""
    where, angle = flaw.random(), flaw.uniform(0.6, TURN - 0.6)
    if where < 0.45:
        place = (BIG * math.cos(angle), BIG * math.sin(angle))
    elif where < 0.7:
        place = (link.length - SMALL * math.cos(angle), -SMALL * math.sin(angle))
    else:
        along = flaw.uniform(80, 150)
        place = (along, coin(flaw) * (ARM - along / link.length * (ARM - ARM_END)))
    bite = blob(flaw, link.seen([place])[0], between(severity, 12, 32), 0.35, 1.2)[link.window]
    link.mask = bite * (link.outline < 0)
    # far outside the bite nothing may change: not even a chamfer
    link.outline = np.maximum(link.outline, np.where(bite > 0.01, (bite - f32(0.5)) * 6, f32(-999)))


def _burr(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Leave swarf standing into a bore."""
    radius, centre = (BIG_BORE, 0.0) if flaw.random() < 0.6 else (SMALL_BORE, link.length)
    angle, spread = flaw.uniform(0, TURN), between(severity, 0.28, 0.8)
    t = np.linspace(-1, 1, 22)
    radii = radius - 1 - between(severity, 3.0, 11) * np.exp(-((t * 1.8) ** 2))
    radii += flaw.normal(0, between(severity, 0.4, 1.8), len(t))
    angles = angle + t * spread
    points = list(zip(centre + radii * np.cos(angles), radii * np.sin(angles), strict=True))
    link.burr = stroke(link.seen(points), between(severity, 3.2, 7))[link.window]
    link.mask = link.burr


def _no_oil_hole(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Drill the oil hole too small, or not at all."""
    del flaw
    link.oil_hole = max(-3.0, OIL_HOLE - between(severity, 3.4, 10))
    link.mask = (np.hypot(link.x, link.y - f32(OIL_HOLE_AT)) < OIL_HOLE + 1.5).astype(np.float32)


def _scratch(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Score the metal along a line that stays on it."""
    length, best_share = between(severity, 80, 190), -1.0
    for _ in range(60):
        line = wander(flaw, link.place_on(flaw), length, 0.035)
        share = float((link.depth_at(line) > 3).mean())
        if share > best_share:
            best_share, best = share, line
        if share > 0.9:
            break
    score = stroke(best, between(severity, 3.6, 7.0))[link.window] * (link.inside > 1)
    link.height -= score * f32(between(severity, 2.0, 6.0))
    link.bare = score * f32(between(severity, 0.5, 1.2))
    link.mask = score


def _dent(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Press the metal in, a raised rim around."""
    radius = between(severity, 14, 32)
    hollow = blob(flaw, link.place_on(flaw, radius * 0.6), radius, 0.22, radius * 0.55)[link.window]
    link.height += rim(hollow) * f32(between(severity, 0.8, 4)) - hollow * f32(between(severity, 13, 36))
    link.turned_face = link.turned_face * (1 - f32(0.6) * hollow)
    link.mask = ((hollow > 0.12) & (link.inside > 0)).astype(np.float32)


def _rust(link: Link, flaw: np.random.Generator, severity: float) -> None:
    """Let a patch rust, its edge eaten by noise."""
    radius = between(severity, 13, 40)
    patch = blob(flaw, link.place_on(flaw), radius, 0.5, radius * 0.45)[link.window]
    link.rust_tone = enlarge(fields.power(flaw, 1.3, 0.02), FINE)[link.window]
    spread = np.clip(patch * f32(1.5) + link.rust_tone * f32(0.30) * patch - f32(0.35), 0, 1) * (link.inside > 0)
    link.mask = (spread > 0.2).astype(np.float32)
    link.rust = spread * f32(between(severity, 0.2, 0.9))


Flaw = Callable[[Link, np.random.Generator, float], None]
IN_THE_OUTLINE: dict[str | None, Flaw] = {"chip": _chip, "burr": _burr, "no_oil_hole": _no_oil_hole}
ON_THE_SURFACE: dict[str | None, Flaw] = {"scratch": _scratch, "dent": _dent, "rust": _rust}
KINDS = ("chip", "scratch", "dent", "rust", "burr", "no_oil_hole", "wrong_length")
LOGICAL = ("wrong_length",)
