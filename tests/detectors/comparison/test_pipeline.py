"""A saved pipeline reads new pictures as the training pictures were read, and gives the same scores to the last bit."""

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detectors import datasets
from detectors.comparison import storage
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.comparison.pipeline import Pipeline, packed
from detectors.errors import ModelRefused
from detectors.images import Preprocessing, White, decode
from detectors.images.origins import Origin

ROOT = Path(__file__).parents[3]
COMPARISON = Comparison(methods=("padim",), preprocessing=Preprocessing(size=64))


def grey16(seed, spot=0):
    """A 12-bit picture stored in 16 bits, as many cameras write it."""
    random = np.random.default_rng(seed)
    slope = np.linspace(800, 3000, 72)[:, None] + np.linspace(0, 900, 72)
    stored = slope + random.normal(0, 40, (72, 72))
    stored[30:40, 30:40] += spot
    return np.clip(stored, 0, 4095).astype(np.uint16)


def png(stored):
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def deep():
    normal = [(f"{i:03d}.png", png(grey16(i))) for i in range(10)]
    test = [("good/0.png", png(grey16(50))), ("spot/1.png", png(grey16(51, spot=-900)))]
    return datasets.from_uploads(normal, test)


@pytest.fixture(scope="module")
def bench(deep):
    pictures, backbone = COMPARISON.prepare(deep), COMPARISON.load("scattering")
    stores = extract(pictures, backbone)
    column, detector = fit_and_score(COMPARISON.detector("padim", "scattering"), stores, pictures)
    return Bench(COMPARISON, pictures, (FittedColumn(column, detector, stores, "fit-1"),))


@pytest.fixture
def file(bench, tmp_path):
    path = tmp_path / "padim.safetensors"
    path.write_bytes(packed(bench, "padim/scattering"))
    return path


def test_the_training_pictures_decide_what_is_white(deep, bench):
    assert deep.white == bench.pictures.white == White(4095)
    assert datasets.demo("circuit", normal=2, good=0, kinds=(), seed=1).white == White()


def test_a_saved_pipeline_reads_a_new_picture_as_the_training_pictures(deep, bench, file):
    pipeline = Pipeline.load(file)
    assert pipeline.white == White(4095)
    assert pipeline.preprocessing == COMPARISON.preprocessing
    column = bench.fitted[0].column
    again = [pipeline.decode(png(grey16(50)), "a"), pipeline.decode(png(grey16(51, spot=-900)), "b")]
    assert [p.sha256 for p in again] == [s.picture.sha256 for s in deep.test]
    np.testing.assert_array_equal(pipeline.predict(again).scores.double().numpy(), column.scores)
    assert pipeline.threshold() == column.held_out.max()
    as_if_16_bits = decode(png(grey16(50)), "a")
    assert pipeline.predict([as_if_16_bits]).scores[0] > pipeline.threshold()


