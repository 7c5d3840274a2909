"""The page about pictures: uploads, limits, edits and undo, in both languages, without workers or a browser."""

from __future__ import annotations

import base64
import io
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from fixtures.backend import FakeBackend, fake
from fixtures.charts import drawn
from fixtures.picture_files import encoded, scene, zipped
from fixtures.pictures import glance
from fixtures.shown import given
from PIL import Image
from streamlit.testing.v1 import AppTest

from detectors.datasets import Folder
from detectors.datasets.files.folders import stamp
from detectors.datasets.sources import EditedSource, UploadSource
from detectors.images import White
from detectors.images.limits import LIMITS, MB
from detectors.queries.overview import large
from pages.frame import corrections, data, keeping, uploads
from pages.frame.state import Choices
from pages.frame.words import write
from pages.images import levels, pictures
from pages.images import mask as by_hand
from pages.images.understood import rows

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "=1+1.png",
    "**굵게** [링크](javascript:x).png",
    "a\nb.png",
    "양품 사진.png",
)


def picture(seed: int) -> bytes:
    return encoded(scene(24, 32, seed))


def mask() -> bytes:
    values = np.zeros((24, 32), np.uint8)
    values[3:9, 5:11] = 255
    return encoded(values)


def deep(seed: int) -> bytes:
    """A picture of 16 bits that uses few of its values, as thermal cameras do."""
    values = 20_000 + np.random.default_rng(seed).normal(0, 50, (24, 32))
    return encoded(Image.fromarray(values.astype(np.uint16)))


DEEP = {f"{folder}/{i}.png": deep(7 * i + len(folder)) for folder in ("train/good", "test/hot") for i in range(4)}
NORMAL = [(f"good/{i:02d}.png", picture(i)) for i in range(12)]
MVTEC = {f"train/good/{i:02d}.png": picture(i) for i in range(12)} | {
    "test/good/00.png": picture(20),
    "test/crack/00.png": picture(30),
    "ground_truth/crack/00_mask.png": mask(),
}


@pytest.fixture
def page(open_app):
    """Open the page, with `own` uploads when some are given."""

    def opened(own: UploadSource | None = None, edit: EditedSource | None = None, **query: str) -> AppTest:
        session: dict[str, object] = {} if own is None else {"own": uploads.Shelf(own)}
        if edit is not None:
            session["edits"] = {own.key: edit}
        return open_app("done", "images", session, **({} if own is None else {"data": "own"}), **query)

    return opened


def words(app: AppTest) -> str:
    return " ".join(
        str(e.value) for kind in ("markdown", "caption", "html") for e in app.get(kind) if hasattr(e, "value")
    )


def html(app: AppTest) -> str:
    return " ".join(e.proto.body for e in app.get("html"))


@pytest.mark.parametrize("language", ["en", "ko"])
class TestBothLanguages:
    def test_the_demo(self, page, language):
        app = page(language=language)
        assert app.title[0].value == write(language, "images.title")
        assert write(language, "images.no_copies") in html(app)
        assert {"choose_circuit", "choose_capsules"} <= {b.key for b in app.button}

    def test_nothing_of_ones_own(self, page, language):
        app = page(language=language)
        app.selectbox(key="w_pictures").set_value("own").run()
        assert not app.exception
        assert write(language, "images.empty_title") in words(app)

    def test_ones_own(self, page, language):
        app = page(UploadSource(archive=("부품.zip", zipped(MVTEC))), language=language)
        assert write(language, "images.room", n=14, most=600, mb="0.0", limit=f"{LIMITS.session_mb:g}") in html(app)
        assert write(language, "images.one_size", n=14, w=32, h=24, side=224) in html(app)

    def test_hostile_names_are_text(self, page, language):
        files = tuple((name, picture(i)) for i, name in enumerate(HOSTILE))
        app = page(UploadSource(normal=(*files, ("<b>x</b>.png", b"no picture"))), language=language)
        assert "&lt;b&gt;x&lt;/b&gt;.png" in html(app)
        assert "<b>x</b>.png" not in html(app)
        assert "<img src=x" not in html(app) + words(app)

    def test_all_refused(self, page, language):
        app = page(UploadSource(normal=(("a.png", b"no"), ("b.png", b"picture"))), language=language)
        assert write(language, "images.counts.refused", n=2) in html(app)
        assert write(language, "images.no_normal") in html(app)


