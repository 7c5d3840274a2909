"""What a session has chosen: one frozen value, mirrored in the URL, so that a link opens the same experiment."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import streamlit as st

from detectors.datasets import FIRST_PRODUCT
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.features import closer
from detectors.features.weights import DEFAULT
from detectors.methods import METHODS as CARDS
from detectors.methods import PRESETS
from pages.frame import session
from pages.frame.words import LANGUAGES

DATA = ("demo", "own")
METHODS = tuple(CARDS)
PRODUCTS = ("link", "circuit", "leather", "textile", "capsules")
COLOURS = ("inferno", "mako")
CROPS = ("none", "center")
PROPORTIONS = ("square", "padded", "own")
MOST_BACKBONES = 2
LARGEST = 1024  # pixels a side of what a backbone is given
_MAKES_SCORES = (
    "data",
    "product",
    "preset",
    "settings",
    "size",
    "crop",
    "equalise",
    "proportions",
    "seed",
    "random_weights",
)

Setting = bool | int | float | str | tuple[int, ...]
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,79}(@[\w\-]{1,40})?", re.ASCII)  # a timm model, and whose weights
_PICTURE = re.compile(r"[0-9a-f]{8,64}")  # the start of a picture's sha256
_MOST_WORDS = 32
_WORD = re.compile(r"[a-z][a-z_]{0,39}")
# Up to 48 patches, seven dials and the probe (pages/learn/toy_state.js, which bounds what is read).
_TOY = re.compile(r"([0-9a-f][0-2][0-9a-z]{4}){0,48}(\.(a|\d{1,3})){7}\.[0-9a-z]{4}")


@dataclass(frozen=True)
class Choices:
    """One experiment and how it is looked at.

    Attributes:
        data: "demo" or "own" (pictures of this session; a link with "own" opens the demo elsewhere).
        settings: (method, setting, value) for each setting that differs from the preset.
        proportions: of what a backbone is given, as `Preprocessing` has them.
        closer: into how many tiles on a side pictures are cut, each beside the others.
        random_weights: whether backbones other than scattering get random weights.
        allowed: false alarms allowed, in steps: j of k + 1 normal pictures; None for the rate nearest to 5 %.
        thresholds: (column key, raw score, "value" or "test") of columns whose threshold was set apart.
        picture, place: what Inspect shows: the start of a sha256, and (row, column) in pixels.
        focus: the method written in teal on all pages.
        toy: what was placed and set in the playground, as its script writes it; "" for what it begins with.
        stress: what the methods were put to: conditions, and ways of `pages.stress.normals`.
    """

    data: str = "demo"
    product: str = FIRST_PRODUCT
    methods: tuple[str, ...] = METHODS
    backbones: tuple[str, ...] = (DEFAULT,)
    preset: str = "quick"
    settings: tuple[tuple[str, str, Setting], ...] = ()
    size: int = 224
    crop: str = "none"
    proportions: str = "square"
    closer: tuple[int, ...] = (1,)
    equalise: bool = False
    seed: int = 0
    random_weights: bool = False
    allowed: int | None = None
    thresholds: tuple[tuple[str, float, str], ...] = ()
    colour: str = "inferno"
    language: str | None = None
    focus: str = "patchcore"
    picture: str | None = None
    place: tuple[int, int] | None = None
    present: bool = False
    lesson: str | None = field(default=None)
    toy: str = ""
    stress: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The keys of the columns that these choices ask for."""
        return tuple(f"{method}/{backbone}" for backbone in self.looks for method in self.methods)

    @property
    def looks(self) -> tuple[str, ...]:
        """The backbones with how closely each looks, as the engine names them."""
        return tuple(closer.joined(backbone, tiles) for backbone in self.backbones for tiles in self.closer)

    @property
    def threshold(self) -> ThresholdChoice:
        """How the thresholds are chosen, on every page and in every file."""
        return ThresholdChoice(self.allowed, self.thresholds)

    def settings_of(self, method: str) -> dict[str, Setting]:
        """Return the changed settings of one method."""
        return {name: value for owner, name, value in self.settings if owner == method}

    def to_query(self) -> dict[str, str]:
        """Return the query parameters: only what differs from the defaults."""
        query = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in ("settings", "thresholds") and value != item.default:
                query[item.name] = _written(value)
        if self.thresholds:
            query["thresholds"] = ",".join(f"{key}:{value!r}:{origin}" for key, value, origin in self.thresholds)
        for method, name, value in self.settings:
            query[f"{method}.{name}"] = json.dumps(value)
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Choices:
        """Read query parameters; what is unknown or invalid is dropped."""
        chosen: dict[str, Any] = {}
        for name, read in _READERS.items():
            if name in query and (value := read(query[name])) is not None:
                chosen[name] = value
        settings = [found for key, value in query.items() if (found := _setting(key, value)) is not None]
        return cls(**chosen, settings=tuple(sorted(settings, key=lambda s: s[:2])))


