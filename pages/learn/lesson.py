"""The frame of the lessons: numbered pills, prose with slots for live figures and computed values, the way onwards.

A lesson `<name>` is two files of prose and one module.

Prose: `assets/lessons/{en,ko}/<name>.md`, Markdown, read by a person who has never seen these methods:
  - `## Heading` begins a section; what stands before the first one opens the lesson.
  - `{{figure:name}}` on a line of its own: a live figure to the right of the section's prose (below it on a phone).
  - `{{wide:name}}` on a line of its own: a live figure over the full width; prose goes on below it.
  - `{{value:name}}` within a paragraph or formula: a computed number or a whole computed sentence. **A paragraph, list
    or formula of which one value is None is left out**, so a finding that this run does not show is not claimed: write
    alternatives as paragraphs of their own, each with a value that is None when it does not hold.
  - `> text`: a box that asks for a prediction.
  - `[[symbol|what it is]]`: a symbol that explains itself on hover and focus (dotted underline).
  - a formula, without blank lines: ```` ```formula ````, HTML such as `d = min<sub>[[m|a kept patch]]</sub>`, a line
    that begins with `: ` is small, then ```` ``` ````.
Both languages have the same slots; `tests/test_lessons.py` holds them together.

Module: `LESSONS[name]`, imported when the lesson is opened, with
  - `FIGURES: dict[str, Callable[[Choices, Status, Result], None]]`: draws with Streamlit, `parts` and `before_after`.
  - `VALUES: dict[str, Callable[[Choices, Status, Result], str | None]]`: one line of text (inline Markdown; the names
    that a user gave go through `words.plain`), or None when this run does not show it.
  - `EARLY: frozenset[str]` (optional): names that are asked for before there is a result (it is None then). All others
    are not called without one that has a column: a grey box holds a figure's place and a paragraph with a value waits.

Computing: functions in `detectors/queries/lessons/<name>.py`, torch only inside functions, called as
`ask(result, function, column_key, *args)`, which runs `function(detector, stores, pictures, *args)` in the worker on
the run's cached features and remembers the answer; None while there is no run. Arguments are plain values. Return
numpy arrays and plain values. What takes longer, or needs other pictures than the run's, is asked of the backend's
`later`, None while it is at work; `at_work(look, seconds)` holds its place. `first_column(result, ...)` and
`subject(choices, result)` choose what to look at.

Controls of a figure (switches, pickers) go into `controls("name")`.
Words on screen that are not prose: texts under "learn.<name>" in both languages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

import streamlit as st
from markdown_it import MarkdownIt
from streamlit.delta_generator import DeltaGenerator

from detectors.result import Column, Result
from pages.frame import backend, component, once, session, style
from pages.frame.refresh import poll
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import language, speaker, text

LESSONS = {
    "hard": "pages.learn.hard",
    "layers": "pages.learn.layers",
    "trained": "pages.learn.trained",
    "playground": "pages.learn.playground",
    "spade": "pages.learn.spade",
    "mahalanobis": "pages.learn.mahalanobis",
    "padim": "pages.learn.padim",
    "patchcore": "pages.learn.patchcore",
    "cfa": "pages.learn.cfa",
    "parameters": "pages.learn.parameters",
    "figures": "pages.learn.figures",
    "stress": "pages.learn.stress",
    "table": "pages.learn.table",
    "exercises": "pages.learn.exercises",
}
METHOD_LESSONS = ("spade", "mahalanobis", "padim", "patchcore", "cfa")
PILLS = (
    "hard",
    "layers",
    "trained",
    "playground",
    "method",
    "parameters",
    "figures",
    "stress",
    "table",
    "exercises",
)  # "method" stands for the five
PROSE = component.ROOT / "assets" / "lessons"
_SLOT = re.compile(r"^\{\{(figure|wide):([a-z_0-9]+)\}\}$", re.MULTILINE)
_VALUE = re.compile(r"\{\{value:([a-z_0-9]+)\}\}")
_SYMBOL = re.compile(r"\[\[([^|\]]+)\|([^\]]+)\]\]")


@dataclass(frozen=True)
class Part:
    """A stretch of a lesson: prose with the figures beside it, or one wide figure (then without prose)."""

    heading: str
    prose: str
    beside: tuple[str, ...] = ()
    wide: str | None = None


def chosen(choices: Choices) -> str:
    """Return the lesson to show: the one in the link, else the first."""
    return choices.lesson if choices.lesson in LESSONS else "hard"


def pills(lesson: str) -> None:
    """Show the lessons as numbered pills, and the methods as a second row where the lesson is one of theirs."""
    say = speaker()
    titles = {name: f"{i} {say(f'learn.lessons.{name}')}" for i, name in enumerate(PILLS, 1)}
    session.set_widget("w_lesson", _pill(lesson))
    with st.container(key="filters"):
        st.pills(
            text("learn.which"), PILLS, format_func=titles.get, key="w_lesson", label_visibility="collapsed",
            required=True, on_change=lambda: _go(session.widget("w_lesson")),
        )  # fmt: skip
    if lesson in METHOD_LESSONS:
        session.set_widget("w_lesson_method", lesson)
        with controls("method"):
            st.segmented_control(
                text("learn.which_method"), METHOD_LESSONS, format_func=lambda name: say(f"methods.{name}"),
                key="w_lesson_method", label_visibility="collapsed", required=True,
                on_change=lambda: _go(session.widget("w_lesson_method")),
            )  # fmt: skip


def lesson(name: str, choices: Choices, status: Status, result: Result | None) -> None:
    """Show a lesson: its prose with live figures and computed values."""
    module = import_module(LESSONS[name])
    early = getattr(module, "EARLY", frozenset())
    if result is not None and not result.columns:
        result = None  # all methods failed or were stopped: nothing to learn from

    def value(slot: str) -> str | None:
        return module.VALUES[slot](choices, status, result) if result is not None or slot in early else None

    def figure(slot: str) -> None:
        if result is not None or slot in early:
            module.FIGURES[slot](choices, status, result)
        else:
            waiting()

    if result is not None and status.stale:
        st.caption(text("frame.changed"))
    if result is not None:
        style.corrected(result)
    for part in parts(name, language()):
        if part.heading:
            st.html(f"<h2 class='odd-heading'>{_markdown().renderInline(part.heading)}</h2>")
        if part.wide is not None:
            figure(part.wide)
        elif part.beside:
            left, right = st.columns([3, 8], gap="large")
            with left:
                st.html(html(part.prose, value))
            with right:
                for slot in part.beside:
                    figure(slot)
        elif written := html(part.prose, value):
            st.html(written)


def foot(lesson: str) -> None:
    """Show where one is and the next step: the next lesson, after the last one the next page."""
    names = list(LESSONS)
    at = names.index(lesson)
    with st.container(key="foot", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(text("learn.lesson_of", i=PILLS.index(_pill(lesson)) + 1, n=len(PILLS)))
        if at + 1 == len(names):
            page = style.PAGES[style.PAGES.index("learn") + 1]
            icon = ":material/arrow_forward:"
            st.page_link(style.path(page), label=text("learn.next"), icon=icon, icon_position="right")
        else:
            following = names[at + 1]
            st.button(
                text(f"methods.{following}") if following in METHOD_LESSONS else text(f"learn.lessons.{following}"),
                key="next_lesson", type="tertiary", icon=":material/arrow_forward:", icon_position="right",
                on_click=lambda: _go(following),
            )  # fmt: skip


def styles() -> None:
    """Add the lessons' style sheet."""
    component.styles("pages/learn/lessons.css")