class TestEdits:
    def test_synthetic_defects_are_offered_taken_and_undone(self, page):
        own = UploadSource(normal=tuple(NORMAL))
        app = page(own)
        app.button(key="synthetic_on").click().run()
        assert app.session_state["edits"][own.key].defects == 12
        assert "12 synthetic defects are among the test pictures" in words(app)
        app.button(key="undo").click().run()
        assert app.session_state["edits"] == {}
        assert app.button(key="synthetic_on").label == "Add 12 synthetic defects"

    def test_removed_pictures_are_listed_and_come_back(self, page):
        own = UploadSource(archive=("a.zip", zipped(MVTEC)))
        sha = glance(own).normal[0].sha256
        app = page(own, EditedSource(own, removed=frozenset({f"train:{sha}"})))
        assert "Normal <span>11</span>" in html(app)
        app.button(key="bring_all_back").click().run()
        assert "Normal <span>12</span>" in html(app)
        app.button(key="undo").click().run()
        assert "Normal <span>11</span>" in html(app)

    def test_what_is_heard_of_a_folder_has_no_signs_of_markdown(self, page):
        own = UploadSource(archive=("a.zip", zipped({f"almost_good [1]/{i}.png": picture(i) for i in range(4)})))
        heard = [box.label for box in page(own).selectbox]
        assert "What is in almost_good 1" in heard

    def test_every_ending_that_may_speak_of_pictures_can_be_chosen(self, page):
        accepted = given(page(), "sending")["accept"].split(",")
        assert {".png", ".zip", ".csv", ".xlsx", ".xlsm", ".jsonl", ".yaml", ".names"} <= {*accepted}

    def test_copies_across_both_sets_are_taken_out(self, page):
        own = UploadSource(archive=("a.zip", zipped(MVTEC))).added(UploadSource(test=(("again.png", picture(0)),)))
        app = page(own)
        app.button(key="take_out_across").click().run()
        assert "Normal <span>11</span>" in html(app)
        assert not [b for b in app.button if b.key == "take_out_across"]

    def test_a_product_of_several_is_chosen(self, page):
        both = {f"{p}/{name}": content for p in ("병", "cable") for name, content in MVTEC.items()}
        app = page(UploadSource(archive=("two.zip", zipped(both))))
        assert html(app).count("12 normal; 1 defective (crack)") + html(app).count("13 normal") >= 2
        app.button(key="choose_set_0_cable").click().run()
        assert not app.exception
        assert app.session_state["own"].source.product == "cable"
        assert "Normal <span>12</span>" in html(app)

    def test_many_of_several_are_run_into_one_table_and_each_opens(self, page):
        both = {f"{p}/{name}": content for p in ("병", "cable") for name, content in MVTEC.items()}
        app = page(UploadSource(archive=("two.zip", zipped(both))))
        assert app.button(key="sets_run").disabled
        app.button(key="sets_all").click().run()
        app.button(key="sets_run").click().run()
        assert not app.exception
        (table,) = [frame.value for frame in app.dataframe]
        assert list(table.iloc[:, 0])[:2] == ["cable", "병"]
        assert table.iloc[0, 1] == "0.900 [0.800, 0.950]"
        app.button(key="sets_open_1").click().run()
        assert not app.exception
        assert app.session_state["own"].source.product == "병"
        assert app.session_state["images_many"] is not None

    def test_a_link_to_someone_elses_pictures_opens_the_demo_and_says_so(self, page):
        app = page(data="own", product="leather")
        assert write("en", "images.elsewhere") in html(app)
        assert app.session_state["choices"].data == "demo"
        app.button(key="choose_link").click().run()
        assert write("en", "images.elsewhere") not in html(app)


class TestFolders:
    def test_only_folders_below_the_opened_ones_are_offered_and_never_whole_paths(self, page, monkeypatch, tmp_path):
        for name in ("a", "b", ".hidden"):
            (tmp_path / "sets" / name / "train/good").mkdir(parents=True)
            for i in range(3):
                (tmp_path / "sets" / name / f"train/good/{i}.png").write_bytes(picture(i))
        (tmp_path / "else").mkdir()
        (tmp_path / "sets/link").symlink_to(tmp_path / "else")
        monkeypatch.setenv("ODD_FOLDERS", f"{tmp_path / 'sets'}{os.pathsep}{tmp_path / 'none'}")
        monkeypatch.setattr(keeping, "open_to_others", lambda: True)
        app = page()
        (box,) = [box for box in app.selectbox if "_path_" in box.key]
        assert box.options == ["sets", "sets/a", "sets/b"]
        box.set_value("sets/b").run()
        assert not app.exception
        assert app.session_state["own"].source.folder == str(tmp_path / "sets/b")
        monkeypatch.setenv("ODD_FOLDERS", "")
        assert not [box for box in (*page().text_input, *page().selectbox) if "_path_" in box.key]


