"""More than 8 bits: black and white from the normal pictures' own range, one pair for a set, told and repeatable."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import encoded, raw_tiff, scene, zipped
from fixtures.picture_files import png as file_of_rows
from PIL import Image

from detectors import datasets
from detectors.datasets.sources import EditedSource, UploadSource
from detectors.errors import PictureRefused
from detectors.images import White, decode

SHAPE = (40, 50)


def field(seed, low, amplitude, spot=0.0, dtype=np.uint16):
    """A smooth field with noise; a spot is what one looks for."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    values = low + amplitude * np.sin(x / 9) * np.cos(y / 11) + random.normal(0, amplitude / 10, SHAPE)
    values[10:14, 20:25] += spot
    return values.astype(dtype)


def deep_set(low, amplitude, spot, write, dtype=np.uint16):
    content = {f"train/good/{i}.tif": write(field(i, low, amplitude, dtype=dtype)) for i in range(6)}
    content |= {f"test/good/{i}.tif": write(field(20 + i, low, amplitude, dtype=dtype)) for i in range(2)}
    return content | {"test/hot/0.tif": write(field(30, low, amplitude, spot, dtype))}


def png(values):
    return encoded(Image.fromarray(values), "PNG" if values.dtype == np.uint16 else "TIFF")


def load(content, **options):
    return datasets.load_zip(zipped(content), "deep.zip", **options)


def keys(data):
    return [note.key for note in data.report.notes if not note.key.startswith("dataset.no_")]


# A camera -> the lowest value of its normal pictures, how far they go on each side, the hot spot, how it is written.
CAMERAS = {
    "16-bit thermal": (20_000, 150, 170, png, np.uint16),
    "14-bit thermal": (7_000, 200, 220, png, np.uint16),
    "10 bits in 16": (500, 60, 70, png, np.uint16),
    "kelvin": (300.0, 3.0, 3.3, png, np.float32),
    "celsius below zero": (-20.0, 4.0, 4.4, png, np.float32),
    "depth in millimetres": (850.0, 30.0, 33.0, png, np.float32),
    "metres of 64 bits": (0.85, 0.003, 0.0033, raw_tiff, np.float64),
    "signed 32 bits": (-40_000, 3_000, 3_300, png, np.int32),
    "micrometres of 32 bits": (850_000, 30_000, 33_000, png, np.int32),
}


@pytest.mark.parametrize("camera", CAMERAS)
def test_what_lies_beyond_all_normal_pictures_keeps_its_contrast(camera):
    low, amplitude, spot, write, dtype = CAMERAS[camera]
    data = load(deep_set(low, amplitude, spot, write, dtype))
    assert [len(data.train), len(data.test)] == [6, 3]
    normal = np.concatenate([s.picture.pixels[..., 0].ravel() for s in data.train])
    assert len(np.unique(normal)) > 100
    hot = next(s.picture.pixels[10:14, 20:25, 0] for s in data.test if s.defective)
    assert normal.max() + 15 < hot.max() < 255
    assert "dataset.clipped" not in keys(data)
    assert "dataset.few_levels" not in keys(data)
    assert keys(data) == ["dataset.levels"]


def test_the_rule_by_hand():
    ramp = np.linspace(1000, 1200, 2000).reshape(SHAPE).round().astype(np.uint16)
    data = load({f"train/good/{i}.png": png(ramp) for i in range(2)} | {"test/good/0.png": png(ramp + 50)})
    assert data.white == White(1300, None, 900)  # 200 wide, half of it on both sides
    exact = (ramp.astype(float) - 900) * 255 / 400
    assert np.abs(data.train[0].picture.pixels[..., 0] - exact).max() <= 0.501
    assert "Black is 900 and white 1300 in all pictures of more than 8 bits: the range of the normal ones (1000 to "\
        "1200) and up to 50% of it on both sides." in [str(note) for note in data.report.notes]  # fmt: skip


