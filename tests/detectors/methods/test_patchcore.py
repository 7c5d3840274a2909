"""PatchCore against float64 brute force, the official pooling on unfolded patches, and hand-worked toys."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

from detectors.errors import Cancelled, SettingRefused
from detectors.methods.base import Features, FeatureShape, NotFitted
from detectors.methods.patchcore import PatchCore

MAPS = ((3, 16, 16), (5, 8, 8), (6, 4, 4))
SIZE = (32, 32)


class Source:
    """Features in memory, in batches of three."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self.shape: FeatureShape = features.shape
        self.device = features.device

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Features]:
        return (self.features[i : i + 3] for i in range(0, len(self), 3))


def draw(count: int, seed: int, maps: tuple[tuple[int, int, int], ...] = MAPS, scale: float = 1) -> Features:
    generator = torch.Generator().manual_seed(seed)
    levels = tuple(scale * (torch.rand(count, *m, generator=generator) + 1) for m in maps)
    return Features(levels, (torch.rand(count, 4, generator=generator),), SIZE)


def double(features: Features) -> Features:
    return Features(tuple(m.double() for m in features.maps), features.pooled, features.image_size)


def unfolded(level: Tensor) -> Tensor:
    b, c, h, w = level.shape
    return functional.unfold(level, 3, padding=1).reshape(b, c * 9, h, w)  # (channel, row, column) of 3 x 3


def bilinear(level: Tensor, grid: tuple[int, int]) -> Tensor:
    return functional.interpolate(level, grid, mode="bilinear", align_corners=False)


def paper_patches(features: Features) -> np.ndarray:
    """Levels 1 and 2 as the paper has them, (B P, D), float64."""
    means = [unfolded(m.double()).unflatten(1, (-1, 9)).mean(2) for m in features.maps[1:]]
    joined = torch.cat([means[0], bilinear(means[1], (8, 8))], 1)
    return joined.permute(0, 2, 3, 1).flatten(0, 2).numpy()


def official_patches(levels: list[Tensor], grid: tuple[int, int], pretrain: int, target: int) -> Tensor:
    """Resize all 9 C values of every place, then pool them in one dimension twice, as torch does it."""
    pooled = []
    for level in levels:
        values = bilinear(unfolded(level), grid) if level.shape[2:] != grid else unfolded(level)
        flat = values.permute(0, 2, 3, 1).flatten(0, 2)[:, None]  # (B P, 1, 9 C)
        pooled.append(functional.adaptive_avg_pool1d(flat, pretrain))
    return functional.adaptive_avg_pool1d(torch.cat(pooled, 2), target)[:, 0]  # (B P, target)


def distances(queries: np.ndarray, bank: np.ndarray) -> np.ndarray:
    return np.sqrt(((queries[:, None] - bank[None]) ** 2).sum(2))


