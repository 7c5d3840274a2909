"""Grids and pictures: enlarging, smoothing, aligning levels, and which pixels a grid cell stands for.

Everything uses half-pixel centres: cell y of H covers the rows y * S / H to (y + 1) * S / H of a picture S pixels high.
Enlarging and smoothing are linear and act on rows and columns separately, so both together are two small matrix
products, `A = (S_y U_y) G (S_x U_x)^T`: exact up to rounding, and far cheaper than filtering S x S pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detectors.errors import SettingRefused
from detectors.methods.inputs import Features
from detectors.methods.outputs import Box

SIGMA = 4.0  # pixels: what all reference codes smooth with
TRUNCATE = 4.0  # the kernel is cut at this many sigma, scipy's default

Size = tuple[int, int]


def anomaly_map(grid: Tensor, size: Size | int, sigma: float = SIGMA) -> Tensor:
    """Enlarge and smooth in one go: (B, H, W) -> (B, S, S'), equal to `smooth(enlarge(grid, size), sigma)`."""
    height, width = _pair(size)
    rows = _operator(grid.shape[-2], height, sigma, grid.dtype, grid.device)  # (S, H)
    columns = _operator(grid.shape[-1], width, sigma, grid.dtype, grid.device)  # (S', W)
    return rows @ (grid @ columns.T)  # (B, H, W) -> (B, H, S') -> (B, S, S')


def picture_map(grid: Tensor, features: Features, sigma: float = SIGMA) -> Tensor:
    """Enlarge and smooth (B, H, W) to the pictures' size; what lies beyond a picture that does not fill it is left out.

    Beyond a picture its map repeats the lowest value within, so that nothing there is ever the highest.
    """
    within = features.inside(grid.shape[-2:])
    if within is None:
        return anomaly_map(grid, features.image_size, sigma)
    maps = anomaly_map(held(grid, within), features.image_size, sigma)
    seen = inside_of(features, maps)
    least = maps.masked_fill(~seen, torch.inf).amin((1, 2), keepdim=True)
    return torch.where(seen, maps, least)


def held(grid: Tensor, within: Tensor) -> Tensor:
    """Repeat the outermost of the cells `within` a picture, a rectangle, in all beyond: both (B, H, W)."""
    places = []
    for there in (within.any(2), within.any(1)):  # (B, H), (B, W)
        numbers = torch.arange(there.shape[1], device=grid.device).expand_as(there)
        first = numbers.masked_fill(~there, there.shape[1]).amin(1, keepdim=True)
        last = numbers.masked_fill(~there, -1).amax(1, keepdim=True)
        places.append(numbers.clamp(first, last))
    every = torch.arange(len(grid), device=grid.device)[:, None, None]
    return grid[every, places[0][:, :, None], places[1][:, None, :]]


def inside_of(features: Features, maps: Tensor) -> Tensor:
    """Return which pixels of maps (B, H, W) lie in the pictures."""
    seen = features.inside(maps.shape[-2:])
    return torch.ones_like(maps, dtype=torch.bool) if seen is None else seen


def enlarge(grid: Tensor, size: Size | int) -> Tensor:
    """Resize (B, H, W) to (B, S, S') bilinearly with half-pixel centres (`align_corners=False`)."""
    return anomaly_map(grid, size, sigma=0.0)


def smooth(maps: Tensor, sigma: float = SIGMA) -> Tensor:
    """Smooth (B, H, W) by a Gaussian: equal to `scipy.ndimage.gaussian_filter(mode="reflect")` per map."""
    return anomaly_map(maps, (maps.shape[-2], maps.shape[-1]), sigma)


def neighbourhood_mean(maps: Tensor) -> Tensor:
    """Average (B, C, H, W) over 3 x 3 cells, stride 1; cells beyond the border count as zeros.

    Channels lie last in memory from here on: a patch's numbers lie together, as in a bank, and averaging and resizing
    take a fifth of the time.
    """
    maps = maps.contiguous(memory_format=torch.channels_last)
    return functional.avg_pool2d(maps, kernel_size=3, stride=1, padding=1, count_include_pad=True)


def align_nearest(levels: Sequence[Tensor], grid: Size) -> Tensor:
    """Bring levels (B, C_l, H_l, W_l) to one grid and join their channels: (B, sum of C_l, H, W).

    Every coarse cell is copied to the fine cells it covers (PaDiM's alignment, torch's mode "nearest"); a level finer
    than the grid is averaged over each cell.
    """
    return torch.cat([_to_grid(level, grid, "nearest") for level in levels], dim=1)


def resample(maps: Tensor, grid: Size) -> Tensor:
    """Resize (B, C, H, W) to another grid: bilinear with half-pixel centres when finer, area means when coarser."""
    return _to_grid(maps, grid, "bilinear")


def cell_box(grid_size: Size, image_size: Size, y: int, x: int) -> Box:
    """Return (top, left, bottom, right) of a grid cell in pixels of the picture.

    >>> cell_box((56, 56), (224, 224), 1, 2)
    (4.0, 8.0, 8.0, 12.0)
    """
    down, right = image_size[0] / grid_size[0], image_size[1] / grid_size[1]
    return y * down, x * right, (y + 1) * down, (x + 1) * right


def cell_at(grid_size: Size, image_size: Size, y: int, x: int) -> tuple[int, int]:
    """Return the grid cell in which the centre of pixel (y, x) lies.

    >>> cell_at((56, 56), (224, 224), 7, 8)
    (1, 2)
    """
    if not (0 <= y < image_size[0] and 0 <= x < image_size[1]):
        raise SettingRefused(
            "maps.outside",
            "Pixel ({y}, {x}) lies outside the picture, which has {height} rows and {width} columns. "
            "Choose a place inside it.",
            y=y,
            x=x,
            height=image_size[0],
            width=image_size[1],
        )
    return (2 * y + 1) * grid_size[0] // (2 * image_size[0]), (2 * x + 1) * grid_size[1] // (2 * image_size[1])


def _to_grid(maps: Tensor, grid: Size, finer: str) -> Tensor:
    height, width = maps.shape[-2:]
    if (height, width) == tuple(grid):
        return maps
    if height > grid[0] or width > grid[1]:
        return functional.adaptive_avg_pool2d(maps, grid)
    if finer == "nearest":
        return functional.interpolate(maps, size=grid, mode="nearest")
    return functional.interpolate(maps, size=grid, mode="bilinear", align_corners=False)


def _pair(size: Size | int) -> Size:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


@lru_cache(maxsize=32)
def _operator(cells: int, pixels: int, sigma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return smoothing times enlarging along one axis, (pixels, cells); made in float64. Not to be written to."""
    return torch.from_numpy(_blur(pixels, sigma) @ _bilinear(cells, pixels)).to(device, dtype)


def _bilinear(cells: int, pixels: int) -> NDArray[np.float64]:
    place = np.clip((np.arange(pixels) + 0.5) * (cells / pixels) - 0.5, 0, cells - 1)
    lower = np.floor(place).astype(int)
    upper = np.minimum(lower + 1, cells - 1)
    matrix = np.zeros((pixels, cells))
    np.add.at(matrix, (np.arange(pixels), lower), 1 - (place - lower))
    np.add.at(matrix, (np.arange(pixels), upper), place - lower)
    return matrix


def _blur(pixels: int, sigma: float) -> NDArray[np.float64]:
    if sigma == 0:
        return np.eye(pixels)
    radius = int(TRUNCATE * sigma + 0.5)
    taps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (taps / sigma) ** 2)
    source = np.arange(pixels)[:, None] + taps  # (pixels, taps), beyond the border on both sides
    source %= 2 * pixels  # mirrored including the edge pixel, as often as a small map needs
    source = np.where(source < pixels, source, 2 * pixels - 1 - source)
    matrix = np.zeros((pixels, pixels))
    np.add.at(matrix, (np.arange(pixels)[:, None], source), weights / weights.sum())
    return matrix
