"""Eleven two-coloured capsules in a tray of five flutes, free to slide, either way round."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from detectors.datasets.builtin import fields
from detectors.datasets.builtin.camera import Camera
from detectors.datasets.builtin.light import Lamp, cast, gloss, shifted
from detectors.datasets.builtin.planes import (
    COARSE_X,
    FINE,
    SIZE,
    TURN,
    Plane,
    Point,
    X,
    Y,
    between,
    coin,
    coverage,
    empty,
    even_window,
    f32,
    halve,
    halve_window,
    linear,
    slopes,
    soft_step,
)
from detectors.datasets.builtin.shapes import Line, blob, circle_points, stroke, turned

COUNT, FLUTES, PITCH, FIRST_FLUTE = 11, 5, 96, 64  # FINE pixels
CAP_RADIUS, BODY_RADIUS, HALF_LENGTH = 29.0, 27.3, 44.0  # the cap slides over the body; half length without the ends
JOINT, LOCK = 6.0, -20.0  # along the capsule: the cap's rim, and the ring that locks it
CAP, BODY, FADED = linear(158, 32, 34), linear(222, 208, 170), linear(206, 140, 100)
TRAY, POWDER, HIGHLIGHT = linear(150, 163, 172), linear(236, 224, 196), np.array([1, 0.99, 0.96], np.float32)
SHADOW_OFFSET = np.array([10.0, 14.0])
SHADOW_AT_ONCE = ((0, 1.0),)  # capsules touch the tray: the shadow does not fade with distance


@dataclass(frozen=True)
class Place:
    """Where a capsule lies."""

    x: float
    y: float
    angle: float

    def seen(self, points: list[Point] | Line) -> Line:
        """Return points of the capsule's own frame in FINE pixels."""
        return turned(points, self.x, self.y, self.angle)


class Capsule:
    """One capsule in its window: distances, normals and what its surface is like. A flaw changes any of them."""

    def __init__(self, place: Place, cap_tone: float, body_tone: float, roll: float) -> None:
        self.place, self.roll = place, roll
        self.cap, self.body = CAP * f32(1 + cap_tone), BODY * f32(1 + body_tone)
        self.cosine, self.sine = f32(math.cos(place.angle)), f32(math.sin(place.angle))
        reach_x = HALF_LENGTH * abs(math.cos(place.angle)) + CAP_RADIUS + 4
        reach_y = HALF_LENGTH * abs(math.sin(place.angle)) + CAP_RADIUS + 4
        x, y = place.x, place.y
        self.window = even_window(x - reach_x, y - reach_y, x + reach_x, y + reach_y)
        dx, dy = X[self.window] - f32(x), Y[self.window] - f32(y)
        self.along = dx * self.cosine + dy * self.sine  # the cap is where `along` is less than JOINT
        self.aside = dy * self.cosine - dx * self.sine
        self.is_cap = soft_step(self.along, JOINT + 0.8, JOINT - 0.8)
        self.radius = f32(BODY_RADIUS) + f32(CAP_RADIUS - BODY_RADIUS) * self.is_cap
        self.tilt_along: Plane | float = 0.0  # added to the normal, which is not of unit length here
        self.tilt_aside: Plane | float = 0.0
        self.dirt: Plane | None = None  # swallows light and gloss
        self.crack: Plane | None = None
        self.mask = np.zeros_like(self.along)

    def close_surface(self) -> None:
        """Fix the outline and the normals that follow from the radius."""
        over_end = np.sign(self.along) * np.maximum(np.abs(self.along) - f32(HALF_LENGTH), 0)
        self.from_axis = np.hypot(over_end, self.aside)
        self.coverage = soft_step(self.radius - self.from_axis, -1, 1)
        height = np.sqrt(np.maximum(self.radius * self.radius - self.from_axis * self.from_axis, 4))
        groove = _bell(self.along, JOINT, 1.5) - _bell(self.along, JOINT + 3, 1.2) * f32(0.4)
        ring = _bell(self.along, LOCK, 1.6) * f32(0.5)
        inverse = 1 / self.radius
        self.normal_along = over_end * inverse + self.tilt_along + groove * f32(0.35)
        self.normal_along += ring * f32(0.25) * np.sign(self.along - f32(LOCK))
        self.normal_aside = self.aside * inverse + self.tilt_aside
        self.normal_up = height * inverse

    def paint(self, light: Plane, lamp: Lamp) -> None:
        """Lay the capsule over `light` (SIZE, SIZE, 3)."""
        along, aside, up = self.normal_along, self.normal_aside, self.normal_up
        inverse = 1 / np.sqrt(along * along + aside * aside + up * up)
        normal_x = (along * self.cosine - aside * self.sine) * inverse
        normal_y = (along * self.sine + aside * self.cosine) * inverse
        normal_z = up * inverse
        (lamp_x, lamp_y, lamp_z), (half_x, half_y, half_z) = lamp.direction, lamp.halfway
        sideways = normal_x * lamp_x + normal_y * lamp_y
        wrapped = np.maximum((sideways + normal_z * lamp_z) * f32(0.74) + f32(0.26), 0)  # gelatine lets light round
        halfway = normal_x * half_x + normal_y * half_y + normal_z * half_z
        highlight = gloss(halfway, 130) * f32(0.75) + gloss(halfway, 18) * f32(0.09)
        through = np.maximum(-sideways, 0) * f32(0.30)  # light that leaves on the far side
        diffuse = wrapped * f32(0.98) + f32(0.10) + through * (1 - self.is_cap * f32(0.4))
        diffuse *= 1 + self._powder() * (1 - self.is_cap)
        if self.dirt is not None:
            diffuse *= 1 - self.dirt
            highlight *= 1 - np.minimum(self.dirt * f32(1.1), 1)
        if self.crack is not None:
            highlight += shifted(self.crack, 1.5, 1.5) * f32(0.10)  # the far lip catches the light
        edge = (1 - normal_z) ** 3 * f32(0.16)
        target = light[halve_window(self.window)]
        target *= 1 - halve(self.coverage)[..., None]
        target += halve(diffuse * self.coverage * self.is_cap)[..., None] * self.cap
        target += halve(diffuse * self.coverage * (1 - self.is_cap))[..., None] * self.body
        target += halve((highlight + edge) * self.coverage)[..., None] * HIGHLIGHT

    def _powder(self) -> Plane:
        """Return the filling that shows through the body: a faint pattern, never noise, which reads as a bad sensor."""
        first = np.sin(self.along * f32(0.9) + self.aside * f32(0.7) + f32(self.roll))
        return f32(0.035) * first * np.sin(self.along * f32(0.35) - self.aside * f32(0.8) + f32(2 * self.roll))


