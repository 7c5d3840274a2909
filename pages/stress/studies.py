"""One chart per method: finds and false alarms, AUROC or thresholds, by dirt or by the number of normal pictures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from detectors.stress import Study
from detectors.stress.draws import Spread, Step
from detectors.stress.sentences import judged, thresholds_by
from pages.frame import charts
from pages.frame.charts import COLOURS
from pages.frame.words import say, speaker, text
from pages.stress.verdicts import listed

MEASURES = ("shares", "auroc", "threshold")
_AUROC = {"range": [0.38, 1.02], "tickvals": [0.4, 0.6, 0.8, 1.0]}
_HEIGHT = 240
_BESIDE = 3


def lead(view: str, found: Sequence[Study], titles: dict[str, str]) -> str:
    """Return the sentence above: which methods lose by dirt, or which would gain by more pictures."""
    plain = [study for study in found if not study.cleaned]
    if not plain:
        return text(f"stress.leads.{view}")
    parts = []
    for word in ("loses", "keeps", "blind", "helps", "flat", "few"):
        own = [study for study in plain if study.judgement.word == word]
        if own:
            named = [_named(study, titles) for study in own]
            parts.append(text(f"stress.words.{word}", n=len(own), methods=listed(named), at=own[0].steps[-1]))
    return " ".join(parts)


def cards(view: str, found: Sequence[Study], titles: dict[str, str]) -> None:
    """Show a chart per method, all of one measure; what is harmed first comes first."""
    word = speaker()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"### {text(f'stress.by.{view}')}", width="content")
        measure = st.segmented_control(
            text("stress.measure"), MEASURES, default="shares" if view == "dirt" else "auroc", required=True,
            key=f"stress_measure_{view}",
            format_func=lambda name: word(f"stress.measures.{name}"), label_visibility="collapsed",
            persist_state="session",
        )  # fmt: skip
    if measure == "shares":
        named = {"found": text("stress.figures.found"), "false_alarms": text("stress.figures.false_alarms")}
        keys = "".join(f'<span class="odd-line-{name}">{escape(said)}, %</span>' for name, said in named.items())
        st.html(f'<p class="odd-key">{keys}<span class="odd-line-promise">{escape(text("stress.promised"))}</span></p>')
    cleaned = {study.key: study for study in found if study.cleaned}
    plain = sorted((study for study in found if not study.cleaned), key=_order)
    for start in range(0, len(plain), _BESIDE):
        for study, place in zip(plain[start : start + _BESIDE], st.columns(_BESIDE, gap="small"), strict=False):
            with place, st.container(border=True, key=f"stress_study_{view}_{study.key.replace('/', '_')}"):
                repaired = cleaned.get(study.key)
                st.html(_heading(study, repaired, titles[study.key]))
                charts.show(
                    chart(study, repaired, measure, titles[study.key]), f"stress_{view}_{study.key}_{measure}",
                    text("stress.alt_study", measure=text(f"stress.measures.{measure}"), method=titles[study.key]),
                )  # fmt: skip
    if plain:
        good, defective = (int((plain[0].labels == label).sum()) for label in (0, 1))
        drawn = max((point.draws for point in plain[0].points), default=0)
        note = text(f"stress.study_notes.{measure}")
        rest = text(f"stress.rests.{view}", slipped=plain[0].steps[-1])
        by = text("stress.thresholds_by", how="; ".join(dict.fromkeys(say(thresholds_by(study)) for study in plain)))
        counts = text("stress.study_counts", draws=drawn, good=good, defective=defective)
        dotted = text("stress.dotted") if cleaned else ""
        st.caption(" ".join(filter(None, (note, dotted, counts, rest, by if view == "pictures" else ""))))


def chart(study: Study, cleaned: Study | None, measure: str, title: str) -> charts.Chart:
    """Return a method's chart: the median draw as a line, the range of all draws as a band."""
    steps = [str(step) for step in study.steps]
    x = {"tickvals": list(range(len(steps))), "ticktext": steps, "range": [-0.25, len(steps) - 0.75]}
    y = {"shares": charts.percent(), "auroc": _AUROC, "threshold": {"rangemode": "tozero"}}[measure]
    made = charts.figure(_HEIGHT, text(f"stress.across.{study.about}"), "", x=x, y=y)
    lines = {
        "shares": (("false_alarms", COLOURS.false_alarm), ("found", COLOURS.ink)),
        "auroc": (("auroc", COLOURS.ink),),
        "threshold": (("threshold", COLOURS.ink),),
    }[measure]
    for name, colour in lines:
        _draw(made, study, name, colour, title, measure)
        if cleaned is not None and name != "false_alarms":
            places = [cleaned.steps.index(point.at) for point in cleaned.points]
            made.add_scatter(
                x=places, y=[getattr(point, name).figure.value for point in cleaned.points], mode="lines",
                line={"color": colour, "width": 1.6, "dash": "dot"}, name=f"{name} cleaned",
                text=[reading(title, study, point, name, getattr(point, name), measure, text("stress.cleaned"))
                      for point in cleaned.points],
                hovertemplate="%{text}<extra></extra>",
            )  # fmt: skip
    if measure == "shares":
        promised = [None if p.promise is None else p.promise[0] / p.promise[1] for p in study.points]
        made.add_scatter(
            x=[study.steps.index(p.at) for p in study.points], y=promised, mode="lines", name="promise",
            line={"color": COLOURS.accent, "width": 1.2, "dash": "dash"}, hoverinfo="skip",
        )  # fmt: skip
    said = study.judgement
    if said.at is not None and said.word in ("loses", "flat"):
        colour = COLOURS.miss if said.word == "loses" else COLOURS.accent
        made.add_vline(study.steps.index(said.at), line={"color": colour, "width": 1.2})
    return made


