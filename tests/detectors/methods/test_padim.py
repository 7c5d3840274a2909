"""PaDiM against a dense float64 reference written here, hand-worked positions, and its known traps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn.functional import interpolate

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.base import Features, FeatureShape
from detectors.methods.padim import Padim

RESNET = ((4, 8, 8), (6, 4, 4), (10, 2, 2))  # a ResNet's pyramid, small
EQUAL = ((5, 6, 6), (7, 6, 6))  # a ViT's levels
ODD = ((4, 9, 7), (6, 5, 4))  # grids that do not divide each other


@dataclass(frozen=True)
class Source:
    """Features in memory, served in batches."""

    features: Features
    batch: int = 3

    @property
    def shape(self) -> FeatureShape:
        return self.features.shape

    @property
    def device(self) -> torch.device:
        return self.features.device

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Features]:
        for start in range(0, len(self), self.batch):
            yield self.features[start : start + self.batch]


def features(
    count: int, levels: tuple[tuple[int, int, int], ...] = RESNET, seed: int = 0, size: int = 32, scale: float = 1
) -> Features:
    """Skewed, correlated, non-negative maps with a mean as large as their spread, like activations after a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.Generator().manual_seed(99)  # the same distribution for every seed
    maps = []
    for channels, height, width in levels:
        mixer = torch.randn(channels, channels, generator=mixing) / channels**0.5
        noise = torch.randn(count, channels, height, width, generator=generator)
        maps.append(scale * (torch.einsum("dc,nchw->ndhw", mixer, noise) + 0.5).relu())
    return Features(tuple(maps), tuple(m.mean(dim=(2, 3)) for m in maps), (size, size))


def joined_batches(first: Features, second: Features) -> Features:
    maps = tuple(torch.cat(pair) for pair in zip(first.maps, second.maps, strict=True))
    return Features(maps, tuple(m.mean(dim=(2, 3)) for m in maps), first.image_size)


def joined(given: Features, padim: Padim) -> np.ndarray:
    """The chosen channels on the finest grid, nearest alignment, float64."""
    grid = given.maps[padim.levels[0]].shape[2:]
    parts = [
        interpolate(given.maps[level].double()[:, own], size=grid, mode="nearest")
        for level, own in zip(padim.levels, padim.channels_, strict=True)
    ]
    return torch.cat(parts, dim=1).numpy()


def reference(normal: Features, test: Features, padim: Padim) -> np.ndarray:
    """One Gaussian per position with a full inverse, position by position: (M, H, W)."""
    train, queries = joined(normal, padim), joined(test, padim)
    result = np.empty((len(queries), *train.shape[2:]))
    for y, x in np.ndindex(*train.shape[2:]):
        rows = train[:, :, y, x]
        covariance = np.cov(rows.T).reshape(rows.shape[1], rows.shape[1])
        mean_variance = np.trace(covariance) / len(covariance)
        covariance += padim.epsilon * (mean_variance if padim.relative else 1) * np.eye(len(covariance))
        delta = queries[:, :, y, x] - rows.mean(axis=0)
        result[:, y, x] = np.sqrt((delta @ np.linalg.inv(covariance) * delta).sum(axis=1))
    return result


@pytest.mark.parametrize("levels", [RESNET, EQUAL, ODD])
@pytest.mark.parametrize("count", [2, 7, 12, 40])  # fewer and more than the 12 channels
@pytest.mark.parametrize("relative", [False, True])
def test_distances_equal_a_dense_inverse(levels: tuple[tuple[int, int, int], ...], count: int, relative: bool) -> None:
    indices = tuple(range(len(levels)))
    channels = 12 if levels == RESNET else 8
    normal, test = features(count, levels), features(5, levels, seed=1)
    test = joined_batches(test, normal[:2])
    padim = Padim(levels=indices, channels=channels, relative=relative).fit(Source(normal))
    np.testing.assert_allclose(padim.distances(test).numpy(), reference(normal, test, padim), rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-2, 10.0, 100.0])
@pytest.mark.parametrize("count", [10, 60])
def test_other_scales_of_activation_lose_no_digits(scale: float, count: int) -> None:
    normal, test = features(count, scale=scale), features(4, seed=1, scale=scale)
    padim = Padim(channels=None).fit(Source(normal))
    np.testing.assert_allclose(padim.distances(test).numpy(), reference(normal, test, padim), rtol=1e-4)


