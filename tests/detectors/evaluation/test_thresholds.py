"""Thresholds from held-out normals: what they promise, with ties, and what they refuse."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from fixtures import scored
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.errors import SettingRefused
from detectors.evaluation import thresholds


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=5))
def test_an_exchangeable_normal_exceeds_the_threshold_at_most_at_the_rate(scores):
    """Exact: average over all orders in which one of k + 1 scores is the new one; ties keep it below."""
    k = len(scores) - 1
    orders = list(permutations(scores))
    for j, of in thresholds.rates(k):
        exceeds = Fraction(sum(o[0] > thresholds.threshold(o[1:], j / of) for o in orders), len(orders))
        assert exceeds <= Fraction(j, of)
        if len(set(scores)) == len(scores):
            assert exceeds == Fraction(j, of)


def test_the_threshold_is_the_jth_largest():
    scores = [3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
    assert thresholds.threshold(scores, 1 / 13) == 9
    assert thresholds.threshold(scores, 2 / 13) == 8
    assert thresholds.threshold(scores, 0.2) == 8  # between two steps: the stricter one
    assert thresholds.threshold(scores, 1) == 1
    assert thresholds.nearest_rate(12, 0.05) == (1, 13)


def test_a_rate_below_the_smallest_step_is_refused():
    with pytest.raises(SettingRefused) as refused:
        thresholds.threshold([1.0, 2, 3, 4], 0.05)
    assert str(refused.value) == (
        "4 normal pictures are held out; the smallest false-alarm rate they can set is 1 in 5, and 0.05 was asked for."
        " Hold out more pictures or allow more false alarms."
    )
    with pytest.raises(SettingRefused):
        thresholds.threshold([], 1.0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 80), st.floats(0, 0.99), st.integers(0, 5))
def test_hold_out_splits_without_loss(n, share, seed):
    learnt, held = thresholds.hold_out(n, share, seed)
    assert sorted([*learnt, *held]) == list(range(n))
    assert np.all(np.diff(learnt) > 0)
    assert np.all(np.diff(held) > 0)
    if n:
        assert len(learnt) >= 1
    if n > 1 and share > 0:
        assert 1 <= len(held) <= max(1, round(n * share))
    again = thresholds.hold_out(n, share, seed)
    assert np.array_equal(again[1], held)


def test_a_share_of_everything_is_refused():
    with pytest.raises(SettingRefused, match="must be at least 0 and below 1"):
        thresholds.hold_out(10, 1.0)


def test_confusion_counts_strictly_above_and_leaves_out_the_unlabelled():
    c = thresholds.confusion([1, 1, 0, 0, np.nan], [2.0, 1.0, 1.0, 3.0, 9.0], threshold=1.0)
    assert (c.found, c.missed, c.false_alarms, c.passed) == (1, 1, 1, 1)
    assert c.found_rate.value == 0.5
    assert thresholds.confusion([np.nan], [1.0], 0.5).found_rate.value is None
    assert thresholds.verdict(True, True) == "found"
    assert thresholds.verdict(False, False) == "passed"


def test_normals_below_counts_strictly():
    assert thresholds.normals_below([1, 2, 2, 5], [0, 2, 3, 9]).tolist() == [0, 1, 3, 4]


def test_multiples_are_ratios_or_else_keep_the_threshold_at_one():
    assert thresholds.multiples([1, 2, 4], 2.0, [1, 2]).tolist() == [0.5, 1, 2]
    shifted = thresholds.multiples([-3.0, -1.0, 0.0], -1.0, [-3.0, -5.0, -1.0])
    assert shifted.tolist() == [0, 1, 1.5]
    assert thresholds.multiples([0.0, 2.0], 0.0, [0.0, 0.0]).tolist() == [1, 3]


def test_map_scale_against_numpy_and_without_spread():
    maps = np.random.default_rng(0).gamma(2, 1, (4, 20, 20)).astype(np.float32)
    scale = thresholds.map_scale(maps)
    assert scale(np.median(maps)) == pytest.approx(0, abs=1e-6)
    assert (scale(maps) < 1).mean() == pytest.approx(0.99, abs=1e-3)
    flat = thresholds.map_scale(np.full((2, 5, 5), 3.0, np.float32))
    assert np.isfinite(flat(np.array([3.0, 1e6], np.float32))).all()
    assert flat(np.array([3.0]))[0] == 0


def test_the_usual_rate_is_the_one_nearest_to_five_per_cent():
    steps = {k: thresholds.nearest_rate(k) for k in (1, 12, 19, 39, 70, 199)}
    assert steps == {1: (1, 2), 12: (1, 13), 19: (1, 20), 39: (2, 40), 70: (4, 71), 199: (10, 200)}


def test_a_value_given_for_one_column_leaves_the_others_at_the_rate():
    result = scored.result("scored")
    first, second, *_ = result.columns
    choice = thresholds.ThresholdChoice(3, ((first.key, -1.5, "value"),))
    assert choice.of(first) == thresholds.Threshold(-1.5, "value")
    assert choice.of(second) == thresholds.Threshold(np.sort(second.held_out)[-3], "rate", 3, 13)
    assert thresholds.ThresholdChoice(999).of(second).allowed == len(second.held_out)
    bare = replace(second, held_out=np.empty(0))
    assert choice.of(bare) is None
    assert thresholds.ThresholdChoice(None, ((second.key, 2.0, "test"),)).value_of(bare) == 2.0
    assert thresholds.multiples([2.0, 4.0], 2.0, bare.held_out).tolist() == [1.0, 2.0]
    assert thresholds.multiples([-1.0, 0.0], -1.0, bare.held_out).tolist() == [1.0, 2.0]


def test_a_promise_is_broken_only_beyond_chance():
    at = thresholds.Threshold(1.0, "rate", 2, 17)
    broken = [thresholds.exceeds_promise(thresholds.wilson(k, 24), at) for k in (2, 5, 6, 8)]
    assert broken == [False, False, True, True]
    assert not thresholds.exceeds_promise(thresholds.wilson(8, 24), thresholds.Threshold(1.0, "value"))
    assert not thresholds.exceeds_promise(thresholds.wilson(0, 0), at)


@pytest.mark.parametrize("rate", [0, -0.1, 7, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate):
    with pytest.raises(SettingRefused, match="no share of good pictures"):
        thresholds.threshold([1.0, 2.0], rate)
