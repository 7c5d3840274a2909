"""Where the tensors of a feature store lie between uses: on the device, in memory, or in a temporary file."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.errors import TooLarge
from detectors.features.device import free_bytes

MEMORY_BYTES = 2 * 2**30  # the most that one store keeps in memory: a worker needs the rest for everything else
MEMORY_SHARE = 0.25  # and the most of what is available: a training and a test store live side by side
DEVICE_SHARE = 0.4  # of an accelerator's free memory: the methods' own work needs the rest
NUMPY: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float16: np.float16, torch.uint8: np.uint8}

Rows = slice | NDArray[np.int64]


class AtRest(Protocol):
    """A fixed number of tensors of N rows each, written once in order, read by rows."""

    where: str
    closed: bool

    def write(self, start: int, parts: Sequence[Tensor]) -> None:
        """Put rows from `start` on into every tensor."""

    def finish(self) -> None:
        """Declare that everything has been written."""

    def read(self, part: int, rows: Rows) -> Tensor:
        """Return rows of one tensor, as stored; not to be written to."""

    def close(self) -> None:
        """Free the space; reading is an error afterwards."""


class InMemory:
    """Tensors on the accelerator or in memory."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype, device: torch.device) -> None:
        self.closed = False
        self.where = "memory" if device.type == "cpu" else "device"
        self._tensors = [torch.empty(shape, dtype=dtype, device=device) for shape in shapes]

    def write(self, start: int, parts: Sequence[Tensor]) -> None:
        """Put rows from `start` on into every tensor."""
        for tensor, part in zip(self._tensors, parts, strict=True):
            tensor[start : start + len(part)] = part

    def finish(self) -> None:
        """Nothing is left to do."""

    def read(self, part: int, rows: Rows) -> Tensor:
        """Return rows of one tensor: a view if they are a slice."""
        tensor = self._tensors[part]
        return tensor[rows] if isinstance(rows, slice) else tensor[torch.from_numpy(rows).to(tensor.device)]

    def close(self) -> None:
        """Free the tensors."""
        self.closed = True
        self._tensors = []


class OnDisk:
    """Tensors in one temporary file that has no name where the system allows it, so that even a kill removes it."""

    where = "disk"

    def __init__(self, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype) -> None:
        self.closed = False
        self._dtype = np.dtype(NUMPY[dtype])
        self._shapes = list(shapes)
        sizes = [int(np.prod(shape)) * self._dtype.itemsize for shape in shapes]
        self._offsets = [sum(sizes[:i]) for i in range(len(sizes))]
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if sum(sizes) > free:
            raise TooLarge(
                "at_rest.disk_full",
                "The features need {need:.1f} GB on disk; {free:.1f} GB are free in the folder for temporary files. "
                "Use fewer or smaller pictures, or keep the features as float16.",
                need=sum(sizes) / 1e9,
                free=free / 1e9,
            )
        self._file = tempfile.TemporaryFile(prefix="odd-one-out-", dir=folder)  # noqa: SIM115 - lives as long as the store
        self._arrays: list[NDArray[Any]] = []

    def write(self, start: int, parts: Sequence[Tensor]) -> None:
        """Put rows from `start` on into every tensor; by writing: a full disk would crash a mapping."""
        for shape, offset, part in zip(self._shapes, self._offsets, parts, strict=True):
            row = int(np.prod(shape[1:])) * self._dtype.itemsize
            self._put(offset + start * row, part.cpu().numpy())

    def finish(self) -> None:
        """Map the file for reading."""
        self._file.flush()
        for shape, offset in zip(self._shapes, self._offsets, strict=True):
            self._arrays.append(np.memmap(self._file, self._dtype, mode="r", offset=offset, shape=shape))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another worker as arrays; there they lie in a file of its own."""
        return _on_disk_again, (self._shapes, self._dtype.name, [np.asarray(array) for array in self._arrays])

    def _put(self, place: int, values: NDArray[Any]) -> None:
        self._file.seek(place)
        self._file.write(np.ascontiguousarray(values).data)

    def read(self, part: int, rows: Rows) -> Tensor:
        """Return a copy of rows of one tensor."""
        return torch.from_numpy(np.array(self._arrays[part][rows]))

    def close(self) -> None:
        """Unmap and remove the file."""
        self.closed = True
        self._arrays = []
        self._file.close()


def _on_disk_again(shapes: Sequence[tuple[int, ...]], dtype: str, arrays: Sequence[NDArray[Any]]) -> OnDisk:
    kept = OnDisk(shapes, getattr(torch, dtype))
    for offset, values in zip(kept._offsets, arrays, strict=True):
        kept._put(offset, values)
    kept.finish()
    return kept


def at_rest(shapes: Sequence[tuple[int, ...]], dtype: torch.dtype, device: torch.device, where: str) -> AtRest:
    """Make room at `where`: "device", "memory", "disk", or "auto" by what is free."""
    need = sum(int(np.prod(shape)) for shape in shapes) * torch.empty(0, dtype=dtype).element_size()
    if where == "auto":
        where = _chosen(need, device)
    if where == "disk":
        return OnDisk(shapes, dtype)
    if where == "device":
        with contextlib.suppress(torch.OutOfMemoryError):  # somebody else took the room: memory will do
            return InMemory(shapes, dtype, device)
    return InMemory(shapes, dtype, torch.device("cpu"))


def _chosen(need: int, device: torch.device) -> str:
    if need <= DEVICE_SHARE * free_bytes(device):
        return "device"
    return "memory" if need <= min(MEMORY_BYTES, MEMORY_SHARE * psutil.virtual_memory().available) else "disk"
