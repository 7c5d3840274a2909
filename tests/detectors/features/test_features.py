"""The feature store: read again and again, cut into views, kept anywhere, never left behind."""

import gc
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from detectors.errors import Cancelled, Gone, Refusal, SettingRefused, TooLarge, WeightsRefused
from detectors.features import at_rest
from detectors.features.backbone import load_backbone
from detectors.features.device import best_device, halving
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore
from detectors.methods.base import Features, FeatureShape

SIZE = 64


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("scattering", device="cpu")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (11, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


class Loud:
    """Stands in for a backbone: yields what it is told."""

    name = "loud"
    notes = ()

    def __init__(self, value=1.0, device="cpu", fits=99):
        self.value, self.device, self.fits, self.passes, self.batches = value, torch.device(device), fits, 0, []

    def __call__(self, pictures):
        self.batches.append(len(pictures))
        if len(pictures) > self.fits:
            raise torch.OutOfMemoryError("out of memory")
        self.passes += len(pictures)
        maps = torch.full((len(pictures), 2, 4, 4), self.value) * pictures.mean((1, 2, 3))[:, None, None, None]
        return Features((maps,), (maps.mean((2, 3)),), tuple(pictures.shape[-2:]))

    def to(self, device):
        self.device, self.fits = torch.device(device), 99


def tensors(features):
    return [*features.maps, *features.pooled]


def everything(store):
    batches = list(store)
    return [torch.cat(parts) for parts in zip(*(tensors(b) for b in batches), strict=True)]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_store_holds_what_the_backbone_says_and_can_be_read_again(backbone, images, folder, where):
    store = FeatureStore.extract(images, backbone, batch_size=4, where=where)
    direct = backbone(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    for found, expected in zip(everything(store), tensors(direct), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert_same(everything(store), everything(store))
    assert store.shape == FeatureShape(11, direct.shape.maps, direct.shape.pooled, (SIZE, SIZE))
    assert (len(store), store.where, store.rounding, store.device.type) == (11, where, 0.0, "cpu")
    assert store.nbytes == sum(t.nbytes for t in tensors(direct))
    assert_same(tensors(store[3:7]), [t[3:7] for t in everything(store)])


def test_each_picture_goes_through_the_backbone_once(backbone, images):
    before = backbone.passes
    store = FeatureStore.extract(images, backbone, batch_size=3)
    assert backbone.passes - before == store.passes == 11
    for _ in range(3):
        everything(store.standardised(Standardisation.measure(store)).subset(range(5)))
    assert backbone.passes - before == 11
    assert store.seconds > 0


def test_arrays_batches_and_generators_give_the_same(backbone, images):
    expected = everything(FeatureStore.extract(images, backbone, batch_size=4))
    batches = [images[:4], images[4:8], images[8:]]
    assert_same(everything(FeatureStore.extract(batches, backbone)), expected)
    assert_same(everything(FeatureStore.extract((b for b in batches), backbone, count=11)), expected)
    floats = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).numpy()
    assert_same(everything(FeatureStore.extract(floats, backbone, batch_size=4)), expected)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_subset_is_a_view_in_the_order_given(backbone, images, folder, where):
    store = FeatureStore.extract(images, backbone, where=where)
    whole = everything(store)
    for indices in ([7, 2, 2, 10], [3, 4, 5], np.array([0])):
        view = store.subset(indices)
        assert len(view) == view.shape.pictures == len(indices)
        assert_same(everything(view), [t[indices] for t in whole])
    assert_same(everything(store.subset([9, 8, 7, 6]).subset([3, 0])), [t[[6, 9]] for t in whole])
    if where == "memory":
        assert store.subset([3, 4, 5])[0:3].maps[0].data_ptr() == store[3:4].maps[0].data_ptr()
    with pytest.raises(IndexError):
        store.subset([11])


def test_half_precision_halves_the_space_and_states_its_error(backbone, images):
    full = FeatureStore.extract(images, backbone)
    half = FeatureStore.extract(images, backbone, dtype="float16")
    assert half.nbytes * 2 == full.nbytes
    errors = [
        float((a - b).abs().max() / a.abs().max()) for a, b in zip(everything(full), everything(half), strict=True)
    ]
    assert half.rounding == pytest.approx(max(errors), rel=1e-6)
    assert 0 < half.rounding <= 2**-11
    assert {t.dtype for t in everything(half)} == {torch.float32}


def test_half_precision_refuses_what_it_cannot_hold(images):
    with pytest.raises(SettingRefused) as refused:
        FeatureStore.extract(np.full_like(images, 255), Loud(70_000.0), dtype="float16")
    assert str(refused.value) == ("loud gave a feature of 70000; float16 ends at 65504. Keep the features as float32.")


def test_numbers_that_are_not_finite_are_refused(images):
    with pytest.raises(WeightsRefused) as refused:
        FeatureStore.extract(images, Loud(float("nan")))
    assert str(refused.value) == (
        "loud gave numbers that are not finite. "
        "Its weights do not suit these pictures: choose others, and full precision."
    )


def open_files(folder):
    """The files in a folder that this process still holds, named or not."""
    links = Path("/proc/self/fd")
    if not links.is_dir():
        pytest.skip("needs /proc to see files without a name")
    held = []
    for link in links.iterdir():
        try:
            held.append(str(link.readlink()))
        except OSError:
            continue
    return [name for name in held if name.startswith(str(folder))]


def test_the_temporary_file_goes_with_the_last_view(backbone, images, folder):
    store = FeatureStore.extract(images, backbone, where="disk")
    assert open_files(folder)
    assert list(folder.iterdir()) == [] or tempfile.TemporaryFile is tempfile.NamedTemporaryFile
    view = store.subset([1, 2])
    expected = everything(view)
    del store
    gc.collect()
    assert_same(everything(view), expected)
    del view
    gc.collect()
    assert open_files(folder) == []
    assert list(folder.iterdir()) == []


def test_closing_frees_the_file_at_once(backbone, images, folder):
    store = FeatureStore.extract(images, backbone, where="disk")
    store.close()
    assert open_files(folder) == []
    with pytest.raises(ValueError, match="closed"):
        store[0:1]


def test_a_cancelled_pass_leaves_nothing(backbone, images, folder):
    def stop(done, stage="", **numbers):
        assert open_files(folder)
        if done > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        FeatureStore.extract(images, backbone, batch_size=3, where="disk", progress=stop)
    assert open_files(folder) == []
    assert list(folder.iterdir()) == []


def test_progress_ends_at_one(backbone, images):
    seen = []
    FeatureStore.extract(
        images, backbone, batch_size=4, progress=lambda done, stage="", **n: seen.append((done, stage, n["pictures"]))
    )
    assert seen == [(4 / 11, "backbone", 4), (8 / 11, "backbone", 8), (1.0, "backbone", 11)]


def test_auto_moves_to_disk_when_memory_is_short(backbone, images, folder, monkeypatch):
    assert FeatureStore.extract(images, backbone).where == "memory"
    monkeypatch.setattr(at_rest, "MEMORY_BYTES", 1000)
    assert FeatureStore.extract(images, backbone).where == "disk"
    monkeypatch.setattr(at_rest.shutil, "disk_usage", lambda path: at_rest.shutil._ntuple_diskusage(10, 10, 0))
    assert FeatureStore.extract(images, backbone).where == "memory", "where the disk is full"
    monkeypatch.setattr(at_rest, "WITHOUT_DISK", 1000)
    with pytest.raises(TooLarge):
        FeatureStore.extract(images, backbone)


def test_a_full_disk_is_refused_before_the_pass_goes_on(backbone, images, folder, monkeypatch):
    monkeypatch.setattr(at_rest.shutil, "disk_usage", lambda path: at_rest.shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(TooLarge, match=r"^The features need 0\.0 GB on disk; 0\.0 GB are free"):
        FeatureStore.extract(images, backbone, where="disk")


def test_batches_halve_until_they_fit():
    done = []

    def run(start, stop):
        if stop - start > 3:
            raise MemoryError
        done.append((start, stop))

    assert halving(10, 8, torch.device("cpu"), run) == 2
    assert done == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]


def test_a_picture_that_fits_nowhere_is_refused(images):
    with pytest.raises(TooLarge, match=r"^One picture alone does not fit in the memory of CPU"):
        FeatureStore.extract(images, Loud(fits=0))


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def run(start, stop):
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        halving(4, 4, torch.device("cpu"), run)


def test_a_small_memory_halves_the_batch_for_the_rest_of_the_pass(images):
    loud = Loud(fits=2)
    store = FeatureStore.extract(images, loud, batch_size=8)
    assert loud.batches == [8, 4, 2, 2, 2, 2, 2, 1]
    assert store.passes == 11


def test_an_accelerator_without_room_hands_over_to_the_cpu(images, monkeypatch):
    """The meta device stands in for an accelerator that has no memory at all."""
    loud = Loud(device="meta", fits=0)
    monkeypatch.setattr("detectors.features.store.describe", lambda device: "a small card")
    monkeypatch.setattr("detectors.features.device.describe", lambda device: "a small card")
    store = FeatureStore.extract(images, loud)
    assert store.device.type == "cpu"
    assert [str(note) for note in store.notes] == [
        "The memory of a small card did not suffice for one picture, so the backbone went on on the CPU."
    ]
    assert store.passes == 11


def test_pictures_of_different_sizes_and_none_at_all_are_refused(backbone, images):
    with pytest.raises(SettingRefused) as refused:
        FeatureStore.extract([images, images[:, :48]], backbone)
    assert str(refused.value) == (
        "The pictures have different sizes, 64 x 64 and 48 x 64 pixels. Bring them to one size first."
    )
    with pytest.raises(Refusal, match="no pictures to look at"):
        FeatureStore.extract(images[:0], backbone)


@pytest.mark.parametrize("wrong", [{"dtype": "int8"}, {"where": "cloud"}])
def test_choices_are_checked(backbone, images, wrong):
    with pytest.raises(SettingRefused, match=f"not {next(iter(wrong.values()))}"):
        FeatureStore.extract(images, backbone, **wrong)


def test_standardisation_equals_numpy_in_float64(backbone, images):
    store = FeatureStore.extract(images, backbone)
    by = Standardisation.measure(store)
    raw, standard = everything(store), everything(store.standardised(by))
    for before, after in zip(raw, standard, strict=True):
        values = before.double().numpy()
        axes = (0, *range(2, values.ndim))
        deviation = values.std(axes, keepdims=True)
        assert deviation.min() > 1e-3 * np.median(deviation)
        np.testing.assert_allclose(after.numpy(), (values - values.mean(axes, keepdims=True)) / deviation, atol=2e-4)
    assert_same(everything(store), raw)  # the store itself is as before


def test_standardisation_does_not_depend_on_the_batches(backbone, images):
    store = FeatureStore.extract(images, backbone)
    singles = [store.subset([i]) for i in range(len(store))]

    class OneByOne:
        shape, device = store.shape, store.device

        def __iter__(self):
            return (view[0:1] for view in singles)

    one, other = Standardisation.measure(store), Standardisation.measure(OneByOne())
    for name in one.state:
        for a, b in zip(one.state[name], other.state[name], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_pictures_and_a_single_one_stay_finite(backbone, value):
    flat = np.full((3, SIZE, SIZE, 3), value, dtype=np.uint8)
    for count in (1, 3):
        store = FeatureStore.extract(flat[:count], backbone)
        by = Standardisation.measure(store)
        assert all(bool(d.gt(0).all()) for d in (*by.map_deviations, *by.pooled_deviations))
        assert max(float(t.abs().max()) for t in everything(store.standardised(by))) < 1e-3


def test_a_nearly_constant_channel_is_not_blown_up():
    maps = torch.randn(20, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    maps[:, 2] = 3 + 1e-7 * maps[:, 2]

    class Source:
        device = torch.device("cpu")
        shape = FeatureShape(20, ((5, 8, 8),), (5,), (64, 64))

        def __iter__(self):
            yield Features((maps,), (maps.mean((2, 3)),), (64, 64))

    by = Standardisation.measure(Source())
    assert float(by.map_deviations[0][2]) == pytest.approx(1e-3 * float(by.map_deviations[0].median()), rel=1e-4)


def test_a_standardisation_can_be_rebuilt_from_its_state(backbone, images):
    store = FeatureStore.extract(images, backbone)
    by = Standardisation.measure(store)
    again = Standardisation(**by.state)
    assert_same(tensors(again(store[0:2])), tensors(store.standardised(by)[0:2]))


@pytest.mark.gpu
def test_features_stay_on_the_accelerator(images):
    if best_device().type == "cpu":
        pytest.skip("no accelerator on this machine")
    store = FeatureStore.extract(images, load_backbone("scattering"))
    assert store.where == "device"
    assert store[0:2].device.type == best_device().type
    here = FeatureStore.extract(images, load_backbone(device="cpu"))
    for one, other in zip(everything(here), everything(store), strict=True):
        torch.testing.assert_close(other.cpu(), one, rtol=1e-3, atol=1e-3 * float(one.abs().max()))


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_features_travel_to_another_worker(where, backbone, images, folder):
    """A cluster fits columns on several workers; those without the features fetch them from the one that has them."""
    store = FeatureStore.extract(images, backbone, where=where, dtype="float16")
    views = store.subset([4, 0, 7]), store.standardised(Standardisation.measure(store))
    arrived = pickle.loads(pickle.dumps(views))
    assert arrived[0].where == where
    assert arrived[0]._kept is arrived[1]._kept, "views of one pass stay views of one pass"
    store.close()
    for there, here in zip(arrived, views, strict=True):
        there_all = everything(there)
        assert [len(part) for part in there_all] == [len(here)] * len(there_all)
    expected = FeatureStore.extract(images, backbone, where=where, dtype="float16")
    assert_same(everything(arrived[0]), everything(expected.subset([4, 0, 7])))
    del arrived, expected, store, views
    gc.collect()
    assert not list(folder.iterdir())


def test_shared_features_travel_as_the_way_to_their_file(backbone, images, folder):
    store = FeatureStore.extract(images, backbone, where="shared")
    held = pickle.dumps(store)
    assert len(held) < store.nbytes / 10
    there = pickle.loads(held)
    store.close()
    further = pickle.loads(pickle.dumps(there))  # the other process holds the file as well
    assert_same(everything(further), everything(FeatureStore.extract(images, backbone)))
    there.close()
    further.close()
    other = (folder / "other").open("wb")  # it may have the number by now, and is large enough to be read as features
    other.write(bytes(2 * store.nbytes))
    other.flush()
    gone = pickle.loads(held)  # arrives, so that nobody waits for good
    with other, pytest.raises(Gone):
        gone[:1]


def test_what_finds_no_room_where_it_travels_to_says_so_when_it_is_read(backbone, images, folder, monkeypatch):
    held = pickle.dumps(FeatureStore.extract(images, backbone, where="disk"))
    monkeypatch.setattr(at_rest.shutil, "disk_usage", lambda path: at_rest.shutil._ntuple_diskusage(10, 10, 0))
    arrived = pickle.loads(held)
    with pytest.raises(TooLarge):
        arrived[:1]
    assert FeatureStore.extract(images, backbone, where="shared").where == "memory"
