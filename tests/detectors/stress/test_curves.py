"""Curves: a break lasts and is beyond chance, blind methods do not stand, few pictures cannot tell."""

import numpy as np
import pytest
from scipy import stats

from detectors.evaluation.thresholds import Threshold
from detectors.stress import Curve, ranked

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def curve(alarms, finds, good=24, defective=30, allowed=1, of=17, strengths=STRENGTHS, control=None):
    """A curve whose first so many good and defective pictures lie above the threshold at each strength."""
    labels = np.r_[np.zeros(good), np.ones(defective)]
    scores = np.array(
        [
            np.r_[np.arange(good) < a, np.arange(defective) < f].astype(float) * 2
            for a, f in zip(alarms, finds, strict=True)
        ]
    )
    moved = None if control is None else np.r_[np.arange(good) < control, np.ones(defective)] * 2.0
    return Curve("toy/toy", strengths, scores, moved, labels, Threshold(1.0, "rate", allowed, of), np.ones(16))


def test_a_break_lasts_in_its_direction():
    found = curve([1, 1, 1, 1, 12, 20], [25] * 6).verdict
    assert (found.word, found.at, found.alarms, found.finds) == ("breaks", (2.0,), True, False)
    assert curve([24, 24, 1, 1, 1, 1], [25] * 6).verdict.at == (-1.0,)
    assert curve([24, 1, 1, 1, 1, 24], [25] * 6).verdict.at == (-2.0, 3.0)


def test_alarms_that_go_away_again_are_no_break():
    assert curve([1, 1, 1, 12, 1, 1], [25] * 6).verdict.word != "breaks"


def test_chance_is_counted_over_all_strengths():
    """4 of 24 at a promise of 1 in 17 happens by chance once in 20 times; at five strengths it proves nothing."""
    alone = stats.binom.sf(3, 24, 1 / 17)
    assert 0.01 < alone < 0.06
    assert curve([1, 1, 1, 4, 4, 4], [25] * 6).verdict.word != "breaks"
    assert curve([1, 1, 1, 7, 7, 7], [25] * 6).verdict.word == "breaks"


def test_lost_finds_are_a_break_and_are_paired():
    found = curve([1] * 6, [25, 25, 25, 25, 15, 5]).verdict
    assert (found.at, found.alarms, found.finds) == ((2.0,), False, True)
    assert curve([1] * 6, [25, 25, 25, 25, 24, 22]).verdict.word != "breaks"


def test_what_finds_nothing_is_blind_and_does_not_stand():
    assert curve([0] * 6, [0] * 6).verdict.word == "blind"
    assert curve([0] * 6, [2] * 6).verdict.word == "blind"
    assert curve([0] * 6, [20] * 6, good=200).verdict.word == "stands"


def test_few_good_pictures_cannot_show_that_a_method_stands():
    assert curve([0] * 6, [25] * 6, good=10).verdict.word == "few"
    assert curve([0] * 6, [25] * 6, good=0).verdict.word == "few"


def test_a_threshold_without_a_promise_is_held_against_strength_0():
    free = curve([3, 3, 3, 3, 14, 20], [25] * 6, allowed=None, of=None)
    assert free.promise is None
    assert (free.verdict.word, free.verdict.at) == ("breaks", (2.0,))


def test_the_control_tells_resampling_from_movement():
    assert curve([1] * 6, [25] * 6, control=12).control_broken
    assert not curve([1] * 6, [25] * 6, control=2).control_broken
    assert not curve([1] * 6, [25] * 6).control_broken


def test_points_are_counts_of_the_scores():
    point = curve([1, 1, 6, 1, 1, 1], [25, 25, 15, 25, 25, 25]).points[2]
    assert point.false_alarms.value == pytest.approx(6 / 24)
    assert point.found.value == pytest.approx(15 / 30)
    assert point.auroc.value == pytest.approx(0.5 + (15 / 30 - 6 / 24) / 2)
    assert not point.broken


def test_what_breaks_first_comes_first():
    late, soon = curve([1, 1, 1, 1, 1, 20], [25] * 6), curve([1, 1, 1, 20, 20, 20], [25] * 6)
    blind = curve([0] * 6, [0] * 6)
    rows = ranked({"late": [late], "soon": [soon], "blind": [blind]})
    assert [name for name, _, _ in rows] == ["soon", "late", "blind"]