class TestUnderstood:
    own = UploadSource(archive=("a.zip", zipped(MVTEC | {"test/old light/00.png": picture(40)})))

    def test_the_set_is_read_aloud_and_each_folder_listed(self, page):
        app = page(self.own)
        assert "13 normal (12 to learn from, 1 to test); 2 defective of 2 kinds: crack, old light; 1 mask." in html(app)
        shown = {box.key: box.value for box in app.selectbox if box.key.startswith("read_")}
        assert [key.partition("_")[2][2:] for key in shown] == [
            "ground_truth/crack", "test/crack", "test/good", "test/old light", "train/good"
        ]  # fmt: skip
        assert set(shown.values()) == {""}

    def test_a_folder_is_corrected_named_and_taken_back(self, page):
        app = page(self.own)
        app.selectbox(key="read_3_test/old light").set_value("test/good").run()
        assert app.session_state["own"].source.roles == (("test/old light", "test/good"),)
        assert "14 normal (12 to learn from, 2 to test); 1 defective (crack)" in html(app)
        app.selectbox(key="read_3_test/old light").set_value("defective").run()
        app.text_input(key="read_3_test/old light_kind").set_value("glare").run()
        assert app.session_state["own"].source.roles == (("test/old light", "defective/glare"),)
        assert "2 defective of 2 kinds: crack, glare" in html(app)
        for _ in range(3):
            app.button(key="undo").click().run()
        assert app.session_state["own"].source.roles == ()

    def test_corrections_survive_more_pictures(self, page):
        app = page(self.own.with_roles({"test/old light": "ignore"}))
        shelf = app.session_state["own"]
        uploads.take(shelf, [("more/x.png", picture(50))], "normal")
        app.run()
        assert shelf.source.roles == (("test/old light", "ignore"),)
        assert "14 normal (13 to learn from, 1 to test); 1 defective (crack)" in html(app)

    def test_masks_of_many_pictures_are_one_row(self):
        folders = [Folder(f"gt/dent/{i:03d}", "masks", "", "dent", 0, 1, False, None) for i in range(9)]
        folders += [Folder("test/dent", "defective", "test", "dent", 9, 0, False, None)]
        assert [(row.path, row.masks) for row in rows(folders, {})] == [("gt/dent", 9), ("test/dent", 0)]
        said = rows(folders, {"gt/dent": "ignore", "test/dent/0.png": "masks"})
        assert [row.path for row in said] == ["gt/dent", "test/dent", "test/dent/0.png"]


class TestLevels:
    own = UploadSource(archive=("deep.zip", zipped(DEEP)))

    def test_values_are_drawn_and_black_and_white_moved_and_taken_back(self, page):
        app = page(self.own)
        before = glance(self.own).white
        assert app.slider(key="levels_ends").value == (before.black, before.whole)
        lines = [line["x0"] for line in drawn(app, "levels_chart")["layout"]["shapes"]]
        assert lines == [before.black, before.whole]
        app.slider(key="levels_ends").set_value((19_900, 20_300)).run()
        own = app.session_state["own"].source
        assert own.white == White(20_300, None, 19_900)
        assert "Black is 19900 and white 20300, as was chosen." in words(app)
        assert own.load().white == own.white
        app.button(key="levels_back").click().run()
        assert app.session_state["own"].source.white is None
        app.button(key="undo").click().run()
        assert app.session_state["own"].source.white == own.white

    def test_pictures_of_8_bits_have_none(self, page):
        assert drawn(page(UploadSource(archive=("a.zip", zipped(MVTEC)))), "levels_chart") is None

    def test_real_numbers_are_moved_on_their_own(self):
        found = replace(glance(self.own).levels, numbers="real", edges=np.array([0.0, 1.0, 2.0]))
        before = White(4095, 1.0, 5)
        assert levels.chosen_white(before, found, 0.25, 0.75) == White(4095, 0.75, 5, 0.25)
        assert levels.span(found) == (0.0, 2.0, 2 / 500)

    def test_a_key_crosses_thermal_values_in_500_steps_and_few_values_one_by_one(self):
        def span(low, high):
            return levels.span(replace(glance(self.own).levels, edges=np.array([low, high])))

        assert span(29_049.2, 65_535.0) == (29_049, 65_535, 73)
        assert span(0.0, 255.0) == (0, 255, 1)


