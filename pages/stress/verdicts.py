"""Which method breaks where: the sentence above, and the table of methods and conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

import streamlit as st

from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import Result
from detectors.stress import CONDITIONS, Curve, Verdict, ranked
from pages.frame.words import lines, text

Curves = Mapping[str, Sequence[Curve]]


def lead(curves: Curves, titles: dict[str, str]) -> str:
    """Return the sentence above: how many stand, and what breaks first."""
    rows = ranked(curves)
    if not rows:
        return text("stress.lead")
    counts = {word: sum(said.word == word for _, _, said in rows) for word in ("breaks", "stands", "few", "blind")}
    parts = [text(f"stress.counts.{word}", n=n) for word, n in counts.items() if n]
    said = text("stress.found", n=len(rows), parts=", ".join(parts))
    condition, key, first = rows[0]
    if first.word == "breaks":
        said += " " + text(
            "stress.first", method=titles[key], condition=text(f"stress.conditions.{condition}"),
            at=amount(condition, min(first.at, key=abs)),
        )  # fmt: skip
    return said


def table(curves: Curves, titles: dict[str, str], focus: str) -> None:
    """Show methods below each other, the one that breaks least on top, and conditions beside each other."""
    said = {(name, curve.key): curve for name, found in curves.items() for curve in found}
    keys = dict.fromkeys(key for _, key in said)
    order = sorted(keys, key=lambda key: tuple(-n for n in _standing(curves, key)))
    head = "".join(f'<th scope="col">{escape(text(f"stress.conditions.{name}"))}</th>' for name in curves)
    rows = []
    for key in order:
        cells = "".join(_cell(said[name, key], name) if (name, key) in said else "<td>–</td>" for name in curves)
        named = f'<th scope="row"{" class=odd-focus" if key == focus else ""}>{escape(titles[key])}</th>'
        rows.append(f"<tr>{named}{cells}</tr>")
    caption = escape(text("stress.table"))
    st.html(
        f'<div class="odd-stress-table" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<thead><tr><th scope='col'>{escape(text('stress.method'))}</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    st.caption(" ".join(lines("stress.says")))


def written(verdict: Verdict, condition: str) -> str:
    """Return a verdict in a few words."""
    if verdict.word == "breaks":
        at = text("stress.and").join(amount(condition, strength, bare=strength != verdict.at[-1])
                                     for strength in verdict.at)  # fmt: skip
        return text("stress.verdicts.breaks", at=at)
    return text(f"stress.verdicts.{verdict.word}", at=amount(condition, abs(CONDITIONS[condition].strongest)))


def amount(condition: str, strength: float, bare: bool = False) -> str:
    """Return a strength with its unit: "0.4 stops", "quality 60"; `bare` leaves the unit away."""
    if condition == "jpeg":
        return f"{100 - strength:g}" if bare else text("stress.units.quality", at=f"{100 - strength:g}")
    signed = f"{strength:+g}" if strength and CONDITIONS[condition].strengths[0] < 0 else f"{strength:g}"
    signed = signed.replace("-", "\N{MINUS SIGN}")
    return signed if bare else text(f"stress.units.{CONDITIONS[condition].unit}", at=signed)


@st.cache_resource(max_entries=64, show_spinner=False)
def at_thresholds(key: str, _curves: Sequence[Curve], choice: ThresholdChoice, _result: Result) -> tuple[Curve, ...]:
    """Return curves at the thresholds chosen now; scores do not depend on them."""
    columns = {column.key: column for column in _result.columns}
    return tuple(
        replace(curve, threshold=at)
        for curve in _curves
        if curve.key in columns and (at := choice.of(columns[curve.key])) is not None
    )


def _standing(curves: Curves, key: str) -> tuple[int, int]:
    """Return how often a method stands, and how often it does not break."""
    words = [curve.verdict.word for found in curves.values() for curve in found if curve.key == key]
    return words.count("stands"), words.count("stands") + words.count("few")


def _cell(curve: Curve, condition: str) -> str:
    verdict = curve.verdict
    why = [word for word, broke in (("alarms", verdict.alarms), ("finds", verdict.finds)) if broke]
    note = ", ".join(text(f"stress.broke.{word}") for word in why)
    if curve.control_broken:
        note = "; ".join(filter(None, (note, text("stress.control", at=amount(condition, curve.control_at)))))
    small = f"<small>{escape(note)}</small>" if note else ""
    return f'<td class="odd-{verdict.word}">{escape(written(verdict, condition))}{small}</td>'
