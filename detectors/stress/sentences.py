"""What a curve says in words, the same in the terminal, in charts and on the page, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from detectors.errors import Sentence
from detectors.stress.conditions import CONDITIONS
from detectors.stress.curves import Curve, Verdict

_AMOUNTS: Mapping[str, Callable[[str], Sentence]] = {
    "stops": lambda at: Sentence("stress.at_stops", "{at} stops", at=at),
    "mired": lambda at: Sentence("stress.at_mired", "{at} mired", at=at),
    "%": lambda at: Sentence("stress.at_percent", "{at} %", at=at),
    "px": lambda at: Sentence("stress.at_px", "{at} px", at=at),
    "levels": lambda at: Sentence("stress.at_levels", "{at} grey levels", at=at),
    "quality lost": lambda at: Sentence("stress.at_quality", "quality {at}", at=at),
    "degrees": lambda at: Sentence("stress.at_degrees", "{at}°", at=at),
}


def bare(condition: str, strength: float) -> str:
    """Return a strength as a person names it, without its unit; JPEG's is the quality that is left.

    >>> bare("brightness", -0.4), bare("blur", 0.75), bare("jpeg", 40)
    ('−0.4', '0.75', '60')
    """
    about = CONDITIONS[condition]
    if about.unit == "quality lost":
        return f"{100 - strength:g}"
    signed = strength != 0 and about.strengths[0] < 0
    return (f"{strength:+g}" if signed else f"{strength:g}").replace("-", "\N{MINUS SIGN}")


def amount(condition: str, strength: float) -> Sentence:
    """Return a strength with its unit.

    >>> str(amount("jpeg", 40)), str(amount("brightness", 0.2))
    ('quality 60', '+0.2 stops')
    """
    return _AMOUNTS[CONDITIONS[condition].unit](bare(condition, strength))


def verdict(said: Verdict, condition: str) -> Sentence:
    """Return a verdict in a few words, for a cell of a table.

    >>> str(verdict(Verdict("breaks", (-0.4, 0.2), alarms=True), "brightness"))
    'breaks at −0.4 and +0.2 stops'
    >>> str(verdict(Verdict("stands"), "jpeg"))
    'stands up to quality 20'
    """
    if said.word == "breaks":
        last = amount(condition, said.at[-1])
        if len(said.at) == 1:
            return Sentence("stress.breaks", "breaks at {at}", at=last)
        return Sentence("stress.breaks_both", "breaks at {first} and {at}", first=bare(condition, said.at[0]), at=last)
    if said.word == "stands":
        strongest = abs(CONDITIONS[condition].strongest)
        return Sentence("stress.stands", "stands up to {at}", at=amount(condition, strongest))
    if said.word == "blind":
        return Sentence("stress.blind", "finds hardly anything anyway")
    return Sentence("stress.few", "too few pictures to tell")


def control(curve: Curve, condition: str) -> Sentence | None:
    """Say where resampling and a mirrored border alone break a method too; None where they do not."""
    if not curve.control_broken:
        return None
    return Sentence(
        "stress.control",
        "at {at} its resampling and border alone raise alarms too",
        at=amount(condition, curve.control_at),
    )
