"""One setting at a time: the same pictures, scored by a method that was fitted again with one thing changed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors import evaluation
from detectors.evaluation import thresholds
from detectors.result import Figure

if TYPE_CHECKING:
    from detectors.comparison.comparison import Comparison, Pictures, Stores
    from detectors.methods.base import Progress

TOP = 3.0  # maps travel as whole numbers from 0 to this
EVERY = 1000  # more pictures than there are: K is lowered to their number
COARSER = 2  # and at half the pictures' resolution
DRAWS = 300  # of the bootstrap behind an interval
OTHER = "resnet18"  # the backbone that is drawn at random

Changes = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Variant:
    """What is fitted.

    Attributes:
        method: its key.
        changes: settings that differ from the run's.
        pictures: how many normal pictures are learnt from, the first of the run's; None for all.
        other: whether the features come from `OTHER` with random weights instead of the run's backbone.
    """

    method: str
    changes: Changes = ()
    pictures: int | None = None
    other: bool = False


PARAMETERS: dict[str, tuple[Variant, ...]] = {
    "bank": tuple(
        Variant("patchcore", (("ratio", ratio), ("limit", None), ("reweight", 0))) for ratio in (1.0, 0.25, 0.1, 0.01)
    ),
    "neighbours": tuple(Variant("spade", (("k", k),)) for k in (1, 5, 20, EVERY)),
    "channels": tuple(
        Variant("padim", (("channels", count), ("seed", seed)))
        for count, draws in ((10, 3), (30, 3), (100, 3), (None, 1))
        for seed in range(draws)
    ),
    "radius": tuple(Variant("cfa", (("radius", radius),)) for radius in (1e-5, 0.5, 1.0, 2.0)),
    "epochs": tuple(Variant("cfa", (("epochs", epochs),)) for epochs in (0, 1, 5, 15)),
    "backbone": tuple(Variant(method, other=other) for method in ("patchcore", "padim") for other in (False, True)),
    "pictures": tuple(Variant("patchcore", pictures=count) for count in (2, 5, 10, None)),
}


@dataclass(frozen=True)
class VariantResult:
    """What came out.

    Attributes:
        scores: (M,), of the test pictures.
        held_out: (K,).
        maps: (M, S / 2, S / 2) uint8, 0 to `TOP` on the common scale; None where nothing was held out.
        image, pixel: image and pixel AUROC.
        learnt: how many pictures were learnt from.
        seconds: of the fit.
        nbytes: of the model.
        size: what the setting came to: patches kept, pictures compared with, channels drawn, centres.
    """

    scores: NDArray[np.float64]
    held_out: NDArray[np.float64]
    maps: NDArray[np.uint8] | None
    image: Figure
    pixel: Figure
    learnt: int
    seconds: float
    nbytes: int
    size: int


def vary(
    comparison: Comparison,
    stores: Stores,
    pictures: Pictures,
    progress: Progress,
    method: str,
    changes: Changes,
    count: int | None,
    other: bool,
) -> VariantResult:
    """Fit one variant and score the test pictures.

    Raises:
        SettingRefused: when the pictures do not allow the settings.
    """
    from detectors.comparison.comparison import extract
    from detectors.comparison.forecast import refuse_if_too_large
    from detectors.features.backbone import load_backbone
    from detectors.methods import build

    share = 0.6 if other else 0.0
    if other:
        backbone = load_backbone(OTHER, "random", comparison.seed, comparison.device)
        stores = extract(pictures, backbone, lambda done, stage="", **numbers: progress(share * done, stage))
    if count is not None:
        stores = fewer(stores, count)
        pictures = replace(pictures, learnt=pictures.learnt[:count])
    settings = {"seed": comparison.seed} | dict(comparison.settings.get(method, {})) | dict(changes)
    detector = build(method, preset=comparison.preset, backbone=stores.backbone, **settings)

    def report(done: float, stage: str = "", **numbers: float) -> None:
        progress(share + 0.7 * (1 - share) * done, stage, **numbers)

    refuse_if_too_large(detector, stores.learnt)
    started = time.perf_counter()
    detector.fit(stores.learnt, report)
    seconds = time.perf_counter() - started
    held_out, held_maps = _predicted(detector, stores.held_out)
    progress(share + 0.75 * (1 - share), "scoring")
    scores, maps = _predicted(detector, stores.test)
    progress(share + 0.9 * (1 - share), "measuring")
    scale = thresholds.map_scale(held_maps) if held_maps is not None and len(held_maps) else None
    return VariantResult(
        scores=scores,
        held_out=held_out,
        maps=_small(scale(maps)) if maps is not None and scale is not None else None,
        image=evaluation.image_auroc(pictures.labels, scores),
        pixel=evaluation.pixel_figures(pictures.test, maps, draws=DRAWS)["pixel_auroc"],
        learnt=len(stores.learnt),
        seconds=seconds,
        nbytes=detector.nbytes,
        size=_size(detector),
    )


def fewer(stores: Stores, count: int) -> Stores:
    """Return stores with only the first `count` normal pictures, which alone decide how features are standardised."""
    from detectors.features.standardisation import Standardisation

    learnt, held_out, test = stores.learnt.subset(range(min(count, len(stores.learnt)))), stores.held_out, stores.test
    if stores.standardisation is None:
        return replace(stores, learnt=learnt)
    by = Standardisation.measure(learnt.as_extracted())
    return replace(
        stores,
        learnt=learnt.standardised(by),
        held_out=held_out.standardised(by),
        test=test.standardised(by),
        standardisation=by,
    )


def likeness(a: VariantResult, b: VariantResult) -> float | None:
    """Return how alike two variants' maps are over all test pictures: the correlation of their pixels."""
    if a.maps is None or b.maps is None or not a.maps.size:
        return None
    x, y = (v.maps.astype(np.float64).ravel() for v in (a, b))  # type: ignore[union-attr]
    if x.std() == 0 or y.std() == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def better(labels: NDArray[np.float64], a: VariantResult, b: VariantResult) -> Figure:
    """Return a's image AUROC less b's, with the interval of a difference on the same pictures."""
    return evaluation.paired_auroc_difference(labels, a.scores, b.scores)


def _predicted(detector: Any, store: Any) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
    """Return scores (M,) and maps (M, S, S) of a store."""
    predictions = [detector.predict(features) for features in store]
    if not predictions:
        return np.empty(0), None
    maps = None if predictions[0].maps is None else np.concatenate([p.maps.cpu().numpy() for p in predictions])
    return np.concatenate([p.scores.double().cpu().numpy() for p in predictions]), maps


def _small(scaled: NDArray[Any]) -> NDArray[np.uint8]:
    count, height, width = scaled.shape
    high, wide = height // COARSER * COARSER, width // COARSER * COARSER
    cut = scaled[:, :high, :wide].reshape(count, high // COARSER, COARSER, wide // COARSER, COARSER)
    small = np.clip(np.nan_to_num(cut.mean((2, 4))), 0, TOP)
    return (small * (255 / TOP)).round().astype(np.uint8)


def _size(detector: Any) -> int:
    state = detector.state
    if detector.name == "patchcore":
        return len(state["bank_"])
    if detector.name == "spade":
        return min(detector.k, len(state["pooled_"]))
    if detector.name == "padim":
        return sum(len(c) for c in state["channels_"])
    return len(state["bank_"])
