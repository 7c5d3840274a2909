"""Lesson 8, the comparison table: what each method is, what it cost and reached here, what was published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

import streamlit as st

from detectors import evaluation
from detectors.errors import Sentence
from detectors.methods import METHODS, Card, Published
from detectors.result import Column, Result
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import amount, duration, lines, say, text
from pages.learn.lesson import listed
from pages.learn.parts import caption, figure_of, interval


def methods(choices: Choices, status: Status, result: Result | None) -> None:
    """Show the card of each method: what is compared, what a picture's number is, what is stored, whose code."""
    rows = []
    for card in METHODS.values():
        paper = f'<a href="https://arxiv.org/abs/{card.arxiv}">arXiv {card.arxiv}</a>' if card.arxiv else ""
        marks = [
            text(f"learn.table.grows.{card.grows}"),
            *([text("learn.table.aligned")] if card.needs_alignment else []),
            text("learn.table.map" if card.has_map else "learn.table.no_map"),
        ]
        rows.append(
            [
                f"{escape(card.title)}<small>{', '.join(filter(None, [card.year and str(card.year), paper]))}</small>",
                _said(card.unit),
                _said(card.score),
                f"{_said(card.memory)}<small>{escape(' · '.join(marks))}</small>",
                f"{escape(card.code)}<small>{escape(card.licence)}</small>",
            ]
        )
    _table(lines("learn.table.heads"), rows, focus=list(METHODS).index(choices.focus))


def measured(choices: Choices, status: Status, result: Result) -> None:
    """Show what each column of the run cost and reached."""
    rows = [
        [
            escape(_name(c, result)),
            amount(c.cost.model_bytes),
            duration(c.cost.fit_seconds),
            text("learn.table.ms", ms=f"{c.cost.milliseconds_per_picture:.1f}"),
            escape(interval(figure_of(c, "image_auroc"))),
            text("learn.table.image_only") if c.maps is None else escape(interval(figure_of(c, "aupro"))),
        ]
        for c in result.columns
    ]
    at = next((i for i, c in enumerate(result.columns) if c.method == choices.focus), None)
    _table(lines("learn.table.measured_heads"), rows, focus=at)
    first = result.columns[0]
    caption(
        text(
            "learn.table.measured_note", learnt=len(result.learnt), test=len(result.test),
            backbones=listed(list(dict.fromkeys(c.backbone for c in result.columns))),
            preset=text(f"frame.{result.experiment.get('preset', 'quick')}"),
            pass_ms=f"{first.cost.backbone_milliseconds:.0f}",
        )
    )  # fmt: skip


def published(choices: Choices, status: Status, result: Result | None) -> None:
    """Show the published figures, each with where it was read and what to bear in mind."""
    notes: list[str] = []
    rows = []
    for card, p in _published():
        mark = ""
        if p.caveat is not None:
            said = say(p.caveat)
            if said not in notes:
                notes.append(said)
            mark = f"<sup>{notes.index(said) + 1}</sup>"
        image = "" if p.image_auroc is None else f"{p.image_auroc:.1f}" + (f" ± {p.spread:.1f}" if p.spread else "")
        pixel, overlap = ("" if v is None else f"{v:.1f}" for v in (p.pixel_auroc, p.aupro))
        blank = f'<span class="odd-muted">{text("learn.table.unpublished")}</span>'
        title = escape(card.title)
        cells = [image or blank, pixel or blank, overlap or blank]
        rows.append([title, f"{escape(p.setting)}{mark}", *cells, f"<small>{escape(p.source)}</small>"])
    _table(lines("learn.table.published_heads"), rows)
    st.html(f'<ol class="odd-notes">{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ol>')


FIGURES: dict[str, Callable[..., None]] = {"methods": methods, "measured": measured, "published": published}
EARLY = frozenset({"methods", "published", "gap"})
SAME = "wide_resnet50_2"  # the backbone that most published figures share


