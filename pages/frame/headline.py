"""The generated sentences under the titles: computed from the result, so they claim only what this run shows."""

from __future__ import annotations

from collections.abc import Iterable

from detectors.evaluation import ranking
from detectors.result import Result
from pages.frame import once
from pages.frame.state import Choices, current
from pages.frame.verdicts import ColumnVerdicts, Verdicts
from pages.frame.words import called, number_word, text


def set_apart(choices: Choices) -> list[str]:
    """Return a sentence for each chosen column whose threshold was set by value, by hand or on the test pictures."""
    several = len(choices.looks) > 1
    return [
        text(f"frame.threshold_{origin}", method=called(key, several), value=f"{value:.4g}")
        for key, value, origin in choices.thresholds
        if key in choices.columns
    ]


def disagreement(verdicts: Verdicts, keys: tuple[str, ...], ordered_by_disagreement: bool) -> str:
    """Return the one generated sentence above the grid: who finds everything, and how often the methods disagree."""
    done = [verdicts.columns[key] for key in keys if key in verdicts.columns]
    if not done:
        return ""
    if all(column.threshold is None for column in done):
        return text("compare.no_threshold")
    test = verdicts.result.test
    defective, good = (sum(p.defective is wanted for p in test) for wanted in (True, False))
    if len(done) == 1 and defective + good:
        said = text(
            "compare.one_method", method=called(done[0].key), found=defective - done[0].missed,
            defective=defective, n=done[0].false_alarms, good=good,
        )  # fmt: skip
    else:
        said = _finders(done, defective, good) + _agreement(verdicts, len(done), ordered_by_disagreement)
    return said + ranking.synthetic_says(verdicts.result, _names(verdicts), text, verdicts.choice)


def _finders(done: list[ColumnVerdicts], defective: int, good: int) -> str:
    if not defective:
        return text("compare.unlabelled") if not good else ""
    complete = sorted((j for j in done if j.missed == 0), key=lambda j: j.false_alarms)
    if not complete:
        return text("compare.none_finds")
    wrong = complete[0].false_alarms
    several = len(_backbones(j.key for j in done)) > 1
    best = [called(j.key, several) for j in complete if j.false_alarms == wrong]
    methods = ranking.listed(best, lambda key, **values: text(f"scores.lead.{key}", **values))
    values = {"method": methods, "n": len(best), "defective": defective}
    if wrong == 0:
        return text("compare.finds_clean", **values)
    return text("compare.finds", wrong=text("compare.wrongs", n=wrong, word=number_word(wrong)), **values)


def _agreement(verdicts: Verdicts, count: int, first: bool) -> str:
    n, disagree = len(verdicts.result.test), int((verdicts.minority > 0).sum())
    single = len(_backbones(verdicts.columns)) == 1
    methods = text("compare.columns" if single else "compare.pairs", word=number_word(count))
    values = {"n": n, "methods": methods, "disagree": disagree}
    return text(
        "compare.agree" if not disagree else "compare.disagree" if first else "compare.disagree_short", **values
    )


def _names(verdicts: Verdicts) -> dict[str, str]:
    several = len(_backbones(verdicts.columns)) > 1
    return {key: called(key, several) for key in verdicts.columns}


def _backbones(keys: Iterable[str]) -> set[str]:
    return {key.split("/", 1)[1] for key in keys}


def _ranking(result: Result) -> ranking.Ranking | None:
    return once.of(result, "ranking", lambda: ranking.rank(result.labels, result.columns))


def lead(result: Result, titles: dict[str, str]) -> str:
    """Return the one generated sentence above the lanes: who leads by AUROC, and whether that is more than chance."""
    return ranking.headline(result, _ranking(result), titles, text, current().threshold)