def test_a_range_that_is_used_well_stays_as_the_camera_has_it():
    wide = np.linspace(200, 3900, 2000).reshape(SHAPE).astype(np.uint16)
    assert load({"train/good/0.png": png(wide), "train/good/1.png": png(wide + 1)}).white == White(4095)


def test_hot_and_dead_pixels_of_a_camera_set_no_range():
    content = {}
    for i in range(6):
        values = field(i, 20_000, 150)
        values[i, 3] = 65_535 if i % 2 else 0
        content[f"train/good/{i}.png"] = png(values)
    data = load(content)
    assert 19_000 < data.white.black < data.white.whole < 21_000
    note = next(str(n) for n in data.report.notes if n.key == "dataset.clipped")
    assert note == "0.05% of the values lie beyond black and white and were clipped, in 6 pictures."


def test_a_zero_of_a_depth_camera_sets_no_range():
    content = {}
    for i in range(4):
        values = field(i, 850, 30)
        values[:4] = 0
        content[f"train/good/{i}.png"] = png(values)
    data = load(content)
    assert data.white.black > 700
    assert not data.train[0].picture.pixels[:4].any()


def test_what_is_clipped_is_told_with_its_share():
    content = deep_set(20_000, 150, 30_000, png)
    data = load(content)
    assert "dataset.clipped" in keys(data)
    (entry,) = [e for e in data.report.entries if e.name == "test/hot/0.tif"]
    assert [note.key for note in entry.notes] == ["picture.levels", "picture.clipped"]


class TestMixed:
    def test_deep_tests_beside_normal_pictures_of_8_bits(self):
        bright = scene(*SHAPE, seed=1)[..., 0]
        twelve = (bright.astype(np.uint16) << 4) + 3
        content = {f"train/good/{i}.png": encoded(scene(*SHAPE, seed=i)) for i in range(3)}
        data = load(content | {"test/good/0.png": png(twelve)})
        assert data.white == White(4095)
        assert np.abs(data.test[0].picture.pixels[..., 0].astype(int) - bright).max() <= 1
        assert str(next(n for n in data.report.notes if n.key == "dataset.mixed_depths")) == (
            "1 of 4 pictures has more than 8 bits: all such are scaled so that 4095 is white, and those of 8 bits stay "
            "as they are."
        )

    def test_whole_numbers_and_fractions_are_told_apart(self):
        content = {f"train/good/{i}.png": encoded(scene(*SHAPE, seed=i)) for i in range(3)}
        grey = scene(*SHAPE, seed=1)[..., 0]
        real = encoded(Image.fromarray(grey.astype(np.float32) / 255), "TIFF")
        data = load(content | {"test/good/0.png": png(grey.astype(np.uint16) << 8), "test/good/1.tif": real})
        said = [str(note) for note in data.report.notes if note.key.startswith("dataset.mixed_")]
        assert len(said) == 2
        assert "1 of 5 pictures has more than 8 bits" in said[0]
        assert "1 of 5 pictures holds fractions: in it 1 is white" in said[1]

    def test_tests_of_8_bits_beside_deep_normal_pictures_are_told(self):
        data = load(deep_set(20_000, 150, 200, png) | {"test/good/9.png": encoded(scene(*SHAPE))})
        assert "dataset.other_depths" in keys(data)
        eight = next(s.picture for s in data.test if s.picture.name.endswith("9.png"))
        np.testing.assert_array_equal(eight.pixels, scene(*SHAPE))

    def test_few_levels_are_told(self):
        narrow = {f"train/good/{i}.png": png(field(i, 20_000, 150)) for i in range(3)}
        data = load(narrow | {"train/good/9.png": encoded(scene(*SHAPE))})
        assert "dataset.few_levels" in keys(data)

    def test_pictures_of_8_bits_stay_as_they_are(self):
        data = load({f"train/good/{i}.png": encoded(scene(*SHAPE, seed=i)) for i in range(3)})
        assert data.white == White()
        assert keys(data) == []


