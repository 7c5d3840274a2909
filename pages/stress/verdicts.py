"""Which method breaks where: the sentence above, and the table of methods and conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from detectors.stress import Curve, ranked
from detectors.stress.sentences import amount, control, verdict
from pages.frame.words import lines, say, text

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
            at=say(amount(condition, min(first.at, key=abs))),
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


def _standing(curves: Curves, key: str) -> tuple[int, int]:
    """Return how often a method stands, and how often it does not break."""
    words = [curve.verdict.word for found in curves.values() for curve in found if curve.key == key]
    return words.count("stands"), words.count("stands") + words.count("few")


def _cell(curve: Curve, condition: str) -> str:
    said, alone = curve.verdict, control(curve, condition)
    why = [text(f"stress.broke.{word}") for word, broke in (("alarms", said.alarms), ("finds", said.finds)) if broke]
    note = "; ".join(filter(None, (", ".join(why), "" if alone is None else say(alone))))
    small = f"<small>{escape(note)}</small>" if note else ""
    return f'<td class="odd-{said.word}">{escape(say(verdict(said, condition)))}{small}</td>'
