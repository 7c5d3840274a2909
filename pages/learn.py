"""Learn: lessons in prose with live figures; what they claim is computed from the run on screen."""

from __future__ import annotations

import streamlit as st

from detectors.result import Result
from pages.shared import lessons, look
from pages.shared.choices import Choices
from pages.shared.live import live
from pages.shared.status import Status
from pages.shared.texts import text


def show(choices: Choices, status: Status, result: Result | None) -> None:
    st.title(text("learn.title"), anchor=False)
    lesson = lessons.chosen(choices)
    lessons.pills(lesson)
    lessons.lesson(lesson, choices, status, result)
    lessons.foot(lesson)


look.frame()
lessons.styles()
live(show)
