"""A fitted comparison under a condition: the same detectors and thresholds, other pixels, scored as they stream by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score, silent
from detectors.errors import Refusal, Sentence, SettingRefused
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.result import ResultPicture, column_key
from detectors.stress.conditions import Condition
from detectors.stress.curves import Curve

if TYPE_CHECKING:
    from detectors.datasets import Dataset
    from detectors.features.backbone import Backbone
    from detectors.methods.base import Detector, Features, Progress

Said = TypeVar("Said")
Load = Callable[[Bench, str], "Backbone"]

BATCH = 8  # pictures through the backbone at once


@dataclass(frozen=True)
class Strip:
    """One picture through all strengths of a condition.

    Attributes:
        strengths: (T,).
        pixels: (T, S, S, 3) uint8.
        maps: by column key (T, S, S) float32 raw, None for methods without a map.
        scores: by column key (T,) raw.
    """

    strengths: tuple[float, ...]
    pixels: NDArray[np.uint8]
    maps: dict[str, NDArray[np.float32] | None]
    scores: dict[str, NDArray[np.float64]]


def bench(
    comparison: Comparison, data: Dataset, progress: Progress = silent
) -> tuple[Bench, tuple[tuple[str, Sentence], ...]]:
    """Fit every column of a comparison and keep the detectors; (column key, reason) of those that refuse stand beside.

    Args:
        comparison: what to fit.
        data: normal and test pictures.
        progress: called with the share done of the part named.
    """
    pictures, fitted, refused = comparison.prepare(data), [], []
    for name in comparison.backbones:
        stores = extract(pictures, comparison.load(name, progress), progress, data)
        for method in comparison.methods:
            key = column_key(method, name)
            try:
                column, detector = fit_and_score(comparison.detector(method, name), stores, pictures, progress)
                fitted.append(FittedColumn(column, detector, stores, key))
            except Refusal as refusal:
                refused.append((key, refusal.sentence))
    return Bench(comparison, pictures, tuple(fitted)), tuple(refused)


def measure(
    bench: Bench,
    condition: Condition,
    choice: ThresholdChoice = USUAL,
    seed: int = 0,
    progress: Progress = silent,
    load: Load = Bench.load,
) -> tuple[Curve, ...]:
    """Score all test pictures at all strengths of a condition, with every finished column that has a threshold.

    Strength 0 is what the comparison found; no picture of it goes through the backbone again. Nothing but scores is
    kept, so that memory does not grow with the pictures. Where a condition moves pictures, those moved there and back
    are scored too, at the strongest of the strengths at which methods break: what resampling and a mirrored border do.

    Args:
        bench: a finished run.
        condition: what befalls the pictures.
        choice: of the thresholds, which stay fixed.
        seed: of the pictures' accidents.
        progress: called with the share done after each batch.
        load: returns a backbone of the run by its name, where the features of the run are.

    Raises:
        SettingRefused: when there is no test picture, or no column with a threshold.
    """
    columns = [(fitted, at) for fitted in seen_once(bench) if (at := choice.of(fitted.column)) is not None]
    test = bench.pictures.test
    if not test:
        raise SettingRefused(
            "stress.no_test",
            "A condition is measured on test pictures, and none are there. Add some: good ones are enough to count "
            "false alarms, defective ones say what is still found. On Images defects can be pasted into good ones.",
        )
    if not columns:
        raise SettingRefused(
            "stress.nothing",
            "A condition needs at least one method with a threshold; hold normal pictures out.",
        )
    passes = [strength for strength in condition.strengths if strength != 0]
    scores = {fitted.column.key: np.empty((len(condition.strengths), len(test))) for fitted, _ in columns}
    for fitted, _ in columns:
        scores[fitted.column.key][condition.strengths.index(0)] = fitted.column.scores
    own = _backbones(fitted for fitted, _ in columns)
    networks = {name: load(bench, name) for name in own}
    total = len(networks) * (len(passes) + condition.geometric) * len(test)
    done = 0

    def score(into: dict[str, NDArray[np.float64]], strength: float, control: bool = False) -> None:
        nonlocal done
        for start, altered in _altered(bench, condition, strength, seed, control):
            for name, network in networks.items():
                for key, found in _asked(_scored, network, own[name], altered, test[start:]).items():
                    into[key][start : start + len(altered)] = np.concatenate(found)
                done += len(altered)
                progress(done / total, "stress", pictures=done)

    for strength in passes:
        row = condition.strengths.index(strength)
        score({key: found[row] for key, found in scores.items()}, strength)
    curves = [
        Curve(
            key=fitted.column.key,
            strengths=condition.strengths,
            scores=scores[fitted.column.key],
            control=None,
            labels=bench.pictures.labels,
            threshold=at,
            held_out=fitted.column.held_out,
        )
        for fitted, at in columns
    ]
    if not condition.geometric:
        return tuple(curves)
    breaks = [strength for curve in curves for strength in curve.verdict.at]
    farthest = max(breaks, key=abs, default=condition.strongest)
    control = {curve.key: np.empty(len(test)) for curve in curves}
    score(control, farthest, control=True)
    return tuple(replace(curve, control=control[curve.key], control_at=farthest) for curve in curves)


def strip(bench: Bench, condition: Condition, index: int, seed: int = 0, load: Load = Bench.load) -> Strip:
    """Take one test picture through all strengths, with the anomaly map of every column.

    Args:
        bench: a finished run.
        condition: what befalls the picture.
        index: of the test picture.
        seed: as of `measure`.
        load: as of `measure`.
    """
    shown, finish = bench.pictures.test[index], _finish(bench)

    def under(strength: float) -> NDArray[np.uint8]:
        return within(shown, lambda p: finish(condition.apply(p, strength, seed))) if strength else shown.pixels

    pixels = np.stack([under(strength) for strength in condition.strengths])
    maps: dict[str, NDArray[np.float32] | None] = {}
    scores: dict[str, NDArray[np.float64]] = {}
    for name, own in _backbones(seen_once(bench)).items():
        network = load(bench, name)
        for key, found in _asked(_predicted, network, own, pixels, [shown] * len(pixels)).items():
            scores[key] = np.concatenate([each for each, _ in found])
            kept = [each for _, each in found if each is not None]
            maps[key] = np.concatenate(kept) if kept else None
    return Strip(condition.strengths, pixels, maps, scores)


def _backbones(columns: Iterable[FittedColumn]) -> dict[str, list[FittedColumn]]:
    grouped: dict[str, list[FittedColumn]] = {}
    for fitted in columns:
        grouped.setdefault(fitted.column.backbone, []).append(fitted)
    return grouped


def seen_once(bench: Bench) -> tuple[FittedColumn, ...]:
    """Return the columns that see pictures once and whole: conditions change pictures as they are shown."""
    return tuple(fitted for fitted in bench.fitted if fitted.stores.closer is None)


def within(picture: ResultPicture, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return a picture changed, (H, W, 3), and what lies beyond it as it was."""
    if picture.box is None:
        return change(picture.pixels)
    changed = picture.pixels.copy()
    changed[picture.inside] = change(np.ascontiguousarray(picture.pixels[picture.inside]))
    return changed


