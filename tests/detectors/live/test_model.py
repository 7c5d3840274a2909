"""What is learnt from frames: thresholds by frames that were not learnt, the same on the other side of a pipe."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures import camera

from detectors.comparison.comparison import Comparison
from detectors.errors import SettingRefused
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.features.store import FeatureStore
from detectors.images import Preprocessing
from detectors.live import model
from detectors.plots.colours import TOP

SIDE = 96
COMPARISON = Comparison(methods=("mahalanobis", "padim", "patchcore"), preprocessing=Preprocessing(size=SIDE))
TIMES = np.arange(0, camera.PERIOD, camera.PERIOD / 9)


@pytest.fixture(scope="module")
def frames():
    return np.stack([camera.square(t, side=SIDE) for t in TIMES])


@pytest.fixture(scope="module")
def learnt(frames):
    return model.fit(COMPARISON, frames)


def test_every_frame_is_scored_by_a_fit_that_has_not_seen_its_stretch_of_time(frames, learnt):
    store = FeatureStore.extract(frames, model.backbone_of(COMPARISON))
    detector = COMPARISON.detector("padim", COMPARISON.backbones[0]).fit(store.subset([0, 1, 4, 5, 6, 7, 8]))
    expected = torch.cat([detector.predict(batch).scores for batch in store.subset([2, 3])]).numpy()
    np.testing.assert_allclose(learnt.columns[1].held_out[2:4], expected, rtol=1e-5)
    assert [len(column.held_out) for column in learnt.columns] == [9, 9, 9]


def test_the_detectors_that_answer_have_learnt_everything(frames, learnt):
    store = FeatureStore.extract(frames, model.backbone_of(COMPARISON))
    detector = COMPARISON.detector("padim", COMPARISON.backbones[0]).fit(store)
    expected = float(detector.predict(store[4:5]).scores[0])
    column = learnt.columns[1]
    found = model.answer(learnt, COMPARISON, frames[4]).multiples[1] * column.threshold(ThresholdChoice())
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_threshold_is_the_allowed_rate_among_the_frames(learnt):
    column = learnt.columns[2]
    assert column.threshold(ThresholdChoice()) == column.held_out.max()
    assert column.threshold(ThresholdChoice(2)) == np.sort(column.held_out)[-2]


def test_a_model_is_the_same_on_the_other_side_of_a_pipe(frames, learnt):
    said, content = model.packed(learnt)
    assert isinstance(content, bytes)
    for frame in frames[:2]:
        before, after = (model.answer(each, COMPARISON, frame) for each in (learnt, model.unpacked(said, content)))
        assert before.multiples == after.multiples
        for one, other in zip(before.maps, after.maps, strict=True):
            assert np.array_equal(one, other) if one is not None else other is None


def test_a_defect_lies_above_the_threshold_where_it_is(learnt):
    good, bad = (model.answer(learnt, COMPARISON, camera.square(0.33, defect, SIDE)) for defect in (False, True))
    assert bad.flagged[2]
    assert bad.multiples[2] > 1.3 * max(1, good.multiples[2])
    assert bad.maps[0] is None
    hottest = np.unravel_index(np.argmax(bad.maps[2]), bad.maps[2].shape)
    assert hottest[0] > 0.55 * len(bad.maps[2])  # the coin lies in the lower part
    assert len(bad.milliseconds) == 4
    assert bad.maps[2].dtype == np.uint8


def test_maps_are_painted_on_the_common_scale(frames, learnt):
    column = learnt.columns[1]
    features = FeatureStore.extract(frames[:1], model.backbone_of(COMPARISON))[:1]
    raw = column.detector.predict(features).maps[0].numpy()
    expected = np.clip(column.scale(raw) * 255 / TOP, 0, 255).round()
    found = model.answer(learnt, COMPARISON, frames[0]).maps[1]
    assert found.shape == (SIDE, SIDE)  # smaller than a map is sent at most
    assert np.abs(found - expected).max() <= 1


def test_several_fits_at_once_give_the_same(frames, learnt):
    shares = []
    again = model.fit(COMPARISON, frames, lambda done, *rest: shares.append(done), at_once=3)
    for one, other in zip(learnt.columns, again.columns, strict=True):
        np.testing.assert_array_equal(one.held_out, other.held_out)
        assert one.scale == other.scale
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_fixed_features_are_standardised_by_what_was_learnt(frames):
    fixed = replace(COMPARISON, backbones=("scattering",), methods=("mahalanobis",))
    learnt = model.fit(fixed, frames)
    assert learnt.standardisation is not None
    again = model.unpacked(*model.packed(learnt))
    assert model.answer(again, fixed, frames[0]).multiples == model.answer(learnt, fixed, frames[0]).multiples


def test_too_few_frames_are_refused_in_words(frames):
    with pytest.raises(SettingRefused, match=r"^3 frames were shown; at least 6 are needed\."):
        model.fit(COMPARISON, frames[:3])
