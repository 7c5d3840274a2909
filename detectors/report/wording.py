"""The words and numbers of the report in one language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from detectors.errors import Sentence, fill, translate
from detectors.methods import METHODS, of_cards
from detectors.result import Column, Failure, Figure, Result

TEXTS = Path(__file__).parents[2] / "assets" / "texts"


@cache
def texts(language: str) -> dict[str, Any]:
    """Return the report's texts, nested; `language` is "en" or "ko"."""
    return json.loads((TEXTS / f"report.{language}.json").read_text(encoding="utf-8"))


@cache
def _of_the_app(language: str) -> dict[str, Any]:
    """Return the app's texts: the engine's sentences, products and kinds of defects in another language."""
    file = TEXTS / f"{language}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


@dataclass(frozen=True)
class Words:
    """Texts, translated sentences and numbers as the report writes them."""

    language: str
    sentences: Mapping[str, str]

    @classmethod
    def of(cls, language: str, sentences: Mapping[str, str] | None = None) -> Words:
        """Take the app's translations where none are given."""
        return cls(
            language, of_cards(language) | _of_the_app(language).get("engine", {}) if sentences is None else sentences
        )

    @property
    def t(self) -> dict[str, Any]:
        """All texts."""
        return texts(self.language)

    def say(self, sentence: Sentence | None) -> str:
        """Return a sentence in the report's language, in English where it was never translated."""
        return "" if sentence is None else translate(sentence, self.language, self.sentences.get)

    def write(self, key: str, /, **values: Any) -> str:
        """Return one of the app's texts by its dotted key, for what page and report say alike."""
        found: Any = _of_the_app(self.language)
        for part in key.split("."):
            found = found[part]
        return fill(found, self.language, **values)

    def kind(self, name: str, result: Result, pasted: bool = False) -> str:
        """Return what a kind of defect is called: a person's own folder as it is, what is drawn in our words."""
        if not (pasted or _built_in(result)):
            return name
        return _of_the_app(self.language).get("kinds", {}).get(name) or name.replace("_", " ")

    def data(self, result: Result) -> str:
        """Return the data set's name: ours for a product of the demo set, the user's own otherwise."""
        known = _of_the_app(self.language).get("products", {}) if _built_in(result) else {}
        return known.get(result.data) or result.data

    def title(self, result: Result, column: Column | Failure) -> str:
        """Return a column's heading: the method, with its backbone where there are several."""
        name = METHODS[column.method].title if column.method in METHODS else column.method
        backbones = {c.backbone for c in result.columns} | {f.backbone for f in result.failures}
        return f"{name} · {column.backbone}" if len(backbones) > 1 else name

    def figure(self, figure: Figure | None, absent: str = "") -> dict[str, Any]:
        """Return a figure's number, interval and reason, two decimals each."""
        figure = figure or Figure(None)
        if figure.value is None:
            return {
                "value": None,
                "low": None,
                "high": None,
                "short": absent,
                "range": "",
                "reason": self.say(figure.reason),
            }
        between = "" if figure.low is None or figure.high is None else f"[{figure.low:.2f}, {figure.high:.2f}]"
        return {
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "short": f"{figure.value:.2f}",
            "range": between,
            "reason": self.say(figure.reason),
        }

    def rate(self, figure: Figure, count: int, of: int, key: str) -> dict[str, Any]:
        """Return a rate as "7 of 8 found, 53-98 %"."""
        low, high = figure.low or 0.0, 1.0 if figure.high is None else figure.high
        return {
            "key": key,
            "figure": figure,
            "words": self.t["scores"][key].format(k=count, n=of),
            "range": f"{100 * low:.0f}–{100 * high:.0f} %",
        }


def _built_in(result: Result) -> bool:
    recipe = result.experiment.get("data") or {}
    return recipe.get("base", recipe).get("source") == "demo"
