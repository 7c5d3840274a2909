"""Several data sets in one upload or folder: cards to open one, or many that are run one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from detectors.datasets import Entry
from detectors.datasets.sources import UploadSource
from detectors.errors import Refusal
from detectors.queries.sets import Glance, Shelf, glances
from detectors.result import MeasuredSet
from pages.frame import backend, data, measured, session, uploads
from pages.frame.backend import Answer
from pages.frame.refresh import poll
from pages.frame.state import Choices, change, current
from pages.frame.words import plain, say, text
from pages.images.products import thumbs

_MOST = 60  # sets that get a card each


@dataclass(frozen=True)
class Many:
    """Sets that were chosen to be run one after the other.

    Attributes:
        source: the own pictures in which they lie.
        part: which of its uploads that is.
        answers: by the sets' names.
    """

    source: UploadSource
    part: int
    answers: dict[str, Answer]


def choose(choices: Choices, entry: Entry) -> bool:
    """Show the sets of one upload; return whether their small pictures are still being made."""
    mine = uploads.shelf().source
    number = uploads.unchosen(mine, entry.name) if mine is not None else None
    if entry.sentence is None or mine is None or number is None:
        return False
    names = tuple(entry.sentence.values["products"])
    part = mine.parts[number]
    made = backend.current().later(glances, Shelf(part), key=part.key).now
    found = {each.name: each for each in made} if isinstance(made, tuple) else {}
    with st.container(key=f"several_{entry.name}", border=True):
        st.html(f"<b>{escape(text('images.several', name=entry.name))}</b>")
        st.caption(text("images.sets.says"))
        with st.container(key="sets"):
            for i, name in enumerate(names[:_MOST]):
                _card(mine, number, i, name, found.get(name))
        picked = tuple(name for i, name in enumerate(names[:_MOST]) if session.widget(f"set_{i}_{name}"))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                text("images.sets.run", n=len(picked)), key="sets_run", disabled=len(picked) < 2,
                icon=":material/play_arrow:", on_click=_begin, args=(choices, mine, number, picked),
            )  # fmt: skip
            if len(names) <= _MOST:
                st.button(
                    text("images.sets.all"), key="sets_all", type="tertiary",
                    on_click=lambda: [session.set_widget(f"set_{i}_{name}", True) for i, name in enumerate(names)],
                )  # fmt: skip
            else:
                st.caption(text("images.sets.more", n=len(names) - _MOST))
    return made is None


def measuring() -> None:
    """Show how far chosen sets are and what was found on them, as one table, with the way into each."""
    many = session.MANY.get()
    if many is None:
        return

    def pending() -> list[str]:
        return [name for name, answer in many.answers.items() if answer.pending]

    def part() -> None:
        done = [_found(name, answer) for name, answer in many.answers.items() if not answer.pending]
        left = pending()
        if left:
            stage = many.answers[left[0]].stage
            share = (len(done) + stage.done) / len(many.answers)
            st.progress(share, plain(text("images.sets.far", n=len(done), of=len(many.answers), name=left[0])))
            st.button(text("images.sets.stop"), key="sets_stop", on_click=_stop, args=(many,))
        if done:
            measured.show(done, "sets_figure")

    with st.container(key="measured", border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{text('images.sets.title')}**", width="content")
            if not pending():
                st.button(text("images.sets.away"), key="sets_away", type="tertiary", on_click=session.MANY.pop)
        poll(part, lambda: len(pending()))
        fine = [name for name, answer in many.answers.items() if isinstance(answer.now, MeasuredSet)]
        fine = [name for name in fine if not many.answers[name].now.failure]
        if fine:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(text("images.sets.open_in"), width="content")
                for i, name in enumerate(fine):
                    st.button(plain(name), key=f"sets_open_{i}", on_click=_look_at, args=(many, name))


def _card(mine: UploadSource, number: int, i: int, name: str, found: Glance | None) -> None:
    with st.container(key=f"card_off_set_{i}"):
        thumbs(found.webp if found else (), name)
        st.button(plain(name), key=f"choose_set_{i}_{name}", type="tertiary", on_click=_open, args=(mine, number, name))
        said = "; ".join(say(part) for part in found.understanding.parts) if found else text("images.decoding")
        st.html(f'<div class="odd-card-note" title="{escape(said)}">{escape(said)}</div>')
        st.checkbox(text("images.sets.choose"), key=f"set_{i}_{name}")


def _open(mine: UploadSource, number: int, name: str) -> None:
    source = uploads.with_product(mine, number, name)
    data.undoable("product", lambda: data.set_own(source), name=name)


def _begin(choices: Choices, mine: UploadSource, number: int, names: Sequence[str]) -> None:
    sets = [(name, uploads.with_product(mine.parts[number], 0, name)) for name in names]
    session.MANY.set(Many(mine, number, backend.current().measure(choices, sets)))


def _stop(many: Many) -> None:
    """Let go of what is not finished."""
    kept = {name: answer for name, answer in many.answers.items() if not answer.pending}
    session.MANY.set(Many(many.source, many.part, kept) if kept else None)


def _look_at(many: Many, name: str) -> None:
    _open(many.source, many.part, name)
    change(data="own", picture=None, place=None)
    backend.current().run(current())
    session.NEXT_PAGE.set("compare")


def _found(name: str, answer: Answer) -> MeasuredSet:
    made = answer.now
    if isinstance(made, MeasuredSet):
        return made
    return MeasuredSet(name, failure=say(made.sentence) if isinstance(made, Refusal) else text("images.sets.stopped"))
