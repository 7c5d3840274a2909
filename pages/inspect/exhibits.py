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
from pages.frame import backend, panes, session, shapes
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


def named(key: str, result: Result) -> Exhibit | None:
    """Return the picture that a key names; None where there is no such."""
    role, _, index = key.partition(" ")
    if role not in ROLES or not index.isdecimal() or int(index) >= len(listed(result, role)):
        return None
    return Exhibit(role, int(index), listed(result, role)[int(index)])


def open_key(key: str, result: Result) -> None:
    """Show another picture, named by its key."""
    found = named(key, result)
    if found is not None:
        session.EXHIBIT.set(key)
        change(picture=found.picture.sha256[:16], place=None)


def good(exhibit: Exhibit) -> bool:
    """Say whether somebody said that a picture is good: normal ones are."""
    return exhibit.role != "test" or exhibit.picture.defective is False


def alarms(exhibit: Exhibit, verdicts: Verdicts) -> tuple[str, ...]:
    """Return the columns that call a test or held-out picture anomalous, by the scores of the run."""
    if exhibit.role == "learnt":
        return ()
    found = []
    for key, column_verdicts in verdicts.columns.items():
        column, threshold = verdicts.result[key], column_verdicts.threshold
        scores = column.scores if exhibit.role == "test" else column.held_out
        if threshold is not None and scores[exhibit.index] > threshold:
            found.append(key)
    return tuple(found)


def calm(verdicts: Verdicts) -> Exhibit | None:
    """Return the good picture that the fewest methods call anomalous; none that was learnt from if there is another."""
    everything = [Exhibit(role, i, p) for role in ROLES for i, p in enumerate(listed(verdicts.result, role))]
    return min(
        (exhibit for exhibit in everything if good(exhibit)),
        key=lambda exhibit: (exhibit.role == "learnt", len(alarms(exhibit, verdicts))),
        default=None,
    )


def canvas(looked_at: Exhibit, verdicts: Verdicts) -> Exhibit:
    """Return the picture to paint on: the one chosen for that, else a good one without an alarm."""
    held = session.CANVAS.get()
    if held is not None and held[0] == looked_at.picture.sha256 and (found := named(held[1], verdicts.result)):
        return found
    if good(looked_at) and not alarms(looked_at, verdicts):
        return looked_at
    return calm(verdicts) or looked_at


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


def highest(found: dict[str, Verdict], result: Result, focus: str, picture: ResultPicture) -> tuple[int, int]:
    """Return where the focused method's map is highest, else any map's, else the middle."""
    maps = [key for key, said in found.items() if said.map is not None]
    wanted = [key for key in maps if result[key].method == focus] or maps
    if not wanted:
        return picture.pixels.shape[0] // 2, picture.pixels.shape[1] // 2
    field = found[wanted[0]].map
    assert field is not None
    y, x = np.unravel_index(int(field.argmax()), field.shape)
    return int(y), int(x)


def shaped(picture: ResultPicture, result: Result) -> dict[str, Any]:
    """Return the shape of panes, and where the picture lies in one, as the browser's parts want them."""
    shape = shapes.of(result)
    return {"shape": shape, "size": shapes.size(picture), "fit": shapes.fit(picture.aspect, shape)}


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
