"""Weights of one's own: named, found, checked, kept within bounds, and used under their name."""

import os

import pytest
import timm
import torch
from safetensors.torch import save

from detectors.errors import WeightsRefused
from detectors.features import own
from detectors.features.backbone import load_backbone
from detectors.features.weights import weights_state
from detectors.methods import build


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A folder of one's own and an empty cache."""
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("ODD_WEIGHTS", str(tmp_path / "named"))
    monkeypatch.setenv("ODD_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def content():
    torch.manual_seed(3)
    return save(timm.create_model("test_resnet", num_classes=0).state_dict())


def test_a_file_in_the_named_folder_is_offered_and_used_under_its_name(places, content):
    (places / "named" / "test_resnet@boards.safetensors").write_bytes(content)
    (places / "named" / "notes.safetensors").write_bytes(b"")
    (places / "named" / "test_resnet@boards.pth").write_bytes(b"")
    assert own.offered() == ("test_resnet@boards",)
    assert weights_state("test_resnet@boards").state == "own"
    backbone = load_backbone("test_resnet@boards", device="cpu")
    assert backbone.name == "test_resnet@boards"
    assert (backbone.weights.source, backbone.weights.origin) == ("file", "test_resnet@boards.safetensors")
    given = load_backbone("test_resnet", places / "named" / "test_resnet@boards.safetensors", device="cpu")
    assert backbone.weights.sha256 == given.weights.sha256


def test_an_uploaded_file_is_called_by_its_hash_and_offered_to_nobody(content):
    name = own.keep("test_resnet", content)
    assert own.offered() == ()
    assert own.keep("test_resnet", content) == name
    assert load_backbone(name, device="cpu").weights.source == "file"
    assert [path.name for path in own.uploads().iterdir()] == [f"{name}.safetensors"]


@pytest.mark.parametrize("name", ["test_resnet@gone", "../etc@passwd", "a@../../b", "@x", "resnet18@"])
def test_what_is_not_there_is_said(name):
    with pytest.raises(WeightsRefused) as refused:
        load_backbone(name, device="cpu")
    assert str(refused.value) == (
        f"There are no weights called {name} on this machine. Upload them again, or put {name}.safetensors into the "
        "folder that ODD_WEIGHTS names."
    )
    assert weights_state(name).state == "missing"


def test_what_is_no_safetensors_file_is_not_kept():
    with pytest.raises(WeightsRefused, match=r"^resnet18\.safetensors is not a \.safetensors file"):
        own.keep("resnet18", b"PK\x03\x04 a pickle in a ZIP")
    assert list(own.uploads().iterdir()) == []
    with pytest.raises(WeightsRefused) as refused:
        own.keep("../resnet18", b"")
    assert str(refused.value) == "../resnet18 cannot be the name of a timm model. Write it as timm does: resnet18."


def test_weights_of_another_network_are_refused_at_loading(content):
    name = own.keep("resnet18", content)
    with pytest.raises(WeightsRefused, match=r"lacks .* of the .* tensors of resnet18"):
        load_backbone(name, device="cpu")


def test_uploads_used_longest_ago_make_room(monkeypatch, content):
    monkeypatch.setattr(own, "MOST_BYTES", 2 * len(content))
    names = [own.keep(f"test_resnet{i}", content) for i in range(2)]
    for age, name in ((100, names[1]), (50, names[0])):
        os.utime(own.uploads() / f"{name}.safetensors", (age, age))
    own.find(names[1])  # used now
    third = own.keep("test_resnet3", content)
    left = {path.stem for path in own.uploads().iterdir()}
    assert left == {names[1], third}


def test_a_preset_is_the_networks_whichever_its_weights():
    assert build("padim", "paper", "resnet18@boards").channels == 100
