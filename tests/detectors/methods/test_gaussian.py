"""Gaussians against scikit-learn and dense float64 solves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf

from detectors.methods.gaussian import LowRankGaussian, Moments, RidgeGaussians, shrinkage, whitening


def features(count: int, channels: int, seed: int = 0, mean: float = 5.0) -> np.ndarray:
    """Correlated columns with spreads from 0.01 to 1 around a mean, like pooled features."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, channels)) @ rng.normal(size=(channels, channels)) / channels**0.5
    return (mean + mixed * np.geomspace(0.01, 1, channels)).astype(np.float32)


def dense(samples: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Squared distances by a dense solve with scikit-learn's covariance."""
    wolf = LedoitWolf().fit(samples.astype(np.float64))
    delta = queries.astype(np.float64) - wolf.location_
    return (delta * np.linalg.solve(wolf.covariance_, delta.T).T).sum(axis=1)


@pytest.mark.parametrize(("count", "channels"), [(50, 30), (50, 400), (209, 120), (3, 3), (3, 40), (40, 1)])
def test_shrinkage_equals_scikit_learn(count: int, channels: int) -> None:
    samples = features(count, channels).astype(np.float64)
    rho, variance = shrinkage(torch.from_numpy(samples - samples.mean(axis=0)))
    assert rho == pytest.approx(LedoitWolf().fit(samples).shrinkage_, rel=1e-9, abs=1e-12)
    assert variance == pytest.approx(samples.var(axis=0).mean(), rel=1e-12)


@given(count=st.integers(3, 12), channels=st.integers(2, 12), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_shrinkage_equals_scikit_learn_at_any_shape(count: int, channels: int, seed: int) -> None:
    samples = np.random.default_rng(seed).normal(size=(count, channels))
    rho, _ = shrinkage(torch.from_numpy(samples - samples.mean(axis=0)))
    assert rho == pytest.approx(LedoitWolf().fit(samples).shrinkage_, rel=1e-9, abs=1e-12)


def test_shrinkage_by_hand() -> None:
    # rows (2, 0), (-2, 0), (0, 1), (0, -1): S = diag(2, 0.5), m = 1.25, |S|^2 = 4.25, sum of |x|^4 = 34,
    # noise = (34 / 4 - 4.25) / 4 = 1.0625, spread = 4.25 - 2.5^2 / 2 = 1.125
    centred = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    rho, variance = shrinkage(centred)
    assert rho == pytest.approx(1.0625 / 1.125)
    assert variance == 1.25


@pytest.mark.parametrize(("count", "channels"), [(50, 30), (50, 400), (20, 20), (3, 40)])
def test_the_eigen_form_equals_a_dense_solve(count: int, channels: int) -> None:
    samples = features(count, channels)
    queries = np.concatenate([features(6, channels, seed=1), samples[:3]])  # also pictures that were fitted
    gaussian, _ = LowRankGaussian.fit(torch.from_numpy(samples))
    squared = gaussian.squared_distance(torch.from_numpy(queries)).numpy()
    np.testing.assert_allclose(squared, dense(samples, queries), rtol=1e-5)


def test_a_small_spread_around_a_large_mean_keeps_its_digits() -> None:
    samples = features(50, 80, mean=0) * 1e-2 + np.float32(100)
    queries = features(5, 80, seed=1, mean=0) * 1e-2 + np.float32(100)
    gaussian, _ = LowRankGaussian.fit(torch.from_numpy(samples))
    squared = gaussian.squared_distance(torch.from_numpy(queries)).numpy()
    np.testing.assert_allclose(squared, dense(samples, queries), rtol=1e-4)


@pytest.mark.parametrize(("count", "channels"), [(50, 12), (12, 50)])
@pytest.mark.parametrize("keep", ["pca", "npca"])
def test_components_equal_projecting_on_eigenvectors(count: int, channels: int, keep: str) -> None:
    samples, queries = features(count, channels), features(5, channels, seed=1)
    wolf = LedoitWolf().fit(samples.astype(np.float64))
    centred = samples.astype(np.float64) - wolf.location_
    variances, vectors = np.linalg.eigh(centred.T @ centred / count)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    leading = int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.9)) + 1
    chosen = vectors[:, :leading] if keep == "pca" else vectors[:, leading:]
    assert 0 < leading < min(count, channels)
    projected = (queries.astype(np.float64) - wolf.location_) @ chosen
    expected = (projected**2 / np.diag(chosen.T @ wolf.covariance_ @ chosen)).sum(axis=1)
    gaussian, _ = LowRankGaussian.fit(torch.from_numpy(samples), keep, 0.9)
    np.testing.assert_allclose(gaussian.squared_distance(torch.from_numpy(queries)).numpy(), expected, rtol=1e-4)


