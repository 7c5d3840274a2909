"""Figures over pixels: against scikit-learn, a threshold-by-threshold PRO in float64, and toys worked by hand."""

import numpy as np
import pytest
from fixtures.labels import scene, shown
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from sklearn.metrics import average_precision_score, roc_auc_score

from detectors.evaluation import aupro, paired_pixel_difference, pixel_auroc, pixel_average_precision, pixel_figures
from detectors.evaluation.pixel import LIMITS, Draws, exact
from detectors.evaluation.pixel_scores import pixel_scores
from detectors.result import ResultPicture


def plain_aupro(masks, maps, limit=0.3):
    """Walk every distinct threshold; float64; trapezoid, cut by interpolation at the limit."""
    maps = maps.astype(np.float64)
    truth = np.stack([np.zeros(maps[0].shape, bool) if m is None else m for m in masks])
    regions = []
    for i, mask in enumerate(truth):
        numbers, count = label(mask, np.ones((3, 3)))
        regions += [maps[i][numbers == r + 1] for r in range(count)]
    normal = maps[~truth]
    x, y = [0.0], [0.0]
    for t in np.unique(maps)[::-1]:
        x.append((normal >= t).mean())
        y.append(np.mean([(r >= t).mean() for r in regions]))
    x, y = np.array(x), np.array(y)
    inside = x < limit
    x, y = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y))
    return np.trapezoid(y, x) / limit


@pytest.mark.parametrize("levels", [None, 2, 1])
@pytest.mark.parametrize("limit", [0.3, 0.05, 1.0])
def test_aupro_is_that_of_the_plain_walk_with_and_without_ties(levels, limit):
    masks, maps = scene(levels=levels)
    assert aupro(masks, maps, limit, draws=10).value == pytest.approx(plain_aupro(masks, maps, limit), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5, None]), st.floats(0.02, 1.0))
def test_aupro_on_small_random_scenes(seed, levels, limit):
    masks, maps = scene(seed, pictures=4, size=9, levels=levels)
    assert aupro(masks, maps, limit, draws=2).value == pytest.approx(plain_aupro(masks, maps, limit), abs=1e-12)


@pytest.mark.parametrize("levels", [None, 2])
def test_pixel_auroc_and_average_precision_are_scikit_learns(levels):
    masks, maps = scene(levels=levels)
    truth = np.stack(masks).ravel()
    assert pixel_auroc(masks, maps).value == pytest.approx(roc_auc_score(truth, maps.ravel()), abs=1e-12)
    ap = average_precision_score(truth, maps.ravel())
    assert pixel_average_precision(masks, maps).value == pytest.approx(ap, abs=1e-12)


def test_aupro_worked_by_hand():
    # two regions, {1 pixel} and {2 pixels} that touch by a corner only in 4-connectivity; 7 normal pixels at 0, 1
    mask = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], bool)
    values = np.array([[9, 0, 0, 0], [0, 1, 0, 8], [0, 0, 0, 0]], np.float32)
    # diagonal pixels are one region: PRO is 1/2, then 3/4 once 8 is reached, flat to FPR 1/9, then a slope to (1, 1)
    limit = 5 / 9
    expected = (1 / 9 * 0.75 + 4 / 9 * (0.75 + 0.875) / 2) / limit
    assert aupro([mask], values[None], limit).value == pytest.approx(expected, abs=1e-12)


def test_every_value_equal_is_a_guess():
    masks, maps = scene()
    flat = np.zeros_like(maps)
    assert pixel_auroc(masks, flat).value == pytest.approx(0.5, abs=1e-12)
    assert aupro(masks, flat).value == pytest.approx(0.15, abs=1e-12)  # the diagonal up to 0.3


def test_order_is_all_that_counts_and_good_pictures_do():
    masks, maps = scene()
    assert aupro(masks, np.exp(maps / 2)).value == pytest.approx(aupro(masks, maps).value, abs=1e-12)
    quiet = maps.copy()
    quiet[:2] = maps.min()  # the two good pictures raise no false alarm any more
    assert aupro(masks, quiet).value > aupro(masks, maps).value + 0.01


