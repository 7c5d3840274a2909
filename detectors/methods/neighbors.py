"""Exact nearest neighbours in bounded memory.

Distances come from |q - b|² = |q|² + |b|² - 2 q.b, one matrix product per block, after moving both sides to the bank's
centre: distances stay, norms and with them the rounding error shrink. The winners' distances are then computed again
from q - b, so they carry no cancellation error and are never negative.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from detectors.errors import SettingRefused
from detectors.methods.tracing import being_traced

TRACED_WIDTH = 8192  # rows that a graph compares at once: of 784 queries 26 MB
BOUNDING = (256, 1024)  # bank rows, from the first on, that bound distances before all are searched
LOOKED = 8  # of a group's queries that are searched at once: those with the largest bounds
GROUP = 32  # columns of a block that share one minimum: finding a winner's place then reads 32 values, not all


@dataclass(frozen=True)
class Bank:
    """Rows to search among, made ready once.

    Attributes:
        rows: (M, D), with the centre subtracted.
        norms: (M,), squared lengths of `rows`.
        centre: (D,).
    """

    rows: Tensor
    norms: Tensor
    centre: Tensor

    @classmethod
    def of(cls, rows: Tensor, overwrite: bool = False) -> Bank:
        """Centre (M, D) rows, in place when they may be overwritten, and measure them."""
        centre = centre_of(rows)
        rows = rows.sub_(centre) if overwrite else rows - centre
        norms = torch.cat([part.square().sum(1) for part in rows.split(4096)])
        if not being_traced() and not norms.isfinite().all():
            raise SettingRefused(
                "neighbors.not_finite",
                "{bad} of {total} features are infinite or undefined, so nothing can be near them. "
                "Choose other levels or another backbone.",
                bad=int((~norms.isfinite()).sum()),
                total=len(norms),
            )
        return cls(rows, norms, centre)


def centre_of(rows: Tensor) -> Tensor:
    """Return about the mean of (M, D) rows, on a grid so coarse that whole numbers less it are still exact in float32.

    Equal distances between such rows then come out equal, and the lowest index can win.
    """
    variance, mean = torch.var_mean(rows, 0, correction=0)
    spread = variance.mean().sqrt()
    step = torch.exp2(torch.log2(spread / 8).floor()).clamp(min=torch.finfo(rows.dtype).tiny)
    return torch.where(spread > 0, (mean / step).round() * step, mean)


@torch.no_grad()
def nearest(queries: Tensor, bank: Tensor | Bank, k: int = 1, budget_bytes: int | None = None) -> tuple[Tensor, Tensor]:
    """Find the k nearest bank rows of each query.

    Args:
        queries: (Q, D), on the bank's device and of its type.
        bank: (M, D), or a `Bank` when it is searched more than once.
        k: at most M.
        budget_bytes: what one block of distances may occupy; by default what the device's cache or memory likes.

    Returns:
        Distances (Q, k), Euclidean, nearest first, and row indices (Q, k), int64. Among equals the lowest index wins.
    """
    bank = bank if isinstance(bank, Bank) else Bank.of(bank)
    total = len(bank.rows)
    if not 1 <= k <= total:
        raise SettingRefused(
            "neighbors.count",
            "{k} nearest [neighbour was|neighbours were] asked for among {total}. Ask for 1 to {total}.",
            k=k,
            total=total,
        )
    if queries.shape[1] != bank.rows.shape[1]:
        raise SettingRefused(
            "neighbors.width",
            "These features have {found} numbers a place, and those that were stored have {expected}. "
            "Use the backbone that was fitted.",
            found=queries.shape[1],
            expected=bank.rows.shape[1],
        )
    if being_traced():
        return nearest_at_once(queries - bank.centre, bank.rows, bank.norms, k)
    height, width = _block(len(queries), total, k, queries.device, budget_bytes)
    block = queries.new_empty(height, width)
    distances = queries.new_empty(len(queries), k)
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=queries.device)
    with full_precision(queries.device):
        for start in range(0, len(queries), height):
            rows = queries[start : start + height] - bank.centre  # (q, D)
            found = _search(rows, bank, k, block)[1].sort(1).values  # (q, k), so that the lower index wins
            direct = torch.stack([_lengths(rows - bank.rows[found[:, j]]) for j in range(k)], 1)  # (q, k)
            order = direct.argsort(stable=True, dim=1)
            distances[start : start + height] = direct.gather(1, order)
            indices[start : start + height] = found.gather(1, order)
    return distances, indices


def nearest_at_once(queries: Tensor, rows: Tensor, norms: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return what `nearest` does, in operations that a graph has: all queries against blocks of rows.

    Args:
        queries: (..., Q, D), less the rows' centre.
        rows: (..., M, D).
        norms: (..., M), their squared lengths.
        k: at most M.
    """
    least, places = None, None
    for start in range(0, rows.shape[-2], TRACED_WIDTH):
        part = slice(start, start + TRACED_WIDTH)
        values = norms[..., None, part] - 2 * queries @ rows[..., part, :].mT  # (..., Q, m)
        if k == 1:  # the lowest index wins
            found, where = values.min(-1, keepdim=True)
        else:
            found, where = values.topk(min(k, values.shape[-1]), dim=-1, largest=False)
        if least is None or places is None:
            least, places = found, where
            continue
        least, places = torch.cat([least, found], -1), torch.cat([places, where + start], -1)
        least, order = least.topk(min(k, least.shape[-1]), dim=-1, largest=False)
        places = places.gather(-1, order)
    assert places is not None  # a bank has rows
    winners = _rows_at(rows, places)  # (..., Q, k, D)
    direct, order = torch.linalg.vector_norm(queries[..., None, :] - winners, dim=-1).sort(-1)
    return direct, places.gather(-1, order)


