"""The sidebar: the experiment, the same on every page."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st

from detectors.errors import SettingRefused
from detectors.features import closer, own
from detectors.features.weights import BACKBONES as LISTED
from detectors.images import Preprocessing
from detectors.methods import UNREADABLE
from detectors.result import Result
from pages.frame import backend, data, headline, session, weights
from pages.frame.keeping import open_to_others
from pages.frame.method_settings import knobs, preset_values
from pages.frame.pinned import summary
from pages.frame.refresh import poll
from pages.frame.state import (
    CROPS,
    LARGEST,
    METHODS,
    MOST_BACKBONES,
    PRESETS,
    PRODUCTS,
    PROPORTIONS,
    Choices,
    change,
    current,
    forget_values,
)
from pages.frame.status import Status
from pages.frame.words import LANGUAGES, amount, duration, language, plain, say, speaker, table, text

BACKBONES = tuple(backbone.name for backbone in LISTED)


def sidebar(choices: Choices, status: Status, result: Result | None, run: Callable[[], None]) -> None:
    """Show the experiment: pictures, backbone, methods, settings, threshold; `run` is called by the Run button."""
    with st.sidebar:
        _pictures(choices, status)
        _backbone(choices)
        _methods(choices, result)
        _settings(choices, status)
        _threshold(choices, status)
        with st.container(key="sidebar_foot"):
            _pin(status, result)
            _run(choices, status, result, run)
            _tongue()
            if open_to_others():
                st.caption(f":orange[{text('frame.open')}]")


def present(choices: Choices) -> None:
    """Show the button beside the menu that folds the controls away."""
    with st.container(key="present"):
        st.button(
            text("frame.present_end" if choices.present else "frame.present"),
            key="present_button",
            type="tertiary",
            icon=":material/present_to_all:",
            help=text("frame.present_help"),
            shortcut="Esc" if choices.present else None,
            on_click=lambda: change(present=not choices.present),
        )


def _pictures(choices: Choices, status: Status) -> None:
    def chosen() -> None:
        name = session.widget("w_pictures")
        change(picture=None, place=None, **({"data": "own"} if name == "own" else {"data": "demo", "product": name}))

    say = speaker()
    _set("w_pictures", "own" if choices.data == "own" else choices.product)
    st.selectbox(
        text("frame.pictures"),
        (*PRODUCTS, "own"),
        format_func=lambda name: say("frame.own") if name == "own" else say(f"products.{name}"),
        key="w_pictures",
        on_change=chosen,
    )
    if status.counts is None:
        st.caption(text("frame.counts_unknown" if data.source(choices) is not None else "frame.counts_none"))
    else:
        learnt, held, test = status.counts
        st.caption(text("frame.counts", learnt=learnt, held=held, test=test))


def _backbone(choices: Choices) -> None:
    _set("w_backbones", list(choices.backbones))
    st.multiselect(
        text("frame.backbone"),
        dict.fromkeys((*BACKBONES, *own.offered(), *choices.backbones)),
        key="w_backbones",
        max_selections=MOST_BACKBONES,
        accept_new_options=True,
        placeholder=text("frame.backbone_none"),
        help=text("frame.backbone_help"),
        on_change=lambda: _backbones(choices, *session.widget("w_backbones")),
    )
    weights.say_states(choices)
    weights.both(choices)
    poll(lambda: None, lambda: backend.current().finding_out(choices), still=True)


def _backbones(choices: Choices, *names: str) -> None:
    """Take backbone names as typed; what cannot be one is left out, and without any the former choice returns."""
    typed = [name.strip() for name in names]
    asked = tuple(name for name in typed if Choices.from_query({"backbones": name}).backbones == (name,))
    change(backbones=asked[:MOST_BACKBONES] or choices.backbones)


def _methods(choices: Choices, result: Result | None) -> None:
    st.html(f'<div class="odd-label">{text("frame.methods")}<span>{text("frame.fit_time")}</span></div>')
    times = {c.method: c.cost.fit_seconds for c in reversed(result.columns)} if result else {}
    with st.container(key="methods", horizontal=True):
        with st.container(key="method_boxes"):
            for method in METHODS:
                _set(f"w_method_{method}", method in choices.methods)
                st.checkbox(text(f"methods.{method}"), key=f"w_method_{method}", on_change=_methods_chosen)
        if times:  # a label's mark-up would be read aloud as it is written, so the times stand beside them
            st.html(
                f'<div class="odd-timed">{"".join(_taken(m, times.get(m)) for m in METHODS)}</div>', width="content"
            )
    for sentence in UNREADABLE:
        st.caption(f":orange[{plain(say(sentence))}]")
    if not choices.methods:
        st.caption(f":orange[{text('frame.no_method')}]")


def _taken(method: str, seconds: float | None) -> str:
    if seconds is None:
        return "<span></span>"
    said = text("units.seconds", s=f"{seconds:.1f}")
    return f'<span class="odd-times"><span class="odd-spoken">{text(f"methods.{method}")}</span> {said}</span>'


def _methods_chosen() -> None:
    change(methods=tuple(method for method in METHODS if session.widget(f"w_method_{method}")))


def _settings(choices: Choices, status: Status) -> None:
    if status.state != "running":
        preset_values(choices)  # asked for early, so that they are there when the dialog opens, but behind a first run
    with st.container(key="preset_row", horizontal=True, horizontal_alignment="distribute"):
        st.html(f'<div class="odd-label">{text("frame.settings")}</div>', width="content")
        if st.button(text("frame.each"), key="each", icon=":material/tune:", type="tertiary"):
            st.dialog(text("frame.settings"), width="large", on_dismiss="rerun")(_each)()
    say = speaker()
    _set("w_preset", choices.preset)
    st.radio(
        text("frame.settings"),
        PRESETS,
        format_func=lambda name: say(f"frame.{name}"),
        key="w_preset",
        horizontal=True,
        label_visibility="collapsed",
        help=text("frame.quick_help"),
        on_change=lambda: change(preset=session.widget("w_preset")),
    )


def _each() -> None:
    """Everything that can be set; the values begin at the choices each time the dialog opens."""
    choices = current()
    left, right = st.columns(2)
    with left:
        st.checkbox(
            text("frame.random"), choices.random_weights, key="w_random", help=text("frame.random_help"),
            on_change=lambda: change(random_weights=session.widget("w_random")),
        )  # fmt: skip
        st.checkbox(
            text("frame.crop"), choices.crop == "center", key="w_crop", help=text("frame.crop_help"),
            disabled=choices.proportions != "square",
            on_change=lambda: change(crop=CROPS[int(session.widget("w_crop"))]),
        )  # fmt: skip
        st.checkbox(
            text("frame.equalise"), choices.equalise, key="w_equalise", help=text("frame.equalise_help"),
            on_change=lambda: change(equalise=session.widget("w_equalise")),
        )  # fmt: skip
    with right, st.container(horizontal=True):
        st.number_input(
            text("frame.size"), 64, LARGEST, choices.size, step=32, key="w_size",
            on_change=lambda: change(size=int(session.widget("w_size"))),
        )  # fmt: skip
        st.number_input(
            text("frame.seed"), 0, 2**31 - 1, choices.seed, step=1, key="w_seed", help=text("frame.seed_help"),
            on_change=lambda: change(seed=int(session.widget("w_seed"))),
        )  # fmt: skip
    _shape(choices)
    with st.expander(text("frame.weights.title")):
        weights.overview()
    with st.expander(text("frame.weights.own_title")):
        weights.own_file(choices)
    knobs(choices)


def _shape(choices: Choices) -> None:
    """Choose the proportions of what a backbone is given, and how closely it looks, with what that costs."""
    left, right = st.columns(2)
    with left:
        _set("w_proportions", choices.proportions)
        say = speaker()
        st.segmented_control(
            text("frame.proportions"), PROPORTIONS, format_func=lambda name: say(f"frame.proportion.{name}"),
            key="w_proportions", required=True, on_change=_proportions_chosen,
        )  # fmt: skip
        st.caption(text(f"frame.proportion_says.{choices.proportions}", side=choices.size))
    with right:
        _set("w_closer", list(choices.closer))
        st.segmented_control(
            text("frame.closer"), closer.TILES, format_func=lambda tiles: f"{tiles} × {tiles}" if tiles > 1 else "1 ×",
            key="w_closer", selection_mode="multi", help=text("frame.closer_help"),
            on_change=lambda: change(closer=tuple(sorted(session.widget("w_closer"))) or choices.closer),
        )  # fmt: skip
        _closer_says(choices)


def _closer_says(choices: Choices) -> None:
    tiles = max(choices.closer)
    if tiles == 1:
        st.caption(text("frame.closer_once", side=choices.size))
        return
    try:
        Preprocessing(size=choices.size).check_closer(tiles)
    except SettingRefused as refused:
        st.caption(f":orange[{plain(say(refused.sentence))}]")
        return
    more = sum(n * n for n in choices.closer)
    st.caption(text("frame.closer_says", tiles=tiles * tiles, side=tiles * choices.size, more=more))


def _proportions_chosen() -> None:
    chosen = session.widget("w_proportions")
    change(proportions=chosen, **({} if chosen == "square" else {"crop": "none"}))


def _threshold(choices: Choices, status: Status) -> None:
    st.html(f'<div class="odd-label">{text("frame.threshold")}<span>{text("frame.threshold_right")}</span></div>')
    held = status.counts[1] if status.counts and status.counts[0] else None
    if held is None:
        st.caption(text("frame.threshold_unknown"))
        return
    step = choices.threshold.step(held)
    if step is None:
        st.caption(text("frame.threshold_none"))
    else:
        allowed, of = step
        if of > 2:
            say = speaker()
            _set("w_allowed", allowed)
            st.select_slider(
                text("frame.threshold"),
                range(1, of),
                format_func=lambda j: say("frame.threshold_step", j=j, of=of),
                key="w_allowed",
                label_visibility="collapsed",
                on_change=lambda: change(allowed=session.widget("w_allowed")),
            )
        st.caption(text("frame.threshold_says", j=allowed, of=of, n=held))
    if lines := headline.set_apart(choices):
        st.caption("  \n".join(lines))
        st.button(text("frame.threshold_back"), key="threshold_back", type="tertiary", on_click=forget_values)


def _run(choices: Choices, status: Status, result: Result | None, run: Callable[[], None]) -> None:
    running = status.state == "running"
    label = "running" if running else "run_update" if status.stale else "run_again" if result else "run"
    st.button(
        text(f"frame.{label}"),
        key="run",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=running or not choices.methods or status.state == "refused",
        on_click=run,
    )
    st.caption(_standing(status, result))


def _pin(status: Status, result: Result | None) -> None:
    """Offer to keep the shown result beside the next one, or say which one is kept."""
    kept = backend.current().pinned
    with st.container(key="pin", horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if kept is not None:
            st.caption(text("pin.kept", what=plain(summary(kept))), width="stretch")
            st.button(text("pin.unpin"), key="unpin", type="tertiary", on_click=lambda: backend.current().unpin())
        elif result is not None and result.columns and status.state != "running":
            st.button(
                text("pin.pin"), key="pin_run", type="tertiary", icon=":material/keep:", help=text("pin.help"),
                on_click=lambda: backend.current().pin(),
            )  # fmt: skip


def _standing(status: Status, result: Result | None) -> str:
    """Say in one line how the shown result stands to the choices, or what a run would cost."""
    if status.state == "done" and not status.stale:
        return text("frame.was_shared" if status.shared else "frame.up_to_date")
    if status.state == "refused" and status.counts and not status.counts[0] and status.sentence is not None:
        return plain(say(status.sentence))
    changed = f"{text('frame.changed')} " if status.stale and result else ""
    if status.seconds is None or status.size is None:
        return changed or text("frame.estimate_none")
    return changed + text("frame.estimate", seconds=duration(status.seconds), size=amount(status.size))


def _tongue() -> None:
    with st.container(key="tongue", horizontal=True, horizontal_alignment="distribute"):
        _set("w_language", language())
        st.radio(
            text("frame.language"),
            LANGUAGES,
            format_func=lambda code: table("en")["languages"][code],
            key="w_language",
            horizontal=True,
            label_visibility="collapsed",
            on_change=lambda: change(language=session.widget("w_language")),
        )
        edit = data.edited(current())  # which no link carries
        copied = "copied_edited" if edit is not None and not edit.untouched else "copied"
        said = escape(text(f"frame.{copied}"))
        st.html(
            f'<button type="button" class="odd-link" data-press="copy" data-copied="{said}">'
            f'<span aria-live="polite">{escape(text("frame.copy"))}</span></button>',
            width="content",
        )


def _set(key: str, value: object) -> None:
    """Let a widget show what the choices say, whoever changed them.

    Said in every run: a run that is interrupted before the browser has drawn the widget would otherwise leave it with
    a default of its own, which then comes back as if a person had chosen it.
    """
    session.set_widget(key, value)
