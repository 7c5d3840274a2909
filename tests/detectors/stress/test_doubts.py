"""Doubts: an odd patch and an odd picture stand out among others, and two alike do not vouch for each other."""

import numpy as np
import pytest
import torch

from detectors.methods.inputs import Features, FeatureShape
from detectors.stress.doubts import Likeness


class Store:
    """Features of pictures in one batch, of which parts can be taken."""

    device = torch.device("cpu")

    def __init__(self, maps, pooled):
        self.all = Features((maps,), (pooled,), (32, 32))

    @property
    def shape(self) -> FeatureShape:
        return self.all.shape

    def __len__(self):
        return len(self.all)

    def __iter__(self):
        yield self.all

    def subset(self, rows):
        rows = torch.as_tensor(np.asarray(rows))
        return Store(self.all.maps[0][rows], self.all.pooled[0][rows])


@pytest.fixture
def parts():
    draw = torch.Generator().manual_seed(0)
    scene = torch.randn(1, 6, 14, 14, generator=draw)
    maps = scene + 0.2 * torch.randn(24, 6, 14, 14, generator=draw)
    return maps, torch.randn(24, 5, generator=draw)


def test_what_is_odd_in_one_patch_and_what_is_odd_as_a_whole_come_first(parts):
    maps, pooled = parts
    defect = 6 * torch.randn(6, generator=torch.Generator().manual_seed(1))
    for twin in (3, 11):  # the same defect twice
        maps[twin, :, 4:7, 8:11] += defect[:, None, None]
    pooled[17] += 30
    found = Likeness(Store(maps, pooled)).doubts(np.arange(24))
    assert set(found.order[:3]) == {3, 11, 17}
    assert set(found.outlying) == {3, 11, 17}
    assert found.patch[[3, 11]].all()
    assert not found.patch[17]
    row, column = divmod(int(found.places[3]), found.side)
    assert (row, column) == (5, 9)
    assert found.times[3] > 2
    assert found.times[17] > 5


def test_only_the_pictures_asked_for_are_compared(parts):
    maps, pooled = parts
    likeness = Likeness(Store(maps, pooled))
    rows = np.array([2, 5, 7, 9, 20, 21, 22])
    found = likeness.doubts(rows)
    assert sorted(found.order) == list(range(7))
    others = likeness._between[rows][:, :, rows].copy()
    others[np.arange(7), :, np.arange(7)] = np.inf
    by_hand = np.sort(others, axis=2)[:, :, :3].mean(2)  # to three other pictures
    np.testing.assert_array_equal(found.places, by_hand.argmax(1))
    assert likeness.doubts(rows[:1]).outlying == ()


def test_many_pictures_are_compared_on_a_coarser_grid():
    draw = torch.Generator().manual_seed(0)
    few = Likeness(Store(torch.randn(250, 2, 14, 14, generator=draw), torch.randn(250, 2, generator=draw)))
    assert few.side == 4