class TestShapes:
    own = UploadSource(normal=tuple((f"{i}.png", encoded(scene(24, 48, i))) for i in range(3)))

    def test_a_squeeze_is_told_and_proportions_can_be_kept(self, page):
        app = page(self.own)
        said = {"w": 48, "h": 24, "side": 224, "ratio": "2.0"}
        assert write("en", "images.squeezed", **said) in html(app)
        app.button(key="shape").click().run()
        assert app.session_state["choices"].crop == "center"
        assert write("en", "images.cut", **said) in html(app)
        app.button(key="shape").click().run()
        assert app.session_state["choices"].crop == "none"

    def test_what_is_nearly_square_is_no_matter(self, page):
        app = page(UploadSource(normal=tuple((f"{i}.png", encoded(scene(40, 44, i))) for i in range(3))))
        assert not [b for b in app.button if b.key == "shape"]


class TestTrivialStatistics:
    def test_they_are_told_of_pictures_as_a_run_would_see_them(self, page):
        files = {}
        for i in range(12):
            pixels = np.random.default_rng(i).integers(60, 120, (24, 48, 3), np.uint8)
            pixels[:, :6] += 120 * (i % 2)  # a bright edge, which a square from the middle does not hold
            files[f"test/{('good', 'dent')[i % 2]}/{i}.png"] = encoded(pixels)
        own = UploadSource(archive=("a.zip", zipped(files | {f"train/good/{i}.png": picture(i) for i in range(4)})))
        assert "Brightness alone reaches AUROC 1.00" in html(page(own))
        assert "Brightness alone" not in html(page(own, crop="center"))


class TestRunning:
    def test_a_run_is_followed_here_and_leads_to_what_it_found(self, open_app):
        app = open_app("running", "images")
        assert [b for b in app.button if b.key == "cancel"]
        assert "odd-stages" in html(app)
        done = open_app("done", "images", {"images_run": "under way"})
        assert write("en", "images.ran", n=5) in words(done)
        assert write("en", "images.ran", n=5) not in words(open_app("done", "images"))

    def test_good_pictures_only_show_held_out_ones_and_synthetic_defects_are_one_click_away(
        self, open_app, monkeypatch
    ):
        from fixtures import states

        result = states.look("done")(Choices())[1]
        held = [replace(c, held_out_maps=None if c.maps is None else c.maps[: len(c.held_out)]) for c in result.columns]
        result = replace(result, test=(), columns=tuple(held))
        monkeypatch.setattr(FakeBackend, "look", lambda self, choices: (states._done(result)[0], result))
        app = open_app("done", "compare")
        assert write("en", "compare.held_out", n=len(result.held_out)) in words(app)
        assert "compare_filter" in app.session_state
        lines = [line for head in given(app, "grid")["heads"] for line in head["lines"]]
        assert lines[0]["interval"] == write("en", "grid.held_out", n=len(result.held_out))
        assert not any("missed" in line["counts"] for line in lines), "nothing is tested"
        app.button(key="synthetic_on").click().run()
        assert not app.exception
        assert [edit.defects for edit in app.session_state["edits"].values()] == [12]
        assert fake("done").ran[-1].data == "demo"


