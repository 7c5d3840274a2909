"""Nearest neighbours and the coreset against float64 brute force, hand-worked toys and the plain greedy loop."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.neighbors import (
    Bank,
    fingerprints,
    first_of_each,
    greedy_coreset,
    nearest,
    product_rate,
    project,
)


def brute_force(queries: Tensor, bank: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices in float64 by broadcasting; a stable sort, so the lowest index wins."""
    difference = queries.double().numpy()[:, None] - bank.double().numpy()[None]
    distances = np.sqrt((difference**2).sum(2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distances, order, 1), order


def plain_greedy(points: np.ndarray, count: int, near: np.ndarray) -> list[int]:
    """The textbook loop in float64, from squared distances `near`; numpy's argmax takes the lowest index."""
    near, picks = near.copy(), []
    for _ in range(count):
        picks.append(int(near.argmax()))
        near = np.minimum(near, ((points - points[picks[-1]]) ** 2).sum(1))
        near[picks] = -1
    return picks


def official_start(points: np.ndarray, seed: int) -> np.ndarray:
    rows = torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))[:10].numpy()
    distances = np.sqrt(((points[:, None] - points[rows][None]) ** 2).sum(2))
    return distances.mean(1) ** 2


def radius(points: Tensor, picks: Tensor) -> float:
    return brute_force(points, points[picks], 1)[0].max()


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


def test_features_that_are_not_finite_are_refused() -> None:
    rows = torch.zeros(5, 3)
    rows[2, 1] = torch.nan
    with pytest.raises(SettingRefused) as refused:
        greedy_coreset(rows, 2)
    assert refused.value.sentence.key == "neighbors.not_finite"


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 60),
    width=st.integers(1, 3),
    start=st.sampled_from(["official", "textbook"]),
)
def test_coreset_picks_those_of_the_plain_loop_on_a_grid(seed: int, rows: int, width: int, start: str) -> None:
    # Whole numbers: many duplicates and ties. From the textbook start all arithmetic is exact, so the picks are too.
    points = np.random.default_rng(seed).integers(-3, 4, (rows, width)).astype(float)
    distinct = sorted({tuple(row): i for i, row in reversed(list(enumerate(points)))}.values())
    count = 1 + seed % rows
    picks = greedy_coreset(torch.from_numpy(points).float(), count, seed, start=start).tolist()
    assert len(picks) == min(count, len(distinct))
    assert set(picks) <= set(distinct)
    assert len(set(picks)) == len(picks)
    if start == "textbook":
        kept = points[distinct]
        first = distinct.index(picks[0])
        near = ((kept - kept[first]) ** 2).sum(1)
        near[first] = -1
        assert picks[1:] == [distinct[i] for i in plain_greedy(kept, len(picks) - 1, near)]


@pytest.mark.parametrize("start", ["official", "textbook"])
def test_coreset_goes_through_many_refreshes_like_the_plain_loop(start: str) -> None:
    # 3,000 rows, of which 1,024 are candidates at a time, in 3 dimensions, where distances fall fast.
    points = torch.rand(3000, 3, generator=torch.Generator().manual_seed(1))
    stages = []
    picks = greedy_coreset(
        points, 900, 5, start=start, progress=lambda done, stage="", **n: stages.append((done, stage))
    )
    assert len(stages) >= 2
    assert stages[0][1] == "coreset"
    exact = points.double().numpy()
    near = official_start(exact, 5)
    if start == "textbook":
        near = ((exact - exact[int(picks[0])]) ** 2).sum(1)
        near[int(picks[0])] = np.inf
    expected = plain_greedy(exact, 900, near)
    assert np.mean(np.array(expected) == picks.numpy()) > 0.98  # near ties in float32
    assert radius(points, picks) == pytest.approx(radius(points, torch.tensor(expected)), rel=1e-4)


