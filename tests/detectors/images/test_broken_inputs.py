"""A corpus of hostile, damaged and odd files: each has the one right sentence, or the pixels it must have."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from fixtures.picture_files import chunk, encoded, png, scene, tiff, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from detectors import datasets
from detectors.errors import PictureRefused, Refusal
from detectors.images import Limits, decode, decode_mask

RGB = scene()
PNG, JPEG, TIFF = encoded(RGB), encoded(RGB, "JPEG", quality=100, subsampling=0), encoded(RGB, "TIFF")
PROGRESSIVE = encoded(RGB, "JPEG", progressive=True)
GIF, BMP, WEBP = encoded(RGB, "GIF"), encoded(RGB, "BMP"), encoded(RGB, "WEBP", lossless=True)
DEFLATED = encoded(RGB, "TIFF", compression="tiff_deflate")
EOI = b"\xff\xd9"

KIND = (
    "This is a file of the kind {}; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Save the picture as PNG or JPEG."
)
ARCHIVE = (
    "This is a {} archive, not a picture. Unpack it and give the pictures, or a ZIP of pictures that holds no other "
    "archive."
)
TEXT = (
    "This is a text file, whatever its name says; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Give the picture "
    "itself."
)
UNKNOWN = (
    "The content is no picture that is known here; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Open it where it "
    "was made and save it as PNG."
)
SHORT = "The {} file is cut short: it ends before the picture does. Copy or save it again."
DAMAGED = "The {} file is damaged, cut short or of a rare kind. Open it in a picture editor and save it again as PNG."
EMPTY = "The file is empty. Copy it again from where it came from."
BOMB = "The picture claims far more than 50 million pixels, the most that is accepted. Save it smaller."
SCANS = "The JPEG file has more than 100 scans; at most 100 are accepted. Save it again as an ordinary (baseline) JPEG."
NAN = "The picture holds values that are no numbers (NaN or infinity). Replace them and save it again."


def many_scans(data: bytes, count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + EOI


def sized_png(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def too_long(width: int, height: int) -> str:
    return f"The picture has {width} x {height} pixels; at most 16384 on a side are accepted. Save it smaller."


def too_many(width: int, height: int) -> str:
    return f"The picture has {width} x {height} pixels; at most 50 million are accepted. Save it smaller."


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


REFUSED = {
    "empty": (b"", EMPTY),
    "text named .png": (b"this is not a picture\n", TEXT),
    "Korean text in cp949": ("사진이 아닙니다".encode("cp949"), TEXT),
    "UTF-16 text": ("no picture".encode("utf-16"), TEXT),
    "text that begins like a BMP": (b"BMW is a car, not a bitmap", TEXT),
    "html": (b"<!DOCTYPE html><html><script>alert(1)</script></html>", TEXT),
    "json": (b'{"image": 1}', TEXT),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", KIND.format("SVG")),
    "svg with declaration": (b"\xef\xbb\xbf<?xml version='1.0'?>\n<SVG/>", KIND.format("SVG")),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", KIND.format("HEIC")),
    "heif": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", KIND.format("HEIC")),
    "avif": (b"\0\0\0\x18ftypavif\0\0\0\0", KIND.format("AVIF")),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\0\0", KIND.format("video")),
    "avi": (b"RIFF\x10\0\0\0AVI LIST", KIND.format("sound or video")),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", KIND.format("PDF")),
    "psd": (b"8BPS\0\x01" + b"\0" * 20, KIND.format("Photoshop (PSD)")),
    "ico": (b"\0\0\1\0\1\0" + b"\0" * 20, KIND.format("Windows icon (ICO)")),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", KIND.format("JPEG 2000")),
    "jpeg xl": (b"\0\0\0\x0cJXL \r\n\x87\n", KIND.format("JPEG XL")),
    "exr": (b"v/1\x01\2\0\0\0", KIND.format("OpenEXR")),
    "ppm": (b"P6\n2 2\n255\n" + b"\0" * 12, KIND.format("PNM")),
    "dicom": (b"\0" * 128 + b"DICM\2\0", KIND.format("DICOM")),
    "numpy": (b"\x93NUMPY\1\0" + b"v" * 20, KIND.format("NumPy")),
    "pickle": (b"\x80\x04\x95\x10\0\0\0\0\0\0\0", KIND.format("pickle")),
    "exe": (b"MZ\x90\0\3", KIND.format("program")),
    "elf": (b"\x7fELF\2\1\1", KIND.format("program")),
    "postscript": (b"%!PS-Adobe-3.0 EPSF", KIND.format("PostScript")),
    "zip": (zipped({"a.png": PNG}), ARCHIVE.format("ZIP")),
    "gzip": (b"\x1f\x8b\x08\0", ARCHIVE.format("gzip")),
    "rar": (b"Rar!\x1a\x07\0", ARCHIVE.format("RAR")),
    "7z": (b"7z\xbc\xaf\x27\x1c", ARCHIVE.format("7z")),
    "lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "This is only a Git LFS pointer to a picture. Fetch the picture itself with `git lfs pull`.",
    ),
    "noise": (bytes(np.random.default_rng(0).integers(1, 9, 500, dtype=np.uint8)), UNKNOWN),
    "zeros": (b"\0" * 1000, UNKNOWN),
    "too many bytes": (
        PNG + b"\0" * (33 * 2**20),
        "The file has 33 MB; at most 32 MB are accepted. Save it smaller.",
    ),
    "png signature only": (PNG[:8], DAMAGED.format("PNG")),
    "png half": (PNG[: len(PNG) // 2], SHORT.format("PNG")),
    "png without pixels": (PNG[:33] + chunk(b"IEND", b""), SHORT.format("PNG")),
    "png with a flipped pixel byte": (flipped(PNG, len(PNG) // 2), DAMAGED.format("PNG")),
    "png with a wrong header sum": (flipped(PNG, 30), DAMAGED.format("PNG")),
    "png with a wrong data sum": (png(1, 1, 8, 0, b"\7", wrong_sum=True), DAMAGED.format("PNG")),
    "png of 0 x 0": (png(0, 0, 8, 0, b""), DAMAGED.format("PNG")),
    "png of colour type 9": (png(1, 1, 8, 9, b"\0"), DAMAGED.format("PNG")),
    "png with broken deflate": (
        PNG[:33] + chunk(b"IDAT", b"\x78\x9cnot deflate at all" * 20) + chunk(b"IEND", b""),
        DAMAGED.format("PNG"),
    ),
    "png that lies about its size": (sized_png(6000, 6000), SHORT.format("PNG")),
    "png of 49 MP on 100 bytes": (sized_png(7000, 7000), SHORT.format("PNG")),
    "png text bomb": (
        PNG[:33] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 70_000_000)) + PNG[33:],
        DAMAGED.format("PNG"),
    ),
    "jpeg start only": (b"\xff\xd8\xff", DAMAGED.format("JPEG")),
    "jpeg half": (JPEG[: len(JPEG) // 2], SHORT.format("JPEG")),
    "jpeg half, then its end mark": (JPEG[: len(JPEG) // 2] + EOI, SHORT.format("JPEG")),
    "jpeg nine tenths, then its end mark": (JPEG[: len(JPEG) * 9 // 10] + EOI, SHORT.format("JPEG")),
    "jpeg without end mark": (JPEG[:-2], SHORT.format("JPEG")),
    "progressive jpeg half": (PROGRESSIVE[: len(PROGRESSIVE) // 2], SHORT.format("JPEG")),
    "progressive jpeg without its last scans": (PROGRESSIVE[: len(PROGRESSIVE) // 2] + EOI, SHORT.format("JPEG")),
    "jpeg of 200 scans": (many_scans(PROGRESSIVE, 200), SCANS),
    "jpeg of 90 scans and 36 MP": (
        many_scans(encoded(Image.new("L", (6000, 6000)), "JPEG", progressive=True), 90),
        "The JPEG file has 96 scans of 36 million pixels, too much work to decode. Save it again as an ordinary "
        "(baseline) JPEG.",
    ),
    "jpeg of a million segments": (
        b"\xff\xd8" + b"\xff\xfe\0\2" * 1_000_000 + JPEG[2:],
        DAMAGED.format("JPEG"),
    ),
    "gif half": (GIF[: len(GIF) // 2], SHORT.format("GIF")),
    "gif header": (GIF[:10], DAMAGED.format("GIF")),
    "bmp half": (BMP[: len(BMP) // 2], SHORT.format("BMP")),
    "webp half": (WEBP[: len(WEBP) // 2], SHORT.format("WEBP")),
    "webp without content": (b"RIFF\4\0\0\0WEBP", DAMAGED.format("WEBP")),
    "tiff half": (TIFF[: len(TIFF) // 2], SHORT.format("TIFF")),
    "deflated tiff half": (DEFLATED[: len(DEFLATED) // 2], DAMAGED.format("TIFF")),
    "tiff whose directory is itself": (b"II*\0\x08\0\0\0\1\0" + b"\0" * 12 + b"\x08\0\0\0", DAMAGED.format("TIFF")),
    "tiff of 5 channels": (
        tiff(2, 2, 8, 5, b"\1" * 20),
        "The TIFF file has 5 channels that are no colours; grey and colours are accepted. Save those that matter as "
        "grey pictures, or three of them as colours.",
    ),
    "wide bomb": (sized_png(20000, 10), too_long(20000, 10)),
    "51 MP": (sized_png(10_000, 5_100), too_many(10_000, 5_100)),
    "100 MP": (sized_png(10_000, 10_000), BOMB),
    "200 MP": (sized_png(16_000, 16_000), BOMB),
    "gif of 65,535 squared": (GIF[:6] + b"\xff\xff\xff\xff" + GIF[10:], BOMB),
    "bmp of 2 billion": (BMP[:18] + struct.pack("<ii", 2**31 - 1, 1) + BMP[26:], BOMB),
    "float with NaN": (tiff(2, 1, 32, 1, struct.pack("<2f", 0.5, float("nan")), 3), NAN),
    "float with infinity": (tiff(2, 1, 32, 1, struct.pack("<2f", 0.5, float("inf")), 3), NAN),
    "float below zero": (
        tiff(2, 1, 32, 1, struct.pack("<2f", -0.5, 1), 3),
        "The picture holds real numbers from -0.5 to 1; 0 to 1, 0 to 255 or 0 to 65,535 are accepted. Save it in one "
        "of these ranges.",
    ),
    "whole numbers of 32 bits": (
        tiff(2, 1, 32, 1, struct.pack("<2i", 0, 1_000_000), 2),
        "The picture holds whole numbers from 0 to 1000000; 0 to 65,535 are accepted. Save it with 8 or 16 bits.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_with_this_sentence(name):
    data, sentence = REFUSED[name]
    started = time.perf_counter()
    with pytest.raises(PictureRefused) as caught:
        decode(data, name)
    assert str(caught.value) == sentence
    assert time.perf_counter() - started < 2
    if "whole numbers" not in name and "below zero" not in name:  # a mask may hold any finite numbers
        with pytest.raises(PictureRefused):
            decode_mask(data, name)


def grey(*values):
    return [[[v, v, v] for v in values]]


def lab_red():
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    return ImageCms.applyTransform(Image.new("RGB", (1, 1), (200, 30, 30)), lab)


def palette_with_clear_red():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    return encoded(image, transparency=0)


CLEAR_16 = struct.pack(">H", 500)
FRAMES = [Image.new("RGB", (2, 1), c) for c in ((255, 0, 0), (0, 255, 0))]
ODD = {
    "1 x 1": (png(1, 1, 8, 0, b"\x40"), grey(64), []),
    "1 bit": (png(3, 1, 1, 0, b"\xa0"), grey(255, 0, 255), ["picture.one_bit"]),
    "2 bits": (png(4, 1, 2, 0, b"\x1b"), grey(0, 85, 170, 255), []),
    "4 bits": (png(2, 1, 4, 0, b"\x0f"), grey(0, 255), []),
    "1 bit with a clear black": (
        png(2, 1, 1, 0, b"\x40", chunk(b"tRNS", b"\0\0")),
        grey(255, 255),
        ["picture.one_bit", "picture.transparent"],
    ),
    "grey with a clear value": (
        png(2, 1, 8, 0, b"\x05\x06", chunk(b"tRNS", b"\0\x05")),
        grey(255, 6),
        ["picture.transparent"],
    ),
    "RGB with a clear colour": (
        png(2, 1, 8, 2, b"\1\2\3\1\2\4", chunk(b"tRNS", b"\0\1\0\2\0\3")),
        [[[255, 255, 255], [1, 2, 4]]],
        ["picture.transparent"],
    ),
    "grey and alpha": (png(3, 1, 8, 4, b"\0\xff\0\0\x64\x80"), grey(0, 255, 177), ["picture.transparent"]),
    "RGBA": (
        png(2, 1, 8, 6, b"\xff\0\0\x80\1\2\3\xff"),
        [[[255, 127, 127], [1, 2, 3]]],
        ["picture.transparent"],
    ),
    "RGBA, all opaque": (png(1, 1, 8, 6, b"\1\2\3\xff"), [[[1, 2, 3]]], []),
    "palette with a clear red": (
        palette_with_clear_red(),
        [[[255, 255, 255], [0, 0, 255]]],
        ["picture.palette", "picture.transparent"],
    ),
    "16 bits": (
        png(3, 1, 16, 0, struct.pack(">3H", 0, 32896, 65535)),
        grey(0, 128, 255),
        ["picture.bits16"],
    ),
    "16 bits with a clear value": (
        png(2, 1, 16, 0, struct.pack(">2H", 500, 65535), chunk(b"tRNS", CLEAR_16)),
        grey(255, 255),
        ["picture.bits16", "picture.transparent"],
    ),
    "16-bit RGB": (
        png(1, 1, 16, 2, struct.pack(">3H", 0x1212, 0x8080, 0xFFFF)),
        [[[0x12, 0x80, 0xFF]]],
        ["picture.bits16"],
    ),
    "16-bit RGB with a clear colour": (
        png(2, 1, 16, 2, struct.pack(">6H", 1, 2, 3, 257, 514, 771), chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))),
        [[[255, 255, 255], [1, 2, 3]]],
        ["picture.bits16", "picture.transparent"],
    ),
    "16-bit RGBA": (
        png(1, 1, 16, 6, struct.pack(">4H", 0x1212, 0x8080, 0xFFFF, 0xFFFF)),
        [[[0x12, 0x80, 0xFF]]],
        ["picture.bits16"],
    ),
    "16-bit TIFF": (tiff(2, 1, 16, 1, struct.pack("<2H", 257, 65535)), grey(1, 255), ["picture.bits16"]),
    "signed 16-bit TIFF": (tiff(2, 1, 16, 1, struct.pack("<2h", 257, 25700), 2), grey(1, 100), ["picture.bits16"]),
    "32-bit TIFF of 16 bits": (tiff(2, 1, 32, 1, struct.pack("<2i", 257, 25700), 2), grey(1, 100), ["picture.bits16"]),
    "float from 0 to 1": (tiff(3, 1, 32, 1, struct.pack("<3f", 0, 0.5, 1), 3), grey(0, 128, 255), ["picture.real"]),
    "float from 0 to 255": (tiff(2, 1, 32, 1, struct.pack("<2f", 7, 200), 3), grey(7, 200), ["picture.real"]),
    "float from 0 to 65535": (tiff(2, 1, 32, 1, struct.pack("<2f", 257, 65535), 3), grey(1, 255), ["picture.real"]),
    "Lab": (encoded(lab_red(), "TIFF"), [[[200, 30, 30]]], ["picture.lab"]),
    "CMYK TIFF": (
        encoded(Image.new("CMYK", (1, 1), (255, 0, 0, 0)), "TIFF"),
        [[[0, 255, 255]]],
        ["picture.cmyk"],
    ),
    "CMYK JPEG, inverted as Adobe does": (
        encoded(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), "JPEG", quality=100),
        [[[255, 0, 0]]],
        ["picture.cmyk"],
    ),
    "animated GIF": (
        encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
        [[[255, 0, 0]] * 2],
        ["picture.palette", "picture.first_frame"],
    ),
    "animated WEBP": (
        encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], lossless=True),
        [[[255, 0, 0]] * 2],
        ["picture.first_frame"],
    ),
    "animated PNG": (
        encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
        [[[255, 0, 0]] * 2],
        ["picture.first_frame"],
    ),
    "TIFF of two pages": (
        encoded(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:]),
        [[[255, 0, 0]] * 2],
        ["picture.first_page"],
    ),
    "BMP with an unused fourth byte": (
        encoded(Image.merge("RGBA", [Image.new("L", (1, 1), v) for v in (9, 8, 7, 0)]), "BMP"),
        [[[9, 8, 7]]],
        [],
    ),
    "JPEG with a film behind it": (JPEG + bytes(1000) + b"\xff\xda" * 300, None, []),
    "JPEG with damaged EXIF": (JPEG[:2] + b"\xff\xe1\0\x10Exif\0\0MM\0*\xff\xff\xff\xff" + JPEG[2:], None, []),
    "progressive JPEG": (encoded(RGB, "JPEG", progressive=True, quality=90), None, []),
    "PNG with something behind it": (PNG + b"<?php echo 1 ?>", None, []),
    "LZW TIFF": (encoded(RGB, "TIFF", compression="tiff_lzw"), None, []),
    "JPEG of one colour": (encoded(Image.new("RGB", (60, 40), (127, 127, 127)), "JPEG"), None, []),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_but_good_has_these_pixels(name):
    data, pixels, told = ODD[name]
    picture = decode(data, name)
    assert [note.key for note in picture.notes] == told
    if pixels is None:
        assert picture.pixels.shape == (40, 60, 3)
        if "colour" not in name:
            assert np.abs(picture.pixels.astype(int) - RGB).mean() < 4
    else:
        tolerance = 2 if name == "Lab" else 1 if "JPEG" in name else 0
        np.testing.assert_allclose(picture.pixels.astype(int), pixels, atol=tolerance)


def test_the_corpus_is_large():
    assert len(REFUSED) + len(ODD) >= 110


def test_a_strip_of_1_by_10000_is_kept_in_proportion():
    picture = decode(encoded(np.zeros((10_000, 1), np.uint8)), "strip")
    assert picture.pixels.shape == (1024, 1, 3)
    assert str(picture.notes[0]) == "Shrunk from 1 x 10000 to 1 x 1024 pixels."


def test_a_decoder_that_takes_too_long_is_stopped():
    # Run-length BMPs are decoded in Python: 4 million runs of one pixel take seconds.
    header = (
        b"BM"
        + struct.pack("<IHHI", 0, 0, 0, 1078)
        + struct.pack("<IiiHHIIiiII", 40, 2000, 2000, 1, 8, 1, 0, 0, 0, 256, 0)
    )
    data = header + bytes(1024) + b"\1\7" * 4_000_000
    started = time.perf_counter()
    with pytest.raises(PictureRefused) as caught:
        decode(data, "slow", Limits(decode_seconds=0.3))
    assert time.perf_counter() - started < 1.5
    assert str(caught.value) == ("Decoding the BMP file took more than 0.3 seconds. Save it again as an ordinary PNG.")


def test_refusing_a_liar_takes_no_memory():
    data = sized_png(7000, 7000)
    tracemalloc.start()
    with pytest.raises(PictureRefused):
        decode(data, "liar")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


SEEDS = {"PNG": PNG, "JPEG": JPEG, "progressive": PROGRESSIVE, "TIFF": TIFF, "deflated": DEFLATED, "WEBP": WEBP}
SEEDS |= {"GIF": GIF, "BMP": BMP, "ZIP": zipped({f"train/good/{i}.png": PNG for i in range(3)})}


def read(name, data):
    """Decode, or load as a ZIP; anything but a `Refusal` is a failure."""
    try:
        if name == "ZIP":
            datasets.load_zip(data, "a.zip")
        else:
            decode(data, name)
            decode_mask(data, name)
    except Refusal:
        pass


@pytest.mark.parametrize("name", SEEDS)
@given(share=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_truncated_file_never_raises_anything_else(name, share):
    read(name, SEEDS[name][: int(share * len(SEEDS[name]))])


@pytest.mark.parametrize("name", SEEDS)
@given(flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(1, 255)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_flipped_bytes_never_raise_anything_else(name, flips):
    data = bytearray(SEEDS[name])
    for share, change in flips:
        data[int(share**2 * len(data))] ^= change  # more often near the start, where the headers are
    read(name, bytes(data))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_a_file_cut_in_its_pixels_is_never_shown(kind):
    data = SEEDS[kind]
    for share in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        with pytest.raises(PictureRefused):
            decode(data[: int(share * len(data))], kind)


class TestZips:
    def refusal(self, data, **limits):
        with pytest.raises(Refusal) as caught:
            datasets.load_zip(data, "a.zip", limits=Limits(**limits))
        return str(caught.value)

    def told(self, data, **limits):
        data = datasets.load_zip(data, "a.zip", limits=Limits(**limits))
        return {entry.name: (entry.state, str(entry.sentence)) for entry in data.report.entries}

    def test_what_is_no_zip(self):
        assert self.refusal(b"") == "The ZIP is an empty file. Copy it again from where it came from."
        no_zip = "This is no ZIP, or one that is cut short: its end is missing. Make it again as ZIP."
        assert self.refusal(PNG) == no_zip
        assert self.refusal(SEEDS["ZIP"][:-30]) == no_zip
        assert self.refusal(b"x" * 50 + b"PK\5\6") == (
            "The ZIP is damaged or cut short and cannot be listed. Make it again and upload it anew."
        )
        assert self.refusal(zipped({})) == "The ZIP holds no file. Put the pictures into it."

    def test_limits(self):
        assert self.refusal(zipped({f"{i}.png": b"" for i in range(60)}), zip_entries=50) == (
            "The ZIP has 60 entries; at most 50 are accepted. Split it."
        )
        assert self.refusal(bytes(3 * 2**20), zip_mb=2) == (
            "The ZIP has 3 MB; at most 2 MB are accepted. Split it, or save the pictures smaller."
        )
        assert self.refusal(zipped({"a.bmp": bytes(3 * 2**20)}), zip_out_mb=2) == (
            "The ZIP unpacks to 3 MB; at most 2 MB are accepted. Split it, or save the pictures smaller."
        )

    def test_an_entry_that_inflates_too_much_is_refused_alone(self):
        told = self.told(zipped({"good/a.png": PNG, "good/b.bmp": bytes(2 * 2**20)}))
        assert told["good/a.png"][0] == "accepted"
        state, sentence = told["good/b.bmp"]
        assert state == "refused"
        assert sentence.endswith("-fold; at most 100-fold is accepted. Save the picture as PNG.")

    def test_a_lie_about_the_size_is_found_while_reading(self):
        data = bytearray(zipped({"good/a.png": PNG, "good/b.png": bytes(5000)}))
        at = data.rindex(b"PK\1\2")
        data[at + 24 : at + 28] = struct.pack("<I", 100)  # the directory says 100 bytes come out
        assert self.told(bytes(data))["good/b.png"] == (
            "refused",
            "The file is damaged inside the ZIP. Make the ZIP again.",
        )

    def test_overlapping_entries(self):
        data = zipped({"a.png": PNG}, zipfile.ZIP_STORED)
        start = data.index(b"PK\1\2")
        end = data.index(b"PK\5\6")
        central = data[start:end]
        tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 3, 3, 3 * len(central), start, 0)
        assert self.refusal(data[:start] + central * 3 + tail) == (
            "The entries of the ZIP overlap, as in a trap. Make it again with an ordinary program."
        )

    def test_encrypted(self):
        def locked(data, which):
            data = bytearray(data)
            at = -1
            for _ in range(which + 1):
                at = data.index(b"PK\1\2", at + 1)
            data[at + 8] |= 1
            return bytes(data)

        assert self.refusal(locked(zipped({"a.png": PNG}), 0)) == (
            "The ZIP is encrypted. Make it again without a password."
        )
        told = self.told(locked(zipped({"good/a.png": PNG, "good/b.png": PNG}), 1))
        assert told["good/a.png"][0] == "accepted"
        assert told["good/b.png"] == ("refused", "The file is encrypted. Make the ZIP again without a password.")

    def test_links_duplicates_and_rare_methods(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("good/a.png", PNG)
            link = zipfile.ZipInfo("good/link.png")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
            pipe = zipfile.ZipInfo("good/pipe.png")
            pipe.external_attr = 0o010644 << 16
            archive.writestr(pipe, b"")
            archive.writestr("good/rare.png", PNG, zipfile.ZIP_BZIP2)
            with pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("good/a.png", BMP)
        told = self.told(buffer.getvalue())
        assert told["good/link.png"] == (
            "refused",
            "A link inside the ZIP is never followed. Put the picture itself into it.",
        )
        assert told["good/pipe.png"] == ("refused", "A device or pipe, not a file. Leave it out of the ZIP.")
        assert told["good/rare.png"][1] == (
            "The file is packed by a rare method. Make the ZIP again with the ordinary one (deflate)."
        )
        data = datasets.load_zip(buffer.getvalue(), "a.zip")
        assert [entry.state for entry in data.report.entries if entry.name == "good/a.png"] == ["accepted", "refused"]

    def test_nothing_nested_is_opened(self):
        told = self.told(zipped({"good/a.png": PNG, "good/more.zip": SEEDS["ZIP"]}))
        assert told["good/more.zip"] == ("refused", ARCHIVE.format("ZIP"))

    def test_names_are_labels(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        names = ["../../train/good/a.png", "/train/good/b.png", "C:\\train\\good\\c.png", "train/good/./../d.png"]
        data = datasets.load_zip(zipped({name: encoded(scene(seed=i)) for i, name in enumerate(names)}), "a.zip")
        assert {s.picture.name for s in data.train} == {f"train/good/{c}.png" for c in "abcd"}
        assert list(tmp_path.iterdir()) == []

    def test_a_bomb_takes_neither_time_nor_memory(self):
        bomb = zipped({f"{i}.png": bytes(30 * 2**20) for i in range(4)})
        tracemalloc.start()
        started = time.perf_counter()
        told = self.told(bomb)
        assert time.perf_counter() - started < 2
        assert tracemalloc.get_traced_memory()[1] < 2**22
        tracemalloc.stop()
        assert {state for state, _ in told.values()} == {"refused"}
