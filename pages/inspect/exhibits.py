"""Which picture Inspect shows, its neighbours, and what every finished method says about it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import thresholds
from detectors.queries import explain
from detectors.queries.explain import ROLES, Role
from detectors.result import Column, Result, ResultPicture
from pages.frame import backend, panes, session
from pages.frame.state import Choices, change
from pages.frame.verdicts import ColumnVerdicts, Verdicts
from pages.frame.words import text

_REMEMBERED = 64


@dataclass(frozen=True)
class Exhibit:
    """One picture of a result: the `index`-th of its test, held-out or learnt ones."""

    role: Role
    index: int
    picture: ResultPicture

    @property
    def key(self) -> str:
        """A name for it that travels through the browser."""
        return f"{self.role} {self.index}"


@dataclass(frozen=True)
class Verdict:
    """What one method says about a picture.

    Attributes:
        score: raw; `ratio` is its multiple of the threshold, None without one.
        word: the verdict, "" without a threshold.
        below, of: held-out normals below the score.
        map: raw (S, S), None without one.
    """

    score: float
    ratio: float | None
    word: str
    below: int
    of: int
    map: NDArray[np.float32] | None


def listed(result: Result, role: Role) -> tuple[ResultPicture, ...]:
    """Return the pictures of one kind."""
    return {"test": result.test, "held_out": result.held_out, "learnt": result.learnt}[role]


def chosen(choices: Choices, result: Result) -> Exhibit | None:
    """Return the picture that the choices name, else the first defective one; a session tells equal pictures apart."""
    last = session.EXHIBIT.get()
    everything = [Exhibit(role, i, p) for role in ROLES for i, p in enumerate(listed(result, role))]
    equal = [e for e in everything if choices.picture and e.picture.sha256.startswith(choices.picture)]
    defective = [e for e in everything if e.picture.defective]
    return next((e for e in equal if e.key == last), next(iter((*equal, *defective, *everything)), None))


def open_key(key: str, result: Result) -> None:
    """Show another picture, named by its key."""
    role, _, index = key.partition(" ")
    if role in ROLES and index.isdecimal() and int(index) < len(listed(result, role)):
        session.EXHIBIT.set(key)
        change(picture=listed(result, role)[int(index)].sha256[:16], place=None)


def label(exhibit: Exhibit) -> str:
    """Return "defective", "good", "not labelled", "held-out normal" or "learnt normal"."""
    return panes.label(exhibit.picture) if exhibit.role == "test" else text(f"inspect.label.{exhibit.role}")


def verdicts_on(exhibit: Exhibit, result: Result, verdicts: Verdicts) -> dict[str, Verdict]:
    """Return what each finished method says about the whole picture."""
    columns = {column.key: column for column in result.columns if column.key in verdicts.columns}
    if exhibit.role == "test":
        found = {k: (c.scores[exhibit.index], c.maps, exhibit.index) for k, c in columns.items()}
    else:
        ask = partial(backend.current().ask, explain.score_stored, exhibit.role, exhibit.index)
        asked = remembered(("stored", exhibit.key), result, ask)
        found = {s.key: (s.scores[0], s.maps, 0) for s in asked or () if s.key in columns}
    defective = exhibit.picture.defective if exhibit.role == "test" else False
    return {
        key: verdict_on(float(score), None if maps is None else maps[i], columns[key], verdicts.columns[key], defective)
        for key, (score, maps, i) in found.items()
    }


def verdict_on(
    score: float,
    field: NDArray[np.float32] | None,
    column: Column,
    column_verdicts: ColumnVerdicts,
    defective: bool | None,
) -> Verdict:
    """Hold one raw score against a column's threshold."""
    below = int(thresholds.normals_below(column.held_out, [score])[0])
    if column_verdicts.threshold is None:
        return Verdict(score, None, "", below, column_verdicts.of, field)
    ratio = float(thresholds.multiples([score], column_verdicts.threshold, column.held_out)[0])
    return Verdict(
        score, ratio, thresholds.verdict(defective, score > column_verdicts.threshold), below, column_verdicts.of, field
    )


def highest(found: dict[str, Verdict], result: Result, focus: str, size: int) -> tuple[int, int]:
    """Return where the focused method's map is highest, else any map's, else the middle."""
    maps = [key for key, said in found.items() if said.map is not None]
    wanted = [key for key in maps if result[key].method == focus] or maps
    if not wanted:
        return size // 2, size // 2
    field = found[wanted[0]].map
    assert field is not None
    y, x = np.unravel_index(int(field.argmax()), field.shape)
    return int(y), int(x)


def remembered(key: Hashable, result: Result, make: Callable[[], Any]) -> Any:
    """Keep an answer of the workers in this session, for the run it came from and the columns it was about."""
    full = (backend.current().run_key, tuple(column.key for column in result.columns), key)
    memory = session.ANSWERS.get()
    if full not in memory:
        memory[full] = make()
        while len(memory) > _REMEMBERED:
            memory.popitem(last=False)
    memory.move_to_end(full)
    return memory[full]
