"""A fitted detector with everything that a new picture goes through before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detectors.comparison import storage
from detectors.comparison.comparison import Bench, FittedColumn, Stores
from detectors.errors import ModelRefused, Sentence
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import ORIGINS, USUAL, USUAL_RATE, Threshold, ThresholdChoice
from detectors.features.backbone import Backbone, load_backbone
from detectors.features.standardisation import Standardisation
from detectors.images import Picture, Preprocessing, White, decode, of_pixels
from detectors.images.origins import Origin, Origins
from detectors.methods.base import Detector, Features, FeatureShape, Prediction
from detectors.result import Column, MapScale, WeightsRecord


@dataclass(frozen=True)
class Pipeline:
    """Picture in, calibrated verdict out.

    Attributes:
        preprocessing: the same for the pictures that were learnt and those to be scored.
        backbone: with the weights that made the learnt features.
        standardisation: of the features, where the backbone asks for it.
        detector: fitted.
        held_out: (K,) raw scores of the held-out normal pictures; they set the threshold.
        scale: of the maps; None where there is no map or nothing was held out.
        white: which values of a picture with more than 8 bits are black and white, as the training pictures decided.
        chosen: the threshold that was chosen for it; None for the rate nearest to 5 %.
        origins: what the normal pictures were; None in files of 0.1.
    """

    preprocessing: Preprocessing
    backbone: Backbone
    standardisation: Standardisation | None
    detector: Detector
    held_out: NDArray[np.float64]
    scale: MapScale | None
    white: White = field(default_factory=White)
    chosen: Threshold | None = None
    origins: Origins | None = None

    @classmethod
    def of(
        cls,
        column: Column,
        detector: Detector,
        stores: Stores,
        preprocessing: Preprocessing,
        backbone: Backbone,
        white: White | None = None,
        choice: ThresholdChoice = USUAL,
    ) -> Pipeline:
        """Join what a comparison made, with the threshold chosen."""
        return cls(
            preprocessing, backbone, stores.standardisation, detector, column.held_out, column.scale,
            white or White(), choice.of(column), stores.origins,
        )  # fmt: skip

    def decode(self, data: bytes, name: str) -> Picture:
        """Decode a picture as the training pictures were; `PictureRefused` for one that cannot be used."""
        return decode(data, name, white=self.white)

    def unlike(self, pictures: Sequence[Origin]) -> tuple[Sentence, ...]:
        """Say which pictures are of other bits, another shape or a very different size than those that were learnt."""
        return self.origins.unlike(pictures, self.preprocessing.crop != "none") if self.origins else ()

    def features(self, batch: NDArray[np.float32], boxes: NDArray[np.int64] | None = None) -> Features:
        """Return the features of a few preprocessed pictures, held in memory at once; the arguments as of `score`."""
        places = None if boxes is None else torch.from_numpy(boxes)
        features = self.backbone(torch.from_numpy(batch), places)  # maps (B, C, H, W)
        return self.standardisation(features) if self.standardisation else features

    def predict(self, pictures: Sequence[Picture]) -> Prediction:
        """Score a few pictures, as `score` does."""
        return self.score(self.preprocessing.batch(pictures, self.backbone.tiles), self.preprocessing.boxes(pictures))

    def score(self, batch: NDArray[np.float32], boxes: NDArray[np.int64] | None = None) -> Prediction:
        """Score a few preprocessed pictures: raw scores and maps.

        Args:
            batch: (B, 3, H, W) in [0, 1], as many times as high and wide as the backbone looks closer.
            boxes: (B, 4), where each picture lies in the frame; None where all fill it.

        Raises:
            ModelRefused: when a score is no finite number, which no sound detector gives.
        """
        prediction = self.detector.predict(self.features(batch, boxes))
        if not torch.isfinite(prediction.scores).all():
            raise ModelRefused(
                "pipeline.not_finite",
                "The detector gives scores that are infinite or undefined: its file is damaged. Fit and save it again.",
            )
        return prediction

    def threshold(self, rate: float | None = None) -> float:
        """Return the raw score above which a picture is flagged.

        Args:
            rate: share of good pictures that may be flagged at most; None for the threshold that was chosen when the
                detector was saved, or else the rate nearest to 5 %.

        Raises:
            SettingRefused: when too few pictures were held out for the rate, or none and no threshold was chosen.
        """
        if rate is None and (usual := self.chosen or thresholds.usual(self.held_out)) is not None:
            return usual.value
        return thresholds.threshold(self.held_out, USUAL_RATE if rate is None else rate)

    def save(self, path: Path | str) -> None:
        """Write one `.safetensors` file that holds everything but the backbone's weights."""
        made = _Provenance(
            self.backbone.name,
            self.backbone.weights,
            self.preprocessing,
            self.white,
            self.backbone.engine,
            self.origins,
        )
        storage.save_detector(
            self.detector, path, made.metadata(self.standardisation, self.held_out.tolist(), self.scale, self.chosen)
        )

    @classmethod
    def load(cls, path: Path | str, weights: str | None = None, device: str | None = None) -> Pipeline:
        """Read what `save` wrote and load the backbone it names.

        Args:
            path: the file.
            weights: where the backbone's weights are now, if not where they were ("hub" or a `.safetensors` file).
            device: None for the best there is.

        Raises:
            ModelRefused: when the file is damaged, of another version, or the weights differ from the recorded ones.
            WeightsRefused: when the weights are not to be had.
        """
        detector, metadata = storage.load_detector(path)
        try:
            made, standardisation, held_out, scale, chosen = _Provenance.read(metadata)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _incomplete(Path(path).name) from None
        record = made.weights
        if weights is None and record.source in ("package", "hub", "random"):
            weights = record.source
        seed = int(record.origin.removeprefix("seed ")) if record.random else 0
        backbone = load_backbone(made.backbone, weights, seed, device, depth=detector.depth)
        if backbone.weights.sha256 != record.sha256:
            raise ModelRefused(
                "pipeline.other_weights",
                "The detector was fitted on {backbone} with weights {wanted}, and the weights here are {found}. "
                "Give the weights that it was fitted with.",
                backbone=backbone.name,
                wanted=record.sha256[:12],
                found=backbone.weights.sha256[:12],
            )
        if standardisation and not _fits(standardisation, backbone.shape(made.preprocessing.frame)):
            raise _incomplete(Path(path).name)
        pipeline = cls(
            made.preprocessing,
            backbone,
            standardisation,
            detector.to(backbone.device),
            np.array(held_out, dtype=np.float64),
            scale,
            made.white,
            chosen,
            made.origins,
        )
        pipeline.refuse_misfit(Path(path).name)
        return pipeline

    def refuse_misfit(self, file: str) -> None:
        """Score a grey picture, so that parts of a file that do not fit together are told before any work is done.

        Raises:
            ModelRefused: when features, settings and what was learnt do not fit, or the score is no finite number.
        """
        grey = np.full((*self.preprocessing.frame, 3), 128, np.uint8)
        try:
            self.predict([of_pixels(grey, "grey")])
        except ModelRefused:
            raise
        except (RuntimeError, IndexError, KeyError, TypeError, ValueError):
            raise _incomplete(file) from None