def _draw(made: charts.Chart, study: Study, name: str, colour: str, title: str, measure: str) -> None:
    places = [study.steps.index(point.at) for point in study.points]
    spreads = [getattr(point, name) for point in study.points]
    known = [(x, s.low, s.high) for x, s in zip(places, spreads, strict=True) if s.low is not None]
    made.add_scatter(
        x=[*(x for x, _, _ in known), *(x for x, _, _ in reversed(known))],
        y=[*(high for _, _, high in known), *(low for _, low, _ in reversed(known))],
        mode="lines", fill="toself", line={"width": 0}, fillcolor=colour, opacity=0.14, hoverinfo="skip",
        name=f"{name} range",
    )  # fmt: skip
    made.add_scatter(
        x=places, y=[spread.figure.value for spread in spreads], mode="lines+markers", name=name,
        line={"color": colour, "width": 2}, marker={"color": colour, "size": 6},
        text=[reading(title, study, point, name, spread, measure)
              for point, spread in zip(study.points, spreads, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def reading(title: str, study: Study, point: Step, name: str, spread: Spread, measure: str, more: str = "") -> str:
    """Return what a point says when it is pointed at: its value, the interval, and the range of draws."""
    write = {"shares": lambda v: f"{100 * v:.0f} %", "auroc": lambda v: f"{v:.2f}", "threshold": lambda v: f"{v:.2f} ×"}
    figure, written = spread.figure, write[measure]
    head = f"{charts.escaped(title)}, {text(f'stress.at.{study.about}', n=point.at)}{', ' + more if more else ''}"
    said = f"{text(f'stress.figures.{name}')}: {'–' if figure.value is None else written(figure.value)}"
    lines = [head, said]
    if figure.low is not None and figure.high is not None:
        lines.append(text("stress.interval", low=written(figure.low), high=written(figure.high)))
    if spread.low is not None and spread.high is not None and point.draws > 1:
        lines.append(text("stress.range", n=point.draws, low=written(spread.low), high=written(spread.high)))
    return "<br>".join(lines)


def _heading(study: Study, cleaned: Study | None, title: str) -> str:
    said = study.judgement.word
    lines = [f"<b>{escape(title)}</b>", f'<span class="odd-{said}">{escape(say(judged(study)))}</span>']
    if cleaned is not None and cleaned.points:
        dirty, clean = cleaned.points[-1].dropped
        lines.append(escape(text(
            "stress.repaired", dirty=f"{dirty:g}", of=cleaned.points[-1].at, clean=f"{clean:g}",
            said=say(judged(cleaned)),
        )))  # fmt: skip
    steady = study.points[-1].threshold if study.about == "pictures" and study.points else None
    if steady is not None and steady.low is not None and steady.high is not None and study.points[-1].draws > 1:
        wide = 50 * (steady.high - steady.low)
        lines.append(escape(text("stress.steady", wide=f"{wide:.0f}", n=study.points[-1].at)))
    return f'<div class="odd-study">{"".join(f"<p>{line}</p>" for line in lines)}</div>'


def _order(study: Study) -> tuple[int, int]:
    words = ("loses", "helps", "keeps", "flat", "few", "blind")
    return words.index(study.judgement.word), study.judgement.at or 0


def _named(study: Study, titles: dict[str, str]) -> str:
    said = study.judgement
    if said.word in ("loses", "flat") and said.at is not None:
        return text("stress.named", method=titles[study.key], at=said.at)
    return f"**{titles[study.key]}**"
