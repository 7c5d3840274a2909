"""onnxruntime as the engine: it computes what torch does, is recorded, and what it cannot do is said."""

import os

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from detectors.errors import SettingRefused
from detectors.features import engine
from detectors.features.backbone import load_backbone
from detectors.features.packages import PACKAGED, location

LITE = "efficientnet_lite0"
pytestmark = pytest.mark.skipif(location(PACKAGED[LITE]) is None, reason="needs the package of efficientnet_lite0")


def pictures(count=3, size=96):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def parts(features):
    return (*features.maps, *features.pooled)


def in_torch(backbone, x):
    """The same features by torch: a gradient is asked for."""
    return [p.detach() for p in parts(backbone(x.clone().requires_grad_()))]


@pytest.mark.parametrize("size", [224, 160, 97])
def test_the_engine_is_onnxruntime_and_agrees_with_torch(size):
    backbone = load_backbone(LITE, device="cpu")
    x = pictures(size=size)
    features = backbone(x)
    assert backbone.engine == "onnxruntime"
    assert backbone.notes == ()
    for found, expected in zip(parts(features), in_torch(backbone, x), strict=True):
        assert float((found - expected).abs().max() / expected.abs().max()) < 2e-5


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_levels_that_nobody_reads_are_not_computed_and_the_others_are_the_same(depth):
    full, part = load_backbone(LITE, device="cpu"), load_backbone(LITE, device="cpu", depth=depth)
    here, there = part(pictures()), full(pictures())
    assert part.strides == full.strides[:depth]
    assert part.stages == full.stages[: len(part.stages)]
    assert len(here.maps) == depth
    assert len(here.pooled) == len(part.stages) == (3, 4, 6, 8)[depth - 1]
    assert part.engine == "onnxruntime"
    pairs = [*zip(here.maps, there.maps, strict=False), *zip(here.pooled, there.pooled, strict=False)]
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_picture_does_not_depend_on_the_others_and_comes_out_the_same_twice():
    backbone = load_backbone(LITE, device="cpu")
    whole, alone, again = backbone(pictures()), backbone(pictures()[2:]), backbone(pictures())
    for one, other, third in zip(parts(whole), parts(alone), parts(again), strict=True):
        assert torch.equal(one[2:], other)
        assert torch.equal(one, third)


def test_a_gradient_is_torchs():
    backbone = load_backbone(LITE, device="cpu")
    asking = pictures().requires_grad_()
    backbone(asking).pooled[-1].sum().backward()
    assert asking.grad.abs().sum() > 0
    assert backbone.engine == "torch", "nothing but gradients has been computed"


def test_a_graph_that_says_otherwise_is_not_used_and_that_is_said(monkeypatch):
    monkeypatch.setattr(engine, "TOLERANCE", -1.0)
    backbone = load_backbone(LITE, device="cpu")
    features = backbone(pictures())
    assert backbone.engine == "torch"
    (note,) = backbone.notes
    assert note.key == "backbones.in_torch"
    assert str(note).startswith(
        "efficientnet_lite0 was computed by torch, more slowly than by onnxruntime, which could not take it over "
        "(results differ by "
    )
    assert all(torch.equal(a, b) for a, b in zip(parts(features), in_torch(backbone, pictures()), strict=True))


def test_not_a_number_is_a_difference():
    ones, nothing = torch.ones(1, 2), torch.full((1, 2), torch.nan)
    assert engine.difference(((nothing,), ()), ((ones,), ())) == float("inf")
    assert engine.difference(((ones,), ()), ((ones,), ())) == 0


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.setenv("ODD_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_a_timm_network_is_written_once_and_read_from_the_cache(weights, monkeypatch):
    backbone = load_backbone("test_resnet", weights, device="cpu")
    features = backbone(pictures())
    assert (backbone.engine, backbone.notes) == ("onnxruntime", ())
    for found, expected in zip(parts(features), in_torch(backbone, pictures()), strict=True):
        assert float((found - expected).abs().max() / expected.abs().max()) < 2e-5
    assert torch.equal(backbone(pictures()[:1]).maps[0], features.maps[0][:1]), "a graph takes any number"
    (kept,) = engine.folder().glob("*")
    assert kept.suffix == ".onnx"
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **kwargs: pytest.fail("it was written again"))
    again = load_backbone("test_resnet", weights, device="cpu")
    assert torch.equal(again(pictures()).maps[0], features.maps[0])
    assert again.engine == "onnxruntime"