def _incomplete(file: str) -> ModelRefused:
    return ModelRefused(
        "pipeline.incomplete",
        "{file} holds a detector, but not all that a new picture must go through. "
        "Save it again with this version of the program.",
        file=file,
    )


def _fits(standardisation: Standardisation, shape: FeatureShape) -> bool:
    """Whether every level and stage has its own mean and deviation of each channel."""
    channels = [level[0] for level in shape.maps]
    return all(
        [tuple(tensor.shape) for tensor in part] == [(count,) for count in counts]
        for part, counts in (
            (standardisation.map_means, channels),
            (standardisation.map_deviations, channels),
            (standardisation.pooled_means, shape.pooled),
            (standardisation.pooled_deviations, shape.pooled),
        )
    )


def packed(bench: Bench, key: str, choice: ThresholdChoice = USUAL) -> bytes:
    """Return a column of a finished run as the bytes that `Pipeline.save` writes, with the threshold chosen.

    Raises:
        ModelRefused: when the column is no longer there, or could not be loaded again.
    """
    fitted = _fitted(bench, key)
    column, stores = fitted.column, fitted.stores
    made = _Provenance(
        column.backbone, column.weights, bench.pictures.preprocessing, bench.pictures.white, column.engine,
        stores.origins,
    )  # fmt: skip
    metadata = made.metadata(stores.standardisation, column.held_out.tolist(), column.scale, choice.of(column))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detector.safetensors"
        storage.save_detector(fitted.detector, path, metadata)
        return path.read_bytes()