class TestFolder:
    """A folder on this machine, where the app answers no other."""

    @pytest.fixture
    def parts(self, tmp_path):
        for name, content in MVTEC.items():
            (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "parts" / name).write_bytes(content)
        return tmp_path / "parts"

    def named(self, app, path):
        (box,) = [box for box in app.text_input if "_path_" in box.key]
        return box.set_value(str(path)).run()

    def test_it_is_read_where_it_is_and_kept_nowhere(self, page, parts):
        app = self.named(page(), parts)
        own = app.session_state["own"].source
        assert (own.folder, own.bytes) == (str(parts), 0)
        assert "Normal <span>12</span>" in html(app)
        assert app.session_state["choices"].data == "own"
        app.button(key="undo").click().run()
        assert app.session_state["own"].source is None

    def test_what_is_no_folder_is_said(self, page, parts, monkeypatch):
        app = self.named(page(), parts / "nowhere")
        assert "There is no folder" in words(app)
        assert app.session_state["own"].source is None
        monkeypatch.setattr(data, "_MOST_FILES", 3)
        assert "There are more than 3 files below" in words(self.named(page(), parts))

    def test_nobody_else_may_name_one(self, page, monkeypatch):
        monkeypatch.setattr(keeping, "open_to_others", lambda: True)
        assert not [box for box in page().text_input if "_path_" in box.key]

    def test_the_key_follows_the_files(self, parts):
        before = UploadSource(folder=str(parts), stamp=stamp(parts, 100))
        assert before.key == UploadSource(folder=str(parts), stamp=stamp(parts, 100)).key
        (parts / "train/good/new.png").write_bytes(picture(70))
        assert before.key != UploadSource(folder=str(parts), stamp=stamp(parts, 100)).key
        assert len(before.load().train) == 13

    def test_one_of_several_sets_is_chosen(self, page, parts):
        for name in ("병", "cable"):
            (parts.parent / "both").mkdir(exist_ok=True)
            shutil.copytree(parts, parts.parent / "both" / name)
        app = self.named(page(), parts.parent / "both")
        app.button(key="choose_set_1_병").click().run()
        assert app.session_state["own"].source.product == "병"
        assert "Normal <span>12</span>" in html(app)


class TestEnlarged:
    own = UploadSource(archive=("a.zip", zipped(MVTEC)))

    def test_a_picture_is_shown_large_with_the_border_of_its_mask(self, open_app):
        (crack,) = [p for p in glance(self.own).test if p.kind == "crack"]
        session = {"own": uploads.Shelf(self.own), "images_enlarged": (f"test:{crack.sha256}", crack)}
        app = open_app("done", "images", session, data="own")
        assert len(app.get("image")) == 2
        assert write("en", "images.mask_share", share="4.7") in words(app)

    def test_the_border_lies_around_what_the_mask_marks(self):
        made = self.own.load()
        (crack,) = [s for s in made.test if s.kind == "crack"]
        found = large(made, crack.picture.sha256)
        plain, marked = (np.asarray(Image.open(io.BytesIO(b)), int) for b in (found.webp, found.marked))
        changed = np.abs(plain - marked).max(-1) > 40
        assert plain.shape == crack.picture.pixels.shape
        assert changed[2, 5:11].all()
        assert not changed[5:7, 7:9].any()
        assert found.share == pytest.approx(36 / (24 * 32))
        assert large(made, made.train[0].picture.sha256).marked is None
        assert large(made, "0" * 64) is None