class TestChosen:
    CONTENT = deep_set(20_000, 150, 200, png)

    def test_a_person_moves_black_and_white(self):
        own = White(21_000, None, 19_000)
        data = load(self.CONTENT, white=own)
        assert data.white == own
        assert "dataset.levels_chosen" in keys(data)
        source = UploadSource(archive=("deep.zip", zipped(self.CONTENT)))
        again = EditedSource(source.with_white(own)).load()
        assert again.white == own
        assert [s.picture.sha256 for s in again.train] == [s.picture.sha256 for s in data.train]
        assert source.with_white(own).key != source.key
        assert source.with_white(own).with_white(None).key == source.key

    def test_a_histogram_to_choose_by(self):
        found = datasets.histogram(load(self.CONTENT))
        assert (found.black, found.white) == (load(self.CONTENT).white.black, load(self.CONTENT).white.whole)
        assert found.black < found.normal_low < found.normal_high < found.white
        assert found.edges[0] <= found.black < found.white <= found.edges[-1]
        assert found.normal.sum() == pytest.approx(1)
        assert found.test.sum() == pytest.approx(1)
        assert found.levels > 100
        assert found.clipped == 0
        assert datasets.histogram(load({"good/a.png": encoded(scene())})) is None

    def test_what_is_stored_opens_again_and_what_was_stored_before_too(self):
        for white in (White(), White(4095), White(305.5, 310.2, 0, 290.1)):
            assert White.read(asdict(white)) == white
        assert White.read({"whole": 4095, "real": None}) == White(4095)
        assert White.read({"whole": 65535, "real": 1.0}) == White(65535, 1.0)

    @pytest.mark.parametrize(
        "stored",
        [
            {"whole": 0, "real": None}, {"whole": 4095, "real": 1e30}, {"whole": float("nan"), "real": None},
            {"whole": "4095", "real": None}, {"whole": 10, "real": None, "black": 10}, {"whole": 10, "version": 3},
            {"whole": True}, {"grey": 1}, {"whole": 10, "real": 1, "real_black": 2},
        ],
    )  # fmt: skip
    def test_a_strangers_pair_is_refused(self, stored):
        with pytest.raises((TypeError, ValueError)):
            White.read(stored)


