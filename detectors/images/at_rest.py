"""Pixels of many pictures in one file without a name, which goes with the last of them."""

from __future__ import annotations

import os
import tempfile
import threading
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.images.masks import Frame
from detectors.images.picture import Picture


@dataclass(frozen=True)
class _Place:
    rest: Rest
    offset: int
    shape: tuple[int, ...]

    def read(self) -> NDArray[np.uint8]:
        pixels = np.empty(self.shape, np.uint8)
        with self.rest.lock:
            self.rest.file.seek(self.offset)
            self.rest.file.readinto(pixels.data.cast("B"))
        pixels.flags.writeable = False
        return pixels


@dataclass
class Rest:
    """A file in the temporary folder that pixels are written to one after the other; it has no name there."""

    file: Any = field(default_factory=tempfile.TemporaryFile)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def lay(self, picture: Picture) -> Picture:
        """Return the picture with its pixels in the file; `OSError` when the disk is full."""
        pixels = np.ascontiguousarray(picture.pixels)
        with self.lock:
            offset = self.file.seek(0, os.SEEK_END)
            self.file.write(pixels.data)
            self.file.flush()
        given = {each.name: getattr(picture, each.name) for each in fields(Picture)}
        return _AtRest(**given | {"pixels": _Place(self, offset, pixels.shape)})


class _AtRest(Picture):
    """A picture whose pixels are read anew whenever they are looked at."""

    @property
    def pixels(self) -> NDArray[np.uint8]:  # type: ignore[override]
        """The pixels (H, W, 3), read from the file."""
        return self.__dict__["place"].read()

    @pixels.setter  # type: ignore[override]
    def pixels(self, place: _Place) -> None:
        self.__dict__["place"] = place

    @property
    def frame(self) -> Frame:
        """What a mask of this picture must fit; the file is not read."""
        height, width, _ = self.__dict__["place"].shape
        return Frame(self.original_size, (height, width), self.orientation)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process with all pixels."""
        return Picture, tuple(getattr(self, each.name) for each in fields(Picture))
