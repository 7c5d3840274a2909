"""Weights of one's own: files that lie in a folder on this machine and are called by a timm model's name and a label.

"resnet18@boards" names the file `resnet18@boards.safetensors` in the folder that the environment variable
`ODD_WEIGHTS` names, or among those that were uploaded. Importing this does not import torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from detectors.errors import WeightsRefused

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,59}@[A-Za-z0-9_\-]{1,40}")
SUFFIX = ".safetensors"
UPLOADS = "weights"  # in the cache folder
MOST_BYTES = 1 << 30  # of uploaded files: those used longest ago go first


def is_own(name: str) -> bool:
    """Say whether a backbone's name asks for a file of one's own."""
    return "@" in name


def model_of(name: str) -> str:
    """Return what timm calls the network of a backbone: "resnet18" of "resnet18@boards"."""
    return name.partition("@")[0]


def find(name: str) -> Path:
    """Return the file that a name asks for; an uploaded one counts as used now.

    Raises:
        WeightsRefused: there is none.
    """
    if NAME.fullmatch(name):
        named, uploaded = folder(), uploads() / f"{name}{SUFFIX}"
        if named is not None and (named / uploaded.name).is_file():
            return named / uploaded.name
        if uploaded.is_file():
            os.utime(uploaded)
            return uploaded
    raise WeightsRefused(
        "own.no_file",
        "There are no weights called {name} on this machine. Upload them again, or put {file} into the folder that "
        "ODD_WEIGHTS names.",
        name=name[:100],
        file=f"{name[:100]}{SUFFIX}",
    )


def offered() -> tuple[str, ...]:
    """Return the names of the files in the folder that `ODD_WEIGHTS` names, in order; uploads are nobody else's."""
    named = folder()
    if named is None or not named.is_dir():
        return ()
    return tuple(sorted(p.stem for p in named.glob(f"*@*{SUFFIX}") if NAME.fullmatch(p.stem) and p.is_file()))


def keep(model: str, content: bytes) -> str:
    """Put uploaded weights of a timm model where `find` finds them and return their name, which ends in their hash.

    Raises:
        WeightsRefused: the content is not a whole .safetensors file, or the model's name cannot be one.
    """
    from detectors.features.weights import read_header

    name = f"{model}@{hashlib.sha256(content).hexdigest()[:16]}"
    if not NAME.fullmatch(name):
        raise WeightsRefused(
            "own.name", "{name} cannot be the name of a timm model. Write it as timm does: resnet18.", name=model[:60]
        )
    uploads().mkdir(parents=True, exist_ok=True)
    path = uploads() / f"{name}{SUFFIX}"
    with tempfile.TemporaryDirectory(prefix=".", dir=uploads()) as beside:
        arrived = Path(beside) / f"{model}{SUFFIX}"
        arrived.write_bytes(content)
        read_header(arrived)
        arrived.replace(path)
    _make_room(path)
    return name


def uploads() -> Path:
    """Return where uploaded weights are kept: under `ODD_CACHE`, or the system's folder for what can be made again."""
    from platformdirs import user_cache_path

    base = os.environ.get("ODD_CACHE")
    return (Path(base) if base else user_cache_path("odd-one-out", appauthor=False)) / UPLOADS


def folder() -> Path | None:
    """Return the folder that `ODD_WEIGHTS` names."""
    named = os.environ.get("ODD_WEIGHTS")
    return Path(named) if named else None


def _make_room(kept: Path) -> None:
    """Remove the uploads used longest ago until the rest is within `MOST_BYTES`."""
    files = sorted(kept.parent.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > MOST_BYTES and path != kept:
            path.unlink(missing_ok=True)
