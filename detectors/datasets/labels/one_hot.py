"""Tables with a column of 0 and 1 for each kind of defect, and perhaps one for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.datasets import words
from detectors.datasets.words import meaning

_MARKS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


@dataclass(frozen=True)
class Marks:
    """What columns of 0 and 1 say.

    Attributes:
        verdicts: of each row: "good", the first kind that is marked, "defective", or None where nothing is written.
        kinds: the columns that are kinds.
        against: rows that are marked as good and as defective.
    """

    verdicts: tuple[str | None, ...]
    kinds: tuple[str, ...]
    against: tuple[int, ...]


def read(rows: Sequence[Sequence[str]], header: Sequence[Sequence[str]], file: int) -> Marks | None:
    """Read rows under a header; None where they are no such table.

    A column that says all in one, such as "label", must agree with the kinds, and some row must be good: else these are
    products, or conditions of the picture.
    """
    body = rows[1:]
    marked = {i: values for i in range(len(header)) if i != file and (values := _values([row[i] for row in body]))}
    good = [i for i in marked if _asks_for_good(header[i])]
    whole = [i for i in marked if i not in good and _says_all(header[i])]
    kinds = [i for i in marked if i not in (*good, *whole) and not _is_other(header[i])]
    if len(kinds) + len(good) < 2 or not kinds or len(good) > 1:
        return None
    found = [[rows[0][i].strip() for i in kinds if marked[i][row]] for row in range(len(body))]
    if any(bool(marked[i][row]) != bool(found[row]) for i in whole for row in range(len(body))):
        return None
    verdicts: list[str | None] = []
    against = []
    for row, names in enumerate(found):
        passed = marked[good[0]][row] if good else None if all(marked[i][row] is None for i in kinds) else not names
        against += [row] if passed and names else []
        verdicts.append(names[0] if names else "good" if passed else None if passed is None else "defective")
    if "good" not in verdicts:
        return None
    return Marks(tuple(verdicts), tuple(rows[0][i].strip() for i in kinds), tuple(against))


def _values(cells: Sequence[str]) -> list[bool | None]:
    """Return the marks of a column, None where nothing is written; empty for a column of anything else."""
    said = [cell.strip().casefold() for cell in cells]
    written = {cell for cell in said if cell}
    return [_MARKS.get(cell) for cell in said] if written and written <= _MARKS.keys() else []


def _asks_for_good(said: Sequence[str]) -> bool:
    return meaning(" ".join(said)).quality == "good" or tuple(said) in (("none",), ("isgood",), ("isok",))


def _says_all(said: Sequence[str]) -> bool:
    """Whether a column speaks of the whole picture: "label", "is_defective", "target"; but not "class_1"."""
    general = words.VERDICT_COLUMNS | words.OPEN_COLUMNS | words.BAD_COLUMNS | words.BAD | {"is", "has", "any"}
    return bool(said) and {*said} <= general


def _is_other(said: Sequence[str]) -> bool:
    name = " ".join(said)
    return not said or bool(meaning(name).role) or bool({*said} & (words.SPLIT_COLUMNS | words.FILE_COLUMNS))
