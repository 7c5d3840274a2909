"""What every method promises, whatever it computes: one suite over all of `METHODS`."""

import copy
from dataclasses import fields
from itertools import pairwise

import pytest
import torch

from detectors.comparison import storage
from detectors.errors import Cancelled, NotFitted, Sentence, SettingRefused
from detectors.features.device import best_device
from detectors.methods import METHODS, build
from detectors.methods.base import Detector, Features, FeatureShape
from detectors.methods.maps import anomaly_map

PYRAMID = ((6, 8, 8), (8, 4, 4), (10, 2, 2))
EQUAL_STRIDES = ((6, 4, 4), (6, 4, 4), (6, 4, 4))  # a vision transformer
WIDE = ((6, 8, 12), (8, 4, 6), (10, 2, 3))
MAPS = [key for key, card in METHODS.items() if card.has_map]

every_method = pytest.mark.parametrize("key", METHODS)
every_map = pytest.mark.parametrize("key", MAPS)


class Source:
    """Pictures in batches of a given size, gone through as often as wanted."""

    def __init__(self, features, size=4):
        self.features, self.size = features, size

    def __len__(self):
        return len(self.features)

    def __iter__(self):
        return (self.features[i : i + self.size] for i in range(0, len(self), self.size))

    @property
    def shape(self):
        return self.features.shape

    @property
    def device(self):
        return self.features.device


def some(count, sizes=PYRAMID, seed=0, image_size=(32, 32)):
    """Pictures that share a scene and differ by noise, as normal pictures do; not negative, as after a ReLU."""
    scene = torch.Generator().manual_seed(99)
    noise = torch.Generator().manual_seed(seed)
    maps = tuple(
        (torch.randn(1, *size, generator=scene) + 0.3 * torch.randn(count, *size, generator=noise)).abs()
        for size in sizes
    )
    return Features(maps, tuple(m.mean((2, 3)) for m in maps), image_size)


def made(key, preset="quick", **settings):
    small = {"epochs": 2} if key == "cfa" else {}
    return build(key, preset, **(small | settings))


@pytest.fixture(scope="module")
def fitted():
    """Each method in its quick preset, fitted on 8 pictures; not to be changed."""
    return {key: made(key).fit(Source(some(8))) for key in METHODS}


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, tuple | list | dict) and type(a) is type(b) and len(a) == len(b):
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


def close(found, expected, relative):
    if expected is None:
        assert found is None
    else:
        torch.testing.assert_close(found, expected, rtol=0, atol=relative * expected.abs().max().item())


@every_method
def test_fit_returns_the_detector(key):
    detector = made(key)
    assert isinstance(detector, Detector)
    assert not detector.fitted
    assert detector.fit(Source(some(4))) is detector
    assert detector.fitted


@every_method
def test_settings_are_the_constructor_s_arguments(key):
    detector = made(key)
    again = type(detector)(**detector.settings)
    assert again == detector
    assert detector.settings.keys() == {f.name for f in fields(detector)}
    assert not any(name.endswith("_") for name in detector.settings)


@every_method
def test_an_unfitted_detector_says_so(key):
    detector, one = made(key), some(1)
    sentence = f"^{type(detector).__name__} has not been fitted: call fit\\(features\\) first\\.$"
    for use in (lambda: detector.predict(one), lambda: detector.explain(one, 0, 0), lambda: detector.nbytes):
        with pytest.raises(NotFitted, match=sentence):
            use()
    assert detector.notes == ()


@every_method
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_the_same_seed_gives_the_same_answer(key, preset):
    torch.manual_seed(1)
    first = made(key, preset, seed=3).fit(Source(some(6)))
    torch.manual_seed(2)  # nothing may hang on the global generator
    second = made(key, preset, seed=3).fit(Source(some(6)))
    assert same(first.state, second.state)
    assert same(vars(first.predict(some(2, seed=1))), vars(second.predict(some(2, seed=1))))


@every_method
def test_the_global_generator_is_left_alone(key):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    made(key).fit(Source(some(4))).predict(some(1))
    assert torch.equal(torch.get_rng_state(), before)


@every_method
def test_predictions_do_not_depend_on_the_batch(key, fitted):
    test = some(5, seed=1)
    whole = fitted[key].predict(test)
    for size in (1, 2):
        parts = [fitted[key].predict(test[i : i + size]) for i in range(0, 5, size)]
        close(torch.cat([p.scores for p in parts]), whole.scores, 1e-6)
        if METHODS[key].has_map:
            close(torch.cat([p.maps for p in parts]), whole.maps, 1e-6)


