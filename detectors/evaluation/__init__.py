"""Figures that say how well good and bad are told apart, each with its interval or the reason why it is absent."""

from detectors.evaluation.curves import (
    Curve,
    OperatingPoints,
    histogram,
    operating_points,
    precision_recall_curve,
    pro_curve,
    roc_curve,
)
from detectors.evaluation.figures import (
    auroc_with_normals,
    average_precision,
    difference,
    f1_max,
    image_auroc,
    image_figures,
    paired_auroc_difference,
    tell_apart,
    wilson,
)
from detectors.evaluation.pixel import (
    aupro,
    paired_pixel_difference,
    pixel_auroc,
    pixel_average_precision,
    pixel_figures,
)

__all__ = [
    "Curve",
    "OperatingPoints",
    "aupro",
    "auroc_with_normals",
    "average_precision",
    "difference",
    "f1_max",
    "histogram",
    "image_auroc",
    "image_figures",
    "operating_points",
    "paired_auroc_difference",
    "paired_pixel_difference",
    "pixel_auroc",
    "pixel_average_precision",
    "pixel_figures",
    "precision_recall_curve",
    "pro_curve",
    "roc_curve",
    "tell_apart",
    "wilson",
]