def test_black_and_white_of_a_thermal_camera_are_saved_and_older_files_open_as_before(tmp_path):
    def thermal(seed, spot=0):
        return png((grey16(seed) // 16 + 20_000 + spot).astype(np.uint16))

    data = datasets.from_uploads([(f"{i}.png", thermal(i)) for i in range(10)], [("9.png", thermal(50))])
    assert data.white.black > 19_000
    pictures, backbone = COMPARISON.prepare(data), COMPARISON.load("scattering")
    stores = extract(pictures, backbone)
    column, detector = fit_and_score(COMPARISON.detector("padim", "scattering"), stores, pictures)
    path = tmp_path / "thermal.safetensors"
    Pipeline.of(column, detector, stores, COMPARISON.preprocessing, backbone, data.white).save(path)
    pipeline = Pipeline.load(path)
    assert pipeline.white == data.white
    assert pipeline.decode(thermal(50), "a").sha256 == data.test[0].picture.sha256
    detector, metadata = storage.load_detector(path)
    metadata["white"] = {"whole": 4095, "real": None}  # as version 0.1 wrote it
    storage.save_detector(detector, path, metadata)
    assert Pipeline.load(path).white == White(4095)


def test_what_save_writes_is_what_a_worker_packs(bench, file, tmp_path):
    fitted = bench.fitted[0]
    backbone = COMPARISON.load("scattering")
    whole = Pipeline.of(
        fitted.column, fitted.detector, fitted.stores, COMPARISON.preprocessing, backbone, bench.pictures.white
    )
    whole.save(tmp_path / "other.safetensors")
    assert (tmp_path / "other.safetensors").read_bytes() == file.read_bytes()


def test_a_saved_pipeline_knows_what_it_learnt_from(file):
    pipeline = Pipeline.load(file)
    alike, flat = (pipeline.decode(content, "x.png") for content in (png(grey16(50)), png(grey16(50).astype(np.uint8))))
    assert pipeline.unlike([Origin.of(alike)]) == ()
    assert [each.key for each in pipeline.unlike([Origin.of(flat)])] == ["origins.fewer_bits"]


def test_a_column_that_is_gone_is_refused(bench):
    with pytest.raises(ModelRefused, match=r"cfa/scattering is no longer in memory\. Run it again"):
        packed(bench, "cfa/scattering")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("white"),
        lambda m: m["origins"].update(sides=(0.0, 1.0)),
        lambda m: m.update(white={"whole": 0, "real": None}),
        lambda m: m.update(white={"whole": 4095, "real": float("1e30")}),
        lambda m: m.update(preprocessing={"size": 10**9}),
        lambda m: m["preprocessing"].update(size=96),
        lambda m: m["preprocessing"].update(size=64.0),
        lambda m: m["preprocessing"].update(size="64"),
        lambda m: m.update(backbone=7),
        lambda m: m.update(held_out="many"),
        lambda m: m.update(scale={"median": 0.0}),
        lambda m: m["weights"].update(source="random", origin="seed x"),
        lambda m: m["standardisation"].update(map_means=()),
        lambda m: m["standardisation"].update(pooled_means=m["standardisation"]["map_means"]),
    ],
)
def test_a_strangers_metadata_gets_one_sentence(file, change):
    detector, metadata = storage.load_detector(file)
    change(metadata)
    storage.save_detector(detector, file, metadata)
    with pytest.raises(ModelRefused) as refused:
        Pipeline.load(file)
    assert str(refused.value) == (
        "padim.safetensors holds a detector, but not all that a new picture must go through. "
        "Save it again with this version of the program."
    )


def test_fit_and_predict_on_the_command_line(tmp_path):
    for role, seeds, spot in (("train/good", range(10), 0), ("test/good", (50,), 0), ("test/spot", (51,), -900)):
        (tmp_path / "set" / role).mkdir(parents=True)
        for seed in seeds:
            (tmp_path / "set" / role / f"{seed:03d}.png").write_bytes(png(grey16(seed, spot)))
    model, out = tmp_path / "model.safetensors", tmp_path / "out"
    run("fit", "--method", "padim", "--data", tmp_path / "set", "--size", 64, "--out", model)
    tested = [tmp_path / "set" / "test" / "good" / "050.png", tmp_path / "set" / "test" / "spot" / "051.png"]
    run("predict", "--model", model, "--out", out, *tested)
    with (out / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pipeline = Pipeline.load(model)
    expected = [float(pipeline.predict([pipeline.decode(p.read_bytes(), p.name)]).scores[0]) for p in tested]
    assert [float(row["score"]) for row in rows] == pytest.approx(expected, rel=1e-5)
    assert expected[1] > 2 * expected[0]
    assert rows[1]["verdict"] == "odd"
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == [
        "maps/000_050.png", "maps/001_051.png", "overlays/000_050.png", "overlays/001_051.png",
        "result.json", "scores.csv",
    ]  # fmt: skip
    assert Image.open(out / "overlays" / "001_051.png").size == (64, 64)


def run(*arguments):
    command = [sys.executable, "-m", "detectors", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_detector_that_gives_no_number_is_refused(file):
    detector, metadata = storage.load_detector(file)
    for name, value in detector.state.items():
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            value.fill_(3e38)
            detector.state = detector.state | {name: value}
    storage.save_detector(detector, file, metadata)
    with pytest.raises(ModelRefused):
        Pipeline.load(file)


def test_a_header_with_a_very_long_shape_is_refused_at_once(tmp_path):
    header = json.dumps({"a": {"dtype": "F32", "shape": [9] * 90_000, "data_offsets": [0, 4]}, "__metadata__": {}})
    path = tmp_path / "long.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(4))
    started = time.process_time()
    with pytest.raises(ModelRefused, match="damaged"):
        Pipeline.load(path)
    assert time.process_time() - started < 2
