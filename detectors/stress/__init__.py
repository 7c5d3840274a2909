"""Stress: will it still work on Monday? Under other light, other cameras and positions; with other normal pictures."""

from detectors.stress.conditions import CONDITIONS, Condition, apart, condition
from detectors.stress.curves import Curve, Help, Point, Verdict, auroc, compared, ranked
from detectors.stress.draws import Study
from detectors.stress.plans import REMEDIES

__all__ = [
    "CONDITIONS", "REMEDIES", "Condition", "Curve", "Help", "Point", "Study", "Verdict", "apart", "auroc", "compared",
    "condition", "ranked",
]  # fmt: skip
