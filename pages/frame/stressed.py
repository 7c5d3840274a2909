"""What the methods were put to on the Stress page, at the thresholds as they are now: for that page and for files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import USUAL_RATE, ThresholdChoice
from detectors.queries import stress
from detectors.report.stress import Stressed
from detectors.result import Result
from detectors.stress import CONDITIONS, REMEDIES, Curve, Study
from pages.frame import backend, session
from pages.frame.backend import Answer
from pages.frame.state import Choices

Curves = Mapping[str, tuple[Curve, ...]]


def stressed(run: str, choices: Choices, result: Result) -> Stressed:
    """Return all that is there."""
    return Stressed(curves(run, choices, result), studies(run, choices, result), helped(run, choices))


def curves(run: str, choices: Choices, result: Result) -> Curves:
    """Return the curves that are there, by condition; worked out once for these thresholds."""
    found = _there(run, choices, lambda curves: at_thresholds(curves, choices.threshold, result), False)
    return {name: found[name] for name in CONDITIONS if name in found}


def helped(run: str, choices: Choices) -> Mapping[tuple[str, str], tuple[Curve, ...]]:
    """Return the curves after remedies that are there, by condition and remedy."""
    found = _there(run, choices, lambda curves: at_rate(curves, choices), True)
    asked = ((name, remedy) for name in CONDITIONS for remedy in REMEDIES)
    return {(name, remedy): found[f"{name}+{remedy}"] for name, remedy in asked if f"{name}+{remedy}" in found}


def begin(run: str, name: str) -> None:
    """Ask for a condition of the run, unless it was asked for."""
    asked = session.STRESSED.get()
    if (run, name) not in asked or asked[run, name].cancelled:
        asked[run, name] = backend.current().later(stress.under, name, fitted=True)


def answer(run: str, name: str) -> Answer | None:
    """Return what was asked of a condition; None where nothing was."""
    return session.STRESSED.get().get((run, name))


def seconds(result: Result) -> float:
    """Return about how long one condition takes, from what this run took: all strengths but 0, each a pass."""
    passes = {column.backbone: column.cost.backbone_milliseconds for column in result.columns}
    own = sum(column.cost.milliseconds_per_picture for column in result.columns)
    strengths = len(next(iter(CONDITIONS.values())).strengths) - 1
    return strengths * len(result.test) * (sum(passes.values()) + own) / 1e3


def _there(
    run: str, choices: Choices, at: Callable[[Sequence[Curve]], tuple[Curve, ...]], remedied: bool
) -> dict[str, tuple[Curve, ...]]:
    kept, found = session.CURVES.get(), {}
    for (of, name), answer in session.STRESSED.get().items():
        if of == run and ("+" in name) == remedied and isinstance(answer.now, tuple):
            key = (run, name, choices.threshold)
            if key not in kept:
                kept.pop(next((old for old in kept if old[:2] == key[:2]), None), None)
                kept[key] = at(answer.now)
            found[name] = kept[key]
    return found


def studies(run: str, choices: Choices, result: Result) -> tuple[Study, ...]:
    """Return the fits on other normal pictures that are there, at the rate of false alarms chosen now."""
    step = choices.threshold.step(len(result.held_out))
    rate = USUAL_RATE if choices.allowed is None or step is None else step[0] / step[1]
    found = (answer.now for key, answer in session.STUDIED.get().items() if key[0] == run)
    return tuple(replace(study, rate=rate) for study in found if isinstance(study, Study))


def at_thresholds(found: Sequence[Curve], choice: ThresholdChoice, result: Result) -> tuple[Curve, ...]:
    """Return curves at the thresholds chosen now; scores do not depend on them."""
    columns = {column.key: column for column in result.columns}
    return tuple(
        replace(curve, threshold=at)
        for curve in found
        if curve.key in columns and (at := choice.of(columns[curve.key])) is not None
    )


def at_rate(found: Sequence[Curve], choices: Choices) -> tuple[Curve, ...]:
    """Return curves at the rate chosen now; a remedy has held-out scores of its own, and no threshold set by hand."""
    at = ((curve, thresholds.at_step(curve.held_out, choices.threshold.step(len(curve.held_out)))) for curve in found)
    return tuple(replace(curve, threshold=step) for curve, step in at if step is not None)
