"""What a result was put to goes into report, ZIP and script, and files are kept by its content."""

import csv
import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from fixtures.results import made_up

from detectors import report
from detectors.evaluation import thresholds
from detectors.queries import export
from detectors.report.stress import NOTHING, Stressed
from detectors.stress import CONDITIONS, Curve, Study
from detectors.stress.draws import Draw
from pages.frame.words import table


@pytest.fixture(scope="module")
def result():
    made = made_up("circuit")
    return replace(made, columns=tuple(c for c in made.columns if c.method in ("padim", "patchcore")))


@pytest.fixture(scope="module")
def stressed(result):
    curves = tuple(
        Curve(c.key, CONDITIONS["jpeg"].strengths, np.tile(c.scores, (7, 1)) * np.linspace(1, 2, 7)[:, None], None,
              result.labels, thresholds.usual(c.held_out), c.held_out)
        for c in result.columns
    )  # fmt: skip
    draws = tuple((Draw(c.scores, c.held_out),) for c in result.columns)
    dirty = Study(result.columns[0].key, "dirt", "both", (0, 1), draws, result.labels, 16, 0.05)
    number = replace(dirty, about="pictures", way="left_out", steps=(8, 16))
    helped = {("jpeg", "equalise"): (replace(curves[0], scores=curves[0].scores + 1),)}
    return Stressed({"jpeg": curves}, (dirty, replace(dirty, cleaned=True), number), helped)


@pytest.mark.parametrize(("language", "condition", "title"), [("en", "JPEG", "Dirt among the normals"),
                                                              ("ko", "JPEG", "정상에 섞인 불량")])  # fmt: skip
def test_the_report_says_and_draws_what_was_found(result, stressed, language, condition, title):
    page = report.html(result, language, pictures=0, stressed=stressed)
    assert title in page
    assert f"<th>{condition}</th>" in page
    assert page.count('aria-label="' + title) == 1
    assert f"<th>{table(language)['stress']['help']['equalise']}</th>" in page
    assert title not in report.html(result, language, pictures=0)


def test_the_zip_holds_tables_and_charts(result, stressed):
    file = io.BytesIO()
    report.write_zip(result, file, stressed=stressed)
    names = set(zipfile.ZipFile(file).namelist())
    assert {f"stress/{name}" for name in ("stress.csv", "stress.png", "dirt.csv", "dirt.png", "pictures.csv")} <= names
    assert "stress/remedies-jpeg.png" in names
    rows = list(csv.DictReader(io.StringIO(zipfile.ZipFile(file).read("stress/stress.csv").decode())))
    assert [row["remedy"] for row in rows] == [""] * 14 + ["equalise"] * 7
    bare = io.BytesIO()
    report.write_zip(result, bare)
    assert not [name for name in zipfile.ZipFile(bare).namelist() if name.startswith("stress/")]


def test_the_script_repeats_it_and_compares(result, stressed):
    written = report.script(result, stressed=stressed)
    compile(written, "run.py", "exec")
    assert "refits.dirt(fitted, *asked)" in written
    assert hashlib.sha256(stressed.curves["jpeg"][0].scores.tobytes()).hexdigest() in written
    assert f"({result.columns[0].key!r}, 'both', True)" in written
    assert "measure(remedied(fitted, remedy, condition(name)), condition(name))" in written
    assert f"('jpeg', 'equalise', {result.columns[0].key!r})" in written
    assert "bench" not in report.script(result)


def test_files_are_kept_under_its_content(stressed):
    assert not NOTHING
    assert stressed
    assert repr(stressed) == repr(Stressed(dict(stressed.curves), stressed.studies, dict(stressed.helped)))
    assert repr(stressed) != repr(Stressed(stressed.curves, stressed.studies))
    first = stressed.studies[0]
    changed = replace(first, draws=((Draw(first.draws[0][0].scores + 1e-9, first.draws[0][0].calibrating),), ()))
    assert repr(stressed) != repr(Stressed(stressed.curves, (changed, *stressed.studies[1:])))
    assert export.page.__defaults__ == (NOTHING,)
