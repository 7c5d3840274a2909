"""What the engine says to a person: sentences with a key, so that they can be shown in another language."""

from __future__ import annotations

from typing import Any


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
        return self.english.format(**self.values)

    def __repr__(self) -> str:
        return f"Sentence({self.key!r}, {str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.key, str(self)) == (other.key, str(other))

    def __hash__(self) -> int:
        return hash((self.key, str(self)))


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


class Cancelled(Exception):
    """Raised by a progress callback to stop the work it reports on."""


def _rebuild(cls: type[Refusal], key: str, english: str, values: dict[str, Any]) -> Refusal:
    return cls(key, english, **values)
