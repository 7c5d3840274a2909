"""EfficientNet-Lite from nothing but its tensors, as a torch network and as a graph for onnxruntime.

Tan & Le, "EfficientNet", ICML 2019; the Lite variants replace swish by a ReLU up to 6 and drop squeeze-and-excite.
timm has the same networks (`tf_efficientnet_lite0`); importing it takes 2 seconds, and the first map need not wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from detectors.errors import WeightsRefused

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the seven stages' first blocks, behind a stem of stride 2
LEVELS = {2: 4, 3: 8, 5: 16, 7: 32}  # the last stage of each stride from 4 on: stage -> stride
EPSILON = 1e-3  # of the batch normalisation, as in TensorFlow, where the weights were trained
OPSET, IR_VERSION = 18, 10  # of the graph: the oldest with all that it uses, so that many onnxruntimes read it

Shape = Sequence[int]
Normalised = tuple[
    Tensor, Tensor, Tensor, Tensor, Tensor
]  # kernel, and the normalisation's scale, shift, mean, variance


@dataclass(frozen=True)
class Step:
    """One convolution with its normalisation.

    Attributes:
        stride: in both directions.
        groups: 1, or the number of channels where each is convolved alone.
        activated: whether a ReLU up to 6 follows.
        opens: whether a block begins here.
        residual: whether what entered the block is added.
        stage: the stage that ends here (0 the stem, 1-7, 8 the head), or None.
    """

    stride: int = 1
    groups: int = 1
    activated: bool = True
    opens: bool = False
    residual: bool = False
    stage: int | None = None


class Lite(nn.Module):
    """(B, 3, H, W), normalised -> maps at strides 4, 8, 16, 32 and the means of stem, seven stages and head.

    Args:
        tensors: the convolutions from stem to head.
        native_size: that the weights were trained for, in pixels.
        depth: how many levels are computed, from the finest on, with the stages on the way; None for everything.
    """

    sized = False  # its graph takes pictures of any size
    channels_last = True
    standardise = False
    normalisation = ((0.5,) * 3, (0.5,) * 3)

    def __init__(self, tensors: Sequence[Normalised], native_size: int, depth: int | None = None) -> None:
        super().__init__()
        self.native_size = native_size
        last = 8 if depth is None else list(LEVELS)[min(depth, len(LEVELS)) - 1]
        self.strides = tuple(stride for stage, stride in LEVELS.items() if stage <= last)
        self.stages = ("stem", *(f"stage {i}" for i in range(1, 8)), "head")[: last + 1]
        steps = plan([kernel.shape for kernel, *_ in tensors])
        self.steps = steps[: 1 + next(i for i, step in enumerate(steps) if step.stage == last)]
        for i, (kernel, *normalisation) in enumerate(tensors[: len(self.steps)]):
            self.register_buffer(f"kernel_{i}", kernel)  # (O, I / groups, k, k)
            self.register_buffer(f"normalisation_{i}", torch.stack(normalisation))  # (4, O)

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return (maps, pooled)."""
        maps, pooled, entered = [], [], x
        for i, step in enumerate(self.steps):
            kernel, normalisation = self._tensors_of(i)
            scale, shift, mean, variance = normalisation
            entered = x if step.opens else entered
            x = _convolved(x, kernel, step)
            x = functional.batch_norm(x, mean, variance, scale, shift, eps=EPSILON)
            x = functional.relu6(x) if step.activated else x
            x = x + entered if step.residual else x
            if step.stage is not None:
                pooled.append(x.mean((2, 3)))
            if step.stage in LEVELS:
                maps.append(x)
        return tuple(maps), tuple(pooled)

    def graph(self) -> bytes:
        """Return the network as an ONNX model for pictures of any number and size, normalisations folded in."""
        from onnx import TensorProto, checker, helper, numpy_helper

        nodes: list[Any] = []
        outputs: list[tuple[str, list[str | int | None]]] = []
        constants = [numpy_helper.from_array(torch.tensor(v).numpy(), n) for v, n in ((0.0, "least"), (6.0, "most"))]
        x, entered = "pictures", ""
        for i, step in enumerate(self.steps):
            kernel, bias = folded(*self._tensors_of(i))
            constants.append(numpy_helper.from_array(kernel.numpy(), f"kernel_{i}"))
            constants.append(numpy_helper.from_array(bias.numpy(), f"bias_{i}"))
            entered = x if step.opens else entered
            parts: dict[str, Any] = {"strides": [step.stride] * 2, "group": step.groups, "auto_pad": "SAME_UPPER"}
            nodes.append(helper.make_node("Conv", [x, f"kernel_{i}", f"bias_{i}"], [f"convolved_{i}"], **parts))
            x = f"convolved_{i}"
            if step.activated:
                nodes.append(helper.make_node("Clip", [x, "least", "most"], [f"activated_{i}"]))
                x = f"activated_{i}"
            if step.residual:
                nodes.append(helper.make_node("Add", [x, entered], [f"added_{i}"]))
                x = f"added_{i}"
            if step.stage is not None:
                nodes.append(helper.make_node("GlobalAveragePool", [x], [f"mean_{i}"]))
                nodes.append(helper.make_node("Flatten", [f"mean_{i}"], [f"pooled_{step.stage}"]))
                outputs.append((f"pooled_{step.stage}", ["B", len(bias)]))
            if step.stage in LEVELS:
                nodes.append(helper.make_node("Identity", [x], [f"map_{step.stage}"]))
                outputs.append((f"map_{step.stage}", ["B", len(bias), None, None]))
        outputs.sort(key=lambda output: output[0].startswith("pooled"))  # maps first, each kind in order
        told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
        taken = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["B", 3, "H", "W"])
        whole = helper.make_graph(nodes, "efficientnet_lite", [taken], told, constants)
        versions = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(whole, opset_imports=versions, ir_version=IR_VERSION)
        checker.check_model(model)
        return bytes(model.SerializeToString())

    def _tensors_of(self, i: int) -> tuple[Tensor, Tensor]:
        return self.get_buffer(f"kernel_{i}"), self.get_buffer(f"normalisation_{i}")


