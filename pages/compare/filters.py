"""Which pictures Compare shows: the filters, those that name methods, how columns are grouped, and the pages."""

from __future__ import annotations

import streamlit as st

from pages.frame import session
from pages.frame.pinned import several
from pages.frame.verdicts import FILTERS, Verdicts
from pages.frame.words import called, speaker, text

_PAGE_BUTTON, _PAGES_SEEN = 60, 7  # pixels, with the gap; buttons beside the two arrows
PER_PAGE = (6, 12, 24, 48)
GROUPS = ("rows", "method", "backbone")  # two backbones: below each other, or their columns beside each other


def wanted(verdicts: Verdicts, group: str) -> str:
    """Show the filters and return the one that holds; it belongs to the pictures that it was chosen for."""
    kinds = sorted({p.kind for p in verdicts.result.test if p.kind and p.defective})
    options = [*(name for name in FILTERS if verdicts.supports(name)), *(f"kind:{name}" for name in kinds)]
    shown = tuple(picture.sha256 for picture in verdicts.result.test)
    held = session.widget("compare_filter", "all")
    if not verdicts.opens(held) or session.FILTERED.get() not in (None, shown):
        held = "all"
    session.set_widget("compare_filter", held)
    session.FILTERED.set(shown)
    options = list(dict.fromkeys((*options, held)))
    labels = {option: f"{verdicts.written(option)} :gray[{len(verdicts.chosen(option))}]" for option in options}
    with st.container(key="filters", horizontal=True, vertical_alignment="center"):
        st.pills(
            text("compare.filter"), options, format_func=lambda option: labels.get(option, option),
            key="compare_filter", label_visibility="collapsed", required=True, persist_state="session",
        )  # fmt: skip
        if verdicts.supports("missed") or verdicts.supports("false"):
            by_method(verdicts)
        if len({key.split("/", 1)[1] for key in verdicts.columns}) > 1:
            say_in = speaker()
            st.selectbox(
                text("compare.group"), GROUPS, GROUPS.index(group), key="compare_group", persist_state="session",
                format_func=lambda name: say_in(f"compare.groups.{name}"), label_visibility="collapsed", width=230,
            )  # fmt: skip
    return session.widget("compare_filter")


def by_method(verdicts: Verdicts) -> None:
    """Offer the filters that name methods: missed by one, or right in one and wrong in another."""
    keys = list(verdicts.columns)
    names = {key: called(key, several(keys)) for key in keys}
    with st.popover(text("compare.by.title"), type="tertiary", icon=":material/filter_alt:"):
        for name in ("missed", "false"):
            if verdicts.supports(name):
                st.selectbox(
                    text(f"compare.by.{name}_label"), keys, index=None, format_func=names.get, key=f"compare_by_{name}",
                    on_change=_filter_by, args=(name, f"compare_by_{name}"),
                )  # fmt: skip
        if len(keys) > 1:
            left, right = st.columns(2)
            for side, key in ((left, "compare_by_right"), (right, "compare_by_wrong")):
                side.selectbox(
                    text(f"compare.by.{key[11:]}_label"), keys, index=None, format_func=names.get, key=key,
                    on_change=_filter_by, args=("right", "compare_by_right", "compare_by_wrong"),
                )  # fmt: skip


def _filter_by(name: str, *keys: str) -> None:
    chosen = [session.widget(key) for key in keys]
    if all(chosen) and len(set(chosen)) == len(chosen):
        session.set_widget("compare_filter", f"{name}:{'|'.join(chosen)}")


def page(key: str, count: int, per_page: int) -> int:
    """Return at which row the shown page begins."""
    number = min(session.widget(key, 1), max(1, -(-count // per_page)))
    return (number - 1) * per_page


def pager(key: str, count: int, per_page: int, start: int) -> None:
    """Show which pictures these are, the other pages, and how many a page holds."""
    if count <= min(per_page, PER_PAGE[0]):
        return
    say_in = speaker()
    with st.container(key="pager", horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.caption(
            text("compare.page_of", first=start + 1, last=min(count, start + per_page), n=count), width="content"
        )
        if count > per_page:
            pages = -(-count // per_page)
            room = _PAGE_BUTTON * (min(pages, _PAGES_SEEN) + 2)  # by itself it hides pages that there is room for
            st.pagination(pages, key=key, persist_state="session", width=room)
        st.selectbox(
            text("compare.per_page"), sorted({*PER_PAGE, per_page}), sorted({*PER_PAGE, per_page}).index(per_page),
            key="compare_per_page", persist_state="session", label_visibility="collapsed", width=120,
            format_func=lambda n: say_in("compare.per_page_n", n=n),
        )  # fmt: skip
