"""Boxes around defects: YOLO's texts and Pascal VOC's XML, as the published sets have them."""

from __future__ import annotations

import pytest
from fixtures.sets import GOOD, SIZE, load, read, states, tree

BOX = "0.25 0.25 0.125 0.25"  # middle and sides in shares: 4 x 6 pixels and their far edges
BOXED = 5 * 7


def voc(*kinds, file="x.jpg", size=SIZE):
    found = "".join(
        f"<object><name>{kind}</name><bndbox><xmin>6</xmin><ymin>3</ymin><xmax>10</xmax><ymax>9</ymax></bndbox></object>"
        for kind in kinds
    )
    height, width = size
    sides = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{file}</filename>{sides}{found}</annotation>".encode()


class TestYolo:
    # docs.ultralytics.com/datasets/detect
    NAMES = ("images/train/0.jpg", "images/train/1.jpg", "images/train/2.jpg", "images/val/1.jpg", "images/val/3.jpg")
    LABELS = {  # noqa: RUF012
        "labels/train/1.txt": f"1 {BOX}\n0 0.9 0.9 0.05 0.05\n".encode(),
        "labels/train/2.txt": b"",
        "labels/val/1.txt": f"0 {BOX}\n".encode(),
    }

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("data.yaml", "path: .\ntrain: images/train\nnc: 2\nnames: ['cut', \"hole\"]\n"),
            ("data.yaml", "names:\n  0: cut  # deep\n  1: hole\nnc: 2\n"),
            ("dataset.yml", "nc: 2\nnames:\n- cut\n- hole"),
            ("labels/classes.txt", "cut\nhole\n"),
            ("obj.names", "cut\nhole\n"),
        ],
    )
    def test_a_picture_with_a_box_is_defective_of_its_kind_and_one_without_is_good(self, file, text):
        data = load(tree(*self.NAMES) | self.LABELS | {file: text.encode()})
        learnt, tested = read(data)
        assert learnt == ["images/train/0.jpg", "images/train/2.jpg", "images/val/3.jpg"]
        assert {name: kind for name, (kind, _) in tested.items()} == {
            "images/train/1.jpg": "hole", "images/val/1.jpg": "cut"
        }  # fmt: skip
        assert tested["images/val/1.jpg"][1] == BOXED
        assert states(data, "ignored") == {
            file: "file.classes", "labels/train/2.txt": "role.no_box"
        }  # fmt: skip
        said = {note.key: str(note) for note in data.report.notes}
        assert said["dataset.boxes"].startswith("Defects are marked by boxes, not by outlines (pictures: 2)")
        assert said["dataset.good_without_boxes"] == (
            "Pictures in images/val that count as good since no file of boxes is called like them: 1."
        )

    def test_the_top_folder_is_called_so_and_equal_notes_are_said_once(self):
        content = tree(*(f"{i}.jpg" for i in range(4))) | {"1.txt": f"0 {BOX}".encode()}
        (note,) = [str(n) for n in load(content).report.notes if n.key == "dataset.good_without_boxes"]
        assert note.startswith("Pictures in the top folder that count as good")
        table = b"filename,scratch\n0.jpg,0\n1.jpg,1\n"
        twice = tree(*(f"{part}/{i}.jpg" for part in ("train", "valid") for i in range(2)))
        data = load(twice | {f"{part}/_classes.csv": table for part in ("train", "valid")})
        assert [n.key for n in data.report.notes].count("dataset.table_ones") == 1

    def test_a_folder_whose_pictures_have_boxes_says_how_many_are_what(self):
        content = tree(*(f"images/{part}/{i}.jpg" for part in ("train", "test") for i in range(3)))
        content |= {f"labels/{part}/{i}.txt": f"0 {BOX}".encode() for part in ("train", "test") for i in (1, 2)}
        data = load(content)
        said = {folder.path: str(folder.why) for folder in data.report.understanding.folders}
        counted = "Decided picture by picture, by names, masks or files beside them. "
        assert said["images/train"] == (f"{counted}Learnt: 1; tested: 0 good, 2 defective, 0 without a label.")
        assert said["images/test"] == f"{counted}Learnt: 0; tested: 1 good, 2 defective, 0 without a label."
        assert all(not entry.notes for entry in data.report.entries if entry.name.startswith("labels/"))

    def test_beside_the_pictures_a_class_that_is_a_word_for_good_marks_nothing(self):
        # as Roboflow exports for Darknet
        content = tree("train/a.jpg", "train/b.jpg", "test/c.jpg") | {
            "train/_darknet.labels": b"good\nNG", "train/a.txt": f"0 {BOX}".encode(),
            "train/b.txt": f"1 {BOX}\n0 {BOX}".encode(), "test/_darknet.labels": b"good\nNG",
            "test/c.txt": f"0 {BOX}".encode(),
        }  # fmt: skip
        assert read(load(content)) == (["train/a.jpg"], {"train/b.jpg": ("NG", BOXED), "test/c.jpg": GOOD})

    def test_outlines_and_numbers_without_names(self):
        # as Roboflow exports segmentations: train/images beside train/labels
        corners = "0.1875 0.125 0.3125 0.125 0.3125 0.375 0.1875 0.375"
        content = tree("train/images/a.jpg", "train/images/b.jpg") | {"train/labels/b.txt": f"3 {corners}".encode()}
        data = load(content)
        assert read(data) == (["train/images/a.jpg"], {"train/images/b.jpg": ("class 3", BOXED)})
        assert "dataset.boxes" not in {note.key for note in data.report.notes}

    @pytest.mark.parametrize("text", ["0 0.1 0.2", "a 0.1 0.2 0.3 0.4"])
    def test_other_numbers_are_no_boxes(self, text):
        data = load(tree("images/a.jpg", "images/b.jpg") | {"labels/a.txt": text.encode()})
        assert len(data.train) == 2


