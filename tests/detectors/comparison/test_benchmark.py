"""Many sets below a folder: measured one by one, begun again where it stopped, and laid out in one table."""

import csv
import shutil
from pathlib import Path

import pytest

from detectors import datasets
from detectors.__main__ import main
from detectors.comparison import benchmark as room
from detectors.comparison.comparison import Comparison
from detectors.datasets import builtin
from detectors.errors import DatasetRefused, SettingRefused
from detectors.images import Preprocessing
from detectors.report import benchmark as tables
from detectors.result import BenchmarkRow, Figure, MeasuredSet

COMPARISON = Comparison(("padim", "mahalanobis"), ("scattering",), preprocessing=Preprocessing(size=64))
CHOICES = ("--methods", "padim,mahalanobis", "--backbone", "scattering", "--size", "64")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("sets")
    for product in ("circuit", "leather"):
        drawn = builtin.build(product, normal=8, good=3, per=1, severities=(1.0,), seed=4)
        builtin.write_mvtec(drawn, root / product)
    broken = root / "broken"
    for folder in ("train/good", "test/good", "test/crack"):
        (broken / folder).mkdir(parents=True)
        (broken / folder / "000.png").write_bytes(b"no picture")
    return root


@pytest.fixture
def sets(made, tmp_path):
    return shutil.copytree(made, tmp_path / "sets")


def measured(root, out, spread=room.one_by_one):
    return {one.name: one for one in room.benchmark(COMPARISON, root, out, spread)}


def test_what_has_no_figure_says_why(tmp_path):
    builtin.write_mvtec(builtin.build("circuit", normal=4, good=1, per=1, severities=(1.0,), seed=4), tmp_path / "one")
    shutil.rmtree(tmp_path / "one" / "test" / "good")
    one = room.measured(COMPARISON, "one", lambda: datasets.load_folder(tmp_path / "one"))
    assert list(tables.remarks([one])) == ["one: No test picture is good: at least one is needed."]


def test_every_set_is_measured_as_it_would_be_alone(sets, tmp_path):
    found = measured(sets, tmp_path / "out")
    assert set(found) == {"broken", "circuit", "leather"}
    assert "normal" in found["broken"].failure
    assert not found["broken"].rows
    for name in ("circuit", "leather"):
        alone = COMPARISON.run(datasets.load_folder(sets / name))
        one = found[name]
        assert (one.learnt, one.held_out) == (len(alone.learnt), len(alone.held_out))
        assert (one.good, one.defective) == (3, len(alone.test) - 3)
        for row, column in zip(one.rows, alone.columns, strict=True):
            assert (row.method, row.backbone) == (column.method, column.backbone)
            assert {key: f.value for key, f in row.figures.items()} == {k: f.value for k, f in column.figures.items()}
            assert {key: f.low for key, f in row.figures.items()} == {k: f.low for k, f in column.figures.items()}


def test_it_goes_on_where_it_stopped(sets, tmp_path, monkeypatch):
    out, run, ran = tmp_path / "out", Comparison.run, []

    def stopping(self, data, *rest):
        ran.append(data.name)
        if len(ran) == 3:
            raise KeyboardInterrupt
        return run(self, data, *rest)

    monkeypatch.setattr(Comparison, "run", stopping)
    with pytest.raises(KeyboardInterrupt):
        measured(sets, out)
    refused, first, second = ran
    again = measured(sets, out)
    assert again[first].kept
    assert ran[3:] == [refused, second]  # what was refused is looked at again
    assert {name for name, one in measured(sets, out).items() if one.kept} == {"circuit", "leather"}


def test_what_has_changed_is_measured_again(sets, tmp_path):
    out = tmp_path / "out"
    measured(sets, out)
    next((sets / "leather" / "train" / "good").iterdir()).unlink()
    changed = measured(sets, out)
    assert changed["circuit"].kept
    assert not changed["leather"].kept
    other = Comparison(("mahalanobis",), ("scattering",), preprocessing=Preprocessing(size=64))
    assert not any(one.kept for one in room.benchmark(other, sets, tmp_path / "out"))
    for file in (out / room.SETS).iterdir():
        file.write_text("{")
    assert not any(one.kept for one in room.benchmark(other, sets, out))


def ends_with_leather(name):
    if name == "leather":
        raise ValueError("gone")
    return MeasuredSet(name)


