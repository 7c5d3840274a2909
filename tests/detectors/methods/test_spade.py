"""SPADE against float64 brute force, hand-worked toys and the traps of small data."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.base import Features, FeatureShape, NotFitted
from detectors.methods.spade import Spade

MAPS = ((3, 8, 8), (5, 4, 4), (6, 2, 2))
SIZE = (32, 32)


class Source:
    """Features in memory, in batches of two."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self.shape: FeatureShape = features.shape
        self.device = features.device

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Features]:
        return (self.features[i : i + 2] for i in range(0, len(self), 2))


def draw(count: int, seed: int, maps: tuple[tuple[int, int, int], ...] = MAPS) -> Features:
    generator = torch.Generator().manual_seed(seed)
    levels = tuple(torch.rand(count, *m, generator=generator) + 2 for m in maps)
    return Features(levels, tuple(torch.rand(count, c, generator=generator) for c in (4, 7)), SIZE)


def ordered(features: Features, order: list[int]) -> Features:
    return Features(tuple(m[order] for m in features.maps), tuple(p[order] for p in features.pooled), SIZE)


def finished(grid: np.ndarray) -> np.ndarray:
    """Torch's bilinear enlarging and scipy's smoothing, in float64."""
    large = functional.interpolate(torch.from_numpy(grid)[None, None], SIZE, mode="bilinear", align_corners=False)
    return gaussian_filter(large[0, 0].numpy(), 4, mode="reflect")


def rows(level: Tensor) -> np.ndarray:
    return level.double().flatten(2).transpose(1, 2).numpy()  # (B, C, H, W) -> (B, P, C)


def least(queries: np.ndarray, gallery: np.ndarray, kappa: int) -> np.ndarray:
    distances = np.sqrt(((queries[:, None] - gallery[None]) ** 2).sum(2))
    return np.sort(distances, axis=1)[:, :kappa].mean(1)


def reference(normal: Features, test: Features, k: int, kappa: int, concatenate: bool) -> tuple[np.ndarray, np.ndarray]:
    z, gallery = test.pooled[-1].double().numpy(), normal.pooled[-1].double().numpy()
    distances = np.sqrt(((z[:, None] - gallery[None]) ** 2).sum(2))
    nearest = np.argsort(distances, axis=1)[:, :k]
    levels = [(a.double(), b.double()) for a, b in zip(test.maps, normal.maps, strict=True)]
    if concatenate:
        up = [
            torch.cat(
                [functional.interpolate(level[i], (8, 8), mode="bilinear", align_corners=False) for level in levels], 1
            )
            for i in range(2)
        ]
        levels = [(up[0], up[1])]
    maps = []
    for b, pictures in enumerate(nearest):
        own = []
        for tested, fitted in levels:
            found = least(rows(tested)[b], np.concatenate(list(rows(fitted)[pictures])), kappa)
            own.append(finished(found.reshape(tested.shape[2:])))
        maps.append(np.mean(own, axis=0))
    return np.take_along_axis(distances, nearest, 1).mean(1), np.stack(maps)


@pytest.mark.parametrize("combine", ["average", "concatenate"])
@pytest.mark.parametrize("kappa", [1, 3])
@pytest.mark.parametrize("k", [1, 4])
def test_scores_and_maps_equal_the_float64_reference(combine: str, kappa: int, k: int) -> None:
    normal, test = draw(7, 0), draw(3, 1)
    prediction = Spade(k=k, kappa=kappa, combine=combine).fit(Source(normal)).predict(test)
    scores, maps = reference(normal, test, k, kappa, combine == "concatenate")
    np.testing.assert_allclose(prediction.scores.numpy(), scores, rtol=1e-5)
    np.testing.assert_allclose(prediction.maps.numpy(), maps, rtol=1e-5)


