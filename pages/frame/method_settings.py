"""Every setting of every method, each with its line of help; an empty field keeps the preset's value."""

from __future__ import annotations

from typing import Any

import streamlit as st

from detectors.methods import METHODS
from detectors.methods.settings import Levels, OneOf, Real, Setting, Whole
from pages.frame import session
from pages.frame.state import Choices, change_setting
from pages.frame.words import plain, say, text

_DEEPEST = 8  # levels offered; a link may name deeper ones


def knobs(choices: Choices) -> None:
    """Show the settings of one method at a time."""
    method = st.segmented_control(
        text("frame.methods"), list(METHODS), format_func=lambda name: METHODS[name].title, key="w_knobs",
        default=choices.focus, required=True, persist_state="session",
    )  # fmt: skip
    if method is None:
        return
    st.caption(f"{say(METHODS[method].idea)} {text('frame.quick_changes', what=say(METHODS[method].quick))}")
    columns = st.columns(2)
    for place, (name, setting) in enumerate(s for s in METHODS[method].settings.items() if s[0] != "seed"):
        with columns[place % 2]:
            _knob(method, name, setting, choices.settings_of(method).get(name))


def _knob(method: str, name: str, setting: Setting, value: Any) -> None:
    key = f"w_set_{method}_{name}"

    def chosen() -> None:
        now = session.widget(key)
        change_setting(method, name, (tuple(sorted(now)) or None) if isinstance(setting.range, Levels) else now)

    about = f"{plain(say(setting.line))} {plain(str(setting.range))}"
    common: dict[str, Any] = {"key": key, "help": about, "on_change": chosen, "placeholder": text("frame.preset")}
    if isinstance(setting.range, Levels):
        st.multiselect(name, range(_DEEPEST), default=value, **common)
    elif isinstance(setting.range, OneOf):
        offered = [v for v in setting.range.values if v is not None]
        index = offered.index(value) if value in offered else None
        st.selectbox(name, offered, index=index, format_func=str, **common)
    elif isinstance(setting.range, Whole):
        st.number_input(name, setting.range.low, setting.range.high, _number(value, int), step=1, **common)
    elif isinstance(setting.range, Real):
        low, high = float(setting.range.low), float(setting.range.high)
        st.number_input(name, low, high, _number(value, float), format="%g", **common)


def _number(value: Any, kind: type[int] | type[float]) -> Any:
    """Return a number as the field wants it; a word ("all", from a link) cannot be shown in a number field."""
    return kind(value) if isinstance(value, int | float) else None