def _bell(values: Plane, middle: float, width: float) -> Plane:
    return np.exp(-(((values - f32(middle)) * f32(1 / width)) ** 2))


def draw(
    part: np.random.Generator,
    flaw: np.random.Generator,
    kind: str | None,
    severity: float,
    camera: Camera,
    rotate: bool,
) -> tuple[Plane, Plane]:
    """Return linear light (SIZE, SIZE, 3) and the mask."""
    del rotate  # the flutes hold the capsules
    places, tray_shift = _places(part)
    tones, rolls = part.normal(0, 0.035, (COUNT, 2)), part.uniform(0, TURN, COUNT)
    mask, chosen, kept = empty(), int(flaw.integers(COUNT)), range(COUNT)
    if kind == "count":
        left_out = 1 if severity < 0.34 else 2 if severity < 0.67 else 3
        kept = np.sort(flaw.permutation(COUNT)[left_out:]).tolist()
        mask += 1
    lamp = Lamp(-0.52 + camera.light_x, -0.62 + camera.light_y, 1.05)
    light = _tray(part, lamp, tray_shift)
    light *= (1 - f32(0.66) * _shadow([places[i] for i in kept]))[..., None]
    for i in kept:
        capsule = Capsule(places[i], tones[i, 0], tones[i, 1], rolls[i])
        hit = i == chosen
        if hit and kind in TO_SHAPE:
            TO_SHAPE[kind](capsule, flaw, severity)
        capsule.close_surface()
        if hit and kind in TO_SURFACE:
            TO_SURFACE[kind](capsule, flaw, severity)
        capsule.paint(light, lamp)
        if hit:
            mask[capsule.window] = np.maximum(mask[capsule.window], capsule.mask)
    if kind == "leak":
        mask = _leak(places[chosen], flaw, severity, light, lamp)
    return light, mask


