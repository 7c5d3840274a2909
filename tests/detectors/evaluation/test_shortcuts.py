"""The shortcut check: each statistic finds what it is named after, and is silent otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from detectors.datasets.samples import Sample
from detectors.evaluation.shortcuts import STATISTICS, shortcut_figures, shortcut_warnings, trivial_statistics
from detectors.images import Preprocessing, of_pixels
from detectors.result import Figure

SAME_SIZE = Preprocessing(64)
BASE = np.random.default_rng(0).integers(60, 160, (64, 64, 3)).astype(np.float64)


def sample(pixels, defective=False, file_bytes=0, size=None, synthetic=False):
    picture = of_pixels(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), "a", size, file_bytes)
    return Sample(picture, defective, None, synthetic=synthetic)


def one(pixels, **options):
    return {name: values[0] for name, values in trivial_statistics([sample(pixels, **options)], SAME_SIZE).items()}


def test_statistics_of_a_flat_picture_are_known():
    got = one(np.full((64, 64, 3), [30, 60, 90]), file_bytes=123, size=(7, 9))
    assert got == pytest.approx(
        {
            "brightness": 0.299 * 30 + 0.587 * 60 + 0.114 * 90,
            "contrast": 0,
            "sharpness": 0,
            "noise": 0,
            "red_blue": -60,
            "green_magenta": 0,
            "file_bytes": 123,
            "picture_pixels": 63,
        },
        abs=1e-4,
    )
    assert tuple(got) == STATISTICS
    assert np.isnan(one(BASE)["file_bytes"])


def test_a_checkerboard_has_the_laplacian_and_contrast_of_its_steps():
    board = np.indices((64, 64)).sum(0)[..., None] % 2 * 10.0 + np.full((64, 64, 3), 100.0)
    got = one(board)
    assert got["contrast"] == pytest.approx(5)
    assert got["sharpness"] == pytest.approx(40)
    assert got["noise"] == pytest.approx(10)


CHANGES = {
    "brightness": lambda p, rng: p + 30,
    "contrast": lambda p, rng: (p - p.mean()) * 1.5 + p.mean(),
    "sharpness": lambda p, rng: ndimage.gaussian_filter(p, (0.6, 0.6, 0)),
    "noise": lambda p, rng: p + rng.normal(0, 25, p.shape),
    "red_blue": lambda p, rng: p + np.array([12, 0, -12]),
    "green_magenta": lambda p, rng: p + np.array([-8, 8, -8]),
}


def shifted(change):
    rng = np.random.default_rng(1)
    good = [sample(np.roll(BASE, i, 0) + rng.normal(0, 2, BASE.shape)) for i in range(8)]
    bad = [sample(change(np.roll(BASE, i, 1) + rng.normal(0, 2, BASE.shape), rng), True) for i in range(8)]
    return good + bad


@pytest.mark.parametrize("name", CHANGES)
def test_each_statistic_finds_its_shortcut_and_says_so(name):
    figures = shortcut_figures(shifted(CHANGES[name]), SAME_SIZE)
    assert figures[name].value == 1
    said = shortcut_warnings({name: figures[name]}, {"padim/scattering": 0.9})
    assert len(said) == 1
    assert "alone reaches AUROC 1.00 here" in str(said[0])


def test_one_sentence_says_both_balances_of_colour():
    figures = {"red_blue": Figure(0.9), "contrast": Figure(0.95), "green_magenta": Figure(1.0)}
    said = [str(warning)[:40] for warning in shortcut_warnings(figures, {})]
    assert said == ["Colour balance alone reaches AUROC 1.00 ", "Contrast alone reaches AUROC 0.95 here: "]


def test_file_and_picture_size_are_statistics_too():
    samples = [sample(BASE, i >= 4, file_bytes=1000 + 100 * (i >= 4) + i, size=(10 + (i < 4), 10)) for i in range(8)]
    figures = shortcut_figures(samples, SAME_SIZE)
    assert figures["file_bytes"].value == figures["picture_pixels"].value == 1


def test_figures_are_two_sided():
    for low, high in ((False, True), (True, False)):
        samples = [sample(BASE + 3 * i, high if i >= 4 else low) for i in range(8)]
        assert shortcut_figures(samples, SAME_SIZE)["brightness"].value == 1
    mixed = [sample(BASE + 3 * i, i in (1, 2, 5)) for i in range(8)]
    # 3 defective among 8 by brightness, ranks 1, 2 and 5: (1 + 1 + 3) of 15 pairs are won, the other side wins 10.
    assert shortcut_figures(mixed, SAME_SIZE)["brightness"].value == pytest.approx(10 / 15)


def test_what_cannot_be_computed_is_absent_with_the_reason():
    samples = [sample(BASE + 3 * i, i >= 4) for i in range(8)]
    figure = shortcut_figures(samples, SAME_SIZE)["file_bytes"]
    assert (figure.value, str(figure.reason)) == (None, "It is the same for every picture.")
    assert shortcut_figures(samples[:4], SAME_SIZE) == {}
    assert shortcut_figures([], SAME_SIZE) == {}


def test_synthetic_and_unlabelled_pictures_do_not_count():
    samples = [sample(BASE, False), sample(BASE + 50, True, synthetic=True), sample(BASE, None)]
    assert shortcut_figures(samples, SAME_SIZE) == {}


def test_sentences_name_only_rivals_the_strongest_first():
    figures = {
        "brightness": Figure(0.94, 0.8, 0.99),
        "noise": Figure(0.96, 0.85, 1.0),
        "contrast": Figure(0.75, 0.6, 0.9),
        "sharpness": Figure(0.9, 0.45, 0.99),
        "file_bytes": Figure(None),
    }
    said = shortcut_warnings(figures, {"a": 0.93, "b": 0.99})
    assert [s.key for s in said] == ["shortcut.noise", "shortcut.brightness"]
    assert str(said[1]) == (
        "Brightness alone reaches AUROC 0.94 here: look before you believe a ranking, or equalise the brightness."
    )
    assert len(shortcut_warnings(figures, {"a": 0.5})) == 3
    assert shortcut_warnings(figures, {"a": 0.97}) == ()
    assert len(shortcut_warnings(figures, {})) == 2


def test_equalised_brightness_is_no_shortcut_any_more():
    samples = shifted(CHANGES["brightness"])
    equalised = shortcut_figures(samples, Preprocessing(64, equalise=True))
    spread = np.ptp(trivial_statistics(samples, Preprocessing(64, equalise=True))["brightness"])
    assert spread < 1.5
    assert set(equalised) == set(STATISTICS)
