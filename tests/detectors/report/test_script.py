"""The script that repeats a run, in a fresh process: every score the same to the last bit.

Equal bits need the same versions, the same kind of processor and the same number of threads; the script sees to the
last itself, the first two hold on one machine.
"""

import base64
import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors import report
from detectors.comparison.comparison import Comparison
from detectors.datasets.builtin import render
from detectors.datasets.sources import DemoSource, EditedSource, UploadSource
from detectors.images import Preprocessing, White
from detectors.workers import Compute

ROOT = Path(__file__).parents[3]
FIVE = Comparison(preprocessing=Preprocessing(size=64), seed=4)
TWO = Comparison(methods=("mahalanobis", "padim"), preprocessing=Preprocessing(size=64), seed=4)
BOARDS = DemoSource("circuit", normal=12, good=3, severities=(1.0,), seed=3)


def repeated(result, folder, threads="3"):
    """Run the script where an own number of threads would change the last digit; return what it printed."""
    (folder / "run.py").write_text(report.script(result), encoding="utf-8")
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": threads}
    command = [sys.executable, str(folder / "run.py")]
    return subprocess.run(
        command, cwd=folder.parent, env=surroundings, capture_output=True, text=True, check=False, timeout=200
    )


def same(result, folder):
    done = repeated(result, folder)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert done.stdout.rstrip().endswith("The same to the last digit.")
    assert report.write_csv(result) in done.stdout
    assert all(str(warning) in done.stdout for warning in result.warnings)
    return True


def png(seed, kind=None):
    pixels, mask = render("leather", seed, kind, 1.0)
    return encoded(pixels), encoded(mask.astype("uint8") * 255)


def encoded(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.slow
def test_a_run_of_the_app_is_repeated(tmp_path):
    """All five methods, computed by a worker with its own number of threads."""
    compute = Compute(memory="3GB")
    try:
        run = compute.start(FIVE, BOARDS)
        deadline = time.monotonic() + 120
        while run.state not in ("done", "failed"):
            assert time.monotonic() < deadline, run.stages
            time.sleep(0.05)
        result = run.result()
    finally:
        compute.close()
    assert len(result.columns) == 5, result.failures
    assert same(result, tmp_path)


def test_edited_pictures_are_edited_again(tmp_path):
    data = BOARDS.load()
    removed = frozenset({data.train[2].picture.sha256, data.test[0].picture.sha256})
    labels = ((data.test[1].picture.sha256, True), (data.test[2].picture.sha256, "bent"))
    moved = ((data.train[3].picture.sha256, "test"),)
    drawn = np.zeros(data.test[1].picture.pixels.shape[:2], np.uint8)
    drawn[20:60, 30:70] = 255
    masks = ((data.test[1].picture.sha256, base64.b64encode(encoded(drawn)).decode()),)
    after = ((data.test[3].picture.sha256, "learn"), (data.train[0].picture.sha256, "defective: bent"))
    source = EditedSource(BOARDS, removed, labels, defects=5, seed=9, moved=moved, masks=masks, corrected=after)
    result = TWO.run(source.load())
    assert [w.values["count"] for w in result.warnings if w.key.startswith("data.corrected")] == [2, 5]
    assert sum(p.synthetic for p in result.test) == 5
    assert "bent" in {p.kind for p in result.test}
    assert len(result.learnt) + len(result.held_out) == 8
    assert same(result, tmp_path)


def test_an_edited_folder_is_read_again_from_where_it_lies(tmp_path):
    for i in range(10):
        (tmp_path / "parts/good").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"parts/good/{i:03d}.png").write_bytes(png(i)[0])
    source = UploadSource(folder=str(tmp_path / "parts")).with_roles({"good/001.png": "test/good"})
    plain = source.load()
    assert plain.recipe["source"] == "folder"
    result = TWO.run(plain)
    assert (len(result.learnt) + len(result.held_out), len(result.test)) == (9, 1)
    assert same(result, tmp_path)
    edited = EditedSource(source, moved=((plain.train[0].picture.sha256, "test"),))
    result = TWO.run(edited.load())
    assert len(result.test) == 2
    assert same(result, tmp_path)


def test_uploads_are_found_beside_the_script_whatever_they_are_called(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for i in range(10):
            out.writestr(f"leather/train/good/{i:03d}.png", png(i)[0])
        out.writestr("leather/test/good/000.png", png(100)[0])
    cut, mask = png(200, "cut")
    loose = [("가죽/cut 1.png", cut), ("good/b-1.png", png(101)[0]), ("good/b/1.png", png(102)[0])]
    source = UploadSource(
        normal=(("000.png", png(50)[0]), ("000.png", png(51)[0])),
        test=tuple(loose),
        masks=(("cut 1_mask.png", mask),),
        archive=("leather.zip", packed.getvalue()),
    )
    result = TWO.run(EditedSource(source, labels=(), removed=frozenset({"0" * 64})).load())
    assert (len(result.learnt) + len(result.held_out), len(result.test)) == (12, 4)
    done = repeated(result, tmp_path)
    assert done.returncode == 1
    assert "of the uploaded files are not here" in done.stderr

    (tmp_path / "leather.zip").write_bytes(packed.getvalue())
    (tmp_path / "elsewhere").mkdir()
    files = [content for _, content in (*source.normal, *source.test, *source.masks)]
    for number, content in enumerate(reversed(files)):
        (tmp_path / "elsewhere" / f"{number}.PNG").write_bytes(content)
    assert same(result, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    seed=4,", "    seed=5,", "These are not the pictures of the first run."),
        ("settings={}", "settings={'padim': {'channels': 20}}", "The scores of padim/efficientnet_lite0 differ"),
    ],
)
def test_what_differs_is_told(tmp_path, old, new, said):
    result = TWO.run(BOARDS.load())
    text = report.script(result)
    assert text.count(old) == 1
    (tmp_path / "run.py").write_text(text.replace(old, new), encoding="utf-8")
    command, surroundings = [sys.executable, "run.py"], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_script_of_version_0_1_still_runs(tmp_path):
    """Its names are found where they are now; only other versions of the packages may change the last digit.

    Its hashes are those of the built-in pictures as they are drawn now: version 0.1 drew others.
    """
    script = ROOT / "tests" / "fixtures" / "run_of_0_1.txt"
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert "mahalanobis/scattering 0." in done.stdout, done.stderr
    assert done.returncode == 0 or "differ: other versions, processor or number of threads" in done.stderr


def test_what_a_person_said_of_folders_and_of_black_and_white_is_repeated(tmp_path):
    """Roles and levels of an upload stand in the script, edits on top of them too."""
    files = {f"train/good/{i}.png": png(i)[0] for i in range(6)} | {"test/dull/0.png": png(7)[0]}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    (tmp_path / "parts.zip").write_bytes(packed.getvalue())
    source = UploadSource(archive=("parts.zip", packed.getvalue())).with_roles({"test/dull": "good"})
    source = source.with_white(White(40_000, None, 200))
    data = EditedSource(source).load()
    assert [s.kind for s in data.test] == ["good"]
    result = Comparison(methods=("mahalanobis",), preprocessing=Preprocessing(size=64), device="cpu").run(data)
    said = report.script(result)
    assert "roles=(('test/dull', 'good'),)," in said
    assert "white=White(whole=40000, real=None, black=200, real_black=0.0)," in said
    assert same(result, tmp_path)
