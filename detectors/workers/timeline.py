"""When things happened, over all processes: lines in the file that ODD_TIMELINE names; nothing where it names none."""

from __future__ import annotations

import os
import time
from pathlib import Path


def moment(who: str, what: str) -> None:
    """Write down that something happened: seconds since 1970, processor's of this process, who, what."""
    path = os.environ.get("ODD_TIMELINE")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:  # lines this short are written whole, whoever else writes
            file.write(f"{time.time():.3f}\t{time.process_time():.2f}\t{who}\t{what}\n")
