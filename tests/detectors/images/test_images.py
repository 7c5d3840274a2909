"""Decoding: every mode has known pixels, every change is told; masks; preprocessing."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, tiff, with_orientation
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from detectors.errors import PictureRefused, SettingRefused
from detectors.images import LIMITS, Limits, Preprocessing, White, decode, decode_mask, label, of_pixels
from detectors.images.masks import Frame, read_mask

RGB = scene()


def notes(picture):
    return [note.key for note in picture.notes]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_kinds_keep_every_pixel_and_say_nothing(kind):
    picture = decode(encoded(RGB, kind), "a")
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.notes == ()
    assert picture.original_size == (40, 60)
    assert picture.sha256 == hashlib.sha256(b"40x60:" + RGB.tobytes()).hexdigest()


def test_the_same_pixels_have_the_same_hash_whatever_the_file():
    assert len({decode(encoded(RGB, kind), kind).sha256 for kind in ("PNG", "BMP", "TIFF")}) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_orientation_is_applied_to_picture_and_mask_alike(orientation, kind):
    # The corner that EXIF calls "top left" of the upright picture, written down from the standard's table.
    stored = np.zeros((4, 6, 3), np.uint8)
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (-1, 0), 7: (-1, -1), 8: (0, -1)}
    stored[corner[orientation]] = 255
    if kind == "PNG":
        data = with_orientation(stored, orientation)
        mask = with_orientation(stored[..., 0], orientation)
    else:
        data = tiff(6, 4, 8, 3, stored.tobytes(), orientation=orientation)
        mask = tiff(6, 4, 8, 1, stored[..., 0].tobytes(), orientation=orientation)
    picture = decode(data, "a")
    assert picture.pixels.shape == ((6, 4, 3) if orientation >= 5 else (4, 6, 3))
    assert picture.original_size == picture.pixels.shape[:2]
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    assert picture.pixels.sum() == 3 * 255
    assert ("picture.turned" in notes(picture)) == (orientation > 1)
    np.testing.assert_array_equal(decode_mask(mask, "m"), picture.pixels[..., 0] > 0)
    np.testing.assert_array_equal(read_mask(mask, picture.frame)[0], picture.pixels[..., 0] > 0)


def test_a_mask_without_orientation_is_turned_with_its_picture_unless_drawn_upright():
    stored = np.zeros((4, 6), np.uint8)
    stored[-1, 0] = 255  # top left after turning by orientation 6
    picture = decode(with_orientation(np.dstack([stored] * 3), 6), "a")
    mask, said = read_mask(encoded(stored), picture.frame)
    np.testing.assert_array_equal(mask, picture.pixels[..., 0] > 0)
    assert [s.key for s in said] == ["mask.turned"]
    upright, said = read_mask(encoded(np.rot90(stored, -1).copy()), picture.frame)
    np.testing.assert_array_equal(upright, mask)
    assert said == ()


def test_large_pictures_are_shrunk_at_once_and_told():
    wide = np.repeat(np.repeat(scene(30, 80), 40, 0), 40, 1)  # 1200 x 3200
    picture = decode(encoded(wide), "a")
    assert picture.pixels.shape == (384, 1024, 3)
    assert picture.original_size == (1200, 3200)
    assert [str(note) for note in picture.notes] == ["Shrunk from 3200 x 1200 to 1024 x 384 pixels."]
    small = np.asarray(Image.fromarray(wide).resize((1024, 384), Image.Resampling.BOX))
    assert np.abs(picture.pixels.astype(int) - small).mean() < 2


def test_a_jpeg_is_decoded_small_and_still_looks_alike():
    large = Image.fromarray(scene(60, 90)).resize((4500, 3000), Image.Resampling.BICUBIC)
    picture = decode(encoded(large, "JPEG", quality=95), "a")
    assert picture.pixels.shape == (683, 1024, 3)
    same = np.asarray(large.resize((1024, 683), Image.Resampling.BOX)).astype(int)
    assert np.abs(picture.pixels - same).mean() < 1.5


def test_a_profile_is_converted_to_srgb():
    lab = ImageCms.createProfile("sRGB")
    data = ImageCms.ImageCmsProfile(lab).tobytes()
    tagged = decode(encoded(RGB, icc_profile=data), "a")
    np.testing.assert_array_equal(tagged.pixels, RGB)  # already sRGB: not a level of rounding
    assert tagged.notes == ()
    broken = decode(encoded(RGB, icc_profile=b"no profile at all" * 20), "a")
    np.testing.assert_array_equal(broken.pixels, RGB)
    assert str(broken.notes[0]) == "Its colour profile is damaged or does not fit the picture and was ignored."


def test_twelve_bits_are_scaled_when_the_set_says_so():
    values = np.array([[0, 2048, 4095, 300]], np.uint16)
    data = encoded(Image.fromarray(values))
    assert decode(data, "a").pixels[0, :, 0].tolist() == [0, 8, 16, 1]
    twelve = decode(data, "a", white=White(4095))
    assert twelve.pixels[0, :, 0].tolist() == [0, 128, 255, 19]
    assert str(twelve.notes[0]) == "12 bits stored in 16 became 8: 4,095 is white."
    assert White.of([twelve.depth]) == White(4095)
    bright = decode(encoded(Image.fromarray(values * 16)), "b", white=White(4095))
    assert str(bright.notes[1]) == "Values above 4095 (up to 65520) became white."


@pytest.mark.parametrize("top", [4095, 65535])
def test_sixteen_bit_colour_keeps_its_low_bytes(top):
    values = (np.random.default_rng(0).uniform(0, 1, (5, 7, 3)) * top).astype("<u2")
    expected = np.rint(values * (255 / top))
    picture = decode(tiff(7, 5, 16, 3, values.tobytes()), "a", white=White(top))
    assert np.abs(picture.pixels - expected).max() <= (0 if top == 4095 else 1)


def test_names_are_labels():
    assert label("a\nb\x00.png") == "a\ufffdb\ufffd.png"
    assert label("가.png".encode("cp949").decode("utf-8", "surrogateescape")) == "가.png"
    assert label("가.png") == "가.png"  # composed
    label("\ud800.png").encode()


@given(st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_label_can_be_written_as_utf8(text):
    assert label(text).encode().decode() == label(label(text))


def test_limits_come_from_the_environment():
    assert Limits.from_environment({"ODD_FILE_MB": "64", "ODD_SIDE": "100"}) == Limits(file_mb=64, side=100)
    with pytest.raises(SettingRefused) as caught:
        Limits.from_environment({"ODD_SCANS": "many"})
    assert str(caught.value) == (
        "The environment variable ODD_SCANS is 'many'; a whole number above 0 is expected. Correct or remove it."
    )
    with pytest.raises(SettingRefused):
        Limits.from_environment({"ODD_FILE_MB": "-1"})
    with pytest.raises(PictureRefused) as refused:
        decode(encoded(RGB), "a", Limits(side=50))
    assert str(refused.value) == ("The picture has 60 x 40 pixels; at most 50 on a side are accepted. Save it smaller.")


class TestMasks:
    def read(self, values, kind="PNG", frame=None, **options):
        mask, said = read_mask(encoded(values, kind, **options), frame)
        return mask.astype(int).tolist(), [s.key for s in said]

    def test_two_values_of_any_size_are_black_and_white(self):
        for low, high in ((0, 255), (0, 1), (7, 9)):
            values = np.array([[low, high, low]], np.uint8)
            assert self.read(values) == ([[0, 1, 0]], [])

    def test_sixteen_bits_and_palette_and_one_bit(self):
        assert self.read(np.array([[0, 65535, 0]], np.uint16)) == ([[0, 1, 0]], [])
        palette = Image.fromarray(np.array([[0, 1, 2, 0]], np.uint8), "P")
        palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        assert self.read(palette) == ([[0, 1, 1, 0]], [])
        assert self.read(Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")) == ([[0, 1]], [])

    def test_labels_and_greys_are_told(self):
        assert self.read(np.array([[0, 1, 2, 3, 0, 0]], np.uint8)) == ([[0, 1, 1, 1, 0, 0]], ["mask.labels"])
        assert self.read(np.array([[0, 100, 127, 128, 255]], np.uint8)) == ([[0, 0, 0, 1, 1]], ["mask.grey"])

    def test_what_is_painted_on_nothing_counts(self):
        red = np.zeros((1, 3, 4), np.uint8)
        red[0, 1] = [255, 0, 0, 255]
        assert self.read(red) == ([[0, 1, 0]], [])
        black = np.zeros((1, 3, 4), np.uint8)
        black[0, 2, 3] = 255
        assert self.read(black) == ([[0, 0, 1]], [])

    def test_colours_are_told_from_the_border(self):
        values = np.full((6, 6, 3), 255, np.uint8)
        values[2:4, 2:5] = (255, 0, 0)
        marked = (values[..., 1] == 0).astype(int).tolist()
        assert self.read(values) == (marked, ["mask.coloured"])
        large = np.full((96, 96, 3), 255, np.uint8)
        large[30:50, 30:60] = (220, 30, 30)
        jpeg, said = read_mask(encoded(large, "JPEG", quality=90))
        assert 560 <= jpeg.sum() <= 680
        assert [s.key for s in said] == ["mask.coloured"]

    def test_a_palette_is_read_by_its_index(self):
        indices = np.zeros((6, 6), np.uint8)
        indices[2:4, 2:5] = 1
        for palette in ([255, 255, 255, 255, 0, 0], [0, 0, 0, 128, 0, 0], [9, 9, 9, 8, 8, 8]):
            image = Image.fromarray(indices, "P")
            image.putpalette(palette)
            assert self.read(image) == (indices.tolist(), [])
        swapped = Image.fromarray(1 - indices, "P")  # as GIF and some optimisers number their colours
        swapped.putpalette([255, 0, 0, 0, 0, 0])
        assert self.read(swapped) == (indices.tolist(), [])

    def test_the_other_way_round_and_more_than_half_are_told(self):
        black = np.full((10, 10), 255, np.uint8)
        black[3:5, 3:6] = 0
        assert self.read(black) == ((black == 0).astype(int).tolist(), ["mask.inverted"])
        half = np.zeros((10, 10), np.uint8)
        half[:6] = 255
        mask, said = read_mask(encoded(half))
        assert mask.sum() == 60
        assert [str(s) for s in said] == [
            "The mask marks 60% of its picture as defective. Check that it is not drawn the other way round."
        ]
        assert self.read(np.full((3, 3), 255, np.uint8)) == (np.ones((3, 3), int).tolist(), ["mask.mostly"])

    def test_a_brush_of_any_strength_paints(self):
        soft = np.zeros((1, 4, 4), np.uint8)
        soft[0, 1] = [255, 0, 0, 120]
        soft[0, 2] = [0, 0, 0, 20]
        assert self.read(soft) == ([[0, 1, 0, 0]], [])

    def test_a_noisy_black_jpeg_marks_nothing(self):
        noise = np.random.default_rng(0).integers(0, 4, (32, 32), dtype=np.uint8)
        mask, _ = read_mask(encoded(noise, "JPEG", quality=95))
        assert not mask.any()

    def test_another_size_is_brought_over_by_the_nearest_pixel(self):
        values = np.array([[0, 255], [0, 0]], np.uint8)
        mask, said = read_mask(encoded(values), Frame((4, 4), (4, 4)))
        np.testing.assert_array_equal(mask, np.kron(values > 0, np.ones((2, 2))))
        assert [str(s) for s in said] == [
            "The mask has 2 x 2 pixels, its picture 4 x 4: it was enlarged or reduced to fit."
        ]

    def test_another_shape_is_refused(self):
        with pytest.raises(PictureRefused) as caught:
            read_mask(encoded(np.zeros((20, 60), np.uint8)), Frame((60, 60), (60, 60)))
        assert str(caught.value) == (
            "The mask has 60 x 20 pixels, its picture 60 x 60: they do not lie on each other. Give the mask in the "
            "size of its picture."
        )


class TestPreprocessing:
    picture = of_pixels(scene(100, 150), "a")

    def test_it_is_the_plain_anti_aliased_resize(self):
        expected = np.asarray(Image.fromarray(self.picture.pixels).resize((64, 64), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(Preprocessing(64).apply(self.picture), expected)

    def test_center_is_torchvisions_resize_and_crop(self):
        transforms = pytest.importorskip("torchvision.transforms", reason="torchvision is the witness here")
        for height, width in ((100, 150), (150, 101), (64, 64)):
            picture = of_pixels(scene(height, width), "a")
            recipe = transforms.Compose([transforms.Resize(round(64 * 256 / 224)), transforms.CenterCrop(64)])
            expected = np.asarray(recipe(Image.fromarray(picture.pixels)))
            np.testing.assert_array_equal(Preprocessing(64, "center").apply(picture), expected)

    @pytest.mark.parametrize("crop", ["none", "center"])
    @pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (1000, 1), (33, 32), (257, 1024)])
    def test_any_shape_becomes_the_square(self, crop, shape):
        picture = of_pixels(np.full((*shape, 3), 77, np.uint8), "a")
        got = Preprocessing(64, crop).apply(picture)
        np.testing.assert_array_equal(got, np.full((64, 64, 3), 77))
        assert Preprocessing(64, crop).apply_mask(np.ones(shape, bool)).all()

    def test_masks_lie_where_their_picture_lies(self):
        pixels = np.zeros((200, 300, 3), np.uint8)
        pixels[80:120, 130:170] = 255
        for crop in ("none", "center"):
            recipe = Preprocessing(96, crop)
            seen, mask = recipe.apply(of_pixels(pixels, "a"))[..., 0] > 127, recipe.apply_mask(pixels[..., 0] > 0)
            assert (seen != mask).sum() <= 0.1 * mask.sum()

    def test_batch_is_the_stack_divided_by_255(self):
        recipe = Preprocessing(32)
        batch = recipe.batch([self.picture] * 3)
        assert batch.shape == (3, 3, 32, 32)
        assert batch.dtype == np.float32
        np.testing.assert_array_equal(batch[1], recipe.apply(self.picture).transpose(2, 0, 1) / np.float32(255))
        assert recipe.batch([]).shape == (0, 3, 32, 32)

    def test_equalising_brings_exposures_together(self):
        recipe = Preprocessing(64, equalise=True)
        means = []
        for gain in (0.5, 1.0, 1.3):
            picture = of_pixels(np.clip(self.picture.pixels * gain, 0, 255).astype(np.uint8), "a")
            means.append(recipe.apply(picture).mean())
        np.testing.assert_allclose(means, 127.5, atol=0.5)
        black = of_pixels(np.zeros((40, 40, 3), np.uint8), "a")
        assert not recipe.apply(black).any()

    def test_settings_are_checked(self):
        with pytest.raises(SettingRefused) as caught:
            Preprocessing(5000)
        assert str(caught.value) == "The input size is 5000; a whole number of 32 to 1024 pixels is accepted."
        with pytest.raises(SettingRefused):
            Preprocessing(crop="edge")
        with pytest.raises(SettingRefused):
            Preprocessing(filter="box")


def test_pictures_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        decode(encoded(RGB), "a").pixels[0] = 0
    assert LIMITS.kept_side == 1024
