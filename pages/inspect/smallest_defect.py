"""How small may it be? What was painted is shrunk or faded in steps, and each method says where it begins to miss."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import streamlit as st

from detectors.evaluation import thresholds
from detectors.queries import explain
from detectors.queries.explain import MethodScores
from detectors.queries.paint import Overlay, crossing, stack
from pages.frame import backend, charts, session
from pages.frame.charts import COLOURS
from pages.frame.verdicts import Verdicts
from pages.frame.words import called, plain, speaker, text
from pages.inspect import exhibits
from pages.inspect.exhibits import Exhibit

SHARES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
KINDS = ("size", "contrast")


@dataclass(frozen=True)
class Curve:
    """One method's scores over the steps.

    Attributes:
        title: what the method is called.
        focus: whether it is drawn in teal.
        ratios: scores as multiples of the threshold, one a step.
        at: the size where they cross the threshold; None where they do not.
        says: the crossing in words.
    """

    title: str
    focus: bool
    ratios: list[float]
    at: float | None
    says: str


def show(
    exhibit: Exhibit,
    number: int,
    overlay: Overlay | None,
    before: dict[str, MethodScores],
    alarmed: tuple[str, ...],
    verdicts: Verdicts,
    focus: str,
) -> None:
    """Show the question, and its answer about stroke `number` once somebody asked.

    Args:
        exhibit: the picture below the paint.
        number: of the stroke.
        overlay: what is painted; None for nothing.
        before: scores of the untouched picture.
        alarmed: columns that raise an alarm about it; when all do, the question cannot be answered.
        verdicts: what scores are held against.
        focus: the method drawn in teal.
    """
    kind, asked, stroke = session.SWEEP.get() or (KINDS[0], None, None)
    hopeless = bool(before) and set(alarmed) >= {key for key in before if key in verdicts.columns}
    possible = overlay is not None and not overlay.empty and not hopeless
    answered = possible and (asked, stroke) == (exhibit.key, number)
    with st.container(border=True, key="sweep"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"## {text('inspect.sweep.title')}", width="content")
            speak = speaker()
            chosen = st.segmented_control(
                text("inspect.sweep.kinds"), KINDS, key="w_sweep_kind", default=kind, required=True,
                format_func=lambda k: speak(f"inspect.sweep.{k}"), label_visibility="collapsed",
                on_change=lambda: answered and ask(exhibit, str(session.widget("w_sweep_kind")), number),
            )  # fmt: skip
        if not answered or overlay is None:
            missing = "" if possible else f" {text('inspect.sweep.hopeless' if hopeless else 'inspect.sweep.first')}"
            st.caption(text("inspect.sweep.lead") + missing)
            st.button(
                text("inspect.sweep.ask"), key="w_sweep_ask", disabled=not possible,
                on_click=lambda: ask(exhibit, str(chosen), number),
            )  # fmt: skip
            return
        sizes, found = curves(exhibit, kind, overlay, before, verdicts, focus)
        _answer(kind, sizes, found)


def curves(
    exhibit: Exhibit, kind: str, overlay: Overlay, before: dict[str, MethodScores], verdicts: Verdicts, focus: str
) -> tuple[list[float], list[Curve]]:
    """Return the sizes that were tried and one curve per method, the keenest first."""
    content = sha256(overlay.colours.tobytes() + overlay.opacity.tobytes()).hexdigest()
    scored = exhibits.remembered(
        ("sweep", kind, exhibit.key, content), verdicts.result, lambda: _measure(exhibit, overlay, kind)
    )
    whole = overlay.extent if kind == "size" else 100 * overlay.strength
    sizes = [0.0, *(whole * share for share in SHARES)]
    found = [_curve(s, before[s.key], sizes, kind, verdicts, focus) for s in scored if s.key in before]
    known = [curve for curve in found if curve is not None]
    return sizes, sorted(known, key=lambda curve: curve.at if curve.at is not None else sizes[-1] + 1)


def _answer(kind: str, sizes: list[float], found: list[Curve]) -> None:
    across = text(f"inspect.sweep.axis_{kind}")
    said = "; ".join(f"{curve.title}: {curve.says}" for curve in found)
    left, right = st.columns([3, 1], gap="medium")
    with left:
        alt = text("inspect.sweep.alt", axis=across, lines=said)
        charts.show(chart(sizes, found, across), "inspect_sweep_chart", alt)
    with right:
        names = [f":primary[{plain(c.title)}]" if c.focus else plain(c.title) for c in found]
        below = [f"**{name}** {plain(c.says)}" for name, c in zip(names, found, strict=True)]
        st.caption("  \n".join([text("inspect.sweep.below"), *below]))
    with st.expander(text("inspect.sweep.table")):
        rows = {across: [round(size, 1) for size in sizes]}
        st.dataframe(rows | {c.title: [round(r, 2) for r in c.ratios] for c in found}, hide_index=True)


def chart(sizes: list[float], found: list[Curve], across: str) -> charts.Chart:
    """Return scores against size or contrast, with the threshold, and where each curve crosses it."""
    most = 1.04 * max([1.3, *(r for curve in found for r in curve.ratios)])
    least = min([0.6, *(r for curve in found for r in curve.ratios)])
    end = sizes[-1] or 1.0
    made = charts.figure(
        300, across, x={"range": [0, 1.02 * end], "nticks": 7}, y={"range": [least, most], "nticks": 5}
    )
    made.update_layout(margin={"r": 76})
    made.add_hline(1.0, line={"color": COLOURS.accent, "width": 1.6, "dash": "dash"})
    charts.write(made, 1, 1.0, text("inspect.sweep.threshold"), COLOURS.accent, xref="paper", xanchor="left", xshift=4)
    for curve in sorted(found, key=lambda curve: curve.focus):  # the one in focus lies on top
        colour = COLOURS.accent if curve.focus else COLOURS.soft
        made.add_scatter(
            x=sizes, y=curve.ratios, mode="lines+markers", name=curve.title, marker={"size": 4},
            line={"color": colour, "width": 2.4 if curve.focus else 1.5},
            hovertemplate=f"{charts.escaped(curve.title)}: %{{y:.2f}}, %{{x:.3g}}<extra></extra>",
        )  # fmt: skip
        if curve.at is not None:
            made.add_scatter(
                x=[curve.at], y=[1.0], mode="markers", name=f"{curve.title}, {curve.says}",
                marker={"size": 9, "color": COLOURS.accent if curve.focus else COLOURS.ink},
                hovertemplate=f"{charts.escaped(curve.title)}: {curve.says}<extra></extra>",
            )  # fmt: skip
    return made


def ask(exhibit: Exhibit, kind: str, number: int) -> None:
    """Ask about stroke `number`; a later one asks anew."""
    if kind in KINDS:
        session.SWEEP.set((kind, exhibit.key, number))


def _measure(exhibit: Exhibit, overlay: Overlay, kind: str) -> tuple[MethodScores, ...]:
    steps = [overlay.shrunk(share) if kind == "size" else overlay.faded(share) for share in SHARES]
    pixels, base = stack(exhibit.picture.pixels, steps), (exhibit.role, exhibit.index)
    return backend.current().ask(explain.score_pictures, pixels, False, base) or ()


def _curve(
    scored: MethodScores, before: MethodScores, sizes: list[float], kind: str, verdicts: Verdicts, focus: str
) -> Curve | None:
    column, column_verdicts = verdicts.result[scored.key], verdicts.columns[scored.key]
    if column_verdicts.threshold is None:
        return None
    scores = [float(before.scores[0]), *scored.scores.tolist()]
    ratios = thresholds.multiples(scores, column_verdicts.threshold, column.held_out)
    at = crossing(sizes, ratios) if ratios[0] <= 1 else None
    if ratios[0] > 1:  # the untouched picture raises the alarm: nothing on it can be too small
        says = text("inspect.sweep.untouched")
    elif at is None:
        says = text("inspect.sweep.never")
    else:
        says = text(f"inspect.sweep.value_{kind}", value=f"{at:.1f}" if at < 10 else f"{at:.0f}")
    ratios = [round(float(r), 4) for r in ratios]
    several = len({key.split("/", 1)[1] for key in verdicts.columns}) > 1
    return Curve(called(column.key, several), column.method == focus, ratios, at, says)
