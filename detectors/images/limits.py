"""What an uploaded file may ask of this program: one table, each number overridable by an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from detectors.errors import SettingRefused


@dataclass(frozen=True)
class Limits:
    """Limits on what is read; `ODD_` and the name in capitals overrides a number (`ODD_FILE_MB=64`).

    Attributes:
        file_mb: a picture file, in MB of 2**20 bytes.
        megapixels: width times height, in millions, checked before memory is taken.
        side: the longer side in pixels.
        scans: of a progressive JPEG.
        scan_megapixels: scans times megapixels of a progressive JPEG: each scan visits every pixel (about 0.6 ms a
            million on one core for grey, three times that for colour).
        decode_seconds: checked whenever the decoder asks for more bytes. WEBP and compressed TIFF are handed over
            in one piece, so for them `megapixels` is what bounds the time (below 2 s at 50 million).
        kept_side: pictures are shrunk to this many pixels on the longer side as soon as they are decoded.
        memory_mb: decoded pictures of one set that stay in memory; those beyond lie in a file without a name.
        zip_mb: a ZIP that is in one; of one that a browser sends, what is kept of it counts.
        zip_out_mb: all its entries together, unpacked.
        zip_entries: files and folders in a ZIP.
        zip_ratio: how many times larger an entry may become (entries below 1 MB may inflate further).
        path_depth: folders above a file, in a folder, a ZIP or an upload.
        path_length: characters of a file's path.
        weights_mb: a file of weights, a saved detector or a table, which a browser sends in one piece.
        session_weights_mb: of these, in memory, of one session.
        all_weights_mb: of these, in memory, of all sessions together.
        session_mb: uploads of one session, on the server's disk.
        session_pictures: uploads of one session, kept by the app.
        all_sessions_mb: uploads of all sessions together, on the server's disk.
        keep_hours: for which the app keeps a browser's own pictures after its last tab was closed.
        live_visitors: who may teach methods by a camera at the same time.
    """

    file_mb: float = 32
    megapixels: float = 50
    side: int = 16_384
    scans: int = 100
    scan_megapixels: float = 2_000
    decode_seconds: float = 5
    kept_side: int = 1_024
    memory_mb: float = 16
    zip_mb: float = 2_000
    zip_out_mb: float = 4_000
    zip_entries: int = 5_000
    zip_ratio: float = 100
    path_depth: int = 32
    path_length: int = 1_000
    weights_mb: float = 100
    session_weights_mb: float = 150
    all_weights_mb: float = 1_000
    session_mb: float = 2_000
    session_pictures: int = 600
    all_sessions_mb: float = 10_000
    keep_hours: float = 24
    live_visitors: int = 8

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the defaults with the environment's changes; `SettingRefused` for what is no positive number."""
        changes = {}
        for field in fields(cls):
            variable = f"ODD_{field.name.upper()}"
            if variable in environment:
                changes[field.name] = _positive(variable, environment[variable], whole=field.type == "int")
        return cls(**changes)  # type: ignore[arg-type]


def _positive(variable: str, text: str, whole: bool) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        kind = "whole number" if whole else "number"
        raise SettingRefused(
            "limits.not_a_number",
            "The environment variable {variable} is {text!r}; a {kind} above 0 is expected. Correct or remove it.",
            variable=variable,
            text=text,
            kind=kind,
        )
    return number


LIMITS = Limits.from_environment(os.environ)
MB = 2**20
