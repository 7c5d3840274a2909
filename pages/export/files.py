"""The rows of the Export page: what each file is, how large, and the button that takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from html import escape

import streamlit as st

from detectors import report
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import Column, Result
from pages.frame import backend, component, once, session, stressed
from pages.frame.downloads import Download
from pages.frame.provenance import copy_button
from pages.frame.refresh import poll
from pages.frame.state import Choices
from pages.frame.words import amount, language, plain, say, table, text

ROWS = ("report", "archive", "table", "detector", "line", "script")
_OVERLAY_BYTES = 1.35  # per pixel of a PNG with three channels, as measured on the demo set
_MAP_BYTES = 5.7  # per pixel: four raw, the rest as 16-bit PNG


def styles() -> None:
    """Add the rows' style sheet."""
    component.styles("pages/export/export.css")


def sentence(choices: Choices, result: Result) -> str:
    """Return the one sentence that says what can be taken."""
    several = len({column.backbone for column in result.columns}) > 1
    columns = text("export.pairs" if several else "export.methods", n=len(result.columns))
    values = {"data": plain(_data(result)), "columns": columns, "pictures": len(result.test)}
    step = choices.threshold.step(len(result.held_out))
    if step is None:
        return text("export.lead_no_threshold", **values)
    return text("export.lead", **values, j=step[0], of=step[1])


def empty() -> None:
    """Show what will be here, while there is nothing to take."""
    for name in ROWS:
        with row(name, text("export.later")):
            st.button(text(f"export.{name}.button"), key=f"export_{name}_none", disabled=True, width="stretch")


def files(choices: Choices, result: Result, ready: bool) -> None:
    """Show the rows of files; the buttons wait until the run is over."""
    choice = choices.threshold
    found = stressed.stressed(backend.current().run_key, choices, result)
    options = (language(), choice, _focus(choices, result), choices.colour, found)
    page, archive = (backend.current().file(result, kind, *options) for kind in ("page", "archive"))
    if ready:
        page.soon()
    later = "" if ready else text("export.later")
    with row("report", later or _Size(page, None)):
        _take("report", page.get, f"{stem(result)}-report.html", "text/html", ready)
    with row("archive", later or _Size(archive, _expected(result))):
        _take("archive", archive.get, f"{stem(result)}.zip", "application/zip", ready)
    # Written on the click: a moved threshold changes a column of it, and hardly its size.
    size = once.of(result, "csv size", lambda: len(_table(choice, result))) if ready else 0
    with row("table", later or text("export.about", size=amount(size))):
        _take("table", partial(_table, choice, result), f"{stem(result)}-scores.csv", "text/csv", ready)
    _detector(choices, result, ready)


def python(choices: Choices, result: Result) -> None:
    """Show the script that repeats the run, with a button that copies and one that takes it."""
    found = stressed.stressed(backend.current().run_key, choices, result)
    written = once.of(
        result, ("script", choices.threshold, repr(found)), lambda: report.script(result, choices.threshold, found)
    )
    needs_files = "UploadSource(" in written
    with row("script", amount(len(written.encode())), text("export.script.files") if needs_files else ""):
        _take("script", written.encode(), "run.py", "text/x-python", True)
        copy_button(written, text("export.script.copy"))
    st.code(written, "python", wrap_lines=True)  # a block that scrolls sideways is out of the keyboard's reach


def _detector(choices: Choices, result: Result, ready: bool) -> None:
    """Show the row of fitted detectors, one of which is chosen."""
    if not ready:
        with row("detector", text("export.later")):
            _take("detector", b"", "", None, ready)
        return
    columns = {column.key: column for column in result.columns}
    names = {key: _title(result, column) for key, column in columns.items()}
    if session.widget("export_column") not in columns:
        focused = choices.focus
        session.set_widget("export_column", sorted(columns, key=lambda key: columns[key].method != focused)[0])
    chosen = columns[session.widget("export_column")]
    download = backend.current().file(result, "detector", chosen.key, choices.threshold)
    with row("detector", _Size(download, chosen.cost.model_bytes)):
        st.selectbox(
            text("export.detector.which"), [*columns], format_func=names.get, key="export_column",
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        _take("detector", download.get, f"{stem(result)}-{chosen.method}.safetensors", None, ready)


@contextmanager
def row(name: str, size: str | _Size, more: str = "") -> Iterator[None]:
    """Lay out one row: what it is on the left, its size, and on the right what the block shows."""
    with st.container(key=f"export_row_{name}", horizontal=True, vertical_alignment="center"):
        about = f"<p>{escape(text(f'export.{name}.what'))} {escape(more)}</p>"
        st.html(f'<div class="odd-file"><h2>{escape(text(f"export.{name}.title"))}</h2>{about}</div>', width="stretch")
        with st.container(key=f"export_size_{name}", width="content"):
            if isinstance(size, str):
                st.html(f'<div class="odd-size">{escape(size)}</div>')
            else:
                size.show()
        with st.container(key=f"export_take_{name}", width="content"):
            yield


class _Size:
    """How large a file is: as counted, else as expected; drawn again when a file that is being made is ready."""

    def __init__(self, download: Download, expected: float | None) -> None:
        self._download, self._expected = download, expected

    def show(self) -> None:
        def part() -> None:
            st.html(f'<div class="odd-size" aria-live="polite">{escape(self._said())}</div>')

        poll(part, lambda: self._download.making, still=True)

    def _said(self) -> str:
        if self._download.refused is not None:
            return say(self._download.refused)
        if self._download.size is not None:
            return amount(self._download.size)
        if self._download.making:
            return text("export.making")
        return text("export.about", size=amount(self._expected)) if self._expected else ""


def _take(name: str, content: bytes | Callable[[], bytes], file: str, kind: str | None, ready: bool) -> None:
    """Show the button that downloads; what is not there yet is made on the click, outside the script."""
    st.download_button(
        text(f"export.{name}.button"), content, file, kind, key=f"export_{name}", on_click="ignore",
        icon=":material/download:", width="stretch", disabled=not ready,
    )  # fmt: skip


def _table(choice: ThresholdChoice, result: Result) -> bytes:
    """Return the CSV."""
    return ("\ufeff" + report.write_csv(result, choice)).encode()


def _focus(choices: Choices, result: Result) -> str | None:
    return next((c.key for c in result.columns if c.method == choices.focus), None)


def _title(result: Result, column: Column) -> str:
    several = len({c.backbone for c in result.columns}) > 1
    return f"{text(f'methods.{column.method}')} · {column.backbone}" if several else text(f"methods.{column.method}")


def _data(result: Result) -> str:
    return table(language())["products"].get(result.data) or result.data


def stem(result: Result) -> str:
    """Return how the files are called: what of the data set's name every system accepts."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", result.data).strip("-").lower()[:40]
    return f"odd-one-out-{kept}" if kept else "odd-one-out"


def _expected(result: Result) -> float:
    """Return about how many bytes the ZIP will have."""
    pixels = sum(p.pixels.shape[0] * p.pixels.shape[1] for p in result.test)
    maps = sum(column.maps is not None for column in result.columns)
    return pixels * (_OVERLAY_BYTES * (1 + maps) + _MAP_BYTES * maps) + 1_000_000
