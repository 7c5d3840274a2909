"""A detector that was fitted earlier, read from its file and set to work on the pictures of today."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detectors.datasets import Dataset
from detectors.errors import ModelRefused
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import Threshold

_BATCH = 4


@dataclass(frozen=True)
class PictureVerdict:
    """What a detector says about one picture.

    Attributes:
        name, sha256, defective, synthetic: of the picture.
        score: raw.
        multiple: of the threshold; None when the detector has no held-out scores to set one.
        verdict: as `thresholds.verdict` names it; "" without a threshold.
    """

    name: str
    sha256: str
    defective: bool | None
    synthetic: bool
    score: float
    multiple: float | None
    verdict: str


@dataclass(frozen=True)
class SavedPrediction:
    """What a detector says about all test pictures.

    Attributes:
        method, backbone: what was fitted, and on what.
        held_out: how many held-out normal pictures set its threshold.
        threshold: the one it was saved with, else that of the rate nearest to 5 %; None when there is neither.
        pictures: in the data set's order.
    """

    method: str
    backbone: str
    held_out: int
    threshold: Threshold | None
    pictures: tuple[PictureVerdict, ...]


def predict(content: bytes, data: Dataset) -> SavedPrediction:
    """Read a `.safetensors` file that `Pipeline.save` wrote and score the test pictures with it.

    Raises:
        ModelRefused: when the file is not such a detector, or there is no test picture.
        WeightsRefused: when the weights of its backbone are not to be had.
    """
    from detectors.comparison.pipeline import Pipeline

    if not data.test:
        raise ModelRefused("judging.no_test", "There is no test picture. Add some first.")
    with tempfile.TemporaryDirectory(prefix="odd-one-out-") as folder:
        path = Path(folder) / "detector.safetensors"
        path.write_bytes(content)
        pipeline = Pipeline.load(path)
    pictures = [sample.picture for sample in data.test]
    batches = [pictures[i : i + _BATCH] for i in range(0, len(pictures), _BATCH)]
    scores = np.concatenate([pipeline.predict(batch).scores.cpu().numpy() for batch in batches]).astype(np.float64)
    chosen = pipeline.chosen or thresholds.usual(pipeline.held_out)
    threshold = None if chosen is None else chosen.value
    multiples = (
        [None] * len(scores) if threshold is None else thresholds.multiples(scores, threshold, pipeline.held_out)
    )
    verdicts = tuple(
        PictureVerdict(
            name=sample.picture.name,
            sha256=sample.picture.sha256,
            defective=sample.defective,
            synthetic=sample.synthetic,
            score=float(score),
            multiple=None if multiple is None else float(multiple),
            verdict="" if threshold is None else thresholds.verdict(sample.defective, bool(score > threshold)),
        )
        for sample, score, multiple in zip(data.test, scores, multiples, strict=True)
    )
    return SavedPrediction(pipeline.detector.name, pipeline.backbone.name, len(pipeline.held_out), chosen, verdicts)