def plan(shapes: Sequence[Shape]) -> tuple[Step, ...]:
    """Read the network's structure off the kernels' shapes (O, I, k, k), in order.

    A depthwise kernel (I = 1) and the next one end a block; a block that changes the number of channels opens a stage.
    """
    blocks = list(_blocks(shapes[1:-1]))
    leaving = [block[-1][0] for block in blocks]
    new = [before != after for before, after in pairwise((shapes[0][0], *leaving))]
    steps = [Step(stride=2, stage=0)]
    stage = 0
    for i, (block, opens_stage) in enumerate(zip(blocks, new, strict=True)):
        stage += opens_stage
        ends = i + 1 == len(blocks) or new[i + 1]
        for k, (outputs, inputs, *_) in enumerate(block):
            depthwise, last = inputs == 1, k + 1 == len(block)
            steps.append(
                Step(
                    stride=STRIDES[stage - 1] if depthwise and opens_stage else 1,
                    groups=outputs if depthwise else 1,
                    activated=not last,
                    opens=k == 0,
                    residual=last and not opens_stage,
                    stage=stage if last and ends else None,
                )
            )
    return (*steps, Step(stage=len(STRIDES) + 1))


def normalised_convolutions(state: dict[str, Tensor], file: str) -> tuple[Normalised, ...]:
    """Take the convolutions out of a state dictionary by their order: names differ between packages, the order never.

    Raises:
        WeightsRefused: when the tensors are not such a network's.
    """
    tensors = iter([t for name, t in state.items() if not name.endswith("num_batches_tracked")])
    found: list[Normalised] = []
    for kernel in tensors:
        if kernel.ndim != 4:
            break  # the classifier, from which no feature comes
        scale, shift, mean, variance = (next(tensors, torch.empty(0)) for _ in range(4))
        if any(t.shape != kernel.shape[:1] for t in (scale, shift, mean, variance)):
            raise WeightsRefused(
                "lite.structure",
                "{file} holds other tensors than an EfficientNet-Lite's. Install its package again.",
                file=file,
            )
        found.append((kernel, scale, shift, mean, variance))
    return tuple(found)


def folded(kernel: Tensor, normalisation: Tensor) -> tuple[Tensor, Tensor]:
    """Return one convolution's kernel and bias that do what a convolution and its normalisation do; in float64."""
    scale, shift, mean, variance = normalisation.double()
    factor = scale / (variance + EPSILON).sqrt()
    return (kernel.double() * factor[:, None, None, None]).float().contiguous(), (shift - mean * factor).float()


def _blocks(shapes: Sequence[Shape]) -> Iterator[list[Shape]]:
    block: list[Shape] = []
    for shape in shapes:
        block.append(shape)
        if len(block) > 1 and block[-2][1] == 1:
            yield block
            block = []


def _convolved(x: Tensor, kernel: Tensor, step: Step) -> Tensor:
    """Convolve so that a picture of n pixels gets n / stride cells, rounded up; an odd pixel of padding comes last."""
    size = kernel.shape[-1]
    if step.stride == 1:
        return functional.conv2d(x, kernel, padding=size // 2, groups=step.groups)
    down, right = (max((-(-n // step.stride) - 1) * step.stride + size - n, 0) for n in x.shape[-2:])
    x = functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    return functional.conv2d(x, kernel, stride=step.stride, groups=step.groups)