def test_coreset_is_seeded_and_projection_keeps_the_radius() -> None:
    points = torch.rand(800, 200, generator=torch.Generator().manual_seed(2))
    projected = greedy_coreset(points, 80, 3)
    assert torch.equal(projected, greedy_coreset(points, 80, 3))
    assert not torch.equal(projected, greedy_coreset(points, 80, 4))
    plain = greedy_coreset(points, 80, 3, projection=None)
    assert radius(points, projected) == pytest.approx(radius(points, plain), rel=0.05)


def test_projection_keeps_lengths_on_average_and_small_widths_as_they_are() -> None:
    rows = torch.rand(500, 600, generator=torch.Generator().manual_seed(0)) - 0.5
    assert project(rows, 128, 0).shape == (500, 128)
    ratio = project(rows, 128, 0).square().sum(1) / rows.square().sum(1)
    assert ratio.mean().item() == pytest.approx(1, abs=0.1)
    assert project(rows, 600) is rows
    assert project(rows, None) is rows


def test_coreset_by_hand() -> None:
    # On the line at 0, 1, 2, 10: farthest from whichever comes first, then the middle of what is left.
    points = torch.tensor([[0.0], [1.0], [2.0], [10.0]])
    picks = greedy_coreset(points, 4, seed=0, start="textbook").tolist()
    assert picks[:2] in ([0, 3], [1, 3], [2, 3], [3, 0])
    # Official start: the mean distances to all four (fewer than ten) are 3.25, 2.75, 2.75, 6.75: caps, not picks.
    # 10 goes first, then 0 (3.25 against 2.75), then 1 and 2 stand at 1 and 2.
    assert greedy_coreset(points, 4).tolist() == [3, 0, 2, 1]


def test_identical_rows_give_one_pick() -> None:
    assert greedy_coreset(torch.full((50, 7), 0.3), 10).tolist() == [0]
    assert greedy_coreset(torch.zeros(1, 7), 1).tolist() == [0]


def test_an_empty_coreset_is_refused() -> None:
    with pytest.raises(SettingRefused) as refused:
        greedy_coreset(torch.zeros(3, 2), 0)
    assert str(refused.value) == "A coreset of 0 out of 3 rows was asked for. Ask for at least 1 of at least 1."


def test_coreset_can_be_cancelled() -> None:
    def stop(done: float, stage: str = "", **numbers: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        greedy_coreset(torch.rand(50, 3), 10, progress=stop)


def test_inputs_stay_untouched() -> None:
    points = torch.rand(90, 200, generator=torch.Generator().manual_seed(2))
    before = points.clone()
    greedy_coreset(points, 9)
    nearest(points, points, 3)
    assert torch.equal(points, before)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 40))
def test_first_of_each_finds_what_a_dictionary_finds(seed: int, rows: int) -> None:
    points = np.random.default_rng(seed).integers(0, 3, (rows, 2)).astype(np.float32)
    points[::2] *= -1  # -0.0 equals 0.0
    expected = sorted({tuple(row): i for i, row in reversed(list(enumerate(points + 0.0)))}.values())
    assert first_of_each(fingerprints(torch.from_numpy(points))).tolist() == expected


def test_product_rate_is_measured_once() -> None:
    assert product_rate() > 1e7
    assert product_rate() == product_rate()


@pytest.mark.gpu
def test_accelerator_agrees_with_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    kept = torch.backends.cuda.matmul.fp32_precision
    generator = torch.Generator().manual_seed(0)
    q, b = torch.rand(500, 300, generator=generator), torch.rand(9000, 300, generator=generator)
    distances, _ = nearest(q.cuda(), b.cuda(), 3)
    np.testing.assert_allclose(distances.cpu().numpy(), nearest(q, b, 3)[0].numpy(), rtol=1e-5)
    picks = greedy_coreset(b.cuda(), 500).cpu()
    assert nearest(b, b[picks])[0].max().item() == pytest.approx(
        nearest(b, b[greedy_coreset(b, 500)])[0].max().item(), rel=1e-2
    )
    assert torch.backends.cuda.matmul.fp32_precision == kept
