"""Methods by data sets, one figure at a time: what a benchmark measured, wherever it was run."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from detectors.report import benchmark
from detectors.result import MeasuredSet
from pages.frame.words import language, table, text


def show(measured: Sequence[MeasuredSet], key: str) -> None:
    """Show the table, with a choice of the figure whose widget has that key."""
    st.caption(text("export.benchmark.says", n=sum(not one.failure for one in measured)))
    spoken = table(language())["export"]["benchmark"]
    words = benchmark.Words(*(spoken[name] for name in ("pair", "mean", "absent")))
    tables = {name: (columns, rows) for name, columns, rows in benchmark.tables(measured, words)}
    if tables:
        chosen = st.selectbox(
            text("export.benchmark.figure"), [*tables], key=key, width=260, persist_state="session",
            format_func=lambda name: text(f"scores.figures.{name}"),
        )  # fmt: skip
        columns, rows = tables[chosen]
        headings = [text("export.benchmark.set"), *columns]
        shown = [dict(zip(headings, row, strict=True)) for row in rows]
        st.dataframe(shown, hide_index=True, width="stretch", height=min(640, 40 + 36 * len(shown)))
    for remark in benchmark.remarks(measured):
        st.text(remark)
