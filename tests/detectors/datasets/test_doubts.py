"""Names that contradict themselves or each other, take "good" half back, or say that nobody has looked."""

from __future__ import annotations

import pytest
from fixtures.sets import load, read, tree

from detectors.datasets import words
from detectors.errors import DatasetRefused

HEDGED = ("almost good", "less good", "ok but scratched", "good with scratch", "normal wear", "good_but_dented",
          "OK_긁힘", "OK_NG_mixed", "NG->OK", "false NG", "false negative", "bedingt gut")  # fmt: skip


def kinds(data):
    return {name: kind for name, (kind, _) in read(data)[1].items()}


def notes(data):
    return {note.key: note.values for note in data.report.notes}


@pytest.mark.parametrize("folder", HEDGED)
def test_a_folder_that_takes_good_half_back_is_tested_without_a_label_and_told(folder):
    data = load(tree("good/1.png", "good/2.png", "crack/3.png", f"{folder}/4.png"))
    assert read(data)[0] == ["good/1.png", "good/2.png"]
    assert kinds(data) == {"crack/3.png": "crack", f"{folder}/4.png": None}
    assert notes(data)["dataset.contradicted"] == {"names": folder, "count": 1}


@pytest.mark.parametrize(
    ("folder", "quality"),
    [("not so good", "bad"), ("not very ok", "bad"), ("never ok", "bad"), ("n.ok", "bad"), ("no scratch", "good"),
     ("crack_negative", "good"), ("ok_front", "good"), ("normal maps", ""), ("very bad", "bad"),
     ("불량아님", "good"), ("양품아님", "bad"), ("비양품", "bad"), ("긁힘없음", "good"), ("无划痕", "good"),
     ("有划痕", "bad"),
     ("非良品", "bad"), ("キズ無し", "good"), ("キズ有り", "bad"), ("良品以外", "bad"),
     ("미검사", "unlabelled"), ("과검", "unlabelled"), ("Ungeprüft", "unlabelled"), ("Pseudofehler", "unlabelled"),
     ("要検査", "unlabelled"), ("overkill", "unlabelled"), ("not yet", "unlabelled"), ("正样本", "unlabelled")],
)  # fmt: skip
def test_negations_and_doubts_are_understood_in_every_language(folder, quality):
    assert words.meaning(folder).quality == quality


def test_a_doubtful_folder_among_the_training_pictures_is_not_learnt():
    data = load(tree("train/good/1.png", "train/good_but_dented/2.png", "test/crack/3.png"))
    assert read(data)[0] == ["train/good/1.png"]


def test_a_good_folder_inside_a_bad_one_is_tested_without_a_label_and_told():
    data = load(tree("OK/1.png", "OK/2.png", "NG/reference/3.png", "NG/deep/4.png"))
    assert read(data)[0] == ["OK/1.png", "OK/2.png"]
    assert kinds(data) == {"NG/reference/3.png": None, "NG/deep/4.png": "deep"}
    assert notes(data)["dataset.contradicted"] == {"names": "reference", "count": 1}


def test_a_bad_folder_inside_a_good_one_is_defective_and_the_rest_is_good_by_its_folder():
    data = load(tree("good/1.png", "good/2.png", "good/ng/3.png", "good/bad_light/4.png"))
    assert kinds(data) == {"good/ng/3.png": "ng", "good/bad_light/4.png": None}
    why = {folder.path: str(folder.why) for folder in data.report.understanding.folders}
    assert why["good"] == "The folder good says so."


def test_a_word_on_both_sides_is_a_light_and_the_outer_folder_counts():
    data = load(tree("good/bad_light/1.png", "good/good_light/2.png", "bad/bad_light/3.png", "bad/good_light/4.png"))
    assert read(data)[0] == ["good/bad_light/1.png", "good/good_light/2.png"]
    assert kinds(data) == {"bad/bad_light/3.png": "bad", "bad/good_light/4.png": "bad"}


def test_normals_of_the_surface_beside_colours_are_no_good_pictures():
    data = load(tree("train/good/rgb/1.png", "train/good/normals/1.png", "test/crack/rgb/2.png",
                     "test/crack/normals/2.png"))  # fmt: skip
    assert read(data) == (["train/good/rgb/1.png"], {"test/crack/rgb/2.png": ("crack", None)})