@every_method
def test_a_fit_does_not_depend_on_the_batches_it_is_read_in(key):
    test, normal = some(2, seed=1), some(7)
    one, another = (made(key).fit(Source(normal, size)).predict(test) for size in (3, 7))
    close(one.scores, another.scores, 1e-5)
    close(one.maps, another.maps, 1e-5)


@every_method
def test_inputs_are_untouched(key):
    normal, test = some(6), some(2, seed=1)
    before = copy.deepcopy((normal.maps, normal.pooled, test.maps, test.pooled))
    detector = made(key).fit(Source(normal))
    detector.predict(test)
    detector.explain(test[:1], 3, 5)
    assert same((normal.maps, normal.pooled, test.maps, test.pooled), before)


@every_method
def test_predict_and_explain_change_no_state(key, fitted):
    before = copy.deepcopy(fitted[key].state)
    fitted[key].predict(some(3, seed=1))
    fitted[key].explain(some(1, seed=1), 31, 0)
    assert same(fitted[key].state, before)


@every_method
def test_later_changes_of_the_features_do_not_reach_the_detector(key):
    normal = some(6)
    detector = made(key).fit(Source(normal, size=6))
    before = copy.deepcopy(detector.state)
    for tensor in (*normal.maps, *normal.pooled):
        tensor.fill_(7)
    assert same(detector.state, before)


@every_method
def test_a_second_fit_forgets_the_first(key):
    again = made(key).fit(Source(some(9, seed=4))).fit(Source(some(6)))
    assert same(again.state, made(key).fit(Source(some(6))).state)


@every_method
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_a_saved_detector_is_bit_equal_in_a_new_object(key, preset, tmp_path):
    detector = made(key, preset).fit(Source(some(6)))
    storage.save_detector(detector, tmp_path / "m.safetensors")
    loaded, _ = storage.load_detector(tmp_path / "m.safetensors")
    assert type(loaded) is type(detector)
    assert loaded.settings == detector.settings
    assert same(loaded.state, detector.state)
    assert loaded.notes == detector.notes
    test = some(2, seed=1)
    assert same(vars(loaded.predict(test)), vars(detector.predict(test)))
    assert loaded.explain(test[:1], 9, 20) == detector.explain(test[:1], 9, 20)


@every_method
def test_a_cancelled_fit_leaves_nothing_fitted(key):
    calls = []
    made(key).fit(Source(some(6)), lambda *args, **numbers: calls.append(args))
    for last in (1, len(calls)):
        count = 0

        def cancel(*args, last=last, **numbers):
            nonlocal count
            count += 1
            if count == last:
                raise Cancelled

        detector = made(key).fit(Source(some(4)))  # fitted before: that is forgotten as well
        with pytest.raises(Cancelled):
            detector.fit(Source(some(6)), cancel)
        assert not detector.fitted
        assert detector.state == {}


@every_method
def test_progress_is_a_share_that_only_grows(key):
    shares = []
    made(key).fit(Source(some(6)), lambda done, stage="", **numbers: shares.append(done))
    assert shares
    assert all(0 <= share <= 1 for share in shares)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(shares))


@every_method
def test_one_normal_picture_is_enough_or_refused_with_a_sentence(key):
    detector = made(key)
    if key in ("mahalanobis", "padim"):  # they measure variation
        with pytest.raises(SettingRefused, match=r"Give it at least 2\.$"):
            detector.fit(Source(some(1)))
        assert not detector.fitted
    else:
        assert torch.isfinite(detector.fit(Source(some(1))).predict(some(2, seed=1)).scores).all()


@every_method
@pytest.mark.parametrize("count", [2, 3])
def test_few_normal_pictures(key, count):
    prediction = made(key).fit(Source(some(count))).predict(some(1, seed=1))
    assert prediction.scores.shape == (1,)
    assert torch.isfinite(prediction.scores).all()


@every_method
def test_the_same_picture_over_and_over(key):
    one = some(1)
    normal = Features(
        tuple(m.repeat(4, 1, 1, 1) for m in one.maps), tuple(p.repeat(4, 1) for p in one.pooled), one.image_size
    )
    prediction = made(key).fit(Source(normal)).predict(some(2, seed=1))
    assert torch.isfinite(prediction.scores).all()
    assert prediction.maps is None or torch.isfinite(prediction.maps).all()


