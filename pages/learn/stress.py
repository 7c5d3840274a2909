"""Lesson under stress: light, blur and position; dirt in the bank; few pictures: said first, then measured here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import log2

import numpy as np
import streamlit as st

from detectors.errors import Refusal
from detectors.queries.lessons import stress as measured
from detectors.result import Result
from detectors.stress import Curve, apart, condition
from detectors.stress.sentences import amount, bare, judged, verdict
from pages.frame import backend, charts, panes, session, stressed, style
from pages.frame.charts import COLOURS
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import called, duration, say, text
from pages.learn.graphs import show
from pages.learn.lesson import ask, at_work, controls, first_column, listed
from pages.learn.parts import caption

CONDITIONS = {"light": "brightness", "blur": "blur", "shift": "shift"}
NONE = "none"
FORGETTING = ("itself", "kind", "all")
SHRINKING = ("two", "ten", "hundred")
_HEIGHT = 280
_NAMES = 108  # pixels for names at the ends of lines
_REPEATED = 0.5  # of its score: a defect that loses as much counts as forgotten too
_LEAST = 0.01  # of the threshold, below which scores are drawn alike


def under(slot: str, choices: Choices, status: Status, result: Result) -> None:
    """Ask which method breaks first; then measure all of them under a condition, and show whether it was so."""
    name, run = CONDITIONS[slot], backend.current().run_key
    methods = list(dict.fromkeys(column.method for column in result.columns))
    said = _guess(slot, [*methods, NONE], lambda m: text("learn.stress.nowhere" if m == NONE else f"methods.{m}"))
    if said is None and not choices.present and not stressed.curves(run, choices, result).get(name):
        caption(text("learn.stress.say_first", time=duration(max(1.0, stressed.seconds(result)))))
        return
    stressed.begin(run, name)
    found = stressed.curves(run, choices, result).get(name)
    if not found:
        asked = stressed.answer(run, name)
        if asked is not None and isinstance(asked.now, Refusal):
            caption(say(asked.now.sentence))
        else:
            at_work(lambda: stressed.curves(run, choices, result).get(name), round(stressed.seconds(result)))
        return
    show(_scores(name, found, said), f"stress_{slot}", text("learn.stress.alt", condition=_called(name)))
    first, at = _first(name, found)
    if not first:
        outcome = text("learn.stress.stood", condition=_called(name))
    else:
        named = listed([f"**{called(key)}**" for key in first])
        outcome = text("learn.stress.broke", methods=named, at=say(amount(name, at)))
    right = said is not None and (said == NONE if not first else said in [key.split("/")[0] for key in first])
    st.markdown(f"{text('learn.stress.right') if right else ''} {outcome}".strip())
    caption(text("learn.stress.scores_note"))


def forgets(choices: Choices, status: Status, result: Result) -> None:
    """Ask what one dirty picture in a bank hides; then learn it and show all defects before and after."""
    said = _guess("dirt", FORGETTING, lambda word: text(f"learn.stress.forgets.{word}"))
    found = _forgotten(result) if said is not None or choices.present else None
    if found is None:
        caption(text("learn.stress.say_first_short"))
        return
    column = first_column(result, "patchcore")
    threshold = choices.threshold.value_of(column) or float(np.median(column.held_out)) or 1.0
    before, after = (np.maximum(each / threshold, _LEAST) for each in (found.before, found.after))
    kinds = [result.test[i].kind for i in found.tests]
    own, kind = found.tests == found.picture, result.test[found.picture].kind
    same = np.array([each is not None and each == kind for each in kinds]) & ~own
    end = 1.08 * float(max(before.max(), after.max()))
    axis = {"range": [0, end]}
    made = charts.figure(
        _HEIGHT + 60, text("learn.stress.before_axis"), text("learn.stress.after_axis"), x=axis, y=dict(axis)
    )
    made.add_scatter(x=[0, end], y=[0, end], mode="lines", line={"color": COLOURS.line, "width": 1}, hoverinfo="skip")
    made.add_hline(1, line={"color": COLOURS.accent, "width": 1, "dash": "dot"})
    for chosen, colour, size in ((~own & ~same, COLOURS.soft, 8), (same, COLOURS.ink, 8), (own, COLOURS.miss, 12)):
        rows = np.flatnonzero(chosen)
        made.add_scatter(
            x=before[rows], y=after[rows], mode="markers", marker={"color": colour, "size": size},
            text=[f"{charts.escaped(panes.name(result.test[found.tests[i]]))}: {before[i]:.2f} → {after[i]:.2f}"
                  for i in rows],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    charts.write(
        made, float(before[own][0]), float(after[own][0]), text("learn.stress.itself"), COLOURS.miss, xanchor="right",
        xshift=-9,
    )  # fmt: skip
    show(made, "stress_forgets", text("learn.stress.forgets_alt"))
    caption(text("learn.stress.forgets_note"))


def shrinks(choices: Choices, status: Status, result: Result) -> None:
    """Ask how far new pictures lie from a Gaussian over four; then show it with shrinkage and without."""
    said = _guess("few", SHRINKING, lambda word: text(f"learn.stress.shrinks.{word}"))
    found = _shrunk(result) if said is not None or choices.present else None
    if found is None or not found.counts:
        caption(text("learn.stress.say_first_short"))
        return
    places = [log2(count) for count in found.counts]
    x = {"tickvals": places, "ticktext": [str(count) for count in found.counts]}
    highest = max(10.0, float(found.plain.max()))
    tens = [10.0**i for i in range(12) if 10.0**i <= 10 * highest]
    y = {"type": "log", "tickvals": tens, "ticktext": [f"{ten:,.0f} ×" for ten in tens]}
    made = charts.figure(_HEIGHT, text("stress.across.pictures"), "", x=x, y=y)
    for name, values, colour in (("plain", found.plain, COLOURS.miss), ("shrunk", found.shrunk, COLOURS.accent)):
        made.add_scatter(
            x=places, y=values, mode="lines+markers", name=name, line={"color": colour, "width": 2},
            text=[text(f"learn.stress.{name}_at", n=count, times=f"{value:,.1f}", weight=f"{100 * weight:.0f}")
                  for count, value, weight in zip(found.counts, values, found.weights, strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
        charts.write(made, places[0], log2(values[0]) / log2(10), text(f"learn.stress.{name}"), colour,
                     xanchor="left", yanchor="bottom", yshift=6)  # fmt: skip
    show(made, "stress_shrinks", text("learn.stress.shrinks_alt"))
    caption(text("learn.stress.shrinks_note"))


def _guess(slot: str, options: Sequence[str], write: Callable[[str], str]) -> str | None:
    """Ask for a prediction; None until there is one."""
    with controls(f"stress_{slot}"):
        said: str | None = st.pills(
            text(f"learn.stress.ask.{slot}"), options, format_func=write, key=f"stress_guess_{slot}",
            persist_state="session",
        )  # fmt: skip
    return said


def _scores(name: str, found: Sequence[Curve], said: str | None) -> charts.Chart:
    """Return the median score of each method against a condition's strength, as a multiple of its threshold."""
    strengths = condition(name).strengths
    marked = apart(strengths)
    x = {
        "tickvals": marked, "ticktext": [bare(name, s) for s in marked], "tickangle": 0,
        "range": [strengths[0], strengths[-1]],
    }  # fmt: skip
    made = charts.figure(_HEIGHT, text(f"stress.axes.{condition(name).unit}"), "", x=x, y={"rangemode": "tozero"})
    made.update_layout(margin={"r": _NAMES})
    made.add_hline(1, line={"color": COLOURS.ink, "width": 1, "dash": "dot"})
    tops = sorted(found, key=lambda curve: curve.points[-1].median)
    highest = max(point.median for curve in found for point in curve.points)
    below = -1.0
    for curve in tops:
        chosen = curve.key.split("/")[0] == said
        colour = COLOURS.accent if chosen else COLOURS.soft
        made.add_scatter(
            x=strengths, y=[point.median for point in curve.points], mode="lines+markers", name=called(curve.key),
            line={"color": colour, "width": 2.4 if chosen else 1.4},
            marker={"color": colour, "size": [9 if point.broken else 5 for point in curve.points],
                    "symbol": ["x" if point.broken else "circle" for point in curve.points]},
            text=[f"{charts.escaped(called(curve.key))}, {say(amount(name, point.strength))}: {point.median:.2f} ×"
                  for point in curve.points],
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
        below = max(curve.points[-1].median, below + 0.08 * highest)
        charts.write(
            made, strengths[-1], below, charts.escaped(called(curve.key)),
            COLOURS.accent if chosen else COLOURS.muted, xanchor="left", xshift=8,
        )  # fmt: skip
    return made


def _first(name: str, found: Sequence[Curve]) -> tuple[list[str], float]:
    """Return what breaks at the weakest strength, and that strength; nothing where all stand."""
    strengths = condition(name).strengths
    zero = strengths.index(0)
    at = {
        curve.key: min(curve.verdict.at, key=lambda s: abs(strengths.index(s) - zero))
        for curve in found
        if curve.verdict.at
    }
    least = min((abs(strengths.index(s) - zero) for s in at.values()), default=0)
    first = [key for key, s in at.items() if abs(strengths.index(s) - zero) == least]
    return first, at[first[0]] if first else 0.0


def _forgotten(result: Result) -> measured.Forgotten | None:
    column = first_column(result, "patchcore")
    if column is None:
        return None
    found: measured.Forgotten | None = ask(
        result, measured.forgotten, column.key, tuple(float(score) for score in column.scores)
    )
    return found


def _shrunk(result: Result) -> measured.Shrunk | None:
    column = first_column(result, "mahalanobis")
    found: measured.Shrunk | None = None if column is None else ask(result, measured.shrunk, column.key)
    return found


def _called(name: str) -> str:
    return text(f"stress.conditions.{name}")


def repeated(choices: Choices, status: Status, result: Result) -> str | None:
    """Say how many other defects one dirty picture hid, of its own kind and of others; None before it was said."""
    if not (choices.present or session.widget("stress_guess_dirt")) or (found := _forgotten(result)) is None:
        return None
    own = found.tests == found.picture
    kind = result.test[found.picture].kind
    same = np.array([kind is not None and result.test[i].kind == kind for i in found.tests]) & ~own
    gone = found.after < _REPEATED * found.before
    key = "learn.stress.repeated" if same.any() else "learn.stress.not_repeated"
    left = f"{100 * float(found.after[own][0] / found.before[own][0]):.0f}"
    return text(
        key, left=left, same=int((gone & same).sum()), of_same=int(same.sum()), of_other=int((~same & ~own).sum()),
        other=int((gone & ~same & ~own).sum()),
    )  # fmt: skip


def distance(choices: Choices, status: Status, result: Result) -> str | None:
    """Say how far a new picture lies from a Gaussian over the fewest, with shrinkage and without."""
    if not (choices.present or session.widget("stress_guess_few")):
        return None
    found = _shrunk(result)
    if found is None or not found.counts:
        return None
    return text(
        "learn.stress.distance", n=found.counts[0], plain=f"{found.plain[0]:,.0f}", shrunk=f"{found.shrunk[0]:.1f}",
        weight=f"{100 * found.weights[0]:.0f}", last=found.counts[-1], later=f"{100 * found.weights[-1]:.0f}",
    )  # fmt: skip


def go(choices: Choices, status: Status, result: Result) -> None:
    """Show the way to the page where all of this is asked."""
    st.page_link(style.path("stress"), label=text("learn.stress.go"), icon=":material/arrow_forward:")


def unasked(choices: Choices, status: Status, result: Result) -> str | None:
    """Say that nothing was asked on the Stress page yet."""
    return None if stressed.stressed(backend.current().run_key, choices, result) else text("learn.stress.unasked")


def verdicts(name: str, choices: Choices, status: Status, result: Result) -> str | None:
    """Say what each method does under a condition; None where it was not asked."""
    found = stressed.curves(backend.current().run_key, choices, result).get(name)
    if not found:
        return None
    said = [f"{called(curve.key)}: {say(verdict(curve.verdict, name))}" for curve in found]
    return f"**{text(f'stress.conditions.{name}')}.** {'; '.join(said)}."


def before(choices: Choices, status: Status, result: Result) -> str | None:
    """Say that PaDiM breaks under a smaller shift than PatchCore, where it does."""
    found = stressed.curves(backend.current().run_key, choices, result).get("shift", ())
    at = {curve.key.split("/")[0]: curve.verdict.at for curve in found if curve.verdict.word == "breaks"}
    if "padim" not in at or "patchcore" not in at or min(map(abs, at["padim"])) >= min(map(abs, at["patchcore"])):
        return None
    return text("learn.stress.before")


def study(about: str, choices: Choices, status: Status, result: Result) -> str | None:
    """Say what dirt does, or what more pictures would; None where it was not asked."""
    found = stressed.studies(backend.current().run_key, choices, result)
    said = [f"{called(each.key)}: {say(judged(each))}" for each in found if each.about == about and not each.cleaned]
    return f"{'; '.join(said)}." if said else None


FIGURES: dict[str, Callable[..., None]] = {
    "go": go,
    "forgets": forgets,
    "shrinks": shrinks,
    **{slot: partial(under, slot) for slot in CONDITIONS},
}
VALUES: dict[str, Callable[..., str | None]] = {
    "unasked": unasked,
    "before": before,
    "repeated": repeated,
    "distance": distance,
    "dirt": partial(study, "dirt"),
    "numbers": partial(study, "pictures"),
    **{slot: partial(verdicts, name) for slot, name in CONDITIONS.items()},
}
