"""What the server does first, while it imports its pages: the workers' processes start."""

from __future__ import annotations

import os
from functools import cache

from detectors.workers.supervisor import Supervisor


@cache
def supervisor() -> Supervisor | None:
    """Return the processes of this machine's workers, which begin to start now; None where a scheduler is named."""
    if os.environ.get("ODD_SCHEDULER"):
        return None
    started = Supervisor()
    started.start()
    return started