@every_method
@pytest.mark.parametrize("preset", ["quick", "paper"])
@pytest.mark.parametrize(
    ("sizes", "image_size"),
    [(PYRAMID, (32, 32)), (EQUAL_STRIDES, (28, 28)), (WIDE, (32, 48))],
    ids=["pyramid", "equal strides", "not square"],
)
def test_predictions_have_the_shape_of_the_pictures(key, preset, sizes, image_size):
    detector = made(key, preset).fit(Source(some(5, sizes, image_size=image_size)))
    prediction = detector.predict(some(3, sizes, seed=1, image_size=image_size))
    assert prediction.scores.shape == (3,)
    assert prediction.scores.dtype == torch.float32
    assert not prediction.scores.requires_grad
    if METHODS[key].has_map:
        assert prediction.maps.shape == (3, *image_size)
        assert prediction.maps.dtype == torch.float32
    else:
        assert prediction.maps is None
    evidence = detector.explain(some(1, sizes, seed=1, image_size=image_size), image_size[0] - 1, image_size[1] - 1)
    if METHODS[key].has_map:
        assert evidence.box[2:] == image_size  # the last cell reaches the last pixel


@every_method
def test_higher_is_more_anomalous(key, fitted):
    anomalous = some(1, seed=1)
    for level in anomalous.maps:
        level.add_(3)
    anomalous = Features(anomalous.maps, tuple(m.mean((2, 3)) for m in anomalous.maps), anomalous.image_size)
    assert fitted[key].predict(anomalous).scores > 2 * fitted[key].predict(some(4, seed=1)).scores.max()


@every_map
def test_the_map_peaks_where_the_defect_is(key, fitted):
    anomalous = some(1, seed=1)
    for level, (y, x) in zip(anomalous.maps, [(slice(4, 6), slice(0, 2)), (2, 0), (1, 0)], strict=True):
        level[0, :, y, x] += 5  # pixels 16-23, 0-7
    place = int(fitted[key].predict(anomalous).maps[0].argmax())
    assert 12 <= place // 32 < 28
    assert place % 32 < 12


@every_map
def test_explained_values_are_the_map_before_enlarging(key):
    detector = made(key, levels=(0,), **({"grid": None} if key == "cfa" else {})).fit(Source(some(6)))
    one = some(1, seed=1)
    evidence = [[detector.explain(one, 4 * y + 1, 4 * x + 2) for x in range(8)] for y in range(8)]
    grid = torch.tensor([[e.value for e in row] for row in evidence])
    close(anomaly_map(grid[None], (32, 32)), detector.predict(one).maps, 1e-5)
    assert evidence[2][5].box == (8, 20, 12, 24)


@pytest.mark.parametrize("key", [key for key in METHODS if key not in MAPS])
def test_without_a_map_the_explained_value_is_the_score(key, fitted):
    one = some(1, seed=1)
    evidence = fitted[key].explain(one, 3, 3)
    assert evidence.value == pytest.approx(fitted[key].predict(one).scores.item(), rel=1e-6)
    assert evidence.box is None


@every_method
def test_evidence_says_something_in_order(key, fitted):
    evidence = fitted[key].explain(some(1, seed=1), 12, 25)
    assert evidence.unit
    assert evidence.neighbors or evidence.contributions
    distances = [n.distance for n in evidence.neighbors]
    assert distances == sorted(distances)
    for neighbor in evidence.neighbors:
        assert neighbor.picture is None or 0 <= neighbor.picture < 8
        top, left, bottom, right = neighbor.box
        assert 0 <= top < bottom <= 32
        assert 0 <= left < right <= 32


@every_method
def test_nbytes_counts_the_learnt_tensors(key, fitted):
    def tensors(value):
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                yield from tensors(item)

    learnt = [t for value in fitted[key].state.values() for t in tensors(value)]
    assert fitted[key].nbytes == sum(t.numel() * t.element_size() for t in learnt)
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in learnt if t.numel()}
    assert sum(storages.values()) <= 1.1 * fitted[key].nbytes  # no view keeps something larger alive


@every_method
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_the_estimate_is_positive_and_knows_the_model_s_bytes(key, preset):
    features = some(6)
    detector = made(key, preset)
    estimate = detector.estimate(features.shape)
    assert estimate.seconds > 0
    assert estimate.peak_bytes >= estimate.model_bytes > 0
    assert not detector.fitted
    assert detector.fit(Source(features)).nbytes == estimate.model_bytes


@every_method
def test_the_estimate_grows_with_the_pictures(key):
    detector = made(key, "paper")
    few, many = (
        detector.estimate(FeatureShape(n, ((64, 56, 56), (128, 28, 28), (256, 14, 14)), (64, 128, 256), (224, 224)))
        for n in (20, 2000)
    )
    assert many.seconds > few.seconds
    assert many.peak_bytes > few.peak_bytes


@every_method
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_notes_are_sentences(key, preset):
    detector = made(key, preset).fit(Source(some(2)))
    assert isinstance(detector.notes, tuple)
    assert all(isinstance(note, Sentence) and note.key.startswith(f"{key}.") for note in detector.notes)
    assert detector.notes == made(key, preset).fit(Source(some(2))).notes


