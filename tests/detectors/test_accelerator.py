"""The engine on an accelerator, pretended where there is none: equal numbers, and a host that seldom waits."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fixtures.accelerator import DEVICE, NAME, Mixed, memory, on, pretending, waits

from detectors import datasets
from detectors.comparison import storage
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.comparison.pipeline import on_cpu
from detectors.errors import TooLarge
from detectors.images import Preprocessing
from detectors.live import model as live
from detectors.methods import METHODS, build
from detectors.methods.base import Features
from detectors.methods.coreset import greedy_coreset
from detectors.queries import explain
from detectors.stress import condition
from detectors.stress.measuring import measure, strip

COMPARISON = Comparison(backbones=("scattering",), preprocessing=Preprocessing(size=96))
every_method = pytest.mark.parametrize("key", METHODS)


@pytest.fixture(scope="module")
def data():
    return datasets.demo("circuit", normal=9, good=2, per=1, severities=(1.0,), kinds=("scratch",), seed=2)


@pytest.fixture(scope="module")
def here(data):
    return run(data)


@pytest.fixture
def accelerator(monkeypatch):
    explain._backbone.cache_clear()  # one on the processor may be at hand
    with pretending(monkeypatch):
        yield
    explain._backbone.cache_clear()


def run(data, comparison=COMPARISON):
    """Return what a worker has after a run: pictures, features, fitted detectors."""
    pictures = comparison.prepare(data)
    (name,) = comparison.backbones
    stores = extract(pictures, comparison.load(name), data=data)
    fitted = []
    for method in comparison.methods:
        column, detector = fit_and_score(comparison.detector(method, name), stores, pictures)
        fitted.append(FittedColumn(column, detector, stores, method))
    return Bench(comparison, pictures, tuple(fitted))


def close(found, expected, rtol=2e-4):
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def test_a_run_gives_what_the_processor_gives(data, here, accelerator):
    there = run(data)
    assert there.fitted[0].stores.learnt.device == there.fitted[0].stores.test[:1].device == DEVICE
    for ours, theirs in zip(there.fitted, here.fitted, strict=True):
        column, expected = ours.column, theirs.column
        close(column.scores, expected.scores)
        close(column.held_out, expected.held_out)
        assert (column.maps is None) == (expected.maps is None)
        if column.maps is not None:
            close(column.maps, expected.maps)
            close([*vars(column.scale).values()], [*vars(expected.scale).values()])
        assert column.figures.keys() == expected.figures.keys()
        assert column.notes == expected.notes
    pixels = here.pictures.test[0].pixels[None]
    for ours, theirs in zip(explain.score_pictures(there, pixels), here.fitted, strict=True):
        close(ours.scores, theirs.column.scores[:1])  # what is painted on goes this way
    at = (40, 50)
    reasons = zip(
        explain.explain_place(there, "test", 0, *at), explain.explain_place(here, "test", 0, *at), strict=True
    )
    for ours, theirs in reasons:
        assert (ours.key, ours.unit, ours.box) == (theirs.key, theirs.unit, theirs.box)
        close(ours.value, theirs.value)
        assert [n.picture for n in ours.compared] == [n.picture for n in theirs.compared]
    whole = next(f.column.key for f in there.fitted if f.column.maps is None)
    reaction = explain.gradient(there, whole, "test", 0)
    assert np.isfinite(reaction).all()
    assert reaction.any()


CLOSER = Comparison(
    methods=("mahalanobis", "patchcore"),
    backbones=("scattering-2x2",),
    preprocessing=Preprocessing(size=64, proportions="padded"),
)


@pytest.fixture(scope="module")
def wide(data):
    """Pictures of two shapes."""
    train = [cut(sample, 80 + 40 * (i % 2)) for i, sample in enumerate(data.train)]
    return replace(data, train=tuple(train), test=tuple(cut(sample, 120) for sample in data.test[:2]))


def cut(sample, rows):
    return replace(sample, picture=replace(sample.picture, pixels=sample.picture.pixels[:rows]), mask=None)


@pytest.fixture(scope="module")
def closer_here(wide):
    return run(wide, CLOSER)


def test_tiles_of_padded_rectangles_give_what_the_processor_gives(wide, closer_here, accelerator):
    there = run(wide, CLOSER)
    assert there.fitted[0].stores.learnt.device == DEVICE
    assert there.fitted[0].stores.learnt.boxes is not None
    for ours, theirs in zip(there.fitted, closer_here.fitted, strict=True):
        close(ours.column.scores, theirs.column.scores)
        close(ours.column.held_out, theirs.column.held_out)


BLUR = replace(condition("blur"), strengths=(0, 2))


@pytest.fixture(scope="module")
def blurred_here(here):
    return measure(here, BLUR)


def test_conditions_are_measured_there_as_here(data, blurred_here, accelerator):
    for ours, theirs in zip(measure(run(data), BLUR), blurred_here, strict=True):
        close(ours.scores, theirs.scores)


@pytest.fixture(scope="module")
def live_here(here):
    frames = np.stack([picture.pixels for picture in (*here.pictures.learnt, *here.pictures.held_out)])
    learnt = live.fit(COMPARISON, frames, folds=2)
    live._backbone.cache_clear()
    return frames, learnt, live.answer(learnt, COMPARISON, here.pictures.test[0].pixels)


def test_a_camera_is_answered_there_as_here(here, live_here, accelerator, monkeypatch):
    frames, learnt, answered = live_here
    monkeypatch.setattr(live, "ThreadPoolExecutor", InTurn)
    there = live.fit(COMPARISON, frames, folds=2)
    for ours, theirs in zip(there.columns, learnt.columns, strict=True):
        close(ours.held_out, theirs.held_out)
    close(live.answer(there, COMPARISON, here.pictures.test[0].pixels).multiples, answered.multiples)
    again = live.unpacked(*live.packed(there))  # for the process that answers
    assert all(tensor.device.type == "cpu" for column in again.columns for tensor in tensors(column.detector.state))
    live._backbone.cache_clear()


class InTurn:
    """Does at once what threads would do: what is pretended is pretended in one thread."""

    def __init__(self, at_once):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    map = staticmethod(map)


def test_what_is_written_as_a_graph_is_taken_to_the_processor_and_stays_there_as_well(data, here, accelerator):
    there = run(data, replace(COMPARISON, methods=("padim",)))
    (fitted,) = there.fitted
    pipeline = on_cpu(there, fitted.column.key)
    ours = next(f for f in here.fitted if f.token == "padim")
    assert {tensor.device.type for tensor in tensors(pipeline.standardisation.state)} == {"cpu"}
    close(pipeline.detector.predict(ours.stores.test[:]).scores, ours.column.scores)
    assert all(tensor.device == DEVICE for tensor in tensors(fitted.detector.state) if tensor.dim())


@every_method
def test_a_detector_is_saved_from_there_and_moved_back(key, accelerator, tmp_path):
    normal, test = features(9), features(2, seed=1)
    detector = build(key).fit(Source(moved(normal)))
    storage.save_detector(detector, tmp_path / "there.safetensors")
    loaded, _ = storage.load_detector(tmp_path / "there.safetensors")
    expected = detector.predict(moved(test))
    close(loaded.predict(test).scores, expected.scores.cpu())  # on the processor
    close(loaded.to(DEVICE).predict(moved(test)).scores.cpu(), expected.scores.cpu())


@every_method
def test_more_of_everything_makes_the_host_wait_no_more_often(key, accelerator):
    """More pictures in more batches mean more steps, and more picks for a coreset."""
    waited = []
    for count, batch in ((8, 8), (24, 4)):
        waits.clear()
        build(key).fit(Source(moved(features(count)), batch))
        waited.append(dict(waits))
    assert waited[1] == waited[0]
    assert sum(waited[0].values()) <= 30


def test_a_coreset_makes_the_host_wait_for_its_start_alone(accelerator):
    points = torch.randn(3000, 16, generator=torch.Generator().manual_seed(0))
    expected = greedy_coreset(points, 300)
    waits.clear()
    found = greedy_coreset(on(points), 300)
    assert sum(waits.values()) <= 2, waits
    assert torch.equal(found.cpu(), expected)


# When memory runs out


def test_a_backbone_takes_fewer_pictures_at_once(data, here, accelerator):
    pictures = COMPARISON.prepare(data)
    network = COMPARISON.load("scattering")
    extract(pictures, network)
    memory.reset(memory.largest // 3)
    stores = extract(pictures, network)
    assert memory.refused
    assert stores.learnt.device == DEVICE
    assert not stores.notes
    for found, expected in zip(stores.test[:2].maps, here.fitted[0].stores.test[:2].maps, strict=True):
        close(found.cpu(), expected)


def test_a_backbone_goes_on_on_the_processor_when_one_picture_is_too_large(data, here, accelerator):
    pictures = COMPARISON.prepare(data)
    network = COMPARISON.load("scattering")
    memory.reset(4 * 96 * 96)
    stores = extract(pictures, network)
    assert memory.refused
    assert [note.key for note in stores.notes] == ["features.moved_to_cpu"]
    assert NAME in str(stores.notes[0])
    for found, expected in zip(stores.test[:2].maps, here.fitted[0].stores.test[:2].maps, strict=True):
        close(found, expected)


@every_method
def test_a_method_is_fitted_on_the_processor_or_says_that_it_is_too_large(key, here, data, accelerator):
    pictures = COMPARISON.prepare(data)
    stores = extract(pictures, COMPARISON.load("scattering"))
    detector = COMPARISON.detector(key, "scattering")
    memory.reset()
    detector.fit(stores.learnt)
    model = max(t.numel() * t.element_size() for t in tensors(detector.state))
    memory.reset(memory.largest - 1)
    again = COMPARISON.detector(key, "scattering")
    if model > memory.most:
        with pytest.raises(TooLarge, match="memory"):
            fit_and_score(again, stores, pictures)
        return
    column, _ = fit_and_score(again, stores, pictures)
    assert memory.refused
    assert "comparison.fitted_on_cpu" in [note.key for note in column.notes]
    close(column.scores, next(f.column for f in here.fitted if f.token == key).scores)


@every_method
def test_a_method_scores_fewer_pictures_at_once(key, here, data, accelerator, monkeypatch):
    pictures = COMPARISON.prepare(data)
    stores = extract(pictures, COMPARISON.load("scattering"))
    detector = COMPARISON.detector(key, "scattering").fit(stores.learnt)
    monkeypatch.setattr(detector, "fit", lambda *_: detector)
    memory.reset()
    detector.predict(stores.test[:1])
    one = memory.largest
    memory.reset()
    detector.predict(stores.test[:])
    assert memory.largest > one
    memory.reset(one)
    column, _ = fit_and_score(detector, stores, pictures)
    assert memory.refused
    close(column.scores, next(f.column for f in here.fitted if f.token == key).scores)


def test_painting_and_conditions_take_fewer_pictures_at_once(data, here, blurred_here, accelerator):
    there = run(data)
    pixels = np.stack([picture.pixels for picture in here.pictures.test[:3]])
    for ask, expected in (
        (lambda: explain.score_pictures(there, pixels), [f.column.scores[:3] for f in here.fitted]),
        (lambda: measure(there, BLUR), [curve.scores for curve in blurred_here]),
        (lambda: [strip(there, BLUR, 0)], None),
    ):
        memory.reset()
        usual = ask()
        memory.reset(memory.largest - 1)
        found = ask()
        assert memory.refused
        if expected is None:
            expected, found = usual[0].scores.values(), [SimpleNamespace(scores=s) for s in found[0].scores.values()]
        for ours, theirs in zip(found, expected, strict=True):
            close(ours.scores, theirs)


def test_what_the_processor_took_over_is_painted_and_changed_there_as_well(data, here, accelerator):
    memory.reset(4 * 96 * 96)
    there = run(data)
    assert there.fitted[0].stores.learnt.device.type == "cpu"
    memory.reset()
    pixels = here.pictures.test[0].pixels[None]
    assert explain.backbone_of(there, "scattering").device.type == "cpu"
    for ours, theirs in zip(explain.score_pictures(there, pixels), here.fitted, strict=True):
        close(ours.scores, theirs.column.scores[:1])
    measure(there, BLUR)


# What is pretended


def test_tensors_of_both_places_do_not_mix():
    with pytest.raises(Mixed, match="add"):
        on(torch.ones(3)) + torch.ones(3)
    with pytest.raises(TypeError, match="host"):
        on(torch.ones(3)).numpy()


def test_waiting_is_counted():
    waits.clear()
    there = on(torch.arange(3.0))
    there.sum().item()
    there.tolist()
    there.cpu()
    there.nonzero()
    bool((there > 1).any())
    assert sum(waits.values()) == 5
    assert on(torch.zeros(2)).to(torch.float64).device == DEVICE


class Source:
    """Features in batches, as a feature store hands them out."""

    def __init__(self, batch, size=None):
        self.batch, self.device, self.shape, self.size = batch, batch.device, batch.shape, size or len(batch)

    def __len__(self):
        return len(self.batch)

    def __iter__(self):
        return (self.batch[start : start + self.size] for start in range(0, len(self.batch), self.size))


def features(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = [torch.randn(count, c, s, s, generator=generator) for c, s in ((8, 24), (16, 12), (32, 6))]
    return Features(tuple(maps), tuple(level.mean((2, 3)) for level in maps), (96, 96))


def moved(found):
    return Features(tuple(map(on, found.maps)), tuple(map(on, found.pooled)), found.image_size)


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return list(itertools.chain.from_iterable(map(tensors, inside)))
