"""Several data sets side by side in one upload or folder, each at a glance, before one or many are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from detectors.datasets.joining import glimpses
from detectors.datasets.sources import UploadSource
from detectors.datasets.understanding import Understanding
from detectors.queries.overview import webp

_SIDE = 96


@dataclass(frozen=True)
class Shelf:
    """An upload, as it travels to a worker that only looks at it."""

    part: UploadSource


@dataclass(frozen=True)
class Glance:
    """One of several sets.

    Attributes:
        name: of the set.
        webp: up to four small pictures, normal ones first.
        understanding: what its files were taken for, by their names and places alone.
    """

    name: str
    webp: tuple[bytes, ...]
    understanding: Understanding


def glances(shelf: Shelf) -> tuple[Glance, ...]:
    """Look at each set; only the pictures that are shown are decoded."""
    return tuple(_glances(shelf.part))


def _glances(part: UploadSource) -> Iterator[Glance]:
    for name, pictures, understanding in glimpses(part.one_part):
        yield Glance(name, tuple(webp(picture.pixels, _SIDE) for picture in pictures), understanding)