@pytest.mark.parametrize(
    ("defective", "kind"),
    [("crack_1", "crack"), ("hole-1", "hole"), ("not_ok_1", "defective"), ("not good (1)", "defective"),
     ("긁힘_1", "긁힘"), ("deep_scratches_1", "scratches")],
)  # fmt: skip
def test_names_of_files_tell_defects_from_good_ones(defective, kind):
    data = load(tree("ok_1.png", "ok_2.png", "ok_3.png", f"{defective}.png"))
    assert read(data) == (["ok_1.png", "ok_2.png", "ok_3.png"], {f"{defective}.png": (kind, None)})


def test_a_name_that_is_not_like_those_of_good_ones_is_left_open_and_told():
    data = load(tree("ok_1.png", "ok_2.png", "odd_1.png", "ok_crack_1.png"))
    assert read(data)[0] == ["ok_1.png", "ok_2.png"]
    assert kinds(data) == {"odd_1.png": None, "ok_crack_1.png": None}
    assert notes(data)["dataset.names_unclear"] == {"count": 2, "example": "odd_1.png"}


def test_defects_in_names_beside_bare_numbers():
    data = load(tree("001.png", "002.png", "scratch_003.png"))
    assert read(data) == (["001.png", "002.png"], {"scratch_003.png": ("scratch", None)})


def test_a_word_that_all_names_have_is_the_product():
    data = load(tree("chip_1.png", "chip_2.png", "NG_chip_3.png"))
    assert read(data) == (["chip_1.png", "chip_2.png"], {"NG_chip_3.png": ("defective", None)})


def test_flat_names_in_folders_of_products_are_sets_and_alone_are_read():
    files = tree("bolt/OK_1.png", "bolt/NG_1.png", "nut/OK_1.png", "nut/NG_1.png")
    with pytest.raises(DatasetRefused) as refused:
        load(files)
    assert refused.value.sentence.values["products"] == ("bolt", "nut")
    assert read(load(files, product="nut")) == (["nut/OK_1.png"], {"nut/NG_1.png": ("defective", None)})
    data = load(tree("good/1.png", "good/2.png", "bolt/OK_1.png", "bolt/OK_2.png", "bolt/NG_1.png"))
    assert kinds(data) == {"bolt/NG_1.png": "defective"}


def test_a_cell_that_takes_good_half_back_is_not_learnt():
    files = tree("1.png", "2.png", "3.png", "4.png", "5.png")
    table = 'file,label\n1.png,ok\n2.png,ok\n3.png,NG\n4.png,"ok, deep scratch"\n5.png,not yet\n'
    data = load(files | {"labels.csv": table.encode()})
    assert read(data)[0] == ["1.png", "2.png"]
    assert kinds(data) == {"3.png": "NG", "4.png": None, "5.png": None}
    assert notes(data)["dataset.cells_open"] == {
        "file": "labels.csv", "words": '"not yet", "ok, deep scratch"', "count": 2}  # fmt: skip


def test_a_cell_that_takes_good_half_back_counts_against_a_good_folder():
    files = tree("good/1.png", "good/2.png", "bad/3.png")
    data = load(files | {"labels.csv": b"file,label\n1.png,ok\n2.png,?\n3.png,bad\n"})
    assert read(data)[0] == ["good/1.png"]
    assert kinds(data) == {"good/2.png": None, "bad/3.png": "bad"}


def verdicts(head, *rows):
    lines = [head, *(f"{i}.png,{row}" for i, row in enumerate(rows, 1))]
    return load(tree(*(f"{i}.png" for i in range(1, len(rows) + 1))) | {"l.csv": "\n".join(lines).encode()})


def test_rows_in_which_columns_of_verdicts_disagree_are_tested_without_a_label_and_told():
    data = verdicts("file,result,quality", "OK,OK", "OK,NG", "NG,NG", "NG,OK")
    assert read(data)[0] == ["1.png"]
    assert kinds(data) == {"2.png": None, "3.png": "NG", "4.png": None}
    assert notes(data)["dataset.columns_against"] == {"file": "l.csv", "names": "result, quality"}