@pytest.mark.parametrize(
    ("key", "settings"), [("spade", {}), ("mahalanobis", {}), ("padim", {}), ("patchcore", {"ratio": 1.0})]
)
def test_the_order_of_normal_pictures_does_not_matter(key, settings):
    normal, test = some(7), some(2, seed=1)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    turned = Features(tuple(m[order] for m in normal.maps), tuple(p[order] for p in normal.pooled), normal.image_size)
    one, another = (made(key, **settings).fit(Source(f)).predict(test) for f in (normal, turned))
    close(one.scores, another.scores, 1e-5)
    close(one.maps, another.maps, 1e-5)


@every_method
def test_features_of_another_backbone_are_refused(key, fitted):
    with pytest.raises(SettingRefused, match="backbone"):
        fitted[key].predict(some(1, ((6, 8, 8), (8, 4, 4), (9, 2, 2))))


@every_method
def test_levels_that_are_not_there_are_refused(key):
    detector = made(key, levels=(0, 7))
    with pytest.raises(SettingRefused, match="backbone"):
        detector.fit(Source(some(3)))
    assert not detector.fitted


@every_method
def test_moving_to_the_device_it_is_on_changes_nothing(key):
    detector = made(key).fit(Source(some(4)))
    before = copy.deepcopy(detector.state)
    assert detector.to("cpu") is detector
    assert same(detector.state, before)


@every_method
def test_scores_alone_are_those_of_a_prediction(key, fitted):
    assert torch.equal(fitted[key].scores(some(3, seed=1)), fitted[key].predict(some(3, seed=1)).scores)


def among(features, rows):
    return Features(tuple(m[rows] for m in features.maps), tuple(p[rows] for p in features.pooled), features.image_size)


@pytest.mark.parametrize(
    ("key", "settings"),
    [("spade", {}), ("spade", {"k": 50}), ("mahalanobis", {}), ("padim", {}), ("padim", {"epsilon": 1e-5}),
     ("padim", {"channels": 4})],
)  # fmt: skip
def test_left_out_scores_are_those_of_fits_on_the_others(key, settings):
    """PaDiM by its exact shortcut, with fewer pictures than channels and with more."""
    normal = some(7)
    others = [[j for j in range(7) if j != i] for i in range(7)]
    wanted = [made(key, **settings).fit(Source(among(normal, rows))).scores(among(normal, [i]))
              for i, rows in enumerate(others)]  # fmt: skip
    detector = made(key, **settings)
    close(detector.left_out(Source(normal)), torch.cat(wanted), 1e-5)
    assert not detector.fitted


def test_left_out_is_not_told_where_it_takes_a_fit_each():
    for key, settings in (("patchcore", {}), ("cfa", {}), ("padim", {"relative": True})):
        assert made(key, **settings).left_out(Source(some(5))) is None


@every_method
def test_a_strange_picture_leaves_the_largest_trace(key):
    normal = some(8)
    times = torch.tensor([4.0] + [1.0] * 7)
    maps = tuple(m * times[:, None, None, None] for m in normal.maps)
    odd = Features(maps, tuple(p * times[:, None] for p in normal.pooled), normal.image_size)
    detector = made(key).fit(Source(odd))
    traces = [detector.trace(Source(odd), i) for i in range(8)]
    assert all(0 <= trace.share <= 1 for trace in traces)
    assert sum(trace.share for trace in traces) == pytest.approx(8 / 7 if key == "spade" else 1, rel=1e-4)
    if key == "spade":
        assert traces[0].share < traces[0].usual  # nobody has it for a neighbour
    else:
        assert traces[0].share == max(trace.share for trace in traces)
    if METHODS[key].has_map and key != "spade":
        assert traces[0].grid.mean() > traces[1].grid.mean()


@pytest.mark.gpu
@every_method
def test_the_accelerator_gives_what_the_cpu_gives(key):
    """Maps within a thousandth; CFA trains on both, so its weights differ by rounding and it gets a hundredth."""
    device = best_device()
    if device.type == "cpu":
        pytest.skip("no accelerator on this machine")
    normal, test = some(12), some(6, seed=1)
    there = made(key).fit(Source(normal.to(device))).predict(test.to(device))
    here = made(key).fit(Source(normal)).predict(test)
    allowed = 1e-2 if key == "cfa" else 1e-3
    close(there.scores.cpu(), here.scores, allowed)
    if here.maps is not None:
        close(there.maps.cpu(), here.maps, allowed)
    assert there.scores.device.type == device.type
