"""Saved detectors: what comes back is what was saved, and whatever else is in a file gets one exact sentence."""

import json
import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from detectors.comparison import storage
from detectors.comparison.forms import Mismatch, check
from detectors.errors import ModelRefused, NotFitted
from detectors.methods import METHODS
from detectors.methods.base import Features
from detectors.methods.cfa import CFA


class Source(list):
    @property
    def shape(self):
        return self[0].shape

    @property
    def device(self):
        return self[0].device

    def __len__(self):
        return len(self[0])


def some(count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.randn(count, *size, generator=generator) for size in ((2, 4, 4), (3, 2, 2)))
    return Features(maps, tuple(m.mean((2, 3)) for m in maps), (16, 16))


@pytest.fixture(scope="module")
def fitted():
    return CFA(levels=(0, 1), epochs=2, gamma_c=2).fit(Source([some()]))


@pytest.fixture
def file(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    storage.save_detector(fitted, path, {"held_out": [0.25, 0.5]})
    return path


def altered(path, change=lambda content: None, change_tensors=lambda tensors: None):
    """Write the file anew with another JSON or other tensors, as a valid .safetensors file."""
    header = header_of(path)
    content, tensors = json.loads(header["__metadata__"][storage.KEY]), load_file(path)
    change(content)
    change_tensors(tensors)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata={storage.KEY: json.dumps(content)})


def header_of(path):
    data = path.read_bytes()
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_header(path, change):
    """Replace the raw header, leaving the tensors' bytes as they are."""
    data = path.read_bytes()
    body = data[8 + int.from_bytes(data[:8], "little") :]
    header = header_of(path)
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def refusal(path):
    with pytest.raises(ModelRefused) as refused:
        storage.load_detector(path)
    return str(refused.value)


def test_a_new_object_is_bit_equal(fitted, file):
    loaded, metadata = storage.load_detector(file)
    assert loaded is not fitted
    assert loaded.settings == fitted.settings
    assert metadata == {"held_out": [0.25, 0.5]}
    assert loaded.state.keys() == fitted.state.keys()
    for name, value in fitted.state.items():
        if isinstance(value, torch.Tensor):
            assert loaded.state[name].dtype == value.dtype
            assert torch.equal(loaded.state[name], value)
        else:
            assert loaded.state[name] == value
            assert type(loaded.state[name]) is type(value)
    assert torch.equal(loaded.predict(some(2, seed=1)).maps, fitted.predict(some(2, seed=1)).maps)


def test_what_is_saved_beside_the_detector_keeps_its_form(fitted, tmp_path):
    beside = {"none": None, "한국어": "이상", "nested": {"tuple": (1, (2.5, True)), "list": [[], {}], "0.1": 0.1}}
    tensors = {"mean": (torch.tensor([1.5, 2.0]), torch.arange(6).view(2, 3).T), "dict": {"tensor": torch.tensor(3)}}
    storage.save_detector(fitted, tmp_path / "m.safetensors", beside | tensors)
    metadata = storage.load_detector(tmp_path / "m.safetensors")[1]
    assert {name: metadata[name] for name in beside} == beside
    assert isinstance(metadata["nested"]["tuple"], tuple)
    assert torch.equal(metadata["mean"][1], tensors["mean"][1])
    assert metadata["dict"]["tensor"].item() == 3


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_beside(fitted, file):
    before = file.read_bytes()
    storage.save_detector(fitted, file, {"held_out": [0.25, 0.5]})
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_save_that_fails_leaves_the_old_file(fitted, file, monkeypatch):
    before = file.read_bytes()

    def fail(tensors, path, metadata):
        raise OSError("no space left")

    monkeypatch.setattr(storage, "save_file", lambda *args, **kw: (save_file(*args, **kw), fail(*args, **kw)))
    with pytest.raises(OSError, match="no space left"):
        storage.save_detector(fitted, file)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_an_unfitted_detector_is_not_saved(tmp_path):
    with pytest.raises(NotFitted):
        storage.save_detector(CFA(), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_loaded_is_not_saved(fitted, tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelRefused) as refused:
        storage.save_detector(fitted, path, {"limit": float("nan")})
    assert str(refused.value) == (
        "metadata in m.safetensors holds numbers that are infinite or undefined. Fit the detector again."
    )
    with pytest.raises(ModelRefused) as refused:
        storage.save_detector(fitted, path, {"long": "x" * 1_000_000})
    assert str(refused.value).startswith("m.safetensors has a header of 1,00")
    assert str(refused.value).endswith(
        " bytes; at most 1,000,000 are accepted. Leave out some of what is saved beside the detector."
    )
    strange = replace(fitted)
    strange.state, strange.epochs = fitted.state, 1000
    with pytest.raises(ModelRefused) as refused:
        storage.save_detector(strange, path)
    assert str(refused.value) == (
        "The detector in m.safetensors has a setting that is not accepted: CFA's epochs cannot be 1000. "
        "It accepts 0–300. Fit and save it again."
    )
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there(tmp_path):
    assert refusal(tmp_path / "no.safetensors") == (
        "There is no file no.safetensors. Choose one that this program saved."
    )


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("kind", ["empty", "text", "pickle", "torch"])
def test_other_formats_are_never_opened(kind, tmp_path):
    path = tmp_path / "m.safetensors"
    if kind == "torch":
        torch.save({"trap": Trap()}, path)
    else:
        path.write_bytes({"empty": b"", "text": b"not a model at all", "pickle": pickle.dumps(Trap())}[kind])
    assert refusal(path) == (
        "m.safetensors is not a .safetensors file; other formats can run code and are never opened. "
        "Choose a file that this program saved."
    )


def test_a_header_that_claims_too_much_is_not_read(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes((2_000_000).to_bytes(8, "little") + b"{" + b" " * 100)
    assert refusal(path) == (
        "m.safetensors has a header of 2,000,000 bytes; at most 1,000,000 are accepted. "
        "Leave out some of what is saved beside the detector."
    )


def test_a_truncated_file(file):
    data = file.read_bytes()
    file.write_bytes(data[:-5])
    sentence = "model.safetensors has {:,} bytes where its header speaks of {:,}. Copy it again."
    assert refusal(file) == sentence.format(len(data) - 5, len(data))
    file.write_bytes(data + b"more")
    assert refusal(file) == sentence.format(len(data) + 4, len(data))
    file.write_bytes(data[:100])
    assert refusal(file) == sentence.format(100, 8 + int.from_bytes(data[:8], "little"))


DAMAGED = "model.safetensors is damaged: its header does not describe what follows. Copy it again."


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["state.bank_"].update(dtype="F8_E4M3"),
        lambda header: header["state.bank_"].update(shape=[400_000, 400_000]),
        lambda header: header["state.bank_"].update(shape=[-1, -1]),
        lambda header: header["state.bank_"].update(data_offsets=[0, 4]),
        lambda header: header["state.bank_"].pop("shape"),
        lambda header: header.update({"state.bank_": 3}),
    ],
    ids=["dtype", "claims 640 GB", "negative", "overlap", "no shape", "no entry"],
)
def test_a_header_that_contradicts_itself(change, file):
    with_header(file, change)
    assert refusal(file) == DAMAGED


