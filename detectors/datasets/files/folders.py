"""Listing a folder on this machine without ever leaving it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from detectors.datasets.files.archives import File, Listing, clean_path, shortened, system_file, too_deep
from detectors.errors import DatasetRefused, PictureRefused, Sentence
from detectors.images.limits import LIMITS, MB, Limits


def list_folder(root: Path, limits: Limits = LIMITS) -> Listing:
    """List the files below `root`, sorted by name. Links are followed only to files inside it, folders never."""
    if not root.is_dir():
        raise DatasetRefused(
            "folder.missing",
            "There is no folder {path!r}. Give a folder of pictures, or a ZIP of one.",
            path=str(root),
        )
    inside = root.resolve()
    files: list[File] = []
    refused: list[tuple[str, Sentence]] = []
    ignored: list[tuple[str, Sentence]] = []

    def closed(error: OSError) -> None:
        inner = Path(error.filename).relative_to(root).as_posix() if error.filename else "."
        refused.append(
            (clean_path(inner), Sentence("folder.closed", "The folder cannot be read. Check its permissions."))
        )

    for folder, folders, names in os.walk(root, onerror=closed, followlinks=False):
        folders.sort()
        for name in [*sorted(names), *(f for f in folders if (Path(folder) / f).is_symlink())]:
            path = Path(folder) / name
            inner = path.relative_to(root).as_posix()
            if (no := too_deep(inner, limits)) is not None:
                refused.append((shortened(inner), no))
                continue
            shown = clean_path(inner)
            if (why := system_file(shown)) is not None:
                ignored.append((shown, why))
            elif (no := _refusal(path, inside)) is not None:
                refused.append((shown, no))
            else:
                files.append(File(shown, reader(path, limits)))
    files.sort(key=lambda file: file.name)
    return Listing(tuple(files), tuple(refused), tuple(ignored))


def stamp(root: Path, most: int) -> str:
    """Return a hash of the names, sizes and times of the files below `root`, which changes when they do.

    Raises:
        DatasetRefused: for what is no folder, cannot be read, or holds more than `most` files.
    """
    if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
        raise DatasetRefused(
            "folder.none", "There is no folder {path!r} on this machine that may be read.", path=str(root)
        )
    digest, count = hashlib.sha256(), 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        for name in sorted(names):
            count += 1
            if count > most:
                raise DatasetRefused(
                    "folder.many",
                    "There are more than {most:,} files below {path!r}. Name the folder of one data set.",
                    most=most,
                    path=str(root),
                )
            path = Path(folder) / name
            try:
                about = path.lstat()
            except OSError:  # it went while the folder was listed
                continue
            said = f"{path.relative_to(root)} {about.st_size} {about.st_mtime_ns}\n"
            digest.update(said.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _refusal(path: Path, inside: Path) -> Sentence | None:
    """Say why a path is not read: a link that leads out or to a folder, or something that is no file."""
    if path.is_symlink():
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(inside):
            return Sentence(
                "folder.link_out", "A link that leads out of the folder is not followed. Copy the picture itself here."
            )
        if not target.is_file():
            return Sentence(
                "folder.link", "A link to a folder, or to nothing, is not followed. Copy the pictures themselves here."
            )
    try:
        mode = path.stat().st_mode
    except OSError:
        return Sentence("folder.unreadable", "The file cannot be read. Check its permissions.")
    if not stat.S_ISREG(mode):
        return Sentence("folder.special", "A device or pipe, not a file: it is not read.")
    return None


def reader(path: Path, limits: Limits) -> Callable[[], bytes]:
    """Return what reads a file of a size that is accepted; it raises `PictureRefused` for another or none."""

    def read() -> bytes:
        try:
            size = path.stat().st_size
            if size > limits.file_mb * MB:
                raise PictureRefused(
                    "picture.too_large",
                    "The file has {mb:.0f} MB; at most {limit:.0f} MB are accepted. Save it smaller.",
                    mb=size / MB,
                    limit=limits.file_mb,
                )
            return path.read_bytes()
        except OSError:
            raise PictureRefused("folder.unreadable", "The file cannot be read. Check its permissions.") from None

    return read
