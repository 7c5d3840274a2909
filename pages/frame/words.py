"""Every word on screen, by key: `text("compare.title")` in the session's language."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import streamlit as st

from detectors.errors import Sentence, fill, translate
from detectors.methods import METHODS, of_cards
from pages.frame import session

LANGUAGES = ("en", "ko")
_FOLDER = Path(__file__).parents[2] / "assets" / "texts"
# What the engine says in English is translated under this key of ko.json, by the sentence's own key.
_ENGINE = "engine"


@cache
def table(language: str) -> dict[str, Any]:
    """Return all texts of a language, nested by page."""
    return json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))


def language() -> str:
    """Return the session's language: the chosen one, else the browser's, else English."""
    known = session.this_run()
    if "language" not in known:
        chosen = session.CHOICES.get()
        korean = (st.context.locale or "").lower().startswith("ko")
        asked = chosen.language if chosen is not None else None
        known["language"] = asked if asked in LANGUAGES else "ko" if korean else "en"
    return known["language"]


def text(key: str, /, **values: Any) -> str:
    """Return the text under a dotted key; `n` picks between "one" and "other" where both are given."""
    return write(language(), key, **values)


def speaker() -> Callable[..., str]:
    """Return `text` bound to the session's language, for what Streamlit calls later (`format_func`)."""
    return partial(write, language())


def lines(key: str) -> list[str]:
    """Return the list of texts under a dotted key in the session's language."""
    return _find(language(), key)


def write(tongue: str, key: str, /, **values: Any) -> str:
    """Return the text under a dotted key in a given language."""
    return fill(_find(tongue, key), tongue, **values)


def known(key: str) -> bool:
    """Say whether there is a text under a dotted key."""
    try:
        return _find("en", key) is not None
    except KeyError:
        return False


def say(sentence: Sentence) -> str:
    """Return what the engine says in the session's language; English where nobody translated it yet."""
    return say_in(language(), sentence)


def say_in(tongue: str, sentence: Sentence) -> str:
    """Return what the engine says in a given language."""
    return translate(sentence, tongue, lambda key: table(tongue)[_ENGINE].get(key) or of_cards(tongue).get(key))


def kind(name: str | None, pasted: bool = False) -> str:
    """Return what a kind of defect is called: a person's own folders as they are, all that the app draws in its words.

    Args:
        name: of the kind; None for a picture without a label.
        pasted: whether the app pasted the defect into a picture.
    """
    if name is None:
        return text("kind.unknown")
    if name in ("good", "defective"):
        return text(f"kind.{name}")
    chosen = session.CHOICES.get()
    return drawn_kind(name) if pasted or chosen is None or chosen.data == "demo" else name


def drawn_kind(name: str) -> str:
    """Return the word for a kind of defect that the app draws, whichever pictures are chosen."""
    return table(language())["kinds"].get(name) or name.replace("_", " ")


def called(column: str, several: bool = False) -> str:
    """Return a column's name by its key: the method, with what sets the column apart from others of the method."""
    method, apart = text(f"methods.{column.split('/')[0]}"), set_apart(column, several)
    return f"{method} ({apart})" if apart else method


def set_apart(column: str, several: bool) -> str:
    """Return a column's backbone where there are several, and what says that it belongs to a pinned run."""
    backbone, comma, pinned = column.split("/", 1)[1].partition(", ")
    return f"{backbone}{comma}{pinned}" if several else pinned


def setting_name(name: str) -> str:
    """Return what a setting is called; its name in the code where nobody named it."""
    return table(language())["settings_names"].get(name) or name


def stage_name(stage: str) -> str:
    """Return what the engine is doing in a few words; its own English where nobody translated it yet."""
    return table(language())["stages"].get(stage) or stage


def number_word(n: int) -> str:
    """Return a small count as a word, a larger one in digits."""
    words = table(language())["number_words"]
    return words[n] if n < len(words) else str(n)


def plain(name: str) -> str:
    """Escape a user's string so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>$~:&])", r"\\\1", " ".join(name.split()))


def spoken(name: str) -> str:
    """Return a user's string without the signs that Markdown takes: for labels that are heard and not seen."""
    return " ".join(re.sub(r"[\\`*\[\]{}<>$~:|]", " ", name).split())


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would use."""
    if seconds < 60:
        return text("units.seconds", s=f"{seconds:.1f}" if seconds < 2 else f"{seconds:.0f}")
    return text("units.minutes", m=f"{seconds / 60:.0f}")


def amount(size: float) -> str:
    """Return a number of bytes in the unit that a person would use."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    if size >= 1e5:
        return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 1e4 else f"{size / 1e3:.1f} kB"


def _find(tongue: str, key: str) -> Any:
    first, _, method = key.partition(".")
    if first in ("methods", "methods_short"):  # names are the cards', the same in all languages
        card = METHODS.get(method)
        return method if card is None else card.title if first == "methods" else card.short
    found: Any = table(tongue)
    for part in key.split("."):
        found = found[part]
    return found
