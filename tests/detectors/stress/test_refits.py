"""Refits: the same as a run on the altered lists would give, without a second look at any picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures import learning

from detectors.comparison.comparison import Bench, FittedColumn, fit_and_score
from detectors.errors import SettingRefused
from detectors.features.backbone import Backbone
from detectors.methods.gaussian import LowRankGaussian
from detectors.methods.inputs import Features
from detectors.methods.patchcore import PatchCore
from detectors.stress import refits


@pytest.fixture(scope="module")
def bench():
    result, detectors, stores, pictures = learning.ran()
    fitted = tuple(FittedColumn(column, detectors[column.key], stores, column.key) for column in result.columns)
    return Bench(learning.COMPARISON, pictures, fitted)


KEY = "mahalanobis/efficientnet_lite0"


@pytest.fixture
def no_backbone(monkeypatch):
    def refuse(self, batch):
        raise AssertionError("a picture went through the backbone again")

    monkeypatch.setattr(Backbone, "__call__", refuse)


def by_hand(bench, key, learnt, held, tests):
    """Scores of a run whose lists are these rows of the features."""
    fitted = refits.column(bench, key)
    stores = fitted.stores
    everything = stores.learnt.joined(stores.held_out, stores.test)
    changed = replace(
        stores, learnt=everything.subset(learnt), held_out=everything.subset(held), test=everything.subset(tests)
    )
    of = [*bench.pictures.learnt, *bench.pictures.held_out, *bench.pictures.test]
    shown = replace(bench.pictures, test=tuple(of[i] for i in tests), held_out=tuple(of[i] for i in held))
    detector = bench.comparison.detector(fitted.column.method, fitted.column.backbone)
    return fit_and_score(detector, changed, shown)[0]


@pytest.mark.parametrize("key", [KEY, "spade/efficientnet_lite0", "patchcore/efficientnet_lite0"])
def test_dirt_equals_a_run_on_the_dirty_list(bench, key, no_backbone):
    study = refits.dirt(bench, key, "both", draws=2)
    assert study.steps == (0, 1, 2)
    learnt, held = len(bench.pictures.learnt), len(bench.pictures.held_out)
    tests = np.arange(learnt + held, learnt + held + len(bench.pictures.test))
    rest = np.setdiff1d(np.arange(len(tests)), study.slipped[1])
    calibrates = np.random.default_rng([0, 1])
    calibrates.permutation(np.flatnonzero(study.labels == 1))
    into_held = calibrates.random(2) < held / (learnt + held)
    dirty = tests[list(study.slipped[1])]
    column = by_hand(
        bench,
        key,
        [*range(learnt), *dirty[~into_held]],
        [*range(learnt, learnt + held), *dirty[into_held]],
        tests[rest],
    )
    found = study.draws[2][1]
    np.testing.assert_allclose(found.scores[rest], column.scores, rtol=1e-5)
    np.testing.assert_allclose(found.calibrating, column.held_out, rtol=1e-5)
    assert np.isnan(found.scores[list(study.slipped[1])]).all()


def test_clean_draws_are_the_run_itself_and_all_steps_have_one_rest(bench, no_backbone):
    study = refits.dirt(bench, KEY, "learnt", draws=3)
    column = refits.column(bench, KEY).column
    for d in range(3):
        rest = np.isfinite(study.draws[0][d].scores)
        np.testing.assert_array_equal(study.draws[0][d].scores[rest], column.scores[rest])
        assert all(np.array_equal(np.isfinite(row[d].scores), rest) for row in study.draws)
        assert set(np.flatnonzero(~rest)) == set(study.slipped[d])
    assert all(len(row[0].calibrating) == len(column.held_out) for row in study.draws)


def test_remains_of_dirt_are_where_the_bank_has_its_patches(bench, no_backbone):
    study = refits.dirt(bench, "patchcore/efficientnet_lite0", "learnt", draws=1)
    assert [one.picture for one in study.remains] == list(study.slipped[0])
    first = study.remains[0]
    assert first.grid.sum() > 0
    assert 0 < first.share < 1
    assert first.usual == pytest.approx(1 / (len(bench.pictures.learnt) + 2))


def test_leaving_out_what_is_unusual_says_how_many_it_was(bench, monkeypatch, no_backbone):
    tests = len(bench.pictures.learnt) + len(bench.pictures.held_out)
    monkeypatch.setattr(refits.Refits, "outlying", lambda self, rows: {0} | {int(r) for r in rows if r >= tests})
    study = refits.dirt(bench, KEY, "learnt", cleaned=True, draws=2)
    assert [row[0].dropped for row in study.draws] == [(0, 1), (1, 1), (2, 1)]
    np.testing.assert_allclose(study.draws[2][0].scores, study.draws[0][0].scores)  # all dirt is gone again
    assert study.remains == ()


def test_what_nothing_is_left_out_of_is_fitted_once(bench, monkeypatch, no_backbone):
    plain = refits.dirt(bench, KEY, "both", draws=2)
    monkeypatch.setattr(refits.Refits, "outlying", lambda self, rows: set())
    monkeypatch.setattr(refits.Refits, "fit", None)  # nothing is fitted
    again = refits.dirt(bench, KEY, "both", cleaned=True, draws=2, known=plain)
    assert again.cleaned
    assert again.draws == plain.draws


def test_numbers_equal_a_run_on_so_many_pictures(bench, no_backbone):
    told = []
    study = refits.pictures(bench, KEY, draws=2, progress=lambda done, *_, **__: told.append(done))
    assert study.steps == (2, 4, 8, 16)
    assert study.draws[0] == ()  # one learnt picture is too few for this method
    assert [len(row) for row in study.draws[1:]] == [2, 2, 2]
    shuffled = np.random.default_rng([0, 1, 1]).permutation(16)
    from detectors.evaluation.thresholds import hold_out

    learnt, held = hold_out(8, 0.25, 1)
    tests = np.arange(16, 16 + len(bench.pictures.test))
    column = by_hand(bench, KEY, np.sort(shuffled[:8][learnt]), shuffled[:8][held], tests)
    np.testing.assert_allclose(study.draws[2][1].scores, column.scores, rtol=1e-5)
    np.testing.assert_allclose(study.draws[2][1].calibrating, column.held_out, rtol=1e-5)
    assert told[-1] == pytest.approx(1)


def test_all_pictures_may_set_the_threshold_when_left_out_in_turn(bench, no_backbone):
    exact = refits.pictures(bench, "spade/efficientnet_lite0", "left_out", draws=2)
    assert exact.exact
    assert [len(row) for row in exact.draws] == [2, 2, 2, 1]
    assert exact.points[-1].promise == (1, 17)
    folds = refits.pictures(bench, "patchcore/efficientnet_lite0", "left_out", draws=1)
    assert not folds.exact
    assert len(folds.draws[-1][0].calibrating) == 16


def test_what_cannot_be_asked_is_refused(bench):
    with pytest.raises(SettingRefused, match="no longer"):
        refits.dirt(bench, "padim/nothing")
    bare = replace(bench.pictures, test=bench.pictures.test[:1])
    with pytest.raises(SettingRefused, match="at least 2"):
        refits.dirt(replace(bench, pictures=bare), KEY)


def test_paces_are_measured_here(bench, no_backbone):
    paces = refits.paces(bench)
    assert set(paces) == {fitted.column.key for fitted in bench.fitted}
    assert all(pace.fit > 0 and pace.score > 0 for pace in paces.values())


def test_a_dirty_patch_hides_its_own_defect_and_no_other():
    """The lesson's claim: a maximum over nearest distances forgets one dirty picture only where the defect repeats."""
    normal = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(1)).repeat(6, 1, 1, 1)
    normal = normal + 0.05 * torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(2))
    odd, other = normal[:1].clone(), normal[1:2].clone()
    odd[0, :, 1, 1] += 3 * torch.randn(8, generator=torch.Generator().manual_seed(3))
    other[0, :, 2, 3] += 3 * torch.randn(8, generator=torch.Generator().manual_seed(4))

    def scored(pictures):
        detector = PatchCore(levels=(0,), ratio=1.0).fit(Pictures(pictures))
        return [float(detector.scores(features(each))[0]) for each in (odd, other)]

    clean, dirty = scored(normal), scored(torch.cat([normal, odd]))
    assert dirty[0] < 0.2 * clean[0]
    assert dirty[1] == pytest.approx(clean[1], rel=0.05)


def test_the_more_pictures_the_less_is_shrunk():
    """The lesson's claim on how a Gaussian can be had from few pictures: beyond a few dozen."""
    rows = torch.randn(512, 100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows = rows * torch.linspace(0.2, 3, 100, dtype=torch.float64)
    weights = [LowRankGaussian.fit(rows[:count])[1] for count in (32, 128, 512)]
    assert weights[0] > 0.6 > weights[1] > 0.4 > weights[2]


def features(maps):
    return Features((maps,), (maps.mean((2, 3)),), (32, 32))


class Pictures:
    """Pictures that can be fitted, in one batch."""

    device = torch.device("cpu")

    def __init__(self, maps):
        self.all = features(maps)
        self.shape = self.all.shape

    def __len__(self):
        return len(self.all)

    def __iter__(self):
        yield self.all
