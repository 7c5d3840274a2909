"""What the server does early: the workers' processes start before its pages are imported; imported modules settle."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from functools import cache
from itertools import count

from detectors.workers import given_back
from detectors.workers.supervisor import Supervisor

_COLLECTS_SECONDS = 10.0
_ALL = 60  # rounds until everything is looked through, which takes some tenths of a second
_WORTH_SETTLING = 20  # modules: what they hold is looked through after every run of a script


@cache
def supervisor() -> Supervisor | None:
    """Return the processes of this machine's workers, which begin to start now; None where a scheduler is named."""
    if os.environ.get("ODD_SCHEDULER"):
        return None
    started = Supervisor()
    started.start()
    return started


def settle() -> None:
    """Take what has been imported out of the garbage collector's rounds, which hold up every session.

    Charts, tables and translations are imported by the first page that shows them, so this is done again and again.
    """
    imported = len(sys.modules)
    if imported >= _settled()[0] + _WORTH_SETTLING:
        _settled()[0] = imported
        gc.collect()
        gc.freeze()


@cache
def collect() -> None:
    """Have what nobody holds any more collected every few seconds, by a thread of its own.

    Streamlit does that after every script (`runner.postScriptGC`, which is off): with thirty tabs that is eight times a
    second, each time through all that their sessions hold, while nobody else is served.
    """

    def rounds() -> None:
        for turn in count(1):
            time.sleep(_COLLECTS_SECONDS)
            collect_all() if turn % _ALL == 0 else gc.collect()
            given_back.trim()

    threading.Thread(target=rounds, name="collecting", daemon=True).start()


def collect_all() -> None:
    """Collect what was in use when it was settled and is no more: a session's, among what was imported meanwhile."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@cache
def _settled() -> list[int]:
    """Return how many modules there were when that was done last."""
    return [0]