def controls(name: str) -> DeltaGenerator:
    """Return a container in one line for what a figure can be asked."""
    return st.container(key=f"controls_{name}", horizontal=True, vertical_alignment="bottom")


def waiting() -> None:
    """Hold the place of a figure that needs a result."""
    st.html(f'<div class="odd-waiting">{text("learn.waiting")}</div>')


def ask(result: Result, function: Callable[..., Any], column: str, *args: Any) -> Any:
    """Run `function(detector, stores, pictures, *args)` beside a fitted column, once; None while there is no run.

    Raises:
        Refusal: what the function refused.
    """
    try:
        return _answer(_digest(result), f"{function.__module__}.{function.__qualname__}", column, args, function)
    except _Absent:
        return None


def at_work(look: Callable[[], Any], seconds: int) -> None:
    """Hold the place of what a worker is at, and draw the page anew as soon as it is there."""
    shown = f'<div class="odd-waiting odd-low">{text("learn.at_work", s=seconds)}</div>'
    poll(lambda: st.html(shown), lambda: look() is None)


def first_column(result: Result, *wanted: str) -> Column | None:
    """Return the column of the first method of `wanted` that is there; of any method when none is named."""
    for method in wanted:
        for column in result.columns:
            if column.method == method:
                return column
    return result.columns[0] if result.columns and not wanted else None


