"""Data sets: layouts, masks by name, copies, odd sets, and a report that leaves nothing out."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped, zipped_raw_names
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import datasets
from detectors.datasets.layouts import place_all
from detectors.errors import DatasetRefused


def picture(seed, kind="PNG"):
    return encoded(scene(24, 32, seed), kind)


def mask(value=255):
    values = np.zeros((24, 32), np.uint8)
    values[3:9, 5:11] = value
    return encoded(values)


def files(*names, masks=()):
    return {name: picture(i) for i, name in enumerate(names)} | {name: mask() for name in masks}


def load(content):
    return datasets.load_zip(zipped(content), "set.zip")


def told(data):
    return {entry.name: (entry.state, str(entry.sentence or "")) for entry in data.report.entries}


def summary(data):
    return (
        [s.picture.name for s in data.train],
        {s.picture.name: (s.defective, s.kind, None if s.mask is None else int(s.mask.sum())) for s in data.test},
    )


MVTEC = files("train/good/000.png", "train/good/001.png", "test/good/000.png", "test/crack/000.png") | {
    "ground_truth/crack/000_mask.png": mask()
}
EXPECTED = (
    ["train/good/000.png", "train/good/001.png"],
    {"test/good/000.png": (False, "good", 0), "test/crack/000.png": (True, "crack", 36)},
)


class TestLayouts:
    def test_mvtec(self):
        data = load(MVTEC)
        assert summary(data) == EXPECTED
        assert data.report.count("accepted") == len(data.report.entries) == 5
        assert data.report.notes == ()
        assert {entry.role for entry in data.report.entries} == {"train", "test", "mask"}
        json.dumps(data.recipe)

    def test_a_folder_is_the_same(self, tmp_path):
        for name, content in MVTEC.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        data = datasets.load_folder(tmp_path)
        train, test = summary(data)
        assert (train, dict(sorted(test.items()))) == (EXPECTED[0], dict(sorted(EXPECTED[1].items())))
        assert data.name == tmp_path.name

    @pytest.mark.parametrize("wrap", ["bottle/", "my data/bottle/"])
    def test_wrapping_folders_and_backslashes_are_normal(self, wrap):
        data = load({wrap + name: content for name, content in MVTEC.items()})
        assert [len(data.train), len(data.test)] == [2, 2]
        data = load({(wrap + name).replace("/", "\\"): content for name, content in MVTEC.items()})
        assert summary(data)[1][f"{wrap}test/crack/000.png"] == (True, "crack", 36)

    def test_capitals_and_other_extensions(self):
        data = load(
            {
                "Train/Good/a.PNG": picture(0),
                "Test/Good/a.bmp": picture(1, "BMP"),
                "Test/Crack/b.jpg": picture(2, "JPEG"),
                "Ground_Truth/crack/b.bmp": mask(),
            }
        )
        assert summary(data)[1] == {"Test/Good/a.bmp": (False, "good", 0), "Test/Crack/b.jpg": (True, "Crack", 36)}

    def test_btad(self):
        data = load(
            files("01/train/ok/0.bmp", "01/test/ok/1.bmp", "01/test/ko/2.bmp", masks=["01/ground_truth/ko/2.png"])
        )
        assert summary(data) == (
            ["01/train/ok/0.bmp"],
            {"01/test/ok/1.bmp": (False, "good", 0), "01/test/ko/2.bmp": (True, "ko", 36)},
        )

    def test_visa_by_its_split_file(self):
        names = [f"candle/Data/Images/Normal/{i:04d}.JPG" for i in range(3)] + ["candle/Data/Images/Anomaly/000.JPG"]
        rows = ["object,split,label,image,mask"]
        rows += [f"candle,{'train' if i < 2 else 'test'},normal,{names[i]}," for i in range(3)]
        rows += [f"candle,test,anomaly,{names[3]},candle/Data/Masks/Anomaly/000.png"]
        content = files(*names, masks=["candle/Data/Masks/Anomaly/000.png"])
        data = load(
            {f"VisA/{k}": v for k, v in content.items()} | {"VisA/split_csv/1cls.csv": "\n".join(rows).encode()}
        )
        assert summary(data) == (
            [f"VisA/{name}" for name in names[:2]],
            {f"VisA/{names[2]}": (False, "good", 0), f"VisA/{names[3]}": (True, "anomaly", 36)},
        )

    def test_visa_without_split_file_keeps_every_fifth_good_picture(self):
        names = [f"candle/Data/Images/Normal/{i:04d}.JPG" for i in range(10)]
        data = load(files(*names, "candle/Data/Images/Anomaly/000.JPG"))
        assert [len(data.train), len(data.test)] == [8, 3]
        assert str(data.report.notes[0]) == (
            "There is no test folder: 2 of the good pictures, every fifth, are tested instead of learnt."
        )

    def test_plain_folders(self):
        assert summary(load(files("normal/a.png", "test/b.png"))) == (
            ["normal/a.png"],
            {"test/b.png": (None, None, None)},
        )
        assert summary(load(files("a.png", "b.png"))) == (["a.png", "b.png"], {})
        assert summary(load(files("정상/a.png", "긁힘/b.png"))) == (
            ["정상/a.png"],
            {"긁힘/b.png": (True, "긁힘", None)},
        )

    def test_a_mask_beside_its_picture_and_one_folder_per_picture(self):
        data = load(files("train/a.png", "test/cut/b.png", masks=["test/cut/b_mask.png"]))
        assert summary(data)[1] == {"test/cut/b.png": (True, "cut", 36)}
        other = np.zeros((24, 32), np.uint8)
        other[20:22, 20:22] = 255
        content = files("train/good/a.png", "test/logical/007.png", masks=["ground_truth/logical/007/000.png"])
        content["ground_truth/logical/007/001.png"] = encoded(other)
        assert summary(load(content))[1] == {"test/logical/007.png": (True, "logical", 40)}

    def test_several_products_must_be_chosen_from(self):
        content = {f"{p}/{name}": data for p in ("bottle", "cable") for name, data in MVTEC.items()}
        with pytest.raises(DatasetRefused) as caught:
            load(content)
        assert str(caught.value) == "2 data sets lie side by side here: bottle, cable. Choose one of them."
        data = datasets.load_zip(zipped(content), "all.zip", product="cable")
        assert [len(data.train), len(data.test), data.name] == [2, 2, "all/cable"]

    @given(
        st.lists(st.lists(st.sampled_from(["train", "test", "good", "mask", "x", "images"]), max_size=4), max_size=6)
    )
    @settings(max_examples=60, deadline=None)
    def test_every_file_has_a_place(self, folders):
        names = ["/".join([*parts, f"{i}.png"]) for i, parts in enumerate(folders)]
        places, _ = place_all(names)
        assert len(places) == len(names)
        assert all(place.role in ("train", "test", "mask", "outside") for place in places)


class TestReport:
    def test_nothing_is_dropped_silently(self):
        content = MVTEC | {
            "readme.txt": b"hello",
            "__MACOSX/train/good/._000.png": b"fork",
            "train/.DS_Store": b"\0",
            "train/good/broken.png": MVTEC["train/good/000.png"][:100],
            "train/defect/x.png": picture(50),
            "loose.png": picture(51),
            "test/crack/notes.png": b"just text",
        }
        got = told(load(content))
        assert set(got) == set(content)
        assert got["readme.txt"] == ("ignored", "A document, not a picture: passed over.")
        assert got["__MACOSX/train/good/._000.png"] == (
            "ignored",
            "A macOS resource fork, not a picture: passed over.",
        )
        assert got["train/.DS_Store"] == ("ignored", "A hidden or system file, not a picture: passed over.")
        assert got["train/good/broken.png"][0] == "refused"
        assert got["train/defect/x.png"] == (
            "refused",
            "It lies among the training pictures in a folder called defect; only good ones are learnt. Move it to "
            "`test/defect`.",
        )
        assert got["loose.png"] == (
            "refused",
            "It lies beside the folders of good and test pictures, so nothing says what it is for. Move it into one of "
            "them.",
        )
        assert got["test/crack/notes.png"][1].startswith("This is a text file")

    def test_what_was_converted_says_how(self):
        wide = encoded(np.zeros((10, 2000), np.uint8))
        data = load({"good/a.png": wide, "good/b.png": picture(0)})
        assert told(data)["good/a.png"] == ("converted", "Shrunk from 2000 x 10 to 1024 x 5 pixels.")
        entry = data.report.entries[0]
        assert entry.notes == data.train[0].picture.notes

    def test_korean_names_survive_without_a_word_on_their_encoding(self):
        for encoding in ("cp949", "euc-kr", "utf-8"):
            name = "정상/부품 1.png".encode(encoding)
            data = datasets.load_zip(zipped_raw_names({name: picture(0)}), "a.zip")
            assert [s.picture.name for s in data.train] == ["정상/부품 1.png"]
        rare = "good/똠방각하.png".encode("cp949")
        assert (
            datasets.load_zip(zipped_raw_names({rare: picture(0)}), "a.zip").train[0].picture.name
            == "good/똠방각하.png"
        )
        western = "good/Stück.png".encode("cp437")
        assert (
            datasets.load_zip(zipped_raw_names({western: picture(0)}), "a.zip").train[0].picture.name
            == "good/Stück.png"
        )


class TestMasks:
    def refused(self, **content):
        data = load(MVTEC | {name.replace("__", "/") + ".png": value for name, value in content.items()})
        return [v[1] for v in told(data).values() if v[0] == "refused"], data

    def test_a_mask_without_picture(self):
        said, _ = self.refused(ground_truth__crack__009=mask())
        assert said == ["No test picture has the name of this mask. Name it like its picture, with or without `_mask`."]

    def test_a_mask_of_a_refused_picture(self):
        said, _ = self.refused(test__cut__5=b"text", ground_truth__cut__5_mask=mask())
        assert "Its picture test/cut/5.png was refused, so the mask is not needed." in said

    def test_a_mask_that_fits_two_pictures(self):
        said, _ = self.refused(test__cut__000=picture(9), masks__000=mask())
        assert said == [
            "3 pictures have the name of this mask (test/crack/000.png, test/cut/000.png). Put it into a folder "
            "named like their kind."
        ]

    def test_a_marked_good_picture(self):
        said, data = self.refused(ground_truth__good__000=mask())
        assert said == [
            "The mask marks a defect in a picture that is called good. Move the picture, or empty the mask."
        ]
        (good,) = [sample for sample in data.test if sample.kind == "good"]
        assert not good.mask.any()

    def test_an_empty_mask_of_a_defect_is_told(self):
        content = MVTEC | {"ground_truth/crack/000_mask.png": mask(0)}
        data = load(content)
        assert told(data)["ground_truth/crack/000_mask.png"] == (
            "converted",
            "The mask marks nothing although its picture is defective: it was left out. Mark the defect.",
        )
        assert all(sample.mask is None for sample in data.test)

    def test_another_size_and_grey_levels_are_told(self):
        values = np.zeros((48, 64), np.uint8)
        values[6:18, 10:22] = 255
        values[0, 0] = 90
        data = load(MVTEC | {"ground_truth/crack/000_mask.png": encoded(values)})
        entry = next(entry for entry in data.report.entries if entry.role == "mask")
        assert [note.key for note in entry.notes] == ["mask.other_size"]
        assert summary(data)[1]["test/crack/000.png"] == (True, "crack", 36)


class TestProblems:
    def notes(self, content):
        return {note.key: str(note) for note in load(content).report.notes}

    def test_no_normal_picture_keeps_the_report(self):
        data = load({"test/crack/a.png": picture(0)})
        assert [str(note) for note in data.report.notes[:1]] == [
            "There is no normal picture to learn from. Put pictures of good parts into `train/good`, or upload them as "
            "normal."
        ]
        assert len(data.test) == 1

    def test_one_normal_picture_names_the_methods_that_need_more(self):
        assert self.notes({"a.png": picture(0)})["dataset.one_normal"] == (
            "There is only one normal picture. MahalanobisAD and PaDiM need at least 2 to see how normal pictures "
            "vary, and no method can set a threshold without another to check it on. Add more, best 20 or more."
        )

    def test_identical_and_flat_pictures(self):
        flat = encoded(np.full((8, 8, 3), 9, np.uint8))
        notes = self.notes({"a.png": flat, "b.png": flat})
        assert notes["dataset.all_identical"] == (
            "All 2 normal pictures are the same picture: there is no variation to learn. Add different ones."
        )
        assert notes["dataset.flat"] == (
            "Pictures of one colour all over: 2 (a.png, b.png). Check that they are what you meant."
        )

    def test_mixed_sizes(self):
        notes = self.notes({"a.png": picture(0), "b.png": encoded(scene(10, 20))})
        assert notes["dataset.mixed_sizes"] == (
            "The pictures have 2 different sizes, from 20 x 10 to 32 x 24 pixels: all are brought to one, so the same "
            "part may appear larger in one than in another."
        )

    def test_tests_that_cannot_be_measured(self):
        notes = self.notes(files("train/good/a.png", "train/good/b.png", "test/crack/c.png"))
        assert notes["dataset.no_good_test"] == (
            "No test picture is good: false alarms cannot be counted, so there is no AUROC. Put some into `test/good`."
        )
        assert "dataset.no_masks" in notes
        assert "dataset.no_defect" in self.notes(files("train/good/a.png", "train/good/b.png", "test/good/c.png"))
        assert "dataset.no_test" in self.notes(files("train/good/a.png", "train/good/b.png"))
        assert self.notes(files("train/good/a.png", "train/good/b.png", "test/c.png"))["dataset.unlabelled"] == (
            "1 of 1 test pictures is not labelled good or defective: it gets maps and scores, but counts in no figure."
        )

    def test_copies_are_found_by_their_pixels(self):
        content = MVTEC | {
            "train/good/002.bmp": picture(0, "BMP"),
            "test/good/001.tif": picture(1, "TIFF"),
            "test/good/002.png": picture(2),
        }
        data = load(content)
        assert [str(sentence) for sentence in datasets.duplicates(data)] == [
            "1 test picture is also among the normal pictures (test/good/001.tif = train/good/001.png): it makes "
            "every method look better than it is. Take it out of one of the two.",
            "1 normal picture is a copy of another (train/good/002.bmp = train/good/000.png): it adds nothing, and "
            "makes thresholds look surer than they are. Take it out.",
            "1 test picture is a copy of another (test/good/002.png = test/good/000.png): it counts twice. Take it "
            "out.",
        ]
        assert set(datasets.duplicates(data)) <= set(data.report.notes)

    def test_a_picture_among_good_and_defective_ones_is_neither_learnt_nor_counted(self):
        content = MVTEC | {
            "test/crack/z.png": encoded(scene(24, 32, 0), "BMP"), "train/good/again.png": picture(0),
            "test/crack/y.png": picture(2),
        }  # fmt: skip
        data = load(content)
        known = {sample.picture.name: sample.defective for sample in data.test}
        twice = ["test/crack/y.png", "test/crack/z.png", "test/good/000.png", "train/good/000.png",
                 "train/good/again.png"]  # fmt: skip
        assert [name for name, defective in known.items() if defective is None] == twice
        assert not {sample.picture.name for sample in data.train} & {*known}
        assert "2 pictures lie both among good and among defective ones (test/crack/y.png = " in str(
            next(note for note in data.report.notes if note.key == "dataset.disputed")
        )
        assert not datasets.duplicates(data)
        told = {entry.name: entry.because.key for entry in data.report.entries if entry.name in twice}
        assert {*told.values()} == {"role.disputed"}

    def test_twelve_bits_are_decided_once_on_the_training_pictures(self):
        def deep(top):
            return encoded(np.array([[0, top // 2, top]], np.uint16))

        twelve = load({"train/good/a.png": deep(4095), "train/good/b.png": deep(2000), "test/good/c.png": deep(1000)})
        assert str(twelve.report.notes[0]) == (
            "No normal picture of 16 bits exceeds 4,095: all are read as 12 bits stored in 16, so 4,095 is white."
        )
        assert twelve.train[1].picture.pixels[0, :, 0].tolist() == [0, 62, 125]
        assert twelve.test[0].picture.pixels[0, :, 0].tolist() == [0, 31, 62]
        sixteen = load({"train/good/a.png": deep(65535), "train/good/b.png": deep(2000)})
        assert sixteen.train[1].picture.pixels[0, :, 0].tolist() == [0, 4, 8]
        assert twelve.recipe["white"] == 4095

    def test_outliers_stand_out_whatever_the_unit(self):
        rng = np.random.default_rng(0)
        distances = rng.lognormal(0, 0.1, 40)
        assert datasets.likely_outliers(distances) == ()
        distances[[7, 20]] = [3, 9]
        assert datasets.likely_outliers(distances) == (20, 7)
        assert datasets.likely_outliers(distances * 1e-6) == (20, 7)
        assert datasets.likely_outliers([1, 1, 1, 1, 50]) == ()
        assert datasets.likely_outliers([1, 50]) == ()


class TestUploads:
    def test_labels_folders_and_masks(self):
        data = datasets.from_uploads(
            [("a.png", picture(0)), ("a.png", picture(1))],
            [("1.png", picture(2)), ("cut/2.png", picture(3)), ("3.png", picture(4)), ("4.png", picture(5))],
            masks=[("2_mask.png", mask()), ("4.png", mask())],
            labels={"1.png": False, "3.png": "hole", "9.png": True},
        )
        assert [s.picture.name for s in data.train] == ["a.png", "a (2).png"]
        assert summary(data)[1] == {
            "1.png": (False, "good", 0),
            "cut/2.png": (True, "cut", 36),
            "3.png": (True, "hole", None),
            "4.png": (True, "defective", 36),
        }
        assert told(data)["9.png"] == (
            "refused",
            "There is a label for this name but no test picture. Upload it too.",
        )
        assert next(e for e in data.report.entries if e.role == "mask" and e.name == "4.png").state == "converted"
        json.dumps(data.recipe)

    def test_nothing_at_all_is_a_set_with_a_sentence(self):
        data = datasets.from_uploads([], [])
        assert data.report.notes[0].key == "dataset.no_normal"

    def test_a_whole_folder_dropped_on_normal_keeps_its_tests_apart(self):
        names = ["set/train/good/a.png", "set/test/cut/b.png"]
        data = datasets.from_uploads(
            [(n, picture(i)) for i, n in enumerate(names)] + [("set/ground_truth/cut/b_mask.png", mask())], []
        )
        assert summary(data) == (["set/train/good/a.png"], {"set/test/cut/b.png": (True, "cut", 36)})


class TestFolders:
    def test_a_folder_that_cannot_be_read_is_told(self, tmp_path, monkeypatch):
        for name in ("good/a.png", "bad/b.png"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_bytes(picture(0))
        scandir = os.scandir

        def closed(path):
            if str(path).endswith("bad"):
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", closed)
        assert told(datasets.load_folder(tmp_path))["bad"] == (
            "refused", "The folder cannot be read. Check its permissions."
        )  # fmt: skip

    def test_an_archive_beside_the_folders_is_told_as_one(self, tmp_path):
        (tmp_path / "good").mkdir()
        (tmp_path / "good" / "a.png").write_bytes(picture(0))
        (tmp_path / "NG.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(99))
        assert told(datasets.load_folder(tmp_path))["NG.7z"][1].startswith("This is a 7z archive, not a picture.")

    def test_links_never_lead_outside(self, tmp_path):
        inside, outside = tmp_path / "set", tmp_path / "secret"
        (inside / "good").mkdir(parents=True)
        outside.mkdir()
        (outside / "x.png").write_bytes(picture(0))
        (inside / "good" / "a.png").write_bytes(picture(1))
        try:
            (inside / "good" / "out.png").symlink_to(outside / "x.png")
        except OSError:
            pytest.skip("this system does not allow links")
        (inside / "good" / "in.png").symlink_to(inside / "good" / "a.png")
        (inside / "good" / "gone.png").symlink_to(inside / "nowhere.png")
        (inside / "folder").symlink_to(outside)
        (inside / "loop").symlink_to(inside)
        data = datasets.load_folder(inside)
        assert [s.picture.name for s in data.train] == ["good/a.png", "good/in.png"]
        out = "A link that leads out of the folder is not followed. Copy the picture itself here."
        nothing = "A link to a folder, or to nothing, is not followed. Copy the pictures themselves here."
        got = told(data)
        assert got["good/out.png"] == got["folder"] == ("refused", out)
        assert got["good/gone.png"] == got["loop"] == ("refused", nothing)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
    def test_a_pipe_does_not_hang(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        assert told(datasets.load_folder(tmp_path))["pipe.png"] == (
            "refused",
            "A device or pipe, not a file: it is not read.",
        )

    def test_a_missing_folder_and_a_zip_file(self, tmp_path):
        with pytest.raises(DatasetRefused) as caught:
            datasets.load_folder(tmp_path / "nowhere")
        assert str(caught.value).startswith("There is no folder '")
        (tmp_path / "set.zip").write_bytes(zipped(MVTEC))
        assert summary(datasets.load_folder(tmp_path / "set.zip")) == EXPECTED

    def test_real_pictures(self, hazelnut):
        assert [len(hazelnut.train), len(hazelnut.test)] == [50, 10]
        assert all(sample.mask.any() == sample.defective for sample in hazelnut.test)
        assert hazelnut.report.count("refused") == 0
        assert hazelnut.report.count("ignored") == 2


def test_the_demo_set_becomes_a_data_set(circuit):
    assert len(circuit.train) == 16
    assert {sample.defective for sample in circuit.test} == {True, False}
    for sample in circuit.test:
        assert sample.mask.any() == sample.defective
        assert (sample.severity is not None) == sample.defective
        assert sample.picture.name.startswith(f"test/{sample.kind}/")
    assert len(circuit.report.entries) == len(circuit.train) + len(circuit.test)
    json.dumps(circuit.recipe)


def test_loading_imports_neither_torch_nor_streamlit():
    code = (
        "import sys, detectors.datasets, detectors.evaluation.shortcuts, detectors.datasets.synthetic;"
        "sys.exit('torch' in sys.modules or 'streamlit' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
