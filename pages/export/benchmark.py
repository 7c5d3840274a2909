"""A table that `python -m detectors benchmark` wrote, opened here: methods by sets, one figure at a time."""

from __future__ import annotations

import streamlit as st

from detectors.errors import DatasetRefused
from detectors.report import benchmark
from pages.frame import measured, session, style
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
            measured.show(benchmark.read_csv(content), "benchmark_figure")
        except DatasetRefused as refusal:
            style.note(say(refusal.sentence))


def _arrived(key: str) -> None:
    file = session.widget(key)
    session.BENCHMARK_ROUND.set(session.BENCHMARK_ROUND.get() + 1)
    if file is not None:
        whole = file.size <= LARGEST  # cut short, it would be read as the table of fewer sets
        session.BENCHMARK.set((file.name, file.getvalue().decode("utf-8", "replace") if whole else ""))
