"""What made a result, to read and to copy: data, settings, weights, versions."""

from __future__ import annotations

import json
from html import escape

import streamlit as st

from detectors import report
from detectors.result import Result
from pages.frame import once
from pages.frame.words import language, text


def what_made(result: Result, place: str) -> None:
    """Show a button that opens what made a result."""
    with st.popover(text("made.title"), icon=":material/fact_check:", type="tertiary"):
        copy_button(_as_text(result), text("made.copy"))
        facts(result)


def what_made_in_full(result: Result) -> None:
    """Show what made a result under a heading of its own."""
    with st.container(key="made_head", horizontal=True, vertical_alignment="center"):
        st.header(text("made.title"), anchor=False)
        copy_button(_as_text(result), text("made.copy"))
    facts(result)


def facts(result: Result) -> None:
    """Show what made a result as names and lines."""
    st.html(once.of(result, ("facts", language()), lambda: _facts(result)))


def _facts(result: Result) -> str:
    rows = (
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(escape(line) for line in lines)}</dd>"
        for name, lines in report.facts(result, language())
    )
    return f'<dl class="odd-facts">{"".join(rows)}</dl>'


def _as_text(result: Result) -> str:
    return once.of(result, ("as text", language()), lambda: report.as_text(result, language()))


def copy_button(written: str, label: str) -> None:
    """Show a button that copies a text; it says so when it did."""
    st.html(
        f'<button type="button" class="odd-copy" data-press="copy" data-copied="{escape(text("made.copied"))}" '
        f'data-text="{escape(json.dumps(written))}"><span aria-live="polite">{escape(label)}</span></button>'
    )