@pytest.mark.parametrize("count", [16, 17, 18, 19, 20, 21])
def test_features_of_thousands_and_about_as_many_pictures_as_channels_lose_no_digits(count: int) -> None:
    # With 18 or 19 pictures of 20 channels the ridge form is wrong by up to 2 % here: 1e-10 of the variance is epsilon.
    scale = 1e4 if count in (18, 19) else 1e3
    normal, test = features(count, scale=scale), features(4, seed=1, scale=scale)
    padim = Padim(channels=None).fit(Source(normal))
    assert ("factor_" in padim.state) == (count < 18)
    np.testing.assert_allclose(padim.distances(test).numpy(), reference(normal, test, padim), rtol=1e-4)


@pytest.mark.parametrize("count", [5, 30])
def test_blocks_of_positions_do_not_change_the_result(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    normal, test = features(count), features(3, seed=1)
    whole = Padim(channels=12).fit(Source(normal))
    expected = whole.distances(test)
    monkeypatch.setattr("detectors.methods.pyramid.BLOCK_BYTES", 20_000)
    torch.testing.assert_close(whole.distances(test), expected, rtol=1e-5, atol=0)
    monkeypatch.setattr("detectors.methods.pyramid.BLOCK_BYTES", 1)
    in_blocks = Padim(channels=12).fit(Source(normal))
    torch.testing.assert_close(in_blocks.distances(test), expected, rtol=1e-5, atol=0)


def test_the_map_is_enlarged_and_smoothed_and_its_maximum_is_the_score() -> None:
    normal, test = features(6), features(3, seed=1)
    padim = Padim(channels=12).fit(Source(normal))
    prediction = padim.predict(test)
    grid = torch.from_numpy(reference(normal, test, padim))
    large = interpolate(grid[:, None], size=32, mode="bilinear", align_corners=False)[:, 0].numpy()
    expected = np.stack([ndimage.gaussian_filter(m, 4) for m in large])
    assert prediction.maps is not None
    np.testing.assert_allclose(prediction.maps.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(prediction.scores.numpy(), expected.max(axis=(1, 2)), rtol=1e-5)


def test_two_pictures_and_one_channel_by_hand() -> None:
    # Position 0 saw 1 and 3: mean 2, variance 2. Position 1 saw 5 twice: mean 5, variance 0. epsilon 0.25.
    normal = Features((torch.tensor([[[[1.0, 5.0]]], [[[3.0, 5.0]]]]),), (torch.zeros(2, 1),), (1, 2))
    test = Features((torch.tensor([[[[5.0, 4.0]]]]),), (torch.zeros(1, 1),), (1, 2))
    padim = Padim(levels=(0,), channels=None, epsilon=0.25).fit(Source(normal))
    np.testing.assert_allclose(padim.distances(test)[0, 0], [3 / 2.25**0.5, 1 / 0.25**0.5], rtol=1e-6)
    padim = Padim(levels=(0,), channels=None, epsilon=0.25, relative=True).fit(Source(normal))
    # relative: 2.5 for position 0; position 1 never varies and is held to a millionth of the mean variance 1
    np.testing.assert_allclose(padim.distances(test)[0, 0], [3 / 2.5**0.5, 1 / 0.25e-6**0.5], rtol=1e-6)


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("channels", [1, 12, None])
def test_pictures_that_are_all_the_same(channels: int | None, relative: bool) -> None:
    one = features(1)
    same = Features(tuple(m.repeat(4, 1, 1, 1) for m in one.maps), tuple(p.repeat(4, 1) for p in one.pooled), (32, 32))
    padim = Padim(channels=channels, relative=relative).fit(Source(same))
    scores = padim.predict(features(2, seed=1)).scores
    assert torch.isfinite(scores).all()
    assert (scores > padim.predict(one).scores).all()
    assert padim.predict(one).scores.item() == pytest.approx(0, abs=1e-4)


def test_channels_are_drawn_once_by_the_seed() -> None:
    source = Source(features(4))
    first, again, other = (Padim(channels=9, seed=seed).fit(source) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.channels_, again.channels_, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.channels_, other.channels_, strict=True))
    assert sum(len(c) for c in first.channels_) == 9
    drawn = [set(Padim(channels=19, seed=seed).fit(source).channels_[0].tolist()) for seed in range(8)]
    assert {0, 1, 2, 3} == set().union(*drawn)
    assert not first.notes


def test_too_few_channels_are_told_and_all_of_them_can_be_asked_for() -> None:
    source = Source(features(4))
    padim = Padim(channels=550).fit(source)
    assert [str(note) for note in padim.notes] == [
        "550 channels were asked for and the chosen levels have 20: all of them are used."
    ]
    every = Padim(channels="all").fit(source)
    assert not every.notes
    assert torch.equal(every.predict(source.features).scores, padim.predict(source.features).scores)


def test_a_coarser_grid_averages_finer_levels() -> None:
    normal, test = features(5), features(2, seed=1)
    padim = Padim(channels=12, grid=1).fit(Source(normal))

    def coarse(given: Features) -> Features:
        first = given.maps[0].unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean(dim=(3, 5))
        return Features((first, *given.maps[1:]), given.pooled, given.image_size)

    expected = reference(coarse(normal), coarse(test), padim)
    np.testing.assert_allclose(padim.distances(test).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("count", [7, 30])
def test_explain_splits_the_distance(count: int) -> None:
    normal, test = features(count), features(1, seed=1)
    padim = Padim(channels=12).fit(Source(normal))
    evidence = padim.explain(test, 13, 30)
    y, x = 3, 7
    assert evidence.box == (12, 28, 16, 32)
    assert evidence.value == pytest.approx(float(padim.distances(test)[0, y, x]), rel=1e-5)
    levels = [c for c in evidence.contributions if c.channel is None]
    assert {c.level for c in levels} == {0, 1, 2}
    assert sum(c.value for c in levels) == pytest.approx(evidence.value, rel=1e-9)
    assert [c.value for c in levels] == sorted((c.value for c in levels), reverse=True)
    # an independent route to a channel's share: half the derivative of the squared distance times its deviation
    rows = joined(normal, padim)[:, :, y, x]
    delta = joined(test, padim)[0, :, y, x] - rows.mean(axis=0)
    solved = np.linalg.solve(np.cov(rows.T) + 0.01 * np.eye(12), delta)
    names = [(level, int(c)) for level, own in zip(padim.levels, padim.channels_, strict=True) for c in own]
    shares = dict(zip(names, delta * solved / evidence.value, strict=True))
    channels = [c for c in evidence.contributions if c.channel is not None]
    assert len(channels) == 10
    for c in channels:
        assert c.channel is not None
        assert c.value == pytest.approx(shares[c.level, c.channel], rel=1e-4)
    assert channels[0].value == pytest.approx(max(shares.values()), rel=1e-4)


@pytest.mark.parametrize("count", [7, 30])
def test_nearest_normals(count: int) -> None:
    normal = features(count)
    padim = Padim(channels=12).fit(Source(normal))
    test = features(1, seed=1)
    typical, *closest, average = padim.nearest_normals(test, Source(normal), 13, 30, k=3)
    rows = joined(normal, padim)[:, :, 3, 7]
    inverse = np.linalg.inv(np.cov(rows.T) + 0.01 * np.eye(12))
    from_mean = rows - rows.mean(axis=0)
    assert typical.picture == (from_mean @ inverse * from_mean).sum(axis=1).argmin()
    away = rows - joined(test, padim)[:, :, 3, 7]
    distances = np.sqrt((away @ inverse * away).sum(axis=1))
    assert [n.picture for n in closest] == np.argsort(distances)[:3].tolist()
    np.testing.assert_allclose([n.distance for n in closest], np.sort(distances)[:3], rtol=1e-5)
    assert typical.distance == pytest.approx(distances[typical.picture], rel=1e-5)
    assert average.distance == pytest.approx(float(padim.distances(test)[0, 3, 7]), rel=1e-5)
    assert [n.role for n in (typical, *closest, average)] == ["typical", *["closest"] * 3, "average"]
    (_, itself, _) = padim.nearest_normals(normal[2:3], Source(normal), 13, 30, k=1)
    assert (itself.picture, itself.box) == (2, (12, 28, 16, 32))
    assert itself.distance == pytest.approx(0, abs=1e-6)


def test_the_order_of_the_normal_pictures_does_not_matter() -> None:
    normal, test = features(9), features(3, seed=1)
    turned = Features(tuple(m.flip(0) for m in normal.maps), tuple(p.flip(0) for p in normal.pooled), (32, 32))
    scores = [Padim(channels=12).fit(Source(given)).predict(test).scores for given in (normal, turned)]
    torch.testing.assert_close(scores[0], scores[1], rtol=1e-5, atol=0)


def test_a_picture_does_not_depend_on_its_batch() -> None:
    padim = Padim(channels=12).fit(Source(features(9)))
    test = features(5, seed=1)
    alone = torch.cat([padim.predict(test[i : i + 1]).scores for i in range(5)])
    torch.testing.assert_close(padim.predict(test).scores, alone, rtol=1e-6, atol=0)


def test_the_map_does_not_move_with_the_object() -> None:
    normal = features(9)
    test = features(1, seed=1)
    moved = Features(tuple(m.roll(m.shape[3] // 2, dims=3) for m in test.maps), test.pooled, (32, 32))
    padim = Padim(channels=12).fit(Source(normal))
    rolled = padim.distances(test).roll(4, dims=2)
    assert not torch.allclose(padim.distances(moved), rolled, rtol=0.1)


@pytest.mark.parametrize("count", [6, 40])
def test_a_cancelled_fit_leaves_nothing_and_a_second_fit_forgets_the_first(count: int) -> None:
    other_form = 46 - count
    padim = Padim(channels=12).fit(Source(features(other_form, seed=3)))

    def stop(done: float, stage: str = "", **numbers: float) -> None:
        if stage == "covariance":
            raise Cancelled

    with pytest.raises(Cancelled):
        padim.fit(Source(features(count)), stop)
    assert not padim.fitted
    padim.fit(Source(features(other_form, seed=3)))
    padim.fit(Source(features(count)))
    fresh = Padim(channels=12).fit(Source(features(count)))
    assert padim.state.keys() == fresh.state.keys()
    test = features(2, seed=1)
    assert torch.equal(padim.predict(test).scores, fresh.predict(test).scores)


@pytest.mark.parametrize(("channels", "count"), [(12, 6), (12, 40), (1, 5), (None, 19)])
@pytest.mark.parametrize("levels", [RESNET, ODD])
def test_the_estimate_knows_the_bytes(
    channels: int | None, count: int, levels: tuple[tuple[int, int, int], ...]
) -> None:
    source = Source(features(count, levels))
    padim = Padim(levels=tuple(range(len(levels))), channels=channels)
    estimate = padim.estimate(source.shape)
    assert estimate.model_bytes == padim.fit(source).nbytes
    assert estimate.peak_bytes > estimate.model_bytes
    assert estimate.seconds > 0


@pytest.mark.parametrize(
    ("padim", "count", "sentence"),
    [
        (
            Padim(),
            1,
            "PaDiM measures how normal pictures vary, and it was given 1 to learn from, not counting any "
            "held out to set the threshold. Give it at least 2.",
        ),
        (Padim(levels=(0, 3)), 4, "PaDiM asks for level 3, but the backbone has levels 0 to 2. Choose among these."),
        (Padim(grid=5), 4, "PaDiM asks for level 5, but the backbone has levels 0 to 2. Choose among these."),
    ],
)
def test_what_cannot_be_fitted_is_refused(padim: Padim, count: int, sentence: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        padim.fit(Source(features(count)))
    assert str(refused.value) == sentence
    assert not padim.fitted


@pytest.mark.parametrize("count", [5, 30])
def test_features_that_are_not_finite_are_refused(count: int) -> None:
    broken = features(count)
    broken.maps[1][2, :, 0, 0] = float("nan")
    padim = Padim(channels=None)
    with pytest.raises(SettingRefused) as refused:
        padim.fit(Source(broken))
    assert str(refused.value) == (
        "The features' covariance cannot be inverted: some features are not finite, or epsilon is too small beside "
        "them. Raise epsilon, or count it relative to the variance."
    )
    assert not padim.fitted


def test_pictures_of_another_size_or_backbone_are_refused() -> None:
    padim = Padim(channels=None).fit(Source(features(5)))
    larger = features(1, tuple((c, 2 * h, 2 * w) for c, h, w in RESNET))
    with pytest.raises(
        SettingRefused, match=r"sizes \[\(16, 16\), \(8, 8\), \(4, 4\)\], and .* fitted on \(8, 8\)\. Use"
    ):
        padim.predict(larger)
    for levels in (RESNET[:2], tuple((c - 1, h, w) for c, h, w in RESNET)):
        with pytest.raises(SettingRefused):
            padim.predict(features(1, levels))
