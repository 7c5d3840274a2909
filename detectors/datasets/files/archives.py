"""Reading a ZIP that nobody vouches for: names are labels, sizes are counted, nothing is written to disk."""

from __future__ import annotations

import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from detectors.datasets.files.contents import Content, Resting, Segmented, head, kept_or, opened, pieces
from detectors.datasets.files.segments import CENTRAL_HEADER, lies_alone
from detectors.datasets.words import is_junk
from detectors.errors import DatasetRefused, PictureRefused, Refusal, Sentence
from detectors.images import label
from detectors.images.formats import archive_kind, is_archive
from detectors.images.limits import LIMITS, MB, Limits

_END = b"PK\x05\x06"
_START = 2**16  # bytes that tell what kind of file it is
_ENCRYPTED, _UTF8 = 0x1, 0x800
_UNICODE_PATH = 0x7075
_PIECE = 2**16
_SHOWN_END = 60  # characters
_FREE_RATIO_BYTES = MB  # what a small entry may inflate to whatever its ratio: an empty BMP mask is one


@dataclass(frozen=True)
class File:
    """A file of a folder, a ZIP or an upload.

    Attributes:
        name: its path inside the data set, parts joined by "/"; a label, never opened as a path.
        read: returns its bytes; raises a `Refusal` where that must not or cannot be done.
        alone: the segment of a ZIP that holds it and nothing else.
    """

    name: str
    read: Callable[[], bytes] = field(repr=False)
    alone: bytes | Resting | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Listing:
    """What a folder or ZIP holds: files to read, files refused by their looks alone, and what was passed over."""

    files: tuple[File, ...]
    refused: tuple[tuple[str, Sentence], ...] = ()
    ignored: tuple[tuple[str, Sentence], ...] = ()


def list_zip(data: Content, limits: Limits = LIMITS) -> Listing:
    """List a ZIP; its entries are unpacked one at a time as they are read. `DatasetRefused` for a bad ZIP."""
    _check_size(data, limits)
    budget = _Budget(limits)
    files: list[File] = []
    refused: list[tuple[str, Sentence]] = []
    ignored: list[tuple[str, Sentence]] = []
    taken: set[str] = set()
    segments = dict(data.segments) if isinstance(data, Segmented) else {}
    with _zip_errors():
        archive = zipfile.ZipFile(opened(data))
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not entry.filename.endswith("\\")]
        _check_entries(entries, len(data), limits)
    for entry in entries:
        called = _name(entry)
        if (no := too_deep(called, limits)) is not None:
            refused.append((shortened(called), no))
            continue
        name = clean_path(called)
        if (why := system_file(name)) is not None:
            ignored.append((name, why))
            continue
        try:
            _check_entry(entry, name in taken, limits)
            _check_there(entry, data)
        except PictureRefused as refusal:
            refused.append((name, refusal.sentence))
            continue
        taken.add(name)
        alone = segments.get(entry.header_offset) if lies_alone(entry) else None
        read = _reader(archive, entry, budget)
        files.append(File(name, read if alone is None else partial(kept_or, alone, read), alone))
    files.sort(key=lambda file: file.name)  # as a folder is listed: the order in a ZIP says nothing
    return Listing(tuple(files), tuple(refused), tuple(ignored))


def clean_path(name: str) -> str:
    """Make a label of a path: forward slashes, no drive, no root, no "." and ".."."""
    parts = label(name.replace("\\", "/")).split("/")
    if len(parts) > 1 and len(parts[0]) == 2 and parts[0][1] == ":":
        parts = parts[1:]
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "nameless"


def too_deep(name: str, limits: Limits = LIMITS) -> Sentence | None:
    """Say why a path of too many folders or characters is not read; None for any other."""
    folders = name.count("/") + name.count("\\")
    if len(name) <= limits.path_length and folders <= limits.path_depth:
        return None
    return Sentence(
        "file.too_deep",
        "Its path has {length:,} characters and {folders:,} folders; at most {most:,} and {deepest} are accepted. Move "
        "it further up.",
        length=len(name),
        folders=folders,
        most=limits.path_length,
        deepest=limits.path_depth,
    )