class TestByHand:
    own = UploadSource(archive=("a.zip", zipped(MVTEC)))

    @pytest.mark.parametrize(
        ("action", "word", "normal", "kinds"),
        [
            ("learn", "", 14, []),
            ("good", "", 11, ["good", "good", "good"]),
            ("defective", "", 11, ["crack", "defective", "defective"]),
            ("defective", "bent pin", 11, ["bent pin", "bent pin", "bent pin"]),
            ("defective", "ok", 11, ["good", "good", "good"]),
            ("remove", "", 11, []),
        ],
    )
    def test_pictures_are_moved_and_named_and_a_worker_makes_the_same(self, action, word, normal, kinds):
        plain = glance(self.own)
        before = pictures.edited(plain, EditedSource(self.own), None, 0)
        chosen = {name: (p.sha256, p.defective) for name, p in (*before.test, before.learnt[0])}
        edit = replace(EditedSource(self.own), **corrections.changed(EditedSource(self.own), chosen, action, word))
        shown, made = pictures.edited(plain, edit, None, 0), glance(edit)
        assert (len(shown.normal), sorted(p.kind for _, p in shown.test)) == (normal, kinds)
        assert sorted(p.sha256 for _, p in shown.normal) == sorted(p.sha256 for p in made.normal)
        assert [(p.sha256, p.defective, p.kind) for _, p in shown.test] == [
            (p.sha256, p.defective, p.kind) for p in made.test
        ]
        if action == "remove":
            back = corrections.changed(edit, {name: (p.sha256, None) for name, p in shown.removed}, "restore")
            assert back == {"removed": frozenset(), "corrected": ()}

    @pytest.mark.parametrize(("role", "word", "kind"), [("train", "", "defective"), ("test", "gouge", "gouge")])
    def test_a_drawn_mask_makes_a_defective_picture_of_any_and_is_used_as_others_are(self, role, word, kind):
        plain = self.own.load()
        sample = next(s for s in (plain.train if role == "train" else plain.test) if s.kind == "good")
        sha = sample.picture.sha256
        png = base64.b64encode(mask()).decode()
        edit = EditedSource(self.own)
        edit = replace(edit, **by_hand.with_mask(edit, sha, png, word))
        made = edit.load()
        found = [s for s in made.test if s.picture.sha256 == sha]
        assert [(s.defective, s.kind, int(s.mask.sum())) for s in found] == [(True, kind, 36)]
        assert sha not in {s.picture.sha256 for s in made.train}
        assert all(s.mask is not None for s in made.test)
        shown = pictures.edited(glance(self.own), edit, None, 0)
        assert [p.masked for _, p in shown.test if p.sha256 == sha] == [True]
        assert large(made, sha).mask is not None
        again = replace(
            edit, **by_hand.with_mask(edit, sha, base64.b64encode(encoded(np.zeros_like(scene(24, 32)))).decode(), "")
        )
        (found,) = [s for s in again.load().test if s.picture.sha256 == sha]
        assert (found.kind, found.mask) == (kind, None)

    @pytest.mark.parametrize("content", [b"", b"GIF89a", bytes(2_000_000)], ids=["empty", "gif", "large"])
    def test_what_is_no_mask_is_not_taken(self, content):
        assert by_hand._png({"png": base64.b64encode(content).decode()}) is None
        assert by_hand._png({"png": "no base64!"}) is None

    def test_a_mask_that_cannot_be_read_is_none(self):
        sha = glance(self.own).test[-1].sha256
        broken = base64.b64encode(b"\x89PNG\r\n\x1a\n and no more").decode()
        made = EditedSource(self.own, masks=((sha, broken),), labels=((sha, True),)).load()
        assert [s.defective for s in made.test if s.picture.sha256 == sha] == [True]

    def test_what_was_said_last_holds(self):
        sha = glance(self.own).test[0].sha256
        edit = EditedSource(self.own)
        for action, word in (("learn", ""), ("defective", "dent"), ("learn", ""), ("good", "")):
            edit = replace(edit, **corrections.changed(edit, {f"test:{sha}": (sha, None)}, action, word))
        assert (edit.labels, edit.moved) == (((sha, False),), ())


class TestShelf:
    def test_files_go_where_their_role_says(self):
        shelf = uploads.Shelf()
        packed = ("z.zip", zipped({"a.png": picture(0)}))
        assert uploads.take(shelf, [("b.png", picture(1)), packed], "test") == 2
        assert uploads.take(shelf, [("c.png", picture(2)), ("c_mask.png", mask())], "test") == 2
        first, second, third = shelf.source.parts
        assert (first.test, second.archive_role) == ((("b.png", picture(1)),), "test")
        assert ([n for n, _ in third.test], [n for n, _ in third.masks]) == (["c.png"], ["c_mask.png"])
        assert uploads.take(shelf, [("d/e.png", picture(3))], "placed") == 1
        assert shelf.source.parts[-1].placed == (("d/e.png", picture(3)),)

    def test_what_does_not_fit_is_refused_and_the_rest_goes_on(self):
        limits = replace(LIMITS, session_mb=2500 / MB)
        shelf = uploads.Shelf()
        files = [("a.png", b"x" * 2000), ("b.png", b"y" * 1000), ("c.png", b""), ("d.png", b"z" * 400)]
        assert uploads.take(shelf, files, "normal", limits) == 2
        assert [(name, why) for name, why, _ in shelf.refused] == [("b.png", "session"), ("c.png", "empty")]
        assert shelf.source.bytes == 2400
        assert uploads.take(shelf, [("e.png", b"w" * 200)], "normal", limits) == 0
        assert shelf.source.bytes == 2400

    def test_all_sessions_share_one_room(self):
        other, mine = uploads.Shelf(UploadSource(normal=(("a.png", b"x" * 1000),))), uploads.Shelf()
        uploads._all_shelves().add(other)
        taken = sum(shelf.bytes for shelf in uploads._all_shelves())
        limits = replace(LIMITS, all_sessions_mb=(taken + 500) / 0.9 / MB)
        assert uploads.take(mine, [("b.png", b"y" * 501)], "normal", limits) == 0
        assert mine.refused[0][1] == "all"
        assert uploads.take(mine, [("b.png", b"y" * 400)], "normal", limits) == 1

    def test_bytes_that_an_undo_would_bring_back_count(self):
        shelf = uploads.Shelf(UploadSource(normal=(("a.png", b"x" * 1000),)))
        shelf.remember("upload", {})
        shelf.source = None
        assert shelf.bytes == 1000

    def test_a_closed_tab_frees_its_bytes_and_a_living_one_keeps_them(self, monkeypatch):
        timers, forgotten = [], []
        monkeypatch.setattr(uploads.upload_bound, "forget", forgotten.append)
        monkeypatch.setattr(
            uploads.threading, "Timer", lambda seconds, work: timers.append((seconds, work)) or _Still()
        )
        gone = uploads.Shelf(UploadSource(normal=(("a.png", b"x"),)))
        back = uploads.Shelf(UploadSource(normal=(("a.png", b"x"),)))
        for name, shelf in (("gone", gone), ("back", back)):
            uploads._release(uploads._Keeper(name, shelf))
        back.seen += 1000
        assert [seconds <= 120 for seconds, work in timers if not work()] == [True, True]
        assert (gone.source, back.source is None) == (None, False)
        assert forgotten == ["gone"]


