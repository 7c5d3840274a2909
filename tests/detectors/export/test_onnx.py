"""A detector as an ONNX file says what this program says, and runs where this program is not."""

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from detectors import export
from detectors.__main__ import main
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.comparison.pipeline import Pipeline, on_cpu
from detectors.errors import ModelRefused
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.export import graph, onnx_file
from detectors.features.engine import session
from detectors.images import Preprocessing, White, of_pixels
from detectors.methods import METHODS
from detectors.methods.base import Detector, Prediction
from detectors.queries import export as query

COMPARISON = Comparison(preprocessing=Preprocessing(size=64))
BACKBONE = COMPARISON.backbones[0]


@pytest.fixture(scope="module")
def bench(circuit):
    pictures = COMPARISON.prepare(circuit)
    stores = extract(pictures, COMPARISON.load(BACKBONE))
    fitted = []
    for method in METHODS:
        column, detector = fit_and_score(COMPARISON.detector(method, BACKBONE), stores, pictures)
        fitted.append(FittedColumn(column, detector, stores, method))
    return Bench(COMPARISON, pictures, tuple(fitted))


@pytest.fixture(scope="module")
def pixels(bench):
    return np.stack([picture.pixels for picture in (*bench.pictures.test, *bench.pictures.held_out)])


@pytest.fixture(scope="module")
def exported(bench, pixels, tmp_path_factory):
    """Export a method once: its pipeline, its file, and what was found."""

    @cache
    def of(method):
        choice = ThresholdChoice(values=((f"padim/{BACKBONE}", 1.5, "value"),))
        pipeline = on_cpu(bench, f"{method}/{BACKBONE}", choice)
        path = tmp_path_factory.mktemp("line") / "part.onnx"
        return pipeline, path, export.export_onnx(pipeline, path, pixels)

    return of


@pytest.fixture
def quick(exported):
    """The smallest file."""
    return exported("mahalanobis")


@pytest.fixture
def traced_before(quick, monkeypatch):
    """The graph of `quick` where another would be traced, which takes seconds."""
    monkeypatch.setattr(graph, "graph", lambda pipeline: onnx.load(quick[1]))


@pytest.mark.parametrize("method", METHODS)
def test_a_file_says_what_this_program_says(method, bench, pixels, exported):
    pipeline, path, parity = exported(method)
    assert (parity.pictures, parity.verdicts) == (10, 10)
    assert parity.worst < 1e-5
    running = session(path)
    together = running.run(None, {"pictures": pixels[:3]})
    expected = pipeline.score(np.divide(pixels[:3].transpose(0, 3, 1, 2), np.float32(255), order="C"))
    np.testing.assert_allclose(together[0], expected.scores, rtol=1e-5)
    column = next(f.column for f in bench.fitted if f.column.method == method)
    said = json.loads(running.get_modelmeta().custom_metadata_map["odd_one_out"])
    assert said["threshold"] == pipeline.threshold() == (1.5 if method == "padim" else column.held_out.max())
    assert said["weights"]["sha256"] == column.weights.sha256
    assert (said["backbone"], said["classes"]) == (BACKBONE, ["normal", "anomalous"])
    if method == "mahalanobis":
        assert len(together) == 1
        assert said["map_scale"] is None
    else:
        np.testing.assert_allclose(together[1], expected.maps, rtol=1e-4, atol=1e-5 * float(expected.maps.max()))
        assert said["map_scale"] == {"median": column.scale.median, "q99": column.scale.q99}