def test_a_header_that_is_no_json(file):
    data = bytearray(file.read_bytes())
    data[20] = 0
    file.write_bytes(data)
    assert refusal(file) == DAMAGED


def test_a_safetensors_file_of_something_else(tmp_path):
    path = tmp_path / "resnet.safetensors"
    save_file({"conv1.weight": torch.zeros(3)}, path)
    sentence = (
        "resnet.safetensors is a .safetensors file without a detector in it. Choose a file that this program saved."
    )
    assert refusal(path) == sentence
    save_file({"conv1.weight": torch.zeros(3)}, path, metadata={storage.KEY: "{"})
    assert refusal(path) == sentence
    save_file({"conv1.weight": torch.zeros(3)}, path, metadata={storage.KEY: "[" * 100_000})
    assert refusal(path) == sentence


@pytest.mark.parametrize("version", [0, 2, "1", True, None], ids=repr)
def test_another_version(version, file):
    altered(file, lambda content: content.update(version=version))
    assert refusal(file) == (
        f"model.safetensors has format version {version}; this program reads version 1. "
        "Save the detector again with this version of the program."
    )


@pytest.mark.parametrize(
    ("change", "change_tensors"),
    [
        (lambda c: c.update(method="resnet"), lambda t: None),
        (lambda c: c.update(more=1), lambda t: None),
        (lambda c: c.pop("state"), lambda t: None),
        (lambda c: c.update(state=3), lambda t: None),
        (lambda c: c["state"]["dict"].pop("bank_"), lambda t: None),
        (lambda c: c["state"]["dict"].update(bank_={"tensor": "state.bias_"}), lambda t: None),
        (lambda c: c["state"]["dict"].update(bank_={"tensor": ["state.bank_"]}), lambda t: None),
        (lambda c: c["state"]["dict"].update(bank_={"set": []}), lambda t: None),
        (lambda c: c["state"]["dict"].update(bank_={"dict": 1}), lambda t: None),
        (lambda c: None, lambda t: t.update(extra=torch.zeros(2))),
        (lambda c: None, lambda t: t.pop("state.bank_")),
    ],
    ids=["method", "extra part", "no state", "state", "unused", "twice", "list", "kind", "dict", "extra", "missing"],
)
def test_names_that_do_not_match(change, change_tensors, file):
    altered(file, change, change_tensors)
    assert refusal(file) == DAMAGED


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.update({"state.bias_": torch.zeros(9)}),
            "bias_ has the shape (9,) instead of D = 5.",
        ),
        (
            lambda t: t.update({"state.bias_": torch.zeros(5, 1)}),
            "bias_ has the shape (5, 1) instead of 1 dimension(s).",
        ),
        (lambda t: t.update({"state.bias_": torch.zeros(5).int()}), "bias_ has int32 instead of float."),
        (lambda t: t["state.places_"].fill_(16), "places_ has the index 16 instead of less than 16."),
        (lambda t: t["state.places_"].fill_(-1), "places_ has the index -1 instead of 0 or more."),
        (
            lambda t: t.update({"state.weight_": torch.zeros(5, 8)}),
            "weight_ has the shape (5, 8) instead of sum(c)+2 = 7 at place 1.",
        ),
    ],
    ids=["size", "dimensions", "type", "index", "negative", "sum"],
)
def test_shapes_that_do_not_fit_together(change, sentence, file):
    altered(file, change_tensors=change)
    assert refusal(file) == (
        f"The detector in model.safetensors does not fit together: {sentence} Fit and save it again."
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.update(radius_="1"), "radius_ has '1' instead of number."),
        (lambda s: s.update(pictures_=0), "pictures_ has 0 instead of 1 positive whole number(s)."),
        (lambda s: s.update(grid_size_={"tuple": [4]}), "grid_size_ has (4,) instead of 2 positive whole number(s)."),
        (lambda s: s.update(channels_=5), "channels_ has int instead of one value per level."),
        (lambda s: s.update(channels_={"tuple": [5]}), "the model has 1 levels instead of 2 levels."),
    ],
    ids=["number", "count", "counts", "each", "levels"],
)
def test_numbers_that_do_not_fit_together(change, sentence, file):
    altered(file, lambda content: change(content["state"]["dict"]))
    assert refusal(file) == (
        f"The detector in model.safetensors does not fit together: {sentence} Fit and save it again."
    )


