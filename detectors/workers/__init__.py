"""Where work runs: a Dask cluster on this machine, or the one whose address is given.

The process that shows pages never fits anything and never imports torch. It hands tasks to workers that can be killed.
Tasks are keyed by content, so equal work runs once whoever asks for it. Progress travels as events; cancelling is
cooperative and, where that takes too long, the worker is started anew: only what was asked for last is lost.
"""

from detectors.workers.client import Compute
from detectors.workers.run import Run, Stage

__all__ = ["Compute", "Run", "Stage"]
