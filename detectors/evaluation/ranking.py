"""How the methods of a result stand to each other: who leads, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import paired_auroc_difference
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.result import Column, Result

_TIED = 0.005  # AUROCs that read the same in two decimals lead together


@dataclass(frozen=True)
class Ranking:
    """Who leads by AUROC.

    Attributes:
        leaders: keys of the columns with the highest AUROC, or one that reads the same.
        behind: columns that every leader is ahead of by more than chance: the interval leaves 0 out.
        open: the other columns, for which the pictures do not tell.
        certain: pairs of columns whose difference is more than chance, whoever leads.
    """

    leaders: tuple[str, ...]
    behind: tuple[str, ...]
    open: tuple[str, ...]
    certain: int


def rank(labels: NDArray[np.float64], columns: Sequence[Column]) -> Ranking | None:
    """Rank columns by AUROC on the same pictures; None where no AUROC can be computed."""
    found = [(column, column.figures["image_auroc"].value) for column in columns if "image_auroc" in column.figures]
    measured = [(column, value) for column, value in found if value is not None]
    if not measured:
        return None
    measured.sort(key=lambda pair: -pair[1])
    top = measured[0][1]
    leaders = tuple(column.key for column, value in measured if top - value < _TIED)
    sure = {
        (one.key, other.key)
        for (one, _), (other, _) in combinations(measured, 2)
        if (low := paired_auroc_difference(labels, one.scores, other.scores).low) is not None and low > 0
    }
    rest = [column.key for column, _ in measured[len(leaders) :]]
    behind = tuple(key for key in rest if all((leader, key) in sure for leader in leaders))
    return Ranking(leaders, behind, tuple(key for key in rest if key not in behind), len(sure))


def headline(
    result: Result,
    ranking: Ranking | None,
    names: Mapping[str, str],
    write: Callable[..., str],
    choice: ThresholdChoice = USUAL,
) -> str:
    """Return the sentence that page, report and files say of a result: who leads by AUROC, and how sure that is.

    Args:
        result: what was found.
        ranking: of its columns, as `rank` returns it.
        names: what the columns are called, by their keys.
        write: returns a text by its dotted key, with its values put in.
        choice: of the thresholds.
    """
    said = _lead(result, ranking, names, lambda key, **values: write(f"scores.lead.{key}", **values))
    return said + synthetic_says(result, names, write, choice)


def synthetic_says(
    result: Result, names: Mapping[str, str], write: Callable[..., str], choice: ThresholdChoice = USUAL
) -> str:
    """Return what must stand behind a sentence about defects that this program pasted in; "" where there are none.

    A pasted defect counts for little where its own untouched picture raises the alarm already: such are counted.
    """
    defective = [p for p in result.test if p.defective]
    pasted = [p for p in defective if p.synthetic]
    if not pasted:
        return ""
    bases = len({p.base for p in pasted if p.base})
    key = "pasted" if len(pasted) < len(defective) else "all_pasted"
    said = " " + write(f"scores.lead.{key}", count=len(pasted), bases=bases or len(pasted))
    learnt = {p.sha256 for p in (*result.learnt, *result.held_out)}
    if on_learnt := sum(p.base in learnt for p in pasted):
        said += " " + write("scores.lead.pasted_on_learnt", count=on_learnt)
    each = [
        write("scores.lead.pasted_on_alarm", method=names.get(column.key, column.key), count=found, of=of)
        for column in result.columns
        for found, of in [_flagged_untouched(result, column, choice)]
        if found
    ]
    return said + (" " + write("scores.lead.pasted_on_alarms", list=", ".join(each)) if each else "")


def _flagged_untouched(result: Result, column: Column, choice: ThresholdChoice) -> tuple[int, int]:
    """Count the pasted defects that a column finds, and of these the ones whose untouched picture it flags as well."""
    at = choice.value_of(column)
    if at is None:
        return 0, 0
    flagged = {p.sha256 for p, score in zip(result.test, column.scores, strict=True) if score > at}
    found = [p for p in result.test if p.synthetic and p.defective and p.sha256 in flagged]
    return sum(p.base in flagged for p in found), len(found)


def _lead(result: Result, found: Ranking | None, names: Mapping[str, str], write: Callable[..., str]) -> str:
    if found is None:
        return write("none")
    pictures = int(np.isfinite(result.labels).sum())
    leaders, behind, others = (
        listed([names.get(key, key) for key in keys], write) for keys in (found.leaders, found.behind, found.open)
    )
    if len(result.columns) == 1:
        auroc = result[found.leaders[0]].figures["image_auroc"].value
        return write("one", leader=leaders, auroc=f"{auroc:.2f}", pictures=pictures)
    values = {"leaders": leaders, "behind": behind, "others": others, "n": len(found.leaders), "pictures": pictures}
    if not found.behind:
        return write("open" if found.certain else "none_certain", **values)
    return write("some" if found.open else "all", **values)


def listed(names: list[str], write: Callable[..., str]) -> str:
    """Join names as a person would: "A, B and C"; `write` returns the text "list" with its values put in."""
    return write("list", first=", ".join(names[:-1]), last=names[-1]) if len(names) > 1 else "".join(names)
