"""Methods fitted again on other normal pictures, from the features that a run has: no picture is looked at twice.

Dirt: some of the defective test pictures slip in among the normal ones and are taken from the test, the same ones at
every step of a draw, so that all steps are measured on the same rest. How many pictures: as a run on a part of the
normal ones would have learnt.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.comparison.comparison import Bench, FittedColumn, Stores, silent
from detectors.errors import SettingRefused
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import USUAL_RATE
from detectors.stress.doubts import Likeness
from detectors.stress.draws import Draw, Remains, Study, Way
from detectors.stress.plans import CROSSED, DRAWS, Pace, dirt_steps, number_steps

if TYPE_CHECKING:
    from detectors.features.store import FeatureStore
    from detectors.methods.base import Detector, Progress

    Fit = tuple[Detector, FeatureStore]

# By the features of the test pictures: those of the learnt ones, the rows compared, and how alike they are.
_ALIKE: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any] | None, bytes, Likeness | None]] = (
    weakref.WeakKeyDictionary()
)
TIMED = 4  # pictures scored to learn how long it takes
Rows = NDArray[np.int64]  # among all pictures of a run: learnt, held out, test


class Refits:
    """One column, to be fitted again on any of the run's pictures, by their rows: learnt, then held out, then test."""

    def __init__(self, bench: Bench, fitted: FittedColumn) -> None:
        stores = fitted.stores
        self._bench, self._column, self._stores = bench, fitted.column, stores
        self._standardised = stores.standardisation is not None
        self._store = stores.learnt.joined(stores.held_out, stores.test).as_extracted()
        self.learnt = np.arange(len(stores.learnt))
        self.held_out = len(stores.learnt) + np.arange(len(stores.held_out))
        self.test = len(stores.learnt) + len(stores.held_out) + np.arange(len(stores.test))
        self.fits = 0

    def fit(self, rows: Rows) -> Fit:
        """Return a detector fitted on pictures, and all features as it is to see them."""
        from detectors.features.standardisation import Standardisation

        seen = self._store
        if self._standardised:
            seen = seen.standardised(Standardisation.measure(seen.subset(rows)))
        self.fits += 1
        return self._unfitted().fit(seen.subset(rows)), seen

    def scores(self, fit: Fit, rows: Rows) -> NDArray[np.float64]:
        """Return raw scores of pictures."""
        detector, seen = fit
        found = [detector.scores(batch).double().cpu().numpy() for batch in seen.subset(rows)] if len(rows) else []
        return np.concatenate(found) if found else np.empty(0)

    def left_out(self, rows: Rows, seed: int) -> tuple[NDArray[np.float64], bool]:
        """Return a score of each picture by a fit without it, and whether without it alone or without a fifth.

        Where the features are standardised, the picture that is left out still counts in their mean and deviation.
        """
        from detectors.features.standardisation import Standardisation

        seen = self._store
        if self._standardised:
            seen = seen.standardised(Standardisation.measure(seen.subset(rows)))
        alone = self._unfitted().left_out(seen.subset(rows))
        if alone is not None:
            return alone.double().cpu().numpy(), True
        found = np.empty(len(rows))
        shuffled = np.random.default_rng(seed).permutation(len(rows))
        for fold in np.array_split(shuffled, min(CROSSED, len(rows))):
            others = np.setdiff1d(np.arange(len(rows)), fold)
            found[fold] = self.scores(self.fit(rows[others]), rows[fold])
        return found, False

    def remains(self, fit: Fit, learnt: Rows, tests: Sequence[int]) -> tuple[Remains, ...]:
        """Return what remains of test pictures, as far as they are among those that were fitted."""
        detector, seen = fit
        source, places = seen.subset(learnt), {int(row): i for i, row in enumerate(learnt)}
        found = []
        for test in tests:
            place = places.get(int(self.test[test]))
            trace = None if place is None else detector.trace(source, place)
            if trace is not None:
                grid = None if trace.grid is None else trace.grid.float().cpu().numpy()
                found.append(Remains(int(test), trace.share, trace.usual, grid))
        return tuple(found)

    def outlying(self, rows: Rows) -> set[int]:
        """Return the rows of pictures that the others find unusual."""
        normal = np.concatenate([self.learnt, self.held_out])
        compared = np.concatenate([normal, self.test[self._bench.pictures.labels == 1]])
        places = np.searchsorted(compared, rows)  # ascending, as rows are numbered
        alike = _likeness(self._stores, self._store, compared)
        return {int(rows[i]) for i in alike.doubts(places).outlying}

    def _unfitted(self) -> Detector:
        return self._bench.comparison.detector(self._column.method, self._column.backbone)


def _likeness(stores: Stores, store: FeatureStore, rows: Rows) -> Likeness:
    """Return how alike pictures are, worked out once for all columns on the same features."""
    learnt, known, found = _ALIKE.get(stores.test, (None, b"", None))
    if found is None or learnt is None or learnt() is not stores.learnt or known != rows.tobytes():
        found = Likeness(store.subset(rows))
        _ALIKE[stores.test] = weakref.ref(stores.learnt), rows.tobytes(), found
    return found


def paces(bench: Bench) -> dict[str, Pace]:
    """Measure every column on the first test pictures; a fit takes what the run's own took."""
    found = {}
    for fitted in bench.fitted:
        few = fitted.stores.test.subset(range(min(len(fitted.stores.test), TIMED)))
        begun = time.perf_counter()
        for batch in few:
            fitted.detector.scores(batch)
        score = (time.perf_counter() - begun) / max(len(few), 1)
        found[fitted.column.key] = Pace(fitted.column.cost.fit_seconds / max(len(fitted.stores.learnt), 1), score)
    return found


