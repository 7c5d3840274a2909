"""Colours, opacity and outlines against matplotlib, arithmetic by hand, and areas."""

import re

import matplotlib as mpl
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from detectors.plots import colours


def test_inferno_is_matplotlibs_and_mako_ends_at_its_stops():
    expected = np.rint(mpl.colormaps["inferno"](np.arange(256))[:, :3] * 255)
    assert np.abs(colours.INFERNO.astype(int) - expected).max() <= 1
    assert colours.MAKO[0].tolist() == [0x0B, 0x04, 0x05]
    assert colours.MAKO[-1].tolist() == [0xDE, 0xF5, 0xE5]
    lightness = colours.MAKO @ [0.2126, 0.7152, 0.0722]
    assert np.all(np.diff(lightness) >= -0.5)


def test_nothing_normal_is_coloured():
    pixels = np.full((1, 5, 3), 100, np.uint8)
    scaled = np.array([[-3.0, 0.85, 1.225, 1.6, 9.0]])
    drawn = colours.overlay(pixels, scaled)
    assert np.array_equal(drawn[:, :2], pixels[:, :2])
    half = (100 + colours.colour(np.array(1.225)).astype(float)) / 2
    assert np.abs(drawn[0, 2] - half).max() <= 1
    assert np.array_equal(drawn[0, 3], colours.colour(np.array(1.6)))
    assert np.array_equal(drawn[0, 4], colours.INFERNO[255])
    assert colours.layer(scaled)[0, :, 3].tolist() == [0, 0, 128, 255, 255]
    faint = colours.overlay(pixels, scaled, opacity=0.0)
    assert np.array_equal(faint, pixels)
    assert not np.array_equal(colours.overlay(pixels, scaled, everywhere=True)[:, :2], pixels[:, :2])


def test_contours_are_drawn_where_a_level_is_crossed_only():
    pixels = np.full((20, 20, 3), 120, np.uint8)
    scaled = np.zeros((20, 20))
    scaled[5:15, 5:15] = 1.5
    drawn = colours.contour(pixels, scaled)
    assert np.array_equal(drawn[5, 8], colours.colour(np.array(1.0)))
    assert np.array_equal(drawn[10, 10], pixels[10, 10])
    assert np.array_equal(drawn[0, 0], pixels[0, 0])
    assert np.array_equal(colours.contour(pixels, scaled * 0), pixels)
    marked = colours.outline(pixels, scaled > 1)
    assert marked[5, 8].tolist() == [255] * 3
    assert marked[4, 8].tolist() == [60] * 3


@settings(deadline=None, max_examples=80)
@given(arrays(bool, (6, 7)))
def test_the_outline_path_encloses_exactly_the_mask(mask):
    area, place = 0, (0, 0)
    start = place
    for letter, numbers in re.findall(r"([MHVZ])([\d ]*)", colours.edges(mask)):
        if letter == "M":
            place = start = tuple(map(int, numbers.split()))
            continue
        x, y = place
        step = start if letter == "Z" else (int(numbers), y) if letter == "H" else (x, int(numbers))
        assert step[0] == x or step[1] == y
        area += x * step[1] - step[0] * y
        place = step
    assert area / 2 == mask.sum()