@torch.no_grad()
def farthest(queries: Tensor, bank: Bank) -> Tensor:
    """Return (G,), of each group of queries the largest distance to the nearest bank row; queries are (G, P, D).

    Equal to the largest of what `nearest` finds, for a third of the work where the bank's first rows already cover the
    others, as a coreset's do: distances to these bound those to all, and only queries whose bound exceeds what some of
    their group are known to reach are searched further.
    """
    groups, size = queries.shape[:2]
    flat = queries.flatten(0, 1)  # (G P, D)
    owner = torch.arange(groups, device=flat.device).repeat_interleave(size)
    reached = flat.new_zeros(groups)
    left = torch.arange(len(flat), device=flat.device)
    for first in BOUNDING:
        if first >= len(bank.rows) or not len(left):
            continue
        part = Bank(bank.rows[:first], bank.norms[:first], bank.centre)
        bounds = flat.new_zeros(len(flat)).index_copy_(0, left, nearest(flat[left], part)[0][:, 0])
        likely = bounds.view(groups, size).topk(min(LOOKED, size)).indices  # (G, LOOKED)
        chosen = (likely + torch.arange(0, len(flat), size, device=flat.device)[:, None]).flatten()
        exact = nearest(flat[chosen], bank)[0].view(groups, -1)
        reached = torch.maximum(reached, exact.amax(1))
        left = left[bounds[left] >= reached[owner[left]]]
    found = nearest(flat[left], bank)[0][:, 0] if len(left) else flat[:0, 0]
    return reached.scatter_reduce(0, owner[left], found, "amax")


def nearest_squares(queries: Tensor, bank: Bank, k: int) -> Tensor:
    """Return squared distances (Q, k) from queries (Q, D) to their k nearest rows, ascending; a gradient flows back.

    The search runs outside the graph, and the gradient needs only the winners, so no (Q, M) or (Q, k, D) is kept. The
    distances carry the rounding of |q|² + |b|² - 2 q.b, about 1e-7 of |q|²; the gradient, from q - b, does not.
    """
    squares: Tensor = _NearestSquares.apply(queries, bank, k)
    return squares


