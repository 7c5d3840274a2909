"""From single answers to an alarm: several of the last ones agree, so that a quiet scene stays quiet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

NEEDED, OF = 3, 5  # an alarm is so many of so many last answers above the threshold
_GAP_SECONDS = 1.0  # between two answers: what is longer was a pause and is not counted as watching


@dataclass
class Alarm:
    """Whether one method raises an alarm.

    Attributes:
        on: whether it does at present.
    """

    on: bool = False
    _last: deque[bool] = field(default_factory=lambda: deque(maxlen=OF), repr=False)

    def hear(self, above: bool) -> bool:
        """Take in whether the next answer lies above the threshold; return whether an alarm begins with it."""
        self._last.append(above)
        before, self.on = self.on, sum(self._last) >= NEEDED
        return self.on and not before


@dataclass
class Watch:
    """False alarms, counted while a good part is in view.

    Attributes:
        alarms: that began, per method.
        seconds: for which answers came.
    """

    alarms: list[int]
    seconds: float = 0.0
    _before: float | None = field(default=None, repr=False)

    def see(self, began: list[bool], now: float) -> None:
        """Count what began with one answer of every method, at a time in seconds."""
        if self._before is not None and now - self._before <= _GAP_SECONDS:
            self.seconds += now - self._before
        self._before = now
        self.alarms = [count + new for count, new in zip(self.alarms, began, strict=True)]

    @property
    def a_minute(self) -> list[float | None]:
        """False alarms a minute, per method; None before anything was watched."""
        return [60 * count / self.seconds if self.seconds else None for count in self.alarms]
