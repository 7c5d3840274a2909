"""Panes have one shape for a set; pictures lie in their middle, and places go from a pane to the picture and back."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import shaped
from fixtures.results import made_up

from detectors.result import ResultPicture
from pages.frame import shapes

PICTURE = ResultPicture("a", "", None, None, np.zeros((20, 30, 3), np.uint8))


@pytest.mark.parametrize(
    ("state", "shape"), [("wide", 224 / 80), ("tall", 80 / 224), ("squeezed", 3.0), ("mixed", 224 / 96)]
)
def test_a_set_has_one_shape(state, shape):
    assert shapes.of(shaped.result(state)) == pytest.approx(shape, abs=1e-4)
    assert shapes.of(made_up()) == 1.0


def test_shapes_of_panes_are_bounded_and_nearly_square_ones_are_square():
    assert shapes.common([20.0] * 3) == shapes.SHAPES[1]
    assert shapes.common([0.01] * 3) == round(shapes.SHAPES[0], 4)
    assert shapes.common([1.02, 1.03]) == 1.0
    assert shapes.common([1.0, 1.0, 9.0]) == 1.0


@pytest.mark.parametrize("own", [0.2, 0.9, 1.0, 1.7, 12.0])
@pytest.mark.parametrize("pane", [0.4, 1.0, 3.0])
def test_a_picture_keeps_its_shape_in_a_pane_and_touches_two_sides(own, pane):
    wide, high = shapes.fit(own, pane)
    assert max(wide, high) == 1
    assert pane * wide / high == pytest.approx(own, rel=2e-2)


def test_places_count_from_the_corner_of_what_is_shown():
    padded = replace(PICTURE, box=(4, 0, 12, 30))
    assert (shapes.size(padded), shapes.corner(padded), padded.aspect) == ((8, 30), (4, 0), 30 / 8)
    assert shapes.seen(padded, padded.pixels).shape == (8, 30, 3)
    assert shapes.place(padded, 3, 5) == (7, 5)
    assert shapes.place(padded, -9, 99) == (4, 29)
    assert shapes.place(padded, 99, 0) == (11, 0)
    assert shapes.place(PICTURE, 3, 5) == (3, 5)


def test_a_pixel_of_a_squeezed_picture_is_as_much_wider_as_it_was_squeezed():
    assert shapes.stretch(replace(PICTURE, shape=3.0)) == 2.0
    assert shapes.stretch(PICTURE) == 1.0
