"""Synthetic defects: exact masks, the same seed the same picture, severity that can be measured."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.picture_files import scene
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.datasets.samples import Sample
from detectors.datasets.synthetic import KINDS, with_defects
from detectors.errors import DatasetRefused, SettingRefused
from detectors.images import of_pixels


def normal(height=96, width=128, count=3):
    return [Sample(of_pixels(scene(height, width, seed), f"good/{seed}.png"), False, "good") for seed in range(count)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
def test_outside_the_mask_not_one_pixel_differs(kind, severity):
    bases = normal()
    for made in with_defects(bases, [kind], severity, seed=5, count=6):
        name = made.picture.name.rpartition("_")[2]
        base = next(b for b in bases if b.picture.name.endswith(name))
        differs = (made.picture.pixels != base.picture.pixels).any(-1)
        assert not differs[~made.mask].any()
        assert made.mask.any()
        assert differs[made.mask].mean() > 0.9
        assert (made.defective, made.kind, made.severity, made.synthetic) == (True, kind, severity, True)
        assert made.picture.sha256 != base.picture.sha256


def test_equal_arguments_give_equal_pictures_and_another_seed_others():
    first, again, other = (with_defects(normal(), seed=seed, count=8) for seed in (1, 1, 2))
    assert [s.picture.sha256 for s in first] == [s.picture.sha256 for s in again]
    assert not {s.picture.sha256 for s in first} & {s.picture.sha256 for s in other}
    assert len({s.picture.sha256 for s in first}) == 8
    assert len({s.picture.name for s in first}) == 8
    assert [s.kind for s in first] == ["patch", "scratch", "stain", "missing"] * 2
    assert [s.severity for s in first] == [1.0] * 4 + [0.5] * 4


def test_the_pictures_given_are_untouched():
    bases = normal()
    before = [b.picture.pixels.copy() for b in bases]
    with_defects(bases, count=8)
    for base, pixels in zip(bases, before, strict=True):
        np.testing.assert_array_equal(base.picture.pixels, pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_changes_more(kind):
    def change(severity):
        return sum(int(s.mask.sum()) for s in with_defects(normal(), [kind], severity, seed=3, count=6))

    assert change(0.0) < change(0.5) < change(1.0)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(sorted(KINDS)), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_any_size_and_flat_pictures_get_a_visible_defect(height, width, kind, level):
    base = Sample(of_pixels(np.full((height, width, 3), level, np.uint8), "a"), False, "good")
    made = with_defects([base], [kind], 1.0, seed=height)[0]
    assert made.mask.any()
    inside = np.abs(made.picture.pixels.astype(int) - level)[made.mask]
    assert inside.mean() >= 5


def test_refusals():
    with pytest.raises(DatasetRefused) as caught:
        with_defects([])
    assert str(caught.value) == "There is no normal picture to paste a defect into. Give at least one."
    with pytest.raises(SettingRefused) as refused:
        with_defects(normal(), ["rust"])
    assert str(refused.value) == (
        "The synthetic defects ['rust'] are not known; choose among patch, scratch, stain, missing."
    )
    with pytest.raises(SettingRefused) as refused:
        with_defects(normal(), severity=2)
    assert str(refused.value) == "The severity is 2; it must lie between 0 and 1."
