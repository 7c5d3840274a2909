"""Stress: will it still work on Monday? A fitted comparison under other light, other cameras, other positions."""

from detectors.stress.conditions import CONDITIONS, Condition, apart, condition
from detectors.stress.curves import Curve, Point, Verdict, ranked

__all__ = ["CONDITIONS", "Condition", "Curve", "Point", "Verdict", "apart", "condition", "ranked"]
