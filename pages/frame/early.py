"""What the server does early: the workers' processes start before its pages are imported; imported modules settle."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache

from detectors.workers.supervisor import Supervisor

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
def _settled() -> list[int]:
    """Return how many modules there were when that was done last."""
    return [0]
