"""Where the backbones' weights are, as far as is known: asked of a worker once a minute and never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from detectors.features.packages import PACKAGED, location
from detectors.features.weights import BUNDLED, WeightsState

RANDOM = "random"
_SECONDS = 60.0


class Known:
    """What was said last of each backbone.

    Args:
        ask: starts asking about a backbone in a given minute and returns a future of states, its own among them.
        clock: seconds.
    """

    def __init__(self, ask: Callable[[str, int], Any], clock: Callable[[], float] = time.time) -> None:
        self._ask, self._clock = ask, clock
        self._asked: dict[str, tuple[int, Any]] = {}
        self._said: dict[str, WeightsState] = {}

    def state(self, name: str) -> WeightsState | None:
        """Return what was said last, None before; asks again when that is a minute old."""
        if name == BUNDLED:
            return WeightsState(name, "bundled")
        if name in PACKAGED and location(PACKAGED[name]) is not None:  # the first run need not wait for a worker's word
            return WeightsState(name, "package")
        minute = int(self._clock() // _SECONDS)
        asked, future = self._asked.get(name, (None, None))
        if future is not None and future.status == "finished":
            self._said |= {state.name: state for state in future.result()}
        if future is None or (asked != minute and future.status != "pending"):
            self._asked[name] = minute, self._ask(name, minute)
        return self._said.get(name)


def missing(states: Iterable[WeightsState | None]) -> WeightsState | None:
    """Return the first backbone whose weights are not to be had."""
    return next((state for state in states if state is not None and state.state == "missing"), None)
