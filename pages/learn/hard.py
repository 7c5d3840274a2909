"""Lesson 1, why it is hard: rare and unknown defects, one-class learning, whether and where."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from detectors import evaluation
from detectors.datasets import builtin
from detectors.queries.lessons import hard
from detectors.queries.lessons.hard import Subtraction
from detectors.result import Column, Result
from pages.frame import panes
from pages.frame.once import Once
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.verdicts import Verdicts
from pages.frame.words import drawn_kind, lines, plain, text
from pages.learn import graphs
from pages.learn.before_after import before_after
from pages.learn.graphs import Lane
from pages.learn.lesson import ask, controls, first_column, listed, subject
from pages.learn.parts import Intervals, Row, beside, caption, cell, figure_of, interval, picture, tiles

SEED = 20_001  # of the part that is shown with and without a defect: in no set of pictures
SEVERITIES = (0.0, 0.5, 1.0)
NORMALS = 8
_RENDERED = Once(100)


def pair(choices: Choices, status: Status, result: Result | None) -> None:
    """Show one photograph with and without a defect under a handle, and the same part with every kind of defect."""
    kinds, severities = builtin.PRODUCTS[choices.product].kinds, lines("learn.hard.severities")
    left, right = st.columns([4, 5], gap="large")
    with right:
        with controls("pair"):
            chosen = st.selectbox(
                text("learn.hard.kind"), kinds, format_func=drawn_kind, key=f"w_hard_kind_{choices.product}",
                persist_state="session", width=180,
            )  # fmt: skip
            severity = st.segmented_control(
                text("learn.hard.severity"), SEVERITIES, default=0.5, required=True, key="w_hard_severity",
                format_func=lambda s: severities[SEVERITIES.index(s)], persist_state="session",
            )  # fmt: skip
        shown = [_rendered(choices.product, each, 1.0) for each in kinds]
        made = [
            cell(picture(p, drawn_kind(each), mask=mask, side=200), note=drawn_kind(each))
            for each, (p, mask) in zip(kinds, shown, strict=True)
        ]
        tiles(made, 4)
        caption(text("learn.hard.kinds_note", n=len(kinds)))
    good, _ = _rendered(choices.product, None, 0.0)
    odd, mask = _rendered(choices.product, chosen, severity)
    with left:
        before_after(good, odd, (text("kind.good"), drawn_kind(chosen)), text("learn.hard.handle"), "hard_pair")
        caption(text("learn.hard.area", kind=drawn_kind(chosen), area=f"{100 * mask.mean():.2g}"))


def normals(choices: Choices, status: Status, result: Result) -> None:
    """Show a few of the normal pictures that were learnt from."""
    made = [cell(picture(p.pixels, text("learn.hard.normal_alt", i=i))) for i, p in enumerate(result.learnt[:NORMALS])]
    tiles(made, NORMALS // 2)
    caption(text("learn.hard.normals_note", n=len(made), of=len(result.learnt)))


def subtraction(choices: Choices, status: Status, result: Result) -> None:
    """Show what taking the average picture away leaves, and how well that ranks beside the methods."""
    found = _subtraction(choices, result)
    if found is None:
        return
    test = result.test[subject(choices, result)]
    made = [cell(picture(found.average, text("learn.hard.average")), text("learn.hard.average"))]
    if found.normal is not None and found.test is not None and found.normal_picture is not None:
        held = result.held_out[found.normal_picture]
        words = text("learn.hard.left_test", name=panes.name(test))
        made.append(_left_over(held.pixels, found.normal, text("learn.hard.left_good"), choices))
        made.append(_left_over(test.pixels, found.test, words, choices, test.mask))
    tiles(made, 3)
    rows = [Row(text("learn.hard.subtracting"), found.image, focus=True)]
    rows += [Row(text(f"methods.{c.method}"), figure_of(c, "image_auroc")) for c in _of_one_backbone(result)]
    beside("subtraction", Intervals(text("learn.image_auroc"), rows, text("learn.hard.chart_note", n=len(result.test))))


def both(choices: Choices, status: Status, result: Result) -> None:
    """Show one picture's answer at both levels: its score among all others, and its map."""
    column, i = _mapped(choices, result), subject(choices, result)
    if column is None or i is None:
        return
    test = result.test[i]
    verdicts = Verdicts.of(result, choices.threshold, (column.key,)).columns[column.key]
    named, method = panes.name(test), text(f"methods.{column.method}")
    made = [
        cell(picture(test.pixels, named, mask=_outline(test.mask)), named),
        cell(
            picture(test.pixels, named, scaled=_scaled(column, i), colour=choices.colour, mask=_outline(test.mask)),
            text("learn.hard.where", method=method),
        ),
    ]
    left, right = st.columns([5, 4], gap="large")
    with left:
        tiles(made, 2)
    with right:
        st.html(f'<div class="odd-cell-title">{escape(text("learn.hard.whether", method=method))}</div>')
        threshold = verdicts.threshold
        held = column.held_out / threshold if threshold else np.empty(0)
        rows = [Lane(text("learn.hard.held_out"), held, "hollow")] if len(held) else []
        for label, truth, look in (("kind.good", 0, "soft"), ("kind.defective", 1, "defective")):
            own = [n for n, label_of in enumerate(result.labels) if label_of == truth]
            names = [f"{panes.name(result.test[n])}: {verdicts.ratios[n]:.2f}×" for n in own]
            rows.append(Lane(text(label), [float(verdicts.ratios[n]) for n in own], look, names))
        ratio = float(verdicts.ratios[i])
        this = (ratio, None, f"{text('learn.hard.this')} {ratio:.2f}×")
        made = graphs.lanes(rows, this, (1.0, text("learn.hard.threshold")) if threshold else None)
        graphs.show(made, "strip", f"{text('learn.hard.this')}: {ratio:.2f}")
        caption(text("learn.hard.strip_note"))