def test_sets_are_spread_over_the_workers_of_a_scheduler(sets, tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        spread = measured(sets, tmp_path / "spread", room.over_scheduler(cluster.scheduler_address))
        ended = room.over_scheduler(cluster.scheduler_address)(ends_with_leather, ("circuit", "leather"))
        assert {one.name: one.failure for one in ended} == {"circuit": "", "leather": "ValueError: gone"}
    here = measured(sets, tmp_path / "out")
    for name, one in here.items():
        assert spread[name].failure == one.failure
        assert [row.figures for row in spread[name].rows] == [row.figures for row in one.rows]


def test_what_travels_to_workers_names_the_whole_path(sets, tmp_path, monkeypatch):
    monkeypatch.chdir(sets.parent)
    asked = []

    def spread(measure, names):
        asked.append((measure.root, *names))
        return iter(())

    assert not measured(Path("sets"), tmp_path / "out", spread)
    assert asked == [(sets.resolve(), "broken", "circuit", "leather")]


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(SettingRefused, match="No Dask scheduler answers at 'nonsense'"):
        next(room.over_scheduler("nonsense")(print, ("circuit",)))


def test_a_zip_of_sets_is_read_as_its_folder_is(sets):
    packed = Path(shutil.make_archive(str(sets), "zip", sets))
    assert datasets.sets_below(packed) == datasets.sets_below(sets)
    ours, theirs = (datasets.load_set(root, "circuit") for root in (packed, sets))
    assert [s.picture.sha256 for s in ours.train] == [s.picture.sha256 for s in theirs.train]
    before = datasets.stamp_of_set(packed, "circuit")
    packed.write_bytes(packed.read_bytes() + b" ")
    assert datasets.stamp_of_set(packed, "circuit") != before


def test_one_set_alone_and_a_folder_that_is_not_there(sets, tmp_path):
    assert set(measured(sets / "circuit", tmp_path / "out")) == {"circuit"}
    with pytest.raises(DatasetRefused, match="no folder"):
        measured(tmp_path / "absent", tmp_path / "out")


def test_the_command_writes_tables_and_says_what_failed(sets, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["benchmark", str(sets), *CHOICES, "--out", str(out)]) == 2
    shown = capsys.readouterr()
    rows = list(csv.DictReader((out / "benchmark.csv").open(encoding="utf-8")))
    alone = COMPARISON.run(datasets.load_folder(sets / "circuit"))
    for column in alone.columns:
        wanted = ("circuit", column.method, "image_auroc")
        (row,) = (r for r in rows if (r["set"], r["method"], r["figure"]) == wanted)
        assert float(row["value"]) == pytest.approx(column.figures["image_auroc"].value, abs=1e-6)
        assert f"{column.figures['image_auroc'].value:.3f}" in shown.out
    assert "1 of 3 data sets could not be measured." in shown.err
    (failed,) = (row for row in rows if row["failure"])
    assert failed["set"] == "broken"
    absent = [row for row in rows if row["figure"] and not row["value"]]
    assert absent
    assert all(row["reason"].endswith(".") for row in absent)
    for name in ("benchmark.md", "benchmark.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "broken: " in text
        assert "2 sets, " in text
    read = tables.read_csv((out / "benchmark.csv").read_text(encoding="utf-8"))
    assert list(tables.tables(read)) == list(tables.tables(sorted(measured(sets, out).values(), key=lambda o: o.name)))
    assert main(["benchmark", str(sets), *CHOICES, "--out", str(out)]) == 2  # its own files are replaced
    assert "was not written by" not in capsys.readouterr().err
    shutil.rmtree(sets / "circuit")
    shutil.rmtree(sets / "leather")
    assert main(["benchmark", str(sets / "broken"), *CHOICES, "--out", str(tmp_path / "other")]) == 2


@pytest.mark.parametrize("name", ["benchmark.csv", "benchmark.md", "benchmark.html"])
def test_a_persons_own_file_is_not_overwritten(sets, tmp_path, capsys, name):
    own = tmp_path / "out" / name
    own.parent.mkdir()
    own.write_text("years of work")
    assert main(["benchmark", str(sets), *CHOICES, "--out", str(own.parent)]) == 2
    assert "was not written by this program" in " ".join(capsys.readouterr().err.split())
    assert own.read_text() == "years of work"


def test_sets_without_the_first_figure_are_counted_apart():
    one = MeasuredSet("one", 6, 2, 2, 2, (row("padim", "a", image_auroc=0.9),))
    two = MeasuredSet("two", 6, 2, 0, 2, (row("padim", "a", image_auroc=None, aupro=0.5),))
    said = tables.said([one, two, MeasuredSet("three", failure="It is broken.")])
    assert said.startswith("2 sets (1 without an image AUROC), 22 pictures; 1 could not be measured.")


def row(method, backbone, **figures):
    return BenchmarkRow(method, backbone, figures={key: Figure(value) for key, value in figures.items()})


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "set,learnt\nx,y\n", "\x00\x01"])
def test_what_is_no_benchmark_is_refused(content):
    with pytest.raises(DatasetRefused, match=r"benchmark\.csv"):
        tables.read_csv(content)


def test_means_are_over_the_sets_that_have_the_figure():
    ones = [
        MeasuredSet("a", rows=(row("padim", "scattering", image_auroc=0.5, aupro=0.25),)),
        MeasuredSet("b", rows=(row("padim", "scattering", image_auroc=1.0), row("spade", "scattering", aupro=0.5))),
        MeasuredSet("c|<b>", failure="absent"),
    ]
    found = {name: rows for name, _, rows in tables.tables(ones)}
    assert found["image_auroc"][-1] == ["mean (sets)", "0.750 (2)", "absent"]
    assert found["aupro"][-1] == ["mean (sets)", "0.250 (1)", "0.500 (1)"]
    assert "2 sets" in tables.said(ones)
    assert tables.said(ones[1:]).startswith("1 set, ")
    assert "1 could not be measured" in tables.said(ones)
    assert "c|&lt;b&gt;" in tables.html(ones)


def test_published_means_stand_beside_the_same_sets_and_backbone_alone():
    def all_of(names, backbone):
        return [MeasuredSet(name, rows=(row("padim", backbone, image_auroc=0.9),)) for name in names]

    (first, *_) = tables.published(all_of(tables.MVTEC, "wide_resnet50_2.racm_in1k"))
    assert first.startswith(
        "PaDiM, wide_resnet50_2, 550 channels: image AUROC 95.3 %, pixel AUROC 97.5 %, AUPRO 92.1 %"
    )
    assert not tables.published(all_of(tables.MVTEC, "scattering"))
    assert not tables.published(all_of(tables.MVTEC[:-1], "wide_resnet50_2"))
    assert "Published" in tables.write_markdown(all_of(tables.MVTEC, "wide_resnet50_2"))
