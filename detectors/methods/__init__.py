"""The registry: a card for each method, and how to build one by name. Importing this does not import torch.

Methods of one's own are modules with a `CARD`, named in the environment variable `ODD_METHODS` ("my_module, other.one")
or as entry points of the group `odd_one_out.methods`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NamedTuple

from detectors.errors import Sentence, SettingRefused
from detectors.methods.card import Card, Published
from detectors.methods.settings import Setting

if TYPE_CHECKING:
    from detectors.methods.base import Detector

__all__ = ["METHODS", "PRESETS", "UNREADABLE", "Card", "Published", "Setting", "build", "of_cards", "settings_help"]

METHODS: dict[str, Card]  # by key, in the order of their papers; read when first asked for, as a card may import base
UNREADABLE: tuple[Sentence, ...]  # why methods that were named are not in METHODS
PRESETS = ("quick", "paper")

_KEY = re.compile(r"[a-z][a-z0-9_]*")  # a part of links, file names and the keys of texts


def __getattr__(name: str) -> Any:
    if name in ("METHODS", "UNREADABLE"):
        return getattr(_registry(), name.lower())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def build(key: str, preset: str = "quick", backbone: str = "", **settings: Any) -> Detector:
    """Return an unfitted detector: the preset's settings, overridden by those given.

    Args:
        key: of `METHODS`.
        preset: "quick" or "paper".
        backbone: whose features it will be fitted on, as a preset may depend on it; "" for what suits any.
        settings: by name, see `settings_help`; a list is taken for a tuple. `seed` may be given to every method.

    Raises:
        SettingRefused: when a name is unknown or a value out of range; the sentence says what there is.
    """
    known = settings_help(key)
    if preset not in PRESETS:
        raise SettingRefused(
            "methods.unknown_preset",
            "There is no preset '{preset}'. Choose among {known}.",
            preset=preset,
            known=", ".join(PRESETS),
        )
    if "seed" not in known:
        settings = {name: value for name, value in settings.items() if name != "seed"}
    for name in settings:
        if name not in known:
            raise SettingRefused(
                "methods.unknown_setting",
                "{method} has no setting '{name}'. It has {known}.",
                method=_registry().methods[key].title,
                name=name,
                known=", ".join(known),
            )
    kind = detector_class(key)
    return kind(**(kind.preset(preset, backbone) | settings))


def settings_help(key: str) -> dict[str, Setting]:
    """Return what can be set on a method: by name, its default, its range and one line."""
    methods = _registry().methods
    if key not in methods:
        raise SettingRefused(
            "methods.unknown", "There is no method '{name}'. Choose among {known}.", name=key, known=", ".join(methods)
        )
    return dict(methods[key].settings)


def of_cards(language: str) -> dict[str, str]:
    """Return the texts that cards bring in a language, by their sentences' keys."""
    return {key: text for card in _registry().methods.values() for key, text in card.words.get(language, {}).items()}


def detector_class(key: str) -> type[Detector]:
    """Return a method's class.

    Raises:
        SettingRefused: when it cannot be imported, or its fields are not the settings on the card.
    """
    card = _registry().methods[key]
    module, _, name = card.home.partition(":")
    try:
        kind: type[Detector] = getattr(import_module(module), name)
        defaults = {field.name: field.default for field in fields(kind)}
    except Exception as error:  # whatever a method of someone else's does when it is imported
        raise SettingRefused(
            "methods.no_class",
            "{method} cannot be used: {home} could not be imported ({error}). Correct it and start again.",
            method=card.title,
            home=card.home,
            error=f"{type(error).__name__}: {error}",
        ) from error
    on_card = {name: setting.default for name, setting in card.settings.items()}
    if defaults != on_card or kind.name != key:
        raise SettingRefused(
            "methods.card_differs",
            "{method} cannot be used: its card says {card}, and its class {kind}. Make them equal.",
            method=card.title,
            card=f"{key} {on_card}",
            kind=f"{kind.name} {defaults}",
        )
    return kind


class _Registry(NamedTuple):
    methods: dict[str, Card]
    unreadable: tuple[Sentence, ...]


@cache
def _registry() -> _Registry:
    """Read all cards: our own in the order of their papers, then those of others as they are named."""
    own = import_module(f"{__name__}.cards")
    cards = [import_module(f"{own.__name__}.{found.name}").CARD for found in iter_modules(own.__path__)]
    methods = {card.key: card for card in sorted(cards, key=lambda card: card.arxiv)}
    unreadable: list[Sentence] = []
    for name, read in _named():
        try:
            card = read()
            _refuse_card(card, methods)
            methods[card.key] = card
        except Exception as error:  # whatever a module of someone else's does when it is imported
            unreadable.append(
                Sentence(
                    "methods.unreadable",
                    "The method {name} could not be read and is left out: {error}. Correct it or do not name it.",
                    name=name,
                    error=f"{type(error).__name__}: {error}",
                )
            )
    return _Registry(methods, tuple(unreadable))


def _named() -> Iterator[tuple[str, Callable[[], Card]]]:
    """Yield the methods of others: what they are called, and how to read their cards."""
    for name in filter(None, map(str.strip, os.environ.get("ODD_METHODS", "").split(","))):
        yield name, partial(_card, name, "CARD")
    for entry in entry_points(group="odd_one_out.methods"):
        yield entry.name, partial(_card, entry.module, entry.attr or "CARD")


def _card(module: str, name: str) -> Card:
    card: Card = getattr(import_module(module), name)
    return card


def _refuse_card(card: Card, known: dict[str, Card]) -> None:
    if not isinstance(card, Card):
        raise TypeError(f"CARD is a {type(card).__name__}, not a Card")
    if not _KEY.fullmatch(card.key):
        raise ValueError(f"its key {card.key!r} is not made of small letters, digits and _")
    if card.key in known:
        raise ValueError(f"there is a method {card.key!r} already")