FIGURES: dict[str, Callable[..., None]] = {
    "pair": pair,
    "normals": normals,
    "subtraction": subtraction,
    "both": both,
}
EARLY = frozenset({"pair"})


def seen(choices: Choices, status: Status, result: Result) -> str:
    defective = int(np.nansum(result.labels))
    counts = {"learnt": len(result.learnt), "held": len(result.held_out), "test": len(result.test)}
    return text("learn.hard.seen", defective=defective, **counts)


def subtracting(choices: Choices, status: Status, result: Result) -> str | None:
    found = _subtraction(choices, result)
    if found is None or found.image.value is None or found.image.low is None or found.image.high is None:
        return None
    chance = "worse" if found.image.high < 0.5 else "better" if found.image.low > 0.5 else "chance"
    share = text("learn.hard.pairs", share=f"{100 * found.image.value:.0f}", figure=interval(found.image))
    return f"{share} {text(f'learn.hard.than_{chance}')}"


def remains(choices: Choices, status: Status, result: Result) -> str | None:
    """Say how much is left of a good picture, where something is."""
    found = _subtraction(choices, result)
    if found is None or found.normal is None or found.test is None or float(found.normal.max()) < 1:
        return None
    return text("learn.hard.remains", good=f"{float(found.normal.max()):.1f}", test=f"{float(found.test.max()):.1f}")


def beaten(choices: Choices, status: Status, result: Result) -> str | None:
    """Name the methods that rank better than subtracting, beyond chance."""
    found = _subtraction(choices, result)
    if found is None:
        return None
    better = []
    for column in _of_one_backbone(result):
        figure = evaluation.paired_auroc_difference(result.labels, column.scores, found.scores)
        if figure.low is not None and figure.low > 0:
            better.append(text(f"methods.{column.method}"))
    return text("learn.hard.beaten", methods=listed(better), n=len(better)) if better else None


def whether(choices: Choices, status: Status, result: Result) -> str | None:
    column, i = _mapped(choices, result), subject(choices, result)
    if column is None or i is None:
        return None
    verdicts = Verdicts.of(result, choices.threshold, (column.key,)).columns[column.key]
    if verdicts.threshold is None:
        return None
    verdict = text("learn.hard.alarm" if verdicts.alarms[i] else "learn.hard.no_alarm")
    named = {"method": text(f"methods.{column.method}"), "name": plain(panes.name(result.test[i]))}
    return text("learn.hard.whether_says", ratio=f"{verdicts.ratios[i]:.2f}", verdict=verdict, **named)


def where(choices: Choices, status: Status, result: Result) -> str | None:
    column, i = _mapped(choices, result), subject(choices, result)
    mask = None if i is None else _outline(result.test[i].mask)
    if column is None or mask is None:
        return None
    scaled = _scaled(column, i)
    coloured = scaled >= 1
    if not coloured.any():
        return text("learn.hard.where_nothing")
    inside = (coloured & mask).sum() / coloured.sum()
    peak = np.unravel_index(int(np.argmax(scaled)), scaled.shape)
    return text(
        "learn.hard.where_says", inside=f"{100 * inside:.0f}", area=f"{100 * coloured.mean():.1f}",
        peak=text("learn.hard.peak_in" if mask[peak] else "learn.hard.peak_out"),
    )  # fmt: skip


def figures_of_both(choices: Choices, status: Status, result: Result) -> str | None:
    column = _mapped(choices, result)
    if column is None or figure_of(column, "image_auroc").value is None:
        return None
    image, overlap = figure_of(column, "image_auroc"), figure_of(column, "aupro")
    key = "learn.hard.both" if overlap.value is not None else "learn.hard.image_only"
    return text(key, method=text(f"methods.{column.method}"), image=interval(image), overlap=interval(overlap))


VALUES: dict[str, Callable[..., str | None]] = {
    "seen": seen,
    "subtracting": subtracting,
    "remains": remains,
    "beaten": beaten,
    "whether": whether,
    "where": where,
    "figures_of_both": figures_of_both,
}


def _rendered(product: str, defect: str | None, severity: float) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    return _RENDERED.get((product, defect, severity), lambda: builtin.render(product, SEED, defect, severity))


def _subtraction(choices: Choices, result: Result) -> Subtraction | None:
    column, i = first_column(result), subject(choices, result)
    return None if column is None or i is None else ask(result, hard.subtraction, column.key, i)


def _left_over(
    pixels: NDArray[np.uint8], scaled: NDArray[np.float16], title: str, choices: Choices,
    mask: NDArray[np.bool_] | None = None,
) -> str:  # fmt: skip
    shown = picture(pixels, title, scaled=scaled, colour=choices.colour, everywhere=True, mask=_outline(mask))
    return cell(shown, title, right=text("learn.peak", peak=f"{float(scaled.max()):.1f}"))


def _outline(mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    return None if mask is None or mask.all() or not mask.any() else mask


def _mapped(choices: Choices, result: Result) -> Column | None:
    """Return the column in focus where it has a map, else the first that has one."""
    able = [c for c in result.columns if c.maps is not None and c.scale is not None]
    return next((c for c in able if c.method == choices.focus), able[0] if able else None)


def _scaled(column: Column, i: int) -> NDArray[np.float32]:
    return column.scale(column.maps[i])


def _of_one_backbone(result: Result) -> list[Column]:
    return [c for c in result.columns if c.backbone == result.columns[0].backbone]