def test_by_hand() -> None:
    # Two normal pictures of one channel on a 1 x 2 grid; the pooled features make picture 1 the nearest.
    normal = Features((torch.tensor([[[[0.0, 0.0]]], [[[1.0, 5.0]]]]),), (torch.tensor([[0.0], [10.0]]),), (8, 16))
    test = Features((torch.tensor([[[[4.0, 8.0]]]]),), (torch.tensor([[7.0]]),), (8, 16))
    method = Spade(levels=(0,), k=1).fit(Source(normal))
    assert method.predict(test).scores.tolist() == [3.0]
    assert method.grids(test)[0].tolist() == [[[1.0, 3.0]]]  # to 5, wherever it is
    method.k = 2
    assert method.predict(test).scores.tolist() == [5.0]  # (3 + 7) / 2
    evidence = method.explain(test, 3, 12)
    assert (evidence.value, evidence.box) == (3.0, (0.0, 8.0, 8.0, 16.0))
    nearest = evidence.neighbors[0]
    assert (nearest.picture, nearest.box, nearest.distance, nearest.level) == (1, (0.0, 8.0, 8.0, 16.0), 3.0, 0)


def test_map_maximum_as_the_score() -> None:
    prediction = Spade(image_score="map max").fit(Source(draw(6, 0))).predict(draw(3, 1))
    assert torch.equal(prediction.scores, prediction.maps.amax((1, 2)))


def test_a_fitted_picture_is_at_distance_zero() -> None:
    normal = draw(5, 0)
    prediction = Spade(k=1).fit(Source(normal)).predict(normal)
    assert (prediction.scores == 0).all()
    assert (prediction.maps == 0).all()


@pytest.mark.parametrize("combine", ["average", "concatenate"])
def test_the_batch_and_the_order_of_normal_pictures_do_not_matter(combine: str) -> None:
    normal, test = draw(7, 0), draw(4, 1)
    method = Spade(k=3, combine=combine).fit(Source(normal))
    whole = method.predict(test)
    single = [method.predict(test[i : i + 1]) for i in range(4)]
    # Up to the last digit: on some processors the order of a matrix product's sums depends on the batch.
    np.testing.assert_allclose(torch.cat([p.maps for p in single]).numpy(), whole.maps.numpy(), rtol=2e-6)
    np.testing.assert_allclose(torch.cat([p.scores for p in single]).numpy(), whole.scores.numpy(), rtol=2e-6)
    other = Spade(k=3, combine=combine).fit(Source(ordered(normal, [4, 2, 6, 0, 1, 5, 3]))).predict(test)
    np.testing.assert_allclose(other.maps.numpy(), whole.maps.numpy(), rtol=1e-5)
    np.testing.assert_allclose(other.scores.numpy(), whole.scores.numpy(), rtol=1e-6)


def test_few_pictures_lower_k_and_say_so() -> None:
    method = Spade(k=5).fit(Source(draw(1, 0)))
    assert [str(n) for n in method.notes] == ["K was lowered from 5 to 1: there are no more normal pictures."]
    assert method.predict(draw(1, 1)).maps.shape == (1, *SIZE)
    assert Spade(k=5).fit(Source(draw(5, 0))).notes == ()


