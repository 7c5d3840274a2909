"""Whether a method's arithmetic is being computed, or traced: written down as a graph that others can run.

A graph has no loops over pictures and cannot ask what its numbers are. Where a method works through pictures or blocks
of a grid one after another to save memory, it takes them all at once while it is traced.
"""

from __future__ import annotations

import torch


def being_traced() -> bool:
    """Return whether the present call is traced by `torch.export`."""
    return torch.compiler.is_exporting()
