"""Lesson 6, one setting at a time: small multiples from the run's own features, a figure and a sentence below.

The prose of each setting is a section of `assets/lessons/{en,ko}/steps/parameters.md`, in the order of `PARAMETERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from detectors.errors import Sentence
from detectors.queries.lessons import parameters
from detectors.queries.lessons.parameters import EVERY, PARAMETERS, Variant, VariantResult
from detectors.result import Result
from pages.frame import backend, session
from pages.frame.backend import Answer
from pages.frame.panes import name
from pages.frame.refresh import poll
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.words import amount, duration, language, say, speaker, stage_name, text
from pages.learn import lesson, parts
from pages.learn.method_figures import count, number

KEPT = 2  # settings whose answers a session holds on to
ENDS = {"backbone": (0, 1)}  # which variants sentences compare, where not the first and the last


def variants(choices: Choices, status: Status, result: Result) -> None:
    """Choose a setting, predict, and watch the variants come in."""
    run, i = backend.current().run_key, lesson.subject(choices, result)
    if not run or i is None or not result.columns:
        lesson.waiting()
        return
    chosen = _controls(result, i)
    backbone = result.columns[0].backbone
    asked = session.VARIED.get()
    if (run, chosen) not in asked:
        _explained(chosen, choices, result, [])
        st.button(
            text("learn.parameters.ask", n=len(PARAMETERS[chosen])), key="ask_variants", icon=":material/play_arrow:",
            on_click=lambda: _ask(asked, (run, chosen)),
        )  # fmt: skip
        return
    answers = _begun(run, chosen, backbone)
    poll(lambda: _explained(chosen, choices, result, answers), lambda: any(answer.pending for answer in answers))


FIGURES: dict[str, Callable[..., None]] = {"variants": variants}
VALUES: dict[str, Callable[..., str | None]] = {}


def finding(chosen: str, labels: NDArray[np.float64], found: dict[int, VariantResult]) -> str | None:
    """Say what the change from the first to the last variant did to the image AUROC, and whether it can be claimed."""
    ends = _ends(chosen, found)
    if ends is None:
        return None
    (first, before), (last, after) = ends
    gap = parameters.better(labels, after, before)
    if gap.value is None or gap.low is None or gap.high is None:
        return None
    key = "more" if gap.low > 0 else "less" if gap.high < 0 else "open"
    return text(
        f"learn.parameters.finding.{key}", first=first, last=last,
        a=parts.interval(before.image), b=parts.interval(after.image), n=len(labels),
        gap=f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]",
    )  # fmt: skip


def alike(chosen: str, found: dict[int, VariantResult]) -> str | None:
    """Say how alike the maps of the first and the last variant are."""
    ends = _ends(chosen, found)
    same = None if ends is None else parameters.likeness(ends[0][1], ends[1][1])
    if ends is None or same is None:
        return None
    key = "same" if same > 0.95 else "near" if same > 0.8 else "other"
    return text(f"learn.parameters.alike.{key}", r=f"{same:.2f}", first=ends[0][0], last=ends[1][0])


def cost(chosen: str, found: dict[int, VariantResult]) -> str | None:
    """Say what the first and the last variant need."""
    ends = _ends(chosen, found)
    if ends is None:
        return None
    (first, before), (last, after) = ends
    return text(
        "learn.parameters.cost", first=first, last=last, a=amount(before.nbytes), b=amount(after.nbytes),
        s=duration(before.seconds), t=duration(after.seconds),
    )  # fmt: skip


def draws(chosen: str, found: dict[int, VariantResult]) -> str | None:
    """Say how far apart draws of the same number of channels come out."""
    groups: dict[Any, list[float]] = {}
    for k, varied in found.items():
        settings = dict(PARAMETERS[chosen][k].changes)
        if "seed" in settings and settings["channels"] is not None and varied.image.value is not None:
            groups.setdefault(settings["channels"], []).append(varied.image.value)
    complete = {channels: values for channels, values in groups.items() if len(values) == 3}
    if len(complete) < 2:
        return None
    few, many = min(complete), max(complete)
    apart = {channels: max(values) - min(values) for channels, values in complete.items()}
    key = "shrinks" if apart[many] < apart[few] else "stays"
    return text(f"learn.parameters.draws.{key}", few=few, many=many, a=f"{apart[few]:.2f}", b=f"{apart[many]:.2f}")


def _controls(result: Result, i: int) -> str:
    speak, names = speaker(), [name(p) for p in result.test]
    session.set_widget("w_parameter", session.PARAMETER.get())
    session.set_widget("w_parameter_picture", i)
    with lesson.controls("parameters"):
        st.pills(
            text("learn.parameters.which"), list(PARAMETERS), key="w_parameter", label_visibility="collapsed",
            format_func=lambda key: speak(f"learn.parameters.names.{key}"), required=True,
            on_change=lambda: session.PARAMETER.set(session.widget("w_parameter")),
        )  # fmt: skip
        st.selectbox(
            text("learn.method.picture"), range(len(names)), format_func=names.__getitem__, key="w_parameter_picture",
            label_visibility="collapsed", width=210,
            on_change=lambda: change(
                picture=result.test[session.widget("w_parameter_picture")].sha256[:16], place=None
            ),
        )  # fmt: skip
    return session.PARAMETER.get()


def _ask(asked: list[tuple[str, str]], key: tuple[str, str]) -> None:
    asked.append(key)


def _begun(run: str, chosen: str, backbone: str) -> list[Answer]:
    """Return the answers of all variants, the quick ones first in the queue; those of older settings are let go."""
    kept = session.VARIANTS.get()
    key = (run, chosen)
    if key not in kept:
        while len(kept) >= KEPT:
            kept.pop(next(iter(kept)))
        order = list(enumerate(PARAMETERS[chosen]))
        made = {
            k: backend.current().later(parameters.vary, v.method, v.changes, v.pictures, v.other, backbone=backbone)
            for k, v in reversed(order)
        }
        kept[key] = [made[k] for k, _ in order]
    return kept[key]


def _explained(chosen: str, choices: Choices, result: Result, answers: Sequence[Answer]) -> None:
    """Show the setting's prose on the left, its maps and figures on the right."""
    said = {k: answer.now for k, answer in enumerate(answers)}
    found = {k: varied for k, varied in said.items() if isinstance(varied, VariantResult)}
    complete = len(answers) > 0 and len(found) == len(answers)
    values: dict[str, Callable[[], str | None]] = {
        "finding": lambda: finding(chosen, result.labels, found) if complete else None,
        "alike": lambda: alike(chosen, found) if complete else None,
        "cost": lambda: cost(chosen, found) if complete else None,
        "draws": lambda: draws(chosen, found) if complete else None,
        "learnt": lambda: count(len(result.learnt)),
    }
    sections = [part for part in lesson.parts("steps/parameters", language()) if part.heading]
    part = sections[list(PARAMETERS).index(chosen)]
    left, right = st.columns([3, 8], gap="large")
    with left:
        written = lesson.html(part.prose, lambda slot: values[slot]())
        st.html(f"<h2 class='odd-heading'>{escape(part.heading)}</h2>{written}")
    with right:
        if answers:
            _multiples(chosen, choices, result, found, answers)
            _charts(chosen, found)