def test_maps_move_with_the_object() -> None:
    # Coarsest stride 16: an anomalous patch moved by one coarse cell moves in every level's distances alike.
    normal = draw(3, 0)
    test = ordered(normal, [0, 0])
    for level, size in zip(test.maps, (8, 4, 2), strict=True):
        level[0, :, : size // 2, : size // 2] = 9
        level[1, :, : size // 2, size // 2 :] = 9
    grids = Spade(k=3).fit(Source(normal)).grids(test)
    for grid in grids:
        half = grid.shape[2] // 2
        assert torch.equal(grid[0, :half, :half], grid[1, :half, half:])
        assert (grid[0, :half, :half] > 1).all()


@pytest.mark.parametrize("combine", ["average", "concatenate"])
def test_explanation_adds_up_to_the_map(combine: str) -> None:
    method = Spade(k=3, kappa=2, combine=combine).fit(Source(draw(6, 0)))
    test = draw(2, 1)
    evidence = method.explain(test[1:2], 5, 27)
    cells = [grid[1, 5 * grid.shape[1] // 32, 27 * grid.shape[2] // 32].item() for grid in method.grids(test)]
    assert evidence.value == pytest.approx(np.mean(cells), rel=1e-6)
    assert evidence.box == (4.0, 24.0, 8.0, 28.0)
    distances = [n.distance for n in evidence.neighbors]
    assert distances == sorted(distances)
    chosen = set(method.pictures(test[1:2])[1][0].tolist())
    assert {n.picture for n in evidence.neighbors} <= chosen
    if combine == "average":
        assert sum(c.value for c in evidence.contributions) == pytest.approx(evidence.value)
        assert {c.level for c in evidence.contributions} == {0, 1, 2}
        first = [n.distance for n in evidence.neighbors if n.level == 2][:2]
        assert sum(first) / 2 == pytest.approx(cells[2], rel=1e-6)
    else:
        assert evidence.contributions == ()
        assert sum(distances[:2]) / 2 == pytest.approx(evidence.value, rel=1e-6)


def test_levels_on_one_grid_as_a_transformer_has_them() -> None:
    same = ((4, 3, 3), (4, 3, 3))
    prediction = Spade(levels=(0, 1)).fit(Source(draw(4, 0, same))).predict(draw(2, 1, same))
    assert prediction.maps.shape == (2, *SIZE)
    assert prediction.maps.isfinite().all()


def test_bytes_are_counted_exactly_and_known_before() -> None:
    normal = draw(6, 0)
    method = Spade(levels=(0, 2)).fit(Source(normal))
    floats = 6 * (3 * 64 + 64 + 6 * 4 + 4 + 7) + 3 + 6  # features and norms per picture, pooled; the centres
    assert method.nbytes == 4 * floats
    assert method.estimate(normal.shape).model_bytes == method.nbytes
    assert method.estimate(normal.shape).seconds > 0


def test_a_second_fit_forgets_the_first_and_a_cancelled_one_leaves_nothing() -> None:
    test = draw(2, 5)
    method = Spade().fit(Source(draw(9, 0))).fit(Source(draw(4, 1)))
    assert torch.equal(method.predict(test).maps, Spade().fit(Source(draw(4, 1))).predict(test).maps)

    def stop(done: float, stage: str = "", **numbers: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        method.fit(Source(draw(4, 1)), stop)
    assert not method.fitted
    with pytest.raises(NotFitted):
        method.predict(test)


def test_inputs_and_state_stay_untouched() -> None:
    normal, test = draw(4, 0), draw(2, 1)
    copies = [m.clone() for m in (*normal.maps, *test.maps)]
    method = Spade().fit(Source(normal))
    before = [t.clone() for t in method.gallery_]
    method.predict(test)
    method.explain(test, 0, 0)
    assert all(torch.equal(a, b) for a, b in zip(copies, (*normal.maps, *test.maps), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, method.gallery_, strict=True))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"levels": (0, 3)}, "SPADE asks for level 3, but the backbone has levels 0 to 2. Choose among these."),
        ({"k": 0}, "SPADE's k cannot be 0. It accepts 1–1000."),
        (
            {"kappa": 5},
            "SPADE was given kappa = 5, and the coarsest level has 4 places. Choose no more.",
        ),
        ({"combine": "sum"}, "SPADE's combine cannot be 'sum'. It accepts average, concatenate."),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        Spade(**settings).fit(Source(draw(4, 0)))
    assert str(refused.value) == sentence


def test_features_that_are_not_finite_are_refused() -> None:
    normal = draw(4, 0)
    normal.maps[1][2, 0, 0, 0] = math.inf
    with pytest.raises(SettingRefused):
        Spade().fit(Source(normal))


def test_presets_are_settings() -> None:
    for preset in Spade.presets.values():
        assert Spade(**preset).fit(Source(draw(4, 0))).predict(draw(1, 1)).maps.isfinite().all()


@pytest.mark.gpu
@pytest.mark.parametrize("combine", ["average", "concatenate"])
def test_accelerator_agrees_with_the_cpu(combine: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    normal, test = draw(7, 0), draw(3, 1)
    expected = Spade(combine=combine).fit(Source(normal)).predict(test)
    found = Spade(combine=combine).fit(Source(normal.to("cuda"))).predict(test.to("cuda"))
    np.testing.assert_allclose(found.maps.cpu().numpy(), expected.maps.numpy(), rtol=1e-3)
    np.testing.assert_allclose(found.scores.cpu().numpy(), expected.scores.numpy(), rtol=1e-3)
