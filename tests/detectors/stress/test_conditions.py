"""Conditions: 0 changes nothing, units are what they say, masks go with their pictures, accidents repeat."""

import numpy as np
import pytest

from detectors.errors import SettingRefused
from detectors.stress import CONDITIONS, condition
from detectors.stress.conditions import daylight

SIDE = 64
NAMES = list(CONDITIONS)


@pytest.fixture(scope="module")
def picture():
    """Grey with structure, far from black and white, so that nothing is cut off."""
    random = np.random.default_rng(3)
    coarse = random.integers(70, 140, (8, 8, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


def linear(pixels):
    value = pixels / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("name", NAMES)
def test_strength_0_is_the_picture_itself_and_7_are_offered(picture, name):
    each = condition(name)
    assert len(each.strengths) == 7
    assert list(each.strengths) == sorted(set(each.strengths))
    np.testing.assert_array_equal(each.apply(picture, 0), picture)
    mask = np.zeros((SIDE, SIDE), bool)
    assert each.apply_mask(mask, picture, 0) is mask


@pytest.mark.parametrize("name", NAMES)
def test_a_stronger_condition_changes_more_and_the_same_each_time(picture, name):
    each = condition(name)
    for direction in each.directions:
        moved = [float(np.abs(each.apply(picture, s).astype(float) - picture).mean()) for s in direction]
        assert moved[0] > 0 or name in ("blur", "jpeg")
        assert moved == sorted(moved)
        first, again = each.apply(picture, direction[-1]), each.apply(picture, direction[-1])
        assert first.dtype == np.uint8
        assert first.shape == picture.shape
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("stops", [-0.6, 0.4])
def test_brightness_is_a_gain_in_linear_light(picture, stops):
    lit = condition("brightness").apply(picture, stops)
    assert linear(lit).mean() / linear(picture).mean() == pytest.approx(2**stops, rel=0.01)


def test_warmer_light_has_more_red_and_less_blue_and_keeps_its_luminance():
    for mired in (-45, 30):
        red, green, blue = daylight(mired)
        assert (red > 1 > blue) == (mired > 0)
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue == pytest.approx(1)
    assert daylight(0) == pytest.approx([1, 1, 1])


def test_a_gradient_spans_its_stops_and_a_shadow_covers_its_share():
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    lit = linear(condition("gradient").apply(grey, 1.2)[..., 0])
    assert np.log2(lit.max() / lit.min()) == pytest.approx(1.2, abs=0.08)
    shaded = linear(condition("shadow").apply(grey, 0.9)[..., 0])
    assert np.log2(shaded.max() / shaded.min()) == pytest.approx(0.9, abs=0.03)
    assert (shaded < shaded.max() * 2**-0.45).mean() == pytest.approx(0.4, abs=0.02)


def test_blur_and_noise_have_the_widths_they_name():
    edge = np.zeros((SIDE, SIDE, 3), np.uint8)
    edge[:, 32:] = 200
    slope = np.diff(condition("blur").apply(edge, 2)[10, :, 0].astype(float))
    place = np.arange(SIDE - 1)
    middle = (slope * place).sum() / slope.sum()
    assert np.sqrt((slope * (place - middle) ** 2).sum() / slope.sum()) == pytest.approx(2, rel=0.05)
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert condition("noise").apply(grey, 8).std() == pytest.approx(8, rel=0.03)


def test_geometry_moves_masks_as_pictures():
    for name in ("rotation", "shift", "scale"):
        each = condition(name)
        picture = np.full((SIDE, SIDE, 3), 30, np.uint8)
        picture[20:30, 36:48] = 220
        mask = picture[..., 0] > 100
        for strength in (each.strengths[0], each.strengths[-1]):
            if strength == 0:
                continue
            moved = each.apply(picture, strength)[..., 0] > 125
            carried = each.apply_mask(mask, picture, strength)
            assert (moved != carried).mean() < 0.01, (name, strength)
            assert (carried != mask).any(), (name, strength)


def test_a_shift_is_whole_pixels_and_its_border_is_mirrored(picture):
    each = condition("shift")
    moved = each.apply(picture, 5)
    candidates = [np.roll(picture, step, axis)[6:-6, 6:-6] for axis in (0, 1) for step in (-5, 5)]
    assert sum(np.array_equal(moved[6:-6, 6:-6], c) for c in candidates) == 1
    assert moved.min() >= picture.min()


def test_there_and_back_moves_nothing_but_costs_sharpness(picture):
    for name in ("rotation", "scale"):
        each = condition(name)
        back = each.control(picture, each.strongest).astype(float)
        gone = each.apply(picture, each.strongest).astype(float)
        inside = slice(12, -12)
        assert 0 < np.abs(back - picture)[inside, inside].mean() < 0.4 * np.abs(gone - picture)[inside, inside].mean()


def test_an_unknown_condition_names_those_there_are():
    with pytest.raises(SettingRefused, match="brightness"):
        condition("earthquake")
