"""One table of methods by sets: as CSV, as Markdown, and as one HTML file in the report's clothes."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from detectors.errors import DatasetRefused, written
from detectors.methods import METHODS
from detectors.methods.card import Published
from detectors.report.page import document
from detectors.report.tables import cell
from detectors.result import BenchmarkRow, Figure, MeasuredSet

FIGURES = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
    "aupimo": "AUPIMO",
    "average_precision": "average precision",
    "f1_max": "F1-max",
}
PUBLISHED = {"image_auroc": "image_auroc", "pixel_auroc": "pixel_auroc", "aupro": "aupro"}  # by a card's names
MVTEC = (
    "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut", "pill", "screw", "tile",
    "toothbrush", "transistor", "wood", "zipper",
)  # fmt: skip
_WITHIN = "In brackets: 95 % intervals within a set."
MARKS = {"csv": "set,learnt,held_out", "md": _WITHIN, "html": _WITHIN}  # what every file that is written holds
Pair = tuple[str, str]  # method, backbone


@dataclass(frozen=True)
class Words:
    """What a table says beside names and numbers: a column's heading, the last row's, and where a figure is absent."""

    pair: str
    mean: str
    absent: str


ENGLISH = Words("{method} on {backbone}", "mean (sets)", "absent")


def write_csv(measured: Sequence[MeasuredSet]) -> str:
    """Write one row per set, method, backbone and figure, with its interval or why it is absent; failures too."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow((
        "set", "learnt", "held_out", "good", "defective", "method", "backbone", "weights", "figure", "value", "low",
        "high", "fit_seconds", "milliseconds_per_picture", "failure", "reason",
    ))  # fmt: skip
    for one in measured:
        counts = (cell(one.name), one.learnt, one.held_out, one.good, one.defective)
        if one.failure:
            rows.writerow((*counts, *[""] * 9, cell(one.failure), ""))
        for row in one.rows:
            about = (row.method, cell(row.backbone), cell(row.weights))
            costs = (f"{row.fit_seconds:.4g}", f"{row.milliseconds:.4g}")
            if row.failure:
                rows.writerow((*counts, *about, *[""] * 6, cell(row.failure), ""))
            for name, figure in row.figures.items():
                ends = ["" if end is None else f"{end:.6g}" for end in (figure.value, figure.low, figure.high)]
                rows.writerow((*counts, *about, name, *ends, *costs, "", cell(row.absent.get(name, ""))))
    return text.getvalue()


def read_csv(text: str) -> tuple[MeasuredSet, ...]:
    """Read what `write_csv` wrote; how intervals were made is not in it.

    Raises:
        DatasetRefused: for what is no such table.
    """
    sets: dict[str, MeasuredSet] = {}
    own: dict[str, dict[Pair, BenchmarkRow]] = {}
    try:
        for row in csv.DictReader(io.StringIO(text), strict=True):
            name, each = row["set"], (row["method"], row["backbone"])
            learnt, held_out, good, defective = (int(row[key]) for key in ("learnt", "held_out", "good", "defective"))
            failure = "" if row["method"] else row["failure"]
            sets.setdefault(name, MeasuredSet(name, learnt, held_out, good, defective, failure=failure))
            if not row["method"]:
                continue
            known = own.setdefault(name, {}).get(each)
            if known is None:
                fit, score = (float(row[key] or 0) for key in ("fit_seconds", "milliseconds_per_picture"))
                known = own[name][each] = BenchmarkRow(*each, row["weights"], {}, fit, score, row["failure"])
            if row["figure"]:
                value, low, high = (float(row[key]) if row[key] else None for key in ("value", "low", "high"))
                known.figures[row["figure"]] = Figure(value, low, high)
                if reason := row.get("reason"):
                    known.absent[row["figure"]] = reason
    except (KeyError, ValueError, TypeError, csv.Error):
        sets = {}
    if not sets:
        raise DatasetRefused(
            "benchmark.not_one",
            "This is no table of a benchmark. Give the benchmark.csv that 'python -m detectors benchmark' wrote.",
        )
    return tuple(replace(one, rows=tuple(own.get(name, {}).values())) for name, one in sets.items())


