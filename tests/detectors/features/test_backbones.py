"""timm models as backbones: levels, stages, seeds, and what is said when something does not fit."""

import pytest
import timm
import torch
from torch.nn import functional

from detectors.errors import SettingRefused
from detectors.features.backbone import Backbone, load_backbone
from detectors.features.device import best_device
from detectors.features.packages import PACKAGED
from detectors.features.weights import BACKBONES

SIZE = 64
FREE = ("apache-2.0", "bsd-3-clause", "cc-by-nc-4.0")
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


def pictures(count=2, size=SIZE, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def loaded(name, seed=0) -> Backbone:
    return load_backbone(name, "random", seed=seed, device="cpu")


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, same, other = loaded("resnet18"), loaded("resnet18"), loaded("resnet18", seed=1)
    assert torch.rand(1) == expected
    assert one.weights == same.weights
    assert one.weights.sha256 != other.weights.sha256
    assert one.weights.random
    assert one.weights.origin == "seed 0"
    assert [str(note) for note in one.notes] == [
        "resnet18 has random weights (seed 0): for tests and lessons, not for judging parts."
    ]


@pytest.mark.parametrize(
    ("name", "strides", "indices"),
    [
        ("resnet18", (4, 8, 16, 32), (1, 2, 3, 4)),
        ("swin_tiny_patch4_window7_224", (4, 8, 16, 32), (0, 1, 2, 3)),
        ("vit_tiny_patch16_224", (16, 16, 16, 16), (2, 5, 8, 11)),
        ("convnext_atto", (4, 8, 16, 32), (0, 1, 2, 3)),
        ("tf_efficientnet_lite0", (4, 8, 16, 32), (1, 2, 3, 4)),
    ],
)
def test_levels_equal_those_of_timms_own_feature_models(name, strides, indices):
    backbone = loaded(name)
    assert backbone.strides == strides
    settings = {"vit": {"dynamic_img_size": True}, "swi": {"strict_img_size": False}}.get(name[:3], {})
    torch.manual_seed(0)
    witness = timm.create_model(name, features_only=True, out_indices=indices, num_classes=0, **settings).eval()
    if name.startswith("vit"):  # a plain transformer's blocks are looked at behind its final norm, which timm cuts off
        witness.norm, witness.model.norm = True, torch.nn.LayerNorm(192, eps=1e-6)
    assert tuple(witness.feature_info.reduction()) == strides
    if "efficientnet" in name:  # without its head it draws other numbers from the same seed
        weights = backbone._network.model.state_dict()
        witness.load_state_dict({key: weights[key] for key in witness.state_dict()})
    mean, deviation = (torch.tensor(witness.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        expected = witness((pictures() - mean) / deviation)
    features = backbone(pictures())
    for found, level, channels in zip(features.maps, expected, witness.feature_info.channels(), strict=True):
        level = level.permute(0, 3, 1, 2) if level.shape[-1] == channels != level.shape[1] else level  # Swin's NHWC
        assert found.shape[1] == channels
        torch.testing.assert_close(found, level, rtol=1e-4, atol=1e-5)
    assert all(m.is_contiguous() for m in features.maps)
    assert features.image_size == (SIZE, SIZE)
    assert backbone.shape(SIZE).maps == tuple(tuple(m.shape[1:]) for m in features.maps)
    if "efficientnet" not in name:
        for pooled, level in zip(features.pooled, features.maps, strict=True):
            torch.testing.assert_close(pooled, level.mean((2, 3)))


def test_efficientnets_pool_nine_stages_stem_and_head_after_their_activations():
    backbone = loaded("efficientnet_b0")
    assert backbone.stages == ("stem", *(f"stage {i}" for i in range(1, 8)), "head")
    torch.manual_seed(0)
    witness = timm.create_model("efficientnet_b0", num_classes=0).eval()
    seen = []
    for module in (witness.bn1, *witness.blocks, witness.bn2):
        module.register_forward_hook(lambda m, i, output: seen.append(output.mean((2, 3))))
    with torch.no_grad():
        witness((pictures() - IMAGENET[0][:, None, None]) / IMAGENET[1][:, None, None])
    pooled = backbone(pictures()).pooled
    assert [p.shape[1] for p in pooled] == [32, 16, 24, 40, 80, 112, 192, 320, 1280]
    for found, expected in zip(pooled, seen, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_the_default_is_trained_and_comes_with_a_package():
    backbone = load_backbone(device="cpu")
    assert (backbone.name, backbone.weights.source) == ("efficientnet_lite0", "package")
    assert backbone.weights.sha256 == PACKAGED["efficientnet_lite0"].sha256
    assert not backbone.standardise


def test_scattering_says_that_it_is_bundled():
    backbone = load_backbone("scattering", device="cpu")
    assert (backbone.name, backbone.weights.source, backbone.weights.random) == ("scattering", "bundled", False)
    assert backbone.weights.sha256 == load_backbone("scattering", device="cpu").weights.sha256
    assert backbone.standardise
    assert not loaded("test_resnet").standardise
    with pytest.raises(SettingRefused) as refused:
        load_backbone("scattering", "random")
    assert str(refused.value) == "The scattering backbone has no weights to load. Leave them out."


def test_pictures_are_counted_and_a_blank_one_for_the_shape_is_not():
    backbone = loaded("test_resnet")
    assert backbone.shape(96).image_size == (96, 96)
    assert backbone.passes == 0
    backbone(pictures(3))
    assert backbone.passes == 3


def test_a_gradient_reaches_the_pictures_only_when_they_ask():
    backbone = loaded("test_resnet")
    assert not backbone(pictures()).maps[0].requires_grad
    asking = pictures().requires_grad_()
    backbone(asking).pooled[-1].sum().backward()
    assert asking.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in backbone._network.parameters())


def test_a_picture_does_not_depend_on_the_others_in_the_batch():
    backbone = loaded("test_resnet")
    whole, alone = backbone(pictures(3)), backbone(pictures(3)[2:])
    torch.testing.assert_close(whole.maps[-1][2:], alone.maps[-1], rtol=1e-5, atol=1e-6)


def test_transformers_take_other_sizes_than_the_one_they_were_made_for():
    assert loaded("test_vit").shape(96).maps[0][1:] == (6, 6)
    snapping = loaded("test_vit")
    features = snapping(pictures(size=72))
    assert features.maps[0].shape[-2:] == (4, 4), "64 pixels hold 4 patches, 72 are nearer to them than to 80"
    assert features.image_size == (72, 72)
    assert [str(note) for note in snapping.notes[1:]] == [
        "test_vit sees patches of 16 pixels, so pictures of 72 x 72 were brought to 64 x 64 for it."
    ]
    snapping(pictures(size=72))
    assert len(snapping.notes) == 2


def test_a_size_that_a_network_cannot_take_is_refused():
    with pytest.raises(SettingRefused) as refused:
        loaded("mvitv2_tiny")(pictures(1, 256))
    assert str(refused.value) == (
        "mvitv2_tiny cannot take pictures of 256 x 256 pixels. "
        "Choose the size it was made for, 224 pixels, or another backbone."
    )


def test_a_network_of_flat_layers_is_not_told_to_put_channels_last():
    backbone = loaded("lambda_resnet26t")
    assert backbone.shape(256).maps[0] == (256, 64, 64)


@pytest.mark.parametrize(
    "name", ["vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3"]
)
def test_patches_of_a_vision_transformer_lie_on_one_grid_without_its_extra_tokens(name):
    backbone = loaded(name)
    patch = 16 if "16" in name else 14
    assert backbone.strides == (patch,) * 4
    features = backbone(pictures(1, 112))
    assert {tuple(m.shape[1:]) for m in features.maps} == {(384, 112 // patch, 112 // patch)}
    model = backbone._network.model
    mean, deviation = (torch.tensor(model.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.no_grad():
        tokens = model.forward_features((pictures(1, 112) - mean) / deviation)[:, model.num_prefix_tokens :]
    expected = tokens.transpose(1, 2).reshape(features.maps[-1].shape)  # the final norm is in both
    torch.testing.assert_close(features.maps[-1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "efficientnet_b0", "convnext_atto"])
def test_a_network_computes_only_as_deep_as_asked(name, depth):
    whole, part = loaded(name), load_backbone(name, "random", device="cpu", depth=depth)
    full, features = whole(pictures()), part(pictures())
    assert part.strides == whole.strides[:depth]
    assert part.stages == whole.stages[: len(part.stages)]
    assert len(features.maps) == len(part.strides)
    assert len(features.pooled) == len(part.stages)
    assert all(torch.equal(a, b) for a, b in zip(features.maps, full.maps, strict=False))
    assert all(torch.equal(a, b) for a, b in zip(features.pooled, full.pooled, strict=False))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "resnte18",
            "timm has no model called resnte18. Choose scattering, a listed backbone, or a timm name such as "
            "resnet18, resnet18d, skresnet18.",
        ),
        (
            "local-dir:/etc",
            "timm has no model called local-dir:/etc. Choose scattering, a listed backbone, or a timm name such as "
            "resnet18.",
        ),
        (
            "resnet18.nobody",
            "timm knows resnet18, but no weights called nobody of it. Leave out what follows the dot.",
        ),
    ],
)
def test_unknown_names_are_refused_with_a_suggestion(name, sentence):
    with pytest.raises(SettingRefused) as refused:
        loaded(name)
    assert str(refused.value) == sentence


def test_mixed_precision_is_for_accelerators_only():
    backbone = load_backbone("test_resnet", "random", device="cpu", mixed_precision=True)
    assert backbone.precision == "float32"
    torch.testing.assert_close(backbone(pictures()).maps[0], loaded("test_resnet")(pictures()).maps[0])


def test_the_list_names_timms_default_weights_and_their_size():
    for backbone in BACKBONES:
        if backbone.hub is None:
            assert backbone.name == "scattering" or backbone.name in PACKAGED
            continue
        settings = timm.get_pretrained_cfg(backbone.name)
        assert settings.hf_hub_id == backbone.hub
        assert settings.license == "dinov3-license" if backbone.licence else settings.license in FREE
        with torch.device("meta"):
            model = timm.create_model(backbone.name)
        assert sum(t.numel() * t.element_size() for t in model.state_dict().values()) == backbone.bytes


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["scattering", "resnet18"])
def test_the_accelerator_gives_the_cpus_maps(name):
    device = best_device()
    if device.type == "cpu":
        pytest.skip("no accelerator on this machine")
    weights = None if name == "scattering" else "random"
    here, there = (load_backbone(name, weights, device=d)(pictures(2, 224)) for d in ("cpu", device))
    for one, other in zip((*here.maps, *here.pooled), (*there.maps, *there.pooled), strict=True):
        assert functional.mse_loss(other.cpu(), one).sqrt() <= 1e-4 * one.square().mean().sqrt()
        torch.testing.assert_close(other.cpu(), one, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
