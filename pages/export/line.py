"""The row of the ONNX file: written and checked on a click in a worker, then there to be taken."""

from __future__ import annotations

import streamlit as st

from detectors.errors import Refusal
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.queries import export
from detectors.result import Result
from pages.export.files import row, stem
from pages.frame import backend, session, style
from pages.frame.backend import Answer
from pages.frame.refresh import poll
from pages.frame.state import Choices
from pages.frame.words import amount, say, stage_name, text


def line(choices: Choices, result: Result, ready: bool) -> None:
    """Show the row for the detector that is chosen in the row above."""
    if not ready:
        with row("line", text("export.later")):
            st.button(text("export.line.make"), key="export_line_none", disabled=True, width="stretch")
        return
    column = session.widget("export_column")
    asked = backend.current().run_key, column, choices.threshold
    poll(lambda: _row(result, asked), lambda: (answer := _answer(asked)) is not None and answer.pending)


def _row(result: Result, asked: tuple[str, str, ThresholdChoice]) -> None:
    answer = _answer(asked)
    made = answer.now if answer is not None else None
    done = isinstance(made, export.ForTheLine)
    with row("line", amount(len(made.content)) if done else "", say(made.checked) if done else ""):
        if done:
            name = f"{stem(result)}-{asked[1].split('/')[0]}-onnx.zip"
            st.download_button(
                text("export.line.button"), made.content, name, "application/zip", key="export_line",
                on_click="ignore", icon=":material/download:", width="stretch",
            )  # fmt: skip
        elif answer is not None and answer.pending:
            st.progress(answer.stage.done, text=stage_name(answer.stage.stage) or text("grid.waiting"))
            st.button(text("progress.cancel"), key="export_line_stop", on_click=session.LINE.pop, width="stretch")
        else:
            st.button(
                text("export.line.make"), key="export_line_make", on_click=_begin, args=(asked,), width="stretch",
                icon=":material/precision_manufacturing:",
            )  # fmt: skip
    if isinstance(made, Refusal):
        style.note(say(made.sentence))


def _answer(asked: tuple[str, str, ThresholdChoice]) -> Answer | None:
    """Return what was asked of this run, column and threshold; None before."""
    kept = session.LINE.get()
    return kept[1] if kept is not None and kept[0] == asked and not kept[1].cancelled else None


def _begin(asked: tuple[str, str, ThresholdChoice]) -> None:
    _, column, choice = asked
    session.LINE.set((asked, backend.current().later(export.onnx, column, choice, fitted=True)))
