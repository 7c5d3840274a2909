"""MahalanobisAD against scikit-learn's covariance in float64, hand-worked pictures, and its known traps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.base import Features, FeatureShape
from detectors.methods.mahalanobis import MahalanobisAD
from detectors.queries.explain import attribution

STAGES = (6, 20, 90)


@dataclass(frozen=True)
class Source:
    """Features in memory, served in batches."""

    features: Features
    batch: int = 7

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


def features(count: int, stages: tuple[int, ...] = STAGES, seed: int = 0) -> Features:
    """Correlated vectors that vary by 1 to 100 % around their mean."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.Generator().manual_seed(99)  # the same distribution for every seed
    pooled = []
    for channels in stages:
        mixer = torch.randn(channels, channels, generator=mixing) / channels**0.5
        noise = torch.randn(count, channels, generator=generator) @ mixer
        pooled.append(1 + noise * torch.logspace(-2, 0, channels))
    return of(*pooled)


def of(*pooled: torch.Tensor) -> Features:
    return Features(tuple(p[:, :, None, None] for p in pooled), pooled, (16, 24))


def reference(normal: Features, test: Features) -> np.ndarray:
    """Dense float64 distances per stage, (M, L)."""
    columns = []
    for rows, queries in zip(normal.pooled, test.pooled, strict=True):
        wolf = LedoitWolf().fit(rows.double().numpy())
        delta = queries.double().numpy() - wolf.location_
        columns.append(np.sqrt((delta * np.linalg.solve(wolf.covariance_, delta.T).T).sum(axis=1)))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("count", [3, 20, 60])  # below, equal to, and above some stages' channels
def test_distances_equal_a_dense_solve_and_the_score_is_their_sum(count: int) -> None:
    normal, test = features(count), features(5, seed=1)
    detector = MahalanobisAD().fit(Source(normal))
    expected = reference(normal, test)
    np.testing.assert_allclose(detector.predict(test).levels.numpy(), expected, rtol=1e-5)
    prediction = detector.predict(test)
    np.testing.assert_allclose(prediction.scores.numpy(), expected.sum(axis=1), rtol=1e-5)
    assert prediction.maps is None


def test_four_pictures_by_hand() -> None:
    # S = diag(2, 0.5), m = 1.25, rho = 1.0625 / 1.125 = 17/18 (worked in test_gaussian), so Sigma's diagonal is
    # 2/18 + 21.25/18 = 23.25/18 and 0.5/18 + 21.25/18 = 21.75/18, around the mean (1, 1).
    normal = of(torch.tensor([[3.0, 1.0], [-1.0, 1.0], [1.0, 2.0], [1.0, 0.0]]))
    detector = MahalanobisAD().fit(Source(normal))
    expected = [(4 / (23.25 / 18)) ** 0.5, (9 / (21.75 / 18)) ** 0.5]
    scores = detector.predict(of(torch.tensor([[3.0, 1.0], [1.0, 4.0]]))).scores
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    leading = MahalanobisAD(components="pca", variance=0.5).fit(Source(normal))
    trailing = MahalanobisAD(components="npca", variance=0.5).fit(Source(normal))
    both = of(torch.tensor([[3.0, 4.0]]))
    assert leading.predict(both).scores.item() == pytest.approx(expected[0])
    assert trailing.predict(both).scores.item() == pytest.approx(expected[1])


def test_some_stages_only() -> None:
    normal, test = features(30), features(5, seed=1)
    detector = MahalanobisAD(levels=(2, 0)).fit(Source(normal))
    expected = reference(normal, test)[:, [2, 0]]
    np.testing.assert_allclose(detector.predict(test).levels.numpy(), expected, rtol=1e-5)
    assert {c.level for c in detector.explain(test[:1], 0, 0).contributions} == {0, 2}


def test_explain_gives_the_stages_largest_first() -> None:
    normal, test = features(30), features(1, seed=1)
    evidence = MahalanobisAD().fit(Source(normal)).explain(test, 3, 4)
    expected = reference(normal, test)[0]
    order = np.argsort(-expected)
    assert [c.level for c in evidence.contributions] == order.tolist()
    np.testing.assert_allclose([c.value for c in evidence.contributions], expected[order], rtol=1e-5)
    assert evidence.value == pytest.approx(expected.sum(), rel=1e-5)
    assert evidence.box is None


def test_the_order_of_pictures_and_the_batch_do_not_matter() -> None:
    normal, test = features(30), features(5, seed=1)
    detector = MahalanobisAD().fit(Source(normal))
    turned = MahalanobisAD().fit(Source(of(*(p.flip(0) for p in normal.pooled)), batch=4))
    scores = detector.predict(test).scores
    torch.testing.assert_close(turned.predict(test).scores, scores, rtol=1e-5, atol=0)
    alone = torch.cat([detector.predict(test[i : i + 1]).scores for i in range(5)])
    torch.testing.assert_close(alone, scores, rtol=1e-6, atol=0)


