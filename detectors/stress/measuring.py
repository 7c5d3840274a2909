"""A fitted comparison under a condition: the same detectors and thresholds, other pixels, scored as they stream by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score, silent
from detectors.errors import SettingRefused
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.result import ResultPicture
from detectors.stress.conditions import Condition
from detectors.stress.curves import Curve

if TYPE_CHECKING:
    from detectors.datasets import Dataset
    from detectors.features.backbone import Backbone
    from detectors.methods.base import Features, Progress

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


def bench(comparison: Comparison, data: Dataset, progress: Progress = silent) -> Bench:
    """Fit every column of a comparison and keep the detectors; `Refusal` where one cannot be fitted.

    Args:
        comparison: what to fit.
        data: normal and test pictures.
        progress: called with the share done of the part named.
    """
    pictures, fitted = comparison.prepare(data), []
    for name in comparison.backbones:
        stores = extract(pictures, comparison.load(name, progress), progress)
        for method in comparison.methods:
            column, detector = fit_and_score(comparison.detector(method, name), stores, pictures, progress)
            fitted.append(FittedColumn(column, detector, stores, column.key))
    return Bench(comparison, pictures, tuple(fitted))


def measure(
    bench: Bench,
    condition: Condition,
    choice: ThresholdChoice = USUAL,
    seed: int = 0,
    progress: Progress = silent,
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

    Raises:
        SettingRefused: when there is no test picture, or no column with a threshold.
    """
    columns = [(fitted, at) for fitted in bench.fitted if (at := choice.of(fitted.column)) is not None]
    test = bench.pictures.test
    if not columns or not test:
        raise SettingRefused(
            "stress.nothing",
            "A condition needs test pictures and at least one method with a threshold; hold normal pictures out.",
        )
    passes = [strength for strength in condition.strengths if strength != 0]
    scores = {fitted.column.key: np.empty((len(condition.strengths), len(test))) for fitted, _ in columns}
    for fitted, _ in columns:
        scores[fitted.column.key][condition.strengths.index(0)] = fitted.column.scores
    networks = {name: bench.comparison.load(name) for name in _backbones(columns)}
    total = len(networks) * (len(passes) + condition.geometric) * len(test)
    done = 0

    def score(into: dict[str, NDArray[np.float64]], strength: float, control: bool = False) -> None:
        nonlocal done
        for name, own in _backbones(columns).items():
            for start, altered in _altered(test, condition, strength, seed, control):
                for fitted, found in _scored(networks[name], own, altered):
                    into[fitted.column.key][start : start + len(altered)] = found
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


def strip(bench: Bench, condition: Condition, index: int, seed: int = 0) -> Strip:
    """Take one test picture through all strengths, with the anomaly map of every column.

    Args:
        bench: a finished run.
        condition: what befalls the picture.
        index: of the test picture.
        seed: as of `measure`.
    """
    picture = bench.pictures.test[index]
    pixels = np.stack([condition.apply(picture.pixels, strength, seed) for strength in condition.strengths])
    maps: dict[str, NDArray[np.float32] | None] = {}
    scores: dict[str, NDArray[np.float64]] = {}
    for backbone, own in _backbones([(fitted, None) for fitted in bench.fitted]).items():
        network = bench.comparison.load(backbone)
        for fitted in own:
            features = [_features(network, fitted, pixels[t : t + BATCH]) for t in range(0, len(pixels), BATCH)]
            predictions = [fitted.detector.predict(each) for each in features]
            key = fitted.column.key
            scores[key] = np.concatenate([each.scores.double().cpu().numpy() for each in predictions])
            kept = [each.maps.float().cpu().numpy() for each in predictions if each.maps is not None]
            maps[key] = np.concatenate(kept) if kept else None
    return Strip(condition.strengths, pixels, maps, scores)


def _backbones(columns: Sequence[tuple[FittedColumn, object]]) -> dict[str, list[FittedColumn]]:
    grouped: dict[str, list[FittedColumn]] = {}
    for fitted, _ in columns:
        grouped.setdefault(fitted.column.backbone, []).append(fitted)
    return grouped


def _altered(
    test: Sequence[ResultPicture], condition: Condition, strength: float, seed: int, control: bool = False
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (index of the first, (B, S, S, 3)) of a few pictures at a time."""
    change = condition.control if control else condition.apply
    for start in range(0, len(test), BATCH):
        yield start, np.stack([change(picture.pixels, strength, seed) for picture in test[start : start + BATCH]])


def _scored(
    network: Backbone, columns: Sequence[FittedColumn], pixels: NDArray[np.uint8]
) -> Iterator[tuple[FittedColumn, NDArray[np.float64]]]:
    """Yield every column with its scores of a few pictures, which go through the backbone once."""
    features = _passed(network, pixels)
    for fitted in columns:
        standardise = fitted.stores.standardisation
        own = features if standardise is None else standardise(features)
        yield fitted, fitted.detector.predict(own).scores.double().cpu().numpy()


def _features(network: Backbone, fitted: FittedColumn, pixels: NDArray[np.uint8]) -> Features:
    features, standardise = _passed(network, pixels), fitted.stores.standardisation
    return features if standardise is None else standardise(features)


def _passed(network: Backbone, pixels: NDArray[np.uint8]) -> Features:
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255  # (B, 3, S, S)
    return network(batch)
