"""All methods fitted on a few frames, with thresholds by folds over these, and what they say of a frame."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from detectors.comparison import storage
from detectors.comparison.comparison import Comparison
from detectors.comparison.forecast import refuse_if_too_large
from detectors.errors import SettingRefused
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.features.backbone import Backbone
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore
from detectors.live.selection import FEWEST
from detectors.methods import build
from detectors.methods.base import Detector, Progress, silent
from detectors.plots.colours import TOP
from detectors.result import MapScale

_HeldOut = tuple[NDArray[np.float64], NDArray[np.float32] | None]  # scores and maps

FOLDS = 5
MAP_SIDE = 112  # of a map as it is sent: maps are smoothed, so half the pixels lose nothing that can be seen


@dataclass(frozen=True)
class LiveColumn:
    """One method, fitted on all frames.

    Attributes:
        detector: fitted.
        held_out: (K,) raw score of each frame by a detector that had not learnt it or its neighbours in time.
        scale: of its maps, from the same frames; None without a map.
    """

    detector: Detector
    held_out: NDArray[np.float64]
    scale: MapScale | None

    def threshold(self, choice: ThresholdChoice) -> float:
        """Return the raw score above which a frame is flagged."""
        found = thresholds.at_step(self.held_out, choice.step(len(self.held_out)))
        assert found is not None, "there are frames"
        return found.value


@dataclass(frozen=True)
class LiveModel:
    """What was learnt from one visitor's frames.

    Attributes:
        columns: one per method.
        standardisation: of the features, where the backbone asks for it.
    """

    columns: tuple[LiveColumn, ...]
    standardisation: Standardisation | None

    @property
    def nbytes(self) -> int:
        """The bytes of all detectors."""
        return sum(column.detector.nbytes for column in self.columns)


@dataclass(frozen=True)
class Answer:
    """What all methods say of one frame.

    Attributes:
        multiples: of each method's threshold.
        flagged: whether it lies above.
        maps: (side, side) per method, painted from 0 to `TOP` on the common scale in 256 steps; None without a map.
        milliseconds: by part: "backbone", then one per method.
    """

    multiples: tuple[float, ...]
    flagged: tuple[bool, ...]
    maps: tuple[NDArray[np.uint8] | None, ...]
    milliseconds: tuple[float, ...]


def fit(
    comparison: Comparison,
    frames: NDArray[np.uint8],
    progress: Progress = silent,
    folds: int = FOLDS,
    at_once: int = 1,
) -> LiveModel:
    """Fit every method on frames (N, S, S, 3), and score each frame by a fit on the others.

    The folds are stretches of time: neighbouring frames are nearly copies, and a copy that was learnt would say that
    everything is normal. So thresholds lie a little higher than those of the methods that answer, which know more.

    Args:
        comparison: methods, settings and the first backbone.
        frames: in the order in which they were taken.
        progress: is told the share that is done, and the method that was.
        folds: stretches of time.
        at_once: fits that are under way at the same time, each in a thread of its own.

    Raises:
        SettingRefused: for fewer than `FEWEST` frames.
        TooLarge: when a fit needs more memory than there is.
    """
    if len(frames) < FEWEST:
        raise SettingRefused(
            "live.too_few",
            "{count} [frame was|frames were] shown; at least {fewest} are needed. Show more, and move the part a "
            "little.",
            count=len(frames),
            fewest=FEWEST,
        )
    backbone = backbone_of(comparison)
    store = FeatureStore.extract(frames, backbone, where="memory")
    everything = np.arange(len(frames))
    stretches = np.array_split(everything, min(folds, len(frames)))
    whole, standardisation = _standardised(store, everything, backbone)
    parts = [(method, stretch) for method in comparison.methods for stretch in (None, *stretches)]
    lock, done = threading.Lock(), 0

    def part(method: str, stretch: NDArray[np.int64] | None) -> Detector | _HeldOut:
        nonlocal done
        if stretch is None:
            found: Detector | _HeldOut = _fitted(comparison, method, whole)
        else:
            features, by = _standardised(store, np.setdiff1d(everything, stretch), backbone)
            held_out = store.subset(stretch) if by is None else store.subset(stretch).standardised(by)
            found = _scored(_fitted(comparison, method, features), held_out)
        with lock:
            done += 1
            progress(done / len(parts), method)
        return found

    with ThreadPoolExecutor(at_once) as threads:
        made = list(threads.map(part, *zip(*parts, strict=True)))
    columns = []
    for first in range(0, len(made), len(stretches) + 1):
        detector, *held = made[first : first + len(stretches) + 1]
        scores, maps = zip(*held, strict=True)  # type: ignore[arg-type]
        scale = None if maps[0] is None else thresholds.map_scale(np.concatenate(maps))
        columns.append(LiveColumn(detector, np.concatenate(scores), scale))  # type: ignore[arg-type]
    return LiveModel(tuple(columns), standardisation)


def answer(
    model: LiveModel, comparison: Comparison, frame: NDArray[np.uint8], choice: ThresholdChoice | None = None
) -> Answer:
    """Say what every method makes of a frame (S, S, 3)."""
    started = time.perf_counter()
    features = backbone_of(comparison)(torch.from_numpy(frame).permute(2, 0, 1)[None].float().div_(255))
    if model.standardisation is not None:
        features = model.standardisation(features)
    times = [time.perf_counter() - started]
    multiples, flagged, maps = [], [], []
    for column in model.columns:
        started = time.perf_counter()
        prediction = column.detector.predict(features)
        score, threshold = float(prediction.scores[0]), column.threshold(choice or ThresholdChoice())
        multiples.append(float(thresholds.multiples(score, threshold, column.held_out)))
        flagged.append(score > threshold)
        drawn = prediction.maps is not None and column.scale is not None
        maps.append(_painted(prediction.maps, column.scale) if drawn else None)  # type: ignore[arg-type]
        times.append(time.perf_counter() - started)
    return Answer(tuple(multiples), tuple(flagged), tuple(maps), tuple(1e3 * t for t in times))


@lru_cache(maxsize=2)
def _backbone(name: str, weights: str | None, seed: int, device: str | None, depth: int | None) -> Backbone:
    comparison = Comparison(backbones=(name,), weights={name: weights} if weights else {}, seed=seed, device=device)
    return comparison.load(name, depth=depth)


def backbone_of(comparison: Comparison) -> Backbone:
    """Return the first backbone of a comparison, loaded once in this process."""
    name = comparison.backbones[0]
    weights = comparison.weights_of(name)
    return _backbone(name, weights, comparison.seed, comparison.device, comparison.depth(name))


def packed(model: LiveModel) -> tuple[dict[str, Any], bytes]:
    """Return a model as JSON-able values and the bytes of its tensors, for another process; nothing is written."""
    tensors: dict[str, Tensor] = {}
    columns = [
        {
            "method": column.detector.name,
            "settings": storage.encoded(column.detector.settings, f"{i}.settings", tensors),
            "state": storage.encoded(column.detector.state, f"{i}.state", tensors),
            "held_out": column.held_out.tolist(),
            "scale": None if column.scale is None else [column.scale.median, column.scale.q99],
        }
        for i, column in enumerate(model.columns)
    ]
    by = model.standardisation
    standardisation = None if by is None else storage.encoded(by.state, "standardisation", tensors)
    said = {"columns": columns, "standardisation": standardisation}
    return json.loads(json.dumps(said)), save(tensors)


def unpacked(said: dict[str, Any], content: bytes) -> LiveModel:
    """Return what `packed` wrote."""
    tensors = load(content)
    columns = []
    for each in said["columns"]:
        detector = build(each["method"], **storage.decoded(each["settings"], tensors))
        detector.state = storage.decoded(each["state"], tensors)
        scale = None if each["scale"] is None else MapScale(*each["scale"])
        columns.append(LiveColumn(detector, np.array(each["held_out"], np.float64), scale))
    by = said["standardisation"]
    return LiveModel(tuple(columns), None if by is None else Standardisation(**storage.decoded(by, tensors)))


def _scored(detector: Detector, held_out: FeatureStore) -> _HeldOut:
    """Return the raw scores (K,) and maps (K, S, S) of frames, None where a method has no map."""
    found = [detector.predict(batch) for batch in held_out]
    scores = np.concatenate([each.scores.double().numpy(force=True) for each in found])
    maps = [each.maps.float().numpy(force=True) for each in found if each.maps is not None]
    return scores, np.concatenate(maps) if maps else None


def _fitted(comparison: Comparison, method: str, features: FeatureStore) -> Detector:
    detector = comparison.detector(method, comparison.backbones[0])
    refuse_if_too_large(detector, features)
    return detector.fit(features)


def _standardised(
    store: FeatureStore, learnt: NDArray[np.int64], backbone: Backbone
) -> tuple[FeatureStore, Standardisation | None]:
    """Return the features to learn from, and what brought them to one scale where the backbone asks for that."""
    features = store.subset(learnt)
    if not backbone.standardise:
        return features, None
    by = Standardisation.measure(features)
    return features.standardised(by), by


def _painted(maps: Tensor, scale: MapScale) -> NDArray[np.uint8]:
    side = min(MAP_SIDE, maps.shape[-1])
    small = functional.adaptive_avg_pool2d(maps[:1].float(), side)[0].numpy(force=True)
    return np.clip(np.nan_to_num(scale(small)) * (255 / TOP), 0, 255).round().astype(np.uint8)
