"""Levels that stay on their own grids, (H_l, W_l, ...) where these divide a grid of positions, so nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import lcm

from torch import Tensor

from detectors.methods.maps import Size
from detectors.methods.tracing import being_traced

BLOCK_BYTES = 64 * 2**20  # working memory of one step over a block of a grid, where it can be cut that finely

Block = tuple[slice, slice]  # rows and columns of a grid


def kept_size(size: Sequence[int], grid: Size) -> Size:
    """Keep a level on its own grid when that divides the grid of positions."""
    return (size[0], size[1]) if grid[0] % size[0] == 0 and grid[1] % size[1] == 0 else grid


def blocks(levels: list[Tensor], grid: Size, cost: int) -> Iterator[Block]:
    """Cut the grid into blocks of whole coarse cells, about BLOCK_BYTES each at `cost` bytes a position."""
    if being_traced():
        yield slice(0, grid[0]), slice(0, grid[1])
        return
    down = lcm(*(grid[0] // level.shape[0] for level in levels))
    right = lcm(*(grid[1] // level.shape[1] for level in levels))
    wide = min(grid[1], max(1, BLOCK_BYTES // (cost * down * right)) * right)
    high = max(1, BLOCK_BYTES // (cost * down * wide)) * down
    for top in range(0, grid[0], high):
        for left in range(0, grid[1], wide):
            yield slice(top, min(top + high, grid[0])), slice(left, min(left + wide, grid[1]))


def cut(level: Tensor, block: Block, grid: Size) -> Tensor:
    """Return the cells (h_l, w_l, ...) of a level (H_l, W_l, ...) that a block of the grid covers."""
    down, right = grid[0] // level.shape[0], grid[1] // level.shape[1]
    rows, columns = block
    return level[rows.start // down : rows.stop // down, columns.start // right : columns.stop // right]


def spread(level: Tensor, size: Sequence[int]) -> Tensor:
    """Copy each coarse cell to the fine cells that it covers: (h_l, w_l, ...) -> (h, w, ...)."""
    down, right = size[0] // level.shape[0], size[1] // level.shape[1]
    return level.repeat_interleave(down, dim=0).repeat_interleave(right, dim=1)


def add_spread(total: Tensor, level: Tensor) -> None:
    """Add a level (h_l, w_l, ...) to all fine cells of `total` (h, w, ...) in place."""
    high, wide = level.shape[:2]
    fine = total.view(high, total.shape[0] // high, wide, total.shape[1] // wide, *total.shape[2:])
    fine += level[:, None, :, None]


def covering(level: Tensor, cell: Size, grid: Size) -> Tensor:
    """Return a level's values (...) at the cell that covers a position of the grid."""
    return level[cell[0] * level.shape[0] // grid[0], cell[1] * level.shape[1] // grid[1]]