def test_pca_and_its_complement_add_up_to_the_whole() -> None:
    samples, queries = torch.from_numpy(features(20, 30)), torch.from_numpy(features(5, 30, seed=1))
    whole, leading, trailing = (
        LowRankGaussian.fit(samples, keep)[0].squared_distance(queries) for keep in (None, "pca", "npca")
    )
    torch.testing.assert_close(leading + trailing, whole, rtol=1e-5, atol=0)


def test_two_samples_leave_a_sphere_around_their_mean() -> None:
    # The estimate for two samples is rho = 0, a singular covariance; widened, m = (1 + 0 + 0) / 3.
    gaussian, rho = LowRankGaussian.fit(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 2.0]]))
    assert rho == 1
    squared = gaussian.squared_distance(torch.tensor([[1.0, 1.0, 2.0], [2.0, 1.0, 2.0], [1.0, 3.0, 2.0]]))
    np.testing.assert_allclose(squared, [0, 3, 12], rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_samples_that_do_not_differ_get_unit_variance(value: float) -> None:
    gaussian, _ = LowRankGaussian.fit(torch.full((7, 3), value))
    squared = gaussian.squared_distance(torch.tensor([[value, value, value], [value + 2, value, value]]))
    np.testing.assert_allclose(squared, [0, (torch.tensor(value) + 2 - value).item() ** 2], rtol=1e-5)


def test_a_dead_channel_is_no_obstacle() -> None:
    samples, queries = features(50, 10), features(5, 10, seed=1)
    samples[:, 4] = 0
    gaussian, _ = LowRankGaussian.fit(torch.from_numpy(samples))
    squared = gaussian.squared_distance(torch.from_numpy(queries)).numpy()
    np.testing.assert_allclose(squared, dense(samples, queries), rtol=1e-5)


@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_moments_in_batches_equal_numpys(sizes: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).normal(size=(2, sum(sizes) + 1, 3)).astype(np.float32) + 1000
    moments = Moments()
    for part in np.split(samples, np.cumsum(sizes), axis=1):
        moments.add(torch.from_numpy(part))
    for one in range(2):
        exact = samples[one].astype(np.float64)
        np.testing.assert_allclose(moments.mean[one], exact.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(moments.covariance()[one], np.cov(exact.T), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [0.1, 1, 100])
def test_the_ridge_form_equals_a_dense_solve_in_float32(scale: float) -> None:
    rng = np.random.default_rng(0)
    rows = scale * rng.normal(size=(1, 4, 8, 30)) * np.geomspace(0.05, 5, 30)
    delta = scale * rng.normal(size=(1, 4, 5, 30))
    delta[:, :, 3:] = rows[:, :, :2]  # these lie in the samples' span: nothing is left of them but rounding
    ridge = np.array([[0.01, 0.1, 1, 0.01]])
    sigma = rows.swapaxes(2, 3) @ rows + ridge[..., None, None] * np.eye(30)
    expected = (delta * np.linalg.solve(sigma, delta.swapaxes(2, 3)).swapaxes(2, 3)).sum(axis=3)
    factor = whitening(torch.from_numpy(rows @ rows.swapaxes(2, 3) + ridge[..., None, None] * np.eye(8))).float()
    given = torch.from_numpy(delta).float(), torch.from_numpy(rows).float()
    squared = RidgeGaussians((given[1],), factor, torch.from_numpy(ridge).float()).distances([given[0]]).square()
    np.testing.assert_allclose(squared.numpy(), expected, rtol=1e-4)


def test_whitening_equals_a_dense_solve() -> None:
    rng = np.random.default_rng(0)
    rows, delta = rng.normal(size=(3, 20, 6)), rng.normal(size=(3, 6))
    sigma = rows.transpose(0, 2, 1) @ rows
    expected = [d @ np.linalg.solve(s, d) for d, s in zip(delta, sigma, strict=True)]
    white = whitening(torch.from_numpy(sigma)) @ torch.from_numpy(delta)[..., None]
    np.testing.assert_allclose(white.square().sum(dim=(1, 2)), expected, rtol=1e-12)
