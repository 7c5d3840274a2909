"""What is kept of a picture that is larger than pictures are kept decodes to what the file itself decodes to."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures.picture_files import encoded, png, scene, with_orientation
from PIL import Image

from detectors.errors import PictureRefused
from detectors.images import LIMITS, White, decode, depth
from detectors.images.masks import Frame, read_mask
from detectors.images.shrinking import shrink
from detectors.images.shrunk import Shrunk

SMALL = replace(LIMITS, kept_side=64)
GRAIN = np.random.default_rng(0).integers(0, 40, (150, 200, 3))
COLOURS = (scene(150, 200) // 2 + GRAIN).astype(np.uint8)
DEEP = (COLOURS[..., 0].astype(np.uint16) * 100 + 5000).astype(np.uint16)
DEEP_COLOURS = (COLOURS.astype(np.uint16) * 100 + 5000).astype(">u2").tobytes()
SRGB = Image.fromarray(COLOURS)
FILES = {
    "png": encoded(COLOURS),
    "jpeg": encoded(COLOURS, "JPEG", quality=97),
    "bmp": encoded(COLOURS, "BMP"),
    "grey": encoded(COLOURS[..., 0]),
    "palette": encoded(SRGB.quantize(200)),
    "transparent": encoded(SRGB.convert("RGBA")),
    "print": encoded(SRGB.convert("CMYK"), "JPEG", quality=97),
    "frames": encoded(SRGB, "GIF", save_all=True, append_images=[SRGB.rotate(90)]),
    "turned jpeg": with_orientation(COLOURS, 6, "JPEG", quality=97),
    "turned tiff": with_orientation(COLOURS, 6, "TIFF"),
    "16 bits": encoded(DEEP),
    "turned 16 bits": with_orientation(DEEP, 8, "TIFF"),
    "kelvin": encoded((DEEP / 100).astype(np.float32), "TIFF"),
    "16 bits, colours": png(200, 150, 16, 2, DEEP_COLOURS),
}
CHOSEN = White(whole=20_000, black=8_000, real=200, real_black=80)


@pytest.mark.parametrize("name", FILES)
def test_what_is_kept_decodes_to_the_same_picture(name):
    data = FILES[name]
    kept = shrink(data, SMALL)
    assert kept is not None
    assert len(kept) < len(data)
    again = Shrunk.taken_up(kept.laid())
    for white, measuring in ((None, True), (CHOSEN, False)):
        ours, theirs = (decode(each, "a", SMALL, white, measuring) for each in (again, data))
        assert (ours.pixels == theirs.pixels).all()
        assert ours == replace(theirs, pixels=ours.pixels)  # size, notes, orientation, depth
        assert max(ours.pixels.shape) == 64
        if ours.depth is not None:
            assert (ours.depth.sample == theirs.depth.sample).all()


def test_what_is_no_larger_may_be_a_mask_or_is_refused_stays_as_it_is():
    marked = np.zeros((150, 200), np.uint8)
    marked[20:60, 30:90] = 255
    for data in (encoded(COLOURS[:60, :60]), encoded(marked), FILES["png"][:500], b"text", encoded(marked, "JPEG")):
        assert shrink(data, SMALL) is None


def test_a_bomb_is_not_unpacked_to_be_shrunk():
    bomb = png(16_000, 16_000, 8, 0, b"")
    assert shrink(bomb) is None
    with pytest.raises(PictureRefused):
        decode(bomb, "bomb")


def test_a_mask_with_soft_edges_still_lies_on_its_picture():
    grey = np.asarray(
        Image.fromarray(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((75, 100), np.uint8))).rotate(15)
    )
    soft = np.asarray(Image.fromarray(grey).resize((20, 15)).resize((200, 150), Image.Resampling.BICUBIC))
    data = encoded(soft)
    frame = Frame((150, 200), (48, 64))
    kept = shrink(data, SMALL)
    assert kept is not None
    ours, theirs = (read_mask(each, frame, SMALL)[0] for each in (kept, data))
    assert (ours != theirs).mean() < 0.02


def test_numbers_are_averaged_before_black_and_white_cut_them():
    stripes = np.tile(np.array([1_000, 3_000], np.uint16), (128, 64))
    small = depth.shrunk_numbers([stripes], 64)
    assert small.dtype == np.uint16
    assert abs(int(small.mean()) - 2_000) < 5
    far = stripes.astype(np.float64) + 1e9
    assert np.abs(depth.shrunk_numbers([far], 64) - 1e9 - 2_000).max() < 1_000
    assert depth.shrunk_numbers([stripes], 128) is stripes
