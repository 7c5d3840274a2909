"""A saved detector predicts as the run that fitted it did, and what is no detector is refused."""

from dataclasses import replace

import numpy as np
import pytest

from detectors import Comparison, Preprocessing
from detectors.comparison.comparison import extract, fit_and_score
from detectors.errors import ModelRefused
from detectors.queries.prediction import predict


@pytest.fixture(scope="module")
def fitted(circuit, tmp_path_factory):
    from detectors.comparison.pipeline import Pipeline

    comparison = Comparison(methods=("padim",), preprocessing=Preprocessing(size=64))
    pictures, backbone = comparison.prepare(circuit), comparison.load("scattering")
    stores = extract(pictures, backbone)
    column, detector = fit_and_score(comparison.detector("padim", "scattering"), stores, pictures)
    path = tmp_path_factory.mktemp("model") / "padim.safetensors"
    Pipeline.of(column, detector, stores, comparison.preprocessing, backbone).save(path)
    return column, path.read_bytes()


def test_a_saved_detector_says_what_it_said_before(fitted, circuit):
    column, content = fitted
    said = predict(content, circuit, allowed=2)
    assert (said.method, said.backbone, said.held_out, said.allowed) == ("padim", "scattering", 4, 2)
    assert said.threshold == np.sort(column.held_out)[-2]
    np.testing.assert_allclose([p.score for p in said.pictures], column.scores, rtol=1e-5)
    for picture, score in zip(said.pictures, column.scores, strict=True):
        word = {(True, True): "found", (True, False): "miss", (False, True): "false_alarm", (False, False): "passed"}
        assert picture.verdict == word[picture.defective, bool(score > said.threshold)]
        assert picture.multiple == pytest.approx(picture.score / said.threshold)


def test_more_false_alarms_than_held_out_pictures_are_all_of_them(fitted, circuit):
    assert predict(fitted[1], circuit, allowed=99).allowed == 4


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 zip", b"\xff" * 100])
def test_what_is_no_detector_is_refused(content, circuit):
    with pytest.raises(ModelRefused):
        predict(content, circuit)


def test_a_cut_file_is_refused(fitted, circuit):
    with pytest.raises(ModelRefused):
        predict(fitted[1][:-10], circuit)


def test_no_test_picture_is_said(fitted, circuit):
    with pytest.raises(ModelRefused, match="no test picture"):
        predict(fitted[1], replace(circuit, test=()))
