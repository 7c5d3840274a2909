"""What the engine says to a person: sentences with a key, so that they can be shown in another language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_FORMS = re.compile(r"\[(?:(\w+):)?([^\[\]|]*)\|([^\[\]|]*)\]")  # of one and of several
_NUMBER = re.compile(r"\d[\d.,]*")
_PARTICLES = re.compile(r"(?<=(.))\((은/는|이/가|을/를|과/와|으로/로)\)")


class Sentence:
    """One sentence for a person: `str()` gives it in English, `key` and `values` let the interface translate it.

    >>> str(Sentence("spade.k_clipped", "K was lowered from {asked} to {used}.", asked=50, used=20))
    'K was lowered from 50 to 20.'
    """

    def __init__(self, key: str, english: str, /, **values: Any) -> None:
        self.key = key
        self.english = english
        self.values = values

    def __str__(self) -> str:
        return written(self.english, **self.values)

    def __repr__(self) -> str:
        return f"Sentence({self.key!r}, {str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.key, str(self)) == (other.key, str(other))

    def __hash__(self) -> int:
        return hash((self.key, str(self)))


def written(english: str, /, **values: Any) -> str:
    """Return an English text with its values put in, and of "[one|several]" the form that a number asks for.

    That is the number before it, or the one called: "[count:has|have]".

    >>> [written("{count} [picture has|pictures have] no mask", count=count) for count in (1, 2)]
    ['1 picture has no mask', '2 pictures have no mask']
    >>> written("{count} of {all} pictures [count:has|have] none", count=1, all=9)
    '1 of 9 pictures has none'
    """

    def form(found: re.Match[str]) -> str:
        before = [values[name] for name in re.findall(r"\{(\w+)", english[: found.start()])]
        numbers = [values[found[1]]] if found[1] else [each for each in before if _NUMBER.fullmatch(str(each))]
        return found[2 if numbers and str(numbers[-1]) == "1" else 3]

    return _FORMS.sub(form, english).format(**values)


def fill(template: str | Mapping[str, str], language: str, /, **values: Any) -> str:
    """Return a text with its values put in, English as `written` does; of "one" and "other" the one that `n` asks for.

    In Korean a particle written as "(은/는)" becomes the one that the word before it takes.
    """
    if not isinstance(template, str):
        template = template["one" if values.get("n") == 1 and "one" in template else "other"]
    if language != "ko":
        return written(template, **values) if values else template
    filled = template.format(**values) if values else template
    return _PARTICLES.sub(lambda m: m[2].split("/")[0 if _closed(m[1], m[2]) else 1], filled)


def translate(sentence: Sentence, language: str, found: Callable[[str], str | Mapping[str, str] | None]) -> str:
    """Return a sentence in a language, with the sentences among its values; English where there is no translation.

    Args:
        sentence: of the engine.
        language: "en" needs no translation.
        found: returns the template under a sentence's key, or None.
    """
    values = {
        name: translate(value, language, found) if isinstance(value, Sentence) else value
        for name, value in sentence.values.items()
    }
    template = None if language == "en" else found(sentence.key)
    return written(sentence.english, **values) if template is None else fill(template, language, **values)


def _closed(letter: str, pair: str) -> bool:
    """Say whether a word read in Korean ends in a consonant, which decides the particle after it."""
    if "가" <= letter <= "힣":
        final = (ord(letter) - ord("가")) % 28
        return final != 0 and not (pair == "으로/로" and final == 8)  # a final rieul takes the short form of "by"
    if pair == "으로/로" and letter in "178lL":
        return False
    return letter in "013678lmnLMN"


class Refusal(ValueError):
    """An input or a request that is turned down: what was found, what is accepted, what to do."""

    def __init__(self, key: str, english: str, /, **values: Any) -> None:
        self.sentence = Sentence(key, english, **values)
        super().__init__(str(self.sentence))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.sentence.key, self.sentence.english, self.sentence.values)


class PictureRefused(Refusal):
    """A file that cannot be used as a picture or a mask."""


class DatasetRefused(Refusal):
    """A folder, ZIP or set of uploads that cannot be used as a data set."""


class WeightsRefused(Refusal):
    """Backbone weights that are absent, unreachable or do not fit the model."""


class ModelRefused(Refusal):
    """A saved detector that cannot be loaded."""


class SettingRefused(Refusal):
    """A setting outside its range, or one that the pictures do not allow."""


class TooLarge(Refusal):
    """Work that would not fit in memory, with the number and a remedy."""


class NotFitted(RuntimeError):
    """`predict` or `explain` was called before `fit`."""


class Gone(Exception):
    """What another process kept went with it and has to be made again."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work it reports on."""


def _rebuild(cls: type[Refusal], key: str, english: str, values: dict[str, Any]) -> Refusal:
    return cls(key, english, **values)