class TestTiffs:
    RGB16 = (np.random.default_rng(0).uniform(0, 65_535, (*SHAPE, 3))).astype(np.uint16)

    @pytest.mark.parametrize("options", [{}, {"planar": True}, {"planar": True, "deflate": True}, {"big": True}])
    def test_colours_of_16_bits_plane_by_plane(self, options):
        got = decode(raw_tiff(self.RGB16, **options), "a").pixels
        assert np.abs(got - self.RGB16 / 257).max() <= 1

    @pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f2", "<i8"])
    @pytest.mark.parametrize("deflate", [False, True])
    def test_numbers_that_pillow_does_not_know(self, dtype, deflate):
        values = np.linspace(0, 250, 2000).reshape(SHAPE).astype(dtype)
        top = 65_535 if dtype == "<i8" else 255
        got = decode(raw_tiff(values, deflate=deflate), "a").pixels[..., 0]
        assert np.abs(got - values.astype(float) * 255 / top).max() <= 0.51

    def test_real_colours(self):
        values = np.random.default_rng(0).uniform(0, 1, (*SHAPE, 3)).astype(np.float32)
        for planar in (False, True):
            got = decode(raw_tiff(values, planar=planar), "a").pixels
            np.testing.assert_array_equal(got, np.rint(values * 255))

    def test_channels_that_are_no_colours_are_counted(self):
        with pytest.raises(PictureRefused, match="has 5 channels that are no colours"):
            decode(raw_tiff(np.zeros((*SHAPE, 5), np.uint8)), "a")

    def test_a_channel_beside_the_colours_is_told(self):
        four = np.arange(2000 * 4, dtype=np.uint8).reshape(*SHAPE, 4)  # near infrared, say
        content = encoded(Image.frombytes("RGBX", SHAPE[::-1], four.tobytes()), "TIFF")
        got = decode(content, "a")
        np.testing.assert_array_equal(got.pixels, four[..., :3])
        assert [str(note) for note in got.notes] == ["Only the first 3 of 4 channels in the file are used."]
        said = " ".join(map(str, load({f"good/{i}.tif": content for i in range(2)}).report.notes))
        assert "2 files have more channels than are used (good/0.tif, good/1.tif)" in said

    def test_grey_of_16_bits_with_transparency(self):
        stored = np.stack([np.linspace(29_000, 31_000, 2000).reshape(SHAPE), np.full(SHAPE, 65_535)], axis=-1)
        data = file_of_rows(SHAPE[1], SHAPE[0], 16, 4, stored.astype(">u2").tobytes())
        got = decode(data, "a", white=White(31_000, None, 29_000)).pixels[..., 1]
        assert np.abs(got - np.linspace(0, 255, 2000).reshape(SHAPE)).max() <= 1

    def test_rare_packings_say_so(self):
        with pytest.raises(PictureRefused) as caught:
            decode(raw_tiff(np.zeros(SHAPE), compression=5), "a")
        assert str(caught.value) == (
            "The TIFF file holds numbers of 64 bits, packed or tiled in a rare way. Save it without compression, or as "
            "16-bit or 32-bit grey."
        )

    @pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
    @pytest.mark.parametrize("deflate", [False, True])
    def test_a_file_that_is_cut_short_is_refused(self, cut, deflate):
        data = raw_tiff(np.random.default_rng(0).random(SHAPE), deflate=deflate)
        with pytest.raises(PictureRefused):
            decode(data[: int(cut * len(data))], "a")

    def test_a_bomb_is_never_unpacked(self):
        huge = raw_tiff(np.zeros((64, 64)), deflate=True, claim=(40_000, 40_000))
        with pytest.raises(PictureRefused):
            decode(huge, "a")

    def test_libtiff_keeps_silent(self, tmp_path):
        good = encoded(np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8), "TIFF",
                       compression="tiff_lzw")  # fmt: skip
        (tmp_path / "a.tif").write_bytes(good[:1000] + bytes(500) + good[1500:])
        code = (
            "import sys; from detectors.images import decode\n"
            "try: decode(open(sys.argv[1], 'rb').read(), 'a')\n"
            "except ValueError as refused: print(refused)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "a.tif"], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        )  # fmt: skip
        assert done.stdout.startswith("The TIFF file is damaged")
        assert done.stderr == ""


def test_a_thermal_set_takes_masks_of_any_depth():
    """Masks of 0 and 65,535, of 0 and 1 in 16 bits, and of 0 and 1 in 8 bits mark the same pixels."""
    marked = np.zeros(SHAPE, np.uint16)
    marked[5:15, 5:15] = 1
    warm = 7000 + np.random.default_rng(0).normal(0, 12, (5, *SHAPE))
    warm[2:, 5:15, 5:15] += 400
    files = {f"train/good/{i}.tiff": deep(warm[i]) for i in range(2)} | {
        f"test/hot/{i}.tiff": deep(warm[i]) for i in range(2, 5)
    }
    files |= {
        "ground_truth/hot/2_mask.tiff": deep(marked * 65535),
        "ground_truth/hot/3_mask.tiff": deep(marked),
        "ground_truth/hot/4_mask.png": encoded(marked.astype(np.uint8)),
    }
    data = datasets.load_zip(zipped(files), "thermal.zip")
    assert [int(sample.mask.sum()) for sample in data.test] == [100, 100, 100]


def deep(values):
    return encoded(Image.fromarray(np.asarray(values).astype(np.uint16)), "TIFF")
