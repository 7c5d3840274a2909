"""The look of the app beyond the theme's tokens, and the parts that every page has."""

from __future__ import annotations

from html import escape

import streamlit as st

from detectors.result import Result
from pages.frame import session
from pages.frame.component import ROOT, read
from pages.frame.headline import set_apart
from pages.frame.provenance import what_made
from pages.frame.state import Choices, current
from pages.frame.words import language, say, text

PAGES = ("images", "compare", "scores", "inspect", "stress", "live", "learn", "export")
DEFAULT = "compare"


def styles(choices: Choices) -> None:
    """Add the style sheet: chips, marks, hairlines, focus rings, the sidebar; larger type when presenting."""
    present = read("pages/frame/present.css") if choices.present else ""
    korean = "[data-testid=stApp] { line-height: 1.6; word-break: keep-all; }" if language() == "ko" else ""
    st.html(f"<style>{read('pages/frame/style.css')}{korean}{present}</style>")


def head(page: str, sentence: str) -> None:
    """Show a page's title, the sentence that says what happened here (Markdown), and thresholds that stand apart."""
    st.title(text(f"{page}.title"), anchor=False)
    with st.container(key="lead"):
        st.markdown(sentence)
    if apart := set_apart(current()):
        st.caption(f":orange[{'; '.join(apart)}.]")
    if session.ELSEWHERE.get() == (current().data, current().product):
        note(text("images.elsewhere"), "calm")


def caveats(result: Result) -> bool:
    """Show what must be known before any figure is believed: shortcuts, and defects that this program pasted in."""
    defective = [p for p in result.test if p.defective]
    pasted = sum(p.synthetic for p in defective)
    if result.warnings:
        with st.container(key="shortcut"):
            st.html("".join(f"<p>{escape(say(sentence))}</p>" for sentence in result.warnings))
    if pasted:
        note(text("scores.synthetic", n=pasted, of=len(defective)), tone="calm")
    return bool(result.warnings)


def corrected(result: Result) -> None:
    """Say of how many pictures a person decided something, where figures stand without their other caveats."""
    for sentence in result.warnings:
        if sentence.key.startswith("data.corrected"):
            note(say(sentence), "calm")


def foot(page: str, note: str = "", result: Result | None = None) -> None:
    """Show a page's last line: a note on the left, what made the result, the next step on the right."""
    following = PAGES[(PAGES.index(page) + 1) % len(PAGES)]
    with st.container(key="foot", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(note)
        if result is not None and result.columns:
            what_made(result, page)
        st.page_link(
            path(following), label=text(f"{page}.next"), icon=":material/arrow_forward:", icon_position="right"
        )


def note(sentence: str, tone: str = "alarm") -> None:
    """Show a sentence in a box with a coloured edge: "alarm" for what must be known, "calm" for an explanation."""
    calm = " odd-calm" if tone == "calm" else ""
    st.html(f'<div class="odd-note{calm}"><span>{escape(sentence)}</span></div>')


def path(page: str) -> str:
    """Return what `st.page_link` and `st.switch_page` call a page."""
    return str(ROOT / "pages" / page / "page.py")


def chip(verdict: str) -> str:
    """Return a verdict as an HTML chip: icon, word and colour, never colour alone."""
    return f'<span class="odd-chip odd-{verdict}">{text(f"verdicts.{verdict}")}</span>'


def mark(defective: bool | None, held_out: bool = False) -> str:
    """Return the HTML mark of a picture: circle good, hollow circle held out, diamond defective."""
    return f'<i class="odd-mark odd-{"held" if held_out else "diamond" if defective else "circle"}"></i>'
