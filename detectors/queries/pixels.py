"""Figures over the pixels of finished columns, measured in the workers when they are asked for."""

from __future__ import annotations

from detectors.comparison.comparison import Pictures
from detectors.errors import Sentence
from detectors.evaluation import Curve, paired_pixel_difference, pro_curve
from detectors.evaluation.aupimo import paired_aupimo_difference
from detectors.evaluation.pixel_scores import scores_of
from detectors.result import Column, Figure


def pro(pictures: Pictures, column: Column) -> Curve:
    """Return a column's PRO curve with its band."""
    return pro_curve(pictures.test, column.maps)


def aupro_difference(pictures: Pictures, one: Column, other: Column) -> Figure:
    """Return AUPRO(one) - AUPRO(other) on the same pictures, with its interval."""
    return paired_pixel_difference(pictures.test, one.maps, other.maps)


def aupimo_difference(pictures: Pictures, one: Column, other: Column) -> Figure:
    """Return AUPIMO(one) - AUPIMO(other) on the same pictures, with its interval."""
    a, b = scores_of(pictures.test, one.maps), scores_of(pictures.test, other.maps)
    if isinstance(a, Sentence):
        return Figure(None, reason=a)
    if isinstance(b, Sentence):
        return Figure(None, reason=b)
    return paired_aupimo_difference(a, b)
