"""Which defects each method finds: a matrix of methods and kinds whose cells open their pictures."""

from __future__ import annotations

import streamlit as st

from detectors.evaluation import kinds
from detectors.evaluation.kinds import FEW, Cell, Group
from detectors.result import Result
from pages.frame import once, session, style
from pages.frame.state import Choices, change
from pages.frame.words import kind, text


def found_by_kind(result: Result, choices: Choices, titles: dict[str, str], plain: Result) -> None:
    """Show what is found of each kind, area and contrast, and which two methods of `plain` cover most together."""
    grouped = once.of(result, "groups", lambda: kinds.groups(result))
    if not grouped or not result.columns:
        return
    st.header(text("scores.kinds.title"), anchor=False)
    with st.container(key="kinds_tools", horizontal=True, vertical_alignment="center"):
        by = st.segmented_control(
            text("scores.kinds.group"), list(grouped), default=next(iter(grouped)), required=True, key="scores_group",
            format_func={name: text(f"scores.kinds.by.{name}") for name in grouped}.get, label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
        measure = st.segmented_control(
            text("scores.kinds.measure"), ("found", "auroc"), default="found", required=True, key="scores_measure",
            format_func={name: text(f"scores.kinds.{name}") for name in ("found", "auroc")}.get,
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
    those = grouped.get(by) or next(iter(grouped.values()))
    known = once.of(result, ("aurocs", those[0].by), lambda: kinds.aurocs(result, those))
    matrix = kinds.matrix(result, those, choices.threshold, known)
    heads = {name(group, result): group for group in those}
    rows = [
        {text("scores.lanes.method"): titles[key]}
        | {head: written(cell, measure) for head, cell in zip(heads, cells, strict=True)}
        for key, cells in matrix.items()
    ]
    chosen = st.dataframe(
        rows, hide_index=True, key=f"kinds_{by}_{measure}", on_select="rerun", selection_mode="single-cell"
    )
    opened(chosen.selection.cells, list(matrix), heads, result)
    small = [head for head, group in heads.items() if len(group.rows) < FEW]
    pair = kinds.best_pair(plain, choices.threshold)
    said = [text("scores.kinds.says")]
    if small:
        said.append(text("scores.kinds.few", few=FEW, names=", ".join(small)))
    if pair is not None:
        one, other = (titles[key] for key in pair.keys)
        said.append(
            text(
                "scores.kinds.pair" if pair.found > pair.alone else "scores.kinds.no_pair", one=one, other=other,
                best=titles[pair.best], found=pair.found, of=pair.of, alone=pair.alone, wrong=pair.false_alarms,
                good=pair.good,
            )
        )  # fmt: skip
    st.caption(" ".join(said))


def name(group: Group, result: Result) -> str:
    """Return what a group is called."""
    if group.by == "kind":
        return kind(group.name, kinds.pasted(result, group.name))
    return text(f"compare.{group.by}.{group.name}")


def written(cell: Cell, measure: str) -> str:
    """Return a cell's figure with its interval."""
    if measure == "auroc":
        figure = cell.auroc
        if figure.value is None:
            return "–"
        between = "" if figure.low is None or figure.high is None else f" [{figure.low:.2f}, {figure.high:.2f}]"
        return f"{figure.value:.2f}{between}"
    if cell.found is None or cell.rate.low is None or cell.rate.high is None:
        return "–"
    interval = text("scores.kinds.interval", low=f"{100 * cell.rate.low:.0f}", high=f"{100 * cell.rate.high:.0f}")
    return f"{text('scores.kinds.cell', found=cell.found, of=cell.of)} · {interval}"


def opened(cells: list[tuple[int, str]], keys: list[str], heads: dict[str, Group], result: Result) -> None:
    """Go to the pictures of the cell that was chosen, if one was."""
    for row, head in cells:
        if head in heads and 0 <= row < len(keys):
            session.set_widget("compare_filter", heads[head].key)
            session.FILTERED.set(tuple(picture.sha256 for picture in result.test))
            change(focus=keys[row].split("/")[0])
            st.switch_page(style.path("compare"))
