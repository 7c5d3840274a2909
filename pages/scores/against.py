"""The present run against the pinned one: figures, verdicts that changed, and the settings that differ."""

from __future__ import annotations

from html import escape

import streamlit as st

from detectors.evaluation import paired_auroc_difference
from detectors.result import Column, Result
from pages.frame.pinned import differing, written
from pages.frame.state import Choices
from pages.frame.verdicts import RIGHT, WRONG, Verdicts
from pages.frame.words import say, setting_name, text
from pages.scores import tables
from pages.scores.lanes import figure

_HEADS = ("columns", "before", "now", "difference", "right", "wrong", "settings")


def against(result: Result, choices: Choices, titles: dict[str, str]) -> None:
    """Show each method of both runs on a line; nothing where no run is pinned."""
    verdicts = Verdicts.of(result, choices.threshold)
    if not verdicts.pairs:
        return
    st.subheader(text("scores.against.title"), anchor=False)
    st.caption(text("scores.against.says"))
    heads = "".join(f'<th scope="col">{text(f"scores.against.{key}")}</th>' for key in _HEADS)
    rows = "".join(_row(now, before, verdicts, titles) for now, before in verdicts.pairs)
    table = f'<table class="odd-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    st.html(f'<div class="odd-wide">{table}</div>')


def _auroc(column: Column) -> str:
    shown = figure(column, "image_auroc")
    return f"<b>{shown['text']}</b> {shown['interval']}"


def _row(now: str, before: str, verdicts: Verdicts, titles: dict[str, str]) -> str:
    result = verdicts.result
    one, other = result[now], result[before]
    difference = paired_auroc_difference(result.labels, one.scores, other.scores)
    known = difference.value is not None
    flips = zip(verdicts.columns[now].words, verdicts.columns[before].words, strict=True)
    turned = [(is_now in RIGHT and was in WRONG, is_now in WRONG and was in RIGHT) for is_now, was in flips]
    changed = "; ".join(
        f"{setting_name(name)}: {written(b)} → {written(a)}" for name, (a, b) in differing(one, other).items()
    )
    cells = [
        _auroc(other),
        _auroc(one),
        tables.points(difference) if known else escape(say(difference.reason)) if difference.reason else "–",
        sum(right for right, _ in turned),
        sum(wrong for _, wrong in turned),
        escape(changed) or "–",
    ]
    name = f"{escape(titles[before])} → {escape(titles[now])}"
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
