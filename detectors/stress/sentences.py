"""A curve's verdict in words, the same in the terminal, in charts and on the page."""

from __future__ import annotations

from detectors.errors import Sentence
from detectors.stress.conditions import CONDITIONS
from detectors.stress.curves import Verdict


def verdict(said: Verdict, condition: str) -> Sentence:
    """Return a verdict in a few words, for a cell of a table.

    >>> str(verdict(Verdict("breaks", (-0.4, 0.2), alarms=True), "brightness"))
    'breaks at -0.4 and 0.2 stops'
    >>> str(verdict(Verdict("stands"), "blur"))
    'stands up to 3 px'
    """
    about = CONDITIONS[condition]
    if said.word == "breaks":
        at = " and ".join(f"{strength:g}" for strength in said.at)
        return Sentence("stress.breaks", "breaks at {at} {unit}", at=at, unit=about.unit)
    if said.word == "stands":
        return Sentence("stress.stands", "stands up to {at} {unit}", at=f"{abs(about.strongest):g}", unit=about.unit)
    if said.word == "blind":
        return Sentence("stress.blind", "finds hardly anything anyway")
    return Sentence("stress.few", "too few pictures to tell")
