"""Scores: all pictures of all methods against one limit; what the figures say and how sure they are."""

import streamlit as st

from detectors.result import Result
from pages.shared import findings, jobs, look, panes, scoring, weights
from pages.shared.choices import Choices, change, current
from pages.shared.lanes import lanes, verdicts
from pages.shared.live import live
from pages.shared.progress import progress
from pages.shared.status import Status
from pages.shared.texts import say, text


def show(choices: Choices, status: Status, result: Result | None) -> None:
    if st.session_state.pop("scores_moved", False):
        st.rerun()  # the sidebar stands outside this part and shows the limit too
    scoring.styles()
    if result is None or not result.test:
        empty = "no_test" if result is not None else "begun" if status.state == "running" else "before"
        look.head("scores", text(f"scores.{empty}"))
        work(choices, status)
        look.foot("scores")
        return

    keys = panes.columns(choices, status, result)
    titles = scoring.titles(keys)
    focus = scoring.focus(choices, result, keys)
    running = status.state == "running" or not result.columns
    look.head("scores", text("scores.begun") if running else findings.lead(result, titles))
    scoring.warnings(result, titles)
    work(choices, status)
    scoring.too_few(result)
    opened = lanes(
        choices, status, result, keys, focus, scoring.by_hand(result), st.session_state.get("scores_by_hand", False),
        on_moved=lambda moved: scoring.moved(moved, result), on_focus=lambda key: change(focus=key.split("/")[0]),
    )  # fmt: skip
    if result.columns:
        scoring.cards(result, status, focus, titles)
        st.subheader(text("scores.verdicts.title"), anchor=False)
        opened = verdicts(status, result, keys, focus) or opened
        scoring.table(result, scoring.limits(result, choices.allowed), titles, focus)
    if opened:
        picture, key = opened
        change(picture=result.test[picture].sha256[:16], place=None, focus=key.split("/")[0] or choices.focus)
        st.switch_page(look.path("inspect"))
    look.foot("scores", scoring.counted(result), result)


def work(choices: Choices, status: Status) -> None:
    if status.sentence is not None:
        look.note(say(status.sentence))
        weights.way_on(jobs.weights(choices), choices, lambda: jobs.run(current()))
    if status.state == "running":
        progress(choices, status, cancel=lambda: jobs.cancel(choices))


look.frame()
live(show)
