"""Where work runs: a Dask cluster on this machine, or the one whose address is given.

The process that shows pages never fits anything and never imports torch. It hands work to processes that may die at any
moment, and heals by itself:

- `supervisor` owns the processes. Whatever ends, even while starting, is replaced, and every death is told with what
  the worker was doing and whether memory was the reason.
- `connection` keeps the one client, and says why there is none.
- `work` owns what is to be done. A `Work`, keyed by content so that equal work is done once whoever asks for it, is
  sent as often as it takes, each time under a new key; one whose worker died under it is done again at most twice.
- `run` and `client` say which works make a comparison, and how far they are. Cancelling is cooperative and, where that
  takes too long, the worker is started anew.
- `process`, `journal` and `tasks` are what runs on the other side.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detectors.workers.client import Compute
    from detectors.workers.run import Run, Stage
    from detectors.workers.work import Work

__all__ = ["Compute", "Run", "Stage", "Work"]

# Imported when first used: who starts the processes needs nothing of Dask, nor does a process before it is told to.
_HOME = {"Compute": "client", "Run": "run", "Stage": "run", "Work": "work"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"detectors.workers.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
