"""Lesson under stress: light, blur and position; dirt in the bank; few pictures; all findings from the Stress page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from detectors.result import Result
from detectors.stress.sentences import judged, verdict
from pages.frame import backend, stressed, style
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import called, say, text

CONDITIONS = {"light": "brightness", "blur": "blur", "shift": "shift"}


def go(choices: Choices, status: Status, result: Result) -> None:
    """Show the way to the page where all of this is asked."""
    st.page_link(style.path("stress"), label=text("learn.stress.go"), icon=":material/arrow_forward:")


def unasked(choices: Choices, status: Status, result: Result) -> str | None:
    """Say that nothing was asked on the Stress page yet."""
    return None if stressed.stressed(backend.current().run_key, choices, result) else text("learn.stress.unasked")


def condition(name: str, choices: Choices, status: Status, result: Result) -> str | None:
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


FIGURES: dict[str, Callable[..., None]] = {"go": go}
VALUES: dict[str, Callable[..., str | None]] = {
    "unasked": unasked,
    "before": before,
    "dirt": partial(study, "dirt"),
    "numbers": partial(study, "pictures"),
    **{slot: partial(condition, name) for slot, name in CONDITIONS.items()},
}
