"""Compare: the same test pictures, seen by each method; where they disagree comes first."""

from collections.abc import Iterable
from functools import partial

import streamlit as st

from detectors.result import Result
from pages.compare.grid import linked_grid
from pages.frame import backend, headline, panes, session, style, synthetic
from pages.frame.component import Pictures
from pages.frame.pinned import beside, several
from pages.frame.progress import work
from pages.frame.refresh import live
from pages.frame.state import Choices, change, current
from pages.frame.status import Status
from pages.frame.verdicts import FILTERS, ORDERS, Verdicts
from pages.frame.words import called, language, speaker, text

PER_PAGE = (6, 12, 24, 48)
WAITING_ROWS = 3
GROUPS = ("rows", "method", "backbone")  # two backbones: below each other, or their columns beside each other


def show(choices: Choices, status: Status, result: Result | None) -> None:
    order = session.ORDER.get()
    pinned = backend.current().pinned
    group = session.widget("compare_group") or GROUPS[0 if pinned is None else 1]
    grid = partial(
        linked_grid,
        words=panes.words(calibrated=result is None or bool(result.held_out)),
        colour=choices.colour,
        order=order,
        language=language(),
        on_focus=lambda method: change(focus=method),
        on_colour=lambda colour: change(colour=colour),
        on_order=session.ORDER.set,
        key="grid",
    )
    if result is None:
        style.head("compare", text("compare.begun" if status.state == "running" else "compare.before"))
        keys = choices.columns
        work(choices, status)
        waiting = panes.waiting(keys, status, WAITING_ROWS, group)
        orders = named(ORDERS[:-1])
        grid(panes.blank_heads(keys, choices, group), waiting, Pictures(), size=choices.size, orders=orders)
        style.foot("compare")
        return

    if not result.test:
        style.head("compare", text("compare.no_test"))
        work(choices, status)
        synthetic.offer(choices, then=lambda: backend.current().run(current()))
        style.foot("compare")
        return
    alone = panes.columns(choices, status, result)
    plain = Verdicts.of(result, choices.threshold, alone)
    order = order if order in plain.orders else ORDERS[0]
    style.head("compare", headline.disagreement(plain, alone, order == "disagreement") or text("compare.begun"))
    work(choices, status)
    style.caveats(result)
    joined = beside(result, pinned)
    if joined.reason:
        style.note(joined.reason, "calm")
    keys = panes.columns(choices, status, joined.result)
    verdicts = Verdicts.of(joined.result, choices.threshold, keys)
    chosen = wanted(verdicts, group)
    per_picture = len(panes.grouped(keys, group))
    rows = verdicts.ordered(verdicts.chosen(chosen), order, choices.focus)
    if not rows:
        st.info(text("compare.empty_filter"))
        st.button(text("compare.show_all"), on_click=lambda: session.set_widget("compare_filter", "all"))
    per_page = session.widget("compare_per_page") or max(3, PER_PAGE[0] // per_picture)
    pages_key = f"compare_page_{order}_{session.widget('compare_filter')}"
    start = page(pages_key, len(rows), per_page)
    pictures = Pictures()
    cells = panes.rows(rows[start : start + per_page], keys, status, verdicts, pictures, group, order)
    size = result.test[0].pixels.shape[0]
    picked = grid(
        panes.heads(keys, choices, status, verdicts, group), cells, pictures,
        size=size, stale=status.stale, order=order, orders=named(plain.orders),
    )  # fmt: skip
    if picked:
        shown = result.test[int(picked.picture.split()[0])]
        focus = picked.column.split("/")[0] if picked.column else choices.focus
        change(picture=shown.sha256[:16], place=(picked.y, picked.x), focus=focus)
        st.switch_page(style.path("inspect"))
    pager(pages_key, len(rows), per_page, start)
    style.foot("compare", text("compare.hint"), result)


def named(orders: Iterable[str]) -> list[tuple[str, str]]:
    """Return orders with what they are called."""
    return [(name, text(f"grid.order.{name}")) for name in orders]


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
    number = min(session.widget(key, 1), max(1, -(-count // per_page)))
    return (number - 1) * per_page


def pager(key: str, count: int, per_page: int, start: int) -> None:
    if count <= min(per_page, PER_PAGE[0]):
        return
    say_in = speaker()
    with st.container(key="pager", horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.caption(
            text("compare.page_of", first=start + 1, last=min(count, start + per_page), n=count), width="content"
        )
        if count > per_page:
            st.pagination(-(-count // per_page), key=key, persist_state="session")
        st.selectbox(
            text("compare.per_page"), sorted({*PER_PAGE, per_page}), sorted({*PER_PAGE, per_page}).index(per_page),
            key="compare_per_page", persist_state="session", label_visibility="collapsed", width=120,
            format_func=lambda n: say_in("compare.per_page_n", n=n),
        )  # fmt: skip


live(show)
