"""One attempt at a piece of work, as it travels: bytes that only a worker opens.

A scheduler opens what it is sent. That it finds bytes saves it importing the whole engine, and the first run waiting
for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from detectors.errors import Refusal
from detectors.workers import given_back, journal
from detectors.workers.timeline import moment

_TRIM_SECONDS = 0.3  # that a task takes at least after which memory is given back, in some milliseconds

_present = threading.local()


def files_are_shared() -> bool:
    """Whether those who may need the result of this thread's task can open this process' files."""
    return bool(getattr(_present, "shared", False))


def packed(function: Callable[..., Any], args: Sequence[Any]) -> bytes:
    """Return a function and its arguments as bytes, for `perform`; None stands where a result of other work goes."""
    from distributed.protocol.pickle import dumps

    return bytes(dumps((function, tuple(args)), protocol=5))


def perform(call: bytes, places: tuple[int, ...], shared: bool, *results: Any) -> Any:
    """Do one task and write down when it begins and ends; say what every task may meet: no memory, a full disk.

    Args:
        call: what `packed` returned.
        places: of `results` among the arguments.
        shared: what `files_are_shared` says meanwhile.
        results: of other work.
    """
    import psutil
    from distributed import get_worker
    from distributed.protocol.pickle import loads

    key, start = str(get_worker().get_current_task()), time.monotonic()
    journal.enter(began=key, bytes=psutil.Process().memory_info().rss)
    try:
        moment("worker", f"began {_named(key)}")
        function, packed_args = loads(call)
        args = list(packed_args)
        for place, result in zip(places, results, strict=True):
            args[place] = result
        _present.shared = shared
        return function(*args)
    except Exception as error:
        from detectors.comparison.forecast import no_memory
        from detectors.features.device import ran_out_of_memory
        from detectors.workers.failures import disk_full, full

        if ran_out_of_memory(error):
            raise no_memory() from None
        if full(error) and not isinstance(error, Refusal):
            raise disk_full() from None
        raise
    finally:
        journal.enter(ended=key)
        moment("worker", f"ended {_named(key)}")
        if time.monotonic() - start > _TRIM_SECONDS:
            given_back.trim()


def _named(key: str) -> str:
    """Return the kind of a task and the start of its name."""
    return key.partition("#")[0][:20]
