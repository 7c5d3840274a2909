"""A set of good pictures only: the held-out ones stand where test pictures would."""

from __future__ import annotations

from dataclasses import replace

from detectors.result import Column, Result
from pages.frame import backend, style, synthetic
from pages.frame.progress import work
from pages.frame.state import Choices, current
from pages.frame.status import Status
from pages.frame.words import text


def head(choices: Choices, status: Status, result: Result) -> None:
    """Say above the grid that nothing is tested, and offer to paste defects in."""
    style.head("compare", text("compare.held_out" if result.held_out else "compare.no_test", n=len(result.held_out)))
    work(choices, status)
    style.caveats(result)
    synthetic.offer(choices, then=lambda: backend.current().run(current()))


def as_tests(result: Result) -> Result:
    """Return the result with its held-out pictures in the place of test pictures; they measure nothing."""
    return replace(result, test=result.held_out, columns=tuple(map(_of_held_out, result.columns)))


def _of_held_out(c: Column) -> Column:
    return replace(c, scores=c.held_out, maps=c.held_out_maps, levels=c.held_out_levels, figures={})
