"""Proportions and tiles: what a backbone is given, that nothing beyond a picture counts, and that defects stay put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fixtures.picture_files import encoded, zipped
from fixtures.segmented import laid_apart

from detectors import datasets
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.comparison.forecast import forecast
from detectors.comparison.pipeline import Pipeline
from detectors.datasets import Dataset, Sample
from detectors.datasets.files import keeping
from detectors.datasets.files.contents import kept
from detectors.errors import SettingRefused
from detectors.evaluation.pixel_scores import scores_of
from detectors.features import closer
from detectors.features.backbone import load_backbone
from detectors.features.standardisation import Standardisation
from detectors.features.store import FeatureStore
from detectors.images import Preprocessing, of_pixels
from detectors.images.limits import LIMITS
from detectors.images.preprocessing import squeezed
from detectors.methods import METHODS, build
from detectors.queries import explain
from detectors.stress.conditions import CONDITIONS
from detectors.stress.measuring import measure, strip

MAPPED = ("spade", "padim", "patchcore", "cfa")
WIDE, TALL = (96, 192), (192, 96)
SETTINGS = {"cfa": {"epochs": 2}}


def pixels(size: tuple[int, int], seed: int) -> np.ndarray:
    """Return a striped surface with a little noise, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    stripes = 110 + 40 * np.sin(x / 3) + 20 * np.cos(y / 5)
    return np.clip(stripes[..., None] + rng.normal(0, 4, (*size, 3)), 0, 255).astype(np.uint8)


