"""What the files of pictures were, and what to say where a detector meets others than those that it learnt from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any

from detectors.errors import Sentence
from detectors.images.picture import Picture

_EXAMPLES = 3
_OTHER_SHAPE = 1.2  # times as wide for its height
_OTHER_SIZE = 2.0  # times as long on each side


@dataclass(frozen=True)
class Origin:
    """A picture's name, the (H, W) of its upright file in pixels, and whether it has more than 8 bits."""

    name: str
    size: tuple[int, int]
    deep: bool

    @classmethod
    def of(cls, picture: Picture) -> Origin:
        """Return a picture's own."""
        return cls(picture.name, picture.original_size, picture.depth is not None)

    @property
    def shape(self) -> float:
        """Width over height."""
        return self.size[1] / self.size[0]

    @property
    def side(self) -> float:
        """The side of a square of as many pixels."""
        return sqrt(self.size[0] * self.size[1])


@dataclass(frozen=True)
class Origins:
    """What normal pictures were, together.

    Attributes:
        pictures: how many.
        deep: how many of them have more than 8 bits.
        shapes: the least and the most width over height.
        sides: the least and the greatest side, in pixels, of squares of as many pixels.
    """

    pictures: int
    deep: int
    shapes: tuple[float, float]
    sides: tuple[float, float]

    @classmethod
    def of(cls, pictures: Collection[Origin]) -> Origins:
        """Sum up at least one picture."""
        shapes, sides = [each.shape for each in pictures], [each.side for each in pictures]
        return cls(
            len(pictures), sum(each.deep for each in pictures), (min(shapes), max(shapes)), (min(sides), max(sides))
        )

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Origins:
        """Return what `dataclasses.asdict` wrote; TypeError or ValueError for anything else."""
        values: dict[str, Any] = {name: tuple(v) if name in ("shapes", "sides") else v for name, v in stored.items()}
        read = cls(**values)
        if type(read.pictures) is not int or type(read.deep) is not int:
            raise TypeError("a count that is no whole number")
        ranges = (read.shapes, read.sides)
        if any(len(each) != 2 or not all(isfinite(value) and value > 0 for value in each) for each in ranges):
            raise ValueError("a shape or side that no picture has")
        return read

    def unlike(self, pictures: Sequence[Origin], cropped: bool = False) -> tuple[Sentence, ...]:
        """Say which pictures are unlike these in bits, shape (unless their middle is cut out) or size."""
        total = len(pictures)
        said = []
        if self.deep == self.pictures and (flat := [each for each in pictures if not each.deep]):
            said.append(
                Sentence(
                    "origins.fewer_bits",
                    "{count} of {total} pictures [count:has|have] 8 bits ({example}), and the detector learnt from "
                    "pictures with more: brightness means something else there, so neither scores nor threshold hold. "
                    "Give pictures as the camera stored them.",
                    count=len(flat), total=total, example=_few(flat),
                )
            )  # fmt: skip
        if not self.deep and (deep := [each for each in pictures if each.deep]):
            said.append(
                Sentence(
                    "origins.more_bits",
                    "{count} of {total} pictures [count:has|have] more than 8 bits ({example}), and the detector "
                    "learnt from pictures of 8: brightness means something else there, so neither scores nor "
                    "threshold hold. Save pictures as the normal ones were.",
                    count=len(deep), total=total, example=_few(deep),
                )
            )  # fmt: skip
        narrow, wide = self.shapes[0] / _OTHER_SHAPE, self.shapes[1] * _OTHER_SHAPE
        if not cropped and (bent := [each for each in pictures if not narrow <= each.shape <= wide]):
            said.append(
                Sentence(
                    "origins.shape",
                    "{count} of {total} pictures [count:is|are] of another shape ({example}: {width} x {height}) than "
                    "those the detector learnt from, which are {range} times as wide as high: it sees [count:it|them] "
                    "squeezed, padded or cut otherwise. Fit on pictures of this shape.",
                    count=len(bent), total=total, example=bent[0].name, width=bent[0].size[1], height=bent[0].size[0],
                    range=_range(*self.shapes, digits=2),
                )
            )  # fmt: skip
        small, large = self.sides[0] / _OTHER_SIZE, self.sides[1] * _OTHER_SIZE
        if other := [each for each in pictures if not small <= each.side <= large]:
            said.append(
                Sentence(
                    "origins.size",
                    "{count} of {total} pictures [count:is|are] of a very different size ({example}: {width} x "
                    "{height}) than those the detector learnt from, whose sides are {range} pixels in the mean: "
                    "[count:it is|they are] less or more sharp, or [count:shows|show] more or less of the part. Fit "
                    "on pictures of this size.",
                    count=len(other), total=total, example=other[0].name, width=other[0].size[1],
                    height=other[0].size[0], range=_range(*self.sides, digits=0),
                )
            )  # fmt: skip
        return tuple(said)


def _few(pictures: Sequence[Origin]) -> str:
    return ", ".join(each.name for each in pictures[:_EXAMPLES]) + (", …" if len(pictures) > _EXAMPLES else "")


def _range(least: float, most: float, digits: int) -> str:
    ends = f"{least:.{digits}f}", f"{most:.{digits}f}"
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def origins(pictures: Iterable[Picture]) -> Origins:
    """Sum up what pictures were."""
    return Origins.of([Origin.of(picture) for picture in pictures])
