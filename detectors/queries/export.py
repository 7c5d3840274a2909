"""Files to take away, made in a worker, where the maps are: a report, a ZIP, a fitted detector in two forms, as bytes.

What a worker does not know of a result (failures, the experiment, versions) comes along as the result without arrays.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detectors import report
from detectors.comparison.comparison import Bench
from detectors.errors import Sentence
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.methods.base import Progress
from detectors.report.stress import NOTHING, Stressed
from detectors.result import Result


def bare(result: Result) -> Result:
    """Return a result without pictures and columns, small enough to travel."""
    return replace(result, test=(), held_out=(), learnt=(), columns=())


def made(bench: Bench, without: Result, keys: tuple[str, ...], make: Callable[..., bytes], *options: object) -> bytes:
    """Complete a result by what lies in the worker and return `make(result, *options)`."""
    columns = {fitted.column.key: fitted.column for fitted in bench.fitted}
    seen = bench.pictures
    return make(
        replace(
            without,
            test=seen.test,
            held_out=seen.held_out,
            learnt=seen.learnt,
            columns=tuple(columns[key] for key in keys if key in columns),
        ),
        *options,
    )


def page(
    result: Result,
    language: str,
    choice: ThresholdChoice,
    focus: str | None,
    colour_map: str,
    stressed: Stressed = NOTHING,
) -> bytes:
    """Return the report."""
    made = report.html(result, language, choice=choice, focus=focus, colour_map=colour_map, stressed=stressed)
    return made.encode()


def archive(
    result: Result,
    language: str,
    choice: ThresholdChoice,
    focus: str | None,
    colour_map: str,
    stressed: Stressed = NOTHING,
) -> bytes:
    """Return the ZIP, the report included."""
    file = io.BytesIO()
    drawn = report.draw(result, language, choice, focus)
    text = report.html(
        result, language, choice=choice, focus=focus, colour_map=colour_map, drawn=drawn, stressed=stressed
    )
    report.write_zip(result, file, choice, text, colour_map, drawn, stressed)
    return file.getvalue()


def detector(bench: Bench, key: str, choice: ThresholdChoice) -> bytes:
    """Return a fitted detector as `Pipeline.load` reads it, with the threshold chosen."""
    from detectors.comparison.pipeline import packed

    return packed(bench, key, choice)


@dataclass(frozen=True)
class ForTheLine:
    """A ZIP with an ONNX file and the program that runs it, and what was found when it was checked."""

    content: bytes
    checked: Sentence


def onnx(bench: Bench, progress: Progress, key: str, choice: ThresholdChoice) -> ForTheLine:
    """Return a fitted detector as an ONNX file, checked on test pictures and held-out normal ones of its run.

    Raises:
        ModelRefused: when it cannot be written as a graph, or the graph says something else.
    """
    from detectors.comparison.pipeline import on_cpu
    from detectors.export import export_onnx

    pipeline, seen = on_cpu(bench, key, choice), bench.pictures
    pixels = np.stack([picture.pixels for picture in (*seen.test, *seen.held_out, *seen.learnt)])  # (N, S, S, 3)
    file = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="odd-one-out-") as folder:
        parity = export_onnx(pipeline, Path(folder) / f"{pipeline.detector.name}.onnx", pixels, progress)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            for path in sorted(Path(folder).iterdir()):
                out.write(path, path.name)
    return ForTheLine(file.getvalue(), parity.sentence)
