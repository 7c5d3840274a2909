"""Parts of the Scores page around the lanes: warnings, cards, tables, and the threshold that was set by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from detectors.errors import Refusal, Sentence
from detectors.evaluation import paired_auroc_difference, pro_curve
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.queries import pixels
from detectors.result import Column, Figure, Result
from pages.frame import backend, charts, component, once, session, style
from pages.frame.pinned import is_pinned, own, several
from pages.frame.refresh import poll
from pages.frame.state import Choices, change, current
from pages.frame.words import called, lines, set_apart, text
from pages.scores import curves, tables
from pages.scores.lanes import ThresholdChange, pasted

PAIRED = {"image_auroc": "AUROC", "aupro": "AUPRO", "aupimo": "AUPIMO"}  # what differences are taken of
_FEW = 4  # held-out pictures that support no rate below 1 in 5


def titles(keys: tuple[str, ...]) -> dict[str, str]:
    """Return what each column is called: the method, with its backbone where there are several."""
    return {key: " · ".join(filter(None, (called(own(key)), set_apart(key, several(keys))))) for key in keys}


def focus(choices: Choices, result: Result, keys: tuple[str, ...]) -> str:
    """Return the column in teal: the focused method's first one that is there, else the first of all."""
    there = [column.key for column in result.columns if column.key in keys]
    return next((key for key in there if key.split("/")[0] == choices.focus), there[0] if there else "")


def styles() -> None:
    """Add the sheet of this page's cards and tables."""
    component.styles("pages/scores/scores.css")


def warnings(result: Result, titles: dict[str, str]) -> None:
    """Say what must be known before any figure is believed, with what trivial statistics reach."""
    if not style.caveats(result) or not result.trivial:
        return
    with st.popover(text("scores.trivial.open"), type="tertiary"):
        st.markdown(f"**{text('scores.trivial.title')}**")
        st.caption(text("scores.trivial.says"))
        st.html(tables.trivial(result, titles))


def too_few(result: Result) -> None:
    """Say what so few held-out pictures can support, with two ways on."""
    held = len(result.held_out)
    if held > _FEW:
        return
    key = "none_held" if held == 0 else "few_held"
    with _panel("data_array", text(f"scores.empty.{key}"), text(f"scores.empty.{key}_says", n=held, of=held + 1)):
        if st.button(text("scores.empty.add"), key="scores_add"):
            st.switch_page(style.path("images"))
        if held:
            st.button(text("scores.empty.by_hand"), on_click=lambda: session.BY_HAND.set(True))


def moved(moved: ThresholdChange) -> None:
    """Take thresholds that were let go; one that was chosen on the test pictures stays so until it is moved."""
    session.BY_HAND.set(False)
    session.MOVED.set(True)
    before = {key: (value, origin) for key, value, origin in current().thresholds}
    given = (
        (key, value, before[key][1] if key in before and before[key][0] == value else "value")
        for key, value in moved.values.items()
    )
    change(allowed=moved.allowed, thresholds=tuple(given))


def cards(result: Result, choice: ThresholdChoice, focus: str, titles: dict[str, str]) -> None:
    """Show curves, paired differences and cost; drawn again while pixels are being measured."""
    labels = result.labels
    if not ((labels == 1).any() and (labels == 0).any()):
        _one_sided(labels)
        with st.container(border=True, key="cost_alone"):
            _cost(result, focus, titles)
        return
    waiting = curves.waiting(result) or _differences(result, focus, titles)[1]

    def part() -> None:
        nonlocal waiting
        if session.MOVED.pop():
            st.rerun()  # a threshold was chosen on a curve
        with st.container(key="score_cards"):
            left, middle, right = st.columns((1, 1, 1.3), gap="small")
        with left, st.container(border=True, height="stretch", key="curves_card"):
            curves.card(result, focus, titles, choice, text("scores.curves.title") + _mark(result, " · "))
        with middle, st.container(border=True, height="stretch", key="pairs_card"):
            pairs_wait = _better(result, focus, titles)
        with right, st.container(border=True, height="stretch", key="cost_card"):
            _cost(result, focus, titles)
        waiting = curves.waiting(result) or pairs_wait

    poll(part, lambda: waiting)