def _finish(bench: Bench) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Return what a picture goes through after a condition."""
    finish, after = bench.comparison.preprocessing.finish, bench.after
    return finish if after is None else lambda pixels: after(finish(pixels))


def _altered(
    bench: Bench, condition: Condition, strength: float, seed: int, control: bool = False
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index of the first, (B, H, W, 3)) of a few pictures at a time, prepared as the run prepares them."""
    change, finish = condition.control if control else condition.apply, _finish(bench)
    test = bench.pictures.test
    for start in range(0, len(test), BATCH):
        part = test[start : start + BATCH]
        yield start, np.stack([within(picture, lambda p: finish(change(p, strength, seed))) for picture in part])


def _scored(detector: Detector, features: Features) -> NDArray[np.float64]:
    """Return the scores (B,), without the work that only maps need."""
    return detector.scores(features).double().cpu().numpy()


def _predicted(detector: Detector, features: Features) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    """Return the scores (B,) and the maps (B, S, S), None where the method has none."""
    found = detector.predict(features)
    maps = None if found.maps is None else found.maps.float().cpu().numpy()
    return found.scores.double().cpu().numpy(), maps


def _asked(
    ask: Callable[[Detector, Features], Said],
    network: Backbone,
    columns: Sequence[FittedColumn],
    pixels: NDArray[np.uint8],
    pictures: Sequence[ResultPicture],
) -> dict[str, list[Said]]:
    """Return by column key what it says of the first few of `pictures`, changed, in parts one after the other.

    A part is one pass of the backbone for all columns: `BATCH` pictures, or fewer where memory runs out.
    """
    from detectors.features.device import halving

    said: dict[str, list[Said]] = {fitted.column.key: [] for fitted in columns}

    def some(start: int, stop: int) -> None:
        seen = _seen(network, columns, pixels[start:stop], pictures[start:])
        for key, found in [(fitted.column.key, ask(fitted.detector, features)) for fitted, features in seen]:
            said[key].append(found)

    halving(len(pixels), BATCH, network.device, some)
    return said


def _seen(
    network: Backbone, columns: Sequence[FittedColumn], pixels: NDArray[np.uint8], pictures: Sequence[ResultPicture]
) -> Iterator[tuple[FittedColumn, Features]]:
    """Yield every column with the features of the first few of `pictures`, changed, in one pass of the backbone."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255  # (B, 3, S, S)
    boxes = [picture.box for picture in pictures[: len(pixels)]]
    if any(boxes):
        frame = (0, 0, pixels.shape[1], pixels.shape[2])
        features = network(batch, torch.tensor([box or frame for box in boxes]))
    else:
        features = network(batch)
    for fitted in columns:
        standardise = fitted.stores.standardisation
        yield fitted, features if standardise is None else standardise(features)
