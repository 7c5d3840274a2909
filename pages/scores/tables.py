"""The Scores page's cards and tables as HTML: differences, cost, all figures, verdicts, trivial statistics."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np

from detectors.errors import Sentence
from detectors.evaluation import tell_apart, thresholds
from detectors.report.parts import figure_names
from detectors.result import Column, Figure, Result
from pages.frame import panes
from pages.frame.words import say, text
from pages.scores.lanes import figure


def differences(pairs: list[tuple[str, Figure | Sentence | None]]) -> str:
    """Return paired differences in words: a title, the figure (None: being measured; a sentence: why not)."""
    return "".join(_pair(title, found) for title, found in pairs)


def _pair(title: str, found: Figure | Sentence | None) -> str:
    if not isinstance(found, Figure) or found.value is None:
        reason = text("scores.pairs.waiting") if found is None else say(_why(found))
        return f'<div class="odd-pair"><div>{escape(title)}</div><small>{escape(reason)}</small></div>'
    return (
        f'<div class="odd-pair"><div><span>{escape(title)}</span><span>{points(found, "<b>{}</b>")}</span></div>'
        f"<small>{escape(say(tell_apart(found)))}</small></div>"
    )


def points(found: Figure, look: str = "{}") -> str:
    """Return a difference in whole points with its interval: "+14 [-25, 38]"; `look` is put around the number."""
    value = round(100 * (found.value or 0.0))
    number = look.format(f"{value:+d}" if value else "0")
    bounded = found.low is not None and found.high is not None
    return f"{number} [{_points(found.low)}, {_points(found.high)}]" if bounded else number


def _points(end: float) -> str:
    """Return an end of an interval in whole points; with a decimal where it would round to 0 and is not."""
    whole = round(100 * end)
    return f"{whole}" if whole or abs(end) < 0.0005 else f"{100 * end:.1f}"


def _why(found: Figure | Sentence) -> Sentence:
    return found if isinstance(found, Sentence) else tell_apart(found)


def cost(columns: Iterable[Column], titles: dict[str, str], focus: str) -> str:
    """Return what each method costs beside the backbone pass that all share."""
    columns = list(columns)
    shares = [100 * c.cost.milliseconds_per_picture / max(c.cost.backbone_milliseconds, 1e-9) for c in columns]
    slowest = max([1e-9, *shares])
    rows = "".join(
        f'<tr{_focused(c, focus)}><th scope="row">{escape(titles[c.key])}</th><td>{_seconds(c.cost.fit_seconds)}</td>'
        f"<td>{c.cost.milliseconds_per_picture:.1f}</td><td>{c.cost.model_bytes / 1e6:.1f}</td>"
        f'<td class="odd-share"><i style="width:{max(58 * share / slowest, 1):.0f}px"></i>{share:.0f}</td></tr>'
        for c, share in zip(columns, shares, strict=True)
    )
    units = [text(f"scores.cost.{key}") for key in ("fit", "picture", "model", "share")]
    heads = "".join(f'<th scope="col">{unit}</th>' for unit in units)
    return (
        f'<div class="odd-wide"><table class="odd-table odd-cost"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def figures(result: Result, titles: dict[str, str], focus: str) -> str:
    """Return all figures with their intervals; what is absent says why below, by number."""
    notes: dict[str, int] = {}
    names, rows = figure_names(result), []
    for column in result.columns:
        cells = []
        for name in names:
            shown = figure(column, name)
            mark = f"<sup> ({notes.setdefault(shown['reason'], len(notes) + 1)})</sup>" if shown["reason"] else ""
            written = f"<b>{shown['text']}</b> {shown['interval']}" if shown["text"] else text("scores.table.absent")
            cells.append(f"<td>{written}{mark}</td>")
        rows.append(
            f'<tr{_focused(column, focus)}><th scope="row">{escape(titles[column.key])}</th>{"".join(cells)}</tr>'
        )
    heads = "".join(f'<th scope="col">{text(f"scores.figures.{name}")}</th>' for name in names)
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<div class="odd-wide"><table class="odd-table"><thead><tr><td></td>{heads}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table></div><ol class="odd-notes">{said}</ol>'
    )


def verdicts(result: Result, by_column: dict[str, float], titles: dict[str, str], focus: str) -> str:
    """Return each method's threshold and what it does to labelled pictures, with Wilson's intervals."""
    rows = []
    for column in result.columns:
        at = by_column.get(column.key)
        if at is None:
            continue
        c = thresholds.confusion(result.labels, column.scores, at)
        cells = [
            f"{at:.4g}",
            c.found,
            c.missed,
            _rate(c.found_rate),
            c.false_alarms,
            c.passed,
            _rate(c.false_alarm_rate),
        ]
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr{_focused(column, focus)}><th scope="row">{escape(titles[column.key])}</th>{row}</tr>')
    keys = ("threshold", "found", "miss", "found_rate", "false_alarm", "passed", "false_rate")
    heads = "".join(f'<th scope="col">{text(f"scores.table.{key}")}</th>' for key in keys)
    return (
        f'<div class="odd-wide"><table class="odd-table"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def trivial(result: Result, titles: dict[str, str]) -> str:
    """Return the AUROC of each trivial statistic beside those of the methods, the highest first."""
    entries = [(text(f"scores.statistics.{name}"), f, "odd-trivial") for name, f in result.trivial.items()]
    entries += [(titles[c.key], c.figures["image_auroc"], "") for c in result.columns if "image_auroc" in c.figures]
    entries.sort(key=lambda entry: -(entry[1].value or 0.0))
    rows = []
    for title, found, sort in entries:
        if found.value is None:
            value, interval = say(found.reason) if found.reason else "", ""
        else:
            value = f"<b>{found.value:.2f}</b>"
            interval = (
                f"[{found.low:.2f}, {found.high:.2f}]" if found.low is not None and found.high is not None else ""
            )
        rows.append(f'<tr class="{sort}"><th scope="row">{escape(title)}</th><td>{value}</td><td>{interval}</td></tr>')
    return f'<table class="odd-table"><tbody>{"".join(rows)}</tbody></table>'


def scores(result: Result, by_column: dict[str, float], titles: dict[str, str]) -> dict[str, list[Any]]:
    """Return one row per picture: its label and its scores as multiples of the thresholds (raw without one)."""
    rows: dict[str, list[Any]] = {
        text("scores.table.picture"): [panes.name(p) for p in result.test],
        text("scores.table.label"): [panes.label(p) for p in result.test],
    }
    if any(p.synthetic for p in result.test):
        rows[text("scores.table.synthetic")] = [
            text("scores.shared.synthetic") if p.synthetic else "" for p in result.test
        ]
    for column in result.columns:
        at = by_column.get(column.key)
        values = column.scores if at is None else thresholds.multiples(column.scores, at, column.held_out)
        rows[titles[column.key]] = np.round(values, 3).tolist()
    return rows


def _rate(found: Figure) -> str:
    if found.low is None or found.high is None:
        return text("scores.table.absent")
    return f"{100 * found.low:.0f}–{100 * found.high:.0f} %"


def _focused(column: Column, focus: str) -> str:
    return ' class="odd-focus"' if column.key == focus else ""


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"
