"""What can be set on a method: a default, an accepted range, one line. Data only, so that showing it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from detectors.errors import Sentence


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`, and the values in `also`."""

    low: int
    high: int
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is in range; True and False are not numbers here."""
        return _among(value, self.also) or (type(value) is int and self.low <= value <= self.high)

    def __str__(self) -> str:
        return ", ".join([f"{self.low}–{self.high}", *map(_shown, self.also)])


@dataclass(frozen=True)
class Real:
    """Numbers from `low` to `high`, and the values in `also`."""

    low: float
    high: float
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is in range; NaN never is."""
        return _among(value, self.also) or (type(value) in (int, float) and self.low <= value <= self.high)

    def __str__(self) -> str:
        return ", ".join([f"{self.low:g}–{self.high:g}", *map(_shown, self.also)])


@dataclass(frozen=True)
class OneOf:
    """A few named values."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return _among(value, self.values)

    def __str__(self) -> str:
        return ", ".join(map(_shown, self.values))


@dataclass(frozen=True)
class Levels:
    """One or several different level numbers, shallow to deep; which ones exist, the backbone says at the fit."""

    last: int = 63
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is a tuple of different whole numbers from 0 to `last`."""
        if _among(value, self.also):
            return True
        if not isinstance(value, tuple) or not all(type(level) is int and 0 <= level <= self.last for level in value):
            return False
        return 0 < len(value) == len(set(value))

    def __str__(self) -> str:
        return ", ".join([f"(0–{self.last}, …)", *map(_shown, self.also)])


Range = Whole | Real | OneOf | Levels


class Setting(NamedTuple):
    """One setting of one method."""

    default: Any
    range: Range
    line: Sentence


SEED = Setting(0, Whole(0, 2**31 - 1), Sentence("settings.seed", "Start of every random draw."))
SIGMA = Setting(4.0, Real(0, 64), Sentence("settings.sigma", "How far the map is smoothed, in pixels."))
GRID = Setting(
    None,
    Whole(0, 63, also=(None,)),
    Sentence("settings.grid", "Level whose grid the map is computed on; the finest of the levels when left open."),
)


def levels(*default: int) -> Setting:
    """Return the setting that most methods share: which of the backbone's levels are used."""
    return Setting(
        default, Levels(), Sentence("settings.levels", "Which depths of the backbone are used; 0 is the finest.")
    )


def _among(value: Any, values: tuple[Any, ...]) -> bool:
    return any(type(value) is type(v) and value == v for v in values)


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
