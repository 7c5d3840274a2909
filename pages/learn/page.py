"""Learn: lessons in prose with live figures; what they claim is computed from the run on screen."""

from __future__ import annotations

import streamlit as st

from detectors.result import Result
from pages.frame.refresh import live
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import text
from pages.learn import lesson


def show(choices: Choices, status: Status, result: Result | None) -> None:
    st.title(text("learn.title"), anchor=False)
    chosen = lesson.chosen(choices)
    lesson.pills(chosen)
    lesson.lesson(chosen, choices, status, result)
    lesson.foot(chosen)


lesson.styles()
live(show)
