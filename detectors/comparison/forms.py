"""What a fitted method holds, as shapes that must agree: a saved model is checked against it before it is used.

A method's card says it in `learnt`: a form, or several to choose from. A line reads like the comment beside the
assignment in `fit`: "float M D" is a tensor of floats with M rows of D. The same capital means the same size throughout
a model; "each" is a tuple with one entry per level, in which small letters belong to the level. "index M < H*W" are
whole numbers from 0, all below H * W; "counts H W" is a tuple of two whole numbers, and these sizes themselves.
"sum(c)" adds the levels' c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64)
WHOLE = (torch.int32, torch.int64)

Forms = tuple[Mapping[str, str], ...]  # by learnt name, a line


class Mismatch(Exception):
    """A learnt value that does not fit the others: its name, what was found, what was expected."""

    def __init__(self, name: str, found: str, expected: str) -> None:
        super().__init__(f"{name}: {found} instead of {expected}")
        self.name, self.found, self.expected = name, found, expected


def check(forms: Forms, state: dict[str, Any], levels: int | None = None) -> None:
    """Raise `Mismatch` unless a state has exactly the names of one form, with values whose sizes agree.

    Args:
        forms: as `Card.learnt` gives them; of none, nothing is checked.
        state: as `Detector.state` gives it.
        levels: how many levels the settings name; None when it is not to be checked.
    """
    if not forms:
        return
    form = next((f for f in forms if f.keys() == state.keys()), None)
    if form is None:
        raise Mismatch("the model", _listed(state), " or ".join(map(_listed, forms)))
    sizes: dict[str, int] = {}
    later: list[tuple[str, Tensor, str, str]] = []  # sizes that are known only when all names are bound
    for name, line in form.items():
        each, words = line.startswith("each "), line.removeprefix("each ").split()
        values = state[name] if each else (state[name],)
        if not isinstance(values, tuple):
            raise Mismatch(name, type(values).__name__, "one value per level")
        if each and _bind(sizes, "levels", len(values)) != len(values):
            raise Mismatch(name, f"{len(values)} levels", f"{sizes['levels']} levels")
        for level, value in enumerate(values):
            later += _check_one(name, value, words, str(level) if each else "", sizes)
    for name, value, word, dimension in later:
        expected = _evaluate(word, sizes)
        if dimension == "<" and len(value) and int(value.max()) >= expected:
            raise Mismatch(name, f"the index {int(value.max())}", f"less than {expected}")
        if dimension != "<" and value.shape[int(dimension)] != expected:
            raise Mismatch(name, f"the shape {tuple(value.shape)}", f"{word} = {expected} at place {dimension}")
    if levels is not None and sizes.get("levels", levels) != levels:
        raise Mismatch("the model", f"{sizes['levels']} levels", f"{levels} levels")


def _check_one(
    name: str, value: Any, words: list[str], level: str, sizes: dict[str, int]
) -> list[tuple[str, Tensor, str, str]]:
    """Check one value, binding the sizes it names; return what must wait."""
    kind, *words = words
    if kind in ("count", "counts"):
        values = value if kind == "counts" and isinstance(value, tuple) else (value,)
        if len(values) != len(words or "1") or not all(type(v) is int and 0 < v < 2**31 for v in values):
            raise Mismatch(name, repr(value), f"{max(len(words), 1)} positive whole number(s)")
        for word, size in zip(words, values, strict=False):
            _agree(name, sizes, word, level, size, repr(value))
        return []
    if kind in ("number", "numbers"):
        values = value if kind == "numbers" and isinstance(value, tuple) else (value,)
        if not all(type(v) in (int, float) for v in values):
            raise Mismatch(name, repr(value), kind)
        return []
    bound = words[words.index("<") + 1] if "<" in words else None
    words = words[: words.index("<")] if "<" in words else words
    if not isinstance(value, Tensor) or value.ndim != len(words):
        found = f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise Mismatch(name, found, f"{len(words)} dimension(s)")
    if value.dtype not in (FLOATS if kind == "float" else WHOLE):
        raise Mismatch(name, str(value.dtype).removeprefix("torch."), kind)
    if kind == "index" and value.numel() and int(value.min()) < 0:
        raise Mismatch(name, f"the index {int(value.min())}", "0 or more")
    later = [] if bound is None else [(name, value, bound, "<")]
    for dimension, (word, size) in enumerate(zip(words, value.shape, strict=True)):
        if word.isalpha():
            _agree(name, sizes, word, level, size, f"the shape {tuple(value.shape)}")
        else:
            later.append((name, value, word, str(dimension)))
    return later


def _agree(name: str, sizes: dict[str, int], word: str, level: str, size: int, found: str) -> None:
    known = _bind(sizes, word + level if word.islower() else word, size)
    if known != size:
        raise Mismatch(name, found, f"{word} = {known}")


def _bind(sizes: dict[str, int], word: str, size: int) -> int:
    return sizes.setdefault(word, size)


def _evaluate(word: str, sizes: dict[str, int]) -> int:
    """Work out "H*W", "sum(c)+2" or a plain number."""
    product, _, more = word.partition("+")
    if summed := re.fullmatch(r"sum\((\w)\)", product):
        total = sum(size for key, size in sizes.items() if re.fullmatch(rf"{summed[1]}\d+", key))
    else:
        total = 1
        for factor in product.split("*"):
            total *= int(factor) if factor.isdigit() else sizes[factor]
    return total + int(more or 0)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