class TestVoc:
    def test_kinds_in_folders_and_good_ones_without_a_box(self):
        # robotics.pkusz.edu.cn/resources/dataset: PKU PCB, and a good one
        content = tree("PCB/images/Short/01_short_01.jpg", "PCB/images/Spur/01_spur_01.jpg", "PCB/images/good/01.jpg")
        content |= {
            "PCB/Annotations/Short/01_short_01.xml": voc("short", file="01_short_01.jpg"),
            "PCB/Annotations/Spur/01_spur_01.xml": voc("spur", "spur", file="elsewhere.jpg"),
            "PCB/Annotations/good/01.xml": voc(),
        }
        data = load(content)
        assert read(data) == (
            ["PCB/images/good/01.jpg"],
            {"PCB/images/Short/01_short_01.jpg": ("Short", BOXED), "PCB/images/Spur/01_spur_01.jpg": ("Spur", BOXED)},
        )
        assert states(data, "ignored") == {"PCB/Annotations/good/01.xml": "role.no_box"}

    def test_flat_with_sides_that_nobody_wrote(self):
        # github.com/lvxiaoming2019/GC10-DET-Metallic-Surface-Defect-Datasets
        content = tree("img/1.jpg", "img/2.jpg", "img/3.jpg") | {
            "label/1.xml": voc("1_chongkong", file="1.jpg", size=(0, 0)), "label/2.xml": voc(file="2.jpg"),
        }  # fmt: skip
        data = load(content)
        assert read(data) == (["img/2.jpg", "img/3.jpg"], {"img/1.jpg": ("1_chongkong", BOXED)})
        assert "dataset.good_without_boxes" in {note.key for note in data.report.notes}

    @pytest.mark.parametrize(
        "text", [b"<annotation>", b"<annotation><size/><object><name>x</name></object></annotation>",
                 voc("cut").replace(b">6<", b">1e9<"), voc("cut").replace(b">6<", b">nan<")]
    )  # fmt: skip
    def test_the_picture_of_a_damaged_document_is_not_learnt(self, text):
        data = load(tree("a.jpg", "b.jpg") | {"a.xml": text})
        assert read(data) == (["b.jpg"], {"a.jpg": (None, None)})
        assert states(data, "ignored") == {"a.xml": "file.damaged"}

    def test_any_other_document_is_passed_over(self):
        data = load(tree("a.jpg", "b.jpg") | {"a.xml": b"<a/>"})
        assert len(data.train) == 2
        assert "a.xml" in states(data, "ignored")


@pytest.mark.parametrize(
    "line", ["0 1.5 0.5 0.2 0.2", "0 0.5 abc 0.2 0.2", "0 466 441 493 470", "0 0.1 0.2 0.3 0.4 0.5"]
)
def test_the_picture_of_a_damaged_file_of_boxes_is_not_learnt_and_the_others_are_read(line):
    files = tree(*(f"images/{i}.png" for i in range(4)))
    labels = {"labels/0.txt": b"", "labels/1.txt": b"", "labels/2.txt": b"0 0.5 0.5 0.2 0.2",
              "labels/3.txt": line.encode()}  # fmt: skip
    for given in (labels, {name: text for name, text in labels.items() if name != "labels/2.txt"}):
        pictures = {name: file for name, file in files.items() if "2" not in name or "labels/2.txt" in given}
        data = load(pictures | given)
        assert read(data)[0] == ["images/0.png", "images/1.png"]
        assert read(data)[1]["images/3.png"] == (None, None)
        assert [note.values for note in data.report.notes if note.key == "dataset.boxes_damaged"] == [
            {"count": 1, "examples": "labels/3.txt"}
        ]
        assert not {note.key for note in data.report.notes} & {"dataset.labels_unread", "dataset.labels_perhaps"}


@pytest.mark.parametrize("end", [120, None])  # cut off, or without corners
def test_the_picture_of_a_damaged_pascal_file_is_not_learnt(end):
    xml = (b"<annotation><size><width>32</width><height>24</height></size><object><name>dent</name><bndbox>"
           b"<xmin>5</xmin><ymin>3</ymin><xmax>11</xmax><ymax>9</ymax></bndbox></object></annotation>")  # fmt: skip
    good = b"<annotation><size><width>32</width><height>24</height></size></annotation>"
    data = load(
        tree("1.png", "2.png", "3.png") | {"1.xml": good, "2.xml": xml, "3.xml": xml.replace(b"bndbox", b"box")[:end]}
    )
    assert read(data)[0] == ["1.png"]
    assert {name: kind for name, (kind, _) in read(data)[1].items()} == {"2.png": "dent", "3.png": None}
    assert "dataset.good_without_boxes" not in {note.key for note in data.report.notes}


def test_a_damaged_file_of_boxes_says_nothing_against_a_folder_of_defects():
    files = tree("good/1.png", "crack/2.png") | {"good/1.txt": b"", "crack/2.txt": b"0 9 9 9 9"}
    assert read(load(files)) == (["good/1.png"], {"crack/2.png": ("crack", None)})
