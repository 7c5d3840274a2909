"""A fitted detector with everything that a new picture goes through before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detectors import storage, thresholds
from detectors.backbones import Backbone, load_backbone
from detectors.base import Detector, Features, Prediction
from detectors.comparison import Stores
from detectors.errors import ModelRefused
from detectors.features import Standardisation
from detectors.images import Picture, Preprocessing
from detectors.result import Column, MapScale


@dataclass(frozen=True)
class Pipeline:
    """Picture in, calibrated verdict out.

    Attributes:
        preprocessing: the same for the pictures that were learnt and those to be judged.
        backbone: with the weights that made the learnt features.
        standardisation: of the features, where the backbone asks for it.
        detector: fitted.
        held_out: (K,) raw scores of the held-out normal pictures; they set the limit.
        scale: of the maps; None where there is no map or nothing was held out.
    """

    preprocessing: Preprocessing
    backbone: Backbone
    standardisation: Standardisation | None
    detector: Detector
    held_out: NDArray[np.float64]
    scale: MapScale | None

    @classmethod
    def of(
        cls, column: Column, detector: Detector, stores: Stores, preprocessing: Preprocessing, backbone: Backbone
    ) -> Pipeline:
        """Join what a comparison made."""
        return cls(preprocessing, backbone, stores.standardisation, detector, column.held_out, column.scale)

    def features(self, pictures: Sequence[Picture]) -> Features:
        """Return the features of a few pictures, held in memory at once."""
        batch = torch.from_numpy(self.preprocessing.batch(pictures))
        features = self.backbone(batch)  # maps (B, C, H, W)
        return self.standardisation(features) if self.standardisation else features

    def predict(self, pictures: Sequence[Picture]) -> Prediction:
        """Score a few pictures: raw scores and maps."""
        return self.detector.predict(self.features(pictures))

    def limit(self, rate: float | None = None) -> float:
        """Return the raw score above which a picture is called odd.

        Args:
            rate: share of good pictures that may be called odd; None for the least that the held-out pictures allow.

        Raises:
            SettingRefused: when too few pictures were held out for the rate.
        """
        return thresholds.limit(self.held_out, 1 / (len(self.held_out) + 1) if rate is None else rate)

    def save(self, path: Path | str) -> None:
        """Write one `.safetensors` file that holds everything but the backbone's weights."""
        metadata: dict[str, Any] = {
            "preprocessing": asdict(self.preprocessing),
            "backbone": self.backbone.name,
            "weights": asdict(self.backbone.weights),
            "standardisation": self.standardisation.state if self.standardisation else None,
            "held_out": self.held_out.tolist(),
            "scale": asdict(self.scale) if self.scale else None,
        }
        storage.save_detector(self.detector, path, metadata)

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
        record = metadata["weights"]
        if weights is None and record["source"] in ("hub", "random"):
            weights = record["source"]
        seed = int(record["origin"].removeprefix("seed ")) if record["source"] == "random" else 0
        backbone = load_backbone(metadata["backbone"], weights=weights, seed=seed, device=device)
        if backbone.weights.sha256 != record["sha256"]:
            raise ModelRefused(
                "pipeline.other_weights",
                "The detector was fitted on {backbone} with weights {wanted}, and the weights here are {found}. "
                "Give the weights that it was fitted with.",
                backbone=backbone.name,
                wanted=record["sha256"][:12],
                found=backbone.weights.sha256[:12],
            )
        return cls(
            Preprocessing(**metadata["preprocessing"]),
            backbone,
            Standardisation(**metadata["standardisation"]) if metadata["standardisation"] else None,
            detector.to(backbone.device),
            np.array(metadata["held_out"]),
            MapScale(**metadata["scale"]) if metadata["scale"] else None,
        )