def _multiples(
    chosen: str, choices: Choices, result: Result, found: dict[int, VariantResult], answers: Sequence[Answer]
) -> None:
    i = lesson.subject(choices, result)
    assert i is not None
    cells = []
    for k in _shown(chosen):
        variant, varied = PARAMETERS[chosen][k], found.get(k)
        if varied is None:
            image, note, right = _pending(answers[k], parts.shape(result.test[i].pixels)), "", ""
        else:
            label = _label(chosen, k, varied)
            image = parts.picture(
                result.test[i].pixels, f"{name(result.test[i])}: {label}", scaled=_scaled(varied, i, result),
                colour=choices.colour, mask=result.test[i].mask if result.test[i].local else None,
            )  # fmt: skip
            note, right = _size(variant, varied), _score(varied, i)
        cells.append(parts.cell(image, title=_label(chosen, k, varied), note=note, right=right))
    parts.tiles(cells, len(cells), scrolls=True)
    parts.caption(text("learn.parameters.maps_note"))


def _charts(chosen: str, found: dict[int, VariantResult]) -> None:
    if not found:
        return
    charts = []
    for key in ("image", "pixel"):
        rows = []
        for k, varied in sorted(found.items()):
            rows.append(parts.Row(_label(chosen, k, varied, long=True), getattr(varied, key)))
        charts.append(parts.Intervals(text(f"learn.parameters.{key}"), rows))
    parts.beside(f"parameter_{chosen}", *charts)


