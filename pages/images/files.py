"""What became of the uploaded files: accepted, converted, refused or passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

import streamlit as st

from detectors.datasets import Entry
from detectors.queries.overview import Overview
from pages.frame import data, uploads
from pages.frame.state import Choices
from pages.frame.words import say, text
from pages.images import sets

_SHOWN = 3


def received(choices: Choices, own: Overview) -> bool:
    """Show what happened to the uploaded files, when there is anything to say; return whether more is on its way."""
    entries, door = own.report.entries, uploads.shelf().refused
    waiting = [sets.choose(choices, entry) for entry in entries if _is_several(entry)]
    told = [e for e in entries if e.state != "accepted" and not _is_several(e)]
    if told or door:
        _told(entries, told, door)
    return any(waiting)


def _told(entries: Sequence[Entry], told: Sequence[Entry], door: Sequence[tuple[str, str, dict[str, object]]]) -> None:
    counts = Counter(entry.state for entry in entries)
    counts["refused"] += len(door) - sum(_is_several(e) for e in entries)
    with st.container(key="received", border=True, horizontal=True, vertical_alignment="center"):
        said = _first(told, door)
        st.html(f"<div class='odd-received'><b>{escape(_headline(counts))}</b>{f'<p>{said}</p>' if said else ''}</div>")
        with st.container(horizontal=True, gap="small", width="content"):
            if st.button(text("images.show_all"), key="show_all"):
                st.dialog(text("images.files"), width="large")(_all)(entries, door)
            if uploads.shelf().steps and uploads.shelf().steps[-1].done == "upload":
                st.button(text("images.undo_upload"), key="undo_upload", on_click=data.undo)


def refused_at_the_door() -> None:
    """Show why none of the last upload's files came in."""
    door = uploads.shelf().refused
    if door:
        with st.container(key="received", border=True):
            head = escape(text("images.counts.refused", n=len(door)))
            st.html(f"<div class='odd-received'><b>{head}</b><p>{_first([], door)}</p></div>")


def _headline(counts: Counter[str]) -> str:
    parts = [text(f"images.counts.{s}", n=counts[s]) for s in ("accepted", "converted", "refused", "ignored")]
    return ", ".join(part for part, s in zip(parts, ("accepted", "converted", "refused", "ignored"), strict=True)
                     if counts[s])  # fmt: skip


def _first(told: Sequence[Entry], door: Sequence[tuple[str, str, dict[str, object]]]) -> str:
    """Return the first few things to say, as HTML: refusals, then changes; files with the same reason in one line."""
    said = [(name, text(f"images.refused.{key}", **values)) for name, key, values in door]
    said += [(e.name, say(e.sentence)) for e in told if e.state == "refused" and e.sentence]
    changed = [(e.name, say(e.sentence)) for e in told if e.state == "converted" and e.sentence]
    lines: list[str] = []
    for pairs in (said, changed):
        names: dict[str, list[str]] = {}
        for name, why in pairs:
            names.setdefault(why, []).append(name)
        for why, files in list(names.items())[:_SHOWN]:
            who = files[0] if len(files) == 1 else text("images.files_n", n=len(files))
            lines.append(f"<b>{escape(who)}</b> {escape(why)}")
        if left := sum(len(files) for files in list(names.values())[_SHOWN:]):
            lines.append(escape(text("images.and_more", n=left)))
    return "<br>".join(lines)


def _all(entries: Sequence[Entry], door: Sequence[tuple[str, str, dict[str, object]]]) -> None:
    rows = [
        {
            "file": name,
            "state": text("images.states.refused"),
            "role": "",
            "why": text(f"images.refused.{key}", **values),
        }
        for name, key, values in door
    ]
    order = ("refused", "converted", "ignored", "accepted")
    for entry in sorted(entries, key=lambda e: order.index(e.state)):
        said = " ".join(say(note) for note in entry.notes or ((entry.sentence,) if entry.sentence else ()))
        role = text(f"images.roles.{entry.role}") if entry.role else ""
        rows.append({"file": entry.name, "state": text(f"images.states.{entry.state}"), "role": role, "why": said})
    columns = {name: text(f"images.columns.{name}") for name in ("file", "state", "role", "why")}
    st.dataframe(rows, column_config=columns, column_order=list(columns), hide_index=True, width="stretch")


def _is_several(entry: Entry) -> bool:
    return entry.sentence is not None and entry.sentence.key == "dataset.several"
