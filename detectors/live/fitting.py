"""The process that fits, at low priority: `python -m detectors.live.fitting`. One fit at a time, in the order given."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import IO, Any

import numpy as np
import psutil

from detectors.comparison.comparison import Comparison
from detectors.errors import Refusal
from detectors.images import Preprocessing, decode
from detectors.live import wire

_REPORT_SECONDS = 0.15
_AT_ONCE = min(4, os.cpu_count() or 1)  # fits, each with one thread: many small steps gain nothing from more
_NICENESS = 5  # a third of what a process that answers gets where both want the same core


def main() -> None:
    """Fit what is asked for until the input is closed."""
    source, sink = wire.own_streams()
    with suppress(psutil.Error, OSError):
        own = psutil.Process()
        own.nice(_NICENESS if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)  # type: ignore[attr-defined]
    warm()
    while (message := wire.read(source)) is not None:
        _fit(*message, sink)


def warm() -> None:
    """Import everything and fit once, so that the first visitor need not wait for that."""
    from detectors.errors import WeightsRefused
    from detectors.live.model import answer, fit
    from detectors.live.selection import FEWEST

    noise = np.random.default_rng(0).integers(0, 255, (FEWEST, 224, 224, 3), np.uint8)
    with suppress(WeightsRefused):  # its package is not installed: the fit that needs it says so
        answer(fit(Comparison(), noise, folds=2), Comparison(), noise[0])


def comparison_of(said: dict[str, Any]) -> Comparison:
    """Return a comparison from what `dataclasses.asdict` and JSON made of it."""
    return Comparison(**said | {"preprocessing": Preprocessing(**said["preprocessing"])})


def _fit(asked: wire.Header, body: bytes, sink: IO[bytes]) -> None:
    from detectors.live import model

    about = {name: asked[name] for name in ("visitor", "round")}
    last = 0.0

    def progress(done: float, stage: str = "", **numbers: float) -> None:
        nonlocal last
        if time.monotonic() - last > _REPORT_SECONDS:
            last = time.monotonic()
            wire.write(sink, {"event": "fitting", "done": done, "stage": stage, **about})

    started = time.perf_counter()
    try:
        comparison = comparison_of(asked["comparison"])
        frames = [decode(jpeg, "frame") for jpeg in wire.parted(asked["sizes"], body)]
        squares = comparison.preprocessing.stack(frames)
        said, tensors = model.packed(model.fit(comparison, squares, progress, at_once=_AT_ONCE))
    except Refusal as refusal:
        wire.write(sink, {"event": "refused", "sentence": spoken(refusal), **about})
        return
    seconds = time.perf_counter() - started
    wire.write(sink, {"event": "fitted", "model": said, "seconds": seconds, **about}, tensors)


def spoken(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as JSON-able values."""
    said = refusal.sentence
    plain = {name: each if isinstance(each, int | float | str) else str(each) for name, each in said.values.items()}
    return {"key": said.key, "english": said.english, "values": plain}


if __name__ == "__main__":
    main()
