"""Nearest neighbours against float64 brute force and hand-worked toys; the unit of all estimates."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from detectors.errors import SettingRefused
from detectors.methods import neighbors
from detectors.methods.neighbors import Bank, farthest, nearest, nearest_at_once
from detectors.methods.speed import product_rate, seconds


def brute_force(queries: Tensor, bank: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices in float64 by broadcasting; a stable sort, so the lowest index wins."""
    difference = queries.double().numpy()[:, None] - bank.double().numpy()[None]
    distances = np.sqrt((difference**2).sum(2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, 1), order


@settings(deadline=None, max_examples=60)
@given(data=st.data(), queries=st.integers(1, 9), rows=st.integers(1, 300), width=st.integers(1, 5))
def test_nearest_equals_brute_force_with_ties(data: st.DataObject, queries: int, rows: int, width: int) -> None:
    # Few whole numbers: many ties and duplicates, and all arithmetic is exact, so indices must agree too.
    k = data.draw(st.integers(1, min(rows, 12)))
    budget = data.draw(st.sampled_from([None, 1, 4 * 64 * 3]))  # one block, or many on both sides
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    offset = data.draw(st.sampled_from([0, 5000]))  # a mean far from zero must not cost digits
    q = torch.from_numpy(rng.integers(-2, 3, (queries, width)) + offset).float()
    b = torch.from_numpy(rng.integers(-2, 3, (rows, width)) + offset).float()
    distances, indices = nearest(q, b, k, budget)
    expected, order = brute_force(q, b, k)
    np.testing.assert_array_equal(indices.numpy(), order)
    np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_what_a_graph_computes_at_once_is_the_same(k, monkeypatch):
    monkeypatch.setattr(neighbors, "TRACED_WIDTH", 7)  # several blocks of rows, the last one shorter than k
    generator = torch.Generator().manual_seed(0)
    q, b = torch.randn(2, 9, 4, generator=generator), torch.randn(2, 23, 4, generator=generator)
    together = nearest_at_once(q, b, b.square().sum(2), k)  # two banks, each with its own queries
    for i in range(2):
        expected = nearest(q[i], b[i], k)
        alone = nearest_at_once(q[i], b[i], b[i].square().sum(1), k)
        for found in (alone, (together[0][i], together[1][i])):
            torch.testing.assert_close(found[0], expected[0])
            assert torch.equal(found[1], expected[1])


@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize("budget", [None, 64 * 4 * 5])
def test_nearest_on_real_numbers(k: int, budget: int | None) -> None:
    generator = torch.Generator().manual_seed(k)
    q = torch.randn(33, 70, generator=generator) + 30
    b = torch.randn(517, 70, generator=generator) + 30
    distances, indices = nearest(q, b, k, budget)
    expected, order = brute_force(q, b, k)
    np.testing.assert_allclose(distances.numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(indices.numpy(), order)


@pytest.mark.parametrize("rows", [1, 300, 2000])
def test_the_farthest_of_each_group_is_the_largest_nearest_distance(rows: int) -> None:
    draw = torch.Generator().manual_seed(rows)
    bank = Bank.of(torch.randn(rows, 12, generator=draw))
    queries = torch.randn(3, 60, 12, generator=draw)
    queries[2, 5:9] = queries[2, 4]  # equal ones, the strangest of their group
    queries[2, 4:9] += 3
    every = nearest(queries.flatten(0, 1), bank)[0].view(3, 60)
    assert torch.equal(farthest(queries, bank), every.amax(1))
    assert torch.equal(farthest(bank.rows[:1, None] + bank.centre, bank), torch.zeros(1))


def test_nearest_by_hand() -> None:
    bank = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [3.0, 4.0]])
    distances, indices = nearest(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), bank, 3)
    assert indices.tolist() == [[1, 3, 2], [0, 2, 1]]  # row 3 repeats row 1
    assert torch.allclose(distances, torch.tensor([[0.0, 0.0, math.sqrt(18)], [0.0, 1.0, 5.0]]))


def test_distance_to_oneself_is_exactly_zero() -> None:
    rows = torch.rand(200, 128, generator=torch.Generator().manual_seed(0)) * 5 + 30  # plain expansion: about 0.1
    distances, indices = nearest(rows, rows)
    assert (distances == 0).all()
    assert indices[:, 0].tolist() == list(range(200))


def test_a_prepared_bank_gives_the_same_and_float64_works() -> None:
    generator = torch.Generator().manual_seed(0)
    q, b = torch.rand(20, 8, generator=generator).double(), torch.rand(90, 8, generator=generator).double()
    for found, expected in zip(nearest(q, Bank.of(b), 2), nearest(q, b, 2), strict=True):
        assert torch.equal(found, expected)
    np.testing.assert_allclose(nearest(q, b, 2)[0].numpy(), brute_force(q, b, 2)[0], rtol=1e-12)


def test_one_query_does_not_depend_on_the_others() -> None:
    generator = torch.Generator().manual_seed(0)
    q, b = torch.rand(300, 16, generator=generator), torch.rand(700, 16, generator=generator)
    whole = nearest(q, b, 2)
    parts = [nearest(q[i : i + 7], b, 2) for i in range(0, 300, 7)]
    assert torch.equal(whole[0], torch.cat([p[0] for p in parts]))
    assert torch.equal(whole[1], torch.cat([p[1] for p in parts]))


def test_no_queries_and_one_row() -> None:
    assert nearest(torch.zeros(0, 4), torch.zeros(3, 4))[0].shape == (0, 1)
    assert nearest(torch.ones(1, 4), torch.zeros(1, 4))[0].tolist() == [[2.0]]


@pytest.mark.parametrize("k", [0, 4])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(SettingRefused) as refused:
        nearest(torch.zeros(2, 4), torch.zeros(3, 4), k)
    assert str(refused.value) == f"{k} nearest neighbours were asked for among 3. Ask for 1 to 3."


def test_inputs_stay_untouched() -> None:
    points = torch.rand(90, 200, generator=torch.Generator().manual_seed(2))
    before = points.clone()
    nearest(points, points, 3)
    assert torch.equal(points, before)


def test_product_rate_is_measured_once() -> None:
    assert product_rate() > 1e7
    assert product_rate() == product_rate()
    assert seconds(product_rate()) == 1


@pytest.mark.gpu
def test_accelerator_agrees_with_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    kept = torch.backends.cuda.matmul.fp32_precision
    generator = torch.Generator().manual_seed(0)
    q, b = torch.rand(500, 300, generator=generator), torch.rand(9000, 300, generator=generator)
    distances, _ = nearest(q.cuda(), b.cuda(), 3)
    np.testing.assert_allclose(distances.cpu().numpy(), nearest(q, b, 3)[0].numpy(), rtol=1e-5)
    assert torch.backends.cuda.matmul.fp32_precision == kept
