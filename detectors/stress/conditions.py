"""Conditions: what a camera, a lamp or a fixture may do to a picture, in steps whose units a photographer knows.

A condition changes the pixels that a backbone sees and nothing else: what was learnt and its thresholds stay. Light is
changed in linear light, geometry by mirroring what lies beyond the border, and strength 0 is the picture itself, byte
for byte. What is drawn at random (where a shadow falls, which way a part slid) is drawn from the picture's content, so
that a picture meets the same accident at every strength.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from detectors.errors import SettingRefused

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]
Size = tuple[int, int]  # (H, W) in pixels
_DAYLIGHT = 6504.0  # kelvin, of sRGB's white
_XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_SHADED = 0.4  # of a picture lies in a partial shadow
_ROOM = 0.1  # of an axis, between two of its numbers
_SOFT = 0.05  # width of a shadow's edge, in sides of the picture


@dataclass(frozen=True)
class Condition:
    """Something that may befall all test pictures.

    Attributes:
        key: "brightness".
        unit: of the strengths: "stops", "mired", "%", "px", "levels", "quality lost", "degrees".
        strengths: ascending, 0 among them: the picture as it is.
        alter: changes the pixels, by a strength and by what is drawn at random for the picture.
        matrix: (3, 3) of a movement, from which `alter` is made; None for what moves nothing.
    """

    key: str
    unit: str
    strengths: tuple[float, ...]
    alter: Callable[[Pixels, float, np.random.Generator], Pixels]
    matrix: Callable[[Size, float, np.random.Generator], NDArray[np.float64]] | None = None

    @property
    def geometric(self) -> bool:
        """Whether masks must follow, and whether its own resampling and borders need a control."""
        return self.matrix is not None

    @property
    def directions(self) -> tuple[tuple[float, ...], ...]:
        """The strengths from the weakest to the strongest, those below 0 and those above apart."""
        below = tuple(sorted((s for s in self.strengths if s < 0), reverse=True))
        above = tuple(sorted(s for s in self.strengths if s > 0))
        return tuple(direction for direction in (below, above) if direction)

    @property
    def strongest(self) -> float:
        """The strength that lies farthest from 0."""
        return max(self.strengths, key=abs)

    def apply(self, pixels: Pixels, strength: float, seed: int = 0) -> Pixels:
        """Return (H, W, 3) uint8 sRGB under this condition.

        Args:
            pixels: (H, W, 3) uint8 sRGB, as a backbone sees it.
            strength: in the condition's unit; 0 returns the same bytes.
            seed: of all pictures' accidents.
        """
        return pixels.copy() if strength == 0 else self.alter(pixels, strength, self._accident(pixels, seed))

    def apply_mask(self, mask: Mask, pixels: Pixels, strength: float, seed: int = 0) -> Mask:
        """Return the (H, W) mask of a picture under this condition: moved as its picture was."""
        if self.matrix is None or strength == 0:
            return mask
        moved = self.matrix(_size(mask), strength, self._accident(pixels, seed))
        return move(mask.astype(np.uint8)[..., None] * 255, moved, Image.Resampling.NEAREST)[..., 0] > 127

    def control(self, pixels: Pixels, strength: float, seed: int = 0) -> Pixels:
        """Return a picture moved there and back: what resampling and the border do to it without any movement."""
        if self.matrix is None or strength == 0:
            return pixels.copy()
        there = self.matrix(_size(pixels), strength, self._accident(pixels, seed))
        return move(move(pixels, there), np.asarray(np.linalg.inv(there), np.float64))

    def _accident(self, pixels: Pixels, seed: int) -> np.random.Generator:
        content = hashlib.sha256(pixels.tobytes()).digest()
        return np.random.default_rng([seed, int.from_bytes(self.key.encode()[:6]), int.from_bytes(content[:8])])


def condition(key: str) -> Condition:
    """Return the condition of a name; SettingRefused names all when there is none."""
    if key not in CONDITIONS:
        raise SettingRefused(
            "stress.condition",
            "There is no condition {key!r}; choose among {known}.",
            key=key,
            known=", ".join(CONDITIONS),
        )
    return CONDITIONS[key]


def apart(strengths: Sequence[float]) -> list[float]:
    """Return the strengths whose numbers have room on an axis; 0 is among them.

    >>> apart((0, 0.5, 0.75, 1, 1.5, 2, 3))
    [0, 0.5, 1, 1.5, 2, 3]
    """
    room = _ROOM * (max(strengths) - min(strengths))
    kept = [0.0]
    for strength in sorted(strengths, key=abs):
        if all(abs(strength - other) >= room for other in kept):
            kept.append(strength)
    return sorted(strength for strength in strengths if strength in kept)


def daylight(mired: float) -> NDArray[np.float64]:
    """Return the gains (3,) of linear R, G, B when daylight's colour moves by so many mired; luminance stays.

    The chromaticity of daylight is the CIE's (CIE 15:2004, 3.2), 4,000 to 25,000 K; positive is warmer.
    """
    kelvin = 1e6 / (1e6 / _DAYLIGHT + mired)
    white, usual = _white(kelvin), _white(_DAYLIGHT)
    gains = white / usual
    return np.asarray(gains / (gains @ [0.2126, 0.7152, 0.0722]))


def _white(kelvin: float) -> NDArray[np.float64]:
    t = 1e3 / kelvin
    if kelvin <= 7000:
        x = 0.244063 + t * (0.09911 + t * (2.9678 - 4.6070 * t))
    else:
        x = 0.237040 + t * (0.24748 + t * (1.9018 - 2.0064 * t))
    y = -3.0 * x * x + 2.870 * x - 0.275
    return np.asarray(_XYZ_TO_RGB @ [x / y, 1.0, (1 - x - y) / y])


def _linear_table() -> Plane:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_table()


def _encoded(linear: Plane) -> Pixels:
    """Return sRGB bytes of linear light; what is brighter than white is white."""
    value = np.clip(linear, 0, 1)
    srgb = np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** np.float32(1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * srgb), np.uint8)


def _lit(pixels: Pixels, gain: NDArray[np.floating] | float) -> Pixels:
    return _encoded(_LINEAR[pixels] * np.asarray(gain, np.float32))


def _brightness(pixels: Pixels, stops: float, accident: np.random.Generator) -> Pixels:
    return _lit(pixels, 2.0**stops)


def _temperature(pixels: Pixels, mired: float, accident: np.random.Generator) -> Pixels:
    return _lit(pixels, daylight(mired))


def _contrast(pixels: Pixels, percent: float, accident: np.random.Generator) -> Pixels:
    middle = pixels.mean(axis=(0, 1))
    return _bytes(middle + (pixels - middle) * (1 + percent / 100))


def _gradient(pixels: Pixels, stops: float, accident: np.random.Generator) -> Pixels:
    return _lit(pixels, 2.0 ** (stops * _across(_size(pixels), accident.uniform(0, 2 * np.pi)))[..., None])


def _shadow(pixels: Pixels, stops: float, accident: np.random.Generator) -> Pixels:
    across = _across(_size(pixels), accident.uniform(0, 2 * np.pi))
    edge = np.quantile(across, _SHADED)
    depth = np.clip((edge - across) / _SOFT + 0.5, 0, 1)
    return _lit(pixels, 2.0 ** (-stops * depth)[..., None])


def _blur(pixels: Pixels, sigma: float, accident: np.random.Generator) -> Pixels:
    return _bytes(ndimage.gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0), mode="mirror"))


def _noise(pixels: Pixels, levels: float, accident: np.random.Generator) -> Pixels:
    return _bytes(pixels + levels * accident.standard_normal(pixels.shape, np.float32))


def _jpeg(pixels: Pixels, lost: float, accident: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=round(100 - lost))
    return np.array(Image.open(file))


def _size(pixels: NDArray[Any]) -> Size:
    return pixels.shape[0], pixels.shape[1]


def _across(size: Size, angle: float) -> NDArray[np.float64]:
    """Return (H, W): -1/2 at one end of the picture, 1/2 at the other, along an angle."""
    down, right = (np.linspace(-0.5, 0.5, side) for side in size)
    field = np.cos(angle) * right[None, :] + np.sin(angle) * down[:, None]
    return np.asarray(field / (abs(np.cos(angle)) + abs(np.sin(angle))))


def _bytes(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)


def _rotation(size: Size, degrees: float, accident: np.random.Generator) -> NDArray[np.float64]:
    turn = np.deg2rad(degrees)
    return _about_middle(size, np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))


def _shift(size: Size, pixels: float, accident: np.random.Generator) -> NDArray[np.float64]:
    moved = np.eye(3)
    moved[accident.integers(2), 2] = pixels * accident.choice([-1, 1])
    return moved


def _scale(size: Size, percent: float, accident: np.random.Generator) -> NDArray[np.float64]:
    return _about_middle(size, np.eye(2) * (1 + percent / 100))


def _about_middle(size: Size, linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that moves (x, y) of pixels about the picture's middle."""
    matrix, middle = np.eye(3), np.array([size[1] / 2, size[0] / 2])
    matrix[:2, :2], matrix[:2, 2] = linear, middle - linear @ middle
    return matrix


