"""Measuring: a curve equals single runs on pictures altered by hand, and no picture is looked at more than needed."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import learning

from detectors import datasets
from detectors.comparison.comparison import Bench, Comparison, FittedColumn
from detectors.errors import SettingRefused
from detectors.features.backbone import load_backbone
from detectors.features.store import FeatureStore
from detectors.images import Preprocessing
from detectors.stress import condition
from detectors.stress.measuring import bench as fit_bench
from detectors.stress.measuring import measure, strip


@pytest.fixture(scope="module")
def bench():
    result, detectors, stores, pictures = learning.ran()
    wanted = [column for column in result.columns if column.method in ("mahalanobis", "padim", "patchcore")]
    fitted = tuple(FittedColumn(column, detectors[column.key], stores, column.key) for column in wanted)
    return Bench(learning.COMPARISON, replace(pictures, test=pictures.test), fitted)


def by_hand(bench, fitted, pixels):
    store = FeatureStore.extract(pixels, load_backbone(fitted.stores.backbone))
    if fitted.stores.standardisation is not None:
        store = store.standardised(fitted.stores.standardisation)
    return np.concatenate([fitted.detector.predict(features).scores.double().numpy() for features in store])


def test_a_curve_equals_single_runs_on_altered_pictures(bench):
    blur = replace(condition("blur"), strengths=(0, 1, 3))
    curves = measure(bench, blur)
    assert [curve.key for curve in curves] == [fitted.column.key for fitted in bench.fitted]
    for curve, fitted in zip(curves, bench.fitted, strict=True):
        np.testing.assert_array_equal(curve.scores[0], fitted.column.scores)
        for row, strength in ((1, 1), (2, 3)):
            altered = np.stack([blur.apply(picture.pixels, strength) for picture in bench.pictures.test])
            np.testing.assert_allclose(curve.scores[row], by_hand(bench, fitted, altered), rtol=1e-5)
        assert not np.allclose(curve.scores[2], curve.scores[0])


def test_each_altered_picture_goes_through_the_backbone_once(bench, monkeypatch):
    networks = []
    load = type(bench.comparison).load
    monkeypatch.setattr(
        type(bench.comparison), "load", lambda self, name: networks.append(load(self, name)) or networks[-1]
    )
    turned = replace(condition("rotation"), strengths=(0, 4))
    told = []
    (first, *_) = measure(bench, turned, progress=lambda done, stage="", **numbers: told.append(done))
    assert len(networks) == 1
    assert networks[0].passes == 2 * len(bench.pictures.test)  # turned, and turned there and back
    assert told == sorted(told)
    assert told[-1] == 1
    assert first.control.shape == (len(bench.pictures.test),)
    assert first.control_at == 4


def test_a_strip_holds_what_the_curve_holds(bench):
    noise = replace(condition("noise"), strengths=(0, 8, 20))
    curves = {curve.key: curve for curve in measure(bench, noise)}
    one = strip(bench, noise, 3)
    np.testing.assert_array_equal(one.pixels[0], bench.pictures.test[3].pixels)
    for key, scores in one.scores.items():
        np.testing.assert_allclose(scores, curves[key].scores[:, 3], rtol=1e-5)
    maps = {key.split("/")[0]: found for key, found in one.maps.items()}
    assert maps["mahalanobis"] is None
    assert maps["padim"].shape == (3, 112, 112)


def test_without_a_threshold_there_is_nothing_to_stress(bench):
    bare = tuple(replace(f, column=replace(f.column, held_out=np.empty(0))) for f in bench.fitted)
    with pytest.raises(SettingRefused, match="threshold"):
        measure(replace(bench, fitted=bare), condition("blur"))


def test_a_run_that_equalises_brightness_does_so_after_the_condition(bench):
    """As it would after a lamp: what every picture of the run goes through comes last."""
    light = replace(condition("brightness"), strengths=(0, 0.4))
    preprocessing = Preprocessing(112, equalise=True)
    fitted = bench.fitted[0]
    evened = replace(bench, comparison=replace(bench.comparison, preprocessing=preprocessing), fitted=(fitted,))
    altered = np.stack([preprocessing.finish(light.apply(p.pixels, 0.4)) for p in bench.pictures.test])
    (curve,) = measure(evened, light)
    np.testing.assert_allclose(curve.scores[1], by_hand(bench, fitted, altered), rtol=1e-5)
    assert not np.allclose(curve.scores[1], measure(bench, light)[0].scores[1])


def test_a_method_that_refuses_stands_beside_those_that_do_not():
    data = datasets.demo("circuit", normal=6, good=2, per=1, severities=(1.0,), seed=5)
    comparison = Comparison(
        ("spade", "padim"), ("scattering",), settings={"padim": {"levels": (9,)}}, preprocessing=Preprocessing(64)
    )
    found, refused = fit_bench(comparison, data)
    assert [fitted.column.method for fitted in found.fitted] == ["spade"]
    assert [key for key, _ in refused] == ["padim/scattering"]