def write_markdown(measured: Sequence[MeasuredSet]) -> str:
    """Write one table per figure: sets down, methods across, the mean over the sets last."""
    lines = ["# Benchmark", "", said(measured), ""]
    for name, columns, rows in tables(measured):
        lines += [f"## {FIGURES[name]}", "", "| set | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
        lines += ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
        lines.append("")
    if found := published(measured):
        lines += ["## Published on MVTec AD, mean over its 15 categories", ""]
        lines += [f"- {line}" for line in found]
        lines.append("")
    lines += [f"- {line}" for line in remarks(measured)]
    return "\n".join(lines).rstrip() + "\n"


def html(measured: Sequence[MeasuredSet]) -> str:
    """Return the same as one HTML file that needs nothing else."""
    return document(
        "benchmark.html.jinja",
        said=said(measured), tables=[(FIGURES[name], *rest) for name, *rest in tables(measured)],
        published=published(measured), remarks=list(remarks(measured)),
    )  # fmt: skip


def said(measured: Sequence[MeasuredSet]) -> str:
    """Say how much was measured, in one sentence."""
    fine = [one for one in measured if not one.failure]
    pictures = sum(one.learnt + one.held_out + one.good + one.defective for one in fine)
    failed = len(measured) - len(fine)
    without = sum(not any(_ranked(row) for row in one.rows) for one in fine)
    ranked = f" ({without} without an image AUROC)" if without else ""
    rest = f"; {failed} could not be measured" if failed else ""
    counts = written(
        "{sets} [set|sets]{ranked}, {pictures} [picture|pictures]", sets=len(fine), ranked=ranked, pictures=pictures
    )
    return f"{counts}{rest}. {_WITHIN}"


def tables(measured: Sequence[MeasuredSet], words: Words = ENGLISH) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield name, columns and rows of every figure that at least one set has; the last row is the mean."""
    pairs = list(dict.fromkeys(pair(row) for one in measured for row in one.rows))
    columns = [words.pair.format(method=_title(method), backbone=backbone) for method, backbone in pairs]
    for name in FIGURES:
        rows: list[list[str]] = []
        found: dict[Pair, list[float]] = {each: [] for each in pairs}
        for one in measured:
            own = {pair(row): row.figures.get(name, Figure(None)) for row in one.rows}
            for each, figure in own.items():
                found[each].extend([] if figure.value is None else [figure.value])
            if own:
                rows.append([one.name, *(_number(own.get(each, Figure(None)), words) for each in pairs)])
        if any(found.values()):
            yield name, columns, [*rows, [words.mean, *(_mean(values, words) for values in found.values())]]


def published(measured: Sequence[MeasuredSet]) -> list[str]:
    """Return published means for the methods and backbones that were measured, where the sets are MVTec AD's 15."""
    if {one.name for one in measured if not one.failure} != set(MVTEC):
        return []
    pairs = dict.fromkeys(pair(row) for one in measured for row in one.rows if not row.failure)
    return [
        f"{METHODS[method].title}, {each.setting}: {_figures(each)} ({each.source})"
        + (f". {each.caveat}" if each.caveat else "")
        for method, backbone in pairs
        if method in METHODS
        for each in METHODS[method].published
        if each.setting.split(",")[0] == backbone.split(".")[0]
    ]


def remarks(measured: Sequence[MeasuredSet]) -> Iterator[str]:
    """Yield what could not be measured and why, and what stands above the figures of single sets."""
    for one in measured:
        if one.failure:
            yield f"{one.name}: {one.failure}"
        yield from (f"{one.name}, {row.method} on {row.backbone}: {row.failure}" for row in one.rows if row.failure)
        yield from (f"{one.name}: {warning}" for warning in one.warnings)


def pair(row: BenchmarkRow) -> Pair:
    """Return what tells a table's columns apart."""
    return row.method, row.backbone


def _ranked(row: BenchmarkRow) -> bool:
    figure = row.figures.get("image_auroc")
    return figure is not None and figure.value is not None


def _number(figure: Figure, words: Words) -> str:
    if figure.value is None:
        return words.absent
    interval = "" if figure.low is None or figure.high is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{interval}"


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def _mean(values: Sequence[float], words: Words) -> str:
    return f"{statistics.fmean(values):.3f} ({len(values)})" if values else words.absent


def _figures(row: Published) -> str:
    values = {heading: getattr(row, own) for own, heading in FIGURES.items() if own in PUBLISHED}
    return ", ".join(f"{heading} {value:.1f} %" for heading, value in values.items() if value is not None)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