def test_ten_lines_run_it_where_this_project_is_not(quick, tmp_path):
    pipeline, path, _ = quick
    for file in (path, export.program_beside(path)):
        shutil.copy(file, tmp_path)
    drawn = np.random.default_rng(0).integers(0, 256, (90, 1300, 3), dtype=np.uint8)
    shapes = {"wide.png": drawn, "small.png": drawn[:64, :64]}
    for name, pixels in shapes.items():
        Image.fromarray(pixels).save(tmp_path / name)
    command = [sys.executable, "-I", "part_run.py", *shapes]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=True)
    pictures = [pipeline.decode((tmp_path / name).read_bytes(), name) for name in shapes]
    scores = [float(pipeline.predict([picture]).scores[0]) for picture in pictures]
    for line, name, score in zip(done.stdout.splitlines(), shapes, scores, strict=True):
        told = line.split()
        assert told[0] == name
        assert float(told[1]) == pytest.approx(score, rel=1e-5)
        assert told[2] == ("anomalous" if score > pipeline.threshold() else "normal")
    program = export.program_beside(path).read_text()
    assert "detectors" not in program
    assert len(program.splitlines()) <= 26
    asked = {"cwd": tmp_path, "env": clean, "capture_output": True, "text": True}
    bare = subprocess.run(command[:3], **asked)
    assert (bare.returncode, bare.stderr.startswith("Score pictures: python part_run.py part.png")) == (1, True)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    some = subprocess.run([*command[:3], "broken.png", "gone.png", "small.png"], **asked)
    assert (some.returncode, some.stdout) == (2, done.stdout.splitlines(keepends=True)[1])
    said = [line.partition(":")[0] for line in some.stderr.splitlines()]
    assert said == [f"{name}.png is no picture that can be read" for name in ("broken", "gone")]


def test_the_program_crops_as_this_program_does(quick, tmp_path):
    from detectors.export.program import program

    pipeline = replace(quick[0], preprocessing=Preprocessing(size=64, crop="center", filter="lanczos"))
    drawn = np.random.default_rng(1).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    Image.fromarray(drawn).save(tmp_path / "a.png")
    resizing = program(pipeline, "part.onnx").split("        continue\n")[1].split("    score")[0]
    names = {"name": str(tmp_path / "a.png")}
    opening = 'from PIL import Image\npicture = Image.open(name).convert("RGB")\n'
    code = opening + "\n".join(line[4:] for line in resizing.splitlines())
    exec(code, names)
    np.testing.assert_array_equal(np.asarray(names["picture"]), pipeline.preprocessing.apply(of_pixels(drawn, "a")))


def test_a_graph_that_says_something_else_is_not_written(quick, pixels, traced_before, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
    with pytest.raises(ModelRefused, match="gives other numbers than this program") as refused:
        export.export_onnx(quick[0], tmp_path / "a.onnx", pixels)
    assert "No file was written" in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"preprocessing": Preprocessing(size=64, equalise=True)}, "equalise"),
        ({"white": White(4095)}, "more than 8 bits"),
    ],
)
def test_what_ten_lines_cannot_do_is_told(changed, said, quick, pixels, tmp_path):
    with pytest.raises(ModelRefused, match=rf"\({said}\)"):
        export.export_onnx(replace(quick[0], **changed), tmp_path / "a.onnx", pixels)


@dataclass
class Loops(Detector):
    """A method that decides by what its numbers are."""

    name = "loops"

    def fit(self, features, progress=None):
        return self

    def predict(self, features):
        scores = features.pooled[0][:, 0]
        return Prediction(scores if scores.sum() > 0 else -scores)

    def explain(self, features, y, x): ...

    def estimate(self, shape): ...


def test_a_method_that_cannot_be_traced_is_told(quick, pixels, tmp_path):
    with pytest.raises(ModelRefused, match="Loops on efficientnet_lite0 cannot be written as an ONNX graph") as refused:
        export.export_onnx(replace(quick[0], detector=Loops()), tmp_path / "a.onnx", pixels)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_the_page_takes_both_files_in_a_zip(quick, bench, traced_before):
    steps = []
    made = query.onnx(bench, lambda done, stage="", **_: steps.append((done, stage)), f"mahalanobis/{BACKBONE}",
                      ThresholdChoice())  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(made.content)) as out:
        assert out.namelist() == ["mahalanobis.onnx", "mahalanobis_run.py"]
        assert 'with_name("mahalanobis.onnx")' in out.read("mahalanobis_run.py").decode()
    assert str(made.checked).startswith("Checked on 10 pictures")
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {stage for _, stage in steps} == {"graph", "check"}


def test_from_the_terminal(quick, traced_before, tmp_path, capsys):
    saved = tmp_path / "part.safetensors"
    quick[0].save(saved)
    assert Pipeline.load(saved).threshold() == quick[0].threshold()
    assert main(["export", "--model", str(saved), "--out", str(tmp_path / "part.onnx")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "part_run.py. Checked on 10 pictures: scores differ by at most" in said
    assert {path.name for path in tmp_path.iterdir()} == {"part.safetensors", "part.onnx", "part_run.py"}
    assert Path(tmp_path / "part.onnx").stat().st_size > 1000
