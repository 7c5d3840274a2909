"""onnxruntime on a processor: a network's graph, run with as many threads as torch has, which sleep when idle.

The threads' plan: torch and a graph never compute at once within a pass, so both may have all cores; between passes a
graph's threads wait without spinning, so that the cores belong to the methods, and to the page.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

TORCH, ONNXRUNTIME = "torch", "onnxruntime"
TOLERANCE = 1e-4  # of the largest number of a level or stage; onnxruntime sums in another order: 5e-6 is usual
MOST_BYTES = 1 << 30  # of exported graphs in the cache: those used longest ago go first
GRAPHS = "graphs"

Outputs = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]


class Graph:
    """A network that onnxruntime runs: (B, 3, H, W), normalised -> (maps, pooled).

    Args:
        model: an ONNX model, or the file of one; its outputs are maps first, then pooled stages.
        levels: how many of its outputs are maps.
    """

    def __init__(self, model: bytes | Path, levels: int) -> None:
        try:
            self._session = session(model)
        except Exception:
            if isinstance(model, Path):
                model.unlink(missing_ok=True)  # not whole: it is written anew the next time
            raise
        self._input = self._session.get_inputs()[0].name
        self._levels = levels

    def __call__(self, x: Tensor) -> Outputs:
        """Run it."""
        try:
            arrays = self._session.run(None, {self._input: x.contiguous().numpy()})
        except Exception as error:  # its own kinds, of which none is a MemoryError
            if "alloc" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        found = [torch.from_numpy(array) for array in arrays]
        return tuple(found[: self._levels]), tuple(found[self._levels :])


def session(model: bytes | Path) -> Any:
    """Return an `onnxruntime.InferenceSession` on the processor, with torch's number of threads, which do not spin."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; it warns of what it optimises
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def difference(found: Outputs, expected: Outputs) -> float:
    """Return the largest difference of two outputs, relative to the largest number of its level or stage."""
    pairs = zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True)
    shares = [(a - b).abs().max() / b.abs().max().clamp(min=1e-30) for a, b in pairs]
    return float(torch.stack(shares).nan_to_num(nan=torch.inf).max())


def exported(network: nn.Module, x: Tensor, identity: str) -> Path:
    """Return the file of a network's graph for pictures of x's size and any number; written once, kept in a cache.

    Args:
        network: yields (maps, pooled), in evaluation mode.
        x: (B, 3, H, W), an example.
        identity: says everything that the graph depends on but the packages that write it.

    Raises:
        Exception: of any kind, where the network cannot be written as a graph.
    """
    from importlib.metadata import version

    packages = [f"{name} {version(name)}" for name in ("torch", "timm", "onnx", "onnxscript")]
    key = hashlib.sha256(" ".join([identity, str(tuple(x.shape[1:])), *packages]).encode()).hexdigest()
    path = folder() / f"{key[:32]}.onnx"
    if path.is_file():
        os.utime(path)
        return path
    batch = torch.export.Dim.DYNAMIC
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names inside torch that are about to change
        two = x.expand(2, -1, -1, -1).contiguous()  # an example of one picture would fix the number
        program: Any = torch.onnx.export(
            _Flat(network), (two,), dynamo=True, dynamic_shapes=({0: batch},), external_data=False, verbose=False
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        program.save(str(beside), external_data=False)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _make_room(path)
    return path


def checked(make: Callable[[], Graph], x: Tensor, expected: Outputs) -> Graph | str:
    """Return a graph that says of x what was expected, or in a few words why there is none."""
    try:
        graph = make()
        worst = difference(graph(x), expected)
    except Exception as error:  # exporter and runtime have errors of their own without a common parent
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:120] if str(error).strip() else ''}"
    return graph if worst <= TOLERANCE else f"results differ by {worst:.1e}"


def folder() -> Path:
    """Return where graphs are kept: under `ODD_CACHE`, or the system's folder for what can be made again."""
    from platformdirs import user_cache_path

    base = os.environ.get("ODD_CACHE")
    return (Path(base) if base else user_cache_path("odd-one-out", appauthor=False)) / GRAPHS


class _Flat(nn.Module):
    """A network whose outputs are in one row, as graphs have them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps, pooled = self.network(x)
        return (*maps, *pooled)


def _make_room(kept: Path) -> None:
    """Remove the graphs used longest ago until the rest is within `MOST_BYTES`."""
    with contextlib.suppress(OSError):  # another process may be making room too
        files = sorted(kept.parent.glob("*.onnx"), key=lambda path: path.stat().st_mtime, reverse=True)
        total = 0
        for path in files:
            total += path.stat().st_size
            if total > MOST_BYTES and path != kept:
                path.unlink(missing_ok=True)