def current() -> Choices:
    """Return this session's choices, read from the URL when the session begins."""
    chosen = session.CHOICES.get()
    if chosen is None:
        chosen = Choices.from_query(st.query_params.to_dict())
        session.CHOICES.set(chosen)
    return chosen


def change(**changes: Any) -> None:
    """Replace some of this session's choices; a threshold given by value holds for the scores it was given for."""
    before = current()
    after = replace(before, **changes)
    if "thresholds" not in changes and any(getattr(before, name) != getattr(after, name) for name in _MAKES_SCORES):
        after = replace(after, thresholds=())
    session.CHOICES.set(after)


def forget_values() -> None:
    """Return all columns to the common rate: other pictures have other scores."""
    change(thresholds=())


def change_setting(method: str, name: str, value: Setting | None) -> None:
    """Set one setting of one method; None returns to the preset's."""
    kept = [s for s in current().settings if s[:2] != (method, name)]
    if value is not None:
        kept.append((method, name, value))
    change(settings=tuple(sorted(kept, key=lambda s: s[:2])))


def mirror() -> None:
    """Write this session's choices into the URL."""
    query = current().to_query()
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda written: written if written in allowed else None


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda written: written if pattern.fullmatch(written) else None


def _whole(low: int, high: int) -> Callable[[str], int | None]:
    def read(written: str) -> int | None:
        if not re.fullmatch(r"\d{1,10}", written, re.ASCII):
            return None
        return int(written) if low <= int(written) <= high else None

    return read


def _flag(written: str) -> bool | None:
    return {"0": False, "1": True}.get(written)


def _methods(written: str) -> tuple[str, ...] | None:
    asked = written.split(",")
    return tuple(method for method in METHODS if method in asked) or None


def _backbones(written: str) -> tuple[str, ...] | None:
    names = [name for name in dict.fromkeys(written.split(",")) if _NAME.fullmatch(name)]
    return tuple(names[:MOST_BACKBONES]) or None


def _closer(written: str) -> tuple[int, ...] | None:
    asked = written.split(",")
    return tuple(tiles for tiles in closer.TILES if str(tiles) in asked) or None


def _words(written: str) -> tuple[str, ...] | None:
    return tuple(word for word in dict.fromkeys(written.split(",")[:_MOST_WORDS]) if _WORD.fullmatch(word)) or None


def _place(written: str) -> tuple[int, int] | None:
    read = [_whole(0, 4095)(part) for part in written.split(",")]
    return (read[0], read[1]) if len(read) == 2 and read[0] is not None and read[1] is not None else None


def _setting(key: str, written: str) -> tuple[str, str, Setting] | None:
    method, _, name = key.partition(".")
    known = CARDS[method].settings.get(name) if method in CARDS else None
    if known is None or len(written) > 80:
        return None
    try:
        value = json.loads(written, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    value = tuple(value) if isinstance(value, list) else value
    return (method, name, value) if value is not None and known.range.accepts(value) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a setting")


def _thresholds(written: str) -> tuple[tuple[str, float, str], ...] | None:
    found = {}
    for part in written.split(",")[: MOST_BACKBONES * len(closer.TILES) * len(METHODS)]:
        key, _, rest = part.partition(":")
        value, _, origin = rest.partition(":")
        method, _, backbone = key.partition("/")
        try:
            number = float(value)
        except ValueError:
            continue
        if method in METHODS and _NAME.fullmatch(backbone) and math.isfinite(number) and origin in ("value", "test"):
            found[key] = (key, number, origin)
    return tuple(found.values()) or None


_READERS: dict[str, Callable[[str], Any]] = {
    "data": _one_of(DATA),
    "product": _one_of(PRODUCTS),
    "methods": _methods,
    "backbones": _backbones,
    "preset": _one_of(PRESETS),
    "size": _whole(64, LARGEST),
    "crop": _one_of(CROPS),
    "proportions": _one_of(PROPORTIONS),
    "closer": _closer,
    "equalise": _flag,
    "seed": _whole(0, 2**31 - 1),
    "random_weights": _flag,
    "allowed": _whole(1, 150),
    "thresholds": _thresholds,
    "colour": _one_of(COLOURS),
    "language": _one_of(LANGUAGES),
    "focus": _one_of(METHODS),
    "picture": _matching(_PICTURE),
    "place": _place,
    "present": _flag,
    "lesson": _matching(_WORD),
    "toy": _matching(_TOY),
    "stress": _words,
}
