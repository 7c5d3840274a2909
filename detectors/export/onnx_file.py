"""Writing a detector as an ONNX file that says the same as this program: it is held against it before it is written."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import ModelRefused, Sentence
from detectors.evaluation import thresholds
from detectors.export.program import METADATA, program, refuse_unwritable
from detectors.methods.base import Progress, silent

if TYPE_CHECKING:
    from detectors.comparison.pipeline import Pipeline

# Of the largest score and of the largest value of a map. Sums are taken in another order: 5e-7 is usual for trained
# backbones, 2e-4 for scattering, whose roots of faint waves lose digits.
TOLERANCE = 1e-3
PICTURES = 10  # that a file is held against this program on


@dataclass(frozen=True)
class Parity:
    """How near a file's answers are to this program's.

    Attributes:
        pictures: how many were compared.
        score: the largest difference of a score; `score_share` relative to the largest score.
        map: the largest difference in a map; `map_share` relative to the largest value; None without a map.
        milliseconds: a picture takes in the file, one after the other, and `here` in this program.
        verdicts: on how many pictures both lie on the same side of the threshold; None without one.
    """

    pictures: int
    score: float
    score_share: float
    map: float | None
    map_share: float | None
    milliseconds: float
    here: float
    verdicts: int | None

    @property
    def worst(self) -> float:
        """The larger of the two relative differences."""
        return max(self.score_share, self.map_share or 0.0)

    @property
    def sentence(self) -> Sentence:
        """What was found."""
        if self.map is None:
            return Sentence(
                "export.parity_scores",
                "Checked on {pictures} [picture|pictures]: scores differ by at most {score:.1e} ({score_share:.0e} of "
                "the largest). A picture takes {milliseconds:.1f} ms by onnxruntime, {here:.1f} ms in this program.",
                pictures=self.pictures, score=self.score, score_share=self.score_share,
                milliseconds=self.milliseconds, here=self.here,
            )  # fmt: skip
        return Sentence(
            "export.parity",
            "Checked on {pictures} [picture|pictures]: scores differ by at most {score:.1e} ({score_share:.0e} of the "
            "largest), maps by {map:.1e} ({map_share:.0e}). A picture takes {milliseconds:.1f} ms by onnxruntime, "
            "{here:.1f} ms in this program.",
            pictures=self.pictures, score=self.score, score_share=self.score_share, map=self.map,
            map_share=self.map_share, milliseconds=self.milliseconds, here=self.here,
        )  # fmt: skip


def export_onnx(pipeline: Pipeline, path: Path | str, pixels: NDArray[np.uint8], progress: Progress = silent) -> Parity:
    """Write a detector as one ONNX file, and beside it `NAME_run.py`, which runs it without this project.

    Nothing is written unless onnxruntime's answers to the pictures are this program's up to `TOLERANCE`.

    Args:
        pipeline: on the CPU.
        path: of the file, `.onnx`; an existing one is replaced.
        pixels: (N, S, S, 3) preprocessed pictures to compare on; the first ten are taken.
        progress: told of the steps.

    Raises:
        ModelRefused: when the detector cannot be written as a graph, or the graph says something else.
    """
    from detectors.export.graph import MOST_BYTES, graph

    path = Path(path)
    refuse_unwritable(pipeline)
    progress(0.0, "graph")
    model = graph(pipeline)
    if model.ByteSize() > MOST_BYTES:
        raise ModelRefused(
            "export.too_large",
            "The graph would have {found:.1f} GB, and an ONNX file holds {limit:.0f} GB at most. Fit {method} on fewer "
            "pictures, or keep less of them.",
            found=model.ByteSize() / 1e9, limit=MOST_BYTES / 1e9, method=pipeline.detector.title,
        )  # fmt: skip
    content = model.SerializeToString()
    progress(0.7, "check")
    parity = compared(pipeline, content, pixels[:PICTURES], progress)
    if not parity.worst <= TOLERANCE:
        raise ModelRefused(
            "export.differs",
            "The ONNX graph of {method} on {backbone} gives other numbers than this program: they differ by "
            "{found:.1e} of the largest, and {limit:.0e} is accepted. No file was written; take the .safetensors file.",
            method=pipeline.detector.title, backbone=pipeline.backbone.name, found=parity.worst, limit=TOLERANCE,
        )  # fmt: skip
    _describe(model, pipeline, parity)
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, written in (
        (program_beside(path), program(pipeline, path.name).encode()),
        (path, model.SerializeToString()),
    ):
        beside = target.with_name(f".{target.name}.{token_hex(4)}.part")
        try:
            beside.write_bytes(written)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    progress(1.0, "check")
    return parity


def program_beside(path: Path) -> Path:
    """Return the file of the program that runs an ONNX file."""
    return path.with_name(f"{path.stem}_run.py")


def compared(pipeline: Pipeline, model: bytes, pixels: NDArray[np.uint8], progress: Progress = silent) -> Parity:
    """Score pictures (N, S, S, 3) by a graph and by this program, in turns, one after the other."""
    from detectors.features.engine import session

    running = session(model)
    scores: list[tuple[float, float]] = []
    maps: list[tuple[float, float]] = []  # the largest difference, and the largest value here
    seconds: list[tuple[float, float]] = []
    for i in range(-1, len(pixels)):  # the first one warms both up
        one = pixels[max(i, 0)][None]
        begun = time.perf_counter()
        found = running.run(None, {"pictures": one})
        between = time.perf_counter()
        expected = pipeline.score(np.divide(one.transpose(0, 3, 1, 2), np.float32(255), order="C"))
        done = time.perf_counter()
        if i < 0:
            continue
        seconds.append((between - begun, done - between))
        scores.append((float(found[0][0]), float(expected.scores[0])))
        if expected.maps is not None:
            here = expected.maps[0].float().numpy()
            maps.append((_nan_is_infinite(np.abs(found[1][0] - here).max()), float(np.abs(here).max())))
        progress(0.7 + 0.3 * (i + 1) / len(pixels), "check", pictures=i + 1)
    difference = max(_nan_is_infinite(abs(a - b)) for a, b in scores)
    largest = max(abs(b) for _, b in scores)
    chosen = pipeline.chosen or thresholds.usual(pipeline.held_out)
    tiny = float(np.finfo(np.float32).tiny)
    apart = max((a for a, _ in maps), default=None)
    return Parity(
        pictures=len(pixels),
        score=difference,
        score_share=difference / max(largest, tiny),
        map=apart,
        map_share=None if apart is None else apart / max(max(b for _, b in maps), tiny),
        milliseconds=1e3 * median(a for a, _ in seconds),
        here=1e3 * median(b for _, b in seconds),
        verdicts=None if chosen is None else sum((a > chosen.value) == (b > chosen.value) for a, b in scores),
    )


def _nan_is_infinite(value: Any) -> float:
    return float(np.nan_to_num(value, nan=np.inf))


def _describe(model: Any, pipeline: Pipeline, parity: Parity) -> None:
    """Put all that a graph does not say into the model's metadata, as JSON under one name."""
    import detectors

    chosen = pipeline.chosen or thresholds.usual(pipeline.held_out)
    said = {
        "method": pipeline.detector.name,
        "settings": pipeline.detector.settings,
        "backbone": pipeline.backbone.name,
        "weights": asdict(pipeline.backbone.weights),
        "preprocessing": asdict(pipeline.preprocessing),
        "white": asdict(pipeline.white),
        "threshold": None if chosen is None else chosen.value,
        "threshold_by": None if chosen is None else asdict(chosen),
        "held_out": len(pipeline.held_out),
        "map_scale": None if pipeline.scale is None else asdict(pipeline.scale),
        "classes": ["normal", "anomalous"],
        "parity": asdict(parity),
    }
    model.producer_name, model.producer_version = "odd-one-out", detectors.__version__
    model.doc_string = (
        "pictures (B, S, S, 3): uint8 RGB, resized as `preprocessing` says; normalised inside. score (B,): above "
        "`threshold` is anomalous. map (B, S, S): enlarged bilinearly and smoothed by a Gaussian inside; "
        "(map - median) / (q99 - median) is 1 where 99 % of held-out normal pixels lie below."
    )
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA, json.dumps(said, ensure_ascii=False)
