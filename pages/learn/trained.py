"""Lesson 3, trained or fixed: the same methods on the same pictures, on learnt features and on designed ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detectors import evaluation
from detectors.features.weights import BUNDLED, DEFAULT
from detectors.result import Column, Result
from pages.frame import panes, weights
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import text
from pages.learn.lesson import listed, subject
from pages.learn.parts import Intervals, Row, beside, cell, figure_of, interval, picture, tiles

TOLD = ("patchcore", "padim", "cfa", "spade")  # whose maps are shown: the first that is there on both


def figures(choices: Choices, status: Status, result: Result) -> None:
    """Show what each method reaches on both backbones; where there is one, offer to run the other beside it."""
    pairs = _pairs(result)
    if not pairs:
        weights.both(choices, "lesson")
        return
    charts = []
    for name, title in (("image_auroc", "decides"), ("aupro", "draws")):
        rows = [
            Row(f"{text(f'methods.{column.method}')}, {text(f'learn.trained.{kind}')}", figure, kind == "learnt")
            for pair in pairs
            for kind, column in zip(("learnt", "fixed"), pair, strict=True)
            if (figure := figure_of(column, name)).value is not None
        ]
        if rows:
            charts.append(Intervals(text(f"learn.trained.{title}"), rows))
    beside("trained", *charts)


def maps(choices: Choices, status: Status, result: Result) -> None:
    """Show one method's map of one picture on both backbones."""
    pair, shown = _mapped(result), subject(choices, result)
    if pair is None or shown is None:
        return
    test = result.test[shown]
    mask = test.mask if test.mask is not None and test.mask.any() and not test.mask.all() else None
    made = [cell(picture(test.pixels, panes.name(test), mask=mask), text("grid.picture"), panes.name(test))]
    for kind, column in zip(("learnt", "fixed"), pair, strict=True):
        assert column.maps is not None
        scaled = None if column.scale is None else column.scale(column.maps[shown]).astype(np.float32)
        title = f"{text(f'methods.{column.method}')}, {text(f'learn.trained.{kind}')}"
        peak = text("grid.no_scale") if scaled is None else text("learn.peak", peak=f"{scaled.max():.1f}")
        image = picture(test.pixels, title, scaled=scaled, colour=choices.colour, mask=mask)
        made.append(cell(image, title, column.backbone, peak, focus=kind == "learnt"))
    tiles(made, 3, scrolls=True)


def alone(choices: Choices, status: Status, result: Result) -> str | None:
    """Say that only one of the two has run."""
    return None if _pairs(result) else text("learn.trained.alone", backbone=result.columns[0].backbone)


def whole(choices: Choices, status: Status, result: Result) -> str | None:
    """Say for which methods one kind of features ranks whole pictures better, beyond chance."""
    pairs = _pairs(result)
    if not pairs:
        return None
    better: dict[str, list[str]] = {"learnt": [], "fixed": [], "alike": []}
    for learnt, fixed in pairs:
        gap = evaluation.paired_auroc_difference(result.labels, learnt.scores, fixed.scores)
        if gap.low is None or gap.high is None:
            return None
        kind = "learnt" if gap.low > 0 else "fixed" if gap.high < 0 else "alike"
        better[kind].append(text(f"methods.{learnt.method}"))
    return " ".join(
        text(f"learn.trained.whole_{kind}", methods=listed(names)) for kind, names in better.items() if names
    )


def outlines(choices: Choices, status: Status, result: Result) -> str | None:
    """Say how often learnt features follow the outlines better, and by whom most."""
    pairs = [
        (one.value - other.value, learnt, fixed)
        for learnt, fixed in _pairs(result)
        if (one := figure_of(learnt, "aupro")).value is not None
        and (other := figure_of(fixed, "aupro")).value is not None
    ]
    if not pairs:
        return None
    _, learnt, fixed = max(pairs, key=lambda pair: abs(pair[0]))
    return text(
        "learn.trained.outlines",
        n=sum(gap > 0 for gap, _, _ in pairs),
        of=len(pairs),
        method=text(f"methods.{learnt.method}"),
        learnt=interval(figure_of(learnt, "aupro")),
        fixed=interval(figure_of(fixed, "aupro")),
    )


FIGURES: dict[str, Callable[..., None]] = {"figures": figures, "maps": maps}
VALUES: dict[str, Callable[..., str | None]] = {"alone": alone, "whole": whole, "outlines": outlines}


def _pairs(result: Result) -> list[tuple[Column, Column]]:
    """Return (learnt, fixed) columns of each method that ran on both backbones."""
    of = {(column.method, column.backbone): column for column in result.columns}
    return [
        (column, of[column.method, BUNDLED])
        for column in result.columns
        if column.backbone == DEFAULT and (column.method, BUNDLED) in of
    ]


def _mapped(result: Result) -> tuple[Column, Column] | None:
    pairs = {learnt.method: (learnt, fixed) for learnt, fixed in _pairs(result) if learnt.maps is not None}
    return next((pairs[method] for method in TOLD if method in pairs), None)
