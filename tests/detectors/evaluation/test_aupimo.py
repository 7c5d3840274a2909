"""AUPIMO: against a walk over every threshold with quadrature, against the authors' way, and worked by hand."""

from itertools import pairwise
from math import log

import numpy as np
import pytest
from fixtures.labels import scene, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from detectors.evaluation import pixel_figures
from detectors.evaluation.aupimo import alarm_level, aupimo_of, drawn_means, each_aupimo, paired_aupimo_difference
from detectors.evaluation.intervals import resampling_weights
from detectors.evaluation.pixel_scores import pixel_scores
from detectors.result import ResultPicture

WIDE = (0.02, 0.3)  # bounds that a few small pictures reach


def plain_aupimo(masks, maps, bounds):
    """Walk every distinct value of all maps, point by point; integrate each piece of the curve by quadrature."""
    maps = maps.astype(np.float64)
    good = np.stack([m for m, mask in zip(maps, masks, strict=True) if not mask.any()])
    found = []
    for values, mask in zip(maps, masks, strict=True):
        if not mask.any():
            found.append(np.nan)
            continue
        points = [(0.0, 0.0)]
        for t in np.unique(maps)[::-1]:
            rates = [(picture >= t).mean() for picture in good]  # one per good picture
            points.append((float(np.mean(rates)), float((values[mask] >= t).mean())))
        area = 0.0
        for (x0, y0), (x1, y1) in pairwise(points):
            left, right = max(x0, bounds[0]), min(x1, bounds[1])
            if left < right:
                area += quad(lambda f, x, y: np.interp(f, x, y) / f, left, right, ([x0, x1], [y0, y1]))[0]
        found.append(area / log(bounds[1] / bounds[0]))
    return np.array(found)


def stepped_aupimo(masks, maps, bounds, steps):
    """Do as the authors' code does: evenly spaced thresholds, the nearest ones to the bounds, trapezoids over log."""
    truth = np.stack(masks)
    good, odd = maps[~truth.any((1, 2))], maps[truth.any((1, 2))]
    at = np.linspace(good.min(), good.max(), steps)
    rate = 1 - np.searchsorted(np.sort(good, axis=None), at) / good.size
    first, last = (int(np.abs(rate - bound).argmin()) for bound in bounds)
    kept = slice(last, first + 1)
    found = []
    for values, mask in zip(odd, truth[truth.any((1, 2))], strict=True):
        recall = 1 - np.searchsorted(np.sort(values[mask]), at) / mask.sum()
        area = np.trapezoid(recall[kept][::-1], np.log(rate[kept])[::-1])
        found.append(np.clip(area / log(bounds[1] / bounds[0]), 0, 1))
    return np.array(found)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5, None]))
def test_each_value_is_that_of_the_plain_walk_with_and_without_ties(seed, levels):
    masks, maps = scene(seed, pictures=4, size=9, levels=levels)
    values = each_aupimo(pixel_scores(masks, maps), WIDE)
    assert values == pytest.approx(plain_aupimo(masks, maps, WIDE), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("seed", "theirs"),  # what anomalib 2.7.0's aupimo_scores(num_thresholds=20_000) returns
    [
        (0, [0.82307, 0.98895, 0.85008, 0.27518, 0.95466, 1.0]),
        (1, [0.98432, 0.83642, 0.99154, 0.22244, 0.73142, 0.95204]),
        (2, [0.98999, 0.71005, 0.88589, 1.0, 0.7424, 1.0]),
    ],
)
def test_the_authors_steps_come_to_the_same(seed, theirs):
    masks, maps = scene(seed, size=48)
    bounds = (46 / 4608, 460 / 4608)  # whole numbers of the 2 * 48 * 48 good pixels
    values = each_aupimo(pixel_scores(masks, maps), bounds)
    assert values[2:] == pytest.approx(theirs, abs=5e-4)
    assert values[2:] == pytest.approx(stepped_aupimo(masks, maps, bounds, 300_000), abs=5e-4)


def test_worked_by_hand():
    # 100 good pixels at 1 ... 100. Of four defective pixels one lies above all, one has 20 above it, two have 50.
    good = np.arange(1, 101, dtype=np.float32).reshape(10, 10)
    odd, mask = np.zeros((10, 10), np.float32), np.zeros((10, 10), bool)
    odd[0, :4], mask[0, :4] = (200, 80.5, 50.5, 50.5), True
    scores = pixel_scores([np.zeros((10, 10), bool), mask], np.stack([good, odd]))
    whole = (log(0.2 / 0.1) + 2 * log(0.4 / 0.2)) / log(4)  # a quarter to 0.2, half to the upper bound
    assert each_aupimo(scores, (0.1, 0.4))[1] == pytest.approx(whole / 4, abs=1e-12)


def test_a_flat_map_gets_what_guessing_gets():
    masks, maps = scene(pictures=4)
    values = each_aupimo(pixel_scores(masks, np.zeros_like(maps)), WIDE)
    assert values[2:] == pytest.approx((WIDE[1] - WIDE[0]) / log(WIDE[1] / WIDE[0]), abs=1e-12)


def test_only_good_pictures_and_the_order_count():
    masks, maps = scene()
    plain = each_aupimo(pixel_scores(masks, maps), WIDE)
    loud = maps.copy()
    loud[~np.stack(masks)] += 100  # every false alarm of a defective picture lies above everything ...
    loud[:2] = maps[:2]  # ... and those of good pictures stay
    assert each_aupimo(pixel_scores(masks, loud), WIDE) == pytest.approx(plain, nan_ok=True)
    assert each_aupimo(pixel_scores(masks, np.exp(maps / 2)), WIDE) == pytest.approx(plain, nan_ok=True)


