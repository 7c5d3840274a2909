"""A fitted detector as one `.safetensors` file: tensors beside a header that says in JSON what they mean. No pickle.

The file is written beside its place and moved there when it is whole. It is read as if a stranger had made it: the
version, the exact names, types and shapes, and that every number is finite are checked before anything is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path
from secrets import token_hex
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from detectors.comparison.forms import Mismatch, check
from detectors.errors import ModelRefused, SettingRefused
from detectors.methods import METHODS, build, settings_help
from detectors.methods.base import Detector

VERSION = 1
_MOST_DIMENSIONS = 8
HEADER_LIMIT = 1_000_000  # bytes; all numbers of any size belong into tensors
KEY = "odd_one_out"  # of the header's entry that holds the JSON
BYTES = {"BOOL": 1, "F16": 2, "F32": 4, "F64": 8, "I32": 4, "I64": 8}  # the types that are written and read


@dataclass(frozen=True)
class SavedDetector:
    """What a file holds.

    Attributes:
        method: key of `METHODS`.
        settings: the detector's constructor arguments.
        state: everything it learnt.
        metadata: whatever was saved beside it.
    """

    method: str
    settings: dict[str, Any]
    state: dict[str, Any]
    metadata: dict[str, Any]


def save_detector(detector: Detector, path: Path | str, metadata: dict[str, Any] | None = None) -> None:
    """Write a fitted detector, and values that belong to it, into one file.

    Args:
        detector: fitted.
        path: of the file; an existing one is replaced, at once and only when the new one is whole.
        metadata: None, truth values, numbers, strings, tensors, and lists, tuples and dictionaries of these.

    Raises:
        ModelRefused: when it could not be loaded again: a number is not finite, or the metadata is too long.
    """
    detector.check_fitted()
    _rebuilt(Path(path).name, SavedDetector(detector.name, detector.settings, detector.state, {}))
    save(path, detector.name, detector.settings, detector.state, metadata or {})


def load_detector(path: Path | str) -> tuple[Detector, dict[str, Any]]:
    """Return a new detector, bit-equal to the saved one and on the CPU, and the metadata saved beside it.

    Raises:
        ModelRefused: when the file is not a whole model of this version, or its parts do not fit together.
    """
    saved = load(path)
    return _rebuilt(Path(path).name, saved), saved.metadata


def save(
    path: Path | str, method: str, settings: dict[str, Any], state: dict[str, Any], metadata: dict[str, Any]
) -> None:
    """Write the parts of a model into one file; see `save_detector`."""
    path = Path(path)
    tensors: dict[str, Tensor] = {}
    parts = {"settings": settings, "state": state, "metadata": metadata}
    content = {"version": VERSION, "method": method} | {n: encoded(v, n, tensors) for n, v in parts.items()}
    _refuse_infinite(path.name, content, tensors)
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        save_file(tensors, beside, metadata={KEY: text})
        _read_header(beside, path.name)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path | str) -> SavedDetector:
    """Read the parts of a model, checked one by one but not yet against each other; see `load_detector`."""
    path = Path(path)
    header = _read_header(path, path.name)
    try:
        content = json.loads(header["__metadata__"][KEY])
        version = content["version"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ModelRefused(
            "storage.no_model",
            "{file} is a .safetensors file without a detector in it. Choose a file that this program saved.",
            file=path.name,
        ) from None
    if type(version) is not int or version != VERSION:
        raise ModelRefused(
            "storage.version",
            "{file} has format version {found}; this program reads version {known}. "
            "Save the detector again with this version of the program.",
            file=path.name,
            found=str(version)[:20],
            known=VERSION,
        )
    try:
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        unused = dict(tensors)
        if content.keys() != {"version", "method", "settings", "state", "metadata"}:
            raise ValueError("other parts")
        parts = {name: decoded(content[name], unused) for name in ("settings", "state", "metadata")}
        if unused or content["method"] not in METHODS or not all(isinstance(part, dict) for part in parts.values()):
            raise ValueError("tensors that nothing refers to")
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged(path.name) from None
    _refuse_infinite(path.name, content, tensors)
    return SavedDetector(content["method"], **parts)


def _rebuilt(name: str, saved: SavedDetector) -> Detector:
    """Build the detector and hand it its state, having checked that everything fits together."""
    try:
        expected = settings_help(saved.method).keys()
        if saved.settings.keys() != expected:
            raise Mismatch("the settings", ", ".join(sorted(saved.settings)), ", ".join(sorted(expected)))
        detector = build(saved.method, **saved.settings)
        levels = saved.settings.get("levels")
        check(METHODS[saved.method].learnt, saved.state, len(levels) if isinstance(levels, tuple) else None)
    except Mismatch as mismatch:
        raise ModelRefused(
            "storage.mismatch",
            "The detector in {file} does not fit together: {part} has {found} instead of {expected}. "
            "Fit and save it again.",
            file=name,
            part=mismatch.name,
            found=mismatch.found,
            expected=mismatch.expected,
        ) from None
    except SettingRefused as refused:
        raise ModelRefused(
            "storage.settings",
            "The detector in {file} has a setting that is not accepted: {reason} Fit and save it again.",
            file=name,
            reason=str(refused),
        ) from None
    detector.state = saved.state
    return detector


def _read_header(path: Path, name: str) -> dict[str, Any]:
    """Return the header of a file, having read nothing else; refuse what is not a whole `.safetensors` file."""
    if not path.is_file():
        raise ModelRefused("storage.missing", "There is no file {file}. Choose one that this program saved.", file=name)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(9)
        length = int.from_bytes(start[:8], "little")
        text = file.read(length - 1) if length <= HEADER_LIMIT else b""
    if start[8:] != b"{":
        raise ModelRefused(
            "storage.not_safetensors",
            "{file} is not a .safetensors file; other formats can run code and are never opened. "
            "Choose a file that this program saved.",
            file=name,
        )
    if length > HEADER_LIMIT:
        raise ModelRefused(
            "storage.header_too_long",
            "{file} has a header of {found:,} bytes; at most {limit:,} are accepted. Leave out some of what is saved "
            "beside the detector.",
            file=name,
            found=length,
            limit=HEADER_LIMIT,
        )
    expected = 8 + length
    if expected <= size:
        try:
            header = json.loads(start[8:] + text)
            expected += _bytes_of({key: entry for key, entry in header.items() if key != "__metadata__"})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _damaged(name) from None
    if size != expected:
        raise ModelRefused(
            "storage.truncated",
            "{file} has {found:,} bytes where its header speaks of {expected:,}. Copy it again.",
            file=name,
            found=size,
            expected=expected,
        )
    return header


def _bytes_of(entries: dict[str, Any]) -> int:
    """Add up the tensors' bytes; ValueError unless they are of known types and lie end to end."""
    end = 0
    for entry in sorted(entries.values(), key=lambda entry: entry["data_offsets"]):
        begin, past = entry["data_offsets"]
        if len(entry["shape"]) > _MOST_DIMENSIONS:  # a product of many numbers takes seconds
            raise ValueError(entry)
        if not all(type(n) is int and n >= 0 for n in (begin, past, *entry["shape"])):
            raise ValueError(entry)
        if begin != end or past - begin != prod(entry["shape"]) * BYTES[entry["dtype"]]:
            raise ValueError(entry)
        end = past
    return end


