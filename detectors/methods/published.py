"""What the papers and codes report on MVTec AD, averaged over its 15 categories, each figure with where it was read."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.errors import Sentence


@dataclass(frozen=True)
class Published:
    """One row of published figures, in per cent.

    Attributes:
        method: key of `METHODS`.
        setting: backbone and whatever else the figures depend on.
        image_auroc, pixel_auroc, aupro: None where nothing was published.
        source: where the figures were read.
        caveat: what to bear in mind before comparing with one's own; None where nothing is known.
        spread: of `image_auroc`, as published (plus or minus).
    """

    method: str
    setting: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    source: str
    caveat: Sentence | None = None
    spread: float | None = None


_TABLES = "paper's table, as transcribed in jpcbertoldo/anomasota"
_SUMMARY = "public summary of the paper"
_README = "README of sungwool/CFA_for_anomaly_localization"
_RESULTS = "results.csv and README of amazon-science/patchcore-inspection"
_ANOMALIB = "README of anomalib"

_ANOMALOUS_ONLY = Sentence(
    "published.pro_on_anomalous", "The overlap was averaged over anomalous pictures only, which is not the usual AUPRO."
)
_BEST_EPOCH = Sentence(
    "published.best_epoch",
    "Each figure is the best of 30 epochs as measured on the test pictures; figures of the last epoch are lower.",
)

PUBLISHED: tuple[Published, ...] = (
    Published(
        "spade",
        "wide_resnet50_2, K = 50",
        85.5,
        96.0,
        91.7,
        _TABLES,
        Sentence(
            "published.spade_pixel",
            "A pixel AUROC of 96.5 is widely quoted; the published values per category average 96.03.",
        ),
    ),
    Published("mahalanobis", "tf_efficientnet_b4, plain sum of levels", 94.8, None, None, _TABLES, spread=1.6),
    Published("mahalanobis", "tf_efficientnet_b4, augmented training", 95.2, None, None, _TABLES),
    Published("mahalanobis", "tf_efficientnet_b4, augmented training, NPCA 1 %", 95.8, None, None, _TABLES, spread=1.2),
    Published("padim", "resnet18, 100 channels", None, 96.7, 90.1, _SUMMARY),
    Published("padim", "wide_resnet50_2, 550 channels", 95.3, 97.5, 92.1, _SUMMARY),
    Published("padim", "tf_efficientnet_b5", 97.9, None, None, _SUMMARY),
    Published("patchcore", "wide_resnet50_2, 25 %", 99.1, 98.1, 93.4, _TABLES),
    Published("patchcore", "wide_resnet50_2, 10 %", 99.0, 98.1, 93.5, _TABLES),
    Published("patchcore", "wide_resnet50_2, 1 %", 99.0, 98.0, 93.1, _TABLES),
    Published("patchcore", "wide_resnet50_2, 10 %, official code", 99.2, 98.1, 94.4, _RESULTS, _ANOMALOUS_ONLY),
    Published("patchcore", "three backbones, 320 px, official code", 99.6, 98.2, 94.9, _RESULTS, _ANOMALOUS_ONLY),
    Published("cfa", "wide_resnet50_2, resized and cropped", 99.3, 98.2, None, _README, _BEST_EPOCH),
    Published("cfa", "wide_resnet50_2, resized only", 99.0, 98.5, None, _README, _BEST_EPOCH),
    Published(
        "cfa",
        "CFA++, wide_resnet50_2",
        99.5,
        98.5,
        None,
        _README,
        Sentence(
            "published.cfa_plus",
            "Per category the better of cropped and uncropped, and the best epoch, were chosen on the test pictures.",
        ),
    ),
    Published("padim", "wide_resnet50_2, anomalib", 95.0, 97.9, None, _ANOMALIB),
    Published("patchcore", "wide_resnet50_2, anomalib", 98.0, 98.0, None, _ANOMALIB),
    Published(
        "cfa",
        "wide_resnet50_2, anomalib",
        95.6,
        98.3,
        92.4,
        _ANOMALIB,
        Sentence(
            "published.anomalib_cfa",
            "In anomalib the radius is not trained, so nothing repels, and training stops early.",
        ),
    ),
)
