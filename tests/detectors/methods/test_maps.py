"""Maps against scipy, torch's own resizing and hand-worked cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from detectors.errors import SettingRefused
from detectors.methods import maps

MEAN3 = np.ones((3, 3)) / 9


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@given(
    height=st.integers(1, 40), width=st.integers(1, 40), sigma=st.sampled_from([0.3, 1.0, 4.0]), seed=st.integers(0, 9)
)
@settings(max_examples=30, deadline=None)
def test_smoothing_equals_scipy_even_where_the_kernel_is_larger_than_the_map(
    height: int, width: int, sigma: float, seed: int
) -> None:
    given_maps = random(2, height, width, seed=seed)
    expected = [ndimage.gaussian_filter(m, sigma, mode="reflect", truncate=4.0) for m in given_maps.numpy()]
    np.testing.assert_allclose(maps.smooth(given_maps, sigma).numpy(), expected, rtol=1e-12)


@given(cells=st.tuples(st.integers(1, 30), st.integers(1, 30)), size=st.tuples(st.integers(1, 70), st.integers(1, 70)))
@settings(max_examples=30, deadline=None)
def test_enlarging_equals_torch(cells: tuple[int, int], size: tuple[int, int]) -> None:
    grid = random(3, *cells)
    expected = torch.nn.functional.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(maps.enlarge(grid, size), expected, rtol=1e-12, atol=1e-12)


def test_enlarging_two_cells_by_hand() -> None:
    np.testing.assert_allclose(maps.enlarge(torch.tensor([[[0.0, 4.0]]]), (1, 4))[0, 0], [0, 1, 3, 4])


@pytest.mark.parametrize(("cells", "size"), [((56, 56), (224, 224)), ((7, 9), (100, 130)), ((1, 1), (5, 5))])
def test_the_map_in_float32_is_enlarging_then_scipys_smoothing_to_rounding(
    cells: tuple[int, int], size: tuple[int, int]
) -> None:
    grid = random(2, *cells)
    enlarged = torch.nn.functional.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    expected = [ndimage.gaussian_filter(m, 4) for m in enlarged.numpy()]
    np.testing.assert_allclose(maps.anomaly_map(grid.float(), size).numpy(), expected, rtol=2e-6)


def test_a_map_does_not_depend_on_its_batch() -> None:
    grid = random(5, 14, 14, dtype=torch.float32)
    alone = torch.cat([maps.anomaly_map(g[None], 56) for g in grid])
    torch.testing.assert_close(maps.anomaly_map(grid, 56), alone, rtol=1e-6, atol=0)


def test_smoothing_keeps_the_sum_and_a_constant() -> None:
    spike = torch.zeros(1, 9, 9, dtype=torch.float64)
    spike[0, 0, 8] = 1
    assert maps.smooth(spike).sum().item() == pytest.approx(1)
    torch.testing.assert_close(maps.smooth(torch.full((1, 5, 3), 7.0)), torch.full((1, 5, 3), 7.0))


def test_neighbourhood_mean_counts_the_zeros_beyond_the_border() -> None:
    given_maps = random(2, 3, 6, 5)
    expected = [[ndimage.convolve(c, MEAN3, mode="constant") for c in m] for m in given_maps.numpy()]
    np.testing.assert_allclose(maps.neighbourhood_mean(given_maps).numpy(), expected)
    assert maps.neighbourhood_mean(torch.ones(1, 1, 2, 2))[0, 0, 0, 0].item() == pytest.approx(4 / 9)


def test_nearest_alignment_copies_each_coarse_cell_and_joins_channels_in_order() -> None:
    fine, middle, coarse = random(2, 3, 8, 8), random(2, 2, 4, 4, seed=1), random(2, 1, 2, 2, seed=2)
    joined = maps.align_nearest((fine, middle, coarse), (8, 8))
    expected = [fine, middle, coarse]
    for level in (1, 2):
        expected[level] = torch.kron(expected[level], torch.ones(1, 1, 2**level, 2**level, dtype=torch.float64))
    assert torch.equal(joined, torch.cat(expected, dim=1))


def test_a_level_finer_than_the_grid_is_averaged() -> None:
    fine = torch.arange(16.0).reshape(1, 1, 4, 4)
    expected = torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]])
    assert torch.equal(maps.align_nearest((fine,), (2, 2)), expected)
    assert torch.equal(maps.resample(fine, (2, 2)), expected)


def test_resampling_to_a_finer_grid_is_bilinear() -> None:
    coarse = random(2, 3, 5, 4)
    finer = maps.resample(coarse, (10, 12)).flatten(0, 1)
    torch.testing.assert_close(finer, maps.enlarge(coarse.flatten(0, 1), (10, 12)))


@given(grid=st.integers(1, 30), factor=st.integers(1, 9), y=st.integers(0, 269), x=st.integers(0, 269))
@settings(max_examples=50, deadline=None)
def test_a_pixel_lies_in_the_box_of_its_cell(grid: int, factor: int, y: int, x: int) -> None:
    size = grid * factor
    y, x = y % size, x % size
    top, left, bottom, right = maps.cell_box(
        (grid, grid), (size, size), *maps.cell_at((grid, grid), (size, size), y, x)
    )
    assert top <= y + 0.5 <= bottom
    assert left <= x + 0.5 <= right


def test_cells_that_do_not_divide_the_picture() -> None:
    assert maps.cell_at((3, 2), (10, 5), 3, 2) == (
        1,
        1,
    )  # centres 3.5 and 2.5: thirds of 10 begin at 3.33, halves at 2.5
    assert maps.cell_box((3, 2), (12, 5), 2, 1) == (8.0, 2.5, 12.0, 5.0)


def test_a_pixel_outside_is_refused() -> None:
    with pytest.raises(
        SettingRefused,
        match=r"Pixel \(-1, 3\) lies outside the picture, which has 8 rows and 9 columns\. Choose a place inside it\.",
    ):
        maps.cell_at((2, 2), (8, 9), -1, 3)