class _NearestSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, bank: Bank, k: int) -> Tensor:
        rows = queries - bank.centre  # (Q, D)
        height, width = _block(len(rows), len(bank.rows), k, rows.device, None)
        block = rows.new_empty(height, width)
        with full_precision(rows.device):
            found = [_search(part, bank, k, block) for part in rows.split(height)]
        least, indices = (torch.cat(parts) for parts in zip(*found, strict=True))  # (Q, k)
        ctx.save_for_backward(rows, indices)
        ctx.bank = bank
        return (least + rows.square().sum(1, keepdim=True)).clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return d/dq sum_k g_k |q - b_k|² = 2 (q sum_k g_k - sum_k g_k b_k)."""
        rows, indices = ctx.saved_tensors
        gradient = gradients[0].contiguous()  # (Q, k)
        pull = embedding_bag(indices, ctx.bank.rows, per_sample_weights=gradient, mode="sum")  # (Q, D)
        return 2 * (rows * gradient.sum(1, keepdim=True) - pull), None, None


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep TF32 out of the products inside: its error is larger than the distances between normal patches."""
    if device.type != "cuda":
        yield
        return
    products = torch.backends.cuda.matmul
    name, off = ("fp32_precision", "ieee") if hasattr(products, "fp32_precision") else ("allow_tf32", False)
    kept = getattr(products, name)
    setattr(products, name, off)
    try:
        yield
    finally:
        setattr(products, name, kept)


def _block(queries: int, total: int, k: int, device: torch.device, budget_bytes: int | None) -> tuple[int, int]:
    on_host = device.type == "cpu"
    budget = budget_bytes or (4 << 20 if on_host else 256 << 20)
    width = min(total, 4096 if on_host else 65536, max(budget // 4, 1))
    width = -(-max(width, k) // GROUP) * GROUP
    return max(1, min(queries, budget // (4 * width))), width


def _search(rows: Tensor, bank: Bank, k: int, block: Tensor) -> tuple[Tensor, Tensor]:
    """Return the least |b|² - 2 q.b (q, k), ascending, and the indices of their bank rows; `block` is overwritten."""
    width = block.shape[1]
    best: tuple[Tensor, Tensor] | None = None
    for start in range(0, len(bank.rows), width):
        part = bank.rows[start : start + width]
        values = block[: len(rows)]  # (q, width)
        values[:, len(part) :] = torch.inf
        torch.addmm(bank.norms[start : start + width], rows, part.T, alpha=-2, out=values[:, : len(part)])
        least, places = _least(values, k)
        places += start
        if best is not None:
            least, places = torch.cat([best[0], least], 1), torch.cat([best[1], places], 1)
            order = least.argsort(stable=True, dim=1)[:, :k]  # earlier blocks first, so the lower index wins
            least, places = least.gather(1, order), places.gather(1, order)
        best = least, places
    assert best is not None  # a bank has rows
    return best


def _least(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k least of each row (q, n) and their places, lowest first among equals; may overwrite `values`."""
    groups = values.unflatten(1, (-1, GROUP))  # (q, n / GROUP, GROUP)
    minima = groups.amin(2)  # (q, n / GROUP)
    least, places = [], []
    for j in range(k):
        value, group = minima.min(1, keepdim=True)
        members = groups.gather(1, group[:, :, None].expand(-1, -1, GROUP))[:, 0]  # (q, GROUP)
        member = members.argmin(1, keepdim=True)
        least.append(value)
        places.append(group * GROUP + member)
        if j + 1 < k:
            values.scatter_(1, places[-1], torch.inf)
            members.scatter_(1, member, torch.inf)
            minima.scatter_(1, group, members.amin(1, keepdim=True))
    return torch.cat(least, 1), torch.cat(places, 1)


def _rows_at(rows: Tensor, places: Tensor) -> Tensor:
    """Return the rows (..., Q, k, D) at places (..., Q, k) among rows (..., M, D), with one leading axis or none."""
    if rows.ndim == 2:
        return rows[places]
    flat = places.flatten(1)[..., None].expand(-1, -1, rows.shape[-1])  # (B, Q k, D)
    return rows.gather(1, flat).unflatten(1, places.shape[1:])


def _lengths(differences: Tensor) -> Tensor:
    return torch.linalg.vector_norm(differences, dim=1)
