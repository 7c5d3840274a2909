"""What a trained network calls a normal picture and a defective one, and how far a defect moves its opinion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.result import Figure

if TYPE_CHECKING:
    from detectors.comparison.comparison import Pictures, Stores
    from detectors.methods.base import Detector

TOP = 5  # names that are listed


@dataclass(frozen=True)
class Opinion:
    """The names that a network finds likeliest for one picture, and their probabilities, the likeliest first."""

    names: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Opinions:
    """What a network calls the pictures of a run.

    Attributes:
        normal: of the learnt picture whose probabilities lie nearest to the average of the learnt ones.
        normal_picture: its index among them.
        test: of the test picture that was asked for.
        usual: the name that most learnt pictures get.
        keeps: (M,) bool, whether a test picture gets it, too.
        away: (M,) how far a test picture's probabilities lie from the average of the learnt ones: half the sum of
            absolute differences, the share of the probability that lies elsewhere, 0 to 1.
        image: image AUROC of `away`.
    """

    normal: Opinion
    normal_picture: int
    test: Opinion
    usual: str
    keeps: NDArray[np.bool_]
    away: NDArray[np.float64]
    image: Figure


def opinions(detector: Detector, stores: Stores, pictures: Pictures, backbone: str, shown: int) -> Opinions:
    """Ask a packaged backbone's classifier about the learnt and the test pictures.

    Raises:
        WeightsRefused: when the package is not installed.
    """
    from detectors.comparison.comparison import extract
    from detectors.features.backbone import load_backbone
    from detectors.features.classes import class_names, classifier

    weight, bias = classifier(backbone)
    own = stores.backbone == backbone and stores.weights.source == "package"
    if not own or stores.learnt.shape.pooled[-1] != weight.shape[1]:  # a run goes no deeper than its methods read
        stores = extract(pictures, load_backbone(backbone, "package"))
    learnt, test = (
        np.concatenate([(b.pooled[-1].cpu() @ weight.T + bias).double().softmax(1).numpy() for b in store])
        for store in (stores.learnt, stores.test)
    )  # (N, 1000), (M, 1000)
    average = learnt.mean(0)
    normal = int(_away(learnt, average).argmin())
    usual = int(np.bincount(learnt.argmax(1)).argmax())
    away = _away(test, average)
    names = class_names()

    def opinion(of: NDArray[np.float64]) -> Opinion:
        first = np.argsort(-of, kind="stable")[:TOP]
        return Opinion(tuple(names[i] for i in first), tuple(of[first].tolist()))

    return Opinions(
        normal=opinion(learnt[normal]),
        normal_picture=normal,
        test=opinion(test[shown]),
        usual=names[usual],
        keeps=test.argmax(1) == usual,
        away=away,
        image=evaluation.image_auroc(pictures.labels, away),
    )


def _away(shares: NDArray[np.float64], average: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(shares - average).sum(axis=1) / 2
