"""Compare: the same test pictures, seen by each method; where they disagree comes first."""

from functools import partial

import streamlit as st

from detectors.result import Result
from pages.compare.grid import linked_grid
from pages.frame import backend, headline, panes, style, weights
from pages.frame.component import Pictures
from pages.frame.progress import progress
from pages.frame.refresh import live
from pages.frame.state import Choices, change, current
from pages.frame.status import Status
from pages.frame.verdicts import FILTERS, ORDERS, Verdicts
from pages.frame.words import kind, language, plain, say, text

PER_PAGE = 6
WAITING_ROWS = 3


def show(choices: Choices, status: Status, result: Result | None) -> None:
    order = st.session_state.setdefault("compare_order", ORDERS[0])
    grid = partial(
        linked_grid,
        words=panes.words(),
        colour=choices.colour,
        order=order,
        orders=[(name, text(f"grid.order.{name}")) for name in ORDERS],
        language=language(),
        on_focus=lambda method: change(focus=method),
        on_colour=lambda colour: change(colour=colour),
        on_order=lambda chosen: st.session_state.update(compare_order=chosen),
        key="grid",
    )
    if result is None:
        style.head("compare", text("compare.begun" if status.state == "running" else "compare.before"))
        keys = choices.columns
        work(choices, status)
        grid(panes.blank_heads(keys, choices), panes.waiting(keys, status, WAITING_ROWS), Pictures(), size=choices.size)
        style.foot("compare")
        return

    if not result.test:
        style.head("compare", text("compare.no_test"))
        style.foot("compare")
        return
    keys = panes.columns(choices, status, result)
    verdicts = Verdicts.of(result, choices.threshold, keys)
    style.head("compare", headline.disagreement(verdicts, keys, order == "disagreement") or text("compare.begun"))
    work(choices, status)
    style.caveats(result)
    rows = verdicts.ordered(verdicts.chosen(wanted(verdicts)), order, choices.focus)
    if not rows:
        st.info(text("compare.empty_filter"))
        st.button(text("compare.show_all"), on_click=lambda: st.session_state.update(compare_filter="all"))
    per_page = max(3, PER_PAGE // len(choices.backbones))
    pages_key = f"compare_page_{order}_{st.session_state['compare_filter']}"
    start = page(pages_key, len(rows), per_page)
    pictures = Pictures()
    cells = panes.rows(rows[start : start + per_page], keys, status, verdicts, pictures)
    size = result.test[0].pixels.shape[0]
    picked = grid(panes.heads(keys, choices, status, verdicts), cells, pictures, size=size, stale=status.stale)
    if picked:
        shown = result.test[int(picked.picture.split()[0])]
        focus = picked.column.split("/")[0] if picked.column else choices.focus
        change(picture=shown.sha256[:16], place=(picked.y, picked.x), focus=focus)
        st.switch_page(style.path("inspect"))
    pager(pages_key, len(rows), per_page, start)
    style.foot("compare", text("compare.hint"), result)


def work(choices: Choices, status: Status) -> None:
    if status.sentence is not None:
        style.note(say(status.sentence))
        states = backend.current().weights(choices.backbones, choices.random_weights)
        weights.way_on(states, choices, lambda: backend.current().run(current()))
    if status.state == "running":
        progress(choices, status, cancel=backend.current().cancel)


def wanted(verdicts: Verdicts) -> str:
    kinds = sorted({p.kind for p in verdicts.result.test if p.kind and p.defective})
    options = [*(name for name in FILTERS if verdicts.supports(name)), *(f"kind:{name}" for name in kinds)]
    counts = {option: len(verdicts.chosen(option)) for option in options}
    shown = tuple(picture.sha256 for picture in verdicts.result.test)
    if st.session_state.get("compare_filter") not in options or st.session_state.get("compare_filter_of") != shown:
        st.session_state["compare_filter"] = "all"
    st.session_state["compare_filter_of"] = shown  # a filter belongs to the pictures it was chosen for

    words = {o: plain(kind(o[5:])) if o.startswith("kind:") else text(f"compare.filters.{o}") for o in options}
    labels = {option: f"{words[option]} :gray[{counts[option]}]" for option in options}
    with st.container(key="filters"):
        st.pills(
            text("compare.filter"), options, format_func=labels.get, key="compare_filter", label_visibility="collapsed",
            required=True, persist_state="session",
        )  # fmt: skip
    return st.session_state["compare_filter"]


def page(key: str, count: int, per_page: int) -> int:
    number = min(st.session_state.get(key, 1), max(1, -(-count // per_page)))
    return (number - 1) * per_page


def pager(key: str, count: int, per_page: int, start: int) -> None:
    if count <= per_page:
        return
    with st.container(key="pager", horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.caption(
            text("compare.page_of", first=start + 1, last=min(count, start + per_page), n=count), width="content"
        )
        st.pagination(-(-count // per_page), key=key, persist_state="session")


live(show)