def million_and(pixels):
    """A defective picture that beats all, and good pixels on both sides of what is needed."""
    random = np.random.default_rng(0)
    maps = random.random((2, 1, pixels)).astype(np.float32)
    mask = np.zeros((1, pixels), bool)
    mask[0, :100] = True
    maps[1, 0, :100] = np.linspace(0.9995, 1.0, 100)
    return [np.zeros_like(mask), mask], maps


def test_the_lower_bound_needs_a_hundred_thousand_good_pixels():
    enough = aupimo_of(pixel_scores(*million_and(100_000)))
    assert 0 < enough.value < 1
    few = aupimo_of(pixel_scores(*million_and(99_999)))
    assert few.value is None
    assert few.each == ()
    assert few.reason.key == "metrics.few_good_pixels"
    assert str(few.reason) == (
        "The good test pictures have 99,999 pixels; a false-positive rate of 1 in 100,000 takes 100,000."
    )


def test_without_a_good_picture_there_is_no_rate():
    masks, maps = scene()
    assert "have 0 pixels" in str(aupimo_of(pixel_scores(masks[2:], maps[2:])).reason)


def test_the_figure_is_the_mean_and_holds_each_picture_in_its_place():
    masks, maps = scene(pictures=10, strength=2)
    none = ResultPicture("n", "", True, "cut", np.zeros((24, 24, 3), np.uint8))
    pictures = [none, *shown(masks)]
    scores = pixel_scores(
        [p.mask for p in pictures],
        np.concatenate([maps[:1], maps]),
        [float(p.defective) for p in pictures],
        kinds=[p.kind for p in pictures],
    )
    figure = aupimo_of(scores, WIDE)
    plain = plain_aupimo(masks, maps, WIDE)
    assert figure.value == pytest.approx(np.nanmean(plain), abs=1e-9)
    assert figure.each[:3] == (None, None, None)
    assert figure.each[3:] == pytest.approx(plain[2:], abs=1e-9)
    assert figure.low < figure.value < figure.high
    assert figure.method.startswith("bootstrap over pictures, 500 draws")
    assert figure.reason.key == "metrics.left_out"
    assert figure == aupimo_of(scores, WIDE)


@pytest.mark.parametrize("levels", [None, 3])
def test_a_draw_is_the_figure_of_the_pictures_drawn(levels):
    masks, maps = scene(pictures=12, size=48, levels=levels)
    masks[2] = masks[11] & False  # three good pictures
    scores = pixel_scores(masks, maps, kinds=["good"] * 3 + ["a"] * 4 + ["b"] * 5)
    values = drawn_means(scores, WIDE, 30, seed=5)
    assert values[0] == pytest.approx(np.nanmean(each_aupimo(scores, WIDE)), abs=2e-3)
    weights = resampling_weights(scores.stratum, 30, 5)
    for row in range(3):  # weights are multiples of 3/2, 4/3 and 5/4
        repeated = np.repeat(np.arange(12), np.rint(weights[row] * 12).astype(int))
        drawn = pixel_scores([masks[i] for i in repeated], maps[repeated])
        assert values[1 + row] == pytest.approx(np.nanmean(each_aupimo(drawn, WIDE)), abs=3e-3)


@pytest.mark.parametrize("levels", [None, 3])
def test_less_than_the_rate_of_good_pixels_lies_above_the_level(levels):
    masks, maps = scene(levels=levels)
    level = alarm_level(shown(masks), maps, 0.01)
    good = maps[:2]
    assert (good > level).mean() < 0.01 <= (good >= level).mean()
    values = each_aupimo(pixel_scores(masks, maps), (0.005, 0.01))[2:]
    for value, shares in zip(values, [(maps[i] > level)[masks[i]].mean() for i in range(2, 8)], strict=True):
        assert shares == 0 or value > 0


def test_one_mask_gives_a_value_without_an_interval():
    masks, maps = scene()
    figure = aupimo_of(pixel_scores(masks[:3], maps[:3]), WIDE)
    assert figure.value is not None
    assert figure.low is None
    assert figure.reason.key == "metrics.one_mask"


def test_what_cannot_be_computed_says_why():
    masks, maps = scene()
    assert aupimo_of(pixel_scores(masks, None)).reason.key == "metrics.no_map"
    assert pixel_figures(shown(masks), None)["aupimo"].reason.key == "metrics.no_map"
    assert paired_aupimo_difference(*(pixel_scores(masks, m) for m in (maps, maps + 1))).value is None


def test_two_methods_are_paired_on_the_same_pictures():
    random = np.random.default_rng(3)
    masks = [np.zeros((240, 240), bool) for _ in range(10)]
    for mask in masks[2:]:
        mask[100:110, 100:110] = True
    clean = random.normal(size=(10, 240, 240)).astype(np.float32)
    strong, weak = (pixel_scores(masks, clean + lift * np.stack(masks)) for lift in (5, 4))
    figure = paired_aupimo_difference(strong, weak)
    assert figure.value == pytest.approx(aupimo_of(strong).value - aupimo_of(weak).value, abs=1e-12)
    assert 0 < figure.low < figure.value < figure.high
    assert figure.method.startswith("paired bootstrap")
