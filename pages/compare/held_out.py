"""A set of good pictures only: the held-out ones stand where test pictures would."""

from __future__ import annotations

from dataclasses import replace

from detectors.result import Column, Result


def as_tests(result: Result) -> Result:
    """Return the result with its held-out pictures in the place of test pictures; they measure nothing."""
    return replace(result, test=result.held_out, columns=tuple(map(_of_held_out, result.columns)))


def _of_held_out(c: Column) -> Column:
    return replace(c, scores=c.held_out, maps=c.held_out_maps, levels=c.held_out_levels, figures={})
