"""Weights from the hub, through the cache that timm uses too; says within seconds that there is no network."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from detectors.errors import Cancelled, WeightsRefused

if TYPE_CHECKING:
    from detectors.methods.base import Progress

PATIENCE = 2.5  # seconds for the hub to answer; its own clients go on trying for three quarters of a minute
POLL = 0.1  # seconds between two reports of a download's progress
FILE = "model.safetensors"  # what timm calls the weights on the hub

T = TypeVar("T")


def cached(repository: str) -> Path | None:
    """Return the weights' file in the hub's cache on this machine, if it is there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, FILE)
    return Path(found) if isinstance(found, str) else None


def offline() -> bool:
    """Tell whether the environment forbids asking the hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def endpoint() -> str:
    """Return the hub's address."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def hub_reachable() -> bool:
    """Tell within `PATIENCE` whether the hub, or the proxy on the way to it, takes connections."""
    address = urlsplit(endpoint())
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.netloc):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (443 if address.scheme == "https" else 80)

    def connect() -> bool:
        socket.create_connection((address.hostname or "", port), timeout=PATIENCE).close()
        return True

    try:
        return _within(PATIENCE, connect)
    except OSError:
        return False


def fetch(repository: str, backbone: str, progress: Progress) -> Path:
    """Return the weights' file, downloaded into the hub's cache unless it is there.

    Raises:
        WeightsRefused: not here and not to be had, with the reason.
        Cancelled: by the progress callback.
    """
    if path := cached(repository):
        return path
    if offline():
        raise forbidden(backbone)
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

    url = hf_hub_url(repository, FILE, endpoint=endpoint())
    try:
        _within(PATIENCE, lambda: get_hf_file_metadata(url, timeout=PATIENCE))
    except (RepositoryNotFoundError, EntryNotFoundError) as error:
        raise WeightsRefused(
            "hub.no_such_weights",
            "The hub has no file {file} for {backbone} (looked for {repository}). "
            "Choose another backbone, or give its weights as a local .safetensors file.",
            file=FILE,
            backbone=backbone,
            repository=repository,
        ) from error
    except Exception as error:  # whichever HTTP library the hub's client uses, its errors mean the same here
        raise no_network(backbone) from error
    return _downloaded(repository, backbone, progress)


def no_network(backbone: str) -> WeightsRefused:
    """Return what to say when the hub cannot be reached."""
    return WeightsRefused(
        "hub.no_network",
        "The weights of {backbone} are not on this machine and the hub did not answer within {seconds:.0f} seconds. "
        "Use scattering, which needs none, give a local .safetensors file, or try again with a network.",
        backbone=backbone,
        seconds=3,
    )


def forbidden(backbone: str) -> WeightsRefused:
    """Return what to say when the environment forbids asking the hub."""
    return WeightsRefused(
        "hub.offline",
        "The weights of {backbone} are not on this machine and HF_HUB_OFFLINE forbids to fetch them. "
        "Use scattering, which needs none, give a local .safetensors file, or unset HF_HUB_OFFLINE.",
        backbone=backbone,
    )


def _downloaded(repository: str, backbone: str, progress: Progress) -> Path:
    """Download in a thread and report from this one, where raising `Cancelled` is safe; a part is kept."""
    from huggingface_hub import hf_hub_download
    from tqdm import tqdm

    ended = threading.Event()

    class Bar(tqdm):  # type: ignore[type-arg]
        """Counts without showing, and stops the transfer once nobody waits for it."""

        largest: Bar | None = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})
            Bar.largest = self

        def update(self, n: float | None = 1) -> bool | None:
            if ended.is_set():
                raise Cancelled
            return super().update(n)

    def report() -> None:
        if Bar.largest is not None and Bar.largest.total:
            done, total = float(Bar.largest.n), float(Bar.largest.total)
            progress(min(1.0, done / total), "download", bytes=done, total=total)

    def download() -> str:
        try:
            return hf_hub_download(repository, FILE, endpoint=endpoint(), tqdm_class=Bar)
        except Exception as error:
            raise WeightsRefused(
                "hub.download_failed",
                "The download of the weights of {backbone} broke off ({reason}). Try again: it goes on where it ended.",
                backbone=backbone,
                reason=type(error).__name__,
            ) from error

    try:
        return Path(_within(None, download, report))
    finally:
        ended.set()


def _within(seconds: float | None, work: Callable[[], T], meanwhile: Callable[[], None] = lambda: None) -> T:
    """Run work in a thread that may be left behind: looking up a host's name cannot be interrupted.

    Raises:
        TimeoutError: no answer in time; or whatever `work` or `meanwhile` raised.
    """
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, work()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, daemon=True, name="hub")
    thread.start()
    deadline = None if seconds is None else time.monotonic() + seconds
    while thread.is_alive():
        thread.join(POLL)
        meanwhile()
        if deadline is not None and thread.is_alive() and time.monotonic() > deadline:
            raise TimeoutError
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value
