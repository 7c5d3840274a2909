"""The coreset against the plain greedy loop in float64 and hand-worked toys."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.coreset import fingerprints, first_of_each, greedy_coreset, project
from detectors.methods.neighbors import nearest


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
    difference = points.double().numpy()[:, None] - points[picks].double().numpy()[None]
    return np.sqrt((difference**2).sum(2).min(1).max())


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
    assert torch.equal(points, before)


def test_rows_that_may_be_overwritten_give_the_same_picks_without_a_copy() -> None:
    points = torch.rand(300, 8, generator=torch.Generator().manual_seed(0))
    spent = points.clone()
    picks = greedy_coreset(spent, 40, overwrite=True)
    assert torch.equal(picks, greedy_coreset(points, 40))
    assert torch.allclose(spent, points - points.mean(0), atol=0.1)  # what lay there is centred, where it lies
    assert not torch.equal(spent, points)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 40))
def test_first_of_each_finds_what_a_dictionary_finds(seed: int, rows: int) -> None:
    points = np.random.default_rng(seed).integers(0, 3, (rows, 2)).astype(np.float32)
    points[::2] *= -1  # -0.0 equals 0.0
    expected = sorted({tuple(row): i for i, row in reversed(list(enumerate(points + 0.0)))}.values())
    assert first_of_each(fingerprints(torch.from_numpy(points))).tolist() == expected


@pytest.mark.gpu
def test_accelerator_agrees_with_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    b = torch.rand(9000, 300, generator=torch.Generator().manual_seed(0))
    picks = greedy_coreset(b.cuda(), 500).cpu()
    assert nearest(b, b[picks])[0].max().item() == pytest.approx(
        nearest(b, b[greedy_coreset(b, 500)])[0].max().item(), rel=1e-2
    )