def defective(size: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a surface with a dark spot off the middle, and its mask."""
    found, mask = pixels(size, seed), np.zeros(size, bool)
    top, left = size[0] // 4, 5 * size[1] // 9
    mask[top : top + 14, left : left + 14] = True
    found[mask] = 10
    return found, mask


def a_set(*sizes: tuple[int, int]) -> Dataset:
    """Return normal pictures of these sizes in turn and, of each size, a good and a defective test picture."""
    train = [pixels(sizes[i % len(sizes)], i) for i in range(12)]
    samples = tuple(Sample(of_pixels(p, f"{i}"), False, "good") for i, p in enumerate(train))
    test = []
    for i, size in enumerate(sizes):
        bad, mask = defective(size, 50 + i)
        test.append(Sample(of_pixels(pixels(size, 40 + i), f"good {i}"), False, "good"))
        test.append(Sample(of_pixels(bad, f"bad {i}"), True, "spot", mask))
    return Dataset("stripes", samples, tuple(test), {})


def run(data: Dataset, preprocessing: Preprocessing, backbone: str = "scattering", methods: tuple[str, ...] = MAPPED):
    comparison = Comparison(
        methods=methods, backbones=(backbone,), settings=SETTINGS, preprocessing=preprocessing, device="cpu"
    )
    pictures = comparison.prepare(data)
    stores = extract(pictures, comparison.load(backbone), data=data)
    return comparison, pictures, stores


@pytest.mark.parametrize(
    ("size", "sides"),
    [((768, 1024), (192, 256)), ((100, 400), (128, 512)), ((400, 100), (512, 128)), ((500, 500), (224, 224))],
)
def test_a_set_of_one_shape_decides_the_sides(size, sides):
    decided = Preprocessing(proportions="own").decided_by([size] * 3 + [(50, 50)])
    assert decided.sides == sides
    assert decided.frame == sides
    assert Preprocessing().decided_by([size]) == Preprocessing()
    assert decided.decided_by([(10, 900)]) is decided


def test_padded_pictures_lie_in_the_middle_on_whole_cells_and_the_rest_is_grey():
    padded = Preprocessing(proportions="padded")
    picture = of_pixels(pixels((100, 300), 0), "wide")
    assert padded.box((100, 300)) == (64, 0, 128, 224)
    assert padded.box((300, 300)) is None
    seen = padded.apply(picture)
    assert seen.shape == (224, 224, 3)
    assert (seen[:64] == 128).all()
    assert (seen[128:] == 128).all()
    assert seen[64:128].std() > 5
    mask = padded.apply_mask(np.ones((100, 300), bool))
    assert mask[64:128].all()
    assert mask.sum() == 64 * 224


def test_the_square_is_what_it_was():
    picture = of_pixels(pixels((90, 150), 3), "any")
    from PIL import Image

    expected = np.array(Image.fromarray(picture.pixels).resize((224, 224), Image.Resampling.BILINEAR, reducing_gap=3.0))
    np.testing.assert_array_equal(Preprocessing().apply(picture), expected)
    assert Preprocessing().boxes([picture]) is None


def test_squeezed_pictures_are_told():
    assert squeezed(Preprocessing(), [(100, 110)]) is None
    said = squeezed(Preprocessing(), [(100, 110), (100, 300)])
    assert str(said) == ("1 of 2 pictures is squeezed, by up to 3.0 times. Keep proportions if shapes matter.")
    assert squeezed(Preprocessing(proportions="padded"), [(100, 300)]) is None
    assert squeezed(Preprocessing(crop="center"), [(100, 300)]) is None
    small = Preprocessing(size=64, proportions="padded")
    assert "multiples of 32 pixels. A larger size" in str(squeezed(small, [(50, 200)]))
    own = Preprocessing(proportions="own").decided_by([(100, 300)])
    assert "into the shape of the set. Pad pictures" in str(squeezed(own, [(100, 300), (100, 100)]))
    pictures = Comparison(methods=("padim",), backbones=("scattering",)).prepare(a_set(WIDE))
    assert [note.key for note in pictures.notes] == ["preprocessing.squeezed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"proportions": "round"},
        {"proportions": "own", "crop": "center"},
        {"sides": (64, 64)},
        {"proportions": "own", "sides": (64, 5000)},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(SettingRefused):
        Preprocessing(**wrong)


def test_tiles_beyond_what_is_kept_are_refused_with_the_remedy():
    Preprocessing(size=512).check_closer(2)
    with pytest.raises(
        SettingRefused, match=r"need 1,536, and 1,024 .* at most 341, fewer tiles, or set ODD_KEPT_SIDE"
    ):
        Preprocessing(size=512).check_closer(3)


@pytest.mark.parametrize("proportions", ["square", "own"])
def test_an_uploaded_set_is_cut_into_tiles_up_to_what_is_kept_of_it(proportions, tmp_path, monkeypatch):
    limits = replace(LIMITS, kept_side=128)
    monkeypatch.setattr("detectors.images.preprocessing.LIMITS", limits)
    content = zipped({f"good/{i}.png": encoded(pixels((192, 288), i)) for i in range(4)})
    sent = laid_apart(content, tmp_path / "set.zip")
    keeping.keep(sent, limits)
    assert sum(kept(each) is not None for _, each in sent.segments) == 4
    data = datasets.load_zip(sent, "set.zip", limits=limits)
    assert {max(sample.picture.pixels.shape) for sample in data.train} == {128}
    few = Preprocessing(size=32, proportions=proportions)
    column = Comparison(("mahalanobis",), ("scattering-2x2",), preprocessing=few).run(data).columns[0]
    assert len(column.held_out) == 1
    many = Comparison(("mahalanobis",), ("scattering-3x3",), preprocessing=replace(few, size=64))
    with pytest.raises(SettingRefused, match=r"of at most \d+, fewer tiles, or set ODD_KEPT_SIDE"):
        many.run(data)


@pytest.mark.parametrize("backbone", ["scattering", "efficientnet_lite0"])
@pytest.mark.parametrize("tiles", [2, 3])
def test_the_tiles_grid_is_the_features_of_each_tile_side_by_side(backbone, tiles):
    whole = torch.rand(2, 3, 64 * tiles, 96 * tiles, generator=torch.Generator().manual_seed(0))
    one, several = load_backbone(backbone, device="cpu"), load_backbone(closer.joined(backbone, tiles), device="cpu")
    found = several(whole)
    assert found.image_size == (64, 96)
    assert several.shape((64, 96)) == found[:1].shape
    pooled = []
    for row in range(tiles):
        for column in range(tiles):
            part = one(whole[:, :, 64 * row : 64 * (row + 1), 96 * column : 96 * (column + 1)])
            pooled.append(part.pooled)
            for level, expected in zip(found.maps, part.maps, strict=True):
                h, w = expected.shape[-2:]
                assert torch.equal(level[:, :, h * row : h * (row + 1), w * column : w * (column + 1)], expected)
    for stage, *parts in zip(found.pooled, *pooled, strict=True):
        torch.testing.assert_close(stage, torch.stack(parts).mean(0), rtol=1e-6, atol=0)


@pytest.mark.parametrize("backbone", ["scattering", "efficientnet_lite0"])
def test_a_padded_picture_has_the_features_of_its_own_rectangle(backbone):
    network = load_backbone(backbone, device="cpu")
    boxes = torch.tensor([[32, 0, 96, 128], [0, 0, 128, 128], [0, 32, 128, 96]])
    inside = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    found = network(inside, boxes)
    for i, (top, left, bottom, right) in enumerate(boxes.tolist()):
        alone = network(inside[i : i + 1, :, top:bottom, left:right])
        for level, expected in zip(found.maps, alone.maps, strict=True):
            within = found.inside(level.shape[-2:])[i]
            torch.testing.assert_close(level[i][:, within], expected[0].flatten(1), rtol=1e-4, atol=1e-5)
        for stage, expected in zip(found.pooled, alone.pooled, strict=True):
            torch.testing.assert_close(stage[i], expected[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("preprocessing", "backbone"),
    [
        (Preprocessing(size=128, proportions="own"), "scattering"),
        (Preprocessing(size=128, proportions="padded"), "scattering"),
        (Preprocessing(size=64), "scattering-2x2"),
        (Preprocessing(size=96, proportions="padded"), "scattering-2x2"),
        (Preprocessing(size=64, proportions="own"), "scattering-2x2"),
    ],
    ids=["own", "padded", "2x2", "padded 2x2", "own 2x2"],
)
def test_a_map_lands_where_the_defect_is_and_is_saved_whole(preprocessing, backbone, tmp_path):
    data = a_set(WIDE, TALL) if preprocessing.proportions == "padded" else a_set(WIDE)
    comparison, pictures, stores = run(data, preprocessing, backbone)
    for method in MAPPED:
        column, detector = fit_and_score(comparison.detector(method, backbone), stores, pictures)
        assert column.maps.shape[1:] == pictures.preprocessing.frame
        assert column.figures["aupro"].value > 0.8, method
        for i, picture in enumerate(pictures.test):
            if picture.mask is not None:
                inside = column.maps[i][picture.inside]
                assert column.maps[i][picture.mask].mean() > np.quantile(inside, 0.8), method
            beyond = np.ones(column.maps[i].shape, bool)
            beyond[picture.inside] = False
            assert (column.maps[i][beyond] <= column.maps[i][picture.inside].min()).all()
        path = tmp_path / f"{method}.safetensors"
        made = Pipeline.of(column, detector, stores, pictures.preprocessing, load_backbone(backbone, device="cpu"))
        made.save(path)
        again = Pipeline.load(path, device="cpu")
        found = again.predict([sample.picture for sample in data.test])
        np.testing.assert_allclose(found.scores.numpy(), column.scores, rtol=1e-4)


@pytest.mark.parametrize(
    ("preprocessing", "backbone"),
    [
        (Preprocessing(size=64, proportions="own"), "scattering-2x2"),
        (Preprocessing(size=96, proportions="padded"), "scattering"),
    ],
    ids=["own 2x2", "padded"],
)
def test_inspect_asks_about_what_the_backbone_saw(preprocessing, backbone):
    """An untouched picture scores as it did; places, gradients and painted maps are in the picture's own pixels."""
    data = a_set(WIDE, TALL) if preprocessing.proportions == "padded" else a_set(WIDE)
    comparison, pictures, stores = run(data, preprocessing, backbone, ("patchcore", "mahalanobis"))
    fitted = [
        FittedColumn(*fit_and_score(comparison.detector(method, backbone), stores, pictures), stores, method)
        for method in comparison.methods
    ]
    bench = Bench(comparison, pictures, tuple(fitted))
    height, width = pictures.preprocessing.frame
    for index, picture in enumerate(pictures.test):
        found = explain.score_pictures(bench, picture.pixels[None], base=("test", index))
        for scored, column in zip(found, bench.fitted, strict=True):
            assert scored.scores[0] == pytest.approx(column.column.scores[index], rel=1e-4)
        spot = np.argwhere(picture.mask)[0] if picture.mask is not None else (height // 2, width // 2)
        reason = explain.explain_place(bench, "test", index, *map(int, spot))[0]
        top, left, bottom, right = reason.box
        assert 0 <= top <= spot[0] < bottom <= height
        assert 0 <= left <= spot[1] < right <= width
    assert found[0].maps.shape == (1, height, width)
    assert explain.gradient(bench, "mahalanobis/" + backbone, "test", 1).shape == (height, width)
    dark = pictures.test[0].pixels.copy()
    y, x = (np.array([s.start + s.stop for s in pictures.test[0].inside]) // 2).tolist()
    dark[y : y + 10, x : x + 10] = 0
    painted = explain.score_pictures(bench, dark[None], base=("test", 0))[0]
    assert painted.scores[0] > 3 * fitted[0].column.scores[0]
    peak = np.unravel_index(painted.maps[0].argmax(), painted.maps[0].shape)
    assert abs(peak[0] - y - 5) <= 12
    assert abs(peak[1] - x - 5) <= 12


def test_nothing_beyond_a_picture_counts():
    """Whatever the padding shows, nothing that is learnt or said changes."""
    data = a_set(WIDE, TALL)
    comparison, pictures, stores = run(data, Preprocessing(size=96, proportions="padded"))

    def painted(picture):
        changed = np.random.default_rng(0).integers(0, 255, picture.pixels.shape).astype(np.uint8)
        changed[picture.inside] = picture.pixels[picture.inside]
        return replace(picture, pixels=changed)

    roles = {role: tuple(map(painted, getattr(pictures, role))) for role in ("learnt", "held_out", "test")}
    loud = extract(replace(pictures, **roles), load_backbone("scattering", device="cpu"))
    for method in METHODS:
        one, _ = fit_and_score(comparison.detector(method, "scattering"), stores, pictures)
        other, _ = fit_and_score(comparison.detector(method, "scattering"), loud, pictures)
        np.testing.assert_array_equal(one.scores, other.scores)
        assert one.scale == other.scale


def test_channels_are_standardised_by_what_lies_inside():
    _, pictures, stores = run(a_set(WIDE, TALL), Preprocessing(size=96, proportions="padded"))
    network = load_backbone("scattering", device="cpu")
    alone = []
    for picture in pictures.learnt:
        inside = picture.pixels[picture.inside].copy()
        alone.append(network(torch.from_numpy(inside).permute(2, 0, 1)[None].float() / 255).maps[0][0].flatten(1))
    expected = torch.cat(alone, 1).double()
    torch.testing.assert_close(stores.standardisation.map_means[0].double(), expected.mean(1), rtol=1e-4, atol=1e-6)
    deviations = expected.std(1, correction=0)
    torch.testing.assert_close(stores.standardisation.map_deviations[0].double(), deviations, rtol=1e-3, atol=1e-6)


def test_only_patches_of_pictures_enter_the_bank_and_padim_counts_only_pictures_that_reach_a_place():
    _, pictures, stores = run(a_set(WIDE, TALL), Preprocessing(size=96, proportions="padded"))
    bank = build("patchcore", ratio=1.0, limit=None).fit(stores.learnt)
    within = [np.zeros(bank.grid_, bool) for _ in pictures.learnt]
    step = 96 // bank.grid_[0]
    for grid, picture in zip(within, pictures.learnt, strict=True):
        rows, columns = picture.inside
        grid[rows.start // step : rows.stop // step, columns.start // step : columns.stop // step] = True
    assert all(within[i][y, x] for i, y, x in bank.origins_.tolist())
    assert bank.patches_ == sum(grid.sum() for grid in within)
    padim = build("padim", channels=20).fit(stores.learnt)
    whole = torch.cat([batch.maps[0] for batch in stores.learnt])[:, padim.channels_[0], 0, padim.grid_[1] // 2]
    tall = [i for i, picture in enumerate(pictures.learnt) if picture.box[0] == 0]
    torch.testing.assert_close(padim.means_[0][0, padim.grid_[1] // 2], whole[tall].mean(0), rtol=1e-4, atol=1e-5)


def test_features_of_tiles_go_to_disk_where_memory_does_not_suffice(monkeypatch):
    monkeypatch.setattr("detectors.features.at_rest.MEMORY_BYTES", 1)
    _, _, stores = run(a_set(WIDE), Preprocessing(size=32), "scattering-2x2")
    assert stores.learnt.where == "disk"
    assert stores.seen("test", 1).shape == (64, 64, 3)


def test_standardisation_without_boxes_is_as_before():
    images = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8)
    store = FeatureStore.extract(images, load_backbone("scattering", device="cpu"))
    assert store.boxes is None
    assert Standardisation.measure(store).map_means[0].shape == (27,)


def test_the_cost_is_said_before_a_run_and_what_is_not_kept_is_refused():
    backbones = ("scattering", "scattering-2x2", "scattering-3x3")
    comparison = Comparison(methods=("padim",), backbones=backbones, preprocessing=Preprocessing(size=352))
    told = forecast(comparison, 6, 10, 10**12)
    assert list(told.refused) == ["padim/scattering-3x3"]
    assert "need 1,056" in str(told.refused["padim/scattering-3x3"])
    once = forecast(replace(comparison, backbones=backbones[:1]), 6, 10, 10**12)
    assert told.peak_bytes > 1.5 * once.peak_bytes
    assert told.seconds > once.seconds


@pytest.mark.parametrize(
    ("preprocessing", "backbone"),
    [
        (Preprocessing(size=64, proportions="own"), "scattering"),
        (Preprocessing(size=96, proportions="padded"), "scattering"),
    ],
    ids=["own", "padded"],
)
def test_conditions_change_pictures_of_any_shape_and_nothing_beyond_them(preprocessing, backbone):
    data = a_set(WIDE, TALL) if preprocessing.proportions == "padded" else a_set(WIDE)
    comparison, pictures, stores = run(data, preprocessing, backbone, ("padim",))
    column, detector = fit_and_score(comparison.detector("padim", backbone), stores, pictures)
    bench = Bench(comparison, pictures, (FittedColumn(column, detector, stores, "padim"),))
    for key in ("rotation", "scale", "shift", "gradient", "shadow"):
        condition = CONDITIONS[key]
        found = strip(bench, condition, 0)
        assert found.pixels.shape[1:] == pictures.test[0].pixels.shape
        beyond = np.ones(found.pixels.shape[1:3], bool)
        beyond[pictures.test[0].inside] = False
        assert (found.pixels[:, beyond] == 128).all()
        mask = condition.apply_mask(pictures.test[1].mask, pictures.test[1].pixels, condition.strongest)
        assert mask.shape == pictures.test[1].mask.shape
    curve = measure(bench, CONDITIONS["brightness"])[0]
    assert curve.scores.shape == (7, len(pictures.test))
    assert curve.scores[3] == pytest.approx(column.scores)


def test_the_scale_of_maps_and_pixel_figures_leave_the_padding_out():
    comparison, pictures, stores = run(a_set(WIDE, TALL), Preprocessing(size=96, proportions="padded"))
    column, detector = fit_and_score(comparison.detector("patchcore", "scattering"), stores, pictures)
    maps = np.concatenate([detector.predict(batch).maps.numpy() for batch in stores.held_out])
    inside = np.concatenate([m[p.inside].ravel() for m, p in zip(maps, pictures.held_out, strict=True)])
    assert column.scale.median == pytest.approx(float(np.quantile(inside.astype(np.float64), 0.5)))
    scores = scores_of(pictures.test, column.maps)
    assert scores.normals == sum(
        (~p.mask if p.mask is not None else np.ones((96, 96), bool))[p.inside].sum() for p in pictures.test
    )
