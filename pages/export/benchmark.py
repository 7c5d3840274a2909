"""A table that `python -m detectors benchmark` wrote, opened here: methods by sets, one figure at a time."""

from __future__ import annotations

import streamlit as st

from detectors.errors import DatasetRefused
from detectors.report import benchmark
from pages.frame import session, style
from pages.frame.words import say, text

LARGEST = 5_000_000  # bytes of the table


def opened() -> None:
    """Show a place for the table, and the table."""
    with st.expander(text("export.benchmark.title"), icon=":material/table_chart:", key="benchmark_place"):
        st.caption(text("export.benchmark.lead"))
        key = f"benchmark_file_{session.BENCHMARK_ROUND.get()}"
        st.file_uploader(
            text("export.benchmark.choose"), type=["csv"], key=key, label_visibility="collapsed", on_change=_arrived,
            args=(key,),
        )  # fmt: skip
        if (kept := session.BENCHMARK.get()) is None:
            return
        name, content = kept
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.text(name, width="content")
            st.button(
                text("export.benchmark.put_away"), key="put_benchmark_away", type="tertiary",
                on_click=session.BENCHMARK.pop,
            )  # fmt: skip
        try:
            _table(benchmark.read_csv(content))
        except DatasetRefused as refusal:
            style.note(say(refusal.sentence))


def _arrived(key: str) -> None:
    file = session.widget(key)
    session.BENCHMARK_ROUND.set(session.BENCHMARK_ROUND.get() + 1)
    if file is not None:
        session.BENCHMARK.set((file.name, file.getvalue()[:LARGEST].decode("utf-8", "replace")))


def _table(measured: tuple[benchmark.MeasuredSet, ...]) -> None:
    st.caption(text("export.benchmark.says", n=sum(not one.failure for one in measured)))
    tables = {heading: (columns, rows) for heading, columns, rows in benchmark.tables(measured)}
    if tables:
        chosen = st.selectbox(
            text("export.benchmark.figure"), [*tables], key="benchmark_figure", width=260, persist_state="session"
        )
        columns, rows = tables[chosen]
        headings = [text("export.benchmark.set"), *columns]
        shown = [dict(zip(headings, row, strict=True)) for row in rows]
        st.dataframe(shown, hide_index=True, width="stretch", height=min(640, 40 + 36 * len(shown)))
    for remark in benchmark.remarks(measured):
        st.text(remark)
