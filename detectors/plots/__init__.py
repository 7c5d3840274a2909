"""How results are drawn: the colours of maps, and charts by matplotlib for notebooks, the report and the terminal.

Each function takes a result and, optionally, the Axes to draw in, and returns the Axes:

    from detectors import plots
    plots.roc(result).figure.savefig("roc.png")

matplotlib is imported when something is first drawn.
"""

from detectors.plots.axes import WORDS
from detectors.plots.curves import precision_recall, pro, roc
from detectors.plots.distributions import histograms, scores
from detectors.plots.figures import figures, intervals
from detectors.plots.pictures import maps

__all__ = ["WORDS", "figures", "histograms", "intervals", "maps", "precision_recall", "pro", "roc", "scores"]