class TestCutOff:
    """An upload that no page sends any more is told, used as far as it came, or removed."""

    @pytest.fixture
    def shelf(self):
        mine = uploads.Shelf()
        for name, role, size in (("good/a.png", "normal", 1), ("b.png", "test", 1), ("c.png", "test", 3)):
            arriving = mine.tray.expect(name, name, len(picture(1)) * size, role)
            arriving.write(picture(len(mine.tray.files)))
            arriving.seen -= 60
        yield mine
        mine.clear()

    def test_it_is_used_as_far_as_it_came(self, open_app, shelf):
        app = open_app("done", "images", {"own": shelf, "cut_off": 0.0})
        assert "2 whole, 1 in part" in words(app)
        app.button(key="unfinished_use").click().run()
        (normal, test) = shelf.source.parts
        assert ([name for name, _ in normal.normal], [name for name, _ in test.test]) == (["good/a.png"], ["b.png"])
        assert shelf.tray.files == {}
        assert "1 in part" not in words(app)

    def test_it_is_removed(self, open_app, shelf):
        app = open_app("done", "images", {"own": shelf, "cut_off": 0.0})
        app.button(key="unfinished_drop").click().run()
        assert (shelf.tray.files, shelf.source) == ({}, None)

    def test_nothing_is_said_while_files_come(self, open_app, shelf):
        shelf.tray.files["c.png"].write(b"more")
        assert "in part" not in words(open_app("done", "images", {"own": shelf, "cut_off": 0.0}))