def test_learnt_names_are_exact(file):
    altered(file, lambda content: content["state"]["dict"].update(more_=1))
    assert refusal(file) == (
        "The detector in model.safetensors does not fit together: the model has bank_, bias_, channels_, grid_size_, "
        "losses_, more_, pictures_, places_, radius_, run_, weight_ instead of bank_, bias_, channels_, grid_size_, "
        "losses_, pictures_, places_, radius_, run_, weight_. Fit and save it again."
    )


def test_settings_are_exact_and_in_range(file):
    altered(file, lambda content: content["settings"]["dict"].update(gamma_c=0))
    assert refusal(file) == (
        "The detector in model.safetensors has a setting that is not accepted: CFA's gamma_c cannot be 0. "
        "It accepts 1–10000. Fit and save it again."
    )
    altered(file, lambda content: content["settings"]["dict"].pop("gamma_c"))
    assert refusal(file).startswith("The detector in model.safetensors does not fit together: the settings has alpha,")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(value, file):
    altered(file, change_tensors=lambda tensors: tensors["state.bank_"][0].fill_(value))
    assert refusal(file) == (
        "state.bank_ in model.safetensors holds numbers that are infinite or undefined. Fit the detector again."
    )


def test_json_numbers_that_are_not_finite(file):
    def overflow(header):
        header["__metadata__"][storage.KEY] = header["__metadata__"][storage.KEY].replace("0.25", "1e999")

    with_header(file, overflow)
    assert refusal(file) == (
        "metadata in model.safetensors holds numbers that are infinite or undefined. Fit the detector again."
    )


@settings(deadline=None, max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file_is_refused_or_whole(place, byte, cut, whole_bytes, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "flipped.safetensors"
    data = bytearray(whole_bytes)
    at = int(place * len(data))
    if cut:
        del data[at:]
    else:
        data[at] = byte
    path.write_bytes(data)
    try:
        detector, _ = storage.load_detector(path)
    except ModelRefused:
        return
    assert not cut
    assert detector.nbytes > 0


@pytest.fixture(scope="module")
def whole_bytes(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "model.safetensors"
    storage.save_detector(fitted, path)
    return path.read_bytes()


def test_every_method_has_its_shapes():
    assert all(card.learnt for card in METHODS.values())


def test_sizes_are_compared_across_levels():
    state = {
        "gallery_": (torch.zeros(2, 4, 4, 3), torch.zeros(2, 2, 2, 5)),
        "norms_": (torch.zeros(2, 4, 4), torch.zeros(2, 2, 2)),
        "centres_": (torch.zeros(3), torch.zeros(5)),
        "pooled_": torch.zeros(2, 7),
    }
    check(METHODS["spade"].learnt, state, levels=2)
    with pytest.raises(Mismatch, match=r"centres_: the shape \(3,\) instead of c = 5"):
        check(METHODS["spade"].learnt, state | {"centres_": (torch.zeros(3), torch.zeros(3))})
    with pytest.raises(Mismatch, match="norms_: 1 levels instead of 2 levels"):
        check(METHODS["spade"].learnt, state | {"norms_": state["norms_"][:1]})
