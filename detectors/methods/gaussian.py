"""Gaussians: streaming moments, shrinkage, and distances that stay exact when there are fewer pictures than channels.

Three forms of `q = delta^T Sigma^-1 delta`, none of which inverts a C x C matrix or subtracts near-equal numbers:

    eigen    Sigma = V^T diag(s) V + r (I - V^T V):  q = sum t_j^2 / s_j + |delta - V^T t|^2 / r,  t = V delta
    ridge    Sigma = A^T A + r I:                    q = |s|^2 + |delta - A^T s|^2 / r,  s = (r I + A A^T)^-1 A delta
    Cholesky Sigma = L L^T:                          q = |L^-1 delta|^2

The ridge form is Woodbury's identity rewritten as the least-squares problem that it solves: q is the minimum over s, so
rounding errors in s enter q only squared. Unlike the eigen form it needs one Cholesky factor of N x N per Gaussian
(ten times cheaper than an eigen-decomposition), and A stays as it is, shared by all positions that share a coarse cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from detectors.errors import SettingRefused
from detectors.methods.inputs import Progress
from detectors.methods.maps import Size
from detectors.methods.pyramid import add_spread, blocks, covering, cut, spread

RANK_CUT = 1e-12  # eigenvalues below this share of the largest are rounding: centred rows have rank N - 1 at most
PICTURES_AT_ONCE = 128  # in float64, when covariances are accumulated
FLOAT32_ROUNDING = torch.finfo(torch.float32).eps


def exact(values: Tensor) -> Tensor:
    """Return the values in float64, on the CPU where the device has no float64 (Apple's)."""
    return values.to("cpu" if values.device.type == "mps" else values.device, torch.float64)


class Moments:
    """Mean and covariance of samples that arrive in batches, by Chan's merge of centred sums in float64.

    Samples are (..., n, C): leading dimensions are separate Gaussians.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.scatter = torch.zeros(())

    def add(self, samples: Tensor) -> None:
        """Take in n more samples per Gaussian: (..., n, C)."""
        samples = exact(samples)
        arrived = samples.shape[-2]
        mean = samples.mean(dim=-2)  # (..., C)
        centred = samples - mean[..., None, :]
        scatter = centred.mT @ centred  # (..., C, C)
        if self.count == 0:
            self.count, self.mean, self.scatter = arrived, mean, scatter
            return
        total = self.count + arrived
        step = mean - self.mean
        self.mean = self.mean + step * (arrived / total)
        self.scatter += scatter
        self.scatter += (step[..., :, None] * step[..., None, :]) * (self.count * arrived / total)
        self.count = total

    def covariance(self, ddof: int = 1) -> Tensor:
        """Return the covariance (..., C, C), divided by the count less `ddof`."""
        return self.scatter / (self.count - ddof)


def shrinkage(centred: Tensor) -> tuple[float, float]:
    """Return Ledoit and Wolf's weight rho and the mean variance m for centred samples (N, C).

    `Sigma = (1 - rho) S + rho m I` with `S = X^T X / N`. Only row norms and the smaller of the two Gram matrices are
    used: O(N C min(N, C)), and no C x C matrix is made when C > N. Equal to scikit-learn's estimate; where
    S is a multiple of the identity already (all samples equal, or C = 1), rho is 0 as it is there.
    """
    count, channels = centred.shape
    norms = centred.square().sum(dim=1)  # (N,)
    gram = centred @ centred.T if count < channels else centred.T @ centred
    trace = norms.sum() / count
    squared = gram.square().sum() / count**2  # |S|_F^2
    spread = float(squared - trace**2 / channels)
    noise = float((norms.square().sum() / count - squared) / count)
    rho = max(min(noise, spread), 0.0) / spread if spread > RANK_CUT * float(squared) else 0.0
    return rho, float(trace) / channels


@dataclass(frozen=True)
class LowRankGaussian:
    """A Gaussian in eigen form, float32: exact in r directions, the same variance in all others.

    Attributes:
        mean: (2, C), the mean and what float32 rounds off it: pooled features vary little around a large mean.
        basis: (r, C) orthonormal rows.
        precision: (r,), one over the variance along each row; 0 leaves a direction out.
        rest: one over the variance in every direction outside the basis; 0 leaves them out.
    """

    mean: Tensor
    basis: Tensor
    precision: Tensor
    rest: float

    @classmethod
    def fit(cls, samples: Tensor, keep: str | None = None, share: float = 0.99) -> tuple[LowRankGaussian, float]:
        """Fit samples (N, C) with Ledoit-Wolf shrinkage; return the Gaussian and its rho.

        `keep` limits the distance to some principal components: "pca" to the leading ones that hold at least `share` of
        the sample variance, "npca" to those behind them. Where shrinkage would leave the covariance singular (two
        samples), rho becomes 1; samples that differ by no more than float32's rounding get rho 1 and unit variance.
        """
        samples = exact(samples)
        channels = samples.shape[1]
        mean = samples.mean(dim=0)
        centred = samples - mean
        if centred.square().mean() <= FLOAT32_ROUNDING**2 * mean.square().mean():
            centred = torch.zeros_like(centred)
        rho, variance = shrinkage(centred)
        variances, basis = _principal(centred)
        if len(variances) < channels and rho < RANK_CUT:
            rho = 1.0
        shrunk = (1 - rho) * variances + rho * variance
        precision = 1 / shrunk
        rest = 1 / (rho * variance) if rho * variance > 0 else 1.0
        if keep is not None:
            before = variances.cumsum(0) - variances  # what the components before each one hold
            leading = before < share * variances.sum() * (1 - RANK_CUT)
            precision = torch.where(leading == (keep == "pca"), precision, 0.0)
            rest = 0.0 if keep == "pca" else rest
        rest = rest if len(variances) < channels else 0.0
        rounded = mean.float()
        return cls(torch.stack([rounded, (mean - rounded).float()]), basis.float(), precision.float(), rest), rho

    def squared_distance(self, samples: Tensor) -> Tensor:
        """Return the squared Mahalanobis distance of each sample: (B, C) -> (B,)."""
        delta = (samples - self.mean[0]) - self.mean[1]
        along = delta @ self.basis.T  # (B, r)
        squared = along.square() @ self.precision
        if self.rest == 0:
            return squared
        return squared + self.rest * (delta - along @ self.basis).square().sum(dim=1)


def _principal(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sample variances, largest first, and their orthonormal directions (r, C), by the smaller product."""
    count, channels = centred.shape
    if count < channels:
        values, vectors = torch.linalg.eigh(centred @ centred.T)
    else:
        values, vectors = torch.linalg.eigh(centred.T @ centred)
    kept = values > RANK_CUT * values[-1]
    values, vectors = values[kept].flip(0), vectors[:, kept].flip(1)
    basis = (vectors.T @ centred) / values.sqrt()[:, None] if count < channels else vectors.T
    return values / count, basis


def whitening(covariance: Tensor) -> Tensor:
    """Return `L^-1` for covariances `L L^T` (..., C, C) in float64: `|L^-1 delta|^2` is the squared distance."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed.any():
        raise SettingRefused(
            "gaussian.singular",
            "The features' covariance cannot be inverted: some features are not finite, or epsilon is too small beside "
            "them. Raise epsilon, or count it relative to the variance.",
        )
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    return torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)


@dataclass(frozen=True)
class RidgeGaussians:
    """A Gaussian at each position of a grid in ridge form, float32, for fewer pictures than channels.

    Attributes:
        rows: A, the centred pictures over sqrt(N - 1), (H_l, W_l, N, d_l) per level, each on a grid that divides the
            grid of positions.
        factor: L^-1 of `L L^T = r I + A A^T`, (H, W, N, N). Its product L^-T L^-1 would not do: rounded, it errs as
            much in directions where pictures vary most as in those where they vary least, and there it costs digits.
        ridge: r, (H, W).
    """

    rows: tuple[Tensor, ...]
    factor: Tensor
    ridge: Tensor

    @classmethod
    def fit(cls, pictures: list[Tensor], ridge: Tensor, progress: Progress) -> tuple[list[Tensor], RidgeGaussians]:
        """Turn pictures (H_l, W_l, N, d_l) into rows, in place; return the means, (H_l, W_l, d_l), and the Gaussians.

        `ridge` is r, (H, W) in float64. Progress is told from the middle on: reading pictures is the first half.
        """
        grid, count = (ridge.shape[0], ridge.shape[1]), pictures[0].shape[2]
        means = [torch.empty(*level.shape[:2], level.shape[3], device=level.device) for level in pictures]
        for level, mean in zip(pictures, means, strict=True):
            for row, own in enumerate(level):  # (W_l, N, d_l)
                centre = exact(own).mean(dim=1)
                own.copy_((exact(own) - centre[:, None]) / sqrt(count - 1))
                mean[row] = centre
        factor = torch.empty(*grid, count, count, device=pictures[0].device)
        for block in blocks(pictures, grid, 40 * count**2):
            gram = torch.zeros(*ridge[block].shape, count, count, dtype=ridge.dtype, device=ridge.device)
            for level in pictures:
                rows = exact(cut(level, block, grid))  # (h_l, w_l, N, d_l)
                add_spread(gram, rows @ rows.mT)
            gram.diagonal(dim1=-2, dim2=-1).add_(ridge[block][..., None])
            factor[block] = whitening(gram).to(factor)
            progress(0.5 + 0.5 * block[0].stop / grid[0], "covariance")
        return means, cls(tuple(pictures), factor, ridge.to(factor))

    def distances(self, deltas: list[Tensor]) -> Tensor:
        """Return the distances (H, W, B) of `deltas` from the means, (H_l, W_l, B, d_l) per level."""
        grid, count, batch = (self.factor.shape[0], self.factor.shape[1]), self.factor.shape[2], deltas[0].shape[2]
        squared = deltas[0].new_empty(*grid, batch)
        for block in blocks(deltas, grid, 4 * batch * (2 * sum(d.shape[3] for d in deltas) + 4 * count)):
            pairs = [
                (cut(delta, block, grid), cut(own, block, grid)) for delta, own in zip(deltas, self.rows, strict=True)
            ]
            squared[block] = _ridge_distance(pairs, self.factor[block], self.ridge[block])
        return squared.sqrt_()

    def solve(self, delta: Tensor, cell: Size) -> Tensor:
        """Return Sigma^-1 delta at one position, in float64: (n, d) -> (n, d)."""
        grid = (self.factor.shape[0], self.factor.shape[1])
        rows = torch.cat([exact(covering(level, cell, grid)) for level in self.rows], dim=1)  # (N, d)
        ridge = exact(self.ridge[cell])
        regular = rows @ rows.T + ridge * torch.eye(len(rows), dtype=rows.dtype, device=rows.device)
        weights = torch.linalg.solve(regular, rows @ delta.T)  # (N, n)
        return (delta - weights.T @ rows) / ridge


@dataclass(frozen=True)
class CholeskyGaussians:
    """A Gaussian at each position of a grid in Cholesky form: `L^-1` of `L L^T = S + r I`, (H, W, d, d), float32."""

    whitening: Tensor

    @classmethod
    def fit(cls, pictures: list[Tensor], ridge: Tensor, progress: Progress) -> tuple[list[Tensor], CholeskyGaussians]:
        """Factor a covariance per position; all as in `RidgeGaussians.fit`, but the pictures are left as they are."""
        grid, count = (ridge.shape[0], ridge.shape[1]), pictures[0].shape[2]
        sizes = [level.shape[3] for level in pictures]
        means = [level.new_empty(*level.shape[:2], level.shape[3]) for level in pictures]
        factor = torch.empty(*grid, sum(sizes), sum(sizes), device=pictures[0].device)
        cost = 8 * sum(sizes) * (4 * sum(sizes) + 2 * min(count, PICTURES_AT_ONCE))
        for block in blocks(pictures, grid, cost):
            size = tuple(ridge[block].shape)
            moments = Moments()
            for start in range(0, count, PICTURES_AT_ONCE):
                parts = [cut(level, block, grid)[:, :, start : start + PICTURES_AT_ONCE] for level in pictures]
                moments.add(torch.cat([spread(part, size) for part in parts], dim=3))  # (h, w, n, d)
            for mean, own in zip(means, moments.mean.split(sizes, dim=2), strict=True):
                down, right = grid[0] // mean.shape[0], grid[1] // mean.shape[1]
                cut(mean, block, grid).copy_(own[::down, ::right])
            covariance = moments.covariance()
            covariance.diagonal(dim1=-2, dim2=-1).add_(ridge[block][..., None])
            factor[block] = whitening(covariance).to(factor)
            progress(0.5 + 0.5 * block[0].stop / grid[0], "covariance")
        return means, cls(factor)

    def distances(self, deltas: list[Tensor]) -> Tensor:
        """Return the distances (H, W, B) of `deltas` from the means, (H_l, W_l, B, d_l) per level."""
        grid, batch = (self.whitening.shape[0], self.whitening.shape[1]), deltas[0].shape[2]
        squared = deltas[0].new_empty(*grid, batch)
        for block in blocks(deltas, grid, 4 * batch * 3 * self.whitening.shape[2]):
            parts = [spread(cut(delta, block, grid), squared[block].shape) for delta in deltas]
            squared[block] = (torch.cat(parts, dim=3) @ self.whitening[block].mT).square().sum(dim=3)  # (h, w, B)
        return squared.sqrt_()

    def solve(self, delta: Tensor, cell: Size) -> Tensor:
        """Return Sigma^-1 delta at one position, in float64: (n, d) -> (n, d)."""
        factor = exact(self.whitening[cell])
        return delta @ factor.T @ factor


def left_out(pictures: list[Tensor], grid: Size, ridge: float) -> Tensor:
    """Return each picture's distances from the Gaussians that the others alone make, (H, W, N).

    With `A` the N centred rows, `K = (r' I + A A^T / (N - 1))^-1` and `r' = ridge (N - 2) / (N - 1)`, the distance of
    picture i is N / (N - 1)^(1/2) times the root of `(N - 2) (1 - r' K_ii) / (N r' K_ii - 1)`: removing a picture moves
    the mean and takes a rank-one term from the covariance (Sherman and Morrison). Everything is in float64.

    Args:
        pictures: (H_l, W_l, N, d_l) per level, each on a grid that divides the grid of positions.
        grid: (H, W) of the positions.
        ridge: what is added to each covariance's diagonal.
    """
    count = pictures[0].shape[2]
    share = ridge * (count - 2) / (count - 1)
    found = pictures[0].new_empty(*grid, count)
    for block in blocks(pictures, grid, 40 * count**2):
        size = block[0].stop - block[0].start, block[1].stop - block[1].start
        gram = torch.zeros(*size, count, count, dtype=torch.float64, device=exact(found[:0]).device)
        for level in pictures:
            rows = exact(cut(level, block, grid))  # (h_l, w_l, N, d_l)
            rows = (rows - rows.mean(dim=2, keepdim=True)) / sqrt(count - 1)
            add_spread(gram, rows @ rows.mT)
        # All rows add up to 0, so that K holds 1 / (N r') along (1, ..., 1); what is left of K_ii is computed without
        # it: N r' K_ii - 1 would lose its digits.
        gram += 1.0  # lifts that direction from 0
        gram.diagonal(dim1=-2, dim2=-1).add_(share)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram)).diagonal(dim1=-2, dim2=-1)  # (h, w, N)
        rest = inverse - 1 / (count * (count + share))  # of K_ii, without the direction (1, ..., 1)
        own = (1 - 1 / count - share * rest).clamp(min=0)  # 1 - r' K_ii
        squared = count**2 / (count - 1) * (count - 2) * own / (count * share * rest)
        found[block] = squared.sqrt().to(found)
    return found


def _ridge_distance(pairs: list[tuple[Tensor, Tensor]], factor: Tensor, ridge: Tensor) -> Tensor:
    """Return the squared distances (h, w, B) of a block, `|s|^2 + |delta - A^T s|^2 / r`.

    `pairs` are delta, (h_l, w_l, B, d_l), and A, (h_l, w_l, N, d_l), per level.
    """
    height, width, count, _ = factor.shape
    batch = pairs[0][0].shape[2]
    projected = torch.zeros(height, width, batch, count, device=factor.device)
    for delta, own in pairs:
        add_spread(projected, delta @ own.mT)  # A delta, (h_l, w_l, B, N), once for all fine cells of a coarse one
    weights = projected @ factor.mT @ factor  # s = L^-T L^-1 A delta, (h, w, B, N)
    residual = torch.zeros(height, width, batch, device=factor.device)
    for delta, own in pairs:
        high, wide = own.shape[:2]
        down, right = height // high, width // wide
        shared = weights.view(high, down, wide, right, batch, count).transpose(1, 2)
        rest = shared.reshape(high, wide, -1, count) @ own  # A^T s, (h_l, w_l, fine cells * B, d_l)
        rest = rest.view(high, wide, down * right, batch, -1) - delta[:, :, None]
        rest = torch.linalg.vector_norm(rest, dim=4).square_().view(high, wide, down, right, batch)
        residual += rest.transpose(1, 2).reshape(height, width, batch)
    return weights.square().sum(dim=3) + residual / ridge[..., None]
