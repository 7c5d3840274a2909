"""Where the backbones' weights are, said before a run, and the way on where they are missing."""

from __future__ import annotations

import streamlit as st

from detectors.errors import WeightsRefused
from detectors.features import own
from detectors.features.weights import BACKBONES, BUNDLED, DEFAULT, WeightsState
from detectors.images import LIMITS
from pages.frame import backend, session
from pages.frame.refresh import poll
from pages.frame.state import Choices, change, current
from pages.frame.whereabouts import RANDOM, missing
from pages.frame.words import amount, plain, say, text


def say_states(choices: Choices) -> None:
    """Say of each chosen backbone where its weights are; offer one that is here where they are missing."""
    states = _states(choices)
    for name, state in states.items():
        named = f"{plain(name)}: " if len(states) > 1 else ""
        st.caption(named + line(state))
    way_on(choices, "sidebar")


def line(state: WeightsState | None) -> str:
    """Return where a backbone's weights are, in a line of Markdown."""
    if state is None:
        return text("frame.weights.asking")
    if state.state == "download" and state.bytes:
        return text("frame.weights.download", size=amount(state.bytes))
    if state.state == "missing" and state.reason is not None:
        return f":orange[{plain(say(state.reason))}]"
    if state.state == RANDOM:
        return f":orange[{text('frame.weights.random')}]"
    return text({"download": "frame.weights.download_unknown"}.get(state.state, f"frame.weights.{state.state}"))


def way_on(choices: Choices, place: str = "page") -> None:
    """Where weights are missing, offer the same run on trained ones that need no download, or on none at all."""
    states = _states(choices)
    if missing(states.values()) is None:
        return
    instead_of_it = BUNDLED if DEFAULT in choices.backbones else DEFAULT
    others = tuple(name for name in choices.backbones if name != instead_of_it and missing([states[name]]) is None)

    def instead() -> None:
        change(backbones=(instead_of_it, *others))
        backend.current().run(current())

    st.button(text("frame.weights.use_bundled", name=instead_of_it), key=f"use_bundled_{place}", on_click=instead)


def both(choices: Choices, place: str = "sidebar") -> None:
    """Offer trained and fixed features beside each other where one of the two is used alone."""
    if choices.backbones not in ((DEFAULT,), (BUNDLED,)):
        return

    def beside() -> None:
        change(backbones=(DEFAULT, BUNDLED))
        backend.current().run(current())

    other = BUNDLED if choices.backbones == (DEFAULT,) else DEFAULT
    st.button(
        text("frame.weights.both", other=other),
        key=f"both_backbones_{place}",
        type="tertiary",
        icon=":material/balance:",
        help=text("frame.weights.both_help"),
        on_click=beside,
    )


def overview() -> None:
    """List all backbones with where their weights are, as soon as that is known."""

    def known() -> dict[str, WeightsState | None]:
        return backend.current().weights((*(backbone.name for backbone in BACKBONES), *own.offered()))

    def part() -> None:
        said = known()
        rows = "".join(f"| {plain(name)} | {_short(state)} |\n" for name, state in said.items())
        st.markdown(f"| {text('frame.backbone')} | {text('frame.weights.where')} |\n|:--|:--|\n{rows}")
        absent = missing(said.values())
        if absent is not None:
            st.markdown(line(absent))

    poll(part, lambda: None in known().values(), page=False)  # drawing the page anew would close the dialog


def own_file(choices: Choices) -> None:
    """Take a file of weights and the name of the timm model that they belong to; it becomes the only backbone."""
    folder = text("frame.weights.own_folder" if own.folder() else "frame.weights.own_no_folder", n=len(own.offered()))
    st.caption(f"{text('frame.weights.own_lead', mb=f'{LIMITS.weights_mb:g}')} {folder}")
    model = st.text_input(text("frame.weights.own_model"), key="w_own_model", placeholder="resnet18")
    name = f"w_own_file_{session.OWN_WEIGHTS_ROUND.get()}"
    st.file_uploader(
        text("frame.weights.own_choose"), type=["safetensors"], key=name, disabled=not model.strip(),
        on_change=_arrived, args=(name,),
    )  # fmt: skip
    refused = session.OWN_WEIGHTS_REFUSED.get()
    if refused is not None:
        st.caption(f":orange[{plain(say(refused))}]")
    elif mine := [name for name in choices.backbones if own.is_own(name)]:
        st.caption(text("frame.weights.own_taken", name=plain(mine[0])))


def _arrived(name: str) -> None:
    file, model = session.widget(name), session.widget("w_own_model") or ""
    session.OWN_WEIGHTS_ROUND.set(session.OWN_WEIGHTS_ROUND.get() + 1)  # a new uploader: the old one's bytes are freed
    if file is None:
        return
    try:
        taken = own.keep(model.strip(), file.getvalue())
    except WeightsRefused as refused:
        session.OWN_WEIGHTS_REFUSED.set(refused.sentence)
        return
    session.OWN_WEIGHTS_REFUSED.set(None)
    change(backbones=(taken,))


def _states(choices: Choices) -> dict[str, WeightsState | None]:
    return backend.current().weights(choices.backbones, choices.random_weights)


def _short(state: WeightsState | None) -> str:
    if state is not None and state.state == "missing":
        said = f":orange[{text('frame.weights.missing')}]"
    else:
        said = line(state)
    terms = text("frame.weights.licence", licence=state.licence) if state is not None and state.licence else ""
    return ", ".join(part for part in (said, terms) if part)