def move(pixels: Pixels, matrix: NDArray[np.float64], resample: Image.Resampling = Image.Resampling.BICUBIC) -> Pixels:
    """Move a picture; what comes in from beyond its border is its mirror image."""
    height, width = _size(pixels)
    margin = min(height, width) // 4
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    back = np.linalg.inv(matrix)  # from places of the new picture to places of the old one, both without the margin
    back[:2, 2] += margin
    image = Image.fromarray(padded if padded.shape[2] == 3 else padded[..., 0])
    moved = image.transform((width, height), Image.Transform.AFFINE, tuple(back[:2].ravel()), resample)
    return np.array(moved).reshape(pixels.shape)


def _geometry(
    matrix: Callable[[Size, float, np.random.Generator], NDArray[np.float64]],
) -> Callable[[Pixels, float, np.random.Generator], Pixels]:
    def alter(pixels: Pixels, strength: float, accident: np.random.Generator) -> Pixels:
        return move(pixels, matrix(_size(pixels), strength, accident))

    return alter


def _all() -> Mapping[str, Condition]:
    listed = (
        Condition("brightness", "stops", (-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6), _brightness),
        Condition("temperature", "mired", (-45, -30, -15, 0, 15, 30, 45), _temperature),
        Condition("contrast", "%", (-30, -20, -10, 0, 10, 20, 30), _contrast),
        Condition("gradient", "stops", (0, 0.2, 0.4, 0.6, 0.9, 1.2, 1.6), _gradient),
        Condition("shadow", "stops", (0, 0.1, 0.2, 0.4, 0.6, 0.9, 1.2), _shadow),
        Condition("blur", "px", (0, 0.5, 0.75, 1, 1.5, 2, 3), _blur),
        Condition("noise", "levels", (0, 2, 4, 6, 8, 12, 20), _noise),
        Condition("jpeg", "quality lost", (0, 5, 10, 20, 40, 60, 80), _jpeg),
        Condition("rotation", "degrees", (-10, -4, -2, 0, 2, 4, 10), _geometry(_rotation), _rotation),
        Condition("shift", "px", (0, 1, 2, 3, 5, 8, 12), _geometry(_shift), _shift),
        Condition("scale", "%", (-10, -5, -2, 0, 2, 5, 10), _geometry(_scale), _scale),
    )
    return {each.key: each for each in listed}


CONDITIONS: Mapping[str, Condition] = _all()
