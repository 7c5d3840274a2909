"""Pictures that are no squares lie in the middle of square panes, and places go there and back."""

import numpy as np
import pytest

from pages.frame import letterbox


@pytest.mark.parametrize("size", [(3, 8), (9, 4), (5, 5)])
def test_places_go_there_and_back(size):
    down, right = letterbox.corner(size)
    picture = np.arange(size[0] * size[1], dtype=np.float32).reshape(size)
    whole = letterbox.squared(picture, -1)
    assert whole.shape == (letterbox.side(size),) * 2
    np.testing.assert_array_equal(letterbox.cut(whole, size), picture)
    assert (whole == -1).sum() == whole.size - picture.size
    for y in range(size[0]):
        for x in range(size[1]):
            assert whole[y + down, x + right] == picture[y, x]
            assert letterbox.inside(size, y + down, x + right) == (y, x)
    assert letterbox.inside(size, 0, 0) == (0, 0)
    assert letterbox.inside(size, 99, 99) == (size[0] - 1, size[1] - 1)


def test_colours_keep_their_channels():
    assert letterbox.squared(np.zeros((2, 6, 3), np.uint8)).shape == (6, 6, 3)
