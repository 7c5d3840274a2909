"""A saved detector predicts as the run that fitted it did, and what is no detector is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from detectors import Comparison, Preprocessing
from detectors.comparison.comparison import Bench, FittedColumn, extract, fit_and_score
from detectors.comparison.pipeline import packed
from detectors.errors import ModelRefused
from detectors.evaluation.thresholds import Threshold, ThresholdChoice
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
    said = predict(content, circuit)
    assert (said.method, said.backbone, said.held_out) == ("padim", "scattering", 4)
    assert said.threshold == Threshold(column.held_out.max(), "rate", 1, 5)
    np.testing.assert_allclose([p.score for p in said.pictures], column.scores, rtol=1e-5)
    for picture, score in zip(said.pictures, column.scores, strict=True):
        word = {(True, True): "found", (True, False): "miss", (False, True): "false_alarm", (False, False): "passed"}
        assert picture.verdict == word[picture.defective, bool(score > said.threshold.value)]
        assert picture.multiple == pytest.approx(picture.score / said.threshold.value)


@pytest.mark.parametrize(
    "choice", [ThresholdChoice(3), ThresholdChoice(99), ThresholdChoice(1, (("padim/scattering", 0.125, "test"),))]
)
def test_the_chosen_threshold_is_the_one_that_is_deployed(choice, circuit):
    comparison = Comparison(methods=("padim",), preprocessing=Preprocessing(size=64))
    pictures = comparison.prepare(circuit)
    stores = extract(pictures, comparison.load("scattering"))
    column, detector = fit_and_score(comparison.detector("padim", "scattering"), stores, pictures)
    bench = Bench(comparison, pictures, (FittedColumn(column, detector, stores, ""),))
    chosen = choice.of(column)
    said = predict(packed(bench, column.key, choice), circuit)
    assert said.threshold == chosen
    assert chosen.value == choice.value_of(column)
    assert [p.verdict in ("found", "false_alarm") for p in said.pictures] == [
        p.score > chosen.value for p in said.pictures
    ]


def test_a_detector_saved_before_thresholds_were_kept_has_the_usual_one(fitted, circuit, tmp_path):
    column, content = fitted
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    (where,) = [key for key, value in header["__metadata__"].items() if "held_out" in value]
    said = json.loads(header["__metadata__"][where])
    assert said["metadata"]["dict"].pop("threshold")["dict"]["value"] == column.held_out.max()
    header["__metadata__"][where] = json.dumps(said)
    written = json.dumps(header).encode()
    older = len(written).to_bytes(8, "little") + written + content[8 + length :]
    assert predict(older, circuit).threshold == Threshold(column.held_out.max(), "rate", 1, 5)


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