def _places(part: np.random.Generator) -> tuple[list[Place], float]:
    """Return where the capsules lie, one to three in each flute, and how far the tray stands to the right."""
    while True:
        in_flute = part.integers(1, 4, FLUTES)
        if in_flute.sum() == COUNT:
            break
    shift = part.normal(0, 2.5)
    places, room = [], 2 * (HALF_LENGTH + CAP_RADIUS) + 3
    for flute, count in enumerate(in_flute):
        gaps = np.sort(part.random(count)) * (FINE - 10 - count * room)
        for j, gap in enumerate(gaps):
            x = FIRST_FLUTE + PITCH * flute + shift + part.normal(0, 1.2)
            angle = math.pi / 2 + part.normal(0, 0.035) + math.pi * int(part.integers(2))
            places.append(Place(x, 5 + gap + (j + 0.5) * room, angle))
    return places, shift


def _tray(part: np.random.Generator, lamp: Lamp, shift: float) -> Plane:
    """Return the light from the empty tray: fluted, finely textured polymer."""
    slope_x, slope_y = slopes(fields.band(part, 0.24, 0.5) * f32(0.17))
    phase = (COARSE_X[0] * 2 + f32(0.5 - FIRST_FLUTE - shift)) * f32(TURN / PITCH)
    slope_x += f32(0.42) * (np.sin(phase) + f32(0.35) * np.sin(2 * phase))
    diffuse, halfway = lamp.shade(slope_x, slope_y)
    in_the_valley = f32(0.80) - f32(0.20) * np.cos(phase)
    clouds = 1 + fields.power(part, 1.6, 0.012) * f32(0.02)
    light = ((diffuse * f32(0.96) + f32(0.10)) * in_the_valley * clouds)[..., None] * TRAY
    light += (gloss(halfway, 22) * f32(0.05))[..., None]
    return light


def _shadow(places: list[Place]) -> Plane:
    """Return the capsules' shadow (0 to 1) at SIZE."""
    image = Image.new("L", (SIZE, SIZE))
    pen = ImageDraw.Draw(image)
    for place in places:
        ends = (place.seen([(-HALF_LENGTH, 0), (HALF_LENGTH, 0)]) + SHADOW_OFFSET) / 2
        (x0, y0), (x1, y1) = ends
        pen.line([x0, y0, x1, y1], fill=255, width=int(CAP_RADIUS * 0.95))
        for x, y in ends:
            pen.ellipse(circle_points((x, y), CAP_RADIUS * 0.47), fill=255)
    return cast(halve(coverage(image)), SHADOW_AT_ONCE, (0, 0), SIZE)


def _dent(capsule: Capsule, flaw: np.random.Generator, severity: float) -> None:
    """Press one flank in."""
    middle, side = flaw.uniform(-HALF_LENGTH, HALF_LENGTH), coin(flaw)
    depth, length = between(severity, 3.5, 16), between(severity, 11, 24)
    towards = capsule.aside * side
    capsule.radius = capsule.radius - f32(depth) * _bell(capsule.along, middle, length) * soft_step(towards, -2, 12)
    hollow = _bell(capsule.along, middle, between(severity, 10, 20)) * _bell(towards, 9, between(severity, 6, 11))
    hollow *= f32(between(severity, 0.25, 0.95))
    capsule.tilt_along = hollow * (capsule.along - f32(middle)) * f32(1 / 9)
    capsule.tilt_aside = hollow * (capsule.aside - f32(9 * side)) * f32(1 / 7)
    flank = (towards > -3) & (np.abs(capsule.along - f32(middle)) < 1.25 * length)
    over_end = np.maximum(np.abs(capsule.along) - f32(HALF_LENGTH), 0)
    capsule.mask = (flank & (np.hypot(over_end, capsule.aside) < CAP_RADIUS + 1)).astype(np.float32)


def _faded(capsule: Capsule, flaw: np.random.Generator, severity: float) -> None:
    """Bleach the cap."""
    del flaw
    share = f32(between(severity, 0.22, 0.8))
    capsule.cap = capsule.cap * (1 - share) + FADED * share
    capsule.mask = capsule.coverage * capsule.is_cap


