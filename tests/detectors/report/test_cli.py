"""The command line on real files, in a real process."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import load_file

from detectors import Comparison, Preprocessing, datasets, report
from detectors.__main__ import main
from detectors.report import terminal

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
        files = sorted((out / kind / "patchcore_efficientnet_lite0").glob("*.png"))
        assert len(files) == len(tested)
        assert Image.open(files[0]).size == (112, 112)
    assert not (out / "maps" / "mahalanobis_efficientnet_lite0").exists()
    assert load_file(out / "maps.safetensors")["patchcore/efficientnet_lite0"].shape == (len(tested), 112, 112)
    assert len(json.loads((out / "result.json").read_text())["columns"]) == 2
    settings = json.loads((out / "settings.json").read_text())
    assert settings["preprocessing"]["size"] == 112
    assert list(tmp_path.iterdir()) == [out]


def test_what_makes_figures_flatter_and_what_was_refused_is_said_with_them(folder, tmp_path, capsys):
    copied = shutil.copytree(folder, tmp_path / "copied")
    shutil.copy(sorted((copied / "train" / "good").glob("*.png"))[0], copied / "test" / "good" / "again.png")
    (copied / "test" / "good" / "broken.png").write_bytes(b"not a picture")
    said = "1 test picture is also among the normal pictures"
    choices = ("--methods", "mahalanobis", "--backbones", "scattering", "--size", "64")
    assert main(["compare", "--data", str(copied), *choices]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.count(said) == 2  # as the set is read, and below the figures
    assert "test/good/broken.png: " in told
    assert main(["benchmark", str(copied), *choices, "--out", str(tmp_path / "out")]) == 0
    assert said in " ".join(capsys.readouterr().out.split())


def test_fit_then_predict_in_a_new_process(folder, tmp_path):
    model = tmp_path / "patchcore.safetensors"
    run("fit", "--method", "patchcore", "--data", folder, "--size", 112, "--out", model)
    pictures = sorted((folder / "test" / "missing_part").glob("*.png"))[:2]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    done = run("predict", "--model", model, *pictures, broken, code=2)
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 2
    assert float(lines[0].split()[1]) > 0
    assert done.stderr.startswith("broken.png: ")


def test_sweep_prints_one_row_per_value(folder):
    done = run("sweep", "--method", "patchcore", "--vary", "ratio=0.1,1.0", "--data", folder, "--size", 64)
    assert "0.1" in done.stdout
    assert "1.0" in done.stdout


def test_a_sweep_of_lists_is_split_between_them(folder):
    done = run("sweep", "--method", "padim", "--vary", "levels=[0],[0,1]", "--data", folder, "--size", 64)
    assert "[0]" in done.stdout
    assert "[0,1]" in done.stdout


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    run("fit", "--method", "mahalanobis", "--data", folder, "--size", 64, "--out", out)
    (written,) = out.iterdir()
    assert written.name == "mahalanobis-efficientnet_lite0.safetensors"
    return written


class TestPredict:
    def test_patterns_folders_and_zips_are_expanded_and_equal_names_told_apart(self, folder, model, tmp_path):
        packed = tmp_path / "more.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(sorted((folder / "test" / "good").glob("*.png"))[0], "good/000.png")
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(packed.read_bytes()[:200])
        out = tmp_path / "out"
        done = run("predict", "--model", model, "--out", out, folder / "test" / "*", packed, damaged,
                   tmp_path / "gone.png", tmp_path / "*.bmp", code=2)  # fmt: skip
        with (out / "scores.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        tested = list((folder / "test").rglob("*.png"))
        assert len(rows) == len(tested) + 4
        assert len({row["picture"] for row in rows}) == len(rows)
        named = {row["picture"] for row in rows}
        assert {"good/000.png", "more.zip/good/000.png", "missing_part/000.png"} <= named
        said = " ".join(done.stderr.split())
        assert "This is no ZIP" in said  # and the others go on
        assert sum(bool(row["score"]) for row in rows) == len(tested) + 1
        assert "There is no such file or folder." in said
        assert "No file matches this pattern." in said
        assert f"3 of {len(rows)} pictures could not be scored." in said
        assert len(done.stdout.splitlines()) == len(tested) + 1

    def test_masks_are_no_failure_and_a_zip_inside_a_zip_is_said(self, folder, model, tmp_path):
        done = run("predict", "--model", model, folder)
        assert "It is a mask and is not scored." in done.stderr
        inner, outer = tmp_path / "inner.zip", tmp_path / "outer.zip"
        with zipfile.ZipFile(inner, "w") as archive:
            archive.write(next((folder / "test" / "good").glob("*.png")), "000.png")
        with zipfile.ZipFile(outer, "w") as archive:
            archive.write(inner, "inner.zip")
        done = run("predict", "--model", model, outer, code=2)
        assert "inner.zip: This is a ZIP archive, not a picture. Unpack it" in " ".join(done.stderr.split())

    def test_a_name_that_is_a_formula_is_no_cell_of_one(self, folder, model, tmp_path):
        named = tmp_path / "=1+1.png"
        named.write_bytes(next((folder / "test" / "good").glob("*.png")).read_bytes())
        run("predict", "--model", model, "--out", tmp_path / "out", named)
        assert (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8").splitlines()[1].startswith("'=1+1.png,")

    @pytest.mark.parametrize("nothing", ["*.nothing", "gone.png", "empty"])
    def test_when_nothing_could_be_scored_that_is_a_failure(self, model, tmp_path, nothing):
        (tmp_path / "empty").mkdir()
        done = run("predict", "--model", model, "--out", tmp_path / "out", tmp_path / nothing, code=2)
        assert "could be scored" in " ".join(done.stderr.split())
        assert not (tmp_path / "out").exists()


class TestReading:
    def test_how_a_set_is_understood_is_printed_and_can_be_corrected(self, folder, tmp_path):
        shutil.copytree(folder, tmp_path / "set")
        (tmp_path / "set" / "test" / "missing_part").rename(tmp_path / "set" / "test" / "odd light")
        done = run("read", "--data", tmp_path / "set")
        assert "set: 14 normal (12 to learn from, 2 to test);" in done.stdout
        assert "odd light" in done.stdout
        done = run("read", "--data", tmp_path / "set", "--role", "test/odd light=ignore")
        assert "You said so of test/odd light." in " ".join(done.stdout.split())
        done = run("read", "--data", tmp_path / "set", "--role", "nowhere=good", code=2)
        assert "There is no folder or file 'nowhere' in this set" in " ".join(done.stderr.split())

    def test_one_of_several_sets_in_a_zip_is_chosen(self, folder, tmp_path):
        packed = tmp_path / "both.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for file in folder.rglob("*.png"):
                for product in ("bolt", "nut"):
                    archive.write(file, f"{product}/{file.relative_to(folder).as_posix()}")
        done = run("read", "--data", packed, code=2)
        said = " ".join(done.stderr.split())
        assert "2 data sets lie side by side here: bolt, nut. Choose one of them. Name it with --product." in said
        done = run("read", "--data", packed, "--product", "gear", code=2)
        assert "There is no data set 'gear' here; there are bolt, nut." in " ".join(done.stderr.split())
        assert "both/nut: 14 normal" in run("read", "--data", packed, "--product", "nut").stdout

    def test_another_archive_and_product_are_named(self, tmp_path):
        (tmp_path / "bottle.tar.xz").write_bytes(b"\xfd7zXZ\0" + bytes(100))
        done = run("read", "--data", tmp_path / "bottle.tar.xz", code=2)
        assert "This is an archive of another kind (xz); only ZIP is opened." in " ".join(done.stderr.split())
        done = run("read", "--product", "bottle", code=2)
        assert "The demo set has no product 'bottle'" in " ".join(done.stderr.split())


def test_run_py_of_a_relative_folder_runs_from_its_own(folder, tmp_path, monkeypatch):
    """A script repeats the run, with what a person said of folders, wherever it is started."""
    shutil.copytree(folder, tmp_path / "parts")
    monkeypatch.chdir(tmp_path)
    data = datasets.load_folder("parts", roles={"test/solder_bridge": "ignore"})
    comparison = Comparison(methods=("mahalanobis",), preprocessing=Preprocessing(size=64), device="cpu")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.py").write_text(report.script(comparison.run(data)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=tmp_path / "out", env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(data.report.understanding) in done.stdout
    assert done.stdout.rstrip().endswith("The same to the last digit.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "--method", "padim", "--vary", "levels"), "--vary takes NAME=V1,V2,..."),
        (("sweep", "--method", "padim", "--vary", "epsilon=0.1,zero"), "epsilon cannot be 'zero'"),
        (("stress", "--dirt", "--draws", "0"), "--draws is 0"),
        (("benchmark", "nowhere", "--out", "out"), "There is no folder"),
        (("read", "--data", ""), "What follows --data is empty."),
        (("compare", "--out", "", "--methods", "padim"), "What follows --out is empty."),
        (("compare", "--data="), "What follows --data is empty."),
        (("predict", "--model", "m.safetensors", " "), "What follows m.safetensors is empty."),
        (("compare", "--out", "/proc/nope"), "Nothing can be written at /proc/nope: "),
        (("read", "--data", ".", "--role", "train/good=wrong/oops"), "is 'wrong/oops'; good, train/good, test/good, "),
        (("compare", "--role", "train/good=ignore"), "the demo set has none."),
        (("compare", "--held-out", "7"), "The held-out share is 7.0; it must be at least 0 and below 1."),
        (("benchmark", ".", "--out", "out", "--held-out", "nan"), "The held-out share is nan"),
    ],
)
def test_what_cannot_be_right_is_said_before_any_picture_is_read(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_a_share_that_leaves_too_few_to_learn_from_is_refused_with_the_remedy(folder, capsys):
    for verb in ("compare", "stress"):
        assert main([verb, "--data", str(folder), "--size", "64", "--held-out", "0.99"]) == 2
        assert "leaves 1 of 12 normal pictures to learn from" in " ".join(capsys.readouterr().err.split())


@pytest.fixture
def good_alone(folder, tmp_path):
    shutil.copytree(folder / "train" / "good", tmp_path / "good")
    return tmp_path / "good"


def test_with_good_pictures_alone_what_can_be_had_is_shown(good_alone, capsys):
    choices = ["--data", str(good_alone), "--size", "64", "--methods", "mahalanobis,padim"]
    assert main(["compare", *choices]) == 0
    said = capsys.readouterr().out
    assert "held-out scores" in said
    assert "AUROC of" not in said
    assert said.count("No defective picture is tested") == 1
    assert main(["stress", *choices, "--conditions", "blur"]) == 2
    assert "A condition is measured on test pictures, and none are there." in " ".join(capsys.readouterr().err.split())
    assert main(["stress", *choices, "--dirt"]) == 2
    assert "Defective test pictures: 0." in capsys.readouterr().err


def test_where_nothing_could_be_fitted_it_is_refused_and_nothing_written(good_alone, tmp_path, capsys):
    for picture in sorted(good_alone.iterdir())[1:]:
        picture.unlink()
    out = tmp_path / "out"
    choices = ["--data", str(good_alone), "--size", "64", "--methods", "mahalanobis,padim"]
    assert main(["compare", *choices, "--out", str(out)]) == 2
    assert "No method could be fitted. MahalanobisAD measures" in " ".join(capsys.readouterr().err.split())
    assert not out.exists()


def test_a_refusal_is_one_sentence(tmp_path):
    done = run("compare", "--data", tmp_path, code=2)
    assert "Traceback" not in done.stderr
    assert "normal pictures" in done.stderr


def test_where_no_folder_is_called_good_the_kinds_and_the_remedy_are_told(tmp_path, capsys):
    for kind in ("Short", "Spur"):
        (tmp_path / kind).mkdir()
        Image.new("RGB", (16, 16)).save(tmp_path / kind / "0.png")
    assert main(["compare", "--data", str(tmp_path), "--methods", "padim"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "taken for a defect (Short, Spur)" in said
    assert "--role FOLDER=train/good says which folder holds normal pictures." in said


def test_a_foreign_folder_is_not_overwritten(folder, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    done = run("compare", "--data", folder, "--methods", "mahalanobis", "--size", 64, "--out", tmp_path, code=2)
    assert "was not written by this program" in " ".join(done.stderr.split())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["mine.txt", "part.onnx", "part_run.py", "part.safetensors"])
def test_a_persons_own_file_is_not_overwritten(model, tmp_path, capsys, name):
    own = tmp_path / name
    own.write_text("years of work")
    if name in ("part.onnx", "part_run.py"):
        arguments = ["export", "--model", str(model), "--out", str(tmp_path / "part.onnx")]
    else:
        arguments = ["fit", "--method", "padim", "--out", str(own)]
    assert main(arguments) == 2
    assert f"{name} exists and was not written by this program" in " ".join(capsys.readouterr().err.split())
    assert own.read_text() == "years of work"


def test_an_exported_file_whose_name_is_changed_says_so_and_may_be_replaced(model, tmp_path, capsys):
    pytest.importorskip("onnx")
    for _ in range(2):
        assert main(["export", "--model", str(model), "--out", str(tmp_path / "a.dat")]) == 0
    assert "a.dat is written as a.dat.onnx." in " ".join(capsys.readouterr().out.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dat.onnx", "a.dat_run.py"]


def test_reasons_of_absent_figures_are_said_once_in_words(folder, tmp_path, capsys):
    unmarked = shutil.copytree(folder, tmp_path / "set")
    shutil.rmtree(unmarked / "ground_truth")
    choices = ["--methods", "padim,patchcore", "--size", "64", "--backbone", "scattering"]
    assert main(["compare", "--data", str(unmarked), *choices]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("No defective picture has a mask") == 1
    assert "pixel AUROC, pixel average precision, AUPRO, AUPRO to 0.05, AUPIMO of padim, patchcore: " in said


def test_a_table_has_no_column_without_a_name_and_content():
    shown = terminal.rows(("method", "", ""), [("padim", "", "kept"), ("spade", "", "")])
    assert [column.header for column in shown.columns] == ["method", ""]


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
