"""The greedy k-center coreset: rows that cover all others, each the row farthest from those picked before it.

Blocked lazy greedy. Known distances are upper bounds that only fall, so only the farthest `CANDIDATES` rows are kept
exact; when the best of these falls below the bound of the others, products with the picks that they missed bring the
rows up to date that may now be farthest. A row near an early pick is soon below all that are picked and is never looked
at again: with trained features fewer than half of the distances are computed. The picks are those of the plain
algorithm, up to rounding. An accelerator, whose products are cheap and for which the host would have to wait again and
again, does the plain algorithm.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from detectors.errors import SettingRefused
from detectors.methods.inputs import Progress, silent
from detectors.methods.neighbors import Bank, full_precision

CANDIDATES = 1024  # rows that the coreset keeps exact between two refreshes; flat between 512 and 2048
SPARE = 2  # times so many rows are expected to stay above the edge when they are brought up to date
PICKS_AT_ONCE = 1024
STRIDE = 64  # picks made before it is looked whether they were right
START_POINTS = 10  # the official coreset starts from the mean distance to this many random rows

Start = Literal["official", "textbook"]


@torch.no_grad()
def greedy_coreset(
    points: Tensor,
    count: int,
    seed: int = 0,
    projection: int | None = 128,
    start: Start = "official",
    progress: Progress = silent,
    overwrite: bool = False,
) -> Tensor:
    """Pick rows that cover all others: each pick is the row farthest from the picks before it.

    Args:
        points: (n, D).
        count: how many to pick; at least 1, and never more than there are distinct rows.
        seed: of the projection and of the start.
        projection: measure distances in so many random directions; None, or a D no larger: as they are.
        start: "official" caps all distances by the mean distance to ten random rows, which are not picked for it;
            "textbook" picks one random row first.
        progress: called at every refresh.
        overwrite: whether `points` may be changed, which saves a copy.

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
        bank = Bank.of(project(points, projection, seed), overwrite)
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
    if z.device.type != "cpu":
        for n in range(done, count):
            progress(n / count, "coreset", picked=n)
            picks[n : n + 1] = far.max(0, keepdim=True).indices
            _refresh(far, bank, picks[n : n + 1])
        return picks
    seen = torch.zeros(len(z), dtype=torch.int64)  # how many picks a row's distance has been compared with
    seen += done
    share = 1.0  # of the rows that were brought up to date, those that stayed above the edge
    while done < count:
        progress(done / count, "coreset", picked=done)
        exact, share = _catch_up(far, seen, bank, picks[:done], share)
        chosen, others, other = _candidates(far, min(CANDIDATES, exact))
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
        far[picks[before:done]] = -1
    return picks


def _catch_up(far: Tensor, seen: Tensor, bank: Bank, picks: Tensor, share: float) -> tuple[int, float]:
    """Bring the rows up to date that may be among the farthest, in place.

    Returns how many rows are now above the edge below which nothing is known, at least 1, and their share of those that
    were above it before.
    """
    while True:
        above = min(len(far), int(SPARE * CANDIDATES / share))
        edge = -0.5 if above == len(far) else float(far.kthvalue(len(far) - above).values)  # picks are at -1
        rows = ((far > edge) & (seen < len(picks))).nonzero()[:, 0]
        missed, order = seen[rows].sort(stable=True)
        rows = rows[order]
        since, counts = missed.unique_consecutive(return_counts=True)
        for first, own in zip(since.tolist(), rows.split(counts.tolist()), strict=True):
            _lower(far, bank, own, picks[first:])
        seen[rows] = len(picks)
        exact = int((far > edge).sum())
        share = min(1.0, max(exact, 1) / max(above, 1))
        if exact:
            return exact, share


def _candidates(far: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows farthest away, ascending, and of all others the farthest: its distance and its lowest index."""
    edge = far.topk(size).values[-1]
    above = (far > edge).nonzero()[:, 0]
    level = (far == edge).nonzero()[: size - len(above), 0]
    chosen = torch.cat([above, level]).sort().values
    others, other = far.index_fill(0, chosen, -torch.inf).max(0)
    return chosen, others, other


def _refresh(far: Tensor, bank: Bank, picks: Tensor) -> None:
    """Lower all distances, in place, to those from the new picks."""
    z, norms = bank.rows[picks], bank.norms[picks]  # (p, d), (p,)
    height = max(256, (256 << 20) // (4 * len(picks)))
    for start in range(0, len(far), height):
        part = slice(start, start + height)
        nearer = torch.addmm(norms, bank.rows[part], z.T, alpha=-2).amin(1) + bank.norms[part]
        torch.minimum(far[part], nearer.clamp_(min=0), out=far[part])
    far[picks] = -1


def _lower(far: Tensor, bank: Bank, rows: Tensor, picks: Tensor) -> None:
    """Lower the distances of some rows, in place, to those from picks that they missed."""
    norms = bank.norms[rows]
    least = far[rows]
    for few in picks.split(PICKS_AT_ONCE):
        z, own = bank.rows[few], bank.norms[few]  # (p, d), (p,)
        height = (4 << 20) // (4 * len(few))  # a block of distances stays in the cache
        for start in range(0, len(rows), height):
            part = slice(start, start + height)
            nearer = torch.addmm(own, bank.rows[rows[part]], z.T, alpha=-2).amin(1) + norms[part]
            torch.minimum(least[part], nearer.clamp_(min=0), out=least[part])
    far[rows] = least


def _squared(a: Tensor, a_norms: Tensor, b: Tensor, b_norms: Tensor) -> Tensor:
    return (torch.addmm(b_norms, a, b.T, alpha=-2) + a_norms[:, None]).clamp_(min=0)
