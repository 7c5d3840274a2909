"""How own pictures were understood, in a sentence and folder by folder, and what a person says where that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from detectors.datasets import Folder
from detectors.datasets.layouts import kind_of
from detectors.errors import Sentence
from detectors.queries.overview import Overview
from pages.frame import data, session, uploads
from pages.frame.words import kind, say, speaker, spoken, text

_MOST = 40  # folders that get a row each
_OPEN = 10  # folders that are shown without a click
_FEW = 2  # folders of masks side by side beyond which one row stands for all of them
_SAID = ("train/good", "test/good", "defective", "unlabelled", "masks", "ignore")


@dataclass(frozen=True)
class Row:
    """One folder, or many folders of masks side by side, or a file that a person spoke of.

    Attributes:
        path: what a role is said of.
        found: what it was taken for: one of `roles.ROLES`, "" where nothing says what to do with it.
        kind: the defect's name, or None.
        pictures, masks: how many.
        why: what decided; None where a person did.
    """

    path: str
    found: str
    kind: str | None
    pictures: int
    masks: int
    why: Sentence | None


def understood(own: Overview) -> None:
    """Show the sentence, and a row for each folder in which what it is can be changed."""
    read, mine = own.report.understanding, uploads.shelf().source
    if read is None or mine is None or not read.folders:
        return
    said = dict(mine.roles)
    shown = rows(read.folders, said)
    with st.container(key="understood", border=True):
        sentence = "; ".join(say(part) for part in read.parts)
        st.html(f'<div class="odd-understood"><b>{escape(text("images.read.title"))}</b> {escape(sentence)}.</div>')
        if not shown:
            return
        with st.expander(text("images.read.folders", n=len(shown)), expanded=1 < len(shown) <= _OPEN, key="folders"):
            st.caption(text("images.read.says"))
            for i, row in enumerate(shown[:_MOST]):
                _row(i, row, said)
            if len(shown) > _MOST:
                st.caption(text("images.read.more", n=len(shown) - _MOST))
            if said:
                st.button(
                    text("images.read.reset"), key="read_reset", type="tertiary",
                    on_click=lambda: data.say_roles("folders", dict.fromkeys(said, "")),
                )  # fmt: skip


def rows(folders: Sequence[Folder], said: dict[str, str]) -> list[Row]:
    """Return what is shown: each folder, masks that lie in many folders side by side in one row, and single files."""
    beside: dict[str, list[Folder]] = {}
    for folder in folders:
        if folder.role == "masks" and folder.path not in said:
            beside.setdefault(folder.path.rpartition("/")[0], []).append(folder)
    many = {above: few for above, few in beside.items() if above and len(few) > _FEW}
    one = {folder.path for few in many.values() for folder in few}
    found = [
        Row(f.path, _said_of(f), f.kind, f.pictures, f.masks, None if f.chosen else f.why)
        for f in folders
        if f.path not in one
    ]
    for above, few in many.items():
        found.append(Row(above, "masks", None, 0, sum(folder.masks for folder in few), few[0].why))
    paths = {row.path for row in found}
    found += [Row(path, "", None, 0, 0, None) for path in said if path not in paths]
    return sorted(found, key=lambda row: row.path)


def _said_of(folder: Folder) -> str:
    if folder.role == "good":
        return f"{folder.use}/good"
    return folder.role


def _row(number: int, row: Row, said: dict[str, str]) -> None:
    """Show one folder: its name and what lies in it, what decided, and what it is."""
    speak = speaker()
    chosen = said.get(row.path, "")
    now = chosen.partition("/")[0] if chosen.startswith("defective/") else chosen
    counts = [text(f"images.read.{what}", n=n) for what, n in (("pictures", row.pictures), ("masks", row.masks)) if n]
    why = say(row.why) if row.why is not None else text("images.read.chosen") if chosen else ""

    def as_read() -> str:
        if not row.found:
            return speak("images.read.as_none")
        name = kind(row.kind) if row.found == "defective" and row.kind else ""
        return speak("images.read.as_read", role=speak(f"images.read.roles.{row.found}"), name=name and f" ({name})")

    def written(role: str) -> str:
        return speak(f"images.read.roles.{role}") if role else as_read()

    def told() -> None:
        role = session.widget(key) or ""
        data.say_roles("folder", {row.path: role}, name=row.path or "/")

    def named() -> None:
        word = (session.widget(f"{key}_kind") or "").strip()[:60]
        role = "defective" if not word else "test/good" if kind_of(word) == "good" else f"defective/{word}"
        data.say_roles("folder", {row.path: role}, name=row.path or "/")

    key = f"read_{number}_{row.path}"
    with st.container(key=f"folder_{number}", horizontal=True, vertical_alignment="center", gap="small"):
        name = row.path or text("images.read.top")
        st.html(
            f'<div class="odd-folder"><b>{escape(name)}</b> <span>{escape(", ".join(counts))}</span>'
            f"<small>{escape(why)}</small></div>"
        )
        options = ("", *_SAID, *([now] if now and now not in _SAID else []))
        session.set_widget(key, now)
        st.selectbox(
            text("images.read.role", name=spoken(name)), options, format_func=written, key=key, on_change=told,
            label_visibility="collapsed", width=260,
        )  # fmt: skip
        if now == "defective":
            session.set_widget(f"{key}_kind", chosen.partition("/")[2] or row.kind or "")
            st.text_input(
                text("images.kind_asked"), key=f"{key}_kind", on_change=named, max_chars=60, width=150,
                placeholder=text("images.kind_asked"), label_visibility="collapsed",
            )  # fmt: skip
