"""Labels in workbooks of Excel, by the rule that tables in CSV are read by."""

from __future__ import annotations

import io
import random
import sys

import pytest
from fixtures.sets import load, read, states, tree
from openpyxl import Workbook

from detectors.datasets.labels.workbooks import read_workbook
from detectors.datasets.sources import UploadSource

NAMES = tuple(f"img/{i:03}.png" for i in range(4))


def book(**sheets):
    made = Workbook()
    made.remove(made.active)
    for title, rows in sheets.items():
        sheet = made.create_sheet(title)
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("rows", "tested"),
    [
        ([["file", "label"], ["000.png", "ok"], ["001.png", "ok"], ["002.png", "crack"], ["003.png", "ok"]], "crack"),
        ([["판정표"], [], ["파일명", "판정"], *([f"00{i}", "불량" if i == 2 else "양품"] for i in range(4))], "불량"),
        ([["id", "has_defect"], [0, False], [1, False], [2, True], [3, False]], "defective"),
        ([["name", "crack", "hole"], ["000.png", 0, 0], ["001.png", 0, 0], ["002.png", 0, 1], ["003.png", 0, 0]],
         "hole"),
    ],
)  # fmt: skip
def test_a_workbook_is_read_as_a_table_is(rows, tested):
    content = tree(*NAMES) | {"labels.xlsx": book(Sheet1=rows)}
    data = load(content)
    assert read(data) == ([NAMES[i] for i in (0, 1, 3)], {NAMES[2]: (tested, None)})
    assert states(data, "ignored") == {"labels.xlsx": "file.table"}
    assert read(UploadSource(placed=tuple(content.items())).load()) == read(data)


def test_the_first_sheet_that_names_pictures_is_read_and_others_are_told():
    said = [["file", "label"], ["000.png", "ok"], ["001.png", "ok"], ["002.png", "nok"], ["003.png", "ok"]]
    content = book(Notes=[["made by", "Kim"]], Monday=said, Tuesday=[["file", "label"], ["001.png", "nok"]])
    data = load(tree(*NAMES) | {"labels.xlsx": content})
    assert read(data)[1] == {NAMES[2]: ("nok", None)}
    assert str(data.report.notes[0]) == (
        "Of labels.xlsx the sheet Monday is read; others that name pictures are not: Tuesday. Save them as CSV."
    )


def test_a_broken_one_is_told_and_one_of_something_else_is_passed_over():
    cut = book(Sheet1=[["file", "label"], ["000.png", "ok"]])[:-200]
    data = load(tree(*NAMES) | {"labels.xlsx": cut, "sales.xlsx": book(Sheet1=[["month", "sum"], ["May", 3]])})
    assert states(data, "ignored") == {"labels.xlsx": "file.sheet", "sales.xlsx": "file.document"}
    (told,) = [str(note) for note in data.report.notes if note.key == "dataset.labels_perhaps"]
    assert told.startswith("labels.xlsx may say which pictures are defective")


def test_one_that_unpacks_to_too_much_is_not_opened(monkeypatch):
    monkeypatch.setattr("detectors.datasets.labels.workbooks._UNPACKED", 1_000)
    data = load(tree(*NAMES) | {"labels.xlsx": book(Sheet1=[["file", "label"], ["000.png", "nok"]])})
    assert states(data, "ignored") == {"labels.xlsx": "file.sheet"}


def test_a_damaged_one_never_stops_the_reading():
    whole = book(Sheet1=[["file", "label"], *([f"{i:03}.png", "ok"] for i in range(4))])
    chance = random.Random(1)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 + chance.randrange(255)
        found = read_workbook(bytes(damaged))
        assert found is None or len(found) <= 1


def test_a_missing_library_is_not_a_damaged_workbook(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ModuleNotFoundError):
        read_workbook(book(Sheet1=[["file", "label"], ["000.png", "ok"]]))
