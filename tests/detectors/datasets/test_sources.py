"""Sources: uploads joined into one set, edits, and keys that follow the pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped

from detectors import datasets
from detectors.datasets.picture_files import find_pictures
from detectors.datasets.sources import DemoSource, EditedSource, UploadSource, identities
from detectors.errors import PictureRefused


def picture(seed: int) -> bytes:
    return encoded(scene(24, 32, seed))


def mask() -> bytes:
    values = np.zeros((24, 32), np.uint8)
    values[3:9, 5:11] = 255
    return encoded(values)


MVTEC = {
    "train/good/000.png": picture(0),
    "train/good/001.png": picture(1),
    "test/good/000.png": picture(2),
    "test/crack/000.png": picture(3),
    "ground_truth/crack/000_mask.png": mask(),
}
ZIP = UploadSource(archive=("bolts.zip", zipped(MVTEC)))


def names(samples):
    return [sample.picture.name for sample in samples]


def told(data):
    return {entry.name: (entry.state, entry.sentence.key if entry.sentence else "") for entry in data.report.entries}


class TestUploads:
    def test_a_single_zip_is_what_load_zip_makes_of_it(self):
        data, plain = ZIP.load(), datasets.load_zip(ZIP.archive[1], "bolts.zip")
        assert (data.name, data.recipe, data.report) == (plain.name, plain.recipe, plain.report)
        assert names(data.train) == names(plain.train)

    def test_loose_files_are_what_from_uploads_makes_of_them(self):
        loose = UploadSource(normal=(("a.png", picture(0)),), test=(("cut/b.png", picture(1)),))
        data, plain = loose.load(), datasets.from_uploads(list(loose.normal), list(loose.test))
        assert (data.name, data.recipe, data.report) == (plain.name, plain.recipe, plain.report)

    def test_what_is_there_already_is_not_added_again(self):
        other = UploadSource(normal=(("a.png", picture(0)),))
        assert ZIP.added(ZIP) == ZIP
        assert ZIP.added(other).added(other).added(ZIP).key == ZIP.added(other).key

    def test_one_of_several_uploads_can_be_taken_out(self):
        first, second, third = (UploadSource(normal=(("a.png", picture(i)),)) for i in range(3))
        every = first.added(second).added(third)
        assert every.without(second).key == first.added(third).key
        assert every.without(ZIP).key == every.key
        assert first.without(first) is None

    def test_a_zip_and_later_files_are_checked_together(self):
        both = ZIP.added(UploadSource(test=(("again.png", picture(0)),)))
        data = both.load()
        assert [note.key for note in data.report.notes] == ["dataset.unlabelled", "dataset.copies_across"]
        assert len(data.report.entries) == 6
        assert [sorted(part) for part in data.recipe["parts"]] == [["archive"], ["files"]]
        assert [file[:2] for file in data.recipe["parts"][1]["files"]] == [["test", "again.png"]]

    def test_a_mask_that_comes_later_finds_its_picture(self):
        without = {name: content for name, content in MVTEC.items() if "ground_truth" not in name}
        both = UploadSource(archive=("a.zip", zipped(without))).added(
            UploadSource(masks=(("ground_truth/crack/000.png", mask()),))
        )
        (crack,) = [s for s in both.load().test if s.kind == "crack"]
        assert crack.mask.sum() == 36

    def test_a_mask_prefers_the_picture_of_its_own_upload(self):
        second = MVTEC | {"test/crack/000.png": picture(9)}
        data = ZIP.added(UploadSource(archive=("b.zip", zipped(second)))).load()
        assert [s.mask.sum() for s in data.test if s.kind == "crack"] == [36, 36]
        assert "mask.two_pictures" not in {key for _, key in told(data).values()}

    def test_folders_of_loose_files_are_read_as_those_of_a_zip(self):
        data = UploadSource(placed=tuple((f"my bolts/{name}", content) for name, content in MVTEC.items())).load()
        assert [len(data.train), len(data.test)] == [2, 2]
        assert data.recipe["source"] == "parts"
        assert data.name == "my bolts"
        assert {file[0] for file in data.recipe["parts"][0]["files"]} == {"placed"}

    def test_a_zip_given_as_test_pictures_is_tested(self):
        flat = zipped({"a.png": picture(0), "good/b.png": picture(1)})
        data = UploadSource(archive=("x.zip", flat), archive_role="test").load()
        assert [(s.picture.name, s.defective) for s in data.test] == [("a.png", None), ("good/b.png", False)]

    def test_a_bad_zip_is_refused_and_the_others_go_on(self):
        data = ZIP.added(UploadSource(archive=("broken.zip", b"PK no zip"))).load()
        assert told(data)["broken.zip"] == ("refused", "zip.no_zip")
        assert len(data.train) == 2

    def test_several_products_are_named_and_one_is_chosen(self):
        packed = zipped({f"{p}/{name}": content for p in ("병", "cable") for name, content in MVTEC.items()})
        source = UploadSource(archive=("two.zip", packed))
        (entry,) = source.load().report.entries
        assert entry.sentence.key == "dataset.several"
        assert entry.sentence.values["products"] == ("cable", "병")
        chosen = replace(source, product="병")
        assert chosen.load().name == "two/병"
        assert chosen.load().recipe["product"] == "병"
        assert chosen.key != source.key

    def test_equal_names_of_two_uploads_stay_apart(self):
        source = UploadSource(normal=(("a.png", picture(0)),)).added(UploadSource(normal=(("a.png", picture(1)),)))
        assert names(source.load().train) == ["a.png", "a (2).png"]

    def test_pictures_beyond_the_limit_are_refused(self):
        parts = [datasets.Part(normal=[(f"{i}.png", picture(i)) for i in range(4)])]
        data = datasets.join(parts, limits=replace(datasets.joining.LIMITS, session_pictures=3))
        assert names(data.train) == ["0.png", "1.png", "2.png"]
        assert told(data)["3.png"] == ("refused", "dataset.too_many")
        assert str(data.report.entries[-1].sentence).startswith("There are 4 pictures; 3 are accepted")

    def test_the_key_is_made_once_for_each_upload_and_follows_the_bytes(self):
        later = UploadSource(normal=(("b.png", picture(5)),))
        assert ZIP.added(later).key == ZIP.added(UploadSource(normal=(("b.png", picture(5)),))).key
        assert len({ZIP.key, later.key, ZIP.added(later).key, later.added(ZIP).key}) == 4
        assert ZIP.added(later).bytes == ZIP.bytes + len(picture(5))
        assert later._digest is ZIP.added(later).parts[1]._digest


class TestEdits:
    def test_no_edit_is_no_change(self):
        assert EditedSource(ZIP).untouched
        assert names(EditedSource(ZIP).load().test) == names(ZIP.load().test)

    def test_one_of_two_copies_can_go(self):
        source = UploadSource(normal=(("a.png", picture(0)), ("b.png", picture(0))), test=(("c.png", picture(0)),))
        shas = [s.picture.sha256 for s in source.load().train]
        first, second = identities("train", shas)
        data = EditedSource(source, removed=frozenset({second})).load()
        assert (names(data.train), names(data.test)) == (["a.png"], ["c.png"])
        assert names(EditedSource(source, removed=frozenset({first})).load().train) == ["b.png"]
        assert EditedSource(source, removed=frozenset({shas[0]})).load().train == ()

    def test_problems_are_those_of_the_edited_set(self):
        source = ZIP.added(UploadSource(test=(("again.png", picture(0)),)))
        sha = source.load().train[0].picture.sha256
        data = EditedSource(source, removed=frozenset({f"test:{sha}"})).load()
        assert [note.key for note in data.report.notes] == []

    def test_labels_by_hand(self):
        source = UploadSource(normal=(("a.png", picture(0)), ("b.png", picture(1))), test=(("c.png", picture(2)),))
        a, c = (source.load().train[0].picture.sha256, source.load().test[0].picture.sha256)
        data = EditedSource(source, labels=((a, True), (c, False))).load()
        assert names(data.train) == ["b.png"]
        assert [(s.picture.name, s.defective, s.kind) for s in data.test] == [
            ("c.png", False, "good"),
            ("a.png", True, "defective"),
        ]

    def test_pictures_are_moved_and_kinds_named_by_hand(self):
        source = UploadSource(normal=(("a.png", picture(0)), ("b.png", picture(1))), test=(("c.png", picture(2)),))
        a, c = (source.load().train[0].picture.sha256, source.load().test[0].picture.sha256)
        data = EditedSource(source, labels=((c, "bent pin"),), moved=((a, "test"),)).load()
        assert names(data.train) == ["b.png"]
        assert [(s.picture.name, s.kind) for s in data.test] == [("c.png", "bent pin"), ("a.png", "good")]
        data = EditedSource(source, moved=((c, "train"),)).load()
        assert [(s.picture.name, s.kind) for s in data.train][-1] == ("c.png", "good")
        assert names(data.train) == ["a.png", "b.png", "c.png"]
        assert data.recipe["moved"] == [[c, "train"]]
        assert data.test == ()

    def test_what_was_left_out_stays_so_when_its_folder_gets_another_role(self):
        normal = UploadSource(placed=tuple((f"good/{i:02d}.png", picture(i)) for i in range(10)))
        fifth = normal.load().train[4].picture.sha256
        tested = normal.with_roles({"good": "test/good"})
        assert fifth in {s.picture.sha256 for s in tested.load().test}
        data = EditedSource(tested, removed=frozenset({f"train:{fifth}"})).load()
        assert (len(data.train), len(data.test)) == (0, 9)

    def test_a_mask_goes_when_its_picture_is_called_good(self):
        (crack,) = [s for s in ZIP.load().test if s.kind == "crack"]
        data = EditedSource(ZIP, labels=((crack.picture.sha256, False),)).load()
        assert [s.mask for s in data.test if s.picture.sha256 == crack.picture.sha256] == [None]

    @pytest.mark.parametrize(("good", "learnt", "lying_on"), [(0, 8, 2), (3, 9, 4), (6, 10, 6)])
    def test_synthetic_defects_lie_on_pictures_that_nobody_learnt(self, good, learnt, lying_on):
        normal = tuple((f"{i:02d}.png", picture(i)) for i in range(10))
        test = tuple((f"good/{i}.png", picture(20 + i)) for i in range(good))
        data = EditedSource(UploadSource(normal=normal, test=test), defects=4).load()
        made = [s for s in data.test if s.synthetic]
        bases = {s.picture.name.rpartition("/")[2] for s in data.test if s.defective is False}
        assert (len(data.train), len(made), len(bases)) == (learnt, 4, lying_on)
        assert len({s.base for s in made}) == min(4, lying_on)
        assert {s.picture.name.partition("_")[2] for s in made} <= bases
        assert not {s.picture.name for s in data.train} & bases

    def test_the_key_follows_the_edits(self):
        demo = DemoSource("link")
        edits = [EditedSource(demo), EditedSource(demo, removed=frozenset({"a"})), EditedSource(demo, defects=3)]
        edits += [EditedSource(demo, moved=(("a", "test"),))]
        assert len({edit.key for edit in edits} | {demo.key}) == 5


def test_pictures_to_score_are_listed_once_and_masks_say_that_they_are(tmp_path):
    path = tmp_path / "bolts.zip"
    path.write_bytes(ZIP.archive[1])
    (tmp_path / "one.png").write_bytes(picture(4))
    found = find_pictures([path, tmp_path / "one.png", tmp_path / "*.png"])
    scored = [file.name for file in found if "mask" not in file.name]
    assert scored[:-1] == ["test/crack/000.png", "test/good/000.png", "train/good/000.png", "train/good/001.png"]
    assert scored[-1].endswith("one.png")
    (drawn,) = [file for file in found if "mask" in file.name]
    with pytest.raises(PictureRefused, match="It is a mask and is not scored"):
        drawn.read()
