"""Pictures in, features out: the bundled scattering network, weights from a package, or any timm model with maps."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from detectors.errors import Sentence, SettingRefused, WeightsRefused
from detectors.features import closer, own, packages
from detectors.features.device import best_device, named, ran_out_of_memory
from detectors.features.engine import ONNXRUNTIME, TORCH, Graph, Outputs, checked, exported
from detectors.features.lite import Lite, normalised_convolutions
from detectors.features.packages import PACKAGED
from detectors.features.scattering import Scattering
from detectors.features.weights import BUNDLED, DEFAULT, listed, random_weights, under_licence
from detectors.methods.base import Features, FeatureShape, Progress, silent
from detectors.result import WeightsRecord

if TYPE_CHECKING:
    from detectors.features.timm_models import TimmFeatures


CHECKED = 64  # pixels of the picture that a graph for all sizes is checked on

Write = Callable[[Tensor], bytes | Path]  # a network's graph, for pictures like the one given


class Backbone:
    """A frozen network in evaluation mode that turns pictures into `Features`.

    Attributes:
        name: timm's name, "scattering", or one of `PACKAGED`.
        weights: which weights it has.
        tiles: into how many pieces on a side it cuts a picture before it looks (`closer`).
        strides: of the levels, shallow to deep, in pixels of what the network sees.
        stages: names of the pooled stages.
        standardise: whether its channels should be standardised by the normal pictures before a method sees them.
        precision: "float32" (TensorFloat-32 off), or "float16 mixed", which changes maps by about 1e-3.
        passes: how many pictures have gone through.
        engine: what computed the last features, "torch" or "onnxruntime"; the last digits depend on it.
        notes: what a person should know of it.
    """

    def __init__(
        self,
        name: str,
        network: Scattering | Lite | TimmFeatures,
        weights: WeightsRecord,
        device: torch.device,
        mixed_precision: bool = False,
        notes: tuple[Sentence, ...] = (),
        write: Write | None = None,
    ) -> None:
        self.name = name
        self.weights = weights
        self.strides = network.strides
        self.stages = network.stages
        self.standardise = network.standardise
        self.tiles = closer.split(name)[1]
        self.precision = "float16 mixed" if mixed_precision else "float32"
        self.passes = 0
        self.engine = TORCH
        self.notes = notes
        self._write = write
        self._graphs: dict[tuple[int, int] | None, Graph] = {}  # by the size of pictures; None is for all
        self._memory_format = torch.channels_last if network.channels_last else torch.contiguous_format
        self._network = network.eval().requires_grad_(False).to(memory_format=self._memory_format)
        self._mean, self._deviation = (torch.tensor(values)[:, None, None] for values in network.normalisation)
        self._shapes: dict[tuple[int, int], FeatureShape] = {}  # by the frame
        self._taken: set[tuple[int, int]] = set()  # sizes that the network has seen
        self.to(device)

    def __call__(self, pictures: Tensor, boxes: Tensor | None = None) -> Features:
        """Turn pictures into features on `device`; a gradient flows back if the pictures ask for one.

        Args:
            pictures: (B, 3, H, W) in [0, 1], or `tiles` times as high and wide.
            boxes: (B, 4), where in H x W each picture lies; the network sees nothing beyond, and the outermost cells
                are repeated there. None where all fill it.
        """
        frame = (pictures.shape[-2] // self.tiles, pictures.shape[-1] // self.tiles)
        if boxes is None:
            maps, pooled = self._looked_at(pictures)
        else:
            places = [tuple(box) for box in boxes.tolist()]  # read where they are, mostly on the host already
            boxes = boxes.to(self.device)
            maps, pooled = self._within(pictures, places, frame)
        self.passes += len(pictures)
        features = Features(maps, pooled, frame, boxes)
        self._shapes.setdefault(frame, features[:1].shape)
        return features

    def shape(self, size: int | tuple[int, int]) -> FeatureShape:
        """Return the channels and grids that one picture of this size gets; costs one blank picture the first time."""
        height, width = (size, size) if isinstance(size, int) else size
        if (height, width) not in self._shapes:
            self(torch.zeros(1, 3, height * self.tiles, width * self.tiles))
            self.passes -= 1  # not one of the user's
        return self._shapes[height, width]

    @property
    def normalisation(self) -> tuple[Tensor, Tensor]:
        """What pictures in [0, 1] are reduced by and then divided by, (3, 1, 1) each."""
        return self._mean, self._deviation

    def as_onnx(self, size: tuple[int, int]) -> bytes | Path:
        """Return the network as an ONNX model, or the file of one: (B, 3, H, W), normalised -> maps, then pooled.

        Args:
            size: (H, W) of the pictures; a graph may take others too.

        Raises:
            Exception: of any kind, where the network cannot be written as a graph.
        """
        example = torch.zeros(1, 3, *size)
        if self._write is not None:
            return self._write(example)
        return exported(self._network, example, f"{self.name} {self.weights.sha256} {len(self.stages)}")

    def to(self, device: torch.device | str) -> Backbone:
        """Move to another device, in place."""
        self.device = torch.device(device)
        self._network.to(self.device)
        self._mean, self._deviation = self._mean.to(self.device), self._deviation.to(self.device)
        return self

    def _looked_at(self, pictures: Tensor) -> Outputs:
        """Return the features of whole pictures: of one piece, or of tiles laid side by side."""
        if self.tiles == 1:
            return self._seen(pictures)
        n = self.tiles
        rows = [part.split(part.shape[-1] // n, -1) for part in pictures.split(pictures.shape[-2] // n, -2)]
        seen = [[self._seen(tile) for tile in row] for row in rows]  # n x n of (maps, pooled)
        maps = tuple(
            torch.cat([torch.cat([tile[0][level] for tile in row], -1) for row in seen], -2)
            for level in range(len(self.strides))
        )
        every = [tile[1] for row in seen for tile in row]
        return maps, tuple(torch.stack(stage).mean(0) for stage in zip(*every, strict=True))

    def _within(self, pictures: Tensor, boxes: list[tuple[int, ...]], frame: tuple[int, int]) -> Outputs:
        """Return the features of what lies inside the boxes, laid where it lies in the frame."""
        grids = [level[1:] for level in self.shape(frame).maps]
        order: list[int] = []
        parts: list[Outputs] = []
        for box in sorted(set(boxes)):
            alike = [i for i, other in enumerate(boxes) if other == box]
            top, left, bottom, right = (place * self.tiles for place in box)
            maps, pooled = self._looked_at(pictures[alike, :, top:bottom, left:right])
            parts.append((tuple(_laid(m, box, frame, grid) for m, grid in zip(maps, grids, strict=True)), pooled))
            order += alike
        back = torch.tensor(order).argsort().to(self.device)
        return (
            tuple(torch.cat(level)[back] for level in zip(*(maps for maps, _ in parts), strict=True)),
            tuple(torch.cat(stage)[back] for stage in zip(*(pooled for _, pooled in parts), strict=True)),
        )

    def _seen(self, pictures: Tensor) -> Outputs:
        """Send (B, 3, H, W) in [0, 1] through the network."""
        size = (pictures.shape[-2], pictures.shape[-1])
        with torch.set_grad_enabled(pictures.requires_grad), self._arithmetic():
            x = (pictures.to(self.device, torch.float32) - self._mean) / self._deviation
            graph = None if pictures.requires_grad else self._graph(size)
            maps, pooled = self._in_torch(x) if graph is None else graph(x)
        if not pictures.requires_grad:
            self.engine = TORCH if graph is None else ONNXRUNTIME
        self._note_snapping(size)
        self._taken.add(size)
        return tuple(m.float().contiguous() for m in maps), tuple(p.float() for p in pooled)

    def _in_torch(self, x: Tensor) -> Outputs:
        size = (x.shape[-2], x.shape[-1])
        try:
            outputs: Outputs = self._network(x.contiguous(memory_format=self._memory_format))
        except (AssertionError, RuntimeError, ValueError, IndexError) as error:
            if isinstance(error, SettingRefused) or size in self._taken or ran_out_of_memory(error):
                raise
            if size[0] != size[1]:
                raise SettingRefused(
                    "backbones.square",
                    "{backbone} takes square pictures only, and these are {height} x {width} pixels. "
                    "Choose square proportions, or another backbone.",
                    backbone=self.name,
                    height=size[0],
                    width=size[1],
                ) from error
            raise SettingRefused(
                "backbones.size",
                "{backbone} cannot take pictures of {height} x {width} pixels. "
                "Choose the size it was made for, {native} pixels, or another backbone.",
                backbone=self.name,
                height=size[0],
                width=size[1],
                native=self._network.native_size,
            ) from error
        return outputs

    def _note_snapping(self, size: tuple[int, int]) -> None:
        """Say where a transformer's patches did not fit into the pictures."""
        if isinstance(self._network, Scattering | Lite) or size in self._taken:
            return
        snapped = self._network.snapped(size)
        if snapped == size:
            return
        said = Sentence(
            "backbones.snapped",
            "{backbone} sees patches of {patch} pixels, so pictures of {height} x {width} were brought to "
            "{to_height} x {to_width} for it.",
            backbone=self.name,
            patch=self._network.patch,
            height=size[0],
            width=size[1],
            to_height=snapped[0],
            to_width=snapped[1],
        )
        self.notes = (*self.notes, said)

    def _graph(self, size: tuple[int, int]) -> Graph | None:
        """Return the network's graph for pictures of a size, or None where torch is to compute.

        A new graph is held against torch on one picture of noise; one that differs, or cannot be made, is not used.
        """
        if self._write is None or self.device.type != "cpu":
            return None
        key = size if self._network.sized else None
        if key not in self._graphs:
            noise = torch.rand(1, 3, *(key or (CHECKED, CHECKED)), generator=torch.Generator().manual_seed(0))
            noise = (noise - self._mean) / self._deviation
            expected, write = self._in_torch(noise), self._write
            found = checked(lambda: Graph(write(noise), len(expected[0])), noise, expected)
            if isinstance(found, str):
                self._write = None
                self.notes = (*self.notes, in_torch(self.name, found))
                return None
            self._graphs[key] = found
        return self._graphs[key]

    @contextlib.contextmanager
    def _arithmetic(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self.device.type == "cuda":
                now = torch.backends.cudnn
                stack.enter_context(now.flags(now.enabled, now.benchmark, deterministic=False, allow_tf32=False))
            if self.precision != "float32" and self.device.type != "cpu":
                stack.enter_context(torch.autocast(self.device.type, torch.float16))
            yield


def load_backbone(
    name: str = DEFAULT,
    weights: str | Path | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    mixed_precision: bool = False,
    progress: Progress = silent,
    depth: int | None = None,
) -> Backbone:
    """Return a backbone, ready for pictures.

    On a processor, onnxruntime computes the features of trained networks that can be written as a graph; torch those
    of all others, and wherever a gradient or an accelerator is asked for.

    Args:
        name: "scattering", one of `BACKBONES`, any timm model's name ("resnet34", "resnet34.a1_in1k"), or one with a
            file of one's own ("resnet34@boards", `own.find`); any of them with "-2x2" or "-3x3" behind it looks closer.
        weights: None for the ones that belong to the name (scattering: constants; `PACKAGED`: the package's; else the
            hub's), "package" or "hub" to insist; a path to a local .safetensors file; or "random", which is never
            chosen unasked and always recorded.
        seed: of random weights.
        device: by default the best there is.
        mixed_precision: half precision on an accelerator: faster, maps change by about 1e-3; ignored on a CPU.
        progress: told of a download.
        depth: how many levels are needed, from the finest on (`Detector.depth`); None for all, and all pooled stages.
            Scattering computes everything anyway.

    Raises:
        SettingRefused: no such backbone, or one without feature maps.
        WeightsRefused: weights that are absent, unreachable, or do not fit.
    """
    device = best_device() if device is None else named(str(device))
    called, name = name, closer.split(name)[0]
    if name == BUNDLED:
        return _bundled(called, weights, device)
    if name in PACKAGED and weights in (None, "package"):
        return _from_package(called, device, depth)
    if weights == "package":
        raise WeightsRefused(
            "backbones.no_package",
            "No package is known that holds weights of {backbone}. Leave the weights out, or choose {known}.",
            backbone=name,
            known=", ".join(PACKAGED),
        )
    from detectors.features.timm_models import TimmFeatures, build

    if own.is_own(name) and weights is None:
        weights = own.find(name)
    model_name = own.model_of(name)
    timm_name = PACKAGED[model_name].timm if model_name in PACKAGED else model_name
    model, source, origin = build(timm_name, "hub" if weights is None else weights, seed, progress)
    record = WeightsRecord(source, origin, fingerprint(model))
    network = TimmFeatures(model, depth)
    mixed_precision = mixed_precision and device.type != "cpu"
    notes: list[Sentence] = []
    if record.random:
        notes.append(random_weights(name, origin))
    known = listed(name)
    if known and known.licence and source == "hub":
        notes.append(under_licence(name, known.licence))
    if mixed_precision:
        notes.append(
            Sentence(
                "backbones.mixed_precision",
                "{backbone} computed in half precision; its maps differ from full precision by about a thousandth.",
                backbone=name,
            )
        )
    # Weights drawn anew for every seed are used for a few pictures: writing their graph would take longer than these.
    identity = f"{timm_name} {record.sha256} {depth}"
    write = None if record.random else lambda x: exported(network, x, identity)
    return Backbone(called, network, record, device, mixed_precision, tuple(notes), write)


def _bundled(called: str, weights: str | Path | None, device: torch.device) -> Backbone:
    if weights not in (None, "bundled"):
        raise SettingRefused("backbones.no_weights", "The scattering backbone has no weights to load. Leave them out.")
    network = Scattering()
    return Backbone(called, network, WeightsRecord("bundled", "constants", fingerprint(network)), device)


def _from_package(called: str, device: torch.device, depth: int | None) -> Backbone:
    name = closer.split(called)[0]
    packaged = PACKAGED[name]
    tensors = normalised_convolutions(packages.read(name), packaged.file.rpartition("/")[2])
    network = Lite(tensors, packaged.native_size, depth)
    record = WeightsRecord("package", packages.origin(packaged), packaged.sha256)
    return Backbone(called, network, record, device, write=lambda x: network.graph())


def _laid(maps: Tensor, box: Sequence[int], frame: tuple[int, int], grid: Sequence[int]) -> Tensor:
    """Lay (B, C, h, w) where a box lies in the frame, the outermost cells repeated: (B, C, H, W)."""
    places = []
    for offset, pixels, cells, there in zip(box[:2], frame, grid, maps.shape[-2:], strict=True):
        first = round(offset * cells / pixels)
        places.append((torch.arange(cells, device=maps.device) - first).clamp(0, there - 1))
    return maps[:, :, places[0]][:, :, :, places[1]]


def in_torch(backbone: str, reason: str) -> Sentence:
    """Return what to say where onnxruntime should have computed and does not."""
    return Sentence(
        "backbones.in_torch",
        "{backbone} was computed by torch, more slowly than by onnxruntime, which could not take it over ({reason}).",
        backbone=backbone,
        reason=reason,
    )


def fingerprint(network: nn.Module) -> str:
    """Return the sha256 over all floating parameters and buffers, with their names and shapes."""
    total = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        if value.is_floating_point():
            total.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
            total.update(value.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
