"""Where the tensors of a feature store lie between uses: on the device, in memory, or in a temporary file."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.errors import Gone, TooLarge
from detectors.features.device import free_bytes

MEMORY_BYTES = 16 * 2**20  # the most that one store keeps in memory: a file that was just written is read as quickly
WITHOUT_DISK = 2 * 2**30  # the most where the disk is full
MEMORY_SHARE = 0.25  # and then the most of what is available: a training and a test store live side by side
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
    """Tensors in one temporary file that has no name where the system allows it, so that even a kill removes it.

    One that is `shared` travels to another process of the same machine and user as the way to its file, not as bytes.
    """

    where = "disk"

    def __init__(self, shapes: Sequence[tuple[int, ...]], dtype: torch.dtype, shared: bool = False) -> None:
        self.closed = False
        self._shared = shared
        need = self._lay_out(shapes, np.dtype(NUMPY[dtype]))
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if need > free:
            raise TooLarge(
                "at_rest.disk_full",
                "The features need {need:.1f} GB on disk; {free:.1f} GB are free in the folder for temporary files. "
                "Use fewer or smaller pictures, or keep the features as float16.",
                need=need / 1e9,
                free=free / 1e9,
            )
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="odd-one-out-", dir=folder)  # noqa: SIM115 - lives as long as the store
        self._lock = threading.Lock()

    def _lay_out(self, shapes: Sequence[tuple[int, ...]], dtype: np.dtype[Any]) -> int:
        """Decide where each tensor begins in the file; return how many bytes it has."""
        self._dtype, self._shapes = dtype, list(shapes)
        sizes = [int(np.prod(shape)) * dtype.itemsize for shape in shapes]
        self._offsets = [sum(sizes[:i]) for i in range(len(sizes))]
        return sum(sizes)

    def write(self, start: int, parts: Sequence[Tensor]) -> None:
        """Put rows from `start` on into every tensor; by writing: a full disk would crash a mapping."""
        for part, tensor in enumerate(parts):
            self._put(self._offsets[part] + start * self._row(part), tensor.cpu().numpy())

    def finish(self) -> None:
        """Have the file hold everything, for those who open it too."""
        self._file.flush()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another worker as the way to the file, or as arrays that lie in a file of its own there."""
        if self._shared:
            number = self._file.fileno()
            return _opened_there, (self._shapes, self._dtype.name, os.getpid(), number, _identity(number))
        arrays = [self._get(part, slice(None)) for part in range(len(self._shapes))]
        return _on_disk_again, (self._shapes, self._dtype.name, arrays)

    def _row(self, part: int) -> int:
        return int(np.prod(self._shapes[part][1:])) * self._dtype.itemsize

    def _put(self, place: int, values: NDArray[Any]) -> None:
        self._file.seek(place)
        self._file.write(np.ascontiguousarray(values).data)

    def _get(self, part: int, rows: Rows) -> NDArray[Any]:
        """Read rows, those that follow each other at once; a mapping would keep all that was read in memory."""
        wanted = np.arange(self._shapes[part][0])[rows]
        values = np.empty((len(wanted), *self._shapes[part][1:]), self._dtype)
        filled = 0
        for run in np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1):
            if len(run):
                into = values[filled : filled + len(run)].reshape(-1).view(np.uint8)
                filled += len(run)
                with self._lock:
                    self._file.seek(self._offsets[part] + int(run[0]) * self._row(part))
                    if self._file.readinto(into) < len(into):  # type: ignore[attr-defined]
                        raise EOFError("The file of a feature store is shorter than it was.")
        return values

    def read(self, part: int, rows: Rows) -> Tensor:
        """Return a copy of rows of one tensor."""
        return torch.from_numpy(self._get(part, rows))

    def close(self) -> None:
        """Remove the file."""
        self.closed = True
        self._file.close()


class Missing:
    """Tensors that did not arrive from another worker; reading them raises why.

    Dask leaves those who wait for a result waiting for good when it raises on its way.
    """

    where = "disk"
    closed = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def write(self, start: int, parts: Sequence[Tensor]) -> None:
        """Raise what went wrong."""
        raise self._error

    def finish(self) -> None:
        """Nothing is left to do."""

    def read(self, part: int, rows: Rows) -> Tensor:
        """Raise what went wrong."""
        raise self._error

    def close(self) -> None:
        """Nothing is kept."""


def _on_disk_again(shapes: Sequence[tuple[int, ...]], dtype: str, arrays: Sequence[NDArray[Any]]) -> AtRest:
    try:
        kept = OnDisk(shapes, getattr(torch, dtype))
        for offset, values in zip(kept._offsets, arrays, strict=True):
            kept._put(offset, values)
        kept.finish()
    except Exception as error:  # a full disk
        return Missing(error)
    return kept


def _opened_there(
    shapes: Sequence[tuple[int, ...]], dtype: str, process: int, number: int, identity: tuple[int, ...]
) -> AtRest:
    """Open a file that has no name by way of the process that holds it; from then on this one holds it as well.

    Where that process has ended, reading raises `Gone`.
    """
    try:
        file = Path(f"/proc/{process}/fd/{number}").open("rb")  # noqa: SIM115 - lives as long as the store
    except OSError:
        return Missing(Gone())
    if _identity(file.fileno()) != identity:  # another process or file has the number by now
        file.close()
        return Missing(Gone())
    kept = object.__new__(OnDisk)
    kept.closed, kept._shared, kept._file, kept._lock = False, True, file, threading.Lock()
    kept._lay_out(shapes, np.dtype(dtype))
    return kept


def _identity(number: int) -> tuple[int, ...]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns  # a number is given again to a new file


def at_rest(shapes: Sequence[tuple[int, ...]], dtype: torch.dtype, device: torch.device, where: str) -> AtRest:
    """Make room at `where`: "device", "memory", "disk", or "auto" by what is free.

    "shared" is a file that other processes open, as long as the device is the processor; else as "auto".
    """
    if where == "shared":
        if device.type == "cpu":
            with contextlib.suppress(TooLarge):  # a full disk: memory may do
                return OnDisk(shapes, dtype, shared=True)
        where = "auto"
    need = sum(int(np.prod(shape)) for shape in shapes) * torch.empty(0, dtype=dtype).element_size()
    if where == "auto":
        where = "device" if need <= DEVICE_SHARE * free_bytes(device) else "memory"
        if where == "memory" and need > MEMORY_BYTES:
            try:
                return OnDisk(shapes, dtype)
            except TooLarge:
                if need > min(WITHOUT_DISK, MEMORY_SHARE * psutil.virtual_memory().available):
                    raise
    if where == "disk":
        return OnDisk(shapes, dtype)
    if where == "device":
        with contextlib.suppress(torch.OutOfMemoryError):  # somebody else took the room: memory will do
            return InMemory(shapes, dtype, device)
    return InMemory(shapes, dtype, torch.device("cpu"))