def test_a_graph_of_other_weights_is_not_mistaken_for_these(weights):
    first = load_backbone("test_resnet", weights, device="cpu")
    first(pictures(1))
    torch.manual_seed(4)
    save_file(timm.create_model("test_resnet").state_dict(), weights)
    second = load_backbone("test_resnet", weights, device="cpu")
    assert not torch.equal(second(pictures(1)).maps[0], first(pictures(1)).maps[0])
    assert (second.engine, second.notes) == ("onnxruntime", ())
    assert len(list(engine.folder().glob("*.onnx"))) == 2


def test_a_broken_graph_in_the_cache_is_said_and_torch_computes(weights):
    load_backbone("test_resnet", weights, device="cpu")(pictures(1))
    (kept,) = engine.folder().glob("*.onnx")
    kept.write_bytes(kept.read_bytes()[:1000])
    backbone = load_backbone("test_resnet", weights, device="cpu")
    backbone(pictures(1))
    assert (backbone.engine, len(backbone.notes)) == ("torch", 1)
    assert not list(engine.folder().glob("*.onnx")), "the next time it is written anew"


def test_a_network_that_cannot_be_written_is_computed_by_torch_and_that_is_said(weights, monkeypatch):
    def refuse(*args, **kwargs):
        raise torch.onnx.OnnxExporterError("no such operator")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    backbone = load_backbone("test_resnet", weights, device="cpu")
    assert len(backbone(pictures()).maps) == 4
    assert [str(note) for note in backbone.notes] == [
        "test_resnet was computed by torch, more slowly than by onnxruntime, which could not take it over "
        "(OnnxExporterError: no such operator)."
    ]
    assert backbone.engine == "torch"


def test_graphs_used_longest_ago_make_room(tmp_path, monkeypatch):
    monkeypatch.setenv("ODD_CACHE", str(tmp_path))
    monkeypatch.setattr(engine, "MOST_BYTES", 250)
    engine.folder().mkdir()
    for age in range(4):
        path = engine.folder() / f"{age}.onnx"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    engine._make_room(engine.folder() / "0.onnx")
    assert sorted(p.name for p in engine.folder().glob("*")) == ["0.onnx", "1.onnx"]


def test_scattering_and_random_weights_stay_with_torch():
    for name, weights in (("scattering", None), ("test_resnet", "random")):
        backbone = load_backbone(name, weights, device="cpu")
        backbone(pictures())
        assert backbone.engine == "torch"
        assert not any(note.key == "backbones.in_torch" for note in backbone.notes)


def test_a_size_that_does_not_fit_is_refused_before_a_graph_is_written(weights, tmp_path):
    save_file(timm.create_model("mvitv2_tiny").state_dict(), tmp_path / "m.safetensors")
    with pytest.raises(SettingRefused, match="mvitv2_tiny cannot take pictures of 256 x 256 pixels"):
        load_backbone("mvitv2_tiny", tmp_path / "m.safetensors", device="cpu")(pictures(1, 256))


def test_threads_sleep_when_idle_and_are_as_many_as_torchs():
    backbone = load_backbone(LITE, device="cpu")
    backbone(pictures())
    (graph,) = backbone._graphs.values()
    options = graph._session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (torch.get_num_threads(), 1)
    assert graph._session.get_providers() == ["CPUExecutionProvider"]


def test_features_belong_to_whoever_reads_them():
    features = load_backbone(LITE, device="cpu")(pictures())
    assert all(m.is_contiguous() and m.dtype == torch.float32 for m in parts(features))
    features.maps[0].add_(1)  # writable: memory of its own, not the engine's
    assert np.isfinite(features.maps[0].numpy()).all()