def finished(grid: np.ndarray) -> np.ndarray:
    large = functional.interpolate(torch.from_numpy(grid)[None, None], SIZE, mode="bilinear", align_corners=False)
    return gaussian_filter(large[0, 0].numpy(), 4, mode="reflect")


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("neighbors", [1, 3])
@pytest.mark.parametrize("ratio", [1.0, 0.2])
def test_scores_and_maps_equal_the_float64_reference(squared: bool, neighbors: int, ratio: float) -> None:
    normal, test = draw(5, 0), draw(3, 1)
    method = PatchCore(ratio=ratio, squared=squared, neighbors=neighbors).fit(Source(normal))
    bank = paper_patches(normal)
    if ratio < 1:
        picture, y, x = method.origins_.T.long()
        bank = bank[(picture * 64 + y * 8 + x).numpy()]
        assert len(bank) == 64  # 0.2 of 5 x 64
    found = np.sort(distances(paper_patches(test), bank), 1)[:, :neighbors]
    grid = (found**2 if squared else found).mean(1).reshape(3, 8, 8)
    prediction = method.predict(test)
    np.testing.assert_allclose(method.distances(test).numpy(), grid, rtol=1e-5)
    np.testing.assert_allclose(prediction.scores.numpy(), grid.max((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(prediction.maps.numpy(), np.stack([finished(g) for g in grid]), rtol=1e-5)


def test_unit_length_and_the_mean_of_the_highest_equal_the_float64_reference() -> None:
    normal, test = draw(5, 0), draw(3, 1)
    method = PatchCore(ratio=1.0, unit_length=True, top=0.1, squared=False).fit(Source(normal))
    bank, queries = (p / np.linalg.norm(p, axis=1, keepdims=True) for p in (paper_patches(normal), paper_patches(test)))
    found = distances(queries, bank).min(1).reshape(3, 64)
    prediction = method.predict(test)
    np.testing.assert_allclose(method.distances(test).flatten(1).numpy(), found, rtol=1e-4)
    np.testing.assert_allclose(prediction.scores.numpy(), np.sort(found, 1)[:, -6:].mean(1), rtol=1e-4)
    cosines = 1 - (queries @ bank.T).max(1).reshape(3, 64)  # half the squared distance of unit vectors
    np.testing.assert_allclose(found**2 / 2, cosines, rtol=1e-6)
    evidence = method.explain(test[:1], 0, 0)
    assert evidence.value == pytest.approx(found[0, 0], rel=1e-4)


def test_a_share_below_one_patch_is_the_highest_patch() -> None:
    normal, test = draw(5, 0), draw(3, 1)
    alone, few = (PatchCore(top=top).fit(Source(normal)).predict(test).scores for top in (0.0, 0.01))
    assert torch.equal(alone, few)


@pytest.mark.parametrize(
    ("channels", "pretrain", "target"),
    [((8, 16), 16, 16), ((16, 32), 128, 128), ((5, 7), 11, 13), ((5,), 4, 20), ((3, 4, 6), 30, 17), ((2,), 40, 3)],
)
def test_official_embedding_equals_pooling_unfolded_patches(
    channels: tuple[int, ...], pretrain: int, target: int
) -> None:
    features = double(draw(2, 0, tuple((c, s, s) for c, s in zip(channels, (8, 4, 2), strict=False))))
    method = PatchCore(
        levels=tuple(range(len(channels))),
        embedding="official",
        pretrain_dimensions=pretrain,
        target_dimensions=target,
    )
    found = method.embed(features).permute(0, 2, 3, 1).flatten(0, 2)
    expected = official_patches(list(features.maps), (8, 8), pretrain, target)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


def test_official_embedding_of_a_wide_resnet_is_a_fixed_filter_and_channel_pairs() -> None:
    # The proportions of layer2, layer3 and 1024: 1 to 2 to 2.
    features = double(draw(1, 0, ((8, 6, 6), (16, 6, 6))))
    method = PatchCore(levels=(0, 1), embedding="official", pretrain_dimensions=16, target_dimensions=16)
    nine = [unfolded(m).unflatten(1, (-1, 9)) for m in features.maps]  # (1, C, 9, H, W)
    centre_twice = (nine[0].sum(2) + nine[0][:, :, 4]) / 10
    pairs = nine[1].mean(2).unflatten(1, (8, 2)).mean(2)
    np.testing.assert_allclose(method.embed(features).numpy(), torch.cat([centre_twice, pairs], 1).numpy(), rtol=1e-12)


def test_official_embedding_scores_like_its_reference() -> None:
    normal, test = draw(4, 0), draw(2, 1)
    method = PatchCore(embedding="official", pretrain_dimensions=12, target_dimensions=9, ratio=1).fit(Source(normal))
    banks = [official_patches([m.double() for m in f.maps[1:]], (8, 8), 12, 9).numpy() for f in (test, normal)]
    expected = distances(*banks).min(1).reshape(2, 8, 8) ** 2
    np.testing.assert_allclose(method.distances(test).numpy(), expected, rtol=1e-4)


def test_finer_levels_are_averaged_over_the_chosen_grid() -> None:
    features = double(draw(2, 0))
    found = PatchCore(levels=(0, 1, 2), grid=1).embed(features)
    means = [unfolded(m).unflatten(1, (-1, 9)).mean(2) for m in features.maps]
    expected = torch.cat([functional.avg_pool2d(means[0], 2), means[1], bilinear(means[2], (8, 8))], 1)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert PatchCore(levels=(0, 1, 2), grid=1, ratio=1).fit(Source(draw(2, 0))).grid_ == (8, 8)


@pytest.mark.parametrize("scale", [1, 1e4])  # the second overflows a plain exponential
@pytest.mark.parametrize("b", [2, 5, 100])
def test_reweighting_equals_the_papers_formula(b: int, scale: float) -> None:
    normal, test = draw(4, 0, scale=scale), draw(3, 1, scale=scale)
    method = PatchCore(ratio=0.25, squared=False, reweight=b).fit(Source(normal))  # 64 patches
    bank = (method.bank_ + method.centre_).double().numpy()
    patches = paper_patches(test).reshape(3, 64, -1)
    for score, own in zip(method.predict(test).scores.tolist(), patches, strict=True):
        d = distances(own, bank)
        worst = d.min(1).argmax()
        star = d[worst].argmin()
        around = np.argsort(distances(bank[star][None], bank)[0])[: min(b, 64)]
        exponents = d[worst][around].astype(np.longdouble)
        weight = 1 - np.exp(d[worst, star] - exponents.max()) / np.exp(exponents - exponents.max()).sum()
        assert score == pytest.approx(float(weight * d[worst, star]), rel=1e-4)
    if b > 64:
        assert "The bank holds 64 patches, so that 100 neighbours were lowered to that many." in map(str, method.notes)


def test_reweighting_by_one_neighbour_changes_nothing() -> None:
    normal, test = draw(4, 0), draw(3, 1)
    plain = PatchCore().fit(Source(normal)).predict(test)
    weighed = PatchCore(reweight=1).fit(Source(normal)).predict(test)
    assert torch.equal(plain.scores, weighed.scores)
    alone = PatchCore(ratio=1e-9, reweight=9).fit(Source(normal))  # a bank of one
    assert torch.equal(alone.predict(test).scores, PatchCore(ratio=1e-9).fit(Source(normal)).predict(test).scores)


def test_by_hand() -> None:
    # Constant pictures: with zeros around, patches are 4/9, 6/9 or all of the constant.
    def constant(*values: float) -> Features:
        return Features(
            (torch.tensor(values)[:, None, None, None].expand(-1, 1, 3, 3).clone(),),
            (torch.ones(len(values), 1),),
            SIZE,
        )

    method = PatchCore(levels=(0,), ratio=1).fit(Source(constant(9.0, 36.0)))  # 4, 6, 9 and 16, 24, 36
    assert method.distances(constant(27.0)).tolist() == [[[9, 4, 9], [4, 9, 4], [9, 4, 9]]]  # 12, 18, 27
    assert method.predict(constant(27.0)).scores.tolist() == [9]
    evidence = method.explain(constant(27.0), 16, 16)
    assert (evidence.value, evidence.unit) == (9.0, "squared distance")  # 27 is 3 from 24, an edge of picture 1
    assert {(n.picture, n.distance) for n in evidence.neighbors[:4]} == {(1, 9.0)}
    assert evidence.neighbors[0].box == pytest.approx((0, 32 / 3, 32 / 3, 64 / 3))


def test_a_bank_never_repeats_a_patch() -> None:
    one = torch.ones(1, 1, 3, 3)
    same = Features((one.expand(4, -1, -1, -1).clone(),), (torch.ones(4, 1),), SIZE)
    method = PatchCore(levels=(0,), ratio=0.5).fit(Source(same))
    assert sorted(round(9 * v, 4) for v in (method.bank_ + method.centre_).flatten().tolist()) == [4, 6, 9]
    assert [str(n) for n in method.notes] == ["The bank holds 3 patches instead of 18: no more of them differ."]
    assert (method.predict(same).scores < 1e-12).all()


@pytest.mark.parametrize(
    ("ratio", "limit", "size"), [(1e-9, None, 1), (0.1, None, 32), (1, None, 320), (0.5, 7, 7), (1, 9, 9)]
)
def test_the_bank_has_the_size_that_was_asked_for(ratio: float, limit: int | None, size: int) -> None:
    method = PatchCore(ratio=ratio, limit=limit).fit(Source(draw(5, 0)))
    assert len(method.bank_) == size
    share = f"{size / 320:.1%}"
    expected = [f"The bank was limited to {size} patches, {share} of all."] if limit else []
    assert [str(n) for n in method.notes] == expected


def test_every_bank_patch_is_what_its_origin_says() -> None:
    normal = draw(7, 0)
    method = PatchCore(ratio=0.3).fit(Source(normal))
    picture, y, x = method.origins_.T.long()
    expected = paper_patches(normal)[(picture * 64 + y * 8 + x).numpy()]
    np.testing.assert_allclose((method.bank_ + method.centre_).numpy(), expected, rtol=1e-5)
    assert len({tuple(o) for o in method.origins_.tolist()}) == len(method.origins_)


def test_a_small_coreset_is_the_start_of_a_large_one() -> None:
    small, large = (PatchCore(ratio=r, seed=3).fit(Source(draw(6, 0))) for r in (0.05, 0.5))
    assert torch.equal(small.origins_, large.origins_[: len(small.origins_)])
    assert not torch.equal(small.origins_, PatchCore(ratio=0.05, seed=4).fit(Source(draw(6, 0))).origins_)


def test_projection_is_used_for_picking_only() -> None:
    normal = draw(6, 0)
    projected = PatchCore(projection=3, ratio=0.2).fit(Source(normal))
    plain = PatchCore(projection=None, ratio=0.2).fit(Source(normal))
    assert projected.bank_.shape == plain.bank_.shape == (76, 11)
    assert not torch.equal(projected.origins_, plain.origins_)


def test_the_batch_and_the_order_of_normal_pictures_do_not_matter() -> None:
    normal, test = draw(6, 0), draw(11, 1)
    method = PatchCore(ratio=1, reweight=3).fit(Source(normal))
    whole = method.predict(test)
    single = [method.predict(test[i : i + 1]) for i in range(len(test))]
    np.testing.assert_allclose(torch.cat([p.maps for p in single]).numpy(), whole.maps.numpy(), rtol=1e-6)
    np.testing.assert_allclose(torch.cat([p.scores for p in single]).numpy(), whole.scores.numpy(), rtol=1e-6)
    order = [3, 0, 5, 1, 4, 2]
    other = Features(tuple(m[order] for m in normal.maps), tuple(p[order] for p in normal.pooled), SIZE)
    np.testing.assert_allclose(
        PatchCore(ratio=1, reweight=3).fit(Source(other)).predict(test).maps.numpy(), whole.maps.numpy(), rtol=1e-5
    )


def test_one_picture_fits_and_is_at_distance_zero() -> None:
    normal = draw(1, 0)
    method = PatchCore(ratio=1).fit(Source(normal))
    assert method.predict(normal).scores.tolist() == [0]
    assert (method.predict(normal).maps == 0).all()


def test_explanation_names_the_patch_that_was_found() -> None:
    normal = draw(5, 0)
    method = PatchCore(ratio=1, neighbors=2).fit(Source(normal))
    evidence = method.explain(normal[3:4], 13, 22)
    assert evidence.box == (12.0, 20.0, 16.0, 24.0)
    assert (evidence.neighbors[0].picture, evidence.neighbors[0].box, evidence.neighbors[0].distance) == (
        3,
        evidence.box,
        0,
    )
    assert evidence.value == pytest.approx(method.distances(normal[3:4])[0, 3, 5].item())
    found = [n.distance for n in evidence.neighbors]
    assert found == sorted(found)
    assert len(found) == 5


def test_bytes_are_counted_exactly_and_known_before() -> None:
    normal = draw(6, 0)
    method = PatchCore(ratio=0.25).fit(
        Source(normal)
    )  # 96 patches of 11 numbers, a norm and an origin each; the centre
    assert method.nbytes == 4 * (96 * (11 + 1 + 3) + 11)
    estimate = method.estimate(normal.shape)
    assert estimate.model_bytes == method.nbytes
    assert estimate.peak_bytes > method.nbytes
    assert 0 < estimate.seconds < method.estimate(FeatureShape(600, MAPS, (4,), SIZE)).seconds


def test_a_second_fit_forgets_the_first_and_a_cancelled_one_leaves_nothing() -> None:
    test = draw(2, 5)
    method = PatchCore().fit(Source(draw(9, 0))).fit(Source(draw(4, 1)))
    assert torch.equal(method.predict(test).maps, PatchCore().fit(Source(draw(4, 1))).predict(test).maps)
    for stage_to_stop in ("patches", "coreset", "bank"):

        def stop(done: float, stage: str = "", stopping: str = stage_to_stop, **numbers: float) -> None:
            assert 0 <= done <= 1
            if stage == stopping:
                raise Cancelled

        with pytest.raises(Cancelled):
            method.fit(Source(draw(4, 1)), stop)
        assert not method.fitted
    with pytest.raises(NotFitted):
        method.predict(test)


def test_inputs_and_state_stay_untouched() -> None:
    normal, test = draw(4, 0), draw(2, 1)
    copies = [m.clone() for m in (*normal.maps, *test.maps)]
    method = PatchCore(reweight=3).fit(Source(normal))
    before = method.bank_.clone()
    method.predict(test)
    method.explain(test, 0, 0)
    assert all(torch.equal(a, b) for a, b in zip(copies, (*normal.maps, *test.maps), strict=True))
    assert torch.equal(before, method.bank_)


@pytest.mark.parametrize(
    "settings",
    [
        {"ratio": 0.0}, {"ratio": 1.5}, {"top": 1.5}, {"neighbors": 0}, {"limit": 0}, {"reweight": -1}, {"levels": ()},
        {"embedding": "other"}, {"start": "other"}, {"target_dimensions": 0}, {"levels": (-1,)}, {"grid": 3},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingRefused):
        PatchCore(**settings).fit(Source(draw(4, 0)))


def test_refusals_read_well() -> None:
    with pytest.raises(SettingRefused) as refused:
        PatchCore(levels=(1, 4)).fit(Source(draw(4, 0)))
    assert str(refused.value) == ("PatchCore asks for level 4, but the backbone has levels 0 to 2. Choose among these.")
    with pytest.raises(SettingRefused) as refused:
        PatchCore(ratio=2)
    assert str(refused.value) == "PatchCore's ratio cannot be 2. It accepts 1e-09–1."


def test_presets_are_settings() -> None:
    for preset in PatchCore.presets.values():
        assert PatchCore(**preset).fit(Source(draw(4, 0))).predict(draw(1, 1)).maps.isfinite().all()


@pytest.mark.gpu
@pytest.mark.parametrize("embedding", ["paper", "official"])
def test_accelerator_agrees_with_the_cpu(embedding: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    normal, test = draw(6, 0), draw(3, 1)
    expected = PatchCore(ratio=1, embedding=embedding, reweight=3).fit(Source(normal)).predict(test)
    found = PatchCore(ratio=1, embedding=embedding, reweight=3).fit(Source(normal.to("cuda"))).predict(test.to("cuda"))
    np.testing.assert_allclose(found.maps.cpu().numpy(), expected.maps.numpy(), rtol=1e-3)
    np.testing.assert_allclose(found.scores.cpu().numpy(), expected.scores.numpy(), rtol=1e-3)
    assert len(PatchCore(ratio=0.2).fit(Source(normal.to("cuda"))).bank_) == 76
