"""Every setting of every method, each with its values in both presets; an empty field keeps the preset's value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

from detectors.errors import Refusal
from detectors.methods import METHODS, PRESETS
from detectors.methods.settings import Levels, OneOf, Real, Setting, Whole
from detectors.queries import presets
from pages.frame import backend, session
from pages.frame.pinned import written
from pages.frame.state import Choices, change_setting
from pages.frame.words import plain, say, setting_name, text

_DEEPEST = 8  # levels offered; a link may name deeper ones


def preset_values(choices: Choices) -> presets.Values:
    """Return what the presets set for the chosen backbones; nothing until a worker has said so."""
    found = backend.current().later(presets.values, choices.backbones).now
    return {} if found is None or isinstance(found, Refusal) else found


def knobs(choices: Choices) -> None:
    """Show the settings of one method at a time."""
    method = st.segmented_control(
        text("frame.methods"), list(METHODS), format_func=lambda name: METHODS[name].title, key="w_knobs",
        default=choices.focus, required=True, persist_state="session",
    )  # fmt: skip
    if method is None:
        return
    st.caption(f"{say(METHODS[method].idea)} {text('frame.quick_changes', what=say(METHODS[method].quick))}")
    known = preset_values(choices).get(method, {})
    columns = st.columns(2)
    for place, (name, setting) in enumerate(s for s in METHODS[method].settings.items() if s[0] != "seed"):
        said = {preset: _together(each[name] for each in known[preset].values()) for preset in PRESETS if known}
        with columns[place % 2]:
            _knob(method, name, setting, choices.settings_of(method).get(name), said, choices.preset)


def _knob(method: str, name: str, setting: Setting, value: Any, said: dict[str, str], preset: str) -> None:
    key = f"w_set_{method}_{name}"

    def chosen() -> None:
        now = session.widget(key)
        change_setting(method, name, (tuple(sorted(now)) or None) if isinstance(setting.range, Levels) else now)

    about = f"{plain(say(setting.line))} {plain(str(setting.range))}"
    held = said.get(preset, text("frame.preset"))
    common: dict[str, Any] = {"key": key, "help": about, "on_change": chosen, "placeholder": held}
    label = setting_name(name)
    if isinstance(setting.range, Levels):
        st.multiselect(label, range(_DEEPEST), default=value, **common)
    elif isinstance(setting.range, OneOf):
        offered = [v for v in setting.range.values if v is not None]
        index = offered.index(value) if value in offered else None
        st.selectbox(label, offered, index=index, format_func={v: written(v) for v in offered}.get, **common)
    elif isinstance(setting.range, Whole):
        st.number_input(label, setting.range.low, setting.range.high, _number(value, int), step=1, **common)
    elif isinstance(setting.range, Real):
        low, high = float(setting.range.low), float(setting.range.high)
        st.number_input(label, low, high, _number(value, float), format="%g", **common)
    st.caption(_presets(name, said, value))


def _presets(name: str, said: dict[str, str], value: Any) -> str:
    """Return a setting's name in the code, its value in both presets, bold where they differ, and one's own."""
    parts = [f"`{name}`"]
    differ = len(set(said.values())) > 1
    for preset, shown in said.items():
        parts.append(f"{text(f'frame.{preset}')} {f'**{plain(shown)}**' if differ else plain(shown)}")
    if value is not None:
        parts.append(f":orange[{text('frame.yours', value=plain(written(value)))}]")
    return " · ".join(parts)


def _together(values: Iterable[Any]) -> str:
    """Return a preset's value in words: one for each backbone where these differ."""
    return " / ".join(dict.fromkeys(map(written, values)))


def _number(value: Any, kind: type[int] | type[float]) -> Any:
    """Return a number as the field wants it; a word ("all", from a link) cannot be shown in a number field."""
    return kind(value) if isinstance(value, int | float) else None
