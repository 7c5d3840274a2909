"""A detector that was fitted earlier, read from its file and set to work on the pictures of today."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detectors.datasets import Dataset
from detectors.errors import ModelRefused, Sentence
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import Threshold
from detectors.images.origins import Origin

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
        remarks: which of them are unlike those that it learnt from.
    """

    method: str
    backbone: str
    held_out: int
    threshold: Threshold | None
    pictures: tuple[PictureVerdict, ...]
    remarks: tuple[Sentence, ...] = ()


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
    remarks = pipeline.unlike([Origin.of(picture) for picture in pictures])
    numbers = {picture.depth.numbers for picture in pictures if picture.depth is not None}
    for black, white, own_black, own_white in (
        (*data.white.pair(each), *pipeline.white.pair(each)) for each in sorted(numbers)
    ):
        if (black, white) != (own_black, own_white) and None not in (white, own_white):
            remarks += (
                Sentence(
                    "origins.other_levels",
                    "Black and white of these pictures, of more than 8 bits, are {black:g} and {white:g}; the detector "
                    "learnt with {own_black:g} and {own_white:g}, so neither scores nor threshold hold.",
                    black=black, white=white, own_black=own_black, own_white=own_white,
                ),
            )  # fmt: skip
    name, held_out = pipeline.detector.name, len(pipeline.held_out)
    return SavedPrediction(name, pipeline.backbone.name, held_out, chosen, verdicts, remarks)
