"""What is worked out once and shown many times: charts, tables and verdicts, shared by all sessions.

Streamlit's own caches write each argument down and copy each answer, which costs as much as sending a chart. Here a key
is looked up. Answers are shared, so nobody changes them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")
_MOST_OF_ONE = 400  # answers that go with one result
_ALL: WeakSet[Once] = WeakSet()
_LOCK = threading.Lock()


class Once:
    """Answers by key, those that were wanted last.

    Args:
        most: how many are held.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        _ALL.add(self)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the answer to `key`, made now unless it is there; two who ask at once may both make it."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()  # not under the lock: it may need other answers
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made

    def clear(self) -> None:
        """Let go of all answers."""
        with self._lock:
            self._held.clear()

    def __reduce__(self) -> tuple[type[Once], tuple[int]]:
        """Travel without the answers, beside what they were made of."""
        return Once, (self._most,)


def of(owner: object, key: Hashable, make: Callable[[], T]) -> T:
    """Return what is worked out once of an object that never changes, such as a result, and goes with it.

    `key` says what it is and all else that it depends on.
    """
    with _LOCK:
        held = vars(owner).get(_NAME)
        if held is None:
            held = vars(owner)[_NAME] = Once(_MOST_OF_ONE)
    return held.get(key, make)


def forget() -> None:
    """Let go of all answers: some may show pictures that somebody wants to be forgotten."""
    for each in list(_ALL):
        each.clear()


_NAME = "_worked_out"
