"""Scores against thresholds: who raises an alarm, who is right, where methods disagree."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.evaluation import kinds, thresholds
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import Column, Result
from pages.frame import once
from pages.frame.pinned import is_pinned, own, present, several
from pages.frame.words import called, kind, plain, text

ORDERS = ("disagreement", "name", "kind", "score", "aupimo")
FILTERS = ("all", "disagree", "missed", "false", "changed")
GROUPED = ("kind", "area", "contrast")
RIGHT, WRONG = ("found", "passed"), ("miss", "false_alarm")
_WORDS = {"missed": "miss", "false": "false_alarm"}


@dataclass(frozen=True)
class ColumnVerdicts:
    """One column's scores against its own threshold.

    Attributes:
        threshold: in the method's own unit; None when nothing was held out and none was set by value.
        ratios: (M,) score as a multiple of the threshold; NaN without a threshold.
        alarms: (M,) bool.
        above: (M,) how many of the `of` held-out normals lie below the score.
    """

    key: str
    threshold: float | None
    ratios: NDArray[np.float64]
    alarms: NDArray[np.bool_]
    above: NDArray[np.int64]
    of: int
    words: tuple[str, ...]  # of `thresholds.verdict`; "" without a threshold

    @cached_property
    def missed(self) -> int:
        """Defective pictures below the threshold."""
        return self.words.count("miss")

    @cached_property
    def false_alarms(self) -> int:
        """Good pictures above the threshold."""
        return self.words.count("false_alarm")


@dataclass(frozen=True)
class Verdicts:
    """All columns against their thresholds, as one choice sets them."""

    result: Result
    choice: ThresholdChoice
    columns: dict[str, ColumnVerdicts]

    @classmethod
    def of(cls, result: Result, choice: ThresholdChoice, keys: Collection[str] | None = None) -> Verdicts:
        """Hold scores against their thresholds.

        Args:
            result: what was found.
            choice: of the thresholds.
            keys: the columns that count; all when None.
        """
        columns = [c for c in result.columns if keys is None or c.key in keys]
        return cls(result, choice, {c.key: _known_verdicts(c, result, choice) for c in columns})

    @property
    def counted(self) -> dict[str, ColumnVerdicts]:
        """The columns of the present run: those of a pinned one stand beside them and have no vote."""
        return {key: self.columns[key] for key in present(self.columns)}

    @cached_property
    def votes(self) -> NDArray[np.int64]:
        """(M,) how many columns raise an alarm."""
        return np.sum([c.alarms for c in self.counted.values()], axis=0, initial=0) + np.zeros(
            len(self.result.test), int
        )

    @cached_property
    def minority(self) -> NDArray[np.int64]:
        """(M,) how many columns would have to change their mind for all to agree."""
        return np.minimum(self.votes, len(self.counted) - self.votes)

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        """(M,) whether any method's verdict is another than in the pinned run."""
        pairs = [(self.columns[key], self.columns[before]) for key, before in self.pairs]
        flips = [now.alarms != before.alarms for now, before in pairs if None not in (now.threshold, before.threshold)]
        return np.any(np.array(flips, bool).reshape(-1, len(self.result.test)), axis=0)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Columns of the present run with the pinned column of the same method, on the same backbone where it is."""
        found = []
        for before in (key for key in self.columns if is_pinned(key)):
            twins = [key for key in self.counted if key.split("/")[0] == before.split("/")[0]]
            if twins:
                found.append((own(before) if own(before) in twins else twins[0], before))
        return found

    def having(self, word: str) -> NDArray[np.bool_]:
        """(M,) whether any column's verdict is `word`."""
        rows = [[w == word for w in c.words] for c in self.counted.values()]
        return np.any(np.array(rows, bool).reshape(-1, len(self.result.test)), axis=0)

    def supports(self, wanted: str) -> bool:
        """Say whether a filter can find anything: misses and false alarms need a threshold and a label."""
        if wanted == "all":
            return True
        thresholds = any(c.threshold is not None for c in self.columns.values())
        said = {p.defective for p in self.result.test}
        known = {"missed": True in said, "false": False in said, "changed": bool(self.pairs)}
        return thresholds and known.get(wanted, len(self.counted) > 1)

    def chosen(self, wanted: str) -> NDArray[np.int64]:
        """Return the test pictures that pass a filter.

        One of FILTERS; "kind:scratch", "area:0", "contrast:3" as `evaluation.kinds` groups them; "missed:<column>",
        "false:<column>"; or "right:<column>|<column>", right in the first and wrong in the second.
        """
        name, _, which = wanted.partition(":")
        if name in GROUPED:
            return np.array([i for g in self._groups.get(name, ()) if g.name == which for i in g.rows], np.int64)
        if name in _WORDS and which:
            return np.flatnonzero(self._said(which, (_WORDS[name],)))
        if name == "right":
            one, _, other = which.partition("|")
            return np.flatnonzero(self._said(one, RIGHT) & self._said(other, WRONG))
        if wanted == "all":
            return np.arange(len(self.result.test))
        if wanted == "disagree":
            return np.flatnonzero(self.minority > 0)
        if wanted == "changed":
            return np.flatnonzero(self.changed)
        return np.flatnonzero(self.having(_WORDS[wanted]))

    def written(self, wanted: str) -> str:
        """Return what a filter is called on screen (Markdown)."""
        name, _, which = wanted.partition(":")
        if name == "kind":
            return plain(kind(which, kinds.pasted(self.result, which)))
        if name in GROUPED:
            return text(f"compare.{name}.{which}")
        if not which:
            return text(f"compare.filters.{name}")
        titles = [called(key, several(self.columns)) for key in which.split("|")]
        return text(f"compare.by.{name}", method=titles[0], other=titles[-1])

    def opens(self, wanted: str) -> bool:
        """Say whether a filter names only columns and groups that are here."""
        name, _, which = wanted.partition(":")
        if name in GROUPED:
            return any(g.name == which for g in self._groups.get(name, ()))
        if which:
            return (name in _WORDS or name == "right") and all(key in self.columns for key in which.split("|"))
        return name in FILTERS and self.supports(name)

    @cached_property
    def _groups(self) -> dict[str, tuple[kinds.Group, ...]]:
        return once.of(self.result, "groups", lambda: kinds.groups(self.result))

    def _said(self, key: str, words: Collection[str]) -> NDArray[np.bool_]:
        """(M,) whether a column's verdict is one of `words`; nowhere for a column that is not here."""
        if key not in self.columns:
            return np.zeros(len(self.result.test), bool)
        return np.array([word in words for word in self.columns[key].words], bool)

    def ordered(self, rows: NDArray[np.int64], order: str, focus: str | None = None) -> list[int]:
        """Sort test pictures: by disagreement, name, kind, or score or AUPIMO of the focused method; ties by name."""
        test, recall = self.result.test, self.aupimo(focus)
        spread, top = self._spread, self._ratio(focus)
        keys: dict[str, Callable[[int], tuple[object, ...]]] = {
            "disagreement": lambda i: (-self.minority[i], -spread[i]),
            "name": lambda i: (),
            "kind": lambda i: (test[i].defective is not True, test[i].kind or ""),
            "score": lambda i: (-top[i],),
            "aupimo": lambda i: (recall[i] is None, recall[i]),
        }
        return sorted((int(i) for i in rows), key=lambda i: (*keys[order](i), test[i].name))

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that there is something to sort by for: AUPIMO needs masks and enough good pixels."""
        measured = any(each_aupimo(self.result[key]) for key in self.columns)
        return ORDERS if measured else tuple(name for name in ORDERS if name != "aupimo")

    def aupimo(self, focus: str | None) -> tuple[float | None, ...]:
        """(M,) AUPIMO by the focused method, or by the first that has any; None for pictures without."""
        first = sorted(self.columns, key=lambda key: key.split("/")[0] != focus)
        found = (each_aupimo(self.result[key]) for key in first)
        return next(filter(None, found), (None,) * len(self.result.test))

    @cached_property
    def _spread(self) -> NDArray[np.float64]:
        """(M,) how far apart the columns' multiples of their thresholds lie, on a logarithmic scale."""
        ratios = np.array([c.ratios for c in self.counted.values() if c.threshold is not None])
        if len(ratios) < 2:
            return np.zeros(len(self.result.test))
        return np.ptp(np.log(np.maximum(ratios, 1e-6)), axis=0)

    def _ratio(self, focus: str | None) -> NDArray[np.float64]:
        keys = [key for key in self.columns if key.split("/")[0] == focus] or list(self.columns)
        if not keys:
            return np.zeros(len(self.result.test))
        return np.nan_to_num(self.columns[keys[0]].ratios)


def each_aupimo(column: Column) -> tuple[float | None, ...]:
    """Return the AUPIMO of each test picture by a column; empty where it was not measured."""
    figure = column.figures.get("aupimo")
    return () if figure is None else figure.each


def _known_verdicts(column: Column, result: Result, choice: ThresholdChoice) -> ColumnVerdicts:
    return once.of(
        result, ("verdicts", column.key, choice.value_of(column)), lambda: _column_verdicts(column, result, choice)
    )


def _column_verdicts(column: Column, result: Result, choice: ThresholdChoice) -> ColumnVerdicts:
    k = len(column.held_out)
    above = thresholds.normals_below(column.held_out, column.scores)
    threshold = choice.value_of(column)
    if threshold is None:
        blank = np.full(len(column.scores), np.nan)
        return ColumnVerdicts(column.key, None, blank, np.zeros(len(blank), bool), above, k, ("",) * len(blank))
    alarms = column.scores > threshold
    ratios = thresholds.multiples(column.scores, threshold, column.held_out)
    words = tuple(thresholds.verdict(p.defective, bool(a)) for a, p in zip(alarms, result.test, strict=True))
    return ColumnVerdicts(column.key, threshold, ratios, alarms, above, k, words)
