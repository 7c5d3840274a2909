"""What a worker remembers of a column is worked out once, and goes with the run's features."""

import gc
from dataclasses import replace
from types import SimpleNamespace

from detectors.comparison.comparison import FittedColumn
from detectors.queries.remembered import Remembered


class Store:
    """Stands in for a feature store: an object that somebody holds."""


def fitted(store, token):
    return FittedColumn(None, None, SimpleNamespace(learnt=store), token)


def test_it_is_made_once_for_a_fit_and_gone_with_the_features():
    remembered, made, store = Remembered(), [], Store()
    column = fitted(store, "one")
    for each in (column, replace(column), fitted(store, "two")):
        remembered.of(each, lambda: made.append(1) or len(made))
    assert (made, len(remembered)) == ([1, 1], 2)
    assert remembered.of(column, lambda: 0) == 1
    del store, column, each
    gc.collect()
    assert len(remembered) == 0