def subject(choices: Choices, result: Result) -> int | None:
    """Return the test picture that a lesson looks at: the chosen one, else a defect that is plain to see."""
    for i, picture in enumerate(result.test):
        if choices.picture and picture.sha256.startswith(choices.picture):
            return i

    def plain_to_see(i: int) -> tuple[bool, bool, float]:
        picture = result.test[i]
        return bool(picture.defective), picture.local and picture.mask is not None, picture.severity or 0.0

    return max(range(len(result.test)), key=plain_to_see, default=None)


def listed(names: Sequence[str]) -> str:
    """Return names as one writes them: "SPADE, PaDiM and CFA"."""
    return text("learn.and", first=", ".join(names[:-1]), last=names[-1]) if len(names) > 1 else "".join(names)


@cache
def parts(name: str, tongue: str) -> tuple[Part, ...]:
    """Return a lesson's parts in reading order."""
    written = (PROSE / tongue / f"{name}.md").read_text("utf-8")
    made = []
    for section in re.split(r"^## ", f"\n{written}", flags=re.MULTILINE):
        heading, _, body = section.partition("\n")
        pieces = re.split(r"^\{\{wide:([a-z_0-9]+)\}\}$", body, flags=re.MULTILINE)
        for i, piece in enumerate(pieces):
            if i % 2:
                made.append(Part(heading.strip(), "", wide=piece))
            elif piece.strip():
                slots = tuple(slot for _, slot in _SLOT.findall(piece))
                made.append(Part(heading.strip(), _SLOT.sub("", piece).strip(), slots))
            else:
                continue
            heading = ""
    return tuple(made)


def html(prose: str, value: Callable[[str], str | None]) -> str:
    """Return prose as HTML; what holds a value that is None is left out."""
    blocks = [_filled(block, value) for block in re.split(r"\n\s*\n", prose) if block.strip()]
    kept = "".join(block for block in blocks if block)
    return f'<div class="odd-prose">{kept}</div>' if kept else ""


def _filled(block: str, value: Callable[[str], str | None]) -> str:
    values = {slot: value(slot) for slot in _VALUE.findall(block)}
    return "" if None in values.values() else _written(block, tuple(values.items()))


@lru_cache(1000)
def _written(block: str, named: tuple[tuple[str, str], ...]) -> str:
    values = dict(named)
    if block.startswith("```formula"):
        lines = block.splitlines()[1:-1]
        made = "".join(
            f"<small>{line[2:]}</small>" if line.startswith(": ") else f"<div>{line}</div>" for line in lines
        )
        made = f'<div class="odd-formula">{made}</div>'
    else:
        made = _markdown().render(block)
    made = _SYMBOL.sub(r'<span class="odd-symbol" tabindex="0">\1<span role="tooltip">\2</span></span>', made)
    return _VALUE.sub(lambda m: _plain_markdown().renderInline(values[m[1]]), made)


def _go(name: str) -> None:
    change(lesson=METHOD_LESSONS[0] if name == "method" else name)


def _pill(lesson: str) -> str:
    return "method" if lesson in METHOD_LESSONS else lesson


class _Absent(Exception):
    """There is no run to ask: not an answer to be remembered."""


@st.cache_data(max_entries=64, show_spinner=False)
def _answer(digest: str, name: str, column: str, args: tuple[Any, ...], _function: Callable[..., Any]) -> Any:
    found = backend.current().ask(_function, *args, column=column)
    if found is None:
        raise _Absent
    return found


def _digest(result: Result) -> str:
    """Return a short name of everything that a result depends on."""

    def made() -> str:
        pictures = [p.sha256 for group in (result.learnt, result.held_out, result.test) for p in group]
        return hashlib.sha256(repr((pictures, result.experiment)).encode()).hexdigest()

    return once.of(result, "lesson", made)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True})  # the lessons are ours


@cache
def _plain_markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})  # values may hold what a user wrote
