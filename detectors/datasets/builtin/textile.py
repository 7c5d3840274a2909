"""Shirting in 2/1 twill, blue with a yellow stripe: every thread has its own thickness, shade and place.

Which thread lies on top, the gaps and every fault of a thread follow from two heights, the warp's and the weft's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detectors.datasets.builtin import fields
from detectors.datasets.builtin.camera import Camera
from detectors.datasets.builtin.light import Lamp
from detectors.datasets.builtin.planes import (
    TURN,
    Plane,
    X,
    Y,
    between,
    choose,
    coin,
    empty,
    f32,
    halve,
    linear,
    painted,
    rim,
    slopes,
)
from detectors.datasets.builtin.shapes import blob, stroke, wander

WARP_PITCH, WEFT_PITCH = 11.5, 12.5  # FINE pixels; warp threads run down, weft threads across
STRIPE_EVERY, STRIPE_WIDTH = 11, 2  # warp threads
MARGIN = 8  # threads before the first one in sight, so that thread numbers stay positive however the cloth lies
GAP = -1.2  # height between threads
SLOPE_GAIN = 3.4
WARP, WEFT, STRIPE = linear(62, 84, 122), linear(176, 180, 184), linear(196, 178, 140)
FIBRES = (linear(30, 26, 24), linear(208, 60, 48), linear(232, 228, 220))
STAIN_ABSORBS = np.array([0.8, 0.95, 1.15], np.float32)  # red, green, blue: a brown stain


class Threads:
    """One direction of the weave: where every pixel lies in it, and what its threads are like."""

    def __init__(self, at: Plane, part: np.random.Generator) -> None:
        whole = at.astype(np.intp)  # what numpy indexes with: saves a copy in every look-up
        first = int(whole.min()) - 1
        self.number = whole - first  # thread number of each pixel
        self.at = at - f32(first)  # position in threads
        self.count = int(self.number.max()) + 2
        radius = f32(0.47) + f32(0.022) * part.standard_normal(self.count, dtype=np.float32)
        shade = 1 + f32(0.07) * part.standard_normal(self.count, dtype=np.float32)
        offset = f32(0.035) * part.standard_normal(self.count, dtype=np.float32)
        self.radius, self.shade = self.of_thread(radius), self.of_thread(shade)
        self.off_axis = self.at - self.number.astype(np.float32) - f32(0.5) + self.of_thread(offset)

    def of_thread(self, values: NDArray[np.float32]) -> Plane:
        """Return one value per thread as a plane."""
        return np.take(values, self.number, mode="clip")

    def height(self, wave: Plane) -> Plane:
        """Return the height of round threads that follow `wave` over and under; GAP beside them."""
        round_off = self.off_axis / self.radius
        round_off *= -round_off
        round_off += 1  # 1 - (a/r)^2: 1 on the axis, 0 at the outline
        present = np.clip(round_off * 8, 0, 1)  # the outline is a pixel wide, not a jump
        np.maximum(round_off, 0, out=round_off)
        np.sqrt(round_off, out=round_off)
        round_off *= self.radius
        round_off *= f32(2.2)
        round_off += wave
        round_off -= f32(GAP)
        round_off *= present
        round_off += f32(GAP)
        return round_off


class Cloth:
    """The weave before it is lit; a flaw of the weave changes it and marks its mask."""

    def __init__(self, part: np.random.Generator) -> None:
        angle, stretch = part.normal(0, 0.022), 1 + part.normal(0, 0.012)
        cosine, sine = np.cos(angle), np.sin(angle)
        wander_x, wander_y = (fields.drift(part, 2.8) * f32(2.0) for _ in range(2))
        start_x, start_y = MARGIN + part.uniform(0, 3, 2)  # the twill repeats after three threads
        across = X * f32(cosine / WARP_PITCH / stretch) + Y * f32(sine / WARP_PITCH / stretch)
        across += wander_x * f32(1 / WARP_PITCH) + f32(start_x)
        along = Y * f32(cosine / WEFT_PITCH) - X * f32(sine / WEFT_PITCH)
        along += wander_y * f32(1 / WEFT_PITCH) + f32(start_y)
        stripe_phase = int(part.integers(STRIPE_EVERY))
        self.warp, self.weft = Threads(across, part), Threads(along, part)
        self.in_stripe = (np.arange(self.warp.count) + stripe_phase) % STRIPE_EVERY
        self.striped = self.in_stripe < STRIPE_WIDTH  # per warp thread
        thickness = fields.drift(part, 1.0, 0.01) * f32(0.012)
        self.warp.radius += thickness
        self.weft.radius -= thickness
        self.slip: Plane | None = None  # weft passing over and under at the wrong places, as a phase
        self.swelling: Plane | None = None  # weft standing higher
        self.missing: NDArray[np.bool_] | None = None  # where a warp thread is gone
        self.mask = empty()

    def heights(self) -> tuple[Plane, Plane]:
        """Return the heights of warp and weft; the larger is on top."""
        warp_phase = self.warp.number.astype(np.float32) + self.weft.at
        weft_phase = self.weft.number.astype(np.float32) + self.warp.at
        if self.slip is not None:
            warp_phase += self.slip
            weft_phase += self.slip
        warp = self.warp.height(f32(0.55) * np.cos(f32(TURN / 3) * warp_phase) + f32(0.30))
        weft = self.weft.height(f32(-0.55) * np.cos(f32(TURN / 3) * weft_phase))
        if self.swelling is not None:
            weft += self.swelling
        if self.missing is not None:
            warp[self.missing] = GAP
        return warp, weft


def draw(
    part: np.random.Generator,
    flaw: np.random.Generator,
    kind: str | None,
    severity: float,
    camera: Camera,
    rotate: bool,
) -> tuple[Plane, Plane]:
    """Return linear light (SIZE, SIZE, 3) and the mask."""
    del rotate  # cloth lies as it is woven
    cloth = Cloth(part)
    if kind in IN_THE_WEAVE:
        IN_THE_WEAVE[kind](cloth, flaw, severity)
    warp, weft = cloth.heights()
    warp_on_top = np.clip((warp - weft) * 8 + f32(0.5), 0, 1)
    height = np.maximum(warp, weft)
    height = ndimage.uniform_filter(height, 3, mode="nearest")

    def of_upper(of_warp: Plane, of_weft: Plane) -> Plane:
        return of_weft + warp_on_top * (of_warp - of_weft)

    warp_twist = cloth.weft.at * f32(2.6) + cloth.warp.off_axis * f32(1.7)
    weft_twist = cloth.warp.at * f32(2.6) + cloth.weft.off_axis * f32(1.7)
    twist = np.cos(f32(TURN) * of_upper(warp_twist, weft_twist))
    fuzz = fields.tiled(fields.band(part, 0.22, 0.5))
    height += twist * f32(0.045) + fuzz * f32(0.05)
    depth = np.clip((height + f32(1.15)) * f32(0.52), 0.06, 1)  # little light reaches the gaps
    diffuse, _ = Lamp(-0.55 + camera.light_x, -0.5 + camera.light_y, 0.85).shade(*slopes(height * f32(SLOPE_GAIN)))
    light = (diffuse * f32(1.15) + f32(0.13)) * depth
    light *= 1 + fields.drift(part, 1.6, 0.006) * f32(0.028) + twist * f32(0.05) + fuzz * f32(0.04)
    light *= of_upper(cloth.warp.shade, cloth.weft.shade)
    fibre = _foreign_fibre(cloth, flaw, severity, light) if kind == "foreign_fibre" else None
    striped = cloth.warp.of_thread(cloth.striped.astype(np.float32)) * warp_on_top
    plain = warp_on_top - striped
    picture = painted((light * plain, WARP), (light * (1 - warp_on_top), WEFT), (light * striped, STRIPE))
    if fibre is not None:
        coverage, colour = fibre
        picture += halve(coverage * (f32(0.5) + f32(0.5) * diffuse))[..., None] * colour
    if kind == "stain":
        _stain(cloth, flaw, severity, picture)
    return picture, cloth.mask


def _broken_thread(cloth: Cloth, flaw: np.random.Generator, severity: float) -> None:
    """One to three warp threads are gone over a length; ends are ragged."""
    threads, count = max(1, round(between(severity, 1, 3.4))), cloth.warp.count
    first = int(flaw.integers(int(0.2 * count), int(0.8 * count)))
    middle, half_length = flaw.uniform(90, 420), between(severity, 13, 60)
    ends = [half_length * (0.9 + 0.25 * flaw.standard_normal(count)).astype(np.float32) for _ in range(2)]
    number = cloth.warp.number
    cloth.missing = (number >= first) & (number < first + threads)
    cloth.missing &= (middle - cloth.warp.of_thread(ends[0]) < Y) & (middle + cloth.warp.of_thread(ends[1]) > Y)
    cloth.mask = cloth.missing.astype(np.float32)


def _slub(cloth: Cloth, flaw: np.random.Generator, severity: float) -> None:
    """One weft thread swells and pushes its neighbours aside."""
    thread = int(flaw.integers(int(0.25 * cloth.weft.count), int(0.75 * cloth.weft.count)))
    middle, half_length = flaw.uniform(90, 420), between(severity, 26, 60)
    bell = np.exp(-(((X[0] - f32(middle)) / f32(half_length)) ** 2))[None]  # (1, FINE)
    below, above = cloth.weft.number == thread - 1, cloth.weft.number == thread + 1
    swollen = (cloth.weft.number == thread) * bell * f32(between(severity, 0.16, 0.75))
    pushed = bell * f32(between(severity, 0.04, 0.28))
    cloth.weft.radius += swollen - (below | above) * pushed * f32(0.5)
    cloth.weft.off_axis += (below.astype(np.float32) - above.astype(np.float32)) * pushed * f32(0.35)
    cloth.swelling = swollen * f32(1.6)
    reach = int(severity > 0.5)
    rows = (cloth.weft.number >= thread - reach) & (cloth.weft.number <= thread + reach)
    cloth.mask = (rows & (np.abs(X - middle) < 1.6 * half_length)).astype(np.float32)


def _mispick(cloth: Cloth, flaw: np.random.Generator, severity: float) -> None:
    """One or two weft threads float: over and under at the wrong places."""
    threads = 1 if severity < 0.6 else 2
    first = int(flaw.integers(int(0.2 * cloth.weft.count), int(0.8 * cloth.weft.count)))
    middle, half_length = flaw.uniform(120, 390), between(severity, 38, 190)
    number = cloth.weft.number
    floating = (number >= first) & (number < first + threads) & (np.abs(X - f32(middle)) < f32(half_length))
    cloth.mask = floating.astype(np.float32)
    cloth.slip = cloth.mask * f32(1.5)  # half of the twill's repeat


def _stripe(cloth: Cloth, flaw: np.random.Generator, severity: float) -> None:
    """One stripe stands some threads off its place. Every patch of it is normal cloth."""
    count = cloth.warp.count
    near_middle = range(max(6, int(count / 2 - 9)), min(count - 8, int(count / 2 + 9)))
    due = choose(flaw, [thread for thread in near_middle if cloth.in_stripe[thread] == 0])
    stands = due + coin(flaw) * max(1, round(between(severity, 1.3, 5)))
    cloth.striped = cloth.striped.copy()
    cloth.striped[due : due + STRIPE_WIDTH] = False
    cloth.striped[stands : stands + STRIPE_WIDTH] = True
    marked = np.zeros(count, np.float32)
    marked[min(due, stands) : max(due, stands) + STRIPE_WIDTH] = 1
    cloth.mask = cloth.warp.of_thread(marked)


def _foreign_fibre(
    cloth: Cloth, flaw: np.random.Generator, severity: float, light: Plane
) -> tuple[Plane, NDArray[np.float32]]:
    """Lay a fibre on the cloth: take its shadow and what it covers from `light`; return its coverage and colour."""
    line = wander(flaw, flaw.uniform(120, 390, 2), between(severity, 75, 300), 0.22)
    fibre = stroke(line, between(severity, 2.4, 5.2))
    light[3:, 3:] *= 1 - f32(0.55) * ndimage.uniform_filter(fibre, 5)[:-3, :-3]  # its shadow, 3 px away from the lamp
    colour = FIBRES[int(flaw.integers(len(FIBRES)))]
    cloth.mask = fibre
    coverage = fibre * f32(between(severity, 0.7, 1))
    light *= 1 - coverage
    return coverage, colour


def _stain(cloth: Cloth, flaw: np.random.Generator, severity: float, picture: Plane) -> None:
    """Soak a spot of the picture brown, with a darker edge where it dried."""
    radius, strength = between(severity, 17, 50), between(severity, 0.22, 0.6)
    spot = blob(flaw, flaw.uniform(110, 400, 2), radius, 0.45, radius * 0.22)
    picture *= 1 - halve(spot)[..., None] * (f32(strength) * STAIN_ABSORBS)
    picture *= 1 - halve(rim(spot))[..., None] * f32(0.25 * strength)
    cloth.mask = (spot > 0.4).astype(np.float32)


IN_THE_WEAVE: dict[str | None, Callable[[Cloth, np.random.Generator, float], None]] = {
    "broken_thread": _broken_thread,
    "slub": _slub,
    "mispick": _mispick,
    "stripe": _stripe,
}
KINDS = ("broken_thread", "slub", "stain", "foreign_fibre", "mispick", "stripe")
LOGICAL = ("stripe",)