def shortened(name: str) -> str:
    """Return the two ends of a path that is too long to be shown, as a label."""
    return label(name) if len(name) <= 2 * _SHOWN_END else f"{label(name[:_SHOWN_END])} … {label(name[-_SHOWN_END:])}"


def system_file(name: str) -> Sentence | None:
    """Say why a file that an operating system leaves behind is passed over; None for any other."""
    parts = name.split("/")
    if "__MACOSX" in parts or parts[-1].startswith("._"):
        return Sentence("file.mac_fork", "A macOS resource fork, not a picture: passed over.")
    if is_junk(name):
        return Sentence("file.hidden", "A hidden or system file, not a picture: passed over.")
    return None


class _Budget:
    """The bytes that all entries together may still inflate to, and the time that one may take."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.zip_out_mb * MB
        self.limits = limits

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise PictureRefused(
                "zip.inflates",
                "The ZIP unpacks to more than {limit:.0f} MB; this file and those after it were not read. Give fewer "
                "or smaller pictures.",
                limit=self.limits.zip_out_mb,
            )


@contextmanager
def _zip_errors() -> Iterator[None]:
    try:
        yield
    except Refusal:
        raise
    except Exception:  # zipfile raises struct, unicode, value and its own errors on damaged directories
        raise DatasetRefused(
            "zip.damaged", "The ZIP is damaged or cut short and cannot be listed. Make it again and upload it anew."
        ) from None


def _check_size(data: Content, limits: Limits) -> None:
    if not len(data):
        raise DatasetRefused("zip.empty_file", "The ZIP is an empty file. Copy it again from where it came from.")
    if len(data) > limits.zip_mb * MB and not isinstance(data, Segmented):  # it is never in one
        raise DatasetRefused(
            "zip.too_large",
            "The ZIP has {mb:.0f} MB; at most {limit:.0f} MB are accepted. Split it, or save the pictures smaller.",
            mb=len(data) / MB,
            limit=limits.zip_mb,
        )
    start = b"PK" if isinstance(data, Segmented) else head(data, _START)
    if not start.startswith(b"PK") and is_archive(start):
        raise DatasetRefused(
            "zip.other_archive",
            "This is an archive of another kind ({what}); only ZIP is opened. Unpack it, and give the folder or a ZIP "
            "of it.",
            what=archive_kind(start),
        )
    ended, found = _searched(data.directory if isinstance(data, Segmented) else data)
    if not ended:
        raise DatasetRefused(
            "zip.no_zip", "This is no ZIP, or one that is cut short: its end is missing. Make it again as ZIP."
        )
    if found > limits.zip_entries:
        raise DatasetRefused(
            "zip.too_many",
            "The ZIP has {found:,} entries; at most {limit:,} are accepted. Split it.",
            found=found,
            limit=limits.zip_entries,
        )


def _searched(data: Content) -> tuple[bool, int]:
    """Return whether the mark of a ZIP's end occurs in it, and how often that of an entry does."""
    ended, found, before = False, 0, b""
    for piece in pieces(data):
        text = before + piece
        ended = ended or _END in text
        found += text.count(CENTRAL_HEADER)
        before = text[-3:]  # shorter than a mark, so none is counted twice
    return ended, found


