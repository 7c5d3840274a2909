"""The program beside an ONNX file: numpy, Pillow and onnxruntime run the detector, and nothing of this project."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from detectors.errors import ModelRefused
from detectors.images import Preprocessing, White
from detectors.images.limits import LIMITS

if TYPE_CHECKING:
    from detectors.comparison.pipeline import Pipeline

METADATA = "odd_one_out"  # the name of the JSON in a file's metadata
WRITABLE = ("size", "crop", "filter", "sides")  # what a program does of the preprocessing

_PROGRAM = '''"""Score pictures: python {file}_run.py part.png ...; needs numpy, pillow and onnxruntime."""
import json, pathlib, sys
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

file = pathlib.Path(__file__).with_name("{file}.onnx")
detector = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
about = json.loads(detector.get_modelmeta().custom_metadata_map["{metadata}"])
unread = 0
for name in sys.argv[1:] or sys.exit(__doc__):
    try:
        picture = ImageOps.exif_transpose(Image.open(name)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        unread += 1
        print(f"{{name}} is no picture that can be read: {{error}}", file=sys.stderr)
        continue
    if max(picture.size) > {kept}:
        small = [max(1, round(side * {kept} / max(picture.size))) for side in picture.size]
        picture = picture.resize(small, Image.Resampling.HAMMING, reducing_gap=2.0)
{resizing}
    score, *maps = detector.run(None, {{"pictures": np.asarray(picture)[None]}})  # maps: [(1, {height}, {width})] or []
    verdict = about["classes"][int(score[0] > about["threshold"])] if about["threshold"] is not None else ""
    print(name, f"{{score[0]:.6g}}", verdict)
sys.exit(2 if unread else 0)
'''
_SQUEEZED = """    picture = picture.resize(({width}, {height}), Image.Resampling.{filter}, reducing_gap=3.0)"""
_CROPPED = """    width, height = picture.size
    across, down = min(width, 2 * height), min(height, 2 * width)
    box = ((width - across) / 2, (height - down) / 2, (width + across) / 2, (height + down) / 2)
    scale = {shorter} / min(width, height)
    size = max({shorter}, int(across * scale)), max({shorter}, int(down * scale))
    picture = picture.resize(size, Image.Resampling.{filter}, box=box, reducing_gap=3.0)
    left, top = round((picture.width - {size}) / 2), round((picture.height - {size}) / 2)
    picture = picture.crop((left, top, left + {size}, top + {size}))"""


def program(pipeline: Pipeline, file: str) -> str:
    """Return the program that runs `file`, which lies beside it."""
    seen = pipeline.preprocessing
    height, width = seen.frame
    resizing = (_CROPPED if seen.crop == "center" else _SQUEEZED).format(
        size=seen.size, filter=seen.filter.upper(), shorter=round(seen.size * 256 / 224), height=height, width=width
    )
    return _PROGRAM.format(
        file=file.removesuffix(".onnx"),
        metadata=METADATA,
        kept=LIMITS.kept_side,
        resizing=resizing,
        height=height,
        width=width,
    )


def refuse_unwritable(pipeline: Pipeline) -> None:
    """Raise `ModelRefused` where pictures go through more than the program beside a file does."""
    plain, seen = asdict(Preprocessing()), asdict(pipeline.preprocessing)
    if seen["proportions"] == "own":  # a plain rectangle, as `sides` says
        seen["proportions"] = plain["proportions"]
    more = [name for name in seen if name not in WRITABLE and seen[name] != plain[name]]
    if pipeline.backbone.tiles > 1:
        more.append("tiles")
    if pipeline.white != White():
        more.append("more than 8 bits")
    if more:
        raise ModelRefused(
            "export.preprocessing",
            "Pictures go through more than the program beside an ONNX file can do ({more}). Fit without it, or take "
            "the .safetensors file, which python -m detectors predict reads.",
            more=", ".join(more),
        )
