"""The workers of somebody's cluster: which of them share a machine, and so may open each other's files."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Group:
    """Workers over which the work on one data set is spread; `shares` says whether they open each other's files."""

    workers: tuple[str, ...]
    shares: bool = False

    def free(self, busy: Counter[str]) -> str | None:
        """Return a worker that has no fit to do; None where all have one."""
        return next((worker for worker in self.workers if not busy[worker]), None)


def machine() -> str | None:
    """Name what the processes have in common that can open each other's files; None where processes never can.

    On Linux that is the running kernel, the view of its processes and the user.
    """
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{kernel} {Path('/proc/self/ns/pid').readlink()} {os.getuid()}"
    except OSError:
        return None


def groups(machines: Mapping[str, str | None]) -> tuple[Group, ...]:
    """Return the workers of each machine that has several, and all others together, which send each other bytes.

    Args:
        machines: per worker's address what `machine` says there.
    """
    counted = Counter(name for name in machines.values() if name is not None)
    several = [name for name, count in counted.items() if count > 1]
    found = [Group(tuple(a for a, where in machines.items() if where == name), shares=True) for name in several]
    alone = tuple(address for address, where in machines.items() if where not in several)
    return (*found, Group(alone)) if alone else tuple(found)


def of(workers: Collection[str], among: Collection[Group], loads: Counter[str]) -> Group:
    """Return the group in which one of the workers still is; where none is, the one with the least to do a worker."""
    return next(
        (group for group in among if any(worker in group.workers for worker in workers)),
        min(among, key=lambda group: sum(loads[worker] for worker in group.workers) / len(group.workers)),
    )
