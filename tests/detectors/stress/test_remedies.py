"""Remedies: pictures are brought to one brightness or one place, or learnt under the condition; then measured alike."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import learning
from scipy import ndimage

from detectors.comparison.comparison import Bench, FittedColumn
from detectors.errors import SettingRefused
from detectors.evaluation.thresholds import Threshold
from detectors.stress import Curve, condition, sentences
from detectors.stress.conditions import move
from detectors.stress.measuring import measure
from detectors.stress.remedies import _movement, alignment, remedied


@pytest.fixture(scope="module")
def bench():
    result, detectors, stores, pictures = learning.ran()
    wanted = [column for column in result.columns if column.method in ("mahalanobis", "padim")]
    fitted = tuple(FittedColumn(column, detectors[column.key], stores, column.key) for column in wanted)
    return Bench(learning.COMPARISON, pictures, fitted)


def scene(side=112):
    random = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(random.normal(size=(side, side)), 4)
    grey = np.clip(128 + 900 * smooth, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize(("degrees", "down", "right"), [(0, 5, -7), (4, 0, 0), (-9, 3, 2)])
def test_a_moved_picture_is_brought_back(degrees, down, right):
    normal = scene()
    align = alignment(np.stack([normal] * 3))
    changed = move(normal, _movement(normal.shape[:2], degrees, down, right))
    inside = slice(20, -20)

    def away(pixels):
        return np.abs(pixels.astype(float) - normal)[inside, inside].mean()

    assert away(align(changed)) < 0.35 * away(changed)
    np.testing.assert_array_equal(align(normal), normal)


def test_alignment_stands_what_a_shift_breaks(bench):
    """PaDiM compares a place with its own place: brought back, pictures raise hardly more alarms than before."""
    shift = replace(condition("shift"), strengths=(0, 3))
    padim = "padim/efficientnet_lite0"
    usual, helped = (
        next(curve for curve in measure(each, shift) if curve.key == padim)
        for each in (bench, remedied(bench, "align", shift))
    )
    assert usual.points[1].false_alarms.value == 1
    assert helped.points[1].false_alarms.value < 0.5


def test_equalised_pictures_are_of_one_brightness_at_every_strength(bench):
    light = replace(condition("brightness"), strengths=(0, 0.4))
    equal = remedied(bench, "equalise", light)
    assert equal.comparison.preprocessing.equalise
    finish, plain = equal.comparison.preprocessing.finish, bench.pictures.learnt[0].pixels
    np.testing.assert_array_equal(equal.pictures.learnt[0].pixels, finish(plain))
    assert abs(finish(light.apply(plain, 0.4)).mean() - finish(plain).mean()) < 1
    assert [curve.key for curve in measure(equal, light)] == [fitted.column.key for fitted in bench.fitted]


def test_augmented_normals_are_learnt_twice_and_thresholds_stay_with_the_others(bench):
    blur = condition("blur")
    more = remedied(replace(bench, fitted=bench.fitted[:1]), "augment", blur)
    assert len(more.pictures.learnt) == 2 * len(bench.pictures.learnt)
    assert more.pictures.held_out == bench.pictures.held_out
    first, again = more.pictures.learnt[0], more.pictures.learnt[len(bench.pictures.learnt)]
    made = [blur.apply(first.pixels, strength) for strength in blur.strengths if strength]
    assert any(np.array_equal(again.pixels, each) for each in made)


def test_it_is_said_where_equal_brightness_takes_auroc_away():
    labels, strengths = np.r_[np.zeros(30), np.ones(30)], (0, 0.2)
    draw = np.random.default_rng(0)
    bright = np.tile(draw.normal(size=60) + 4 * labels, (2, 1))
    alike = np.tile(draw.normal(size=60), (2, 1))

    def curve(key, scores):
        return Curve(key, strengths, scores, None, labels, Threshold(2.0, "rate", 1, 17), np.zeros(16))

    usual = (curve("mahalanobis/x", bright), curve("padim/x", bright))
    said = sentences.shortcut(usual, (curve("mahalanobis/x", alike), curve("padim/x", bright)))
    assert "MahalanobisAD (1.00 → 0." in str(said)
    assert "PaDiM" not in str(said)
    assert sentences.shortcut(usual, usual) is None


def test_an_unknown_remedy_names_those_there_are(bench):
    with pytest.raises(SettingRefused, match="augment"):
        remedied(bench, "prayer", condition("blur"))