def column(bench: Bench, key: str) -> FittedColumn:
    """Return the fitted column of a key; SettingRefused where it is gone."""
    for fitted in bench.fitted:
        if fitted.column.key == key:
            return fitted
    raise SettingRefused("stress.gone", "The fitted detector of {column} is no longer in memory.", column=key)


def dirt(
    bench: Bench,
    key: str,
    way: Way = "both",
    cleaned: bool = False,
    draws: int = DRAWS,
    rate: float = USUAL_RATE,
    seed: int = 0,
    progress: Progress = silent,
    known: Study | None = None,
) -> Study:
    """Let defective test pictures slip in among the normal ones, and see what one method still finds of the others.

    Args:
        bench: a finished run.
        key: of the column.
        way: "learnt" where all of them are learnt from; "both" where each may as well come to set the threshold, with
            the chance that any normal picture has.
        cleaned: whether normal pictures that the others find unusual are left out first.
        draws: choices of the pictures that slip in.
        rate: of false alarms.
        seed: of the draws.
        progress: called after each fit.
        known: the same study with nothing left out; where nothing is, its fits are taken and not made again.

    Raises:
        SettingRefused: where fewer than two defective test pictures are there.
    """
    fitted = column(bench, key)
    refits, labels = Refits(bench, fitted), bench.pictures.labels
    steps = dirt_steps(labels)
    most, share = steps[-1], len(refits.held_out) / (len(refits.learnt) + len(refits.held_out))
    found: list[list[Draw]] = [[] for _ in steps]
    slipped: list[tuple[int, ...]] = []
    remains: tuple[Remains, ...] = ()
    for d in range(draws):
        random = np.random.default_rng([seed, d])
        dirty = random.permutation(np.flatnonzero(labels == 1))[:most]
        calibrates = (random.random(most) < share) if way == "both" else np.zeros(most, bool)
        slipped.append(tuple(int(i) for i in dirty))
        rest = np.setdiff1d(np.arange(len(labels)), dirty)
        for t, count in enumerate(steps):
            in_learnt, in_held = dirty[:count][~calibrates[:count]], dirty[:count][calibrates[:count]]
            learnt = np.concatenate([refits.learnt, refits.test[in_learnt]])
            held = np.concatenate([refits.held_out, refits.test[in_held]])
            out = refits.outlying(np.concatenate([learnt, held])) if cleaned else set()
            learnt, held = (np.array([r for r in rows if int(r) not in out], np.int64) for rows in (learnt, held))
            scores = np.full(len(labels), np.nan)
            if known is not None and not out:
                found[t].append(known.draws[t][d])
                progress((d * len(steps) + t + 1) / (draws * len(steps)), "refits", draw=d + 1, dirty=count)
                continue
            if count == 0 and not out:
                scores[rest], calibrating = fitted.column.scores[rest], fitted.column.held_out
            else:
                fit = refits.fit(learnt)
                scores[rest], calibrating = refits.scores(fit, refits.test[rest]), refits.scores(fit, held)
                if d == 0 and count == most:
                    remains = refits.remains(fit, learnt, slipped[0])
            gone = sum(row >= refits.test[0] for row in out)
            found[t].append(Draw(scores, calibrating, (gone, len(out) - gone)))
            progress((d * len(steps) + t + 1) / (draws * len(steps)), "refits", draw=d + 1, dirty=count)
    return Study(
        key=key,
        about="dirt",
        way=way,
        steps=steps,
        draws=tuple(map(tuple, found)),
        labels=labels,
        normals=len(refits.learnt) + len(refits.held_out),
        rate=rate,
        cleaned=cleaned,
        slipped=tuple(slipped),
        remains=remains,
    )


def pictures(
    bench: Bench,
    key: str,
    way: Way = "held_out",
    draws: int = DRAWS,
    rate: float = USUAL_RATE,
    seed: int = 0,
    progress: Progress = silent,
) -> Study:
    """Learn from 2, 4, 8, ... and all normal pictures, as a run that had only so many would.

    Args:
        bench: a finished run.
        key: of the column.
        way: "held_out" where the run's share of the pictures sets the threshold and is not learnt from; "left_out"
            where all are learnt from and each is scored by a fit without it.
        draws: choices of the pictures; each begins with those that it had at the step before.
        rate: of false alarms.
        seed: of the draws.
        progress: called after each step of a draw.
    """
    fitted = column(bench, key)
    refits, labels = Refits(bench, fitted), bench.pictures.labels
    normal = np.concatenate([refits.learnt, refits.held_out])
    steps, held_out = number_steps(len(normal)), bench.comparison.held_out
    found: list[list[Draw]] = [[] for _ in steps]
    exact, done, work = way == "left_out", 0.0, sum(steps) * draws
    for d in range(draws):
        shuffled = np.random.default_rng([seed, d, 1]).permutation(normal)
        for t, count in enumerate(steps):
            rows = shuffled[:count]
            if not (way == "left_out" and count == len(normal) and d and exact):  # all pictures are one draw
                try:
                    if way == "left_out":
                        fit = refits.fit(np.sort(rows))
                        calibrating, alone = refits.left_out(np.sort(rows), d)
                        exact = exact and alone
                    else:
                        learnt, held = thresholds.hold_out(count, held_out, d)
                        fit = refits.fit(np.sort(rows[learnt]))
                        calibrating = refits.scores(fit, rows[held])
                    found[t].append(Draw(refits.scores(fit, refits.test), calibrating))
                except SettingRefused:
                    found[t].clear()  # the method needs more pictures
            done += count
            progress(done / work, "refits", draw=d + 1, pictures=count)
    return Study(
        key=key,
        about="pictures",
        way=way,
        steps=steps,
        draws=tuple(map(tuple, found)),
        labels=labels,
        normals=len(normal),
        rate=rate,
        exact=exact,
    )
