"""The command line on real files, in a real process."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import load_file

ROOT = Path(__file__).parents[3]


def run(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "detectors", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mvtec") / "circuit"
    run("demo", "--product", "circuit", "--normal", 12, "--good", 2, "--per", 1, "--seed", 4, "--out", folder)
    return folder


def test_demo_writes_the_usual_layout(folder):
    assert len(list((folder / "train" / "good").glob("*.png"))) == 12
    kinds = {path.name for path in (folder / "test").iterdir()}
    assert {"good", "missing_part", "solder_bridge"} <= kinds
    for kind in kinds - {"good"}:
        for picture in (folder / "test" / kind).iterdir():
            assert (folder / "ground_truth" / kind / f"{picture.stem}_mask.png").is_file()


def test_compare_writes_maps_scores_and_settings(folder, tmp_path):
    out = tmp_path / "out"
    done = run("compare", "--data", folder, "--methods", "mahalanobis,patchcore", "--size", 112, "--out", out)
    assert "patchcore" in done.stdout
    with (out / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    tested = list((folder / "test").rglob("*.png"))
    assert len(rows) == 2 * len(tested)
    for kind in ("maps", "overlays"):
        files = sorted((out / kind / "patchcore_scattering").glob("*.png"))
        assert len(files) == len(tested)
        assert Image.open(files[0]).size == (112, 112)
    assert not (out / "maps" / "mahalanobis_scattering").exists()
    assert load_file(out / "maps.safetensors")["patchcore/scattering"].shape == (len(tested), 112, 112)
    assert len(json.loads((out / "result.json").read_text())["columns"]) == 2
    settings = json.loads((out / "settings.json").read_text())
    assert settings["preprocessing"]["size"] == 112
    assert list(tmp_path.iterdir()) == [out]


def test_fit_then_predict_in_a_new_process(folder, tmp_path):
    model = tmp_path / "patchcore.safetensors"
    run("fit", "--method", "patchcore", "--data", folder, "--size", 112, "--out", model)
    pictures = sorted((folder / "test" / "missing_part").glob("*.png"))[:2]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    done = run("predict", "--model", model, *pictures, broken)
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 3
    assert float(lines[0].split()[1]) > 0
    assert lines[2].startswith("broken.png")


def test_sweep_prints_one_row_per_value(folder):
    done = run("sweep", "--method", "patchcore", "--vary", "ratio=0.1,1.0", "--data", folder, "--size", 64)
    assert "0.1" in done.stdout
    assert "1.0" in done.stdout


def test_a_refusal_is_one_sentence(tmp_path):
    done = run("compare", "--data", tmp_path, code=2)
    assert "Traceback" not in done.stderr
    assert "normal pictures" in done.stderr


def test_a_foreign_folder_is_not_overwritten(folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("compare", "--data", folder, "--methods", "mahalanobis", "--size", 64, "--out", tmp_path, code=2)
    assert "was not written by this program" in " ".join(done.stderr.split())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_interrupting_leaves_nothing_behind(folder, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "detectors", "compare", "--data", folder, "--methods", "cfa", "--preset", "paper",
         "--out", tmp_path / "out"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert list(tmp_path.iterdir()) == []
