"""The camera, once for every product: eight numbers that vary from photograph to photograph, and what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detectors.datasets.builtin.planes import COARSE_X, COARSE_Y, FINE, SIZE, Plane, f32, halve

NUMBERS = 8
VIGNETTE = 0.42  # light lost at distance 1 from the centre, in units of the picture's side, squared
# As most photographs are when a method sees them, these are reduced: one pixel is the mean of 4 x 4 of the sensor's, so
# that noise is white and a quarter of the sensor's, and nothing of demosaicing is left. Electrons are those of Sony's
# IMX255, an industrial sensor whose data sheet says: largest signal-to-noise ratio 40.3 dB, dynamic range 71.3 dB.
# `python -m tests.benchmarks.drawn_or_photographed` holds the outcome against photographs.
AVERAGED = 16
FULL_WELL, DARK_NOISE = 10_700, 2.9  # electrons
SHOT_NOISE = (FULL_WELL * AVERAGED) ** -0.5  # times the root of the light
READ_NOISE = DARK_NOISE / FULL_WELL * AVERAGED**-0.5
SHOULDER = 0.8  # light above this is compressed softly instead of clipped
TONE_STEPS = 1 << 16  # per unit of light: in the deepest shadow one step is less than 2 grey levels


@dataclass(frozen=True)
class Camera:
    """The circumstances of one photograph. Light and vignette offsets move the lamp and the bright centre."""

    exposure: float
    red: float
    blue: float
    blur: float  # standard deviation, pixels at SIZE
    light_x: float
    light_y: float
    centre_x: float
    centre_y: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Camera:
        """Make a camera of eight numbers in [0, 1]; 0.5 everywhere is the middle."""
        exposure, red, blue, blur, light_x, light_y, centre_x, centre_y = (2 * float(n) - 1 for n in numbers)
        return cls(
            exposure=float(np.exp(0.11 * exposure)),
            red=1 + 0.025 * red,
            blue=1 + 0.03 * blue,
            blur=0.54
            + 0.05 * blur,  # focus is set once: sharpness varies by a tenth from part to part, as photographs' does
            light_x=0.10 * light_x,
            light_y=0.10 * light_y,
            centre_x=0.08 * centre_x,
            centre_y=0.08 * centre_y,
        )


def stratified(count: int, key: Sequence[int]) -> NDArray[np.float64]:
    """Return eight camera numbers for each of `count` photographs, (count, 8).

    Each number is a random permutation of `count` equal strata: no split is by luck brighter or sharper than another.
    """
    rng = np.random.default_rng(key)
    columns = [(rng.permutation(count) + rng.random(count)) / max(count, 1) for _ in range(NUMBERS)]
    return np.stack(columns, axis=1)  # (count, 8)


def photograph(light: Plane, camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return linear light, (FINE, FINE, 3) or (SIZE, SIZE, 3), as it comes out of the camera: (SIZE, SIZE, 3) sRGB."""
    if len(light) == FINE:
        light = halve(light)
    x, y = COARSE_X[0] / SIZE - 0.5 - f32(camera.centre_x), COARSE_Y[:, :1] / SIZE - 0.5 - f32(camera.centre_y)
    falloff = 1 - f32(VIGNETTE) * (x * x + y * y)  # (SIZE, SIZE)
    gain = np.array([camera.red, 1, camera.blue], np.float32) * f32(camera.exposure)
    light = light * (falloff[..., None] * gain)
    for axis in (0, 1):
        light = ndimage.gaussian_filter1d(light, camera.blur, axis, truncate=3, mode="nearest")
    np.maximum(light, 0, out=light)
    noise = rng.standard_normal((SIZE, SIZE, 3), dtype=np.float32)
    noise *= np.sqrt(light * f32(SHOT_NOISE**2) + f32(READ_NOISE**2))
    light += noise
    light *= f32(TONE_STEPS)
    tones = _tones()
    return np.take(tones, np.clip(light, 0, len(tones) - 1).astype(np.int32))


@cache
def _tones() -> NDArray[np.uint8]:
    light = np.arange(2 * TONE_STEPS) / TONE_STEPS
    room = 1 - SHOULDER
    light = np.where(light > SHOULDER, SHOULDER + room * (1 - np.exp(-(light - SHOULDER) / 0.25)), light)
    return np.clip(255 * light ** (1 / 2.2) + 0.5, 0, 255).astype(np.uint8)