def test_figures_of_a_result_say_what_was_left_out():
    masks, maps = scene()
    pictures = shown(masks)
    figures = pixel_figures(pictures, maps)
    assert figures["aupro"].value == pytest.approx(plain_aupro(masks, maps), abs=1e-12)
    assert figures["aupro_05"].value == pytest.approx(plain_aupro(masks, maps, 0.05), abs=1e-12)
    assert figures["aupro"].reason is None
    logical = ResultPicture("l", "", True, "swapped", pictures[0].pixels, np.ones((24, 24), bool), local=False)
    nobody = ResultPicture("n", "", None, None, pictures[0].pixels)
    unmarked = ResultPicture("u", "", True, "cut", pictures[0].pixels)
    more = pixel_figures([*pictures, logical, nobody, unmarked], np.concatenate([maps, maps[:3] + 50]))
    for name in LIMITS:
        assert more[name].value == figures[name].value
        assert str(more[name].reason) == (
            "2 of 8 defective pictures are left out: no mask, or one that covers everything."
        )


@pytest.mark.parametrize(
    ("masks", "maps", "key"),
    [
        (scene()[0], None, "metrics.no_map"),
        ([], None, "metrics.no_masks"),
        ([None] * 8, scene()[1], "metrics.no_masks"),
        ([np.ones((24, 24), bool)] * 8, scene()[1], "metrics.no_normal_pixel"),
        (scene()[0], scene()[1] * np.float32("nan"), "metrics.not_finite_map"),
    ],
)
def test_what_cannot_be_computed_is_absent_with_its_reason(masks, maps, key):
    for figure in (aupro(masks, maps), pixel_auroc(masks, maps), pixel_average_precision(masks, maps)):
        assert figure.value is None
        assert figure.reason.key == key
        assert "{" not in str(figure.reason)


def test_one_mask_gives_a_value_without_an_interval():
    masks, maps = scene()
    figure = aupro(masks[:3], maps[:3])
    assert figure.value is not None
    assert figure.low is None
    assert figure.reason.key == "metrics.one_mask"


def test_a_mask_of_another_size_is_an_error():
    masks, maps = scene()
    with pytest.raises(ValueError, match=r"shape \(24, 24\), the map \(12, 12\)"):
        aupro(masks, maps[:, ::2, ::2])


@pytest.mark.parametrize("name", LIMITS)
def test_a_draw_is_the_figure_of_the_pictures_drawn(name):
    """Binned, weighted counts against the exact figure of pictures that are really repeated."""
    masks, maps = scene(pictures=12, size=48)
    limit = LIMITS[name]
    scores = pixel_scores(masks, maps, kinds=["good"] * 2 + ["a"] * 5 + ["b"] * 5)
    values = Draws.of(scores, 30, seed=5).values(name, limit)
    assert values[0] == pytest.approx(exact(scores, name, limit), abs=2e-3)
    from detectors.evaluation.intervals import resampling_weights

    weights = resampling_weights(scores.stratum, 30, 5)
    for row in range(3):  # 5 drawn 4 at a time with weight 5/4, 2 drawn once with weight 2: times 4 they are whole
        times = np.rint(weights[row] * 4).astype(int)
        repeated = np.repeat(np.arange(12), times)
        drawn = pixel_scores([masks[i] for i in repeated], maps[repeated])
        assert values[1 + row] == pytest.approx(exact(drawn, name, limit), abs=3e-3)


def test_intervals_hold_the_value_and_repeat():
    masks, maps = scene(pictures=16)
    figures = pixel_figures(shown(masks), maps)
    assert figures == pixel_figures(shown(masks), maps)
    for name in LIMITS:
        assert figures[name].low < figures[name].value < figures[name].high
        assert "bootstrap over pictures" in figures[name].method


def test_paired_difference_is_narrower_than_two_intervals():
    masks, maps = scene(pictures=16)
    pictures = shown(masks)
    other = maps + np.random.default_rng(1).normal(size=maps.shape).astype(np.float32) * 0.2
    figure = paired_pixel_difference(pictures, maps, other)
    one, two = (pixel_figures(pictures, m)["aupro"] for m in (maps, other))
    assert figure.value == pytest.approx(one.value - two.value, abs=1e-12)
    assert figure.low <= figure.value <= figure.high
    assert figure.high - figure.low < 0.7 * (one.high - one.low)
    assert paired_pixel_difference(pictures, maps, None).reason.key == "metrics.no_map"
