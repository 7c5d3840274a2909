"""Scores: all pictures of all methods against one threshold; what the figures say and how sure they are."""

import streamlit as st

from detectors.result import Result
from pages.frame import backend, headline, panes, session, style
from pages.frame.flips import turned
from pages.frame.pinned import beside
from pages.frame.progress import work
from pages.frame.refresh import live
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import text
from pages.scores import histograms, parts
from pages.scores.against import against
from pages.scores.kinds import found_by_kind
from pages.scores.lanes import lanes, verdicts


def show(choices: Choices, status: Status, result: Result | None) -> None:
    if session.MOVED.pop():
        st.rerun()  # the sidebar stands outside this part and shows the threshold too
    parts.styles()
    if result is None or not result.test:
        empty = "no_test" if result is not None else "begun" if status.state == "running" else "before"
        style.head("scores", text(f"scores.{empty}"))
        work(choices, status)
        style.foot("scores")
        return

    alone, joined = panes.columns(choices, status, result), beside(result, backend.current().pinned)
    running = status.state == "running" or not result.columns
    style.head("scores", text("scores.begun") if running else headline.lead(result, parts.titles(alone)))
    parts.warnings(result, parts.titles(alone))
    work(choices, status)
    turned(choices, status, result)
    parts.too_few(result)
    if joined.reason:
        style.note(joined.reason, "calm")
    plain, result = result, joined.result
    keys = panes.columns(choices, status, result)
    titles = parts.titles(keys)
    focus = parts.focus(choices, result, keys)
    opened = lanes(
        choices, status, result, keys, focus, session.BY_HAND.get(),
        on_moved=parts.moved, on_focus=lambda key: change(focus=key.split("/")[0]),
    )  # fmt: skip
    if result.columns:
        against(result, choices, titles)
        parts.cards(result, choices.threshold, focus, titles)
        st.header(text("scores.histograms.title"), anchor=False)
        st.caption(text("scores.histograms.says"))
        opened = histograms.show(result, titles, choices.threshold) or opened
        st.header(text("scores.verdicts.title"), anchor=False)
        opened = verdicts(status, result, keys, focus) or opened
        found_by_kind(result, choices, titles, plain)
        parts.table(result, choices.threshold.values_of(result), titles, focus)
    if opened:
        picture, key = opened
        change(picture=result.test[picture].sha256[:16], place=None, focus=key.split("/")[0] or choices.focus)
        st.switch_page(style.path("inspect"))
    style.foot("scores", parts.counted(plain), plain)


live(show)
