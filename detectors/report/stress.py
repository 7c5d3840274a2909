"""Stress as files: tables of all points with their intervals, and the charts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from detectors.report.tables import cell
from detectors.result import Figure
from detectors.stress import CONDITIONS, Curve, Study
from detectors.stress.draws import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADINGS = (
    "condition", "unit", "strength", "method", "backbone",
    "false_alarms", "false_alarms_low", "false_alarms_high", "promised",
    "found", "found_low", "found_high", "image_auroc", "image_auroc_low", "image_auroc_high",
    "median_times_threshold", "broken", "verdict",
)  # fmt: skip


STUDIES = (
    "about", "way", "cleaned", "step", "draws", "method", "backbone", "false_alarms", "false_alarms_low",
    "false_alarms_high", "false_alarms_least", "false_alarms_most", "promised", "found", "found_low", "found_high",
    "found_least", "found_most", "image_auroc", "image_auroc_low", "image_auroc_high", "image_auroc_least",
    "image_auroc_most", "threshold_times_usual", "threshold_least", "threshold_most", "broken", "says",
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


def write_studies(studies: Iterable[Study]) -> str:
    """Return one row per study and step: the median draw's figure, its interval, and the range of the draws."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(STUDIES)
    for study in studies:
        method, _, backbone = study.key.partition("/")
        for point in study.points:
            promise = "" if point.promise is None else repr(point.promise[0] / point.promise[1])
            times, *_, least, most = _ranged(point.threshold)
            writer.writerow(
                [
                    study.about, study.way, "yes" if study.cleaned else "no", point.at, point.draws, cell(method),
                    cell(backbone), *_ranged(point.false_alarms), promise, *_ranged(point.found),
                    *_ranged(point.auroc), times, least, most, "yes" if point.broken else "no",
                    study.judgement.word,
                ]
            )  # fmt: skip
    return text.getvalue()


def files(
    curves: Mapping[str, Sequence[Curve]] | None = None, studies: Sequence[Study] = ()
) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the tables and the charts of what is there."""
    from detectors.plots.stress import stress_matrix
    from detectors.plots.studies import study_row

    if curves:
        yield "stress.csv", write_csv(curves).encode()
        yield "stress.png", _png(stress_matrix(curves)[0, 0])
    for about in ("dirt", "pictures"):
        own = [study for study in studies if study.about == about]
        if own:
            yield f"{about}.csv", write_studies(own).encode()
            yield f"{about}.png", _png(study_row(own)[0])


def _png(ax: Axes) -> bytes:
    figure, drawn = ax.get_figure(root=True), io.BytesIO()
    assert figure is not None  # Axes are drawn in one
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _ranged(spread: Spread) -> tuple[str, ...]:
    """Return value, ends of the interval, and range over draws."""
    return *_ends(spread.figure), *("" if end is None else repr(float(end)) for end in (spread.low, spread.high))


def _ends(figure: Figure) -> tuple[str, str, str]:
    low, value, high = ("" if v is None else repr(float(v)) for v in (figure.low, figure.value, figure.high))
    return value, low, high