def _better(result: Result, focus: str, titles: dict[str, str]) -> bool:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"## {text('scores.pairs.title', focus=titles[focus])}", width="content")
        if any(curves.has_pro(c, result) for c in result.columns):
            st.segmented_control(
                text("scores.pairs.by"), PAIRED, key="scores_pairs", default="image_auroc",
                format_func=PAIRED.get, label_visibility="collapsed",
                required=True, persist_state="session",
            )  # fmt: skip
    pairs, waiting = _differences(result, focus, titles)
    if len(result.columns) < 2:
        st.caption(text("scores.pairs.alone"))
        return False
    by = session.widget("scores_pairs") or "image_auroc"
    st.caption(text("scores.pairs.says", figure=PAIRED[by]) + _mark(result, " "))
    known = [(title, f) for title, f in pairs if isinstance(f, Figure) and f.value is not None]
    if known:
        rows = [charts.Row(title.removeprefix(titles[focus]).strip(), f, (f.low or 0) > 0) for title, f in known]
        written = [tables.points(f) for _, f in known]
        worse, better = lines("scores.pairs.ends")
        drawn = partial(
            charts.forest, rows, written, across=text("scores.pairs.axis"), zero=0.0, ends=(worse, better), unit=0.01
        )
        chart = charts.kept(drawn, "pairs", rows, written)
        said = "; ".join(f"{title} {number}" for (title, _), number in zip(known, written, strict=True))
        charts.show(chart, "scores_pairs_chart", said)
    st.html(tables.differences(pairs))
    return waiting


def _differences(result: Result, focus: str, titles: dict[str, str]) -> tuple[list, bool]:
    main = result[focus]
    others = [c for c in result.columns if c.key != focus]
    query = {"aupro": pixels.aupro_difference, "aupimo": pixels.aupimo_difference}.get(session.widget("scores_pairs"))
    if query is not None:
        found = [_by_pixel(query, result, main, c) for c in others]
    else:
        found = [_by_scores(result, main, c) for c in others]
    pairs = [(f"{titles[focus]} – {titles[c.key]}", f) for c, f in zip(others, found, strict=True)]
    return pairs, any(f is None for f in found)


def _by_scores(result: Result, main: Column, other: Column) -> Figure:
    return once.of(
        result, ("difference", main.key, other.key),
        lambda: paired_auroc_difference(result.labels, main.scores, other.scores),
    )  # fmt: skip


def _by_pixel(query: Callable[..., Figure], result: Result, main: Column, other: Column) -> Figure | Sentence | None:
    if is_pinned(main.key) != is_pinned(other.key):
        return Sentence("scores.pairs.other_run", "Pixels are compared within one run.")
    lacking = next((c for c in (main, other) if not curves.has_pro(c, result)), None)
    if lacking is not None:
        return pro_curve(result.test, lacking.maps).reason
    found = backend.current().later(query, columns=(main.key, other.key)).now
    return found.sentence if isinstance(found, Refusal) else found


def _cost(result: Result, focus: str, titles: dict[str, str]) -> None:
    st.markdown(f"## {text('scores.cost.title')}")
    st.html(tables.cost(result.columns, titles, focus))
    passes = {round(c.cost.backbone_milliseconds, 1) for c in result.columns}
    one = len({c.backbone for c in result.columns}) == 1
    st.caption(text("scores.cost.says", ms=f"{max(passes):.0f}") if one else text("scores.cost.says_many"))


def _one_sided(labels: np.ndarray) -> None:
    key = "no_labels" if np.isnan(labels).all() else "only_defective" if (labels == 1).any() else "only_good"
    with _panel("label", text(f"scores.empty.{key}"), text(f"scores.empty.{key}_says")):
        if st.button(text("scores.empty.label"), key="scores_label"):
            st.switch_page(style.path("images"))
        if st.button(text("scores.empty.maps"), key="scores_maps"):
            st.switch_page(style.path("compare"))


def table(result: Result, by_column: dict[str, float], titles: dict[str, str], focus: str) -> None:
    """Show every number of the page as tables, when asked for."""
    if not st.toggle(text("scores.table.show"), key="scores_table", persist_state="session"):
        return
    st.markdown(f"## {text('scores.figures.title')}{_mark(result, ' · ')}")
    st.html(tables.figures(result, titles, focus))
    if by_column:
        st.markdown(f"## {text('scores.table.verdicts')}")
        st.html(tables.verdicts(result, by_column, titles, focus))
    if result.trivial:
        st.markdown(f"## {text('scores.trivial.title')}")
        st.html(tables.trivial(result, titles))
    st.markdown(f"## {text('scores.table.pictures')}")
    st.dataframe(tables.scores(result, by_column, titles), hide_index=True, height=min(420, 38 + 35 * len(result.test)))


def _mark(result: Result, before: str) -> str:
    return before + text("scores.shared.synthetic") if pasted(result) else ""


def counted(result: Result) -> str:
    """Return how many test pictures there are, and of which label."""
    labels = result.labels
    defective = int((labels == 1).sum())
    if np.isnan(labels).all():
        return text("scores.counted_plain", n=len(labels))
    return text("scores.counted", n=len(labels), defective=defective)


def _panel(icon: str, title: str, says: str):
    panel = st.container(border=True, key=f"panel_{icon}")
    panel.markdown(f":material/{icon}: **{title}**")
    panel.caption(says)
    return panel.container(horizontal=True)
