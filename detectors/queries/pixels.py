"""Figures over the pixels of finished columns, measured in the workers when they are asked for."""

from __future__ import annotations

from detectors.comparison.comparison import Pictures
from detectors.evaluation import Curve, paired_pixel_difference, pro_curve
from detectors.result import Column, Figure


def pro(pictures: Pictures, column: Column) -> Curve:
    """Return a column's PRO curve with its band."""
    return pro_curve(pictures.test, column.maps)


def aupro_difference(pictures: Pictures, one: Column, other: Column) -> Figure:
    """Return AUPRO(one) - AUPRO(other) on the same pictures, with its interval."""
    return paired_pixel_difference(pictures.test, one.maps, other.maps)