def _damaged(name: str) -> ModelRefused:
    return ModelRefused(
        "storage.damaged", "{file} is damaged: its header does not describe what follows. Copy it again.", file=name
    )


def _refuse_infinite(name: str, content: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    bad = [key for key, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    bad += [part for part in ("settings", "state", "metadata") if not all(map(isfinite, _numbers(content[part])))]
    if bad:
        raise ModelRefused(
            "storage.not_finite",
            "{what} in {file} holds numbers that are infinite or undefined. Fit the detector again.",
            file=name,
            what=bad[0],
        )


def encoded(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Turn a value into JSON, moving its tensors into `tensors` under `name`; each container says what it was."""
    if isinstance(value, Tensor):
        kept = value.detach().cpu().contiguous()
        shared = any(kept.data_ptr() == other.data_ptr() for other in tensors.values())
        tensors[name] = kept.clone() if shared or kept.nbytes != kept.untyped_storage().nbytes() else kept
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": {key: encoded(item, f"{name}.{key}", tensors) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        items = [encoded(item, f"{name}.{i}", tensors) for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    return value


def decoded(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Undo `encoded`, taking each tensor out of `tensors` once; KeyError or ValueError where that cannot be."""
    if isinstance(value, list):
        return [decoded(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors.pop(content)
    if kind == "tuple":
        return tuple(decoded(item, tensors) for item in content)
    if kind == "dict":
        return {key: decoded(item, tensors) for key, item in content.items()}
    raise ValueError(kind)


def _numbers(value: Any) -> Iterator[float]:
    """Yield every float in JSON."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)