def _check_entries(entries: list[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    if not entries:
        raise DatasetRefused("zip.empty", "The ZIP holds no file. Put the pictures into it.")
    if all(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise DatasetRefused("zip.encrypted", "The ZIP is encrypted. Make it again without a password.")
    total = sum(entry.file_size for entry in entries)
    if total > limits.zip_out_mb * MB:
        raise DatasetRefused(
            "zip.too_large_inside",
            "The ZIP unpacks to {mb:,.0f} MB; at most {limit:.0f} MB are accepted. Split it, or save the pictures "
            "smaller.",
            mb=total / MB,
            limit=limits.zip_out_mb,
        )
    if sum(entry.compress_size for entry in entries) > size:
        raise DatasetRefused(
            "zip.overlap", "The entries of the ZIP overlap, as in a trap. Make it again with an ordinary program."
        )


def _check_entry(entry: zipfile.ZipInfo, taken: bool, limits: Limits) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise PictureRefused("zip.link", "A link inside the ZIP is never followed. Put the picture itself into it.")
    if kind not in (0, stat.S_IFREG):
        raise PictureRefused("zip.special", "A device or pipe, not a file. Leave it out of the ZIP.")
    if taken:
        raise PictureRefused(
            "zip.same_name", "The ZIP holds two files of this name; only the first is used. Give each its own name."
        )
    if entry.flag_bits & _ENCRYPTED:
        raise PictureRefused("zip.entry_encrypted", "The file is encrypted. Make the ZIP again without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PictureRefused(
            "zip.method", "The file is packed by a rare method. Make the ZIP again with the ordinary one (deflate)."
        )
    if entry.file_size > limits.file_mb * MB:
        raise PictureRefused(
            "picture.too_large",
            "The file has {mb:.0f} MB; at most {limit:.0f} MB are accepted. Save it smaller.",
            mb=entry.file_size / MB,
            limit=limits.file_mb,
        )
    if entry.file_size > max(entry.compress_size, 1) * limits.zip_ratio and entry.file_size > _FREE_RATIO_BYTES:
        raise PictureRefused(
            "zip.ratio",
            "The file inflates {ratio:,.0f}-fold; at most {limit:.0f}-fold is accepted. Save the picture as PNG.",
            ratio=entry.file_size / max(entry.compress_size, 1),
            limit=limits.zip_ratio,
        )


def _check_there(entry: zipfile.ZipInfo, data: Content) -> None:
    if isinstance(data, Segmented) and entry.header_offset >= data.there:
        raise PictureRefused(
            "zip.not_sent", "The upload was cut off before this file of the ZIP had come. Choose the ZIP once more."
        )


def _reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> Callable[[], bytes]:
    """Return a function that unpacks the entry piece by piece, counting what really comes out."""

    def read() -> bytes:
        deadline = time.monotonic() + budget.limits.decode_seconds
        pieces = []
        try:
            with archive.open(entry) as file:
                while piece := file.read(_PIECE):
                    budget.spend(len(piece))
                    pieces.append(piece)
                    if time.monotonic() > deadline:
                        raise PictureRefused(
                            "zip.too_slow",
                            "Unpacking the file took more than {seconds:g} seconds. Make the ZIP again.",
                            seconds=budget.limits.decode_seconds,
                        )
        except Refusal:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error):
            raise PictureRefused(
                "zip.entry_damaged", "The file is damaged inside the ZIP. Make the ZIP again."
            ) from None
        return b"".join(pieces)

    return read


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the name as it was meant: UTF-8 by flag or by extra field, else guessed from the bytes."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH and length > 5:
            return extra[9 : 4 + length].decode("utf-8", "replace")
        extra = extra[4 + length :]
    return _guessed(entry.filename.encode("cp437", "replace"))


def _guessed(raw: bytes) -> str:
    """Decode a name of unknown encoding: UTF-8, then Korean where the syllables are common ones, else cp437."""
    for encoding in ("utf-8", "euc-kr"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            pass
    try:
        korean = raw.decode("cp949")
    except UnicodeDecodeError:
        return raw.decode("cp437")
    wide = [c for c in korean if ord(c) > 127]
    common = sum(_in_euc_kr(c) for c in wide)
    return korean if common * 2 >= len(wide) else raw.decode("cp437")


def _in_euc_kr(character: str) -> bool:
    """Whether it is one of the 2,350 common syllables, which take two bytes; the others are spelt out in eight."""
    try:
        return len(character.encode("euc-kr")) == 2
    except UnicodeEncodeError:
        return False