def _half_only(capsule: Capsule, flaw: np.random.Generator, severity: float) -> None:
    """Make both halves alike; the mildest: the joint stands in the wrong place."""
    if severity > 0.34:
        both_caps = float(flaw.integers(2))
        wrong = 1 - capsule.is_cap if both_caps else capsule.is_cap
        capsule.is_cap = np.full_like(capsule.along, both_caps)
        capsule.mask = capsule.coverage * wrong
    else:
        joint = JOINT + 13 * coin(flaw)
        capsule.is_cap = soft_step(capsule.along, joint + 0.8, joint - 0.8)
        capsule.mask = capsule.coverage * (np.abs(capsule.along - f32(JOINT)) < 15)


def _crack(capsule: Capsule, flaw: np.random.Generator, severity: float) -> None:
    """Break the shell along a jagged line, with a branch when severe."""
    steps, step = 9, between(severity, 30, 95) / 9
    angle, line = flaw.uniform(0, TURN), [np.array([flaw.uniform(-HALF_LENGTH, HALF_LENGTH), flaw.uniform(-7, 7)])]
    for i in range(steps):
        line.append(line[-1] + step * flaw.uniform(0.6, 1.4) * _heading(angle))
        zigzag = (1 if i % 2 else -1) * int(flaw.choice([1, 1, -1])) * coin(flaw)
        angle += zigzag * flaw.uniform(0.2, 0.75)
    crack = stroke(capsule.place.seen(np.array(line)), np.linspace(1.2, 0.6, steps + 1) * between(severity, 2.6, 6.4))
    if severity > 0.5:
        branch = [line[4] + 0.8 * step * i * _heading(angle + 1.1) for i in range(5)]
        crack = np.maximum(crack, stroke(capsule.place.seen(np.array(branch)), between(severity, 1.6, 4.2)))
    capsule.crack = crack[capsule.window] * (capsule.radius - capsule.from_axis > 1)
    capsule.dirt = capsule.crack * f32(between(severity, 0.55, 0.95))
    capsule.mask = capsule.crack


def _heading(angle: float) -> NDArray[np.float64]:
    return np.array([math.cos(angle), math.sin(angle)])


def _speck(capsule: Capsule, flaw: np.random.Generator, severity: float) -> None:
    """Enclose one black speck, three when severe."""
    specks = np.zeros_like(capsule.along)
    for _ in range(1 if severity < 0.6 else 3):
        radius = between(severity, 3.4, 9) * flaw.uniform(0.7, 1.1)
        own = (flaw.uniform(-HALF_LENGTH, HALF_LENGTH), flaw.uniform(-13, 13))
        speck = blob(flaw, capsule.place.seen([own])[0], radius, 0.4, 1.1)
        specks = np.maximum(specks, speck[capsule.window] * capsule.coverage)
    capsule.dirt = specks * f32(between(severity, 0.55, 0.93))
    capsule.mask = specks


def _leak(place: Place, flaw: np.random.Generator, severity: float, light: Plane, lamp: Lamp) -> Plane:
    """Spill grains from one flank over `light`; return their mask."""
    own = (coin(flaw) * flaw.uniform(0, HALF_LENGTH), coin(flaw) * CAP_RADIUS)
    grains, spread = int(between(severity, 60, 520)), between(severity, 6, 18)
    middles = 2 * (place.seen([own]) + flaw.normal(0, spread, (grains, 2)))
    image = Image.new("L", (2 * FINE, 2 * FINE))
    pen = ImageDraw.Draw(image)
    for (x, y), radius in zip(middles, flaw.uniform(1.2, 4.6, grains), strict=True):
        pen.ellipse(circle_points((x, y), radius), fill=int(flaw.uniform(150, 255)))
    heap = coverage(image.reduce(2))
    diffuse, _ = lamp.shade(*slopes(heap * 3))
    light *= (1 - f32(0.5) * halve(shifted(heap, 2, 2)))[..., None]
    light *= 1 - halve(heap)[..., None]
    light += halve(heap * diffuse)[..., None] * (POWDER * f32(1.05))
    return (ndimage.gaussian_filter(heap, 3) > 0.07).astype(np.float32)


Flaw = Callable[[Capsule, np.random.Generator, float], None]
TO_SHAPE: dict[str | None, Flaw] = {"dent": _dent}
TO_SURFACE: dict[str | None, Flaw] = {"crack": _crack, "speck": _speck, "faded": _faded, "half_only": _half_only}
KINDS = ("crack", "dent", "speck", "faded", "leak", "half_only", "count")
LOGICAL = ("count",)
