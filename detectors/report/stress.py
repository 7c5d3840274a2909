"""Methods under conditions as files: a table of all points, and the matrix of charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from detectors.report.tables import cell
from detectors.result import Figure
from detectors.stress import CONDITIONS, Curve

HEADINGS = (
    "condition", "unit", "strength", "method", "backbone",
    "false_alarms", "false_alarms_low", "false_alarms_high", "promised",
    "found", "found_low", "found_high", "image_auroc", "image_auroc_low", "image_auroc_high",
    "median_times_threshold", "broken", "verdict",
)  # fmt: skip


def write_csv(curves: Mapping[str, Sequence[Curve]]) -> str:
    """Return one row per condition, strength and method; shares in [0, 1] with the ends of their 95 % intervals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    for name, found in curves.items():
        for curve in found:
            method, _, backbone = curve.key.partition("/")
            said, promise = curve.verdict.word, "" if curve.promise is None else repr(curve.promise)
            for point in curve.points:
                writer.writerow(
                    [
                        name, CONDITIONS[name].unit, repr(point.strength), cell(method), cell(backbone),
                        *_ends(point.false_alarms), promise, *_ends(point.found), *_ends(point.auroc),
                        repr(point.median), "yes" if point.broken else "no", said,
                    ]
                )  # fmt: skip
    return text.getvalue()


def files(curves: Mapping[str, Sequence[Curve]]) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the table and the chart."""
    from detectors.plots.stress import stress_matrix

    yield "stress.csv", write_csv(curves).encode()
    drawn = io.BytesIO()
    stress_matrix(curves)[0, 0].figure.savefig(drawn, format="png", dpi=150)
    yield "stress.png", drawn.getvalue()


def _ends(figure: Figure) -> tuple[str, str, str]:
    low, value, high = ("" if v is None else repr(float(v)) for v in (figure.low, figure.value, figure.high))
    return value, low, high
