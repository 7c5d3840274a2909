"""Compare: the same test pictures, seen by each method; where they disagree comes first."""

from functools import partial

import streamlit as st

from detectors.result import Result
from pages.compare import held_out, waiting
from pages.compare.filters import GROUPS, PER_PAGE, page, pager, wanted
from pages.compare.grid import linked_grid
from pages.frame import backend, corrections, headline, panes, session, shapes, style
from pages.frame.component import Pictures
from pages.frame.flips import turned
from pages.frame.pinned import beside
from pages.frame.progress import work
from pages.frame.refresh import live
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.verdicts import ORDERS, Verdicts
from pages.frame.words import language, text


def show(choices: Choices, status: Status, result: Result | None) -> None:
    order = session.ORDER.get()
    pinned = backend.current().pinned
    group = session.widget("compare_group") or GROUPS[0 if pinned is None else 1]

    def said(i: int, action: str) -> None:
        if result is not None and 0 <= i < len(result.test or result.held_out) and action in corrections.WORDS:
            picture, role = (result.test or result.held_out)[i], "test" if result.test else "train"
            corrections.say(choices, {f"{role}:{picture.sha256}": (picture.sha256, picture.defective)}, action)
            st.rerun()

    grid = partial(
        linked_grid,
        words=panes.words(calibrated=result is None or bool(result.held_out)) | {"say": corrections.short()},
        colour=choices.colour,
        order=order,
        language=language(),
        on_focus=lambda method: change(focus=method),
        on_colour=lambda colour: change(colour=colour),
        on_order=session.ORDER.set,
        on_said=said,
        key="grid",
    )
    if result is None:
        waiting.show(choices, status, group, grid)
        return

    good_only = not result.test
    if good_only:
        held_out.head(choices, status, result)
        if not result.held_out:
            style.foot("compare")
            return
        result = held_out.as_tests(result)
    alone = panes.columns(choices, status, result)
    plain = Verdicts.of(result, choices.threshold, alone)
    order = order if order in plain.orders else ORDERS[0]
    if not good_only:
        style.head("compare", headline.disagreement(plain, alone, order == "disagreement") or text("compare.begun"))
        work(choices, status)
        style.caveats(result)
        turned(choices, status, result)
    joined = beside(result, None if good_only else pinned)
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
    shape = shapes.of(result)
    cells = panes.rows(rows[start : start + per_page], keys, status, verdicts, pictures, shape, group, order)
    picked = grid(
        panes.heads(keys, choices, status, verdicts, group), cells, pictures,
        shape=shape, stale=status.stale, order=order, orders=waiting.named(plain.orders),
    )  # fmt: skip
    if picked:
        shown = result.test[int(picked.picture.split()[0])]
        focus = picked.column.split("/")[0] if picked.column else choices.focus
        change(picture=shown.sha256[:16], place=shapes.place(shown, picked.y, picked.x), focus=focus)
        st.switch_page(style.path("inspect"))
    pager(pages_key, len(rows), per_page, start)
    style.foot("compare", text("compare.hint"), result)


live(show)
