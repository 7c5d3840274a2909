"""The run that follows by itself: after corrections, and where own pictures are read otherwise than they were.

Pictures that the methods have not seen yet wait for a person: what is said of them before is a label, and after it a
correction, which takes them out of all figures.
"""

from __future__ import annotations

import time

from detectors.queries.overview import Overview
from pages.frame import backend, data, session, uploads
from pages.frame.refresh import poll
from pages.frame.state import Choices, current

CHEAP_SECONDS = 60.0  # that a run may take to follow unasked; a longer one is offered with its time


def begin() -> None:
    """Begin the run that is to follow when its time has come; until then look again every moment."""

    def part() -> None:
        now = time.monotonic()
        due = session.REFIT.get()
        if due is not None and now >= due:
            session.REFIT.set(None)
            session.MEASURE.set(None)
            backend.current().refit(current())
        asked = session.MEASURE.get()
        if asked is not None and now >= asked[0] and _decided(current(), asked[1]):
            session.MEASURE.set(None)

    poll(part, awaited, seconds=0.5, still=True)


def awaited() -> bool:
    """Say whether a run is about to follow."""
    return session.REFIT.get() is not None or session.MEASURE.get() is not None


def stop() -> None:
    """Stop the run that is shown or awaited, and have none follow."""
    session.REFIT.set(None)
    session.MEASURE.set(None)
    backend.current().cancel()


def _decided(choices: Choices, seen: bool) -> bool:
    """Begin a run of own pictures, if they were seen and it is known to be cheap; return whether that is decided."""
    workers = backend.current()
    status, _ = workers.look(choices)
    if choices.data != "own" or not choices.methods or not status.stale or status.state in ("running", "refused"):
        return True
    made = workers.overview(data.source(choices))
    if status.seconds is None or made is None or not workers.begins:
        return not workers.finding_out(choices) and workers.begins
    if not isinstance(made, Overview):
        return True
    seen = seen or uploads.seen(picture.sha256 for picture in (*made.normal, *made.test) if not picture.synthetic)
    if seen and status.seconds <= CHEAP_SECONDS:
        workers.refit(choices)
    return True
