"""Stress: will it still work on Monday? Under other light, other cameras and positions; with other normal pictures."""

from detectors.stress.conditions import CONDITIONS, Condition, apart, condition
from detectors.stress.curves import Curve, Point, Verdict, ranked
from detectors.stress.draws import Study

__all__ = ["CONDITIONS", "Condition", "Curve", "Point", "Study", "Verdict", "apart", "condition", "ranked"]
