"""Gaussians: streaming moments, shrinkage, and distances that stay exact when there are fewer pictures than channels.

Three forms of `q = delta^T Sigma^-1 delta`, none of which inverts a C x C matrix or subtracts near-equal numbers:

    eigen    Sigma = V^T diag(s) V + r (I - V^T V):  q = sum t_j^2 / s_j + |delta - V^T t|^2 / r,  t = V delta
    ridge    Sigma = A^T A + r I:                    q = |s|^2 + |delta - A^T s|^2 / r,  s = (r I + A A^T)^-1 A delta
    Cholesky Sigma = L L^T:                          q = |L^-1 delta|^2

The ridge form is Woodbury's identity rewritten as the least-squares problem that it solves: q is the minimum over s, so
rounding errors in s enter q only squared. Unlike the eigen form it needs one Cholesky factor of N x N per Gaussian
(ten times cheaper than an eigen-decomposition), and A may be kept unprojected, shared by all that share samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

RANK_CUT = 1e-12  # eigenvalues below this share of the largest are rounding: centred rows have rank N - 1 at most
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


def ridge_inverse(gram: Tensor, ridge: Tensor) -> Tensor:
    """Return `(r I + A A^T)^-1` for Gram matrices (P, N, N) in float64 and ridges r (P,), by Cholesky."""
    regular = gram.clone()
    regular.diagonal(dim1=-2, dim2=-1).add_(ridge[:, None])
    return torch.cholesky_inverse(torch.linalg.cholesky(regular))


def whitening(covariance: Tensor) -> Tensor:
    """Return `L^-1` for covariances `L L^T` (P, C, C) in float64: `|L^-1 delta|^2` is the squared distance."""
    factor = torch.linalg.cholesky(covariance)
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    return torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
