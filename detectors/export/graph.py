"""Pictures, backbone, method in one graph: (B, H, W, 3) uint8 -> scores (B,) and anomaly maps (B, H, W).

The backbone's part is the graph that onnxruntime computes features with. The method's part is its own `predict`, traced
by torch (`methods.tracing`): a method of one's own comes along when its arithmetic can be traced.
"""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from detectors.errors import ModelRefused
from detectors.methods.base import Detector, Features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.comparison.pipeline import Pipeline
    from detectors.features.backbone import Backbone
    from detectors.features.standardisation import Standardisation

PICTURES, SCORE, MAP = "pictures", "score", "map"  # what goes in and what comes out
MOST_BYTES = 2_000_000_000  # of one ONNX file: what its format, protobuf, can hold


def graph(pipeline: Pipeline) -> Any:
    """Return the ONNX model of a pipeline whose detector and backbone are on the CPU.

    Raises:
        ModelRefused: when its method or its backbone cannot be written as a graph, or is too large for one.
    """
    size = pipeline.preprocessing.frame
    features = pipeline.backbone(torch.zeros(2, 3, *size))
    scored = pipeline.detector.predict(features)  # also makes what is made once and kept, outside the tracing
    try:
        network = _network(pipeline.backbone, size)
        method = _method(pipeline.detector, pipeline.standardisation, features, scored.maps is not None)
        whole = _joined(_normalising(pipeline.backbone, size), network, method, scored.maps is not None)
    except ModelRefused:
        raise
    except Exception as error:  # the exporter has many errors of its own
        lines = str(error).strip().splitlines() or [""]
        raise ModelRefused(
            "export.not_a_graph",
            "{method} on {backbone} cannot be written as an ONNX graph ({reason}). Take the .safetensors file, which "
            "python -m detectors predict reads.",
            method=pipeline.detector.title,
            backbone=pipeline.backbone.name,
            reason=f"{type(error).__name__}: {lines[-1][:120]}",
        ) from error
    return whole


class _Method(nn.Module):
    """A method as a network: maps and pooled stages in one row -> score, and a map where it has one."""

    def __init__(
        self, detector: Detector, by: Standardisation | None, levels: int, image_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.detector, self.by, self.levels, self.image_size = detector, by, levels, image_size

    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        features = Features(parts[: self.levels], parts[self.levels :], self.image_size)
        found = self.detector.predict(self.by(features) if self.by else features)
        return (found.scores,) if found.maps is None else (found.scores, found.maps)


def _normalising(backbone: Backbone, size: tuple[int, int]) -> Any:
    """Return (B, H, W, 3) uint8 -> (B, 3, H, W) as the network wants it, step by step as `Backbone` does it."""
    from onnx import TensorProto, helper, numpy_helper

    mean, deviation = backbone.normalisation
    constants = [
        numpy_helper.from_array(value.float().numpy(), name)
        for name, value in (("white", torch.tensor(255.0)), ("mean", mean), ("deviation", deviation))
    ]
    nodes = [
        helper.make_node("Cast", [PICTURES], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["as_float"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["channels_first", "white"], ["to_one"]),
        helper.make_node("Sub", ["to_one", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "deviation"], ["normalised"]),
    ]
    taken = helper.make_tensor_value_info(PICTURES, TensorProto.UINT8, ["B", *size, 3])
    given = helper.make_tensor_value_info("normalised", TensorProto.FLOAT, ["B", 3, *size])
    return helper.make_graph(nodes, "normalising", [taken], [given], constants)


def _network(backbone: Backbone, size: tuple[int, int]) -> Any:
    import onnx

    source = backbone.as_onnx(size)
    return onnx.load_model_from_string(source) if isinstance(source, bytes) else onnx.load(str(Path(source)))


def _method(detector: Detector, by: Standardisation | None, features: Features, mapped: bool) -> Any:
    """Trace a method's `predict`; an example of one picture would fix the number of pictures."""
    import onnx

    parts = (*features.maps, *features.pooled)
    network = _Method(detector, by, len(features.maps), features.image_size).eval()
    batch = {0: torch.export.Dim.DYNAMIC}
    written = io.BytesIO()
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")  # of names inside torch that are about to change
        traced: Any = torch.onnx.export(
            network, parts, input_names=[f"part_{i}" for i in range(len(parts))],
            output_names=[SCORE, MAP] if mapped else [SCORE], dynamo=True, dynamic_shapes=((batch,) * len(parts),),
            external_data=False, verbose=False,
        )  # fmt: skip
        traced.save(written, external_data=False)
    return onnx.load_model_from_string(written.getvalue())


def _joined(first: Any, network: Any, method: Any, mapped: bool) -> Any:
    """Join the three graphs, each behind the other, and leave out what no output needs."""
    from onnx import compose, helper

    def opset(model: Any) -> int:
        return next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))

    newest = max(opset(network), opset(method))
    network, method = (_at(model, newest) for model in (network, method))
    ir_version = max(network.ir_version, method.ir_version)
    network.ir_version = method.ir_version = ir_version
    start = helper.make_model(first, opset_imports=network.opset_import, ir_version=ir_version)
    for name, model in (("network", network), ("method", method)):
        compose.add_prefix(model, f"{name}/", rename_inputs=True, rename_outputs=name == "network", inplace=True)
    parts = [(f"network/{out.name.removeprefix('network/')}", taken.name)
             for out, taken in zip(network.graph.output, method.graph.input, strict=True)]  # fmt: skip
    seen = compose.merge_models(start, network, [("normalised", network.graph.input[0].name)])
    return compose.merge_models(seen, method, parts, outputs=[SCORE, MAP] if mapped else [SCORE])


def _at(model: Any, opset: int) -> Any:
    from onnx import version_converter

    now = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    return model if now == opset else version_converter.convert_version(model, opset)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from writing to the terminal what it does and, where it fails, what it tried."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.fx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
