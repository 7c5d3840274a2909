"""What a correction changed: figures before and after it, and the pictures whose verdict turned."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from html import escape

import streamlit as st

from detectors.datasets.sources import EditedSource
from detectors.evaluation import flips
from detectors.evaluation.flips import Changed, Standing
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import Result
from pages.frame import backend, data, panes, shapes, style
from pages.frame.component import Component, Pictures, send, styles
from pages.frame.pinned import several
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import called, text

FLIPS = Component(
    "flips", "pages/frame/flips.html", ("pages/frame/component.css", "pages/frame/flips.css"),
    ("assets/components/stored.js", "assets/components/maps.js", "assets/components/parts.js", "pages/frame/flips.js"),
)  # fmt: skip
_MOST = 24  # pictures that are shown
_TURNS = {
    ("false_alarm", "passed"): "gone", ("passed", "false_alarm"): "new", ("miss", "found"): "found",
    ("found", "miss"): "missed", ("odd", "normal"): "calm", ("normal", "odd"): "odd",
}  # fmt: skip


def turned(choices: Choices, status: Status, result: Result | None, folded: bool = False) -> None:
    """Show what the last correction changed, with the way back; nothing where the shown result follows none."""
    earlier = backend.current().before
    if earlier is None or result is None or status.stale:
        return
    source, before = earlier
    found = _changed(before.digest + result.digest, choices.threshold, before, result)
    with (
        st.expander(text("flips.title"), key="flips_folded") if folded else nullcontext(),
        st.container(key="flips_box", border=not folded),
    ):
        with st.container(key="flips_head", horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{text('flips.title')}** {_counted(source, choices)}", width="stretch")
            st.button(
                text("flips.undo"), key="flips_undo", icon=":material/undo:", type="tertiary",
                on_click=lambda: data.undoable("corrections", lambda: data.return_to(choices, source)),
            )  # fmt: skip
            st.button(
                text("flips.close"), key="flips_close", icon=":material/check:", type="tertiary",
                on_click=backend.current().keep_correction,
            )  # fmt: skip
        many = several(column.key for column in result.columns)
        heads = "".join(f'<th scope="col">{escape(text(f"flips.{name}"))}</th>' for name in _HEADS)
        rows = "".join(_row(one, many) for one in found)
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        styles("pages/frame/turned.css")
        st.html(f'<div class="odd-turned" tabindex="0" role="group" aria-label="{text("flips.title")}">{table}</div>')
        st.caption(text("flips.over", n=len(flips.common(before, result))))
        _pictures(found, result, many)


_HEADS = ("method", "auroc", "false_alarms", "missed", "verdicts")


@st.cache_data(max_entries=50, show_spinner=False)
def _changed(key: str, choice: ThresholdChoice, _before: Result, _now: Result) -> tuple[Changed, ...]:
    return flips.changed(_before, _now, choice)


def _counted(before: object, choices: Choices) -> str:
    """Say how many pictures were corrected since."""
    edit = data.edited(choices)
    now = dict(edit.corrected) if edit else {}
    then = dict(before.corrected) if isinstance(before, EditedSource) else {}
    count = sum(now.get(sha) != then.get(sha) for sha in now.keys() | then.keys())
    return text("flips.says", n=count) if count else ""


def _row(one: Changed, many: bool) -> str:
    cells = [
        _arrow(_auroc(one.before), _auroc(one.now)),
        _arrow(*(_share(s, "false_alarms", "passed") for s in (one.before, one.now))),
        _arrow(*(_share(s, "missed", "found") for s in (one.before, one.now))),
        escape(says(one)),
    ]
    name = escape(called(one.key, many))
    heads = [escape(text(f"flips.{name}")) for name in _HEADS[1:]]  # beside each figure on a narrow screen
    said = "".join(f'<td data-head="{head}"><span>{cell}</span></td>' for head, cell in zip(heads, cells, strict=True))
    return f'<tr><th scope="row">{name}</th>{said}</tr>'


def says(one: Changed) -> str:
    """Say in words which verdicts turned."""
    turns = Counter(_TURNS[flip.before, flip.now] for flip in one.flips)
    return ", ".join(text(f"flips.turns.{name}", n=turns[name]) for name in _TURNS.values() if turns[name]) or text(
        "flips.turns.none"
    )


def _auroc(one: Standing) -> str:
    value, low, high = one.auroc.value, one.auroc.low, one.auroc.high
    if value is None:
        return "–"
    return f"<b>{value:.2f}</b>" + ("" if low is None or high is None else f" [{low:.2f}, {high:.2f}]")


def _share(one: Standing, wrong: str, right: str) -> str:
    if one.confusion is None:
        return "–"
    count = getattr(one.confusion, wrong)
    of = count + getattr(one.confusion, right)
    return f"<b>{count}</b> / {of}" if of else "–"


def _arrow(before: str, now: str) -> str:
    return f'<span class="odd-same">{before}</span>' if before == now else f"{before} → {now}"


def _pictures(found: tuple[Changed, ...], result: Result, many: bool) -> None:
    """Show the pictures whose verdict turned, by method; a click opens one."""
    shown = [(one, flip) for one in found for flip in one.flips]
    pictures, items = Pictures(), []
    for one, flip in shown[:_MOST]:
        picture = result.test[flip.picture]
        pictures.begin(picture.sha256[:16])
        words = [text(f"verdicts.{word}") for word in (flip.before, flip.now)]
        said = f"{words[0]} → {words[1]}"
        name, method = panes.name(picture), called(one.key, many)
        items.append(
            {
                "base": pictures.photograph(shapes.seen(picture, picture.pixels)), "name": name, "method": method,
                "shape": picture.aspect, "turn": said, "picture": flip.picture, "column": one.key,
                "alt": f"{name}, {method}: {said}",
            }
        )  # fmt: skip
    if not items:
        return
    send(pictures, "flips")
    opened = FLIPS(key="flips", data={"items": items}, on_opened_change=_nothing).opened
    if len(shown) > _MOST:
        st.caption(text("flips.more", n=len(shown) - _MOST))
    if opened and 0 <= int(opened["picture"]) < len(result.test):
        picture = result.test[int(opened["picture"])]
        change(picture=picture.sha256[:16], place=None, focus=str(opened["column"]).split("/")[0])
        st.switch_page(style.path("inspect"))


def _nothing() -> None:
    """Streamlit reports a component's values only where a callback is named."""