def _pending(answer: Answer, shape: float) -> str:
    """Return a grey pane that says how far a variant is, or why there is none."""
    stage = answer.stage
    if isinstance(stage.sentence, Sentence):
        words = say(stage.sentence)
    elif stage.state == "running":
        words = f"{stage_name(stage.stage)} {100 * stage.done:.0f} %" if stage.stage else f"{100 * stage.done:.0f} %"
    else:
        words = text("grid.waiting")
    return f'<div class="odd-waiting" style="aspect-ratio:{shape}">{escape(words)}</div>'


def _scaled(varied: VariantResult, i: int, result: Result) -> NDArray[np.float32] | None:
    if varied.maps is None:
        return None
    height, width = result.test[i].pixels.shape[:2]
    large = Image.fromarray(varied.maps[i]).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(large, dtype=np.float32) * (parameters.TOP / 255)


def _shown(chosen: str) -> list[int]:
    """Return which variants get a map: of several draws the first."""
    return [k for k, v in enumerate(PARAMETERS[chosen]) if dict(v.changes).get("seed", 0) == 0]


def _ends(
    chosen: str, found: dict[int, VariantResult]
) -> tuple[tuple[str, VariantResult], tuple[str, VariantResult]] | None:
    """Return the two variants that sentences compare, with their names; None while one is missing."""
    pair = ENDS.get(chosen, (0, len(PARAMETERS[chosen]) - 1))
    if not all(k in found for k in pair):
        return None
    first, last = ((_label(chosen, k, found[k]), found[k]) for k in pair)
    return first, last


def _score(varied: VariantResult, i: int) -> str:
    """Return a picture's score as a multiple of the threshold that one false alarm in k + 1 allows."""
    if not len(varied.held_out) or varied.held_out.max() <= 0:
        return ""
    return text("learn.parameters.ratio", ratio=f"{varied.scores[i] / varied.held_out.max():.2f}")


def _label(chosen: str, k: int, varied: VariantResult | None, long: bool = False) -> str:
    """Return what a variant is called: its value, with the draw where there are several."""
    variant = PARAMETERS[chosen][k]
    changes = dict(variant.changes)
    if "ratio" in changes:
        return f"{100 * changes['ratio']:g} %"
    if "k" in changes:
        used = changes["k"] if changes["k"] < EVERY else text("learn.parameters.all")
        return f"K = {varied.size if varied is not None else used}"
    if "channels" in changes:
        used = changes["channels"]
        if used is None:
            return text("learn.parameters.all_channels")
        key = "draw" if long else "channels"
        return text(f"learn.parameters.{key}", channels=used, n=changes["seed"] + 1)
    if "radius" in changes:
        return f"r = {changes['radius']:.5f}".rstrip("0").rstrip(".")
    if "epochs" in changes:
        return text("learn.parameters.epochs", n=changes["epochs"])
    if chosen == "backbone":
        backbone = text("learn.parameters.random") if variant.other else text("learn.parameters.own")
        return f"{text(f'methods.{variant.method}')}, {backbone}"
    learnt = varied.learnt if varied is not None else variant.pictures
    return text("learn.parameters.learnt", n=count(learnt) if learnt is not None else text("learn.parameters.all"))


def _size(variant: Variant, varied: VariantResult) -> str:
    if variant.method == "patchcore":
        return text("learn.parameters.patches", n=count(varied.size))
    if variant.method == "spade":
        return ""
    return amount(varied.nbytes) if variant.method != "cfa" else text("learn.parameters.fit", s=number(varied.seconds))
