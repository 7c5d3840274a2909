"""Exact nearest neighbours in bounded memory, and the greedy k-center coreset.

Distances come from |q - b|² = |q|² + |b|² - 2 q.b, one matrix product per block, after moving both sides to the bank's
centre: distances stay, norms and with them the rounding error shrink. The winners' distances are then computed again
from q - b, so they carry no cancellation error and are never negative.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from detectors.errors import SettingRefused
from detectors.methods.base import Progress, silent

GROUP = 64  # columns of a block that share one minimum: finding a winner's place then reads 64 values, not all
CANDIDATES = 1024  # rows that the coreset keeps exact between two refreshes; flat between 512 and 2048
STRIDE = 64  # picks made on the device before the host looks at them
START_POINTS = 10  # the official coreset starts from the mean distance to this many random rows

Start = Literal["official", "textbook"]


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
        if not norms.isfinite().all():
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
            "{k} nearest neighbours were asked for among {total}. Ask for 1 to {total}.",
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
    height, width = _block(len(queries), total, k, queries.device, budget_bytes)
    block = queries.new_empty(height, width)
    distances = queries.new_empty(len(queries), k)
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=queries.device)
    with full_precision(queries.device):
        for start in range(0, len(queries), height):
            rows = queries[start : start + height] - bank.centre  # (q, D)
            found = _search(rows, bank, k, block)  # (q, k)
            direct = torch.stack([_lengths(rows - bank.rows[found[:, j]]) for j in range(k)], 1)  # (q, k)
            order = direct.argsort(stable=True, dim=1)
            distances[start : start + height] = direct.gather(1, order)
            indices[start : start + height] = found.gather(1, order)
    return distances, indices


@torch.no_grad()
def greedy_coreset(
    points: Tensor,
    count: int,
    seed: int = 0,
    projection: int | None = 128,
    start: Start = "official",
    progress: Progress = silent,
) -> Tensor:
    """Pick rows that cover all others: each pick is the row farthest from the picks before it.

    Blocked lazy greedy: known distances are upper bounds that only fall, so only the farthest `CANDIDATES` rows are
    kept exact; when the best of these falls below the bound of the others, one product with all new picks brings every
    row up to date. The picks are those of the plain algorithm, up to rounding.

    Args:
        points: (n, D).
        count: how many to pick; at least 1, and never more than there are distinct rows.
        seed: of the projection and of the start.
        projection: measure distances in so many random directions; None, or a D no larger: as they are.
        start: "official" caps all distances by the mean distance to ten random rows, which are not picked for it;
            "textbook" picks one random row first.
        progress: called at every refresh.

    Returns:
        Indices of the picks (count,), int64, in the order of picking. The lowest index wins ties.
    """
    if count < 1 or len(points) < 1:
        raise SettingRefused(
            "neighbors.coreset_empty",
            "A coreset of {count} out of {rows} rows was asked for. Ask for at least 1 of at least 1.",
            count=count,
            rows=len(points),
        )
    rows = first_of_each(fingerprints(points))  # duplicates would be picked on rounding errors alone
    points = points if len(rows) == len(points) else points[rows]
    count = min(count, len(points))
    with full_precision(points.device):
        bank = Bank.of(project(points, projection, seed))
        return rows[_greedy(bank, count, seed, start, progress)]


def project(rows: Tensor, dimensions: int | None, seed: int = 0) -> Tensor:
    """Map (n, D) to (n, dimensions) by a random matrix, uniform as in the official code; a D no larger is kept."""
    width = rows.shape[1]
    if dimensions is None or dimensions >= width:
        return rows
    generator = torch.Generator().manual_seed(seed)
    matrix = (torch.rand(width, dimensions, generator=generator) * 2 - 1) * (3 / dimensions) ** 0.5  # keeps lengths
    with full_precision(rows.device):
        return rows @ matrix.to(rows)


def fingerprints(rows: Tensor) -> Tensor:
    """Return (n,) int64, equal for equal rows: sums of whole numbers, so the same on every device and in any order."""
    generator = torch.Generator().manual_seed(rows.shape[1])
    weights = torch.randint(1, 2**62, (rows.shape[1],), generator=generator).to(rows.device) | 1
    bits = torch.int64 if rows.dtype == torch.float64 else torch.int32
    keys = torch.empty(len(rows), dtype=torch.int64, device=rows.device)
    for start in range(0, len(rows), 4096):
        part = (rows[start : start + 4096] + 0.0).contiguous()  # -0.0 becomes 0.0
        keys[start : start + 4096] = (part.view(bits) * weights).sum(1)  # wraps around
    return keys


def first_of_each(keys: Tensor) -> Tensor:
    """Return the lowest index of every distinct value of (n,), ascending."""
    values, order = keys.sort(stable=True)
    new = torch.ones_like(values, dtype=torch.bool)
    new[1:] = values[1:] != values[:-1]
    return order[new].sort().values


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


@cache
def product_rate() -> float:
    """Return the multiply-adds per second of a float32 product here, measured once (about 10 ms), for estimates."""
    left, right = torch.ones(1024, 256), torch.ones(256, 1024)
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        _ = left @ right
        best = min(best, time.perf_counter() - begun)
    return 1024 * 256 * 1024 / best


def _block(queries: int, total: int, k: int, device: torch.device, budget_bytes: int | None) -> tuple[int, int]:
    on_host = device.type == "cpu"
    budget = budget_bytes or (4 << 20 if on_host else 256 << 20)
    width = min(total, 4096 if on_host else 65536, max(budget // 4, 1))
    width = -(-max(width, k) // GROUP) * GROUP
    return max(1, min(queries, budget // (4 * width))), width


def _search(rows: Tensor, bank: Bank, k: int, block: Tensor) -> Tensor:
    """Return the indices (q, k), ascending, of the bank rows with the least |b|² - 2 q.b; `block` is overwritten."""
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
    return best[1].sort(1).values


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


def _greedy(bank: Bank, count: int, seed: int, start: Start, progress: Progress) -> Tensor:
    z, norms = bank.rows, bank.norms
    generator = torch.Generator().manual_seed(seed)
    random = torch.randperm(len(z), generator=generator)[:START_POINTS].to(z.device)
    far = torch.full_like(norms, torch.inf)  # squared distance to the nearest pick: an upper bound; -1 for a pick
    picks = torch.empty(count, dtype=torch.int64, device=z.device)
    done = 0
    if start == "official":
        far = _squared(z, norms, z[random], norms[random]).sqrt().mean(1).square()
    else:
        picks[0], done = random[0], 1
        _refresh(far, bank, picks[:1])
    while done < count:
        progress(done / count, "coreset", picked=done)
        chosen, others, other = _candidates(far)
        among, mine = _squared(z[chosen], norms[chosen], z[chosen], norms[chosen]), far[chosen]  # (L, L), (L,)
        among.fill_diagonal_(-1)
        before = done
        accepted = steps = 0
        while done < count and accepted == steps:  # until a pick was better left to a row outside
            steps, values, places = min(STRIDE, count - done), [], []
            for _ in range(steps):
                value, place = mine.max(0, keepdim=True)
                mine = torch.minimum(mine, among.index_select(0, place)[0])
                values.append(value)
                places.append(place)
            value, row = torch.cat(values), chosen[torch.cat(places)]
            right = (value > others) | ((value == others) & (row < other))
            accepted = int(right.cumprod(0).sum())
            picks[done : done + accepted] = row[:accepted]
            done += accepted
        _refresh(far, bank, picks[before:done])
    return picks


def _candidates(far: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows farthest away, ascending, and of all others the farthest: its distance and its lowest index."""
    size = min(CANDIDATES, len(far))
    edge = far.topk(size).values[-1]
    above = (far > edge).nonzero()[:, 0]
    level = (far == edge).nonzero()[: size - len(above), 0]
    chosen = torch.cat([above, level]).sort().values
    others, other = far.index_fill(0, chosen, -torch.inf).max(0)
    return chosen, others, other


def _refresh(far: Tensor, bank: Bank, picks: Tensor) -> None:
    """Lower all distances, in place, to those from the new picks."""
    z, norms = bank.rows[picks], bank.norms[picks]  # (p, d), (p,)
    height = max(256, (4 << 20 if far.device.type == "cpu" else 256 << 20) // (4 * len(picks)))
    for start in range(0, len(far), height):
        part = slice(start, start + height)
        nearer = torch.addmm(norms, bank.rows[part], z.T, alpha=-2).amin(1) + bank.norms[part]
        torch.minimum(far[part], nearer.clamp_(min=0), out=far[part])
    far[picks] = -1


def _squared(a: Tensor, a_norms: Tensor, b: Tensor, b_norms: Tensor) -> Tensor:
    return (torch.addmm(b_norms, a, b.T, alpha=-2) + a_norms[:, None]).clamp_(min=0)


def _lengths(differences: Tensor) -> Tensor:
    return torch.linalg.vector_norm(differences, dim=1)
