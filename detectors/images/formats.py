"""What a file is, told by its content, and whether its structure is whole, before any decoder sees it."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from detectors.errors import PictureRefused
from detectors.images.limits import LIMITS, Limits

_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_ARCHIVES = {
    b"PK\x03\x04": "ZIP",
    b"PK\x05\x06": "ZIP",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
}
_OTHERS = {
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"8BPS": "Photoshop (PSD)",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"\0\0\1\0": "Windows icon (ICO)",
    b"\0\0\2\0": "Windows cursor (CUR)",
    b"FUJIFILM": "raw camera",
    b"SIMPLE  =": "FITS",
    b"\x93NUMPY": "NumPy",
    b"\x89HDF": "HDF5",
    b"MATLAB 5.0 MAT-file": "MATLAB",
    b"\x1aE\xdf\xa3": "video",
    b"OggS": "Ogg",
    b"MZ": "program",
    b"\x7fELF": "program",
    b"\x80\x02": "pickle",
    b"\x80\x03": "pickle",
    b"\x80\x04": "pickle",
    b"\x80\x05": "pickle",
    b"SQLite format 3": "SQLite",
}
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_AVIF = (b"avif", b"avis")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT")
_MOST_SEGMENTS = 20_000


def picture_format(data: bytes) -> str | None:
    """Return "PNG", "JPEG", "BMP", "TIFF", "WEBP" or "GIF" by the first bytes, None for anything else."""
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and len(data) >= 18 and struct.unpack_from("<I", data, 14)[0] in _BMP_HEADERS:
        return "BMP"
    return None


def is_archive(data: bytes) -> bool:
    """Whether the file is a ZIP or another archive."""
    return data.startswith(tuple(_ARCHIVES))


def archive_kind(data: bytes) -> str:
    """Return which kind of archive it is: "ZIP", "xz"; "" for none."""
    return next((what for magic, what in _ARCHIVES.items() if data.startswith(magic)), "")


def no_picture(data: bytes) -> PictureRefused:
    """Return the refusal of content that is none of the accepted kinds, naming what it seems to be."""
    if not data:
        return PictureRefused("picture.empty", "The file is empty. Copy it again from where it came from.")
    for magic, what in _ARCHIVES.items():
        if data.startswith(magic):
            return PictureRefused(
                "picture.archive",
                "This is a {what} archive, not a picture. Unpack it and give the pictures, or a ZIP of pictures "
                "that holds no other archive.",
                what=what,
            )
    text = _opening(data)
    known = _named(data) or ("SVG" if text and "<svg" in text else None)
    if known is not None:
        return PictureRefused(
            "picture.other_kind",
            "This is a file of the kind {what}; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Save the picture "
            "as PNG or JPEG.",
            what=known,
        )
    if text is not None and text.startswith("version https://git-lfs"):
        return PictureRefused(
            "picture.pointer",
            "This is only a Git LFS pointer to a picture. Fetch the picture itself with `git lfs pull`.",
        )
    if text is not None:
        return PictureRefused(
            "picture.text",
            "This is a text file, whatever its name says; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Give the "
            "picture itself.",
        )
    return PictureRefused(
        "picture.unknown",
        "The content is no picture that is known here; accepted are PNG, JPEG, BMP, TIFF, WEBP and GIF. Open it where "
        "it was made and save it as PNG.",
    )


def _named(data: bytes) -> str | None:
    """Name the kind by the first bytes."""
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return "HEIC" if brand in _HEIC else "AVIF" if brand in _AVIF else "video"
    if data[:4] == b"RIFF":
        return "sound or video"
    if data[128:132] == b"DICM":
        return "DICOM"
    if re.match(rb"P[1-7F]\s", data):
        return "PNM"
    return next((what for magic, what in _OTHERS.items() if data.startswith(magic)), None)


def _opening(data: bytes) -> str | None:
    """Return the first 4,096 bytes as text in lower case, None where they are no text."""
    start = data[:4096]
    try:
        text = start.decode("utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # not just a character cut in half by the 4,096 bytes
            try:
                text = start.decode("cp949")
            except UnicodeDecodeError:
                return None
        else:
            text = start[: error.start].decode("utf-8", "replace")
    if not text or any(ord(c) < 32 and c not in "\t\n\r\f\x1b" for c in text):
        return None
    return text.lstrip().lower()


def check_structure(data: bytes, kind: str, limits: Limits = LIMITS) -> Scans | None:
    """Raise `PictureRefused` for a PNG or JPEG that is cut short, damaged or a trap; say what a JPEG's scans are."""
    if kind == "PNG":
        _check_png(data, limits)
    elif kind == "WEBP" and struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise truncated("WEBP")
    return _jpeg_scans(data, limits) if kind == "JPEG" else None


