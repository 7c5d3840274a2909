"""Why it is hard: the first idea, taking the average picture away, and what is left of good and of defective ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from detectors import evaluation
from detectors.evaluation import thresholds
from detectors.result import Figure

if TYPE_CHECKING:
    from detectors.comparison.comparison import Pictures, Stores
    from detectors.methods.base import Detector

SIGMA = 4.0  # pixels, as all methods smooth their maps


@dataclass(frozen=True)
class Subtraction:
    """What taking the average normal picture away leaves.

    Attributes:
        average: (S, S, 3) uint8, of the normal pictures that were learnt from.
        image: image AUROC of the strongest remaining difference.
        normal: (S, S) float16, what is left of a held-out normal picture, on the common scale of maps; None where
            nothing was held out that could set the scale.
        normal_picture: its index among the held-out pictures; the one of median score.
        test: (S, S) float16, what is left of the test picture that was asked for; None without a scale.
        scores: (M,) of the test pictures.
    """

    average: NDArray[np.uint8]
    image: Figure
    normal: NDArray[np.float16] | None
    normal_picture: int | None
    test: NDArray[np.float16] | None
    scores: NDArray[np.float64]


def subtraction(detector: Detector, stores: Stores, pictures: Pictures, shown: int) -> Subtraction:
    """Subtract the average picture: the simplest one-class method there is, without any features."""
    average = np.stack([p.pixels for p in pictures.learnt]).mean(axis=0, dtype=np.float32)  # (S, S, 3)
    test = np.stack([_left(p.pixels, average) for p in pictures.test])  # (M, S, S)
    scores = test.max(axis=(1, 2)).astype(np.float64)
    normal = middle = left = None
    if pictures.held_out:
        held = np.stack([_left(p.pixels, average) for p in pictures.held_out])  # (K, S, S)
        scale = thresholds.map_scale(held)
        middle = int(np.argsort(held.max(axis=(1, 2)))[len(held) // 2])
        normal, left = scale(held[middle]).astype(np.float16), scale(test[shown]).astype(np.float16)
    image = evaluation.image_auroc(pictures.labels, scores)
    return Subtraction(np.asarray(average.round(), np.uint8), image, normal, middle, left, scores)


def _left(pixels: NDArray[np.uint8], average: Any) -> NDArray[np.float32]:
    difference = np.abs(pixels.astype(np.float32) - average).mean(axis=2)  # (S, S)
    return gaussian_filter(difference, SIGMA)
