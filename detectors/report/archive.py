"""A result as one ZIP or folder: pictures, masks, maps, overlays, scores, settings, the script that repeats it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.plots.colours import overlay
from detectors.report.charts import Charts, draw, files
from detectors.report.script import script
from detectors.report.stress import NOTHING, Stressed
from detectors.report.stress import files as stress_files
from detectors.report.tables import plain, to_json, write_csv
from detectors.result import Column, MapScale, Result

LOWEST, STEP = -1.0, 2.0**-13  # a 16-bit map is (value - LOWEST) / STEP: from -1 to almost 7, wrong by at most 2^-14
_README = """What is in here

scores.csv          one row per test picture and method; the column "index" is the number in every file name here
result.json         scores of test and held-out pictures, figures with intervals, settings, costs, hashes
settings.json       the experiment
run.py              repeats the run; its first lines say how
report.html         if it was asked for
stress/             if there was any: what the methods were put to, point by point, as tables and charts
charts/             ROC, precision-recall, PRO, histograms, scores, rates and differences, as SVG
pictures/           what the backbone saw
masks/              the true defects, where they are known
overlays/<column>/  maps laid over the pictures: nothing below 0.85 is coloured, full colour from 1.6, painted to 3
maps/<column>/      16-bit PNG on the common scale: value = pixel / 8192 - 1; 0 is the median of held-out normal
                    pixels, 1 the value that 99 % of them stay below. Wrong by at most 0.00007, cut to -1 ... 6.99.
                    Where no normal picture was held out there is no common scale: raw maps as 32-bit TIFF instead.
maps.safetensors    the raw maps, float32, exact, one tensor (pictures, height, width) per column

A column is a method on a backbone. An image-level method has no maps.
"""


def write_zip(
    result: Result,
    file: str | Path | BinaryIO,
    choice: ThresholdChoice = USUAL,
    report: str | None = None,
    colour_map: str = "inferno",
    drawn: Charts | None = None,
    stressed: Stressed = NOTHING,
) -> None:
    """Write everything a result holds; the same result gives the same bytes.

    Args:
        result: what to write.
        file: a path or an open binary file.
        choice: of the thresholds; those of the rate nearest to 5 % by default.
        report: the text of `html(result)`, to be put in as report.html.
        colour_map: of the overlays.
        drawn: what `draw` returned; drawn in English by default.
        stressed: what the methods were put to.
    """
    with zipfile.ZipFile(file, "w") as out:
        for name, content in _files(result, choice, report, colour_map, drawn, stressed):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            packed = name.endswith((".png", ".safetensors"))
            out.writestr(entry, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)


def write_folder(result: Result, folder: Path, choice: ThresholdChoice = USUAL, colour_map: str = "inferno") -> None:
    """Write the files of `write_zip` into a folder that exists."""
    for name, content in _files(result, choice, None, colour_map, None, NOTHING):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def map_files(
    name: str, pixels: NDArray[np.uint8], raw: NDArray[np.float32], scale: MapScale | None, colour_map: str = "inferno"
) -> Iterator[tuple[str, bytes]]:
    """Yield a map and its overlay as files called `name`; without a common scale, the raw map alone."""
    if scale is None:
        yield f"maps/{name}.tiff", _encoded(Image.fromarray(raw), "TIFF")
        return
    scaled = scale(raw)
    yield f"maps/{name}.png", _encoded(Image.fromarray(encode_map(scaled)))
    yield f"overlays/{name}.png", _encoded(Image.fromarray(overlay(pixels, scaled, colour_map)))


def stem(index: int, name: str) -> str:
    """Return a file's name without its ending: the picture's number and what of its label every system accepts.

    >>> stem(7, "../scratch/003 ü.png")
    '007_scratch_003'
    """
    kept = re.sub(r"[^A-Za-z0-9]+", "_", name.rsplit(".", 1)[0]).strip("_")[:40].strip("_")
    return f"{index:03d}_{kept}" if kept else f"{index:03d}"


def encode_map(scaled: NDArray[Any]) -> NDArray[np.uint16]:
    """Return a calibrated map as 16-bit numbers: (value + 1) * 8192, cut to what fits."""
    return np.clip((np.asarray(scaled, dtype=np.float64) - LOWEST) / STEP, 0, 65535).round().astype(np.uint16)


def folder(column: Column) -> str:
    """Return a column's folder: "patchcore/scattering" becomes "patchcore_scattering"."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", column.key).strip("._") or "column"


def _files(
    result: Result,
    choice: ThresholdChoice,
    report: str | None,
    colour_map: str,
    drawn: Charts | None,
    stressed: Stressed,
) -> Iterator[tuple[str, bytes]]:
    """Yield everything as (name, content), pictures one at a time."""
    yield "README.txt", _README.encode()
    yield "scores.csv", ("\ufeff" + write_csv(result, choice)).encode()
    yield "result.json", _json(to_json(result, choice))
    yield "settings.json", _json(plain(result.experiment))
    yield "run.py", script(result, stressed=stressed).encode()
    if report is not None:
        yield "report.html", report.encode()
    yield from files(draw(result, choice=choice) if drawn is None else drawn)
    for name, content in stress_files(stressed):
        yield f"stress/{name}", content
    for i, picture in enumerate(result.test):
        yield f"pictures/{stem(i, picture.name)}.png", _encoded(Image.fromarray(picture.pixels))
        if picture.mask is not None:
            mask = Image.fromarray(picture.mask.astype(np.uint8) * 255)
            yield f"masks/{stem(i, picture.name)}.png", _encoded(mask)
    for column in result.columns:
        if column.maps is not None:
            for i, (picture, raw) in enumerate(zip(result.test, column.maps, strict=True)):
                name = f"{folder(column)}/{stem(i, picture.name)}"
                yield from map_files(name, picture.pixels, raw, column.scale, colour_map)
    maps = {c.key: np.ascontiguousarray(c.maps, dtype=np.float32) for c in result.columns if c.maps is not None}
    if maps:
        from safetensors.numpy import save

        yield "maps.safetensors", save(maps)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode()


def _encoded(picture: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"compress_level": 1} if kind == "PNG" else {}))
    return buffer.getvalue()
