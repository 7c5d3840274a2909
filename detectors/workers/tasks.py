"""What runs in the workers: each task a function of values, with its progress reported and cancelling obeyed."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from distributed import get_worker

from detectors.comparison import benchmark
from detectors.comparison import comparison as steps
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, Pictures, Stores
from detectors.datasets import Dataset
from detectors.datasets.files import keeping
from detectors.datasets.files.contents import Resting, Segmented
from detectors.datasets.sources import DemoSource, EditedSource, Source, UploadSource
from detectors.errors import Cancelled, WeightsRefused
from detectors.features.weights import WeightsState, weights_state, weights_states
from detectors.result import Column, MeasuredSet
from detectors.workers import given_back
from detectors.workers.attempt import files_are_shared
from detectors.workers.timeline import moment

TOPIC = "odd-one-out-progress"
_REPORT_SECONDS = 0.15
_KEPT = 0.3  # of the bar of a set, which ends when its pictures are decoded
_DECODED = 0.2  # of a set's bar, where its pictures must be decoded first
_SWITCH_SECONDS = 0.0005  # while torch is imported, which would make the first pictures wait for the interpreter
_OF_CARDS = ("nvidia", "cusparselt")  # packages that a torch for graphics cards loads where there is none, 100 MB
_DOWNLOAD = 0.8  # of a backbone's bar, where its weights must be fetched first
_FIRST_SECONDS = 2.0  # that the first pictures may take before torch is imported all the same
_warming = threading.Event()  # once this process imports ahead, as no worker of somebody's cluster does
_shown = threading.Event()  # once pictures are there, which need no torch, or nobody waits for the first ones


def warm() -> None:
    """Import what the first run will need, in the order in which it does: torch once its pictures are there."""
    _warming.set()
    _shown.wait(_FIRST_SECONDS)
    _shown.set()  # nothing waits a second time
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    import torch

    sys.setswitchinterval(usual)
    moment("worker", "torch is imported")
    from detectors.features.backbone import load_backbone
    from detectors.methods import METHODS, build

    with contextlib.suppress(WeightsRefused):  # its package is not installed: the run that needs it says so
        load_backbone()(torch.zeros(1, 3, 224, 224))
    for method in METHODS:
        build(method)
    if not torch.cuda.is_available():
        given_back.when_at_rest(partial(given_back.forget_files, *_OF_CARDS))
    moment("worker", "is warm")


def hurry() -> None:
    """Let what is imported ahead wait for no pictures: this worker takes another's place."""
    _shown.set()


