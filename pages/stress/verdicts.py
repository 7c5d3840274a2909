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
    return f"{said} {_advice(curves, titles)}".strip()


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them."""
    return text("stress.list", first=", ".join(names[:-1]), last=names[-1]) if len(names) > 1 else names[0]


def table(curves: Curves, titles: dict[str, str], focus: str) -> None:
    """Show methods below each other, what breaks first on top, and conditions beside each other."""
    said = {(name, curve.key): curve for name, found in curves.items() for curve in found}
    keys = dict.fromkeys(key for _, key in said)
    order = sorted(keys, key=lambda key: _order(curves, key))
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


def _order(curves: Curves, key: str) -> tuple[int, int, int]:
    """Return where a method stands in the table: what breaks first on top, what finds hardly anything at the end.

    Those that break are ordered by their earliest break, in steps of the condition's strengths, then by how many break.
    """
    found = [curve for each in curves.values() for curve in each if curve.key == key]
    steps = [
        min(abs(curve.strengths.index(at) - curve.strengths.index(0)) for at in curve.verdict.at)
        for curve in found
        if curve.verdict.at
    ]
    if not steps:
        return (2 if all(curve.verdict.word == "blind" for curve in found) else 1), 0, 0
    return 0, min(steps), -len(steps)


def _advice(curves: Curves, titles: dict[str, str]) -> str:
    """Return which method breaks least, and what it must be guarded against; "" where nothing can be said."""
    seeing: dict[str, list[tuple[str, Curve]]] = {}
    for name, found in curves.items():
        for curve in found:
            if curve.verdict.word != "blind":
                seeing.setdefault(curve.key, []).append((name, curve))
    if not seeing:
        return ""
    breaks = {key: [(name, c) for name, c in own if c.verdict.word == "breaks"] for key, own in seeing.items()}
    fewest = min(map(len, breaks.values()))
    best = [key for key, own in breaks.items() if len(own) == fewest]
    named = listed([f"**{titles[key]}**" for key in best])
    if not fewest:
        return text("stress.least_none", methods=named, n=len(best))
    against = [
        text("stress.guard", condition=text(f"stress.conditions.{name}"),
             at=say(amount(name, min(curve.verdict.at, key=abs))))
        for name, curve in breaks[best[0]]
    ]  # fmt: skip
    if len(best) == len(seeing) > 1:
        return ""
    if len(best) > 1:
        return text("stress.least_several", methods=named, breaks=fewest, of=len(curves))
    said = "least" if len(seeing) > 1 else "alone"
    return text(f"stress.{said}", methods=named, breaks=fewest, of=len(curves), against=", ".join(against))


def _cell(curve: Curve, condition: str) -> str:
    said, alone = curve.verdict, control(curve, condition)
    why = [text(f"stress.broke.{word}") for word, broke in (("alarms", said.alarms), ("finds", said.finds)) if broke]
    note = "; ".join(filter(None, (", ".join(why), "" if alone is None else say(alone))))
    small = f"<small>{escape(note)}</small>" if note else ""
    return f'<td class="odd-{said.word}">{escape(say(verdict(said, condition)))}{small}</td>'