def memory(choices: Choices, status: Status, result: Result) -> str | None:
    """Name the largest and the smallest model of the run."""
    ordered = sorted(result.columns, key=lambda c: c.cost.model_bytes)
    if len(ordered) < 2 or status.state == "running":
        return None
    small, large = ordered[0], ordered[-1]
    return text(
        "learn.table.memory", large=_name(large, result), small=_name(small, result),
        much=amount(large.cost.model_bytes), little=amount(small.cost.model_bytes),
        times=f"{large.cost.model_bytes / max(small.cost.model_bytes, 1):.0f}",
    )  # fmt: skip


def seconds(choices: Choices, status: Status, result: Result) -> str | None:
    """Name the method that asks most and least of a new picture, in units of the backbone's pass."""
    ordered = sorted(result.columns, key=lambda c: c.cost.milliseconds_per_picture)
    if len(ordered) < 2 or status.state == "running":
        return None
    fast, slow = ordered[0], ordered[-1]
    return text(
        "learn.table.seconds", fast=_name(fast, result), slow=_name(slow, result),
        few=f"{fast.cost.milliseconds_per_picture:.1f}", many=f"{slow.cost.milliseconds_per_picture:.0f}",
        backbone=f"{slow.cost.backbone_milliseconds:.0f}",
    )  # fmt: skip


def leads(choices: Choices, status: Status, result: Result) -> str | None:
    """Say who ranks best here, and who cannot be told from that one."""
    ranked = sorted(
        (c for c in result.columns if figure_of(c, "image_auroc").value is not None),
        key=lambda c: -(figure_of(c, "image_auroc").value or 0.0),
    )
    if len(ranked) < 2 or status.state == "running":
        return None
    first, near = ranked[0], []
    for other in ranked[1:]:
        gap = evaluation.paired_auroc_difference(result.labels, first.scores, other.scores)
        if gap.low is None or gap.low <= 0:
            near.append(_name(other, result))
    says = text("learn.table.leads", first=_name(first, result), figure=interval(figure_of(first, "image_auroc")))
    if not near:
        return f"{says} {text('learn.table.alone')}"
    return f"{says} {text('learn.table.near', n=len(near), others=listed(near))}"


def gap(choices: Choices, status: Status, result: Result | None) -> str:
    """Say by how much the published image AUROC of one method on one backbone differs between codes."""
    known: dict[str, list[float]] = {}
    for card, p in _published():
        if p.setting.startswith(SAME) and p.image_auroc is not None:
            known.setdefault(card.title, []).append(p.image_auroc)
    title = max(known, key=lambda m: max(known[m]) - min(known[m]))
    high, low = max(known[title]), min(known[title])
    figures = {"high": f"{high:.1f}", "low": f"{low:.1f}", "points": f"{high - low:.1f}"}
    return text("learn.table.gap", method=title, **figures)


VALUES: dict[str, Callable[..., str | None]] = {"memory": memory, "seconds": seconds, "leads": leads, "gap": gap}


def _said(sentence: Sentence | None) -> str:
    return escape(say(sentence)) if sentence else ""


def _published() -> Iterator[tuple[Card, Published]]:
    return ((card, row) for card in METHODS.values() for row in card.published)


def _name(column: Column, result: Result) -> str:
    title = text(f"methods.{column.method}")
    several = len({c.backbone for c in result.columns}) > 1
    return f"{title} ({column.backbone})" if several else title


def _table(heads: Iterable[str], rows: Sequence[Sequence[str]], focus: int | None = None) -> None:
    """Show a table of HTML cells that scrolls sideways on a phone; the row in focus is teal."""
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    body = "".join(
        f'<tr{" class=odd-focused" if i == focus else ""}><th scope="row">{row[0]}</th>'
        + "".join(f"<td>{value}</td>" for value in row[1:])
        + "</tr>"
        for i, row in enumerate(rows)
    )
    st.html(
        f'<div class="odd-lesson-table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