def truncated(kind: str) -> PictureRefused:
    """Return the refusal of a file that ends before its picture does."""
    return PictureRefused(
        "picture.truncated",
        "The {kind} file is cut short: it ends before the picture does. Copy or save it again.",
        kind=kind,
    )


def damaged(kind: str) -> PictureRefused:
    """Return the refusal of a file whose content contradicts itself."""
    return PictureRefused(
        "picture.damaged",
        "The {kind} file is damaged, cut short or of a rare kind. Open it in a picture editor and save it "
        "again as PNG.",
        kind=kind,
    )


def _check_png(data: bytes, limits: Limits) -> None:
    """Walk the chunks: the check sums of the picture's own chunks, and enough compressed bytes for its size."""
    position, compressed, needed = 8, 0, 0
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            if name == b"IEND":
                break
            raise truncated("PNG")
        if name in _CRITICAL:
            stored = struct.unpack_from(">I", data, end - 4)[0]
            if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != stored:
                raise damaged("PNG")
        if name == b"IHDR" and length == 13:
            width, height, depth, colour = struct.unpack_from(">IIBB", data, position + 8)
            channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
            if width * height <= limits.megapixels * 1e6 and max(width, height) <= limits.side:  # else told so later
                needed = height * ((width * depth * channels + 7) // 8)
        elif name == b"IDAT":
            compressed += length
        elif name == b"IEND":
            break
        position = end
    if compressed * 1040 < needed:  # deflate never shrinks further than 1,032 to 1
        raise truncated("PNG")


@dataclass(frozen=True)
class Scans:
    """What walking a JPEG's markers found.

    Attributes:
        count: scans up to the end of the first picture.
        progressive: whether each scan refines the whole picture.
        end: where the end marker stands, None when it is missing.
    """

    count: int
    progressive: bool
    end: int | None


def _jpeg_scans(data: bytes, limits: Limits) -> Scans:
    """Follow the markers to the end of the first picture; entropy-coded bytes are skipped, not decoded."""
    position, count, segments, progressive = 2, 0, 0, False
    owed: dict[tuple[int, int], int] = {}  # (component, coefficient) -> the bits still to come
    while (found := _MARKER.search(data, position)) is not None:
        marker, position = data[found.start() + 1], found.end()
        if marker == 0xD9:
            if progressive and (any(owed.values()) or len(owed) % 64):
                raise truncated("JPEG")
            return Scans(count, progressive, found.start())
        if position + 2 > len(data):
            break
        length = struct.unpack_from(">H", data, position)[0]
        segments += 1
        if length < 2 or segments > _MOST_SEGMENTS:
            raise damaged("JPEG")
        if marker in (0xC2, 0xC6, 0xCA, 0xCE):
            progressive = True
        elif marker == 0xDA:
            count += 1
            if count > limits.scans:
                raise PictureRefused(
                    "picture.too_many_scans",
                    "The JPEG file has more than {limit} scans; at most {limit} are accepted. Save it again as an "
                    "ordinary (baseline) JPEG.",
                    limit=limits.scans,
                )
            _settle(owed, data[position + 2 : position + length])
        position += length
    return Scans(count, progressive, None)


def _settle(owed: dict[tuple[int, int], int], header: bytes) -> None:
    """Note which coefficients a scan brought down to which bit; a whole progressive JPEG ends with none owed."""
    if not header or len(header) < 4 + 2 * header[0]:
        return
    first, last, bits = header[-3], header[-2], header[-1] & 15
    for component in header[1 : 1 + 2 * header[0] : 2]:
        for coefficient in range(first, min(last, 63) + 1):
            owed[component, coefficient] = bits