@pytest.mark.parametrize("head", ["file,AOI_result,final_result", "file,label,label_final", "파일,판정,최종 판정"])
def test_of_columns_that_disagree_the_final_one_counts_and_that_is_told(head):
    for first in ("NG", "OK"):
        data = verdicts(head, f"{first},OK", "OK,OK", "OK,NG", "OK,OK")
        assert read(data)[0] == ["1.png", "2.png", "4.png"]
        assert kinds(data) == {"3.png": "NG"}
        assert notes(data)["dataset.columns_decided"]["column"] == head.rpartition(",")[2]


@pytest.mark.parametrize("rows", [("file,label,type", "OK,OK", "NG,scratch"), ("file,label,status", "OK,ok", "NG,ok")])
def test_a_column_of_kinds_or_one_that_is_always_ok_is_no_other_verdict(rows):
    data = verdicts(*rows)
    assert kinds(data) == {"2.png": "NG"}
    assert not {"dataset.columns_against", "dataset.columns_decided"} & notes(data).keys()


def test_tables_that_contradict_each_other_are_told():
    tables = {
        "v1.csv": b"file,label\n1.png,OK\n2.png,NG\n",
        "v2.csv": b"file,label\n1.png,NG\n2.png,NG\n3.png,OK\n",
    }
    data = load(tree("1.png", "2.png", "3.png") | tables)
    assert read(data)[0] == ["3.png"]
    assert notes(data)["dataset.tables_against"] == {"files": "v1.csv, v2.csv", "count": 1, "example": "1.png"}


def test_words_of_a_table_that_say_nothing_are_told():
    data = verdicts("file,defect", "none", "none", "-", "scratch", "n/a")
    assert read(data)[0] == ["1.png", "2.png"]
    assert notes(data)["dataset.cells_open"] == {"file": "l.csv", "words": '"-", "n/a"', "count": 2}


@pytest.mark.parametrize(("good", "bad", "kind"), [("good", "scratch", "scratch"), ("OK", "NG", "NG")])
def test_validation_is_tested_where_it_holds_defects_and_nothing_else_is_tested(good, bad, kind):
    names = (f"train/{good}/1.png", f"val/{good}/2.png", f"val/{bad}/3.png")
    assert read(load(tree(*names))) == ([names[0]], {names[1]: ("good", None), names[2]: (kind, None)})
    test = f"test/{good}/4.png"
    assert read(load(tree(*names, test)))[0] == [*names[:2]]
    assert read(load(tree(*names[:2])))[0] == [*names[:2]]
    assert read(load(tree(*names[1:])))[0] == [names[1]]


def test_a_numbered_set_called_after_a_language_is_not_defective():
    files = tree("01_ko/양품/1.png", "01_ko/불량/2.png", "02_ja/良品/1.png", "02_ja/不良/2.png")
    with pytest.raises(DatasetRefused) as refused:
        load(files)
    assert refused.value.sentence.values["products"] == ("01_ko", "02_ja")
    assert read(load(tree("01_OK/1.png", "02_KO/2.png"))) == (["01_OK/1.png"], {"02_KO/2.png": ("02_KO", None)})


def test_the_reason_for_what_is_no_picture_is_that_it_is_none():
    data = load(tree("1.png", "2.png", "NG_3.png") | {"parts/ok.png": b"x", "parts/ng.png": b"y"})
    folders = {folder.path: folder for folder in data.report.understanding.folders}
    assert folders["parts"].role == ""
    assert folders["parts"].why == next(entry.sentence for entry in data.report.entries if entry.state == "refused")


def test_what_a_judge_or_a_decision_says_is_a_verdict():
    for key in ("judge", "decision"):
        own = {f"{i}.json": f'{{"{key}": "{said}", "time": 0}}'.encode() for i, said in enumerate(("OK", "OK", "NG"))}
        assert read(load(tree("0.png", "1.png", "2.png") | own)) == (["0.png", "1.png"], {"2.png": ("NG", None)})
