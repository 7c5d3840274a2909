"""Verdicts, order and filters of the Compare page, worked out by hand on four pictures and three methods."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures import scored

from detectors.evaluation import kinds
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import Column, Cost, Figure, Result, ResultPicture, WeightsRecord
from pages.frame import headline, words
from pages.frame.verdicts import Verdicts

PIXELS = np.zeros((8, 8, 3), np.uint8)
HELD = np.array([1.0, 2.0, 3.0, 4.0])
#            hole  cut   good  good
SCORES = {"a": [5.0, 4.0, 1.0, 4.5], "b": [9.0, 9.0, 2.0, 3.0], "c": [1.0, 8.0, 2.0, 6.0]}


def picture(name: str, defective: bool | None) -> ResultPicture:
    return ResultPicture(name, name * 8, defective, name if defective else "good", PIXELS)


def column(key: str) -> Column:
    return Column(
        key=f"{key}/x", method=key, backbone="x", settings={}, weights=WeightsRecord("bundled", "x", ""),
        scores=np.array(SCORES[key]), held_out=HELD, maps=None, scale=None, figures={}, cost=Cost(1, 1, 1, 1),
    )  # fmt: skip


@pytest.fixture
def result() -> Result:
    test = (picture("hole", True), picture("cut", True), picture("ok1", False), picture("ok2", False))
    return Result("toy", test, test[:1] * 4, (), tuple(column(key) for key in SCORES))


def test_the_threshold_is_the_largest_held_out_score_when_one_alarm_is_allowed(result):
    verdicts = Verdicts.of(result, ThresholdChoice(1)).columns["a/x"]
    assert verdicts.threshold == 4.0
    assert verdicts.words == ("found", "miss", "passed", "false_alarm")  # 4.0 is not above 4.0
    assert verdicts.ratios.tolist() == [1.25, 1.0, 0.25, 1.125]
    assert verdicts.above.tolist() == [4, 3, 0, 4]
    assert (verdicts.missed, verdicts.false_alarms, verdicts.of) == (1, 1, 4)


def test_allowing_more_lowers_the_threshold_and_too_much_is_all(result):
    assert Verdicts.of(result, ThresholdChoice(2)).columns["a/x"].threshold == 3.0
    assert Verdicts.of(result, ThresholdChoice(99)).columns["a/x"].threshold == 1.0


def test_disagreement_counts_the_smaller_side(result):
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    assert verdicts.votes.tolist() == [2, 2, 0, 2]
    assert verdicts.minority.tolist() == [1, 1, 0, 1]
    # equal disagreement: the wider spread of multiples first: log(9/1), log(9/4), log(6/3)
    assert verdicts.ordered(verdicts.chosen("all"), "disagreement") == [0, 1, 3, 2]


def test_filters_find_the_rows(result):
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    assert verdicts.chosen("disagree").tolist() == [0, 1, 3]
    assert verdicts.chosen("missed").tolist() == [0, 1]
    assert verdicts.chosen("false").tolist() == [3]
    assert verdicts.chosen("kind:cut").tolist() == [1]


def test_the_other_orders(result):
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    rows = verdicts.chosen("all")
    assert verdicts.ordered(rows, "name") == [1, 0, 2, 3]
    assert verdicts.ordered(rows, "kind") == [1, 0, 2, 3]
    assert verdicts.ordered(rows, "score", "c") == [1, 3, 2, 0]


def test_pictures_are_sorted_by_the_aupimo_of_the_focused_method(result):
    assert "aupimo" not in Verdicts.of(result, ThresholdChoice(1)).orders
    recall = {"b": (0.9, 0.2, None, None), "c": (0.1, 0.4, None, None)}
    columns = tuple(
        replace(c, figures={"aupimo": Figure(0.3, each=recall[c.method])}) if c.method in recall else c
        for c in result.columns
    )
    verdicts = Verdicts.of(replace(result, columns=columns), ThresholdChoice(1))
    assert "aupimo" in verdicts.orders
    rows = np.arange(4)
    assert verdicts.ordered(rows, "aupimo", "b") == [1, 0, 2, 3]
    assert verdicts.ordered(rows, "aupimo", "c") == [0, 1, 2, 3]
    assert verdicts.ordered(rows, "aupimo", "a") == [1, 0, 2, 3]  # it has none: the first that has some


def test_only_the_asked_columns_count(result):
    verdicts = Verdicts.of(result, ThresholdChoice(1), keys=("b/x",))
    assert list(verdicts.columns) == ["b/x"]
    assert not verdicts.supports("disagree")


def test_without_held_out_pictures_there_are_no_verdicts(result):
    bare = replace(result, columns=tuple(replace(c, held_out=np.array([])) for c in result.columns))
    verdicts = Verdicts.of(bare, ThresholdChoice(1))
    assert verdicts.columns["a/x"].threshold is None
    assert not verdicts.supports("missed")
    assert not verdicts.having("miss").any()


def test_pictures_that_nobody_labelled_are_neither_missed_nor_false(result):
    unknown = replace(result, test=tuple(replace(p, defective=None, kind=None) for p in result.test))
    verdicts = Verdicts.of(unknown, ThresholdChoice(1))
    assert verdicts.columns["a/x"].words == ("odd", "normal", "normal", "odd")
    assert verdicts.supports("disagree")
    assert not verdicts.supports("missed")


def test_filters_by_method_hold_two_columns_against_each_other():
    result = scored.result("scored")
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    one, other = result.columns[0].key, result.columns[3].key
    words = {key: verdicts.columns[key].words for key in (one, other)}
    assert verdicts.chosen(f"missed:{one}").tolist() == [i for i, w in enumerate(words[one]) if w == "miss"]
    assert verdicts.chosen(f"false:{other}").tolist() == [i for i, w in enumerate(words[other]) if w == "false_alarm"]
    both = zip(words[one], words[other], strict=True)
    assert verdicts.chosen(f"right:{one}|{other}").tolist() == [
        i for i, (a, b) in enumerate(both) if a in ("found", "passed") and b in ("miss", "false_alarm")
    ]
    assert verdicts.chosen("missed:gone/x").tolist() == []
    asked = (f"missed:{one}", f"right:{one}|{other}", "missed:gone/x", "kind:gone", "?")
    assert [verdicts.opens(w) for w in asked] == [True, True, False, False, False]


def test_a_group_of_defects_is_a_filter():
    result = scored.result("scored")
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    for those in kinds.groups(result).values():
        for group in those:
            assert verdicts.opens(group.key)
            assert tuple(verdicts.chosen(group.key)) == group.rows


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"padim": 2, "cfa": 3}, "PaDiM finds all 8 defects here, at the price of two false alarms. "),
        ({"padim": 2, "patchcore": 2, "cfa": 3}, "PaDiM and PatchCore find all 8 defects here, each at the price of "),
        ({"padim": 0, "patchcore": 0, "cfa": 0}, "PaDiM, PatchCore and CFA find all 8 defects here, without a false"),
    ],
)
def test_all_that_find_every_defect_at_the_same_price_are_named(wrong, said, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "en")
    done = [SimpleNamespace(key=f"{name}/scattering", missed=0, false_alarms=n) for name, n in wrong.items()]
    done.append(SimpleNamespace(key="spade/scattering", missed=1, false_alarms=0))
    assert headline._finders(done, 8, 8).startswith(said)
