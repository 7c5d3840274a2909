"""Which frames of a stream are worth learning: sharp ones that differ from those taken before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import laplace

FEWEST = 6  # frames that a fit begins with: five to learn from where the sixth is held out
ENOUGH = 20  # distinct frames that suffice
MORE = 10  # that are taken at once where enough are there
MOST = 60  # that are kept of one visitor
GRID = 32  # cells a side in which frames are compared
DIFFERENCE = 3.0  # root mean square over the cells, grey levels of 255: what a frame must differ by from every other
SMALLEST_DIFFERENCE = 0.75  # what is asked for at last where nothing moves; a camera's noise alone is about 0.3
SPACING_SECONDS = 0.2  # between two frames that are taken: twenty of them show what a part does in four seconds
HALVING_SECONDS = 1.5  # after which without a frame half the difference is asked for
SHARP_SHARE = 0.5  # of the usual sharpness of the last frames: below, a frame is blurred
FLAT = 2.0  # variance of the Laplacian, squared grey levels, below which nothing at all can be seen
RECENT = 30  # frames that say what is usual

Judgement = Literal["taken", "alike", "blurred", "full"]


@dataclass(frozen=True)
class Kept:
    """A frame that is learnt from.

    Attributes:
        number: which its sender gave it.
        jpeg: as it came.
        small: (GRID, GRID) grey levels.
    """

    number: int
    jpeg: bytes = field(repr=False)
    small: NDArray[np.float32] = field(repr=False)


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the brightness of (H, W, 3) as (H, W), in grey levels."""
    return np.asarray(Image.fromarray(pixels).convert("L"), np.float32)


def shrunk(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (GRID, GRID) means of a brightness (H, W)."""
    return np.asarray(Image.fromarray(levels).resize((GRID, GRID), Image.Resampling.BOX), np.float32)


def sharpness(levels: NDArray[np.float32]) -> float:
    """Return the variance of the Laplacian of a brightness (H, W), in squared grey levels."""
    return float(laplace(levels).var())


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the root mean square difference of two frames, as `shrunk` gives them, in grey levels."""
    return float(np.sqrt(np.square(one - other).mean()))


class Selection:
    """The frames that one visitor has shown to be learnt from.

    Attributes:
        kept: in the order in which they were taken.
    """

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self._sharp: deque[float] = deque(maxlen=RECENT)
        self._last: float | None = None  # when frames began to come, or one was taken
        self._taken: float | None = None
        self._level = DIFFERENCE

    def begin(self, now: float) -> None:
        """Say that frames come from now on, in seconds of any clock."""
        self._last, self._level = now, DIFFERENCE

    def judge(self, number: int, jpeg: bytes, pixels: NDArray[np.uint8], now: float) -> Judgement:
        """Take a frame (H, W, 3) unless it is blurred, like another, or enough are there; say which."""
        if len(self.kept) >= MOST:
            return "full"
        levels = grey(pixels)
        sharp, small = sharpness(levels), shrunk(levels)
        self._sharp.append(sharp)
        if sharp < max(FLAT, SHARP_SHARE * float(np.median(self._sharp))):
            return "blurred"
        soon = self._taken is not None and now - self._taken < SPACING_SECONDS
        nearest = min((difference(small, other.small) for other in self.kept), default=DIFFERENCE)
        if soon or nearest < self.asked(now):
            return "alike"
        self._level = min(DIFFERENCE, max(self.asked(now), nearest / 2))  # what moves slowly goes on being taken
        self._take(number, jpeg, small, now)
        return "taken"

    def add(self, number: int, jpeg: bytes, pixels: NDArray[np.uint8], now: float) -> Judgement:
        """Take a frame that a person chose, whatever it is like."""
        if len(self.kept) >= MOST:
            return "full"
        self._take(number, jpeg, shrunk(grey(pixels)), now)
        return "taken"

    def remove(self, number: int) -> None:
        """Forget a frame."""
        self.kept = [each for each in self.kept if each.number != number]

    def asked(self, now: float) -> float:
        """Return the difference that is asked for: halved while nothing new is shown, more again where much changes."""
        waited = 0.0 if self._last is None else max(0.0, now - self._last)
        return max(SMALLEST_DIFFERENCE, self._level * 0.5 ** int(waited / HALVING_SECONDS))

    def _take(self, number: int, jpeg: bytes, small: NDArray[np.float32], now: float) -> None:
        self.kept.append(Kept(number, jpeg, small))
        self._last = self._taken = now