class TestKept:
    """A shelf outlives its tabs for a stated time, and no longer."""

    @pytest.fixture
    def kept(self):
        return uploads.Kept(hours=2)

    def stored(self, kept, browser, tab=None, size=10):
        shelf = kept.of(browser)
        shelf.source = UploadSource(normal=(("a.png", browser[:1].encode() * size),))
        shelf.tabs = set() if tab is None else {tab}
        return shelf

    def test_a_browser_finds_its_own_and_nobody_elses(self, kept):
        mine = self.stored(kept, "a")
        assert kept.of("a") is mine
        assert kept.of("b").source is None

    def test_it_goes_when_its_time_is_over_unless_a_tab_is_open(self, kept):
        closed, still_open = self.stored(kept, "a"), self.stored(kept, "b", "tab")
        kept.expire(closed.seen + 7100)
        assert closed.source is not None
        kept.expire(closed.seen + 7300)
        assert (closed.source, closed.edits, still_open.source is None) == (None, {}, False)
        assert kept.of("a") is not closed

    def test_a_folder_that_is_read_where_it_lies_is_found_as_long(self, kept):
        closed, empty = self.stored(kept, "a"), kept.of("b")
        closed.source = UploadSource(folder="/data/parts")
        kept.expire(closed.seen + 7100)
        assert closed.bytes == 0
        assert kept.of("a") is closed
        assert kept.of("b") is not empty

    def test_the_oldest_without_a_tab_makes_room(self, kept):
        first, second, looked_at = (
            self.stored(kept, name, tab) for name, tab in zip("abc", (None, None, "t"), strict=True)
        )
        first.seen, second.seen = 1.0, 2.0
        assert kept.make_room(5) == 10
        assert (first.source, second.source is None, looked_at.source is None) == (None, False, False)
        assert kept.make_room(1000) == 10
        assert looked_at.source is not None

    def test_a_full_server_takes_new_pictures_in_the_place_of_forgotten_ones(self, kept, monkeypatch):
        monkeypatch.setattr(uploads, "_kept", lambda: kept)
        old, mine = self.stored(kept, "a", size=1000), uploads.Shelf()
        uploads._all_shelves().add(old)
        taken = sum(shelf.bytes for shelf in uploads._all_shelves())
        limits = replace(LIMITS, all_sessions_mb=(taken + 100) / 0.9 / MB)
        assert uploads.take(mine, [("b.png", b"y" * 900)], "normal", limits) == 1
        assert old.source is None

    def test_edits_of_built_in_pictures_end_with_the_tabs_and_those_of_own_ones_do_not(self, kept):
        shelf = self.stored(kept, "a", "tab")
        shelf.edits |= {shelf.source.key: EditedSource(shelf.source, defects=3), "demo x": EditedSource(shelf.source)}
        assert len(kept.of("a").edits) == 2
        shelf.tabs.clear()
        assert list(kept.of("a").edits) == [shelf.source.key]

    def test_forgetting_is_true_at_once(self, page, monkeypatch):
        forgotten = []
        monkeypatch.setattr(uploads.upload_bound, "forget", forgotten.append)
        own = UploadSource(archive=("a.zip", zipped(MVTEC)))
        app = page(own)
        app.session_state["inspect_stroke"] = {"png": "x"}
        app.button(key="forget").click().run()
        shelf = app.session_state["own"]
        assert (shelf.source, shelf.steps, shelf.edits, shelf.bytes) == (None, [], {}, 0)
        assert "inspect_stroke" not in app.session_state
        assert app.session_state["choices"].data == "demo"
        assert forgotten == list(shelf.tabs)
        assert not [b for b in app.button if b.key == "forget"]


class _Still:
    daemon = False

    def start(self) -> None:
        pass


class TestSeen:
    own = UploadSource(archive=("a.zip", zipped(MVTEC)))

    def test_the_split_is_the_engines(self):
        from detectors.comparison.comparison import Comparison

        shown = pictures.edited(glance(self.own), EditedSource(self.own), None, seed=7)
        prepared = Comparison(seed=7).prepare(self.own.load())
        assert [p.sha256 for _, p in shown.learnt] == [p.sha256 for p in prepared.learnt]
        assert [p.sha256 for _, p in shown.held_out] == [p.sha256 for p in prepared.held_out]

    @pytest.mark.parametrize("defects", [0, 4])
    def test_edits_show_what_a_worker_would_make(self, defects):
        plain = glance(self.own)
        first, second = (p.sha256 for p in plain.normal[:2])
        edit = EditedSource(self.own, frozenset({f"train:{first}"}), ((second, True),), defects)
        made = glance(edit)
        shown = pictures.edited(plain, edit, made if defects else None, seed=0)
        assert sorted(p.sha256 for _, p in shown.normal) == sorted(p.sha256 for p in made.normal)
        assert [(p.sha256, p.defective) for _, p in shown.test] == [(p.sha256, p.defective) for p in made.test]
        assert [name for name, _ in shown.removed] == [f"train:{first}"]
        assert f"train:{second}" in [name for name, _ in shown.test]

    def test_copies_are_found_where_they_stand(self):
        twice = UploadSource(normal=(("a.png", picture(0)), ("b.png", picture(0))), test=(("c.png", picture(0)),))
        plain = glance(twice)
        sha = plain.normal[0].sha256
        shown = pictures.edited(plain, EditedSource(twice), None, seed=0)
        assert pictures.copies(shown, "across") == {f"train:{sha}", f"train:{sha}#1"}
        assert len(pictures.copies(shown, "train")) == 1
        assert pictures.copies(shown, "test") == frozenset()
