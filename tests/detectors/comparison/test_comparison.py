"""A comparison: one backbone pass, every column measured, failures beside the others."""

import numpy as np
import pytest
import torch

from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.comparison.forecast import forecast
from detectors.datasets import Dataset
from detectors.errors import Cancelled, DatasetRefused, SettingRefused
from detectors.images import Preprocessing

SMALL = Preprocessing(size=112)


@pytest.fixture(scope="module")
def result(circuit):
    return Comparison(backbones=("scattering",), preprocessing=SMALL).run(circuit)


def test_every_method_has_a_column_with_figures(result, circuit):
    assert [c.method for c in result.columns] == ["spade", "mahalanobis", "padim", "patchcore", "cfa"]
    assert result.failures == ()
    for column in result.columns:
        assert column.scores.shape == (len(circuit.test),)
        assert np.isfinite(column.scores).all()
        assert 0.0 <= column.figures["image_auroc"].low <= column.figures["image_auroc"].value <= 1.0
        if column.method == "mahalanobis":
            assert column.maps is None
            assert column.figures["pixel_auroc"].value is None
            assert str(column.figures["pixel_auroc"].reason)
            np.testing.assert_allclose(column.levels.sum(1), column.scores, rtol=1e-6)
        else:
            assert column.maps.shape == (len(circuit.test), 112, 112)
            assert 0.0 <= column.figures["aupro_05"].value <= column.figures["aupro"].value <= 1.0
            assert column.figures["aupimo"].reason.key == "metrics.few_good_pixels"  # 4 x 112 x 112 pixels


def test_a_picture_passes_the_backbone_once(circuit):
    comparison = Comparison(backbones=("scattering",), preprocessing=SMALL)
    pictures = comparison.prepare(circuit)
    stores = extract(pictures, comparison.load("scattering"))
    assert stores.passes == len(circuit.train) + len(circuit.test)
    for method in comparison.methods:
        fit_and_score(comparison.detector(method, "scattering"), stores, pictures)
    assert stores.learnt.passes == stores.test.passes == stores.passes


def test_the_same_seed_gives_the_same_result(result, circuit):
    again = Comparison(backbones=("scattering",), preprocessing=SMALL).run(circuit)
    for one, other in zip(result.columns, again.columns, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
        np.testing.assert_array_equal(one.held_out, other.held_out)


def test_held_out_pictures_are_not_learnt_from(result, circuit):
    learnt, held_out = {p.sha256 for p in result.learnt}, {p.sha256 for p in result.held_out}
    assert len(learnt) + len(held_out) == len(circuit.train)
    assert not learnt & held_out


def test_another_seed_holds_other_pictures_out(circuit):
    splits = [
        {p.sha256 for p in Comparison(preprocessing=SMALL, seed=seed).prepare(circuit).held_out} for seed in (0, 7)
    ]
    assert len(splits[0]) == len(splits[1])
    assert splits[0] != splits[1]


def test_each_store_holds_the_features_of_its_own_pictures(circuit):
    comparison = Comparison(backbones=("scattering",), preprocessing=SMALL)
    pictures, backbone = comparison.prepare(circuit), comparison.load("scattering")
    stores = extract(pictures, backbone)
    for store, shown in (
        (stores.learnt, pictures.learnt), (stores.held_out, pictures.held_out), (stores.test, pictures.test),
    ):  # fmt: skip
        assert len(store) == len(shown)
        for i in (0, len(shown) - 1):
            pixels = torch.from_numpy(shown[i].pixels.copy()).permute(2, 0, 1)[None].float() / 255
            wanted = stores.standardisation(backbone(pixels))
            for found, level in zip(store[i : i + 1].maps, wanted.maps, strict=True):
                np.testing.assert_allclose(found.float(), level, rtol=1e-3, atol=2e-3)


def test_what_a_run_will_need_is_said_before_it(circuit):
    comparison = Comparison(backbones=("scattering",), preprocessing=SMALL)
    pictures = comparison.prepare(circuit)
    stores = extract(pictures, comparison.load("scattering"))
    total = len(circuit.train) + len(circuit.test)
    said = forecast(comparison, len(pictures.learnt), total, budget=10**12)
    held = sum(store[:].maps[0].nbytes for store in (stores.learnt, stores.held_out, stores.test))
    assert held < said.peak_bytes < 100 * held + 10**9
    needs = [
        comparison.detector(method, "scattering").estimate(stores.learnt.shape).peak_bytes
        for method in comparison.methods
    ]
    assert said.peak_bytes > max(needs)
    assert 0 < said.seconds < 600
    assert said.refused == {}
    assert forecast(comparison, len(pictures.learnt), total, budget=1).refused.keys() == {
        f"{method}/scattering" for method in comparison.methods
    }


def test_a_method_that_refuses_does_not_stop_the_others(circuit):
    result = Comparison(
        methods=("padim", "patchcore"), settings={"padim": {"levels": (0, 9)}}, preprocessing=SMALL
    ).run(circuit)
    assert [c.method for c in result.columns] == ["patchcore"]
    assert [f.method for f in result.failures] == ["padim"]
    assert "9" in str(result.failures[0].sentence)


def test_cancelling_ends_the_run(circuit):
    def stop(done, stage="", **numbers):
        raise Cancelled

    with pytest.raises(Cancelled):
        Comparison(backbones=("scattering",), preprocessing=SMALL).run(circuit, stop)


def test_no_normal_pictures_is_refused(circuit):
    empty = Dataset(name="none", train=(), test=circuit.test, report=circuit.report, recipe={})
    with pytest.raises(DatasetRefused) as refused:
        Comparison().run(empty)
    assert str(refused.value) == (
        "The data set 'none' has no normal pictures; methods learn from good parts only. Add at least two."
    )


def test_nothing_to_compare_is_refused():
    with pytest.raises(SettingRefused, match="choose at least one method and one backbone"):
        Comparison(methods=())


def test_pictures_without_labels_still_get_maps(circuit):
    from dataclasses import replace

    unlabelled = replace(circuit, test=tuple(replace(s, defective=None, kind=None, mask=None) for s in circuit.test))
    result = Comparison(methods=("patchcore",), preprocessing=SMALL).run(unlabelled)
    (column,) = result.columns
    assert column.maps is not None
    for figure in column.figures.values():
        assert figure.value is None
        assert str(figure.reason)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "scattering"])
def test_real_pictures(hazelnut, backbone):
    """On real parts the backbones that need no download must do what they are there for."""
    result = Comparison(methods=("padim", "patchcore"), backbones=(backbone,)).run(hazelnut)
    for column in result.columns:
        assert column.figures["image_auroc"].value > 0.7
        assert column.figures["pixel_auroc"].value > 0.85
