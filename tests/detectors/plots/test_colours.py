"""Colours, opacity and outlines against matplotlib, arithmetic by hand, and areas."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from detectors.plots import colours
from detectors.report.charts import Axis, lanes
from detectors.result import ResultPicture


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


@pytest.mark.parametrize("count", [12, 400])
def test_lanes_place_every_picture(count):
    random = np.random.default_rng(0)
    pixels = np.zeros((4, 4, 3), np.uint8)
    pictures = tuple(ResultPicture(str(i), "", i % 3 == 0, None, pixels) for i in range(count))
    multiples, held = np.exp(random.normal(size=count)), np.exp(random.normal(size=7) - 1)
    axis = Axis.over([multiples, held], 460)
    marks, bars = lanes(axis, held, multiples, pictures, 84, 3.6)
    if count < 100:
        assert len(marks) == count + 7
        assert all(0 <= m.x <= 460 and 0 <= m.y <= 84 for m in marks)
        one = axis(np.ones(1))[0]
        assert all((m.x > one) == (m.sort in ("found", "false_alarm")) for m in marks if m.sort != "held_out")
    else:
        assert not marks
        assert sum(b.count for b in bars) == count + 7


def test_an_axis_covers_its_scores_and_marks_an_open_end():
    axis = Axis.over([np.array([0.6, 1.2])], 100)
    assert [t for _, t in axis.ticks] == [0.5, 0.7, 1.0, 1.5]
    assert not axis.open_end
    wide = Axis.over([np.array([-1.0, 0.01, 40.0])], 100)
    assert wide.open_end
    assert wide(np.array([-1.0, 40.0])).tolist() == [0, 100]
