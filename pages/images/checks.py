"""What to know of the pictures before a run, in sentences: sizes, copies, shortcuts, labels, room left."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

import streamlit as st

from detectors.errors import Sentence
from detectors.evaluation import shortcuts
from detectors.images import LIMITS, Preprocessing
from detectors.images.limits import MB
from detectors.images.preprocessing import SQUEEZED, squeezed
from detectors.queries.overview import Overview, trivial
from detectors.result import Result
from pages.frame import backend, data, session, style, uploads
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import say, text
from pages.images.levels import LEVELS
from pages.images.pictures import Album, copies

_COPIES = {"dataset.copies_across": "across", "dataset.copies_in_train": "train", "dataset.copies_in_test": "test"}
_TOLD = ("dataset.set_aside", "dataset.twelve_bits", "dataset.no_masks", "dataset.mixed_sizes")
_ELSEWHERE = ("dataset.no_normal", "dataset.no_test", "dataset.no_defect")  # each has a panel of its own


def checks(choices: Choices, status: Status, result: Result | None, made: Overview, shown: Album) -> bool:
    """Show one sentence for each check, what is fine included; return whether one is still being made."""
    with st.container(key="checks"):
        _sizes(choices, made, shown)
        warned = {warning.key for warning in made.warnings}
        if shown.test and not warned & _COPIES.keys():
            _line("fine", text("images.no_copies"))
        for warning in made.warnings:
            if warning.key in _COPIES:
                _copies(choices, warning, shown)
            elif warning.key not in _ELSEWHERE and not (made.levels is not None and warning.key in LEVELS):
                _line("told" if warning.key in _TOLD else "alarm", say(warning))
        complete = _shortcuts(choices, None if status.stale else result)
        mine = uploads.shelf().source
        if choices.data == "own" and mine is not None:
            count = sum(not p.synthetic for _, p in (*shown.normal, *shown.test, *shown.aside, *shown.removed))
            used = f"{mine.bytes / MB:.0f}" if mine.bytes >= MB else f"{mine.bytes / MB:.1f}"
            _line("room", text("images.room", n=count, most=LIMITS.session_pictures, mb=used, limit=_megabytes()))
        else:
            _line("room", text("images.room_free", most=LIMITS.session_pictures, limit=_megabytes()))
    return not complete


def _sizes(choices: Choices, made: Overview, shown: Album) -> None:
    present = (*shown.normal, *shown.test, *shown.aside)
    sizes = {p.original_size for _, p in present}
    if choices.proportions != "square" and sizes:
        _kept(choices, shown)
        return
    if len(sizes) == 1:
        ((height, width),) = sizes
        count = len(present)
        key = "one_size" if choices.crop == "none" else "one_size_cut"
        _line("fine", text(f"images.{key}", n=count, w=width, h=height, side=choices.size))
    shapes = [(max(size) / min(size), size) for size in sizes]
    ratio, (height, width) = max(shapes, default=(1.0, (1, 1)))
    if ratio > SQUEEZED:
        values = {"w": width, "h": height, "side": choices.size, "ratio": f"{ratio:.1f}"}
        crop = "center" if choices.crop == "none" else "none"
        whole = "own" if len({round(w / h, 2) for h, w in sizes}) == 1 else "padded"
        said = text(f"images.{'squeezed' if choices.crop == 'none' else 'cut'}", **values)
        _line(
            "told",
            said,
            (f"images.{'keep_shape' if crop == 'center' else 'squeeze'}", lambda: change(crop=crop), "shape"),
            ("images.keep_whole", lambda: change(crop="none", proportions=whole), "whole"),
        )


def _kept(choices: Choices, shown: Album) -> None:
    """Say what becomes of pictures whose proportions are kept, and of those that are squeezed nevertheless."""
    every = [p.original_size for _, p in (*shown.normal, *shown.test)]
    seen = Preprocessing(size=choices.size, proportions=choices.proportions)  # type: ignore[arg-type]
    seen = seen.decided_by([p.original_size for _, p in shown.normal] or every)
    height, width = every[0]
    values = {"w": width, "h": height, "side": choices.size, "h2": seen.frame[0], "w2": seen.frame[1]}
    key = "padded" if choices.proportions == "padded" else "own_shape"
    _line("fine", text(f"images.{key}", **values))
    if (told := squeezed(seen, every)) is not None:
        _line("told", say(told))


def _copies(choices: Choices, warning: Sentence, shown: Album) -> None:
    extra = copies(shown, _COPIES[warning.key])
    edit = data.edited(choices)

    def take_out() -> None:
        if edit is not None:
            data.undoable("remove", lambda: data.edit(choices, removed=edit.removed | extra), n=len(extra))

    _line("alarm", say(warning), ("images.take_out", take_out, f"take_out_{_COPIES[warning.key]}"))


def _shortcuts(choices: Choices, result: Result | None) -> bool:
    """Say which trivial statistics separate, those that a result stands beside included; return whether it is known."""
    wanted = backend.comparison(choices)
    asked = (data.source(choices), wanted.preprocessing, wanted.held_out, wanted.seed)
    figures = backend.current().later(trivial, *asked).now
    if not isinstance(figures, dict):
        return figures is not None
    if not figures:
        return True
    columns = result.columns if result is not None else ()
    aurocs = {c.key: value for c in columns if (value := c.figures["image_auroc"].value) is not None}
    warnings = shortcuts.shortcut_warnings(figures, aurocs)
    for i, warning in enumerate(warnings):
        _line("alarm", say(warning), ("images.why", _why, f"why_{i}"))
    if not warnings:
        _line("fine", text("images.no_shortcut"))
    return True


def _why() -> None:
    change(lesson="hard")
    session.NEXT_PAGE.set("learn")


def _line(icon: str, sentence: str, *actions: tuple[str, Callable[[], None], str]) -> None:
    shown = re.sub("`(.+?)`", r"<code>\1</code>", escape(sentence))
    with st.container(horizontal=True, gap="small"):
        st.html(f'<div class="odd-check odd-{icon}"><span>{shown}</span></div>', width="content")
        for label, work, key in actions:
            st.button(text(label), key=key, type="tertiary", on_click=work)


def _megabytes() -> str:
    return f"{LIMITS.session_mb:g}"


def go() -> None:
    """Open the page that a button of a check asked for."""
    page = session.NEXT_PAGE.pop()
    if page:
        st.switch_page(style.path(page))
