"""CFA against a plain float64 reference: full distance matrices, joined features at high resolution, torch's AdamW."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn import functional

from detectors.errors import Cancelled, SettingRefused
from detectors.methods import cfa
from detectors.methods.base import Features, FeatureShape
from detectors.methods.cfa import CFA
from detectors.methods.neighbors import Bank, nearest_squares

SIZES = ((3, 8, 8), (4, 4, 4), (5, 2, 2))


class Source:
    """Pictures in batches that do not divide the training batch."""

    def __init__(self, features, size=3):
        self.features, self.size = features, size
        self.shape, self.device = features.shape, features.device

    def __len__(self):
        return len(self.features)

    def __iter__(self):
        return (self.features[i : i + self.size] for i in range(0, len(self), self.size))


def some(count, sizes=SIZES, seed=0, image_size=(32, 32), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    shared = [torch.randn(1, *size, generator=generator) for size in sizes]
    maps = tuple((s + 0.5 * torch.randn(count, *s.shape[1:], generator=generator)).to(dtype) for s in shared)
    return Features(maps, tuple(m.mean((2, 3)) for m in maps), image_size)


def joined(features, levels=(0, 1, 2)):
    """Join levels as the paper draws it: 3 x 3 means, everything enlarged to the finest grid, then coordinates."""
    maps = []
    for level in levels:
        means = uniform_filter(features.maps[level].numpy(), size=(1, 1, 3, 3), mode="constant", cval=0.0)
        grid = features.maps[0].shape[-2:]
        maps.append(functional.interpolate(torch.from_numpy(means), size=grid, mode="bilinear", align_corners=False))
    count, _, height, width = maps[0].shape
    rows = (2 * torch.arange(height, dtype=torch.float64) / (height - 1) - 1).view(1, 1, -1, 1)
    columns = (2 * torch.arange(width, dtype=torch.float64) / (width - 1) - 1).view(1, 1, 1, -1)
    maps += [rows.expand(count, 1, height, width), columns.expand(count, 1, height, width)]
    return torch.cat(maps, 1).flatten(2).transpose(1, 2)  # (N, P, C + 2)


def squares(patches, bank):
    return (patches[:, None] - bank[None]).square().sum(-1)  # (Q, M)


def reference(features, settings):
    """Train as the paper says, at once: weight, bias, bank, radius, losses by step, in how many a patch was pushed."""
    generator = torch.Generator().manual_seed(settings.seed)
    inputs = joined(features)  # (N, P, C + 2)
    channels = inputs.shape[2]
    outputs = (channels - 2) // settings.gamma_d
    bound = channels**-0.5
    weight = ((torch.rand(outputs, channels, generator=generator) * 2 - 1) * bound).double()
    bias = ((torch.rand(outputs, generator=generator) * 2 - 1) * bound).double()
    bank = (inputs @ weight.T + bias).mean(0)  # (P, D)
    weight, bias = weight.requires_grad_(), bias.requires_grad_()
    radius = torch.tensor(settings.radius, dtype=torch.float64, requires_grad=True)
    rate = settings.learning_rate
    optimiser = torch.optim.AdamW([weight, bias, radius], lr=rate, weight_decay=5e-4, amsgrad=True)
    losses, pushed = [], 0
    for _ in range(settings.epochs):
        order = torch.randperm(len(inputs), generator=generator)
        for start in range(0, len(inputs) - 3, 4):
            patches = (inputs[order[start : start + 4]] @ weight.T + bias).flatten(0, 1)
            near = (
                squares(patches[len(losses) % settings.stride :: settings.stride], bank).topk(6, largest=False).values
            )
            attract = torch.clamp(near[:, :3] - radius**2, min=0).mean()
            repel = torch.clamp(radius**2 - near[:, 3:] - settings.alpha, min=0).mean()
            loss = (attract + repel) / settings.nu
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            pushed += repel.item() > 0
    return weight.detach(), bias.detach(), bank, radius.item(), losses, pushed


def reference_maps(features, weight, bias, bank):
    patches = joined(features) @ weight.T + bias  # (B, P, D)
    near = torch.stack([squares(p, bank).sqrt().sort(dim=1).values[:, :3] for p in patches])
    grid = near[..., 0] * torch.exp(-near[..., 0]) / torch.exp(-near).sum(-1)
    height, width = features.maps[0].shape[-2:]
    maps = functional.interpolate(grid.view(-1, 1, height, width), size=features.image_size, mode="bilinear")[:, 0]
    return np.stack([gaussian_filter(m, 4.0, mode="reflect") for m in maps.numpy()])


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"epochs": 3},
        {"epochs": 3, "gamma_d": 2, "seed": 5},
        {"epochs": 4, "radius": 1.0, "alpha": 0.01},
        {"epochs": 4, "stride": 3},
    ],
    ids=str,
)
def test_equals_the_plain_reference(settings):
    normal, test = some(9), some(4, seed=1)
    detector = CFA(**settings).fit(Source(normal))
    weight, bias, bank, radius, losses, _ = reference(normal, detector)
    torch.testing.assert_close(detector.weight_, weight, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(detector.bias_, bias, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(detector.bank_, bank, rtol=1e-9, atol=1e-12)
    assert detector.radius_ == pytest.approx(radius, rel=1e-9)
    assert detector.losses_ == pytest.approx(np.reshape(losses, (-1, 2)).mean(1), rel=1e-9)  # two batches an epoch
    found, expected = detector.predict(test), reference_maps(test, weight, bias, bank)
    np.testing.assert_allclose(found.maps, expected, rtol=1e-8)
    np.testing.assert_allclose(found.scores, expected.max((1, 2)), rtol=1e-8)


def test_float32_is_within_rounding_of_the_reference():
    normal, test = some(9), some(4, seed=1)
    single = [Features(tuple(m.float() for m in f.maps), f.pooled, f.image_size) for f in (normal, test)]
    detector = CFA(epochs=3).fit(Source(single[0]))
    expected = reference_maps(test, *reference(normal, detector)[:3])
    np.testing.assert_allclose(detector.predict(single[1]).maps, expected, rtol=1e-4)


def test_the_repelling_part_moves_the_radius_and_the_patches():
    normal = Source(some(8))
    pulled = CFA(epochs=2, radius=2.0, alpha=1e9).fit(normal)  # a margin that nothing reaches
    pushed = CFA(epochs=2, radius=2.0, alpha=0.01).fit(normal)
    assert pushed.radius_ < pulled.radius_
    assert not torch.allclose(pushed.weight_, pulled.weight_)


def test_the_radius_grows_as_measured_with_the_official_code():
    detector = CFA(epochs=12).fit(Source(some(12)))  # 36 steps
    assert detector.radius_ == pytest.approx(0.040, abs=0.004)


def test_the_gradient_of_the_winners_is_that_of_the_whole_matrix():
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    weights = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    found, plain = (torch.randn(7, 5, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2))
    plain.data.copy_(found.data)
    near = nearest_squares(found, Bank.of(bank), 4)
    expected = squares(plain, bank).topk(4, largest=False).values
    torch.testing.assert_close(near, expected)
    (near * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(found.grad, plain.grad)


def test_the_layer_at_low_resolution_is_the_layer_at_high_resolution():
    features = some(2)
    weight, bias = torch.randn(6, 14, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    low = cfa._described(CFA()._prepared(features, (8, 8)), weight, bias, (8, 8))
    torch.testing.assert_close(low, joined(features) @ weight.T + bias, rtol=1e-12, atol=1e-12)


def test_a_level_finer_than_the_grid_is_averaged_over_its_cells():
    features = some(5)
    detector = CFA(grid=1, epochs=0).fit(Source(features))
    assert detector.grid_size_ == (4, 4)
    first = CFA(levels=(0,), grid=1)._prepared(features, (4, 4))[0]  # (B, 4, 4, C)
    means = uniform_filter(features.maps[0].numpy(), size=(1, 1, 3, 3), mode="constant", cval=0.0)
    expected = means.reshape(5, 3, 4, 2, 4, 2).mean((3, 5)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(first, expected, rtol=1e-12)


def test_a_score_worked_by_hand():
    detector = CFA(levels=(0,))
    state = {"weight_": torch.tensor([[1.0, 0.0, 0.0]]), "bias_": torch.tensor([0.0]), "places_": torch.arange(3)}
    state |= {"bank_": torch.tensor([[1.0], [-2.0], [3.0]]), "grid_size_": (1, 1), "channels_": (1,)}
    detector.state = state
    one = Features((torch.zeros(1, 1, 1, 1),), (torch.zeros(1, 1),), (8, 8))
    expected = 1 * math.exp(-1) / (math.exp(-1) + math.exp(-2) + math.exp(-3))  # distances 1, 2, 3
    assert detector.predict(one).scores.item() == pytest.approx(expected, rel=1e-6)
    assert [n.distance for n in detector.explain(one, 0, 0).neighbors] == pytest.approx([1, 2, 3])


def test_a_patch_on_its_centre_scores_zero_and_trains_without_nan():
    one = some(1, dtype=torch.float32)
    assert CFA(epochs=0).fit(Source(one)).predict(one).scores.item() == 0
    detector = CFA(epochs=2).fit(Source(one))
    assert all(math.isfinite(loss) for loss in detector.losses_)
    assert torch.isfinite(detector.predict(one).maps).all()


def test_fewer_centres_by_k_means():
    normal = Source(some(6))
    points = CFA(epochs=0).fit(normal).bank_  # (64, D)
    detector = CFA(epochs=0, gamma_c=4).fit(normal)
    assert detector.bank_.shape == (16, points.shape[1])
    nearest_point = squares(detector.bank_, points)
    assert torch.equal(detector.places_, nearest_point.argmin(1))
    owner = nearest_point.argmin(0)  # Lloyd's condition: a centre is the mean of the points nearest to it
    for centre in range(16):
        torch.testing.assert_close(detector.bank_[centre], points[owner == centre].mean(0), rtol=1e-6, atol=1e-8)


def test_explain_names_the_places_of_the_nearest_centres():
    normal = some(6)
    detector = CFA(epochs=0).fit(Source(normal))
    evidence = detector.explain(some(1, seed=3), 13, 6)
    assert evidence.box == (12.0, 4.0, 16.0, 8.0)  # 4 px cells: row 3, column 1
    patch = (joined(some(1, seed=3)) @ detector.weight_.T + detector.bias_)[0, 3 * 8 + 1]
    order = squares(patch[None], detector.bank_)[0].argsort()[:3]
    assert [n.box[:2] for n in evidence.neighbors] == [(4.0 * (p // 8), 4.0 * (p % 8)) for p in order.tolist()]
    assert all(n.picture is None for n in evidence.neighbors)


def test_few_pictures_and_few_centres_are_said():
    detector = CFA(epochs=1, gamma_c=20).fit(Source(some(2)))  # 64 // 20 = 3 centres
    assert [str(note) for note in detector.notes] == [
        "CFA trains on batches of 4 pictures; here each step used all 2.",
        "CFA looks at 6 nearest centres, and there are 3: fewer repel or attract.",
    ]
    assert len(detector.losses_) == 1


def test_features_too_large_to_keep_are_shuffled_in_runs(monkeypatch):
    normal = Source(some(11))
    whole = CFA(epochs=2).fit(normal)
    monkeypatch.setattr(cfa, "AT_HAND", 5 * whole._picture_bytes(normal.shape))
    detector = CFA(epochs=2).fit(normal)
    assert [str(note) for note in detector.notes] == [
        "The features are too large to be kept at hand: CFA shuffled its pictures within runs of 4 instead of all 11."
    ]
    assert not whole.notes
    torch.testing.assert_close(detector.bank_, whole.bank_)
    assert detector.losses_ == pytest.approx(whole.losses_, rel=0.1)  # other batches, the same two a pass


def test_repelling_spheres_are_looked_at_from_the_step_that_reaches_them():
    normal = some(9)
    detector = CFA(epochs=8, learning_rate=0.05, radius=0.1, alpha=0.02)  # far below the margin at first
    weight, _, _, radius, losses, pushed = reference(normal, detector)
    assert 0 < pushed < len(losses)
    detector.fit(Source(normal))
    assert detector.radius_ == pytest.approx(radius, rel=1e-6)
    assert detector.losses_ == pytest.approx(np.reshape(losses, (-1, 2)).mean(1), rel=1e-6)
    torch.testing.assert_close(detector.weight_, weight, rtol=1e-5, atol=1e-6)


def test_every_step_is_reported_and_may_be_cancelled():
    calls = []
    CFA(epochs=2).fit(Source(some(8)), lambda done, stage="", **numbers: calls.append((done, stage, numbers)))
    training = [(done, numbers.get("loss")) for done, stage, numbers in calls if stage == "training"]
    assert [done for done, _ in training] == [0.25, 0.5, 0.75, 1.0]
    assert [loss is None for _, loss in training] == [True, True, False, False]  # known after an epoch
    assert training[-1][1] > 0

    def cancel(done, stage="", **numbers):
        if done >= 0.5:
            raise Cancelled

    detector = CFA(epochs=2)
    with pytest.raises(Cancelled):
        detector.fit(Source(some(8)), cancel)
    assert not detector.fitted


def test_training_lowers_the_loss_and_leaves_the_bank_alone():
    normal = Source(some(8))
    detector = CFA(epochs=10).fit(normal)
    assert detector.losses_[-1] < 0.9 * detector.losses_[0]
    assert torch.equal(detector.bank_, CFA(epochs=0).fit(normal).bank_)


def test_works_inside_no_grad():
    with torch.no_grad():
        assert CFA(epochs=1).fit(Source(some(4))).fitted


@pytest.mark.parametrize("settings", [{"levels": (0, 3)}, {"grid": 3}], ids=str)
def test_a_level_that_is_not_there_is_refused(settings):
    with pytest.raises(SettingRefused) as refused:
        CFA(**settings).fit(Source(some(4)))
    assert str(refused.value) == ("CFA asks for level 3, but the backbone has levels 0 to 2. Choose among these.")


def test_other_features_are_refused():
    detector = CFA(epochs=0).fit(Source(some(4)))
    with pytest.raises(SettingRefused) as refused:
        detector.predict(some(1, sizes=((3, 8, 8), (4, 4, 4), (6, 2, 2))))
    assert str(refused.value) == (
        "These features have the sizes (3, 4, 6), and CFA was fitted on (3, 4, 5). "
        "Use the backbone and the picture size of the fit."
    )


def test_features_that_are_not_finite_leave_nothing_fitted():
    features = some(4)
    features.maps[0][1, 0, 0, 0] = torch.nan
    detector = CFA()
    with pytest.raises(SettingRefused, match="infinite or undefined"):
        detector.fit(Source(features))
    assert not detector.fitted


def test_the_estimate_knows_the_model_s_bytes():
    features = some(4, dtype=torch.float32)
    for settings in ({"epochs": 0}, {"epochs": 0, "gamma_c": 3, "gamma_d": 2, "grid": 1}):
        detector = CFA(**settings).fit(Source(features))
        assert detector.estimate(features.shape).model_bytes == detector.nbytes
    paper = CFA().estimate(FeatureShape(209, ((256, 56, 56), (512, 28, 28), (1024, 14, 14)), (2048,), (224, 224)))
    assert paper.model_bytes == pytest.approx(22.5e6 + 12.9e6, rel=0.01)  # what the specification counts
