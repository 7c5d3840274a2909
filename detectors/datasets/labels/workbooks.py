"""Workbooks of Excel (.xlsx) beside pictures: the first sheet that names pictures is read as a table of labels."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zipfile import ZipFile

from detectors.datasets.labels.tables import Pictures, Table, read_rows
from detectors.errors import Sentence
from detectors.images.limits import MB

_UNPACKED = 128 * MB
_MOST_ROWS, _MOST_COLUMNS = 200_000, 256


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook; its cells are text."""

    title: str
    rows: list[list[str]]


def read_workbook(content: bytes) -> list[Sheet] | None:
    """Return the sheets that hold anything; None for a file that is no workbook, is locked, or unpacks to too much."""
    from openpyxl import load_workbook  # here: few sets need it, and it takes 0.2 s

    try:
        with ZipFile(io.BytesIO(content)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > _UNPACKED:
                return None
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = {sheet.title: list(_rows(sheet.iter_rows(values_only=True))) for sheet in book.worksheets}
    except Exception:  # a damaged workbook fails in nearly every way there is
        return None
    return [Sheet(title, found) for title, found in rows.items() if found]


def _rows(cells: Iterable[Sequence[object]]) -> Iterator[list[str]]:
    for _, row in zip(range(_MOST_ROWS), cells, strict=False):
        said = ["" if cell is None else str(cell).strip() for cell in row[:_MOST_COLUMNS]]
        if any(said):
            yield said


def read_sheets(name: str, sheets: Sequence[Sheet], pictures: Pictures) -> tuple[Table | None, tuple[Sentence, ...]]:
    """Return what the first sheet that names pictures says, and what to say of others that name some too."""
    tables = {sheet.title: table for sheet in sheets if (table := read_rows(name, sheet.rows, pictures)) is not None}
    used = next((title for title, table in tables.items() if table.places), next(iter(tables), ""))
    others = [title for title in tables if title != used]
    if not others:
        return tables.get(used), ()
    return tables[used], (
        Sentence(
            "dataset.other_sheets",
            "Of {file} the sheet {sheet} is read; others that name pictures are not: {others}. Save them as CSV.",
            file=name.rpartition("/")[2], sheet=used, others=", ".join(others),
        ),
    )  # fmt: skip