def reporter() -> Callable[..., None]:
    """Return the present task's progress callback; it raises `Cancelled` once nobody wants the task any more."""
    worker, last = get_worker(), 0.0
    key = worker.get_current_task()

    def report(done: float, stage: str = "", **numbers: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _REPORT_SECONDS:
            return
        last = now
        worker.log_event(TOPIC, {"key": str(key), "done": done, "stage": stage, "numbers": numbers})
        known = worker.state.tasks.get(key)
        if known is None or known.state not in ("executing", "long-running"):
            raise Cancelled

    return report


def weights(backbone: str | None) -> tuple[WeightsState, ...]:
    """Say where the weights of one backbone are, or of all that are listed."""
    return weights_states() if backbone is None else (weights_state(backbone),)


def keep(content: Resting | Segmented) -> None:
    """Bring a file that has arrived to the kept side, or what has come of a ZIP."""
    keeping.keep(content, progress=reporter())


def load(source: Source) -> Dataset:
    """Make or decode the pictures of a source; files are brought to the kept side first, where they are not yet."""
    report = reporter()
    if isinstance(source, UploadSource):
        source.keep(lambda done: report(_KEPT * done))
        return source.load(lambda done: report(_KEPT + (1 - _KEPT) * done))
    return source.load(report) if isinstance(source, DemoSource) else source.load()


def edit(source: EditedSource, base: Dataset) -> Dataset:
    """Apply the edits to pictures that are there."""
    return source.edit(base)


def measured(comparison: Comparison, name: str, source: Source) -> MeasuredSet:
    """Load one of several sets and compare on it."""
    report = reporter()

    def decoding(done: float, stage: str = "") -> None:
        report(_DECODED * done, stage)

    def comparing(done: float, stage: str = "", **numbers: float) -> None:
        report(_DECODED + (1 - _DECODED) * done, stage, **numbers)

    def load() -> Dataset:
        return source.load(decoding) if isinstance(source, UploadSource) else source.load()

    return benchmark.measured(comparison, name, load, comparing)


def recipe(data: Dataset) -> dict[str, Any]:
    """Return how the pictures can be had again."""
    return data.recipe


def prepare(comparison: Comparison, data: Dataset) -> Pictures:
    """Split and resize the pictures."""
    try:
        return comparison.prepare(data)
    finally:
        _shown.set()


def versions(device: str | None) -> dict[str, str]:
    """Return the versions that decide numbers, which imports torch: behind the first pictures."""
    if _warming.is_set():
        _shown.wait(_FIRST_SECONDS)
    return steps.versions(device)


def extract(
    comparison: Comparison,
    backbone: str,
    pictures: Pictures,
    data: Dataset | None = None,
    before: Stores | None = None,
) -> Stores:
    """Load the backbone, which may have to fetch its weights, and send the pictures through it.

    Features of `before`, of the same comparison, are kept where it has seen all the pictures.
    """
    if before is not None and (kept := steps.regrouped(before, pictures)) is not None:
        return kept
    report = reporter()
    downloaded = 0.0

    def fetching(done: float, stage: str = "", **numbers: float) -> None:
        nonlocal downloaded
        downloaded = _DOWNLOAD
        report(_DOWNLOAD * done, stage, **numbers)

    def extracting(done: float, stage: str = "", **numbers: float) -> None:
        report(downloaded + (1 - downloaded) * done, stage, **numbers)

    where = "shared" if files_are_shared() else "auto"
    return steps.extract(pictures, comparison.load(backbone, fetching), extracting, data, where)


def fit(
    comparison: Comparison,
    method: str,
    stores: Stores,
    pictures: Pictures,
    seen: Pictures | None = None,
    before: tuple[Column, Any] | None = None,
) -> tuple[Column, Any]:
    """Fit one method and score the pictures with it.

    What `before` learnt, of the same comparison over the pictures `seen`, is kept where the same are to be learnt.
    """
    if seen is not None and before is not None:
        kept = steps.remeasured(seen, *before, stores, pictures, reporter())
        if kept is not None:
            return kept
    return steps.learn_and_score(comparison.detector(method, stores.backbone), stores, pictures, reporter())


def column(fitted: tuple[Column, Any], pictures: Pictures) -> Column:
    """Measure what a fit found, beside the next fit; the detector stays in the worker."""
    return steps.measured(fitted[0], pictures)


def beside(
    function: Callable[..., Any], fitted: tuple[Column, Any], stores: Stores, pictures: Pictures, *args: Any
) -> Any:
    """Run a function beside a fitted detector."""
    return function(fitted[1], stores, pictures, *args)


def beside_all(
    function: Callable[..., Any], comparison: Comparison, pictures: Pictures, tokens: list[str], count: int, *rest: Any
) -> Any:
    """Run a function beside several: `rest` holds `count` fits, as many stores, and its arguments."""
    return function(_bench(comparison, pictures, tokens, rest[: 2 * count]), *rest[2 * count :])


def on_all(
    function: Callable[..., Any], comparison: Comparison, pictures: Pictures, tokens: list[str], count: int, *rest: Any
) -> Any:
    """Run a function beside several, as `beside_all` does, with a progress callback."""
    return function(_bench(comparison, pictures, tokens, rest[: 2 * count]), reporter(), *rest[2 * count :])


def _bench(comparison: Comparison, pictures: Pictures, tokens: list[str], parts: tuple[Any, ...]) -> Bench:
    columns, stores = parts[: len(tokens)], parts[len(tokens) :]
    fitted = (
        FittedColumn(column, detector, store, token)
        for (column, detector), store, token in zip(columns, stores, tokens, strict=True)
    )
    return Bench(comparison, pictures, tuple(fitted))


def on_features(
    function: Callable[..., Any], comparison: Comparison, stores: Stores, pictures: Pictures, *args: Any
) -> Any:
    """Run a function on features with a progress callback."""
    return function(comparison, stores, pictures, reporter(), *args)
