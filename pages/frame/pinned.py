"""A finished run that is kept beside the next one: which of its columns are shown, and what they are called.

Columns of the pinned run join those of the present result under keys of their own, "padim/resnet18, pinned: paper". No
backbone's name holds a comma, so such a key says by itself which column of which run it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from detectors.result import Column, Result
from pages.frame.words import text

_BETWEEN = ", "
_MOST = 2  # differing settings that a name spells out


@dataclass(frozen=True)
class Beside:
    """The present result with the pinned run's columns behind its own.

    Attributes:
        result: the two together; the present one alone where `reason` says why.
        reason: why the pinned run is not shown; "" where it is, or where nothing is pinned.
    """

    result: Result
    reason: str = ""


def is_pinned(key: str) -> bool:
    """Say whether a column belongs to the pinned run."""
    return _BETWEEN in key


def own(key: str) -> str:
    """Return a column's key within its own run."""
    return key.partition(_BETWEEN)[0]


def several(keys: Iterable[str]) -> bool:
    """Say whether columns stand on more than one backbone."""
    return len({own(key).split("/", 1)[1] for key in keys}) > 1


def present(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of the present run."""
    return tuple(key for key in keys if not is_pinned(key))


def beside(now: Result, pinned: Result | None) -> Beside:
    """Put a pinned run's columns beside the present ones; what both runs have alike is shown once."""
    if pinned is None:
        return Beside(now)
    if _pictures(now) != _pictures(pinned):
        return Beside(now, reason=text("pin.other_pictures", n=len(pinned.test)))
    if _cut(now) != _cut(pinned):
        return Beside(now, reason=text("pin.other_crop"))
    columns = {column.key: column for column in now.columns}
    joined = []
    for column in pinned.columns:
        twin = columns.get(column.key)
        if twin is None or not _alike(column, twin):
            joined.append(replace(column, key=_key(column, twin, pinned, now)))
    return Beside(replace(now, columns=(*now.columns, *joined)))


def summary(pinned: Result) -> str:
    """Say in one line what a pinned run is: its backbones, its settings, the size of its pictures."""
    said = list(dict.fromkeys(column.backbone for column in pinned.columns))
    if pinned.experiment.get("preset"):
        said.append(text(f"frame.{pinned.experiment['preset']}"))
    if _seen(pinned).get("size"):
        said.append(text("pin.size", size=_seen(pinned)["size"]))
    return " · ".join(said)


def differing(column: Column, other: Column) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which two columns of a method differ, by name: the first one's value, the second one's."""
    names = [name for name in column.settings if name != "seed"]
    values = {name: (column.settings[name], other.settings.get(name)) for name in names}
    return {name: both for name, both in values.items() if both[0] != both[1]}


def written(value: Any) -> str:
    """Return a setting's value in words."""
    if isinstance(value, tuple | list):
        return " + ".join(map(str, value))
    if value is None or isinstance(value, bool):
        return text(f"pin.values.{value}".lower())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(column: Column, twin: Column | None, pinned: Result, now: Result) -> str:
    said = []
    same_preset = pinned.experiment.get("preset") == now.experiment.get("preset")
    if not same_preset:
        said.append(text(f"frame.{pinned.experiment['preset']}"))
    elif twin is not None:
        found = differing(column, twin)
        said += [f"{name} {written(value)}" for name, (value, _) in list(found.items())[:_MOST]]
        said += ["…"] if len(found) > _MOST else []
    seen, sees = _seen(pinned), _seen(now)
    if seen.get("size") != sees.get("size"):
        said.append(text("pin.size", size=seen["size"]))
    if seen.get("equalise") != sees.get("equalise"):
        said.append(text("pin.equalised" if seen["equalise"] else "pin.not_equalised"))
    if pinned.experiment.get("seed") != now.experiment.get("seed"):
        said.append(text("pin.seed", seed=pinned.experiment["seed"]))
    if twin is not None and twin.weights != column.weights:
        said.append(text("grid.random") if column.weights.random else text("pin.trained"))
    name = text("pin.pinned")
    return f"{column.key}{_BETWEEN}{name}: {', '.join(said)}" if said else f"{column.key}{_BETWEEN}{name}"


def _pictures(result: Result) -> list[tuple[Any, ...]]:
    return [(p.name, p.sha256, p.defective, p.kind) for p in result.test]


def _cut(result: Result) -> tuple[str, str]:
    """Return how pictures were cut and shaped: runs that differ in it show other pictures."""
    seen = _seen(result)
    return seen.get("crop", "none"), seen.get("proportions", "square")


def _seen(result: Result) -> dict[str, Any]:
    return dict(result.experiment.get("preprocessing") or {})


def _alike(one: Column, other: Column) -> bool:
    return one.settings == other.settings and np.array_equal(one.scores, other.scores)