def on_cpu(bench: Bench, key: str, choice: ThresholdChoice = USUAL) -> Pipeline:
    """Return a column of a finished run as a pipeline on the CPU, with the threshold chosen; the run is left as it is.

    Raises:
        ModelRefused: when the column is no longer there.
        WeightsRefused: when the weights of its backbone are no longer to be had.
    """
    fitted = _fitted(bench, key)
    detector = replace(fitted.detector)  # unfitted, with the same settings
    detector.state = fitted.detector.state
    backbone = replace(bench.comparison, device="cpu").load(fitted.column.backbone, depth=detector.depth)
    pipeline = Pipeline.of(
        fitted.column, detector.to("cpu"), fitted.stores, bench.comparison.preprocessing, backbone,
        bench.pictures.white, choice,
    )  # fmt: skip
    by = pipeline.standardisation
    return replace(pipeline, standardisation=by and by.to("cpu"))


def _fitted(bench: Bench, key: str) -> FittedColumn:
    fitted = next((f for f in bench.fitted if f.column.key == key), None)
    if fitted is None:
        raise ModelRefused(
            "pipeline.gone", "The fitted detector of {column} is no longer in memory. Run it again.", column=key
        )
    return fitted


@dataclass(frozen=True)
class _Provenance:
    """What made the features that a detector was fitted on."""

    backbone: str
    weights: WeightsRecord
    preprocessing: Preprocessing
    white: White
    engine: str  # that computed them; another one changes their last digits
    origins: Origins | None = None

    def metadata(
        self,
        standardisation: Standardisation | None,
        held_out: list[float],
        scale: MapScale | None,
        chosen: Threshold | None,
    ) -> dict[str, Any]:
        """Return everything that is saved beside a detector."""
        return asdict(self) | {
            "standardisation": standardisation.state if standardisation else None,
            "held_out": held_out,
            "scale": asdict(scale) if scale else None,
            "threshold": asdict(chosen) if chosen else None,
        }

    @classmethod
    def read(
        cls, metadata: dict[str, Any]
    ) -> tuple[_Provenance, Standardisation | None, list[float], MapScale | None, Threshold | None]:
        """Undo `metadata`; KeyError, TypeError, ValueError or AttributeError for what cannot have come from it."""
        backbone, standardisation, scale = metadata["backbone"], metadata["standardisation"], metadata["scale"]
        weights, white = WeightsRecord(**metadata["weights"]), White.read(metadata["white"])
        engine = metadata.get("engine", "torch")  # before engines were recorded there was one
        held_out = [float(score) for score in metadata["held_out"]]
        if not all(
            isinstance(text, str) for text in (backbone, weights.source, weights.origin, weights.sha256, engine)
        ):
            raise TypeError("a name that is no text")
        if weights.random:
            int(weights.origin.removeprefix("seed "))
        origins = Origins.read(metadata["origins"]) if metadata.get("origins") is not None else None
        made = cls(backbone, weights, Preprocessing(**metadata["preprocessing"]), white, engine, origins)
        return (
            made,
            Standardisation(**standardisation) if standardisation else None,
            held_out,
            MapScale(float(scale["median"]), float(scale["q99"])) if scale else None,
            _threshold(metadata.get("threshold")),  # detectors saved by 0.1 have none
        )


def _threshold(saved: dict[str, Any] | None) -> Threshold | None:
    if saved is None:
        return None
    read = Threshold(**saved | {"value": float(saved["value"])})
    if not np.isfinite(read.value) or read.origin not in ORIGINS:
        raise ValueError("a threshold that nobody can have chosen")
    if read.origin == "rate" and not (isinstance(read.allowed, int) and isinstance(read.of, int)):
        raise TypeError("a rate without its numbers")
    return read
