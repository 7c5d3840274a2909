"""Curves keep every step, their areas are the figures, their bands hold them."""

import numpy as np
import pytest
from fixtures.labels import labelled, scene, shown
from hypothesis import given, settings
from sklearn.metrics import average_precision_score, roc_auc_score

from detectors.evaluation import pixel_figures, wilson
from detectors.evaluation.curves import histogram, operating_points, precision_recall_curve, pro_curve, roc_curve


@settings(deadline=None, max_examples=50)
@given(labelled())
def test_areas_are_the_figures(data):
    labels, scores = data
    roc = roc_curve(labels, scores)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    pr = precision_recall_curve(labels, scores)
    assert np.trapezoid(pr.y, pr.x) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    for curve in (roc, pr):
        assert np.all(np.diff(curve.x) >= 0)
        assert np.all((curve.low >= 0) & (curve.low <= curve.high) & (curve.high <= 1))


def test_roc_band_is_wilsons_at_the_threshold():
    labels, scores = np.repeat([1, 0], [8, 16]), np.r_[np.full(7, 5.0), 0.0, np.full(16, 1.0)]
    curve = roc_curve(labels, scores)
    assert curve.x.tolist() == [0, 0, 1, 1]  # (0, 0), 7 of 8 at no false alarm, all good, the last
    assert curve.at.tolist() == [np.inf, 5, 1, 0]
    sure = np.searchsorted(curve.band_x, wilson(0, 16).high)
    assert curve.low[sure - 1] == 0
    assert curve.low[sure] == pytest.approx(wilson(7, 8).low)
    assert curve.high[0] == pytest.approx(wilson(7, 8).high)


def test_bands_do_not_vanish_when_all_pictures_are_told_apart():
    labels = np.repeat([1, 0], [8, 16])
    for curve in (roc_curve(labels, labels * 1.0), precision_recall_curve(labels, labels * 1.0)):
        assert (curve.high - curve.low).max() > 0.2


def test_one_class_has_no_curve():
    curve = roc_curve([1, 1, np.nan], [1, 2, 3])
    assert len(curve.x) == 0
    assert str(curve.reason) == "A curve needs at least one good and one defective picture."


@pytest.mark.parametrize("levels", [None, 2])
def test_pro_curve_has_few_points_and_the_exact_area(levels):
    masks, maps = scene(pictures=12, size=48, levels=levels)
    curve = pro_curve(shown(masks), maps)
    assert len(curve.x) <= 202
    assert curve.x[-1] == 0.3
    area = np.trapezoid(curve.y, curve.x) / 0.3
    assert area == pytest.approx(pixel_figures(shown(masks), maps)["aupro"].value, abs=3e-3)
    middle = np.interp(curve.band_x, curve.x, curve.y)
    assert np.all(curve.low <= middle + 0.02)
    assert np.all(curve.high >= middle - 0.02)
    assert pro_curve(shown(masks), None).reason.key == "metrics.no_map"
    assert len(pro_curve(shown(masks)[:3], maps[:3]).band_x) == 0


def test_histograms_share_their_bins():
    random = np.random.default_rng(0)
    groups = {"good": random.normal(size=90), "defective": random.normal(3, 1, 30), "nobody": np.array([np.nan])}
    edges, counts = histogram(groups)
    assert {name: c.sum() for name, c in counts.items()} == {"good": 90, "defective": 30, "nobody": 0}
    assert all(len(c) == len(edges) - 1 <= 40 for c in counts.values())
    assert histogram({"empty": []})[1]["empty"].tolist() == [0]
    assert histogram({"one": [2.0]})[1]["one"].sum() == 1


def test_operating_points_flag_what_they_say():
    random = np.random.default_rng(3)
    labels = np.append(random.integers(0, 2, 30).astype(float), np.nan)
    scores = np.round(random.normal(0, 1, 31), 1)  # with ties
    found = operating_points(labels, scores)
    flagged = scores[None, :30] > found.thresholds[:, None]
    assert found.false_alarms == pytest.approx(flagged[:, labels[:30] == 0].mean(1))
    assert found.found == pytest.approx(flagged[:, labels[:30] == 1].mean(1))
    some = flagged.any(1)
    right = (flagged & (labels[:30] == 1)).sum(1)[some] / flagged.sum(1)[some]
    assert found.precision[some] == pytest.approx(right)
    assert np.isnan(found.precision[~some]).all()
    assert len(found.thresholds) == len(np.unique(scores[:30])) + 1
    assert (np.diff(found.thresholds) < 0).all()
    assert not np.isin(found.thresholds[1:], scores[:30]).any()
    assert (found.found[0], found.false_alarms[0], found.found[-1], found.false_alarms[-1]) == (0, 0, 1, 1)


def test_neighbouring_numbers_and_equal_scores_are_still_told_apart():
    close = [1.0, np.nextafter(1.0, 2.0)]
    found = operating_points([0, 1], close)
    assert [(np.asarray(close) > t).sum() for t in found.thresholds] == [0, 1, 2]
    same = operating_points([0, 1], [2.0, 2.0])
    assert [(np.asarray([2.0, 2.0]) > t).sum() for t in same.thresholds] == [0, 2]


def test_many_operating_points_are_thinned_and_one_class_has_none():
    scores = np.arange(1000.0)
    found = operating_points(scores > 500, scores, most=50)
    assert len(found.thresholds) == 50
    assert (found.found[0], found.found[-1]) == (0, 1)
    assert operating_points([1, 1], [1.0, 2.0]).key == "curves.one_class"