def test_pictures_that_are_all_the_same_and_a_dead_channel() -> None:
    same = of(*(p.repeat(6, 1) for p in features(1).pooled))
    detector = MahalanobisAD().fit(Source(same))
    assert detector.predict(same).scores.max().item() == pytest.approx(0, abs=1e-5)
    away = of(*(p + 2 for p in features(1).pooled))
    expected = sum(2 * channels**0.5 for channels in STAGES)  # unit variance where nothing varied
    assert detector.predict(away).scores.item() == pytest.approx(expected, rel=1e-5)
    normal = features(30)
    normal.pooled[0][:, 3] = 0
    test = features(2, seed=1)
    scores = MahalanobisAD().fit(Source(normal)).predict(test).scores
    np.testing.assert_allclose(scores, reference(normal, test).sum(axis=1), rtol=1e-5)


def test_two_pictures_are_possible_and_told() -> None:
    detector = MahalanobisAD().fit(Source(features(2)))
    assert torch.isfinite(detector.predict(features(3, seed=1)).scores).all()
    assert [str(note) for note in detector.notes] == [
        "Two normal pictures show no shape of variation: distances from their mean count the same in all directions."
    ]
    assert not MahalanobisAD().fit(Source(features(3))).notes


def test_attribution_is_the_gradient_of_the_score() -> None:
    kernel = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))

    def backbone(image: torch.Tensor) -> Features:
        maps = torch.nn.functional.conv2d(image, kernel.to(image), stride=2).relu()
        return Features((maps,), (maps.mean(dim=(2, 3)),), (image.shape[2], image.shape[3]))

    pictures = torch.rand(9, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    detector = MahalanobisAD().fit(Source(backbone(pictures[:8])))
    image = pictures[8:]
    picture = attribution(detector, backbone, image)
    assert picture.shape == (11, 11)
    numeric = torch.zeros(3)
    for channel in range(3):
        step = torch.zeros_like(image)
        step[0, channel, 4, 6] = 0.02
        above, below = (float(detector.predict(backbone(image + sign * step)).scores) for sign in (1, -1))
        numeric[channel] = (above - below) / 0.04
    assert picture[4, 6].item() == pytest.approx(numeric.norm().item(), rel=0.02)
    assert not image.requires_grad
    flat = MahalanobisAD().fit(Source(backbone(pictures[:1].repeat(3, 1, 1, 1))))
    assert torch.isfinite(attribution(flat, backbone, pictures[:1])).all()


@pytest.mark.parametrize("count", [3, 40])
def test_a_cancelled_fit_leaves_nothing_and_a_second_fit_forgets_the_first(count: int) -> None:
    detector = MahalanobisAD().fit(Source(features(9, seed=3)))

    def stop(done: float, stage: str = "", **numbers: float) -> None:
        if stage == "covariance":
            raise Cancelled

    with pytest.raises(Cancelled):
        detector.fit(Source(features(count)), stop)
    assert not detector.fitted
    detector.fit(Source(features(9, seed=3))).fit(Source(features(count)))
    fresh = MahalanobisAD().fit(Source(features(count)))
    test = features(2, seed=1)
    assert torch.equal(detector.predict(test).scores, fresh.predict(test).scores)
    assert detector.state.keys() == fresh.state.keys()


@pytest.mark.parametrize("count", [3, 20, 60, 100])
def test_the_estimate_knows_the_bytes(count: int) -> None:
    source = Source(features(count))
    estimate = MahalanobisAD().estimate(source.shape)
    assert estimate.model_bytes == MahalanobisAD().fit(source).nbytes
    assert estimate.peak_bytes > estimate.model_bytes
    assert estimate.seconds > 0


@pytest.mark.parametrize(
    ("detector", "count", "sentence"),
    [
        (
            MahalanobisAD(),
            1,
            "MahalanobisAD measures how normal pictures vary, and it was given 1 to learn from, not counting any "
            "held out to set the threshold. Give it at least 2.",
        ),
        (
            MahalanobisAD(levels=(1, 8)),
            4,
            "MahalanobisAD asks for level 8, but the backbone has levels 0 to 2. Choose among these.",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(detector: MahalanobisAD, count: int, sentence: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        detector.fit(Source(features(count)))
    assert str(refused.value) == sentence
    assert not detector.fitted


def test_features_of_another_backbone_are_refused() -> None:
    detector = MahalanobisAD().fit(Source(features(5)))
    with pytest.raises(SettingRefused) as refused:
        detector.predict(features(1, (6, 20, 91)))
    assert str(refused.value) == (
        "These features have the sizes [6, 20, 91], and MahalanobisAD was fitted on [6, 20, 90]. "
        "Use the backbone and the picture size of the fit."
    )
    with pytest.raises(SettingRefused):
        MahalanobisAD(levels=(2,)).fit(Source(features(5))).predict(features(1, (6, 20)))
