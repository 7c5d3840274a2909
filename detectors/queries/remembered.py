"""What a worker works out once for a column of a run; it goes with the run's features, when nobody holds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from detectors.comparison.comparison import FittedColumn

if TYPE_CHECKING:
    from detectors.features.store import FeatureStore

T = TypeVar("T")


class Remembered(Generic[T]):
    """One thing per column, by the content of its fit."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[FeatureStore, dict[str, T]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, fitted: FittedColumn, make: Callable[[], T]) -> T:
        """Return what was made for a column, or make it."""
        with self._lock:
            own = self._kept.setdefault(fitted.stores.learnt, {})
            if fitted.token not in own:
                own[fitted.token] = make()
            return own[fitted.token]

    def __len__(self) -> int:
        return sum(map(len, self._kept.values()))
