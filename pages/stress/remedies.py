"""What would help against a condition: the same methods after a remedy, measured beside."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from detectors.errors import Refusal
from detectors.queries import stress
from detectors.result import Result
from detectors.stress import CONDITIONS, REMEDIES, Curve, compared
from detectors.stress.sentences import shortcut, verdict
from pages.frame import backend, session, stressed, style
from pages.frame.backend import Answer
from pages.frame.state import Choices, change, current
from pages.frame.words import duration, say, text
from pages.stress.verdicts import listed


def show(
    run: str, choices: Choices, result: Result, condition: str, usual: Sequence[Curve], titles: dict[str, str]
) -> None:
    """Offer all remedies against the condition that is looked at, and show verdicts beside those without."""
    named = text(f"stress.conditions.{condition}")
    st.markdown(f"### {text('stress.help.title', condition=named)}")
    answers = {remedy: asked(run).get(f"{condition}+{remedy}") for remedy in REMEDIES}
    wanted = [remedy for remedy, answer in answers.items() if answer is None or answer.cancelled]
    if wanted:
        time = duration(max(1.0, len(wanted) * (stressed.seconds(result) + again(result))))
        st.button(
            text("stress.help.ask", time=time), key="stress_help", icon=":material/healing:", on_click=_begin,
            args=(run, condition, wanted),
        )  # fmt: skip
    for answer in answers.values():
        if answer is not None and isinstance(answer.now, Refusal):
            style.note(say(answer.now.sentence))
    there = {remedy: found for (name, remedy), found in stressed.helped(run, choices).items() if name == condition}
    if not there:
        st.caption(text("stress.help.note"))
        return
    warned = shortcut(usual, there["equalise"]) if "equalise" in there else None
    if warned is not None:
        style.note(say(warned))
    st.markdown(" ".join(part for remedy, found in there.items() for part in _does(remedy, usual, found, titles)))
    columns = [None, *there]
    head = "".join(
        f'<th scope="col">{escape(text(f"stress.help.{remedy}" if remedy else "stress.help.none"))}</th>'
        for remedy in columns
    )
    rows = []
    for curve in usual:
        cells = [curve, *(next((c for c in found if c.key == curve.key), None) for found in there.values())]
        said = "".join("<td>–</td>" if cell is None else _cell(cell, condition) for cell in cells)
        rows.append(f'<tr><th scope="row">{escape(titles[curve.key])}</th>{said}</tr>')
    caption = escape(text("stress.help.title", condition=named))
    st.html(
        f'<div class="odd-stress-table" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<thead><tr><th scope='col'>{escape(text('stress.method'))}</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    st.caption(text("stress.help.note"))


def asked(run: str) -> dict[str, Answer]:
    """Return what was asked of remedies, by "condition+remedy"."""
    return {name: answer for (of, name), answer in session.STRESSED.get().items() if of == run and "+" in name}


def again(result: Result) -> float:
    """Return about how long all methods take to be fitted again, their features included."""
    pictures = len(result.learnt) + len(result.held_out) + len(result.test)
    passes = {column.backbone: column.cost.backbone_milliseconds for column in result.columns}
    return pictures * sum(passes.values()) / 1e3 + sum(column.cost.fit_seconds for column in result.columns)


def _does(remedy: str, usual: Sequence[Curve], found: Sequence[Curve], titles: dict[str, str]) -> list[str]:
    """Return sentences on which methods a remedy lets stand longer, and which break earlier."""
    named = text(f"stress.help.{remedy}")
    named, said = named[:1].upper() + named[1:], compared(usual, found)
    sides = {"better": said.better, "worse": said.worse}
    parts = [
        text(f"stress.help.{word}", remedy=named, methods=listed([titles[key] for key in keys]))
        for word, keys in sides.items()
        if keys
    ]
    return parts or [text("stress.help.neither", remedy=named)]


def _cell(curve: Curve, condition: str) -> str:
    said, usual = curve.verdict, curve.points[curve.strengths.index(0)].found.value
    found = "" if usual is None else text("stress.help.found", found=f"{100 * usual:.0f}")
    return f'<td class="odd-{said.word}">{escape(say(verdict(said, condition)))}<small>{escape(found)}</small></td>'


def linked(run: str) -> None:
    """Begin the remedies that a link asks for: "blur_align"."""
    for condition in CONDITIONS:
        wanted = [remedy for remedy in REMEDIES if f"{condition}_{remedy}" in current().stress]
        if wanted:
            session.LOOKED.set(condition)
            _begin(run, condition, wanted)


def _begin(run: str, condition: str, wanted: list[str]) -> None:
    for remedy in wanted:
        session.STRESSED.get()[run, f"{condition}+{remedy}"] = backend.current().later(
            stress.helped, condition, remedy, fitted=True
        )
    words = (f"{condition}_{remedy}" for remedy in wanted)
    change(stress=tuple(dict.fromkeys((*current().stress, *words))))
